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


LEAST_HAZARD, MOST_HAZARD = -20.0, 6.5
"""Log cumulative hazards are held between these: risks of 2e-9 and of 1 - 1e-289."""


def log_odds_of_hazard(log_hazard: ArrayLike) -> NDArray[np.float64]:
    """Log-odds of having had an event, of the logarithm of its cumulative hazard H: `log(exp(H) - 1)`, element by element.

    Examples
    --------
    >>> bool(np.isclose(probability_of(log_odds_of_hazard(np.log(0.5))), 1 - np.exp(-0.5)))
    True
    """
    hazard = np.exp(np.clip(np.asarray(log_hazard, dtype=np.float64), LEAST_HAZARD, MOST_HAZARD))
    return np.asarray(hazard + np.log(-np.expm1(-hazard)), dtype=np.float64)
