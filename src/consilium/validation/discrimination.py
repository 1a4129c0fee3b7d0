"""Discrimination: whether patients with the condition get higher predictions than patients without it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core import Estimate
from consilium.validation.interval import TAIL, TIMES, Z, percentile
from consilium.validation.predictions import outcomes, scores
from consilium.validation.repeated import Repeated, repeated


def auroc(y: ArrayLike, score: ArrayLike, *, subjects: ArrayLike | None = None) -> Estimate:
    """Area under the receiver operating characteristic, ties counted half, with its 95 % interval.

    The variance is that of DeLong et al. 1988 (doi:10.2307/2531595), in O(n log n) as in Sun and Xu 2014
    (doi:10.1109/LSP.2014.2337313); the interval is made on the logit scale, so that it stays inside (0, 1).

    That variance vanishes where it must not be believed: at perfect separation, at constant scores, at a single event. There
    `min(events, non-events)` disjoint pairs are independent trials, and the interval rests on them alone: at an area of 1 or 0
    the exact binomial bound (Clopper and Pearson 1934), elsewhere Hoeffding's inequality (1963). Both are wider than needed.

    Parameters
    ----------
    y : array-like of shape (n,)
        0 or 1.
    score : array-like of shape (n,)
        Probabilities, log-odds, or anything else that orders the patients.
    subjects : sequence of n patients, optional
        Patient of each row, where one may have several: the variance is then that between patients (Obuchowski 1997,
        doi:10.2307/2533958).

    Raises
    ------
    InputError
        When either cannot be measured.

    Examples
    --------
    >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value
    0.75
    >>> auroc([0] * 10 + [1] * 10, range(20)).low.__round__(3)
    0.692
    """
    event = outcomes(y)
    score = scores(score, event.size)
    with_, without = placements(event, score)
    value, whose = float(with_.mean()), repeated(subjects, event.size)
    pairs = _pairs(event, whose)
    if value in (0.0, 1.0):
        bound = TAIL ** (1 / pairs)
        return Estimate(value, bound, 1.0) if value == 1.0 else Estimate(value, 0.0, 1 - bound)
    variance = _variance(event, with_, without, whose) if pairs > 1 else 0.0
    if variance < np.finfo(np.float64).eps:
        half = math.sqrt(math.log(1 / TAIL) / (2 * pairs))
        return Estimate(value, max(0.0, value - half), min(1.0, value + half))
    centre = math.log(value / (1 - value))
    half = Z * math.sqrt(variance) / (value * (1 - value))
    return Estimate(value, _expit(centre - half), _expit(centre + half))


def auroc_difference(y: ArrayLike, score: ArrayLike, other: ArrayLike, *, subjects: ArrayLike | None = None) -> Estimate:
    """AUROC of one score less that of another on the same patients, with its 95 % interval (paired; DeLong et al. 1988).

    `subjects` as for `auroc`.

    Examples
    --------
    >>> auroc_difference([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0.1, 0.4, 0.35, 0.8]).value
    0.0
    """
    event = outcomes(y)
    with_, without = (
        a - b for a, b in zip(placements(event, scores(score, event.size)), placements(event, scores(other, event.size)), strict=True)
    )
    value, whose = float(with_.mean()), repeated(subjects, event.size)
    if _pairs(event, whose) < 2:
        return Estimate(value)
    half = Z * math.sqrt(_variance(event, with_, without, whose))
    return Estimate(value, value - half, value + half)


def placements(event: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """DeLong's structural components: for each patient, the share of the others he is placed rightly against.

    Returns one array for the patients with the event and one for those without, in their order; both have the AUROC as their mean.
    """
    high, low = score[event], score[~event]
    highs, lows = np.sort(high), np.sort(low)
    below = np.searchsorted(lows, high, side="left") + np.searchsorted(lows, high, side="right")
    above = 2 * high.size - np.searchsorted(highs, low, side="left") - np.searchsorted(highs, low, side="right")
    return below / (2 * low.size), above / (2 * high.size)


def auprc(y: ArrayLike, score: ArrayLike, *, seed: int = 0, times: int = TIMES, subjects: ArrayLike | None = None) -> Estimate:
    """Average precision (area under the precision-recall curve, without interpolation), with its 95 % interval.

    The interval is the percentile interval of a bootstrap that draws patients with and without the event apart, so that every
    draw has the same number of each. At perfect separation every draw gives 1, which says nothing; then there is no interval.
    Without discrimination the average precision is the share of events, not 0.5.

    Parameters
    ----------
    y, score : array-like of shape (n,)
        As for `auroc`.
    seed, times : int
        Of the bootstrap.
    subjects : sequence of n patients, optional
        Patient of each row, where one may have several: the bootstrap then draws patients, and a draw without an event is left out.

    Examples
    --------
    >>> auprc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value.__round__(3)
    0.833
    """
    event = outcomes(y)
    score = scores(score, event.size)
    # Precision is read only where there is an event: the scores of events, from high to low, are the steps of the curve,
    # and an event-free patient falls to the first step that he is not below.
    steps, hit = np.unique(-score[event], return_inverse=True)
    miss = np.searchsorted(steps, -score[~event], side="left")
    value = _average_precision(hit, miss, steps.size)
    whose = repeated(subjects, event.size)
    random = np.random.default_rng(seed)
    drawn = (
        [
            _average_precision(hit, miss, steps.size, weight[whose.owner[event]], weight[whose.owner[~event]])
            for weight in whose.draws(seed=seed, times=times)
        ]
        if whose
        else [
            _average_precision(hit[random.integers(hit.size, size=hit.size)], miss[random.integers(miss.size, size=miss.size)], steps.size)
            for _ in range(times)
        ]
    )
    if np.nanmin(drawn, initial=1.0) == 1.0:
        return Estimate(value)
    return percentile(value, drawn)


def _average_precision(
    hit: NDArray[np.int64],
    miss: NDArray[np.int64],
    steps: int,
    with_: NDArray[np.float64] | None = None,
    without: NDArray[np.float64] | None = None,
) -> float:
    gained = np.bincount(hit, with_, steps)
    right = np.cumsum(gained)
    wrong = np.cumsum(np.bincount(miss, without, steps + 1)[:steps])
    taken = gained > 0
    return float(np.sum(gained[taken] * (right[taken] / (right[taken] + wrong[taken]))) / right[-1]) if right[-1] else math.nan


def _pairs(event: NDArray[np.bool_], whose: Repeated | None) -> int:
    """Disjoint pairs of an event and a non-event, of patients of whom no two are the same where some have several rows."""
    if whose is None:
        return int(min(event.sum(), (~event).sum()))
    return min(len(np.unique(whose.owner[event])), len(np.unique(whose.owner[~event])))


def _variance(event: NDArray[np.bool_], with_: NDArray[np.float64], without: NDArray[np.float64], whose: Repeated | None) -> float:
    """Variance of the mean of structural components: DeLong's, or that between patients."""
    if whose is None:
        return float(with_.var(ddof=1) / with_.size + without.var(ddof=1) / without.size)
    influence = np.empty((event.size, 1))
    influence[event, 0] = (with_ - with_.mean()) / with_.size
    influence[~event, 0] = (without - without.mean()) / without.size
    return float(whose.scatter(influence)[0, 0])


def _expit(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
