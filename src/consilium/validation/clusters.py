"""Clusters: whether the model holds at each hospital and in each period, and what a new one may expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core import Estimate
from consilium.validation.calibration import calibration_slope, observed_over_expected
from consilium.validation.discrimination import auroc
from consilium.validation.interval import Z
from consilium.validation.predictions import outcomes, probabilities
from consilium.validation.subgroups import LEAST_EACH, split

_LEAST_FOR_A_RANGE = 3


@dataclass(frozen=True, slots=True)
class Cluster:
    """One hospital or period; measures are None where it has fewer than 10 patients with or without the condition."""

    name: str
    n: int
    events: int
    auroc: Estimate | None
    observed_over_expected: Estimate | None
    slope: Estimate | None


@dataclass(frozen=True, slots=True)
class Clusters:
    """All of them.

    Parameters
    ----------
    kind : str
        `site` or `period`.
    each : tuple of Cluster
    pooled : Estimate or None
        AUROC over those measured, by random effects on the logit scale (DerSimonian and Laird 1986).
    expected : Estimate or None
        The same with a 95 % prediction interval: where the AUROC of a new one is expected to lie; needs three.
    i_squared : float or None
        Share of the variation that is not chance.
    """

    kind: str
    each: tuple[Cluster, ...]
    pooled: Estimate | None = None
    expected: Estimate | None = None
    i_squared: float | None = None


def clusters(kind: str, y: ArrayLike, p: ArrayLike, labels: Sequence[Any], *, subjects: ArrayLike | None = None) -> Clusters:
    """Measure each cluster, and how much they differ beyond chance.

    Parameters
    ----------
    kind : str
        What they are.
    y, p : array-like of shape (n,)
        Outcomes (0 or 1) and probabilities.
    labels : sequence of n labels
        The cluster of each row.
    subjects : sequence of n patients, optional
        Patient of each row, where one may have several: then patients, not rows, are what chance draws.

    Raises
    ------
    InputError
        When the predictions cannot be measured, or there is not one label per row.

    Sources: DerSimonian and Laird 1986 (doi:10.1016/0197-2456(86)90046-2); prediction interval Higgins et al. 2009
    (doi:10.1111/j.1467-985X.2008.00552.x); on prediction models Debray et al. 2017 (doi:10.1136/bmj.i6460).

    Examples
    --------
    >>> found = clusters("site", [0, 1] * 40, [0.2, 0.8, 0.6, 0.4] * 20, ["a"] * 40 + ["b"] * 40)
    >>> [(c.name, c.n, c.auroc.value) for c in found.each], found.i_squared
    ([('a', 40, 0.75), ('b', 40, 0.75)], 0.0)
    """
    event = outcomes(y)
    p = probabilities(p, event.size)
    whose = np.arange(event.size) if subjects is None else np.asarray(subjects)
    each = tuple(_one(label, event[rows], p[rows], whose[rows]) for label, rows in split(kind, labels, event.size))
    areas = [c.auroc for c in each if c.auroc is not None and 0 < c.auroc.value < 1 and c.auroc.low and c.auroc.high and c.auroc.high < 1]
    if len(areas) < 2:
        return Clusters(kind, each)
    theta = _logit(np.array([a.value for a in areas]))
    error = (_logit(np.array([a.high for a in areas])) - _logit(np.array([a.low for a in areas]))) / (2 * Z)
    w = error**-2.0
    q = float((w * (theta - (w * theta).sum() / w.sum()) ** 2).sum())
    df = len(areas) - 1
    between = max(0.0, (q - df) / float(w.sum() - (w**2).sum() / w.sum()))
    w = 1 / (error**2 + between)
    centre, se = float((w * theta).sum() / w.sum()), float(w.sum() ** -0.5)
    pooled = Estimate(*(float(v) for v in _expit(np.array([centre, centre - Z * se, centre + Z * se]))))
    expected = None
    if len(areas) >= _LEAST_FOR_A_RANGE:
        from scipy.stats import t

        half = float(t.ppf(0.975, len(areas) - 2)) * float(np.sqrt(between + se**2))
        expected = Estimate(*(float(v) for v in _expit(np.array([centre, centre - half, centre + half]))))
    return Clusters(kind, each, pooled, expected, max(0.0, 1 - df / q) if q > 0 else 0.0)


def periods(moments: Sequence[datetime], most: int = 12) -> list[str] | None:
    """The period of each moment: its year, or its month where all lie within two years; None where there is only one period.

    More than `most` periods are joined, in order, into that many of about equal size.

    Examples
    --------
    >>> periods([datetime(2020, 5, 1), datetime(2021, 5, 1), datetime(2023, 5, 1)])
    ['2020', '2021', '2023']
    >>> periods([datetime(2020, 5, 1)] * 3) is None
    True
    """
    at = np.array(moments, dtype="datetime64[us]")
    if not at.size:
        return None
    unit = "Y" if (at.max() - at.min()) > np.timedelta64(731, "D") else "M"
    named = at.astype(f"datetime64[{unit}]")
    there, of = np.unique(named, return_inverse=True)
    if there.size < 2:
        return None
    if there.size <= most:
        return [str(v) for v in named]
    upto = np.cumsum(np.bincount(of)) - np.bincount(of) / 2
    block = np.minimum((upto * most // at.size).astype(np.int64), most - 1)
    words = {b: f"{there[block == b][0]} to {there[block == b][-1]}" for b in np.unique(block)}
    return [words[block[k]] for k in of]


def _one(label: str, event: NDArray[np.bool_], p: NDArray[np.float64], whose: NDArray[np.int64]) -> Cluster:
    n, events = int(event.size), int(event.sum())
    ratio = observed_over_expected(event, p, subjects=whose)
    if min(events, n - events) < LEAST_EACH:
        return Cluster(label, n, events, None, ratio if n >= LEAST_EACH else None, None)
    return Cluster(label, n, events, auroc(event, p, subjects=whose), ratio, calibration_slope(event, p, subjects=whose))


def _logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(p) - np.log1p(-p)


def _expit(z: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = 1 / (1 + np.exp(-z))
    return out
