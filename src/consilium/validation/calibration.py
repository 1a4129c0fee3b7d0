"""Calibration: whether the predicted risks are the shares of patients who really have the condition."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core import CalibrationPoint, Estimate
from consilium.validation.interval import TIMES, drawn_means, percentile, wald, wilson_of
from consilium.validation.logistic import logistic
from consilium.validation.predictions import CLIP, log_odds, outcomes, probabilities
from consilium.validation.repeated import repeated

GROUPS = 10


def calibration_slope(y: ArrayLike, p: ArrayLike, *, subjects: ArrayLike | None = None) -> Estimate:
    """Slope of the outcome on the log-odds of the prediction, with its 95 % Wald interval; 1 is right.

    `b` of `logit P(y) = a + b logit(p)` (Cox 1958; Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7). Below 1 the predictions
    are too extreme, above 1 too modest. Predictions of 0 and 1 are held in [1e-6, 1 - 1e-6]. Where the predictions separate the
    outcomes without error the likelihood has no maximum, and the slope is Firth's; where all predictions are the same there is
    nothing to regress on, and the slope is 0 without an interval.

    Parameters
    ----------
    y : array-like of shape (n,)
        0 or 1.
    p : array-like of shape (n,)
        Probabilities.
    subjects : sequence of n patients, optional
        Patient of each row, where one may have several: then patients, not rows, are what chance draws.

    Raises
    ------
    InputError
        When either cannot be measured.
    """
    event, p = _checked(y, p)
    x = log_odds(p)
    spread = float(x.std())
    if spread < CLIP:
        return Estimate(0.0)
    separated = x[event].min() >= x[~event].max() or x[event].max() <= x[~event].min()
    columns = np.column_stack([np.ones(x.size), (x - x.mean()) / spread])
    b, covariance = logistic(columns, event.astype(np.float64), penalised=bool(separated), whose=repeated(subjects, x.size))
    return wald(float(b[1]) / spread, math.sqrt(covariance[1, 1]) / spread)


def calibration_intercept(y: ArrayLike, p: ArrayLike, *, subjects: ArrayLike | None = None) -> Estimate:
    """Calibration in the large, in log-odds, with its 95 % Wald interval; 0 is right.

    `a` of `logit P(y) = a + logit(p)`: above 0 the predictions are too low on the whole, below 0 too high. Parameters, clip and
    errors as for `calibration_slope`.
    """
    event, p = _checked(y, p)
    a, covariance = logistic(np.ones((p.size, 1)), event.astype(np.float64), offset=log_odds(p), whose=repeated(subjects, p.size))
    return wald(float(a[0]), math.sqrt(covariance[0, 0]))


def observed_over_expected(y: ArrayLike, p: ArrayLike, *, subjects: ArrayLike | None = None) -> Estimate:
    """Number of events over the sum of predictions, with the Wilson interval of the observed share; 1 is right.

    The predictions are taken as they are; only the outcomes are uncertain. Unlike the other measures it can do without events.
    `subjects` as for `calibration_slope`; the interval is then that of as many independent rows as would know as much.

    Examples
    --------
    >>> observed_over_expected([0, 1, 0, 0], [0.25, 0.5, 0.125, 0.125]).value
    1.0
    """
    event = outcomes(y, both=False)
    expected = float(np.clip(probabilities(p, event.size), CLIP, 1.0).mean())
    share = wilson_of(event, repeated(subjects, event.size))
    return Estimate(share.value / expected, (share.low or 0.0) / expected, (share.high or 0.0) / expected)


def calibration_curve(
    y: ArrayLike, p: ArrayLike, *, groups: int = GROUPS, subjects: ArrayLike | None = None
) -> tuple[CalibrationPoint, ...]:
    """Mean prediction against the observed share, in up to `groups` groups of about equal size, from low to high.

    Patients with the same prediction stay together, so that there are fewer groups where many predictions are equal.

    Examples
    --------
    >>> [(c.predicted, c.observed.value, c.n) for c in calibration_curve([0, 1, 1, 1], [0.25, 0.25, 0.5, 0.75], groups=2)]
    [(0.25, 0.5, 2), (0.625, 1.0, 2)]
    """
    event, p = _checked(y, p)
    cuts = np.unique(np.quantile(p, np.linspace(0, 1, groups + 1)[1:-1], method="higher"))
    group = np.searchsorted(cuts, p, side="right")
    whose = None if subjects is None else np.asarray(subjects)
    points = []
    for g in np.unique(group):
        rows = group == g
        share = wilson_of(event[rows], repeated(None if whose is None else whose[rows], int(rows.sum())))
        points.append(CalibrationPoint(float(p[rows].mean()), share, int(rows.sum())))
    return tuple(points)


def brier(y: ArrayLike, p: ArrayLike, *, seed: int = 0, times: int = TIMES, subjects: ArrayLike | None = None) -> Estimate:
    """Mean squared distance of prediction and outcome (Brier 1950), with its bootstrap 95 % interval; 0 is best.

    Examples
    --------
    >>> brier([0, 1], [0.5, 0.5]).value
    0.25
    """
    event, p = _checked(y, p)
    squared = np.square(p - event)
    return percentile(float(squared.mean()), drawn_means(squared[:, None], repeated(subjects, p.size), seed=seed, times=times))


def scaled_brier(y: ArrayLike, p: ArrayLike, *, seed: int = 0, times: int = TIMES, subjects: ArrayLike | None = None) -> Estimate:
    """Share of the Brier score of knowing only the share of events that the predictions take away, with its bootstrap 95 % interval.

    1 is best, 0 is no better than that share, below 0 is worse. Draws without both outcomes cannot be scaled and are left out.
    """
    event, p = _checked(y, p)
    squared = np.square(p - event)

    def scaled(error: float, share: float) -> float:
        return 1 - error / (share * (1 - share)) if 0 < share < 1 else math.nan

    means = drawn_means(np.column_stack([squared, event]), repeated(subjects, p.size), seed=seed, times=times)
    return percentile(scaled(float(squared.mean()), float(event.mean())), [scaled(float(error), float(share)) for error, share in means])


def _checked(y: ArrayLike, p: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    event = outcomes(y)
    return event, probabilities(p, event.size)
