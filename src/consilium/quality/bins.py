"""Bins: values at three (or two) significant digits as whole numbers, so that a distribution is counted exactly in bounded memory."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

_SHIFT, _BASE = 60, 10_000


def key(value: pl.Expr, digits: int = 3) -> pl.Expr:
    """A value at so many significant digits, as a whole number that orders as the values do.

    Examples
    --------
    >>> frame = pl.DataFrame({"v": [0.0, 7.254, -7.254, 0.9996]})
    >>> values(frame.select(key(pl.col("v"))).to_series().to_numpy()).tolist()
    [0.0, 7.25, -7.25, 1.0]
    """
    size = value.abs()
    power = size.log10().floor()
    mantissa = (size / pl.lit(10.0).pow(power - (digits - 1))).round()
    carried = mantissa >= 10.0**digits
    mantissa = pl.when(carried).then(10.0 ** (digits - 1)).otherwise(mantissa) * 10.0 ** (3 - digits)
    whole = (power + carried.cast(pl.Float64) + _SHIFT) * _BASE + mantissa
    return pl.when(size == 0).then(0.0).otherwise(whole * value.sign()).cast(pl.Int64)


def values(keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """The values that keys stand for."""
    keys = np.asarray(keys, dtype=np.int64)
    power, mantissa = np.divmod(np.abs(keys), _BASE)
    # The power of ten is taken from text, so that 7.25 is 7.25 and not its neighbour.
    found = np.array([float(f"{m}e{p - _SHIFT - 2}") for m, p in zip(mantissa.tolist(), power.tolist(), strict=True)], dtype=np.float64)
    return np.where(keys == 0, 0.0, np.sign(keys) * found) if len(keys) else found


def quantiles(at: NDArray[np.float64], counts: NDArray[np.int64], shares: list[float]) -> NDArray[np.float64]:
    """Weighted quantiles of values that each occur `counts` times (the lower of two)."""
    order = np.argsort(at, kind="stable")
    total = np.cumsum(counts[order])
    places = np.searchsorted(total, np.array(shares) * total[-1], side="left")
    found: NDArray[np.float64] = at[order][np.minimum(places, len(at) - 1)]
    return found
