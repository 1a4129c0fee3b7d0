"""Counterfactual: the fewest and smallest changes of a few inputs with which a model would decide otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
STEPS = {1: 24, 2: 10, 3: 6}
SHOWN = 3
WORTH = 0.02


@dataclass(frozen=True, slots=True)
class Moved:
    """Columns at other values, and the log-odds there; `decides` when the answer itself is then another."""

    columns: tuple[int, ...]
    values: tuple[float, ...]
    log_odds: float
    decides: bool


def moves(
    x: Rows,
    goals: Mapping[int, float],
    log_odds: Callable[[Rows], NDArray[np.float64]],
    other: Callable[[Rows], NDArray[np.bool_]],
    plausible: Callable[[Rows], NDArray[np.bool_]],
) -> tuple[Moved, ...]:
    """Search the changes of one row x (p,).

    Parameters
    ----------
    x : float32 array of shape (p,)
    goals : mapping of column to float
        How far each changeable column may move at most; the search walks from x towards it in even steps.
    log_odds : callable
        Of rows (n, p).
    other : callable
        Whether rows (n, p) get another answer than x has.
    plausible : callable
        Whether rows (n, p) are such as the model knows; others are passed over.

    Returns
    -------
    tuple of Moved
        At most 3. Of the smallest number of columns (1 to 3) with which another answer is reached, for each choice of columns the
        smallest change that reaches it (in shares of the way to the goals). Where none does, single columns at their goal that move
        the probability by 0.02 or more, the strongest first, `decides` false.
    """
    columns = sorted(goals)
    for count in (n for n in STEPS if n <= len(columns)):
        grid = np.array(list(product(np.arange(1, STEPS[count] + 1) / STEPS[count], repeat=count)))
        grid = grid[np.argsort(grid.sum(axis=1), kind="stable")]
        found = []
        for chosen in combinations(columns, count):
            rows = np.repeat(x[None], len(grid), axis=0)
            for place, column in enumerate(chosen):
                rows[:, column] = x[column] + grid[:, place] * (goals[column] - x[column])
            good = np.flatnonzero(other(rows) & plausible(rows))
            if len(good):
                first = good[0]
                found.append(
                    (float(grid[first].sum()), Moved(chosen, _at(rows[first], chosen), float(log_odds(rows[first : first + 1])[0]), True))
                )
        if found:
            return tuple(moved for _, moved in sorted(found, key=lambda f: f[0])[:SHOWN])
    now = _probability(float(log_odds(x[None])[0]))
    single = []
    for column in columns:
        row = x.copy()
        row[column] = goals[column]
        score = float(log_odds(row[None])[0])
        if abs(_probability(score) - now) >= WORTH and plausible(row[None])[0]:
            single.append(Moved((column,), _at(row, (column,)), score, False))
    return tuple(sorted(single, key=lambda m: -abs(_probability(m.log_odds) - now))[:SHOWN])


def _at(row: Rows, chosen: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(float(row[column]) for column in chosen)


def _probability(score: float) -> float:
    return float(1 / (1 + np.exp(-score)))
