"""Interval: the ways a 95 % interval is made here."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core import Estimate
from consilium.validation.repeated import Repeated

Z = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""

TAIL = 0.025
"""What lies outside a 95 % interval on each side."""

TIMES = 1000
"""How often patients are drawn again for a bootstrap interval."""


def wald(value: float, error: float) -> Estimate:
    """The estimate and 1.96 standard errors to both sides; no interval where the error is not known."""
    if not math.isfinite(error):
        return Estimate(value)
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


def wilson_of(value: NDArray[np.bool_], whose: Repeated | None) -> Estimate:
    """The share of `value` (n,) and its Wilson interval; rows of the same patients count as the independent ones that know as much."""
    if whose is None:
        return wilson(int(value.sum()), value.size)
    n = whose.effective(value)
    return wilson(float(value.mean()) * n, n)


def percentile(value: float, drawn: ArrayLike) -> Estimate:
    """The estimate and the 2.5th and 97.5th percentile of its bootstrap values; no interval where none is a number."""
    values = np.asarray(drawn, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return Estimate(value)
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return Estimate(value, float(low), float(high))


def drawn_means(columns: NDArray[np.float64], whose: Repeated | None, *, seed: int, times: int = TIMES) -> NDArray[np.float64]:
    """Means (times, c) of columns (n, c) over rows, or over all rows of patients, drawn again."""
    if whose is None:
        return np.array([columns[rows].mean(axis=0) for rows in resamples(len(columns), seed=seed, times=times)])
    sums = np.column_stack([whose.totals(column) for column in columns.T])
    rows = whose.totals(np.ones(len(columns)))
    return np.array([weight @ sums / (weight @ rows) for weight in whose.draws(seed=seed, times=times)])


def resamples(n: int, *, seed: int, times: int = TIMES) -> Iterator[NDArray[np.int64]]:
    """Draw `n` of `n` patients with replacement, `times` times: arrays of row numbers of shape (n,)."""
    random = np.random.default_rng(seed)
    for _ in range(times):
        yield random.integers(n, size=n)
