"""Permutation: Shapley values of any model, by walking from a reference patient to this one, one input at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORDERS = 32
SEED = 20


def against_median(median: NDArray[np.float64]) -> dict[str, Any]:
    """What `walk` needs as JSON: the reference patient (p,), and the orders, drawn once so that an answer never changes.

    Examples
    --------
    >>> reasons = against_median(np.array([1.0, 2.0]))
    >>> reasons["kind"], len(reasons["orders"])
    ('permutation', 32)
    """
    draw = np.random.default_rng(SEED)
    orders = [draw.permutation(len(median)).tolist() for _ in range(ORDERS)]
    return {"kind": "permutation", "reference": median.tolist(), "orders": orders}


def walk(
    x: NDArray[np.float32],
    reference: NDArray[np.float32],
    orders: Sequence[Sequence[int]],
    raw: Callable[[NDArray[np.float32]], NDArray[np.float64]],
) -> tuple[float, NDArray[np.float64]]:
    """Base and Shapley values (p,) of one row x (p,): how much `raw` changes when an input leaves the reference.

    Each order is walked forwards and backwards (antithetic sampling), all in one batch. The values of each walk add up to
    `raw(x) - raw(reference)`, so their mean does. Where x is missing, it stays at the reference and weighs nothing.
    Source: Mitchell et al. 2022, JMLR 23(43).

    Examples
    --------
    >>> x, reference = np.array([2.0, np.nan], np.float32), np.zeros(2, np.float32)
    >>> base, values = walk(x, reference, [[0, 1]], lambda rows: 1.0 + 3.0 * rows[:, 0].astype(float))
    >>> base, values.tolist()
    (1.0, [6.0, 0.0])
    """
    target = np.where(np.isnan(x), reference, x)
    both = np.array([order for one in orders for order in (list(one), list(one)[::-1])])
    walks, width = both.shape
    rank = np.argsort(both, axis=1)
    taken = rank[:, None, :] < np.arange(width + 1)[None, :, None]
    rows = np.where(taken, target, reference).reshape(walks * (width + 1), width)
    value = raw(rows.astype(np.float32)).reshape(walks, width + 1)
    gained = np.diff(value, axis=1)
    return float(value[0, 0]), np.asarray(np.take_along_axis(gained, rank, axis=1).mean(axis=0), dtype=np.float64)
