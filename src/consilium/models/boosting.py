"""Gradient boosting: small trees, each correcting the sum of those before it (LightGBM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from consilium.core.errors import ModelError
from consilium.models.estimator import Estimator
from consilium.models.preparation import medians
from consilium.models.trees import Trees

if TYPE_CHECKING:
    import onnx

WORTH_THREADS = 100_000
NOUGHT = np.float32(1e-35)
"""LightGBM reads every value no further from 0 than this as 0, and splits below 0 exactly there."""


class Boosting(Estimator):
    """Gradient boosted trees by LightGBM in its deterministic mode.

    A missing value goes the way that separated best in training. LightGBM itself reads a value that is missing where none
    was missing in training as zero; here it is read as the median of training.

    Parameters
    ----------
    n_estimators : int, default 150
        Trees.
    learning_rate : float, default 0.05
    num_leaves : int, default 7
        Leaves of each tree.
    min_samples_leaf : int, default 5
        Patients in the smallest leaf.
    reg_lambda : float, default 1.0
        L2 penalty on what a leaf says.
    input_share : float, default 1.0
        Share of the inputs, drawn for each tree, that it may ask about: less than all where many inputs say nearly the same.
    num_threads : int, default 1
        Threads at most, to be raised on a machine with nothing else to do: threads that wait for a busy core cost far more than they
        save. A table of fewer than 100,000 numbers gets one.
        The answer does not depend on it.
    random_state : int, default 0

    Attributes
    ----------
    trees_ : Trees
        The grown trees; the sum of leaves is the log-odds.
    median_ : float64 array of shape (p,)
        Median of the features LightGBM met no missing value of, NaN for the others.
    """

    def __init__(
        self,
        n_estimators: int = 150,
        learning_rate: float = 0.05,
        num_leaves: int = 7,
        min_samples_leaf: int = 5,
        reg_lambda: float = 1.0,
        input_share: float = 1.0,
        num_threads: int = 1,
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_samples_leaf = min_samples_leaf
        self.reg_lambda = reg_lambda
        self.input_share = input_share
        self.num_threads = num_threads
        self.random_state = random_state

    def to_onnx(self) -> onnx.ModelProto:
        """The fitted learner as ONNX: `X` float32 [n, p] to `log_odds` float32 [n, 1]."""
        from consilium.models.graph import Graph

        check_is_fitted(self)
        graph = Graph(self.n_features_in_)
        return graph.model(graph.grown(self.trees_))

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` trees on the log-odds `scale`: exact Shapley values."""
        return {"kind": "trees", "scale": "log-odds", **self.trees_.as_json()}

    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        parameters = {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_samples_leaf,
            "min_data_in_bin": 1,
            "lambda_l2": self.reg_lambda,
            "feature_fraction": self.input_share,
            "num_threads": threads(X, self.num_threads),
            "seed": self.random_state,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        self._fitted = lightgbm.train(parameters, lightgbm.Dataset(X, y, params={"verbose": -1}), num_boost_round=self.n_estimators)
        self.trees_, self.median_ = of_lightgbm(self._fitted, X)

    def _log_odds(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        filled = np.where(np.isnan(X), self.median_, X)
        return np.asarray(self._fitted.predict(filled, raw_score=True, num_threads=threads(X, self.num_threads)), dtype=np.float64)


def threads(X: NDArray[np.float64], most: int) -> int:
    """Threads that are worth starting for a table."""
    return most if X.size >= WORTH_THREADS else 1


def of_lightgbm(fitted: lightgbm.Booster, X: NDArray[np.float64]) -> tuple[Trees, NDArray[np.float64]]:
    """A booster's trees, and the medians (p,) to be read for what is missing: NaN for features it met missing in X (n, p)."""
    nodes = _flat(fitted.dump_model()["tree_info"])
    met = np.zeros(X.shape[1], dtype=np.bool_)
    met[[node["split_feature"] for node in nodes if node.get("missing_type") == "NaN"]] = True
    median = np.where(met, np.nan, medians(X))
    return _trees(nodes, median), median


def _flat(dumped: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """LightGBM's nested trees as one list of nodes that know the places of their children; a root says so."""
    nodes: list[dict[str, Any]] = []
    for tree in dumped:
        waiting = [dict(tree["tree_structure"], root=True)]
        while waiting:
            node = waiting.pop()
            if "at" in node:
                parent, side = node.pop("at")
                nodes[parent][side] = len(nodes)
            for side in ("left_child", "right_child"):
                if side in node:
                    waiting.append(dict(node[side], at=(len(nodes), side)))
            nodes.append(node)
    return nodes


def _trees(nodes: list[dict[str, Any]], median: NDArray[np.float64]) -> Trees:
    """LightGBM's nodes as arrays; where none was missing in training, a missing value goes where the median goes."""
    for node in nodes:
        if "split_feature" in node and (node["decision_type"] != "<=" or node["missing_type"] not in ("None", "NaN")):
            raise ModelError("LightGBM grew a split that is not exported", found=(node["decision_type"], node["missing_type"]))

    def column(name: str, otherwise: float) -> NDArray[np.float64]:
        return np.array([node.get(name, otherwise) for node in nodes], dtype=np.float64)

    feature, threshold = column("split_feature", -1).astype(np.int64), column("threshold", 0.0)
    inner = feature >= 0
    threshold = np.where((threshold < 0) & (threshold >= -float(NOUGHT)), float(np.nextafter(-NOUGHT, np.float32(-1))), threshold)
    by_median = median[feature] <= threshold
    learned = np.isnan(median[feature])
    return Trees(
        feature=feature,
        threshold=threshold,
        left=column("left_child", -1).astype(np.int64),
        right=column("right_child", -1).astype(np.int64),
        missing_left=inner & np.where(learned, column("default_left", 0).astype(np.bool_), by_median),
        value=np.where(inner, 0.0, column("leaf_value", 0.0)),
        cover=np.where(inner, column("internal_count", 0.0), column("leaf_count", 1.0)),
        roots=np.flatnonzero([node.get("root", False) for node in nodes]).astype(np.int64),
    )
