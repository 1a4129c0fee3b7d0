"""Calibration: what a learner's log-odds are worth, learned from patients it had not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import ModelError
from consilium.models.odds import probability_of

RIDGE = 1e-6
STEPS = 100


@dataclass(frozen=True, slots=True)
class Calibration:
    """A straight line on the log-odds scale; `Calibration()` changes nothing.

    Parameters
    ----------
    slope : float
        Finite and never negative: calibration keeps the order of patients.
    intercept : float
        In log-odds.

    Raises
    ------
    ModelError
        When the slope is negative or a number is not finite.

    Examples
    --------
    >>> Calibration(slope=0.5, intercept=1.0).apply([2.0]).tolist()
    [2.0]
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and np.isfinite(self.intercept)) or self.slope < 0:
            raise ModelError("A calibration cannot be used", found=(self.slope, self.intercept), expected="finite, slope >= 0")

    def apply(self, log_odds: ArrayLike) -> NDArray[np.float64]:
        """Calibrated log-odds, float64 of the same shape."""
        return np.asarray(self.slope * np.asarray(log_odds, dtype=np.float64) + self.intercept, dtype=np.float64)


def fit_calibration(log_odds: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None) -> Calibration:
    """Logistic calibration by maximum likelihood, from out-of-fold log-odds (n,) and labels (n,) of 0 and 1.

    A ridge of 1e-6 holds the slope. Only where no score of one class lies beyond any of the other, so that no line is best,
    the targets are Platt's `(N1 + 1) / (N1 + 2)` and `1 / (N0 + 2)`. Platt meant them for scores of the training rows
    themselves; on out-of-fold scores that nearly separate they pull every answer towards the middle (on WDBC to a calibration
    slope of 1.4 to 1.5 over three seeds, against 1.0 to 1.1 without). Scores that rank patients the wrong way round give slope
    0: everybody gets the prevalence. `weight` (n,) is how many patients each stands for: where some outcomes are not known because
    follow-up ended, 0 for them and more than 1 for those who stand for them.

    Raises
    ------
    ModelError
        When shapes disagree, a score is not finite, a label is neither 0 nor 1, or only one class is present.

    Sources: Platt 1999; Lin, Lin & Weng 2007, doi:10.1007/s10994-007-5018-6 (Newton's method with line search).

    Examples
    --------
    >>> calibration = fit_calibration([-4.0, -3.0, 3.0, 4.0], [0, 0, 1, 1])
    >>> 0 < calibration.slope < 1
    True
    """
    score, label, of = weighed(log_odds, y, weight)
    positives = float(of @ label)
    target = label
    if score[label == 1].min() >= score[label == 0].max():
        high, low = (positives + 1) / (positives + 2), 1 / (float(of.sum()) - positives + 2)
        target = np.where(label == 1, high, low)
    # Newton runs on standardised scores: their scale must not decide how well it is conditioned.
    centre = float(np.average(score, weights=of))
    spread = float(np.sqrt(np.average((score - centre) ** 2, weights=of)))
    spread = spread if spread > 0 else 1.0
    design = np.column_stack([(score - centre) / spread, np.ones_like(score)])
    line = _line(design, target, of)
    slope, intercept = line[0] / spread, line[1] - line[0] * centre / spread
    if slope < 0:
        mean = float(np.average(target, weights=of))
        return Calibration(0.0, float(np.log(mean / (1 - mean))))
    return Calibration(float(slope), float(intercept))


def checked(log_odds: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores and labels as float64 (n,), or ModelError saying what is wrong with them."""
    score, label = np.asarray(log_odds, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if score.ndim != 1 or score.shape != label.shape:
        raise ModelError("Scores and labels disagree about their shape", found=(score.shape, label.shape), expected="(n,) and (n,)")
    if not np.isfinite(score).all():
        raise ModelError("A score is not a finite number", found=int((~np.isfinite(score)).sum()))
    if set(np.unique(label)) != {0.0, 1.0}:
        raise ModelError("Labels must be 0 and 1, both present", found=np.unique(label)[:5].tolist())
    return score, label


def weighed(
    log_odds: ArrayLike, y: ArrayLike, weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Scores, labels and weights of those that weigh anything, each 1 where no weights are given; or ModelError."""
    if weight is None:
        score, label = checked(log_odds, y)
        return score, label, np.ones(len(score))
    of, score, label = (np.asarray(given, dtype=np.float64) for given in (weight, log_odds, y))
    if of.shape != score.shape or not (np.isfinite(of) & (of >= 0)).all():
        raise ModelError("A weight is not a number of at least 0 for each patient", found=of.shape, expected=score.shape)
    counts = of > 0
    return (*checked(score[counts], label[counts]), of[counts])


def _line(design: NDArray[np.float64], target: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimise cross-entropy + ridge over the line's two numbers; the problem is convex and its optimum finite."""
    whole = float(of.sum())
    penalty = np.array([RIDGE, 0.0]) * whole

    def loss(line: NDArray[np.float64]) -> float:
        margin = design @ line
        return float((of * (np.logaddexp(0, margin) - target * margin)).sum() + 0.5 * (penalty * line**2).sum())

    mean = float(np.average(target, weights=of))
    line = np.array([0.0, np.log(mean / (1 - mean))])
    value = loss(line)
    for _ in range(STEPS):
        probability = probability_of(design @ line)
        gradient = design.T @ (of * (probability - target)) + penalty * line
        curvature = (design * (of * probability * (1 - probability))[:, None]).T @ design + np.diag(penalty + 1e-12)
        direction = np.linalg.solve(curvature, -gradient)
        if np.abs(gradient).max() < 1e-10 * whole:
            break
        length = 1.0
        while (trial := loss(line + length * direction)) > value + 1e-4 * length * float(gradient @ direction) and length > 1e-10:
            length /= 2
        line, value = line + length * direction, trial
    return line
