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
KINDS = ("none", "intercept", "slope")
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Site:
    """A straight line over the calibrated log-odds of the shipped model.

    Parameters
    ----------
    kind : str
        `none` (the model is kept as it is), `intercept`, or `slope` (intercept and slope).
    slope, intercept : float
        After shrinkage towards the model as it is (1 and 0).
    covariance : tuple of 3 floats
        Variance of the intercept, covariance, variance of the slope.
    shrinkage : float
        In [0, 1]; 1 takes the update whole, 0 leaves the model as it is.
    n, events : int
        Cases it was made from.

    Raises
    ------
    ModelError
        When the numbers are none of a line that keeps the order of patients.
    """

    kind: str
    slope: float
    intercept: float
    covariance: tuple[float, float, float]
    shrinkage: float
    n: int
    events: int

    def __post_init__(self) -> None:
        numbers = (self.slope, self.intercept, *self.covariance, self.shrinkage)
        if self.kind not in KINDS or not np.isfinite(numbers).all() or not self.slope > 0 or not 0 <= self.shrinkage <= 1:
            raise ModelError("A site calibration cannot be used", found=(self.kind, self.slope, self.intercept), expected="slope > 0")

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
        numbers = {name: float(held[name]) for name in ("slope", "intercept", "shrinkage")}
        return cls(str(held["kind"]), **numbers, covariance=(low, between, high), n=int(held["n"]), events=int(held["events"]))


FAR = 30.0


def recalibrate(log_odds: ArrayLike, y: ArrayLike) -> Site:
    """Choose and fit an update from calibrated log-odds (n,) of the shipped model and labels (n,) of a site's own cases.

    Closed testing by likelihood ratio at 5 %: first intercept and slope against the model as it is (2 degrees of freedom); if
    that does not differ, it is kept. Then intercept alone against intercept and slope (1 degree); if that does not differ, the
    intercept alone. So a small site changes little, and no more is fitted than its cases speak for. What is chosen is shrunk to
    the model as it is by `max(0, (X2 - d) / X2)`, with X2 the likelihood ratio statistic of d parameters. A slope below 0.05
    is held there: an update must keep the order of patients.

    Raises
    ------
    InputError
        With fewer than 20 cases, or fewer than 5 with or without the condition.
    ModelError
        As `fit_calibration`.

    Sources: Vergouwe et al. 2017, doi:10.1002/sim.7179 (closed test); Steyerberg et al. 2004, doi:10.1002/sim.1844 (shrinkage).
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
    kept = _loss(score, label, np.array([0.0, 1.0]))
    moved, error_moved = _fitted(score, label, (True, False))
    both, error_both = _fitted(score, label, (True, True))
    gain_moved, gain_both = 2 * (kept - _loss(score, label, moved)), 2 * (kept - _loss(score, label, both))
    if gain_both <= CRITICAL[2]:
        # Not known to be wrong is not known to be right: the line's own uncertainty goes into the intervals.
        return Site("none", 1.0, 0.0, (0.0, 0.0, 0.0), 0.0, n, events)
    kind, line, error, gain, d = (
        ("intercept", moved, error_moved, gain_moved, 1)
        if gain_both - gain_moved <= CRITICAL[1]
        else ("slope", both, error_both, gain_both, 2)
    )
    shrinkage = max(0.0, (gain - d) / gain)
    slope = max(0.05, 1 + shrinkage * (float(line[1]) - 1))
    covariance = (float(error[0, 0]), float(error[0, 1]), float(error[1, 1]))
    return Site(kind, slope, shrinkage * float(line[0]), covariance, shrinkage, n, events)


def _loss(score: NDArray[np.float64], label: NDArray[np.float64], line: NDArray[np.float64]) -> float:
    margin = line[0] + line[1] * score
    return float((np.logaddexp(0, margin) - label * margin).sum())


def _fitted(
    score: NDArray[np.float64], label: NDArray[np.float64], free: tuple[bool, bool]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Maximum likelihood of (intercept, slope), those not free held at 0 and 1, and the covariance (2, 2), 0 where held."""
    which = np.flatnonzero(free)
    design = np.column_stack([np.ones_like(score), score])
    line = np.array([0.0, 1.0])
    for _ in range(100):
        probability = probability_of(design @ line)
        gradient = design[:, which].T @ (label - probability)
        weight = probability * (1 - probability)
        information = (design[:, which] * weight[:, None]).T @ design[:, which] + 1e-9 * np.eye(len(which))
        step = np.linalg.solve(information, gradient)
        length, value = 1.0, _loss(score, label, line)
        while length > 1e-8:
            trial = line.copy()
            trial[which] += length * np.clip(step, -5, 5)
            if _loss(score, label, trial) <= value:
                break
            length /= 2
        else:
            break
        line = trial
        if np.abs(step).max() < 1e-10:
            break
    covariance = np.zeros((2, 2))
    covariance[np.ix_(which, which)] = np.linalg.inv(information)
    return line, covariance
