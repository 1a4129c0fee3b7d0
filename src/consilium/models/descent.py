"""Logistic regression by plain gradient descent: every step in the open, for teaching and for checking the library."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from consilium.models.logistic import Linear
from consilium.models.odds import probability_of
from consilium.models.preparation import Preparation


class LogisticDescent(Linear):
    """The model of `Logistic`, found by going downhill.

    Minimised is the mean log-loss plus `|w|^2 / (2 C n)`, which has the same optimum as `Logistic`. Its gradient changes at
    most L = (largest eigenvalue of Z'Z) / (4 n) + 1 / (C n) times as fast as the weights, Z being the standardised rows with
    a column of ones; below a step of 2 / L the loss falls at every step.

    Parameters
    ----------
    C : float, default 1.0
        Inverse strength of the penalty.
    step : float or None, default None
        Step size; None takes 1 / L.
    tol : float, default 1e-4
        It stops when `|gradient| * C * n`, a bound on how far the weights are from the optimum, is below it.
    max_iter : int, default 200_000
        It stops here at the latest, with a ConvergenceWarning.

    Attributes
    ----------
    loss_curve_ : list of float
        The minimised loss before each step, and at the end.
    n_iter_ : int
        Steps taken.
    step_ : float
        Step size used.
    """

    def __init__(self, C: float = 1.0, step: float | None = None, tol: float = 1e-4, max_iter: int = 200_000) -> None:
        self.C = C
        self.step = step
        self.tol = tol
        self.max_iter = max_iter

    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        self.preparation_ = Preparation.learned(X)
        rows = np.column_stack([self.preparation_(X), np.ones(len(X))])
        count = len(rows)
        pull = np.full(rows.shape[1], 1.0 / (self.C * count))
        pull[-1] = 0.0
        steepest = float(np.linalg.eigvalsh(rows.T @ rows)[-1]) / (4 * count) + 1.0 / (self.C * count)
        self.step_ = 1.0 / steepest if self.step is None else self.step
        if not 0 < self.step_ < 2 / steepest:
            raise ValueError(f"With step {self.step_:g} gradient descent does not converge here; choose one between 0 and {2 / steepest:g}")
        weights = np.zeros(rows.shape[1])
        near = self.tol / (self.C * count)
        self.loss_curve_: list[float] = []
        self.n_iter_ = 0
        while True:
            margin = rows @ weights
            gradient = rows.T @ (probability_of(margin) - y) / count + pull * weights
            self.loss_curve_.append(float((np.logaddexp(0.0, margin) - y * margin).mean() + 0.5 * (pull * weights**2).sum()))
            if self.n_iter_ and np.linalg.norm(gradient) <= near:
                break
            if self.n_iter_ == self.max_iter:
                warnings.warn(
                    f"Gradient descent stopped after {self.max_iter} steps short of its optimum", ConvergenceWarning, stacklevel=3
                )
                break
            weights = weights - self.step_ * gradient
            self.n_iter_ += 1
        self.coef_, self.intercept_ = weights[:-1], float(weights[-1])
