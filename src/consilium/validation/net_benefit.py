"""Net benefit: whether acting on the model does more good than acting on everybody or on nobody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from consilium.core import Estimate, NetBenefitPoint
from consilium.core.errors import InputError
from consilium.validation.interval import TAIL, TIMES
from consilium.validation.predictions import outcomes, probabilities
from consilium.validation.repeated import repeated

THRESHOLDS: tuple[float, ...] = tuple(percent / 100 for percent in range(1, 100))
"""Every whole percent: which threshold is right is a question of values, not of statistics, so that all are shown."""


def net_benefit(
    y: ArrayLike,
    p: ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    seed: int = 0,
    times: int = TIMES,
    subjects: ArrayLike | None = None,
) -> tuple[NetBenefitPoint, ...]:
    """Decision curve (Vickers and Elkin 2006, doi:10.1177/0272989X06295361): net benefit per patient at each threshold.

    Acting on patients with `p >= t` gives `TP/n - FP/n * t/(1 - t)`; acting on nobody gives 0. The 95 % intervals are percentiles of
    a bootstrap over patients. A curve only asks between which thresholds a patient lies and whether he has the event, and
    how often each such cell is drawn is multinomial: so the cells are drawn, not the patients, and `n` costs nothing.

    Parameters
    ----------
    y : array-like of shape (n,)
        0 or 1.
    p : array-like of shape (n,)
        Probabilities.
    thresholds : sequence of float
        In [0, 1), rising.
    seed, times : int
        Of the bootstrap.
    subjects : sequence of n patients, optional
        Patient of each row, where one may have several: then whole patients are drawn.

    Raises
    ------
    InputError
        When the predictions cannot be measured, or the thresholds do not rise within [0, 1).

    Examples
    --------
    >>> [point.model.value for point in net_benefit([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], [0.0, 0.5])]
    [0.5, 0.0]
    """
    event = outcomes(y)
    p = probabilities(p, event.size)
    t = np.asarray(thresholds, dtype=np.float64)
    if t.ndim != 1 or not t.size or t[0] < 0 or t[-1] >= 1 or np.any(np.diff(t) <= 0):
        raise InputError("Thresholds must rise within 0 (included) and 1 (excluded)", found=list(thresholds))
    price = t / (1 - t)

    cell = np.searchsorted(t, p, side="right")
    cells = np.stack([np.bincount(cell[~event], minlength=t.size + 1), np.bincount(cell[event], minlength=t.size + 1)])
    whose = repeated(subjects, event.size)
    if whose is None:
        drawn = np.random.default_rng(seed).multinomial(event.size, cells.ravel() / event.size, size=times)
    else:
        place = event * (t.size + 1) + cell
        drawn = np.array([np.bincount(place, w[whose.owner], 2 * (t.size + 1)) for w in whose.draws(seed=seed, times=times)])

    counts = np.concatenate([cells[None], drawn.reshape(-1, 2, t.size + 1)])
    false, true = np.moveaxis(_at_least(counts) / counts.sum(axis=(1, 2))[:, None, None], 1, 0)
    benefit = true - false * price
    share = float(event.mean())
    everybody = share - (1 - share) * price
    if times < 1:
        return tuple(NetBenefitPoint(float(t[i]), Estimate(float(benefit[0, i])), float(everybody[i])) for i in range(t.size))
    low, high = np.quantile(benefit[1:], [TAIL, 1 - TAIL], axis=0)
    return tuple(
        NetBenefitPoint(float(t[i]), Estimate(float(benefit[0, i]), float(low[i]), float(high[i])), float(everybody[i]))
        for i in range(t.size)
    )


def _at_least(cells: np.ndarray) -> np.ndarray:
    """Patients at or above each threshold, from patients between thresholds."""
    return cells[..., ::-1].cumsum(axis=-1)[..., ::-1][..., 1:]
