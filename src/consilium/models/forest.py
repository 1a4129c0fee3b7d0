"""Random forest: the mean opinion of many trees, each grown on its own sample of patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from consilium.models.odds import log_odds_of
from consilium.models.tree import Wood, grown


class Forest(Wood):
    """Random forest, grown by scikit-learn; a missing value goes the way that separated best in training.

    Parameters
    ----------
    n_estimators : int, default 200
        Trees.
    min_samples_leaf : int, default 3
        Patients in the smallest leaf.
    max_depth : int or None, default 8
        Questions on the longest path.
    n_jobs : int, default 1
        Threads that grow trees; the forest does not depend on it.
    random_state : int, default 0
    """

    def __init__(
        self, n_estimators: int = 200, min_samples_leaf: int = 3, max_depth: int | None = 8, n_jobs: int = 1, random_state: int = 0
    ) -> None:
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_depth = max_depth
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        self._fitted = RandomForestClassifier(
            n_estimators=self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            max_depth=self.max_depth,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        ).fit(X, y)
        # Threads cost more than they save when one patient is asked.
        self._fitted.n_jobs = 1
        self.trees_ = grown(self._fitted.estimators_)
        self.clip_ = 1.0 / (len(X) + 2)

    def _log_odds(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return log_odds_of(self._fitted.predict_proba(X)[:, 1], self.clip_)
