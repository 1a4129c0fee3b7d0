"""Support vector machine: how near a patient lies to remembered patients of either kind (RBF kernel)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from consilium.models.estimator import Estimator
from consilium.models.permutation import against_median
from consilium.models.preparation import Preparation

if TYPE_CHECKING:
    import onnx


class Vector(Estimator):
    """Support vector machine by scikit-learn (libsvm); its decision value is read as log-odds until it is calibrated.

    Parameters
    ----------
    C : float, default 1.0
        Cost of a patient on the wrong side.
    gamma : float or None, default None
        Width of the kernel `exp(-gamma * |x - v|^2)`; None is `1 / p`, p being the inputs that vary.

    Attributes
    ----------
    preparation_ : Preparation
    support_, dual_ : float64 arrays of shape (v, p) and (v,)
        Remembered patients, standardised, and their weights.
    intercept_, gamma_ : float
    """

    def __init__(self, C: float = 1.0, gamma: float | None = None) -> None:
        self.C = C
        self.gamma = gamma

    def to_onnx(self) -> onnx.ModelProto:
        """The fitted learner as ONNX: `X` float32 [n, p] to `log_odds` float32 [n, 1]."""
        from consilium.models.graph import Graph

        check_is_fitted(self)
        graph = Graph(self.n_features_in_)
        rows = graph.prepared(self.preparation_)
        squares = graph.node("ReduceSum", graph.node("Mul", rows, rows), graph.constant(np.array([1])), keepdims=1)
        products = graph.dense(rows, 2.0 * self.support_.T, -np.sum(self.support_**2, axis=1))
        kernel = graph.node("Exp", graph.node("Mul", graph.node("Sub", products, squares), graph.constant(self.gamma_)))
        return graph.model(graph.dense(kernel, self.dual_[:, None], np.array([self.intercept_])))

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` permutation: Shapley values against the patient whose inputs are all at the median."""
        return against_median(self.preparation_.median)

    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        self.preparation_ = Preparation.learned(X)
        self.gamma_ = 1.0 / max(1, int((self.preparation_.gain > 0).sum())) if self.gamma is None else self.gamma
        self._fitted = SVC(C=self.C, kernel="rbf", gamma=self.gamma_).fit(self.preparation_(X), y)
        self.support_, self.dual_ = self._fitted.support_vectors_, self._fitted.dual_coef_[0]
        self.intercept_ = float(self._fitted.intercept_[0])

    def _log_odds(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self._fitted.decision_function(self.preparation_(X)), dtype=np.float64)
