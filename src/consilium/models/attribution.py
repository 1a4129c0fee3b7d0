"""Attribution: what each input adds to the log-odds, on the calibrated scale, so that it adds up to what is shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import ModelError
from consilium.models.calibration import Calibration
from consilium.models.lookup import Lookup
from consilium.models.odds import LEAST_HAZARD, MOST_HAZARD, log_odds_of, log_odds_of_hazard
from consilium.models.permutation import walk
from consilium.models.sequence import Sequence
from consilium.models.terms import Terms
from consilium.models.trees import Boxes, Trees

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """The reasons of n answers.

    Parameters
    ----------
    base : float
        Log-odds before anything is known of the patient.
    weights : float64 array of shape (n, p)
        What each input adds; `base + weights.sum(axis=1)` are the log-odds of the answers.
    """

    base: float
    weights: NDArray[np.float64]

    def calibrated(self, calibration: Calibration) -> Attribution:
        """The same reasons after a straight line on the log-odds scale."""
        return Attribution(calibration.slope * self.base + calibration.intercept, calibration.slope * self.weights)


def explainer(reasons: Mapping[str, Any], raw: Callable[[Rows], NDArray[np.float64]]) -> Callable[[Rows], Attribution]:
    """How a sealed model gives its reasons: a function of X float32 (n, p), on the uncalibrated scale.

    Parameters
    ----------
    reasons : mapping
        What `Estimator.reasons` gave, through JSON.
    raw : callable
        Uncalibrated log-odds (n,) of X (n, p); asked only by the kind `permutation`.

    Raises
    ------
    ModelError
        When the kind is unknown or its arrays are not there.
    """
    kinds = {"linear": _linear, "trees": _trees, "additive": _additive, "permutation": _permutation, "gradients": _gradients}
    kind = reasons.get("kind")
    if kind not in kinds:
        raise ModelError("A model gives reasons of an unknown kind", found=kind, expected=tuple(kinds))
    try:
        made = kinds[kind](reasons, raw)
        return _linked(made, reasons) if "link" in reasons else made
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError("A model's reasons cannot be read", where=f"kind {kind}", found=str(error), do="fit the model again") from error


def _linear(reasons: Mapping[str, Any], raw: Callable[[Rows], NDArray[np.float64]]) -> Callable[[Rows], Attribution]:
    """Exact: slope times the distance from the mean patient."""
    median, mean, slope = (np.array(reasons[name], dtype=np.float64) for name in ("median", "mean", "slope"))
    base = float(reasons["base"])
    return lambda X: Attribution(base, (np.where(np.isnan(X), median, X) - mean) * slope)


def _additive(reasons: Mapping[str, Any], raw: Callable[[Rows], NDArray[np.float64]]) -> Callable[[Rows], Attribution]:
    """Exact: each curve's score against its mean over the training rows, a pair's split half and half."""
    terms = Terms.of_json(reasons)
    return lambda X: Attribution(terms.base(), terms.weights(X))


def _trees(reasons: Mapping[str, Any], raw: Callable[[Rows], NDArray[np.float64]]) -> Callable[[Rows], Attribution]:
    """Exact Shapley values; those of a probability are stretched to log-odds by one factor for each row.

    With phi adding up from p0 to p, the weights `phi * (logit p - logit p0) / (p - p0)` add up from logit p0 to logit p and
    keep the signs and the ratios of phi (p and p0 clipped as the model clips them). Where p is p0, the factor is its limit,
    the slope of the logit there.
    """
    trees = Trees.of_json(reasons)
    expected = trees.expected()
    shapley = _looked_up(trees)
    if reasons["scale"] == "log-odds":
        return lambda X: Attribution(expected, shapley(X))
    clip = float(reasons["clip"])
    base = float(log_odds_of(expected, clip))

    slope = 1 / (max(expected, clip) * max(1 - expected, clip))
    return lambda X: _stretched(shapley(X), base, lambda moved: log_odds_of(expected + moved, clip), slope)


def _linked(given: Callable[[Rows], Attribution], reasons: Mapping[str, Any]) -> Callable[[Rows], Attribution]:
    """Reasons of a log-hazard as reasons of the log-odds of the event by the horizon, stretched as those of a probability are."""
    if reasons["link"] != "hazard":
        raise ValueError(f"a link of an unknown kind: {reasons['link']!r}")
    offset = float(reasons["offset"])

    def explain(X: Rows) -> Attribution:
        own = given(X)
        start = own.base + offset
        hazard = float(np.exp(np.clip(start, LEAST_HAZARD, MOST_HAZARD)))
        slope = hazard / -float(np.expm1(-hazard))
        return _stretched(own.weights, float(log_odds_of_hazard(start)), lambda moved: log_odds_of_hazard(start + moved), slope)

    return explain


def _stretched(
    phi: NDArray[np.float64], base: float, onto: Callable[[NDArray[np.float64]], NDArray[np.float64]], slope: float
) -> Attribution:
    """Weights on another scale: multiplied row by row so that they add up to `onto` their sum, by `slope` where that sum is 0."""
    moved = phi.sum(axis=1)
    away = np.abs(moved) > 1e-12
    stretch = np.divide(onto(moved) - base, moved, out=np.full_like(moved, slope), where=away)
    return Attribution(base, phi * stretch[:, None])


def _looked_up(trees: Trees) -> Callable[[Rows], NDArray[np.float64]]:
    """Shapley values by tables, worked out when first asked; leaf by leaf where a model needs too many of them."""

    @functools.cache
    def tables(width: int) -> Lookup | Boxes:
        return Lookup.of(trees, width) or Boxes.of(trees)

    return lambda X: tables(X.shape[1]).shapley(X)


def _permutation(reasons: Mapping[str, Any], raw: Callable[[Rows], NDArray[np.float64]]) -> Callable[[Rows], Attribution]:
    """Antithetic permutation Shapley values against a stored reference patient: the sum is exact, each value an estimate."""
    reference, orders = np.array(reasons["reference"], dtype=np.float32), reasons["orders"]

    def explain(X: Rows) -> Attribution:
        walks = [walk(x, reference, orders, raw) for x in X]
        base = walks[0][0] if walks else float(raw(reference[None, :])[0])
        return Attribution(base, np.array([values for _, values in walks]).reshape(X.shape))

    return explain


def _gradients(reasons: Mapping[str, Any], raw: Callable[[Rows], NDArray[np.float64]]) -> Callable[[Rows], Attribution]:
    """Integrated gradients of a network over a series: the sum is exact to the quadrature, which is checked."""
    net = Sequence.of_json(reasons)
    return lambda X: Attribution(*net.attribute(X))
