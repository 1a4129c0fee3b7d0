"""Incidence: how many had an event by a time, where follow-up ends and other events come first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from consilium.core import Estimate
from consilium.validation.interval import Z, wilson

if TYPE_CHECKING:
    from consilium.validation.survival import Followed


def kaplan_meier(of: Followed, until: float) -> float:
    """Probability of having had no event of any kind by a time (Kaplan and Meier 1958).

    Examples
    --------
    >>> from consilium.validation.survival import followed
    >>> kaplan_meier(followed([1, 2, 3, 4], [1, 0, 1, 0]), 3)
    0.375
    """
    at, place = np.unique(of.time, return_inverse=True)
    ended = np.bincount(place, of.event > 0)
    risk = np.bincount(place)[::-1].cumsum()[::-1]
    return float(np.prod((1 - ended / risk)[at <= until]))


def incidence(of: Followed, until: float) -> Estimate:
    """Cumulative incidence of the event by a time (Aalen and Johansen 1978), with its 95 % interval.

    Where nothing competes it is one minus Kaplan-Meier, and its variance Greenwood's; the interval is made on the scale
    `log(-log F)`, so that it stays in (0, 1). Where nobody or everybody had the event, it is Wilson's for those at risk at the end.

    Source of the variance: Marubini and Valsecchi 1995, Analysing Survival Data from Clinical Trials, 10.3.

    Examples
    --------
    >>> from consilium.validation.survival import followed
    >>> incidence(followed([1, 2, 3, 4], [1, 0, 1, 0]), 3).value, incidence(followed([1, 2, 3, 4], [1, 2, 1, 0]), 3).value
    (0.625, 0.5)
    """
    at, place = np.unique(of.time, return_inverse=True)
    early = at <= until
    own, every = np.bincount(place, of.event == 1)[early], np.bincount(place, of.event > 0)[early]
    risk = np.bincount(place)[::-1].cumsum()[::-1][early].astype(np.float64)
    after = np.cumprod(1 - every / risk)
    before = np.concatenate([[1.0], after[:-1]])
    course = np.cumsum(before * own / risk)
    value = float(course[-1]) if len(course) else 0.0
    left = int((of.time >= until).sum())
    if not 0 < value < 1:
        bound = wilson(round(value * max(1, left)), max(1, left))
        return Estimate(value, bound.low, bound.high)
    gap = value - course
    last = risk - every
    variance = (gap**2 * np.divide(every, risk * last, out=np.zeros_like(risk), where=last > 0)).sum()
    variance += (before**2 * (risk - own) / risk**3 * own).sum() - 2 * (gap * before * own / risk**2).sum()
    error = math.sqrt(max(0.0, float(variance))) / (value * abs(math.log(value)))
    return Estimate(value, value ** math.exp(Z * error), value ** math.exp(-Z * error))
