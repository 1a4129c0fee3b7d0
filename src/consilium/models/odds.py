"""Odds: the way between a probability and its log-odds, without overflow."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def probability_of(log_odds: ArrayLike) -> NDArray[np.float64]:
    """Probability in [0, 1] of log-odds (natural logarithm), element by element.

    Examples
    --------
    >>> probability_of([-1000.0, 0.0, 1000.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    value = np.asarray(log_odds, dtype=np.float64)
    small = np.exp(-np.abs(value))
    return np.where(value >= 0, 1.0, small) / (1.0 + small)


def log_odds_of(probability: ArrayLike, clip: float = 0.0) -> NDArray[np.float64]:
    """Log-odds of a probability, element by element, first clipped to [clip, 1 - clip].

    Without a clip, 0 and 1 give minus and plus infinity.

    Examples
    --------
    >>> log_odds_of([0.5, 1.0], clip=0.1).round(4).tolist()
    [0.0, 2.1972]
    """
    value = np.clip(np.asarray(probability, dtype=np.float64), clip, 1.0 - clip)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(value) - np.log1p(-value), dtype=np.float64)
