"""Decision tree: one readable sequence of questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from consilium.models.draw import Words, svg
from consilium.models.estimator import Estimator
from consilium.models.odds import log_odds_of
from consilium.models.trees import Trees

if TYPE_CHECKING:
    import onnx


class Wood(Estimator):
    """What a tree and a forest share once grown: a probability is the mean of leaves, then clipped and put in log-odds.

    Attributes
    ----------
    trees_ : Trees
        The grown trees; each leaf holds its share of the second class divided by the number of trees.
    clip_ : float
        `1 / (n + 2)`: from n patients no probability nearer to 0 or 1 than this is claimed (Laplace's rule of succession).
    """

    trees_: Trees
    clip_: float

    def to_onnx(self) -> onnx.ModelProto:
        """The fitted learner as ONNX: `X` float32 [n, p] to `log_odds` float32 [n, 1]."""
        from consilium.models.graph import Graph

        check_is_fitted(self)
        graph = Graph(self.n_features_in_)
        return graph.model(graph.log_odds_of(graph.grown(self.trees_), self.clip_))

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` trees on the probability `scale`: exact Shapley values of the probability, rescaled to log-odds."""
        return {"kind": "trees", "scale": "probability", "clip": self.clip_, **self.trees_.as_json()}


class Tree(Wood):
    """Decision tree, grown by scikit-learn (CART); a missing value goes the way that separated best in training.

    Parameters
    ----------
    max_depth : int, default 4
        Questions on the longest path.
    min_samples_leaf : int, default 5
        Patients in the smallest leaf.
    random_state : int, default 0
        Decides between equally good questions.
    """

    def __init__(self, max_depth: int = 4, min_samples_leaf: int = 5, random_state: int = 0) -> None:
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state

    def draw(self, names: Sequence[str] | None = None, units: Sequence[str] | None = None, words: Words | None = None) -> str:
        """The tree as one self-contained SVG image: questions, how many training patients, and the share with the condition.

        Parameters
        ----------
        names, units : sequence of str, length p, optional
            Feature names (default those it was fitted with, or x0, x1, ...) and their units.
        words : Words, optional
            What is written in the picture; English by default.
        """
        check_is_fitted(self)
        known = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        given = list(known) if names is None else list(names)
        return svg(self.trees_, given, [""] * self.n_features_in_ if units is None else list(units), words or Words())

    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        tree = DecisionTreeClassifier(max_depth=self.max_depth, min_samples_leaf=self.min_samples_leaf, random_state=self.random_state)
        self._fitted = tree.fit(X, y)
        self.trees_ = grown([tree])
        self.clip_ = 1.0 / (len(X) + 2)

    def _log_odds(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return log_odds_of(self._fitted.predict_proba(X)[:, 1], self.clip_)


def grown(trees: Sequence[DecisionTreeClassifier]) -> Trees:
    """The arrays of scikit-learn's fitted binary trees; the sum of leaves is the mean probability of the second class."""
    parts = [tree.tree_ for tree in trees]
    roots = np.cumsum([0, *(part.node_count for part in parts[:-1])])
    inner = np.concatenate([part.children_left >= 0 for part in parts])

    def children(side: str) -> NDArray[np.int64]:
        placed = [getattr(part, side) + root for part, root in zip(parts, roots, strict=True)]
        return np.where(inner, np.concatenate(placed), -1).astype(np.int64)

    # An infinite threshold asks "is it observed?": the largest number asks the same, and JSON can hold it.
    largest = np.finfo(np.float64).max
    threshold = np.clip(np.concatenate([part.threshold for part in parts]), -largest, largest)
    share = np.concatenate([part.value[:, 0, 1] for part in parts]) / len(parts)
    return Trees(
        feature=np.where(inner, np.concatenate([part.feature for part in parts]), -1).astype(np.int64),
        threshold=np.where(inner, threshold, 0.0),
        left=children("children_left"),
        right=children("children_right"),
        missing_left=inner & np.concatenate([part.missing_go_to_left for part in parts]).astype(np.bool_),
        value=np.where(inner, 0.0, share),
        cover=np.concatenate([part.weighted_n_node_samples for part in parts]),
        roots=roots.astype(np.int64),
    )
