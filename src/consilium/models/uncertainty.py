"""Intervals: how often patients scored like this one had the condition, given how many of them there were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import ModelError
from consilium.models.calibration import weighed
from consilium.models.odds import probability_of

GRID = 201
LEVEL = 0.95
Z = 1.959963984540054
NEAREST = 30
BEYOND = 0.25
RIDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """A table over calibrated log-odds, read by linear interpolation.

    Parameters
    ----------
    log_odds : float64 array of shape (g,), ascending
        Calibrated log-odds, a little beyond the lowest and the highest that were seen out of fold.
    low, high : float64 array of shape (g,)
        95 % interval, in [0, 1].
    similar : float64 array of shape (g,)
        Effective number of similar patients behind it.

    Raises
    ------
    ModelError
        When the table is not ascending, or its numbers are no probabilities.
    """

    log_odds: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    similar: NDArray[np.float64]

    def __post_init__(self) -> None:
        shapes = {a.shape for a in (self.log_odds, self.low, self.high, self.similar)}
        if len(shapes) != 1 or self.log_odds.ndim != 1 or not len(self.log_odds) or not (np.diff(self.log_odds) > 0).all():
            raise ModelError("A table of intervals is not ascending, or its columns differ in length", found=sorted(shapes))
        if not ((self.low >= 0) & (self.low <= self.high) & (self.high <= 1)).all():
            raise ModelError("A table of intervals holds something that is no interval of probabilities")

    def at(self, log_odds: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low and high, each shaped as `log_odds` (calibrated); they always contain the probability itself.

        A score beyond those seen gets the interval of the most extreme score seen, widened to contain its probability.
        """
        value = np.asarray(log_odds, dtype=np.float64)
        probability = probability_of(value)
        low = np.minimum(np.interp(value, self.log_odds, self.low), probability)
        high = np.maximum(np.interp(value, self.log_odds, self.high), probability)
        return low, high

    def as_json(self) -> dict[str, list[float]]:
        """The table as lists."""
        return {name: getattr(self, name).tolist() for name in ("log_odds", "low", "high", "similar")}

    @classmethod
    def of_json(cls, table: Mapping[str, Any]) -> Intervals:
        """The table from the lists that `as_json` gave."""
        return cls(**{name: np.asarray(table[name], dtype=np.float64) for name in ("log_odds", "low", "high", "similar")})


