"""Explainable boosting machine: a sum of one curve for each input and a few surfaces for pairs of them (interpret)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from interpret.glassbox import ExplainableBoostingClassifier
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from consilium.models.estimator import Estimator
from consilium.models.terms import Terms

if TYPE_CHECKING:
    import onnx

# onnx.TensorProto.INT64
INT64 = 7


class Additive(Estimator):
    """Explainable boosting machine; being missing is a bin of its own on every curve.

    Parameters
    ----------
    interactions : int, default 3
        Pairs of inputs that get a surface.
    max_bins : int, default 32
        Bins of a curve.
    outer_bags : int, default 4
        Models averaged, each stopped on patients of its own.
    learning_rate : float, default 0.05
    max_rounds : int, default 200
        Boosting rounds at most.
    n_jobs : int, default 1
        Processes that fit bags.
    random_state : int, default 0

    Attributes
    ----------
    terms_ : Terms
        Cut points and scores; `mean` is over the rows it was fitted on.
    """

    def __init__(
        self,
        interactions: int = 3,
        max_bins: int = 32,
        outer_bags: int = 4,
        learning_rate: float = 0.05,
        max_rounds: int = 200,
        n_jobs: int = 1,
        random_state: int = 0,
    ) -> None:
        self.interactions = interactions
        self.max_bins = max_bins
        self.outer_bags = outer_bags
        self.learning_rate = learning_rate
        self.max_rounds = max_rounds
        self.n_jobs = n_jobs
        self.random_state = random_state

    def to_onnx(self) -> onnx.ModelProto:
        """The fitted learner as ONNX: `X` float32 [n, p] to `log_odds` float32 [n, 1]."""
        from consilium.models.graph import Graph

        check_is_fitted(self)
        terms = self.terms_
        graph = Graph(self.n_features_in_)
        cuts = np.full((len(terms.cuts), max(1, *(len(cut) for cut in terms.cuts))), np.inf)
        for scale, cut in enumerate(terms.cuts):
            cuts[scale, : len(cut)] = cut
        columns = graph.node("Gather", graph.rows, graph.constant(np.array(terms.feature)), axis=1)
        above = graph.node("GreaterOrEqual", graph.node("Unsqueeze", columns, graph.constant(np.array([2]))), graph.constant(cuts))
        passed = graph.node("ReduceSum", graph.node("Cast", above, to=INT64), graph.constant(np.array([2])), keepdims=0)
        bins = graph.node("Where", graph.node("IsNaN", columns), graph.constant(0), graph.node("Add", passed, graph.constant(1)))
        # The zero in front of which a missing second scale is read keeps one rule for curves and surfaces.
        none = graph.node("Mul", graph.node("Slice", bins, *(graph.constant(np.array([v])) for v in (0, 1, 1))), graph.constant(0))
        bins = graph.node("Concat", bins, none, axis=1)
        first = graph.node("Mul", graph.node("Gather", bins, graph.constant(terms.first), axis=1), graph.constant(terms.stride))
        place = graph.node("Add", first, graph.node("Gather", bins, graph.constant(terms.second), axis=1))
        scores = graph.node("Gather", graph.constant(terms.scores), graph.node("Add", place, graph.constant(terms.offset)))
        total = graph.node("ReduceSum", scores, graph.constant(np.array([1])), keepdims=1)
        return graph.model(graph.node("Add", total, graph.constant(np.array([terms.intercept]))))

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` additive: an input's reason is its curve's score against the curve's mean over the training rows."""
        return {"kind": "additive", **self.terms_.as_json()}

    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        fitted = ExplainableBoostingClassifier(
            feature_types=["continuous"] * X.shape[1],
            interactions=self.interactions,
            max_bins=self.max_bins,
            max_interaction_bins=min(16, self.max_bins),
            outer_bags=self.outer_bags,
            learning_rate=self.learning_rate,
            max_rounds=self.max_rounds,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        )
        with warnings.catch_warnings():
            # Missing values have a bin of their own, and interpret's own pictures are not used.
            warnings.filterwarnings("ignore", "Missing values detected", UserWarning)
            warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
            self._fitted = fitted.fit(X, y)
        _silence(fitted, np.asarray(np.isnan(X).all(axis=0)))
        self.terms_ = _terms(fitted, X)

    def _log_odds(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self._fitted.decision_function(X), dtype=np.float64).reshape(len(X))


def _silence(fitted: ExplainableBoostingClassifier, never: NDArray[np.bool_]) -> None:
    """Let a feature that was never observed in training score as if it were missing, whatever it is later."""
    for features, score in zip(fitted.term_features_, fitted.term_scores_, strict=True):
        for axis, feature in enumerate(features):
            if never[feature]:
                score[...] = np.take(score, [0], axis=axis)


def _terms(fitted: ExplainableBoostingClassifier, X: NDArray[np.float64]) -> Terms:
    """The arrays of interpret's fitted model; its coarser bins serve pairs."""
    scales: dict[tuple[int, int], int] = {}
    first, second, stride, offset, scores, start = [], [], [], [], [], 0
    for features, score in zip(fitted.term_features_, fitted.term_scores_, strict=True):
        places = []
        for feature in features:
            level = min(len(features), len(fitted.bins_[feature])) - 1
            places.append(scales.setdefault((feature, level), len(scales)))
        first.append(places[0])
        second.append(places[1] if len(places) > 1 else -1)
        stride.append(score.shape[1] if len(places) > 1 else 1)
        offset.append(start)
        scores.append(np.asarray(score, dtype=np.float64).ravel())
        start += score.size
    none = len(scales)
    terms = Terms(
        feature=tuple(int(feature) for feature, _ in scales),
        cuts=tuple(np.asarray(fitted.bins_[feature][level], dtype=np.float64) for feature, level in scales),
        first=np.array(first, dtype=np.int64),
        second=np.array([none if place < 0 else place for place in second], dtype=np.int64),
        stride=np.array(stride, dtype=np.int64),
        offset=np.array(offset, dtype=np.int64),
        scores=np.concatenate(scores),
        intercept=float(np.ravel(fitted.intercept_)[0]),
        mean=np.zeros(len(first)),
    )
    return Terms(**{**{name: getattr(terms, name) for name in Terms.__slots__}, "mean": terms.scored(X).mean(axis=0)})
