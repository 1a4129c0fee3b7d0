"""Estimator: the one contract of everything that learns a yes-or-no question from a table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from consilium.models.odds import probability_of

if TYPE_CHECKING:
    import onnx


class Estimator(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A binary classifier after scikit-learn's contract that also exports itself and its reasons.

    Rows are float32, as they are when served, with NaN where nothing was observed; the arithmetic after that is float64.
    A subclass writes `_learn`, `_log_odds`, `to_onnx` and `reasons`.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The two answers; the second is the one whose log-odds are given.
    n_features_in_ : int
    """

    def fit(self, X: ArrayLike, y: ArrayLike, subjects: ArrayLike | None = None, progress: Callable[[str], None] | None = None) -> Self:
        """Learn from X of shape (n, p) and y of shape (n,) with two distinct values.

        Parameters
        ----------
        subjects : array-like of shape (n,), optional
            Patient of each row, for a learner that sets patients apart to know when to stop; without it each row is its own.
        progress : callable, optional
            Told how far it is, by a learner that takes long.

        Raises
        ------
        ValueError
            When shapes disagree, X holds an infinity, or y has not exactly two classes.
        """
        rows, answers = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        check_classification_targets(answers)
        target = type_of_target(answers, input_name="y")
        self.classes_, labels = np.unique(answers, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(f"{type(self).__name__} needs two classes to learn from; y holds one class: {self.classes_[0]!r}")
        if target != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {target}.")
        whose = np.arange(len(rows)) if subjects is None else np.asarray(subjects)
        check_consistent_length(rows, whose)
        self._learn_of(rows.astype(np.float64), labels.astype(np.int64), whose.astype(np.int64), progress or _silent)
        return self

    def log_odds(self, X: ArrayLike) -> NDArray[np.float64]:
        """Uncalibrated log-odds, float64 of shape (n,), of the second class for X of shape (n, p)."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float32, ensure_all_finite="allow-nan")
        return self._log_odds(rows.astype(np.float64))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Uncalibrated probabilities of both classes, float64 of shape (n, 2)."""
        probability = probability_of(self.log_odds(X))
        return np.column_stack([1.0 - probability, probability])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The more probable class of each row, shape (n,)."""
        second = self.log_odds(X) > 0
        answers: NDArray[Any] = self.classes_[second.astype(np.int64)]
        return answers

    @abstractmethod
    def to_onnx(self) -> onnx.ModelProto:
        """The fitted learner as ONNX: one input `X` float32 [n, p] (NaN is missing), one output `log_odds` float32 [n, 1]."""

    @abstractmethod
    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """What is needed to say why, as JSON: `kind` and the arrays that `consilium.models.attribution` reads.

        X of shape (n, p) are the training rows, against whose average or middle patient an answer is explained.
        """

    @abstractmethod
    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        """Learn from complete shapes: X (n, p) float64 holding float32 values, y (n,) of 0 and 1."""

    @abstractmethod
    def _log_odds(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds (n,) of rows as in `_learn`."""

    def _learn_of(self, X: NDArray[np.float64], y: NDArray[np.int64], subjects: NDArray[np.int64], progress: Callable[[str], None]) -> None:
        """Learn knowing whose rows they are; most learners need not know."""
        self._learn(X, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags


def _silent(words: str) -> None:
    """Say nothing."""