def fit_intervals(log_odds: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None, subjects: ArrayLike | None = None) -> Intervals:
    """Intervals from calibrated out-of-fold log-odds (n,) and labels (n,) of 0 and 1.

    At a score s, patient i counts as similar with `w_i = exp(-((s_i - s) / h)^2 / 2)`: a patient with the same score counts as one, a
    distant one as almost none. The width h is Silverman's, at least 0.1 and at most 1, but never less than the distance to the 30th
    nearest patient. Of `n = sum w_i` similar patients, `p(s) + sum w_i (y_i - p_i) / n` had the condition: the calibrated probability
    corrected by what was observed against what was expected nearby. The interval is Jeffreys' for that frequency (quantiles 2.5 % and
    97.5 % of Beta(n r + 1/2, n (1 - r) + 1/2)), widened where it must be to contain p(s) and Wald's band of the calibration line,
    which opens where few patients lie. The table reaches beyond the scores seen by a quarter of their range. How often it holds the
    true frequency: `benchmarks/interval.py`. With `weight` (n,), as for `fit_calibration`, the frequency is weighted and n is Kish's
    effective number, `(sum w)^2 / sum w^2`, so that patients who stand for others make it wider. With `subjects` (n,), the patient of
    each row, n is divided by the design effect `1 + rho (sum_k (sum w)^2 / sum w^2 - 1)` over patients k, where rho is how alike two
    rows of a patient are in what the score leaves unexplained. It speaks of sampling only: not of a patient unlike those trained
    on, nor of a ward that codes differently.

    Raises
    ------
    ModelError
        As `fit_calibration`.

    Sources: Brown, Cai & DasGupta 2001, doi:10.1214/ss/1009213286 (Jeffreys); Silverman 1986 (width); Kish 1965
    (design effect).

    Examples
    --------
    >>> table = fit_intervals([-2.0, -1.0, 1.0, 2.0] * 10, [0, 0, 1, 1] * 10)
    >>> low, high = table.at(2.0)
    >>> bool(low < 0.88 < high)
    True
    """
    from scipy.stats import beta

    score, label, of = weighed(log_odds, y, weight)
    owner = _owner(subjects, weight, len(score))
    beyond = BEYOND * float(score.max() - score.min())
    grid = np.unique(np.linspace(score.min() - beyond, score.max() + beyond, GRID))
    # Beyond the scores seen, the most extreme patients seen are the similar ones.
    place = np.clip(grid, score.min(), score.max())
    quartiles = np.percentile(score, [25, 75])
    spread = min(float(score.std()), float(quartiles[1] - quartiles[0]) / 1.34)
    patients = len(score) if owner is None else int(owner.max()) + 1
    narrowest = float(np.clip(0.9 * spread * patients**-0.2, 0.1, 1.0))
    least = min(round(NEAREST * len(score) / patients), len(score)) - 1
    alike = 0.0 if owner is None else _alike(score, label, of, owner)
    expected = of * (label - probability_of(score))
    standing, surprise, squares = np.zeros((3, len(grid)))
    for k, here in enumerate(place):  # one at a time: a table of all places and all rows would not fit where rows are hours
        distance = np.abs(here - score)
        nearest = np.partition(distance, least)[least]
        near = np.exp(-0.5 * (distance / max(narrowest, float(nearest))) ** 2)
        standing[k], surprise[k], squares[k] = near @ of, near @ expected, near @ of**2
        if owner is not None:
            whole = np.bincount(owner, near * of)
            squares[k] *= 1 + alike * (float(whole @ whole) / float((near * of) @ (near * of)) - 1)
    probability = probability_of(grid)
    frequency = np.clip(probability + surprise / standing, 0.0, 1.0)
    similar = standing**2 / squares
    tail = (1 - LEVEL) / 2
    a, b = similar * frequency + 0.5, similar * (1 - frequency) + 0.5
    band = Z * _line_error(score, label, of, owner, grid) if len(grid) > 1 else np.zeros(1)
    low = np.minimum(beta.ppf(tail, a, b), probability_of(grid - band))
    high = np.maximum(beta.ppf(1 - tail, a, b), probability_of(grid + band))
    return Intervals(grid, low, high, similar)


def _owner(subjects: ArrayLike | None, weight: ArrayLike | None, n: int) -> NDArray[np.intp] | None:
    """Number of the patient of each of the n rows that weigh anything; None where each is a patient of its own."""
    if subjects is None:
        return None
    whose = np.asarray(subjects)
    if weight is not None:
        whose = whose[np.asarray(weight) > 0]
    there, owner = np.unique(whose, return_inverse=True)
    return owner if there.size < n else None


def _alike(score: NDArray[np.float64], label: NDArray[np.float64], of: NDArray[np.float64], owner: NDArray[np.intp]) -> float:
    """Correlation, 0 to 1, of what the probability leaves unexplained of two rows of the same patient."""
    probability = probability_of(score)
    left, spread = of * (label - probability), of * np.sqrt(probability * (1 - probability))
    pairs, most = (float(np.square(np.bincount(owner, part)).sum() - np.square(part).sum()) for part in (left, spread))
    return float(np.clip(pairs / most, 0.0, 1.0)) if most > 0 else 0.0


def _line_error(
    score: NDArray[np.float64],
    label: NDArray[np.float64],
    of: NDArray[np.float64],
    owner: NDArray[np.intp] | None,
    grid: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Standard error (g,) of the calibrated log-odds on the grid: of a logistic line fitted to these scores (Fisher information).

    Weighted patients count as the number of equal ones that would know as much (Kish); where patients have several rows, the error is
    the sandwich over patients.
    """
    probability = probability_of(score)
    design = np.column_stack([np.ones_like(score), score])
    count = of * (of.sum() / (of**2).sum())
    information = (design * (count * probability * (1 - probability))[:, None]).T @ design + RIDGE * np.eye(2)
    at = np.column_stack([np.ones_like(grid), grid])
    covariance = np.linalg.inv(information)
    if owner is not None:
        influence = design * (count * (label - probability))[:, None]
        totals = np.column_stack([np.bincount(owner, column) for column in influence.T])
        covariance = covariance @ (totals.T @ totals) @ covariance
    return np.asarray(np.sqrt(np.einsum("gi,ij,gj->g", at, covariance, at)), dtype=np.float64)
