"""Neural network: a small multilayer perceptron over standardised inputs."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted

from consilium.models.estimator import Estimator
from consilium.models.permutation import against_median
from consilium.models.preparation import Preparation

if TYPE_CHECKING:
    import onnx


class Network(Estimator):
    """Multilayer perceptron (ReLU) by scikit-learn, trained by Adam.

    Where there are patients to spare it stops early: from 20 patients in the rarer class on, a fifth is set apart and training ends
    when 25 passes over the rest have not improved it. Below that all patients are learned from, for `max_iter` passes.

    Parameters
    ----------
    hidden : tuple of int, default (16,)
        Width of each hidden layer.
    alpha : float, default 1.0
        L2 penalty on the weights.
    max_iter : int, default 300
        Passes over the training rows at most.
    random_state : int, default 0

    Attributes
    ----------
    preparation_ : Preparation
    layers_ : list of (weights, offset), float64 arrays of shape (k, m) and (m,)
    n_iter_ : int
        Passes made.
    """

    def __init__(self, hidden: tuple[int, ...] = (16,), alpha: float = 1.0, max_iter: int = 300, random_state: int = 0) -> None:
        self.hidden = hidden
        self.alpha = alpha
        self.max_iter = max_iter
        self.random_state = random_state

    def to_onnx(self) -> onnx.ModelProto:
        """The fitted learner as ONNX: `X` float32 [n, p] to `log_odds` float32 [n, 1]."""
        from consilium.models.graph import Graph

        check_is_fitted(self)
        graph = Graph(self.n_features_in_)
        rows = graph.prepared(self.preparation_)
        for weights, offset in self.layers_[:-1]:
            rows = graph.node("Relu", graph.dense(rows, weights, offset))
        return graph.model(graph.dense(rows, *self.layers_[-1]))

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` permutation: Shapley values against the patient whose inputs are all at the median."""
        return against_median(self.preparation_.median)

    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        self.preparation_ = Preparation.learned(X)
        fitted = MLPClassifier(
            hidden_layer_sizes=self.hidden,
            alpha=self.alpha,
            batch_size=min(32, len(X)),
            learning_rate_init=0.005,
            max_iter=self.max_iter,
            early_stopping=bool(np.bincount(y).min() >= 20),
            validation_fraction=0.2,
            n_iter_no_change=25,
            random_state=self.random_state,
        )
        with warnings.catch_warnings():
            # `max_iter` passes is the stated end of training, not a failure.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.fit(self.preparation_(X), y)
        self.layers_ = [(w.astype(np.float64), b.astype(np.float64)) for w, b in zip(fitted.coefs_, fitted.intercepts_, strict=True)]
        self.n_iter_ = int(fitted.n_iter_)

    def _log_odds(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = self.preparation_(X)
        for weights, offset in self.layers_[:-1]:
            rows = np.maximum(rows @ weights + offset, 0.0)
        weights, offset = self.layers_[-1]
        return np.asarray((rows @ weights + offset)[:, 0], dtype=np.float64)
