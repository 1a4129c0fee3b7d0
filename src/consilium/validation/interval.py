"""Interval: the ways a 95 % interval is made here."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core import Estimate

Z = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""

TAIL = 0.025
"""What lies outside a 95 % interval on each side."""

TIMES = 1000
"""How often patients are drawn again for a bootstrap interval."""


def wald(value: float, error: float) -> Estimate:
    """The estimate and 1.96 standard errors to both sides."""
    return Estimate(value, value - Z * error, value + Z * error)


def wilson(events: float, n: float) -> Estimate:
    """A share and its score interval (Wilson 1927), which stays in [0, 1] and has a width even at 0 and at 1.

    The numbers need not be whole: weighted patients count as their effective number.

    Examples
    --------
    >>> share = wilson(0, 10)
    >>> share.value, share.low, round(share.high, 3)
    (0.0, 0.0, 0.278)
    """
    share = events / n
    centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    low = 0.0 if events == 0 else max(0.0, centre - half)
    high = 1.0 if events == n else min(1.0, centre + half)
    return Estimate(share, low, high)


def percentile(value: float, drawn: ArrayLike) -> Estimate:
    """The estimate and the 2.5th and 97.5th percentile of its bootstrap values; no interval where none is a number."""
    values = np.asarray(drawn, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return Estimate(value)
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return Estimate(value, float(low), float(high))


def resamples(n: int, *, seed: int, times: int = TIMES) -> Iterator[NDArray[np.int64]]:
    """Draw `n` of `n` patients with replacement, `times` times: arrays of row numbers of shape (n,)."""
    random = np.random.default_rng(seed)
    for _ in range(times):
        yield random.integers(n, size=n)
