"""Faithfulness: whether the inputs that are given as reasons are those on which the model's answer hangs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHARES = tuple(round(share / 10, 1) for share in range(11))
ORDERS = 8
SEED = 30


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Four mean curves over `SHARES`, and for each row the area by which the ranking does better than chance; shapes (11,) and (n,)."""

    deletion: NDArray[np.float64]
    deletion_random: NDArray[np.float64]
    insertion: NDArray[np.float64]
    insertion_random: NDArray[np.float64]
    deletion_gain: NDArray[np.float64]
    insertion_gain: NDArray[np.float64]


def curves(
    log_odds: Callable[[NDArray[np.float32]], NDArray[np.float64]], X: ArrayLike, weights: ArrayLike, reference: ArrayLike
) -> Curves:
    """Take inputs away, and put them in, in the order of their weights and in random orders.

    The reference patient has every input at `reference` (p,), the training median. An answer's distance is `f(x) - f(reference)`
    in log-odds. Deletion starts from x (n, p) and puts inputs at the reference, those that speak most for the side the answer
    lies on first; insertion starts from the reference and puts the inputs of x in, in the same order. What is left of the
    distance, over all rows, is the curve: deletion falls early and insertion rises early when `weights` (n, p) are faithful.

    Sources: Petsiuk, Das & Saenko 2018 (RISE, deletion and insertion); Samek et al. 2017, doi:10.1109/TNNLS.2016.2599820.

    Examples
    --------
    >>> rows = np.array([[3.0, 1.0, 0.0]], np.float32)
    >>> found = curves(lambda r: r.astype(float).sum(axis=1), rows, rows, np.zeros(3))
    >>> bool(found.deletion_gain[0] > 0 and found.insertion_gain[0] > 0)
    True
    """
    rows, ranked = np.asarray(X, dtype=np.float32), np.asarray(weights, dtype=np.float64)
    typical = np.asarray(reference, dtype=np.float32)
    n, p = rows.shape
    at_reference = float(log_odds(typical[None])[0])
    whole = log_odds(rows) - at_reference
    side = np.where(whole < 0, -1.0, 1.0)
    scale = float(np.abs(whole).mean()) or 1.0
    taken = np.round(np.array(SHARES) * p).astype(int)
    draw = np.random.default_rng(SEED)
    by_rank = np.argsort(np.argsort(-side[:, None] * ranked, axis=1, kind="stable"), axis=1)

    def walked(rank: NDArray[np.intp], insert: bool) -> NDArray[np.float64]:
        moved = rank[:, None, :] < taken[None, :, None]
        mixed = np.where(moved == insert, rows[:, None, :], typical)
        value = log_odds(mixed.reshape(-1, p)).reshape(n, len(SHARES)) - at_reference
        return np.asarray(side[:, None] * value / scale, dtype=np.float64)

    random = [np.argsort(draw.random((n, p)), axis=1) for _ in range(ORDERS)]
    deletion, insertion = walked(by_rank, False), walked(by_rank, True)
    deletion_random = np.mean([walked(order, False) for order in random], axis=0)
    insertion_random = np.mean([walked(order, True) for order in random], axis=0)
    area = np.diff(SHARES)

    def under(curve: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(((curve[:, 1:] + curve[:, :-1]) / 2) @ area, dtype=np.float64)

    return Curves(
        deletion.mean(axis=0), deletion_random.mean(axis=0), insertion.mean(axis=0), insertion_random.mean(axis=0),
        under(deletion_random) - under(deletion), under(insertion) - under(insertion_random),
    )  # fmt: skip
