"""Boosted Cox: the log-hazard as a sum of small trees, grown on the partial likelihood (LightGBM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.models.boosting import of_lightgbm, threads
from consilium.models.hazard import Array, Hazards, pull

if TYPE_CHECKING:
    from consilium.models.graph import Graph


class BoostedCox(Hazards):
    """Gradient boosted trees by LightGBM, deterministic, on Breslow's partial likelihood.

    Missing values are read as in `Boosting`.

    Parameters
    ----------
    horizon : float, default 1.0
        By when `risk` speaks, in the unit of the times of follow-up.
    n_estimators : int, default 150
    learning_rate : float, default 0.05
    num_leaves : int, default 4
        Leaves of each tree.
    min_samples_leaf : int, default 20
        Patients in the smallest leaf.
    reg_lambda : float, default 1.0
        L2 penalty on what a leaf says.
    num_threads : int, default 2
    random_state : int, default 0

    Attributes
    ----------
    trees_ : Trees
        The sum of leaves is the log-hazard.
    median_ : float64 array of shape (p,)
        Median of the features LightGBM met no missing value of, NaN for the others.
    """

    def __init__(
        self,
        horizon: float = 1.0,
        n_estimators: int = 150,
        learning_rate: float = 0.05,
        num_leaves: int = 4,
        min_samples_leaf: int = 20,
        reg_lambda: float = 1.0,
        num_threads: int = 2,
        random_state: int = 0,
    ) -> None:
        self.horizon = horizon
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_samples_leaf = min_samples_leaf
        self.reg_lambda = reg_lambda
        self.num_threads = num_threads
        self.random_state = random_state

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` trees: exact Shapley values of the log-hazard."""
        return self._linked({"kind": "trees", "scale": "log-odds", **self.trees_.as_json()})

    def _learn(self, X: Array, time: Array, event: NDArray[np.bool_]) -> None:
        def objective(predicted: Array, _: lightgbm.Dataset) -> tuple[Array, Array]:
            return pull(predicted, time, event)

        parameters = {
            "objective": objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_samples_leaf,
            "min_data_in_bin": 1,
            "lambda_l2": self.reg_lambda,
            "num_threads": threads(X, self.num_threads),
            "seed": self.random_state,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        data = lightgbm.Dataset(X, event.astype(np.float64), params={"verbose": -1})
        self._fitted = lightgbm.train(parameters, data, num_boost_round=self.n_estimators)
        self.trees_, self.median_ = of_lightgbm(self._fitted, X)

    def _log_hazard(self, X: Array) -> Array:
        filled = np.where(np.isnan(X), self.median_, X)
        return np.asarray(self._fitted.predict(filled, raw_score=True, num_threads=threads(X, self.num_threads)), dtype=np.float64)

    def _graph(self, graph: Graph) -> str:
        return graph.grown(self.trees_)
