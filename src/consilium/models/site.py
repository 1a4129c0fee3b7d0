"""Site: how a model's log-odds are put right for one hospital, from few of its own cases, beside the model and never inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import InputError, ModelError
from consilium.models.calibration import Calibration, checked
from consilium.models.odds import probability_of
from consilium.models.uncertainty import Intervals

LEAST, LEAST_EACH = 20, 5
# Chi-squared quantiles at 5 %: Abramowitz & Stegun 1964, table 26.8.
CRITICAL = {1: 3.841, 2: 5.991}
CALLED_FOR = ("none", "intercept", "slope")
# How far hospitals differ from the shipped model before any of their cases is seen: standard deviations of intercept and slope.
PRIOR = (1.0, 0.25)
LEAST_SLOPE = 0.05
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Site:
    """A straight line over the calibrated log-odds of the shipped model.

    Parameters
    ----------
    slope, intercept : float
        Shrunk towards the model as shipped (1 and 0).
    covariance : tuple of 3 floats
        Variance of the intercept, covariance, variance of the slope.
    called_for : str
        What the cases alone, by a closed test, speak for changing: `none`, `intercept`, or `slope` (intercept and slope).
    n, events : int
        Cases it was made from.

    Raises
    ------
    ModelError
        When the numbers are none of a line that keeps the order of patients.
    """

    slope: float
    intercept: float
    covariance: tuple[float, float, float]
    called_for: str
    n: int
    events: int

    def __post_init__(self) -> None:
        if self.called_for not in CALLED_FOR or not np.isfinite((self.slope, self.intercept, *self.covariance)).all() or not self.slope > 0:
            raise ModelError("A site calibration cannot be used", found=(self.called_for, self.slope, self.intercept), expected="slope > 0")

    @property
    def line(self) -> Calibration:
        """The line."""
        return Calibration(self.slope, self.intercept)

    def over(self, shipped: Calibration) -> Calibration:
        """Shipped calibration and this line as one line over the learner's own log-odds."""
        return Calibration(self.slope * shipped.slope, self.slope * shipped.intercept + self.intercept)

    def widened(self, intervals: Intervals) -> Intervals:
        """The intervals moved along, and widened by what is not known of the line itself."""
        value = intervals.log_odds
        moved = self.line.apply(value)
        error = Z * np.sqrt(self.covariance[0] + 2 * value * self.covariance[1] + value**2 * self.covariance[2])
        with np.errstate(divide="ignore"):
            low, high = (np.clip(np.log(p) - np.log1p(-p), -FAR, FAR) for p in (intervals.low, intervals.high))
        below, above = moved - self.line.apply(low), self.line.apply(high) - moved
        return Intervals(
            moved, probability_of(moved - np.hypot(below, error)), probability_of(moved + np.hypot(above, error)), intervals.similar
        )

    def as_json(self) -> dict[str, Any]:
        """Its numbers."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"covariance": list(self.covariance)}

    @classmethod
    def of_json(cls, held: Mapping[str, Any]) -> Site:
        """From what `as_json` gave."""
        low, between, high = (float(v) for v in held["covariance"])
        line = float(held["slope"]), float(held["intercept"])
        return cls(*line, (low, between, high), str(held["called_for"]), int(held["n"]), int(held["events"]))


FAR = 30.0


def recalibrate(log_odds: ArrayLike, y: ArrayLike) -> Site:
    """Intercept and slope from calibrated log-odds (n,) of the shipped model and labels (n,) of a site's own cases.

    Penalised maximum likelihood: the intercept is drawn towards 0 and the slope towards 1, as normal with standard deviations 1 and 0.25
    would, so that few cases change little, the level first and the spread later, and many decide for themselves. On the heart
    hospitals this was better at every size than choosing by the closed test, whose verdict is kept beside it
    (`benchmarks/recalibration.py`). A slope below 0.05 is held there: an update must keep the order of patients.

    Raises
    ------
    InputError
        With fewer than 20 cases, or fewer than 5 with or without the condition.
    ModelError
        As `fit_calibration`.

    Source: Steyerberg et al. 2004, doi:10.1002/sim.1844 (updating with shrinkage).
    """
    given = np.asarray(y, dtype=np.float64)
    n, events = given.size, int((given == 1).sum())
    if n < LEAST or min(events, n - events) < LEAST_EACH:
        raise InputError(
            "Too few cases to put a model right for this site",
            found=f"{n} cases, {events} with the condition",
            expected=f"at least {LEAST}, and {LEAST_EACH} with and without the condition",
            do="use the model as it is, and collect more cases whose outcome is known",
        )
    score, label = checked(log_odds, given)
    line, error = _fitted(score, label, (True, True), 1 / np.square(PRIOR))
    covariance = (float(error[0, 0]), float(error[0, 1]), float(error[1, 1]))
    return Site(max(LEAST_SLOPE, float(line[1])), float(line[0]), covariance, closed_test(score, label), n, events)


def closed_test(log_odds: ArrayLike, y: ArrayLike) -> str:
    """What the cases alone speak for changing: `none`, `intercept` or `slope`, by likelihood ratio at 5 %.

    First intercept and slope against the model as it is (2 degrees of freedom); if that does not differ, nothing. Then intercept and
    slope against the intercept alone (1 degree); if that does not differ, the intercept.

    Source: Vergouwe et al. 2017, doi:10.1002/sim.7179.
    """
    score, label = checked(log_odds, y)
    kept = _loss(score, label, np.array([0.0, 1.0]))
    moved, both = (_loss(score, label, _fitted(score, label, free, np.zeros(2))[0]) for free in ((True, False), (True, True)))
    if 2 * (kept - both) <= CRITICAL[2]:
        return "none"
    return "intercept" if 2 * (moved - both) <= CRITICAL[1] else "slope"


def _loss(score: NDArray[np.float64], label: NDArray[np.float64], line: NDArray[np.float64]) -> float:
    margin = line[0] + line[1] * score
    return float((np.logaddexp(0, margin) - label * margin).sum())


def _fitted(
    score: NDArray[np.float64], label: NDArray[np.float64], free: tuple[bool, bool], penalty: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(Penalised) maximum likelihood of (intercept, slope), those not free held at 0 and 1, and the covariance (2, 2), 0 where held."""
    which = np.flatnonzero(free)
    design = np.column_stack([np.ones_like(score), score])
    start = np.array([0.0, 1.0])

    def loss(line: NDArray[np.float64]) -> float:
        return _loss(score, label, line) + 0.5 * float(penalty @ (line - start) ** 2)

    line, value = start.copy(), loss(start)
    for _ in range(100):
        probability = probability_of(design @ line)
        gradient = design[:, which].T @ (label - probability) - (penalty * (line - start))[which]
        weight = probability * (1 - probability)
        information = (design[:, which] * weight[:, None]).T @ design[:, which] + np.diag(penalty[which] + 1e-9)
        step = np.clip(np.linalg.solve(information, gradient), -5, 5)
        length, trial = 1.0, line.copy()
        trial[which] = line[which] + step
        while loss(trial) > value and length > 1e-8:
            length /= 2
            trial[which] = line[which] + length * step
        if loss(trial) > value or np.abs(step).max() < 1e-10:
            break
        line, value = trial, loss(trial)
    covariance = np.zeros((2, 2))
    covariance[np.ix_(which, which)] = np.linalg.inv(information)
    return line, covariance
