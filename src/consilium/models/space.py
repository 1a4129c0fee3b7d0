"""Space: what of a learner is tuned, and between which values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Range:
    """Values of one parameter, both ends included: whole numbers where both ends are; `log` for equal steps in the logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values."""

    of: tuple[Any, ...]


_BOOSTED: dict[str, Range | Choice] = {
    "n_estimators": Range(50, 400),
    "learning_rate": Range(0.01, 0.1, log=True),
    "num_leaves": Range(2, 16),
    "min_samples_leaf": Range(5, 60, log=True),
    "reg_lambda": Range(0.1, 30.0, log=True),
}
SPACE: dict[str, dict[str, Range | Choice]] = {
    "logistic": {"C": Range(1e-3, 1e2, log=True)},
    "logistic_descent": {"C": Range(1e-3, 1e2, log=True)},
    "tree": {"max_depth": Range(2, 8), "min_samples_leaf": Range(5, 60, log=True)},
    "vector": {"C": Range(1e-2, 1e2, log=True)},
    "forest": {"n_estimators": Range(100, 400), "min_samples_leaf": Range(1, 30, log=True), "max_depth": Range(3, 14)},
    "boosting": _BOOSTED,
    "network": {"hidden": Choice(((8,), (16,), (32,), (16, 16))), "alpha": Range(1e-2, 1e2, log=True)},
    "additive": {"interactions": Range(0, 10), "max_bins": Range(8, 64, log=True), "learning_rate": Range(0.01, 0.1, log=True)},
    "cox": {"penalizer": Range(1e-4, 1.0, log=True)},
    "boosted_cox": _BOOSTED,
    "neural_cox": {
        "hidden": Choice(((16,), (32,), (64,), (32, 32))),
        "dropout": Range(0.0, 0.5),
        "weight_decay": Range(1e-4, 1.0, log=True),
        "learning_rate": Range(2e-3, 3e-2, log=True),
    },
}
