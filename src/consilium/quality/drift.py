"""Drift: whether the values of a code changed between periods, or differ between sites, beyond what so few patients do by chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
_GROUPS = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """Population stability index (less what chance adds), Kolmogorov-Smirnov distance and its chance, of two groups of `n` patients."""

    psi: float
    distance: float
    chance: float
    n: tuple[int, int]


def drift(left: Mapping[int, int], right: Mapping[int, int]) -> Drift:
    """Compare two distributions given as patients by bin; bins order as the values do.

    The index is taken over about ten groups of equal size of both together, with half a patient added to each so that an empty
    group is no infinity; its expectation under no difference, (groups - 1)(1/n + 1/m), is taken off. The chance of the distance
    is Smirnov's asymptotic one, which is on the safe side for values with ties.

    Examples
    --------
    >>> same = drift({1: 100, 2: 100}, {1: 100, 2: 100})
    >>> same.distance, same.psi <= 0
    (0.0, True)
    """
    keys = sorted({*left, *right})
    a, b = (np.array([side.get(k, 0) for k in keys], dtype=np.int64) for side in (left, right))
    n, m = int(a.sum()), int(b.sum())
    distance = float(np.abs(np.cumsum(a) / n - np.cumsum(b) / m).max())
    groups = np.minimum((np.cumsum(a + b) - (a + b) / 2) * _GROUPS // (n + m), _GROUPS - 1).astype(np.int64)
    _, groups = np.unique(groups, return_inverse=True)
    k = int(groups.max()) + 1
    p = (np.bincount(groups, a, k) + 0.5) / (n + 0.5 * k)
    q = (np.bincount(groups, b, k) + 0.5) / (m + 0.5 * k)
    psi = float(((p - q) * np.log(p / q)).sum()) - (k - 1) * (1 / n + 1 / m)
    size = n * m / (n + m)
    chance = float(min(1.0, 2 * np.exp(-2 * size * distance**2)))
    return Drift(psi, distance, chance, (n, m))


def halves(years: Mapping[int, Mapping[int, int]]) -> tuple[dict[int, int], dict[int, int], int]:
    """The years of a code in two parts of about the same number of patients, and the first year of the second part."""
    order = sorted(years)
    sizes = np.cumsum([sum(years[y].values()) for y in order])
    cut = int(np.argmin(np.abs(sizes - sizes[-1] / 2))) + 1 if len(order) > 1 else len(order)
    cut = min(cut, len(order) - 1) if len(order) > 1 else cut
    first, second = (_sum([years[y] for y in part]) for part in (order[:cut], order[cut:]))
    return first, second, order[cut] if cut < len(order) else 0


def _sum(parts: list[Mapping[int, int]]) -> dict[int, int]:
    whole: dict[int, int] = {}
    for part in parts:
        for key, n in part.items():
            whole[key] = whole.get(key, 0) + n
    return whole
