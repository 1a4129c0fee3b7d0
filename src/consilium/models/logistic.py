"""Logistic regression: log-odds as a weighted sum of standardised inputs, weights held small by an L2 penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from consilium.models.estimator import Estimator
from consilium.models.preparation import Preparation

if TYPE_CHECKING:
    import onnx


class Linear(Estimator):
    """What every linear learner shares once its weights are known; it does not learn by itself.

    Attributes
    ----------
    preparation_ : Preparation
        Medians, means and standard deviations of the training rows.
    coef_ : float64 array of shape (p,)
        Log-odds per standard deviation.
    intercept_ : float
        Log-odds of the average patient.
    """

    preparation_: Preparation
    coef_: NDArray[np.float64]
    intercept_: float

    def to_onnx(self) -> onnx.ModelProto:
        """The fitted learner as ONNX: `X` float32 [n, p] to `log_odds` float32 [n, 1]."""
        from consilium.models.graph import Graph

        check_is_fitted(self)
        graph = Graph(self.n_features_in_)
        return graph.model(graph.dense(graph.prepared(self.preparation_), self.coef_[:, None], np.array([self.intercept_])))

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` linear: an input's reason is its weight times its distance from the mean of the training rows."""
        prepared = self.preparation_
        slope = self.coef_ * prepared.gain
        return {
            "kind": "linear",
            "median": prepared.median.tolist(),
            "mean": prepared.mean.tolist(),
            "slope": slope.tolist(),
            "base": self.intercept_,
        }

    def _log_odds(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.preparation_(X) @ self.coef_ + self.intercept_, dtype=np.float64)


class Logistic(Linear):
    """Logistic regression, fitted by scikit-learn (Newton's method).

    Parameters
    ----------
    C : float, default 1.0
        Inverse strength of the penalty: minimised is `|w|^2 / 2 + C * sum of log-losses`.
    """

    def __init__(self, C: float = 1.0) -> None:
        self.C = C

    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        self.preparation_ = Preparation.learned(X)
        fitted = LogisticRegression(C=self.C, solver="newton-cholesky", tol=1e-8, max_iter=200).fit(self.preparation_(X), y)
        self.coef_, self.intercept_ = fitted.coef_[0].astype(np.float64), float(fitted.intercept_[0])
