"""Preparation: what is done to a row before a learner that needs complete, standardised numbers sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEGLIGIBLE = 10 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """Median for what is missing, then `(x - mean) * gain`; learned from the training rows only.

    A feature that was never observed, or never varied, taught nothing: its gain is 0, so it has no say.

    Parameters
    ----------
    median, mean, gain : float64 array of shape (p,)
        `mean` and `1 / gain` are mean and standard deviation after the medians were filled in.
    """

    median: NDArray[np.float64]
    mean: NDArray[np.float64]
    gain: NDArray[np.float64]

    @classmethod
    def learned(cls, X: NDArray[np.float64]) -> Preparation:
        """Learn from X of shape (n, p), NaN where missing.

        Examples
        --------
        >>> Preparation.learned(np.array([[1.0, 7.0], [np.nan, 7.0], [3.0, 7.0]])).median.tolist()
        [2.0, 7.0]
        """
        median = medians(X)
        filled = np.where(np.isnan(X), median, X)
        mean, deviation = filled.mean(axis=0), filled.std(axis=0)
        varies = deviation > NEGLIGIBLE * np.abs(mean)
        gain = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)
        return cls(median, mean, gain)

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Prepared rows of shape (n, p), complete."""
        return np.asarray((np.where(np.isnan(X), self.median, X) - self.mean) * self.gain, dtype=np.float64)


def medians(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Median of what was observed in each column of X (n, p), as a float32 value as X holds; 0 where nothing was observed."""
    seen = ~np.isnan(X).all(axis=0)
    median = np.zeros(X.shape[1])
    if seen.any():
        median[seen] = np.nanmedian(X[:, seen].astype(np.float64), axis=0)
    return median.astype(np.float32).astype(np.float64)
