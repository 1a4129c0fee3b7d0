"""Prototypes: past patients as groups that name nobody, so that a new one can be told how such patients fared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import ModelError

LEAST = 10
SIZE = 25
GROUPS = 400


@dataclass(frozen=True, slots=True, eq=False)
class Prototypes:
    """Groups of at least 10 training patients each; every patient of training is in one.

    Parameters
    ----------
    centre, spread : float64 arrays of shape (p,)
        Median and spread of each input: the scale on which patients are compared.
    weight : float64 array of shape (p,)
        How much each input counts in being similar, summing to 1.
    typical : float64 array of shape (g, p)
        What is typical of each group: the mean of the middle half of its values (the share, for a yes/no), NaN where fewer than
        10 of them had a value. Never one patient's value.
    n, events : int64 arrays of shape (g,)
        Patients, and patients with the condition.

    Raises
    ------
    ModelError
        When a group is smaller than 10, or the arrays do not fit each other.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    weight: NDArray[np.float64]
    typical: NDArray[np.float64]
    n: NDArray[np.int64]
    events: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.typical.shape != (len(self.n), len(self.centre)) or self.events.shape != self.n.shape:
            raise ModelError("Groups of past patients cannot be read", found=self.typical.shape, expected=(len(self.n), len(self.centre)))
        if not len(self.n) or int(self.n.min()) < LEAST or (self.events > self.n).any() or (self.events < 0).any():
            raise ModelError("A group of past patients is too small to name nobody", found=self.n.tolist()[:5], expected=f">= {LEAST}")

    def nearest(self, X: ArrayLike) -> NDArray[np.int64]:
        """For each row (n, p), the number of the group most like it, compared on what was observed in both."""
        rows = (np.asarray(X, dtype=np.float64) - self.centre) / self.spread
        groups = (self.typical - self.centre) / self.spread
        found = np.empty(len(rows), dtype=np.int64)
        for row, x in enumerate(rows):
            apart = np.arcsinh(x) - np.arcsinh(groups)
            known = ~np.isnan(apart)
            weight = (self.weight * known).sum(axis=1)
            distance = np.where(known, self.weight * apart**2, 0.0).sum(axis=1)
            found[row] = int(np.argmin(np.divide(distance, weight, out=np.full(len(weight), np.inf), where=weight > 0)))
        return found

    def as_json(self) -> dict[str, Any]:
        """The groups as lists; what is typical to four figures."""
        rounded = [[None if np.isnan(v) else float(f"{v:.4g}") for v in group] for group in self.typical]
        return {
            **{name: getattr(self, name).tolist() for name in ("n", "events")},
            **{name: [float(f"{v:.6g}") for v in getattr(self, name)] for name in ("centre", "spread", "weight")},
            "typical": rounded,
        }

    @classmethod
    def of_json(cls, held: Mapping[str, Any]) -> Prototypes:
        """From what `as_json` gave."""
        numbers = {name: np.array(held[name], dtype=np.float64) for name in ("centre", "spread", "weight", "typical")}
        return cls(**numbers, n=np.array(held["n"], dtype=np.int64), events=np.array(held["events"], dtype=np.int64))


def fit_prototypes(X: ArrayLike, y: ArrayLike, weight: ArrayLike, size: int = SIZE) -> Prototypes | None:
    """Group the training patients X (n, p) with labels y (n,); None where there are too few for two groups.

    By maximum distance to average (MDAV): again and again the patient farthest from the mean takes the nearest `size - 1` into a
    group, then the one farthest from that one; what remains is the last group, of `size` to `2 size - 1` patients. A patient with
    several rows counts as several: give one row each. At most 400 groups, larger ones where there are more patients.

    Parameters
    ----------
    X, y : arrays of shape (n, p) and (n,)
    weight : array of shape (p,)
        How much each input counts; not negative.
    size : int
        Patients in a group, at least 10.

    Sources: Domingo-Ferrer & Mateo-Sanz 2002, doi:10.1109/69.979982; Sweeney 2002, doi:10.1142/S0218488502001648 (k-anonymity).
    """
    rows, label = np.asarray(X, dtype=np.float64), np.asarray(y)
    if size < LEAST:
        raise ModelError("A group of past patients is too small to name nobody", found=size, expected=f">= {LEAST}")
    n, p = rows.shape
    size = max(size, -(-n // GROUPS))
    if n < 2 * size:
        return None
    middle, spread = np.zeros(p), np.ones(p)
    seen = ~np.isnan(rows).all(axis=0)
    if seen.any():
        low, middle[seen], high = np.nanpercentile(rows[:, seen], [25, 50, 75], axis=0)
        deviation = np.nanstd(rows[:, seen], axis=0)
        wide = (high - low) / 1.349
        spread[seen] = np.where(wide > 0, wide, np.where(deviation > 0, deviation, 1.0))
    share = np.maximum(np.asarray(weight, dtype=np.float64), 0.0)
    share = share / share.sum() if share.sum() > 0 else np.full(p, 1 / p)
    placed = np.nan_to_num(np.arcsinh((rows - middle) / spread)) * np.sqrt(share)
    groups = _microaggregated(placed, size)
    typical = np.array([_typical(rows[group]) for group in groups])
    events = np.array([int(label[group].sum()) for group in groups])
    return Prototypes(middle, spread, share, typical, np.array([len(g) for g in groups]), events)


def _microaggregated(placed: NDArray[np.float64], size: int) -> list[NDArray[np.intp]]:
    left = np.arange(len(placed))
    groups = []

    def take(of: NDArray[np.float64]) -> None:
        nonlocal left
        order = np.argsort(((placed[left] - of) ** 2).sum(axis=1), kind="stable")[:size]
        groups.append(left[order])
        left = np.delete(left, order)

    while len(left) >= 3 * size:
        far = placed[left[np.argmax(((placed[left] - placed[left].mean(axis=0)) ** 2).sum(axis=1))]]
        take(far)
        take(placed[left[np.argmax(((placed[left] - far) ** 2).sum(axis=1))]])
    if len(left) >= 2 * size:
        take(placed[left[np.argmax(((placed[left] - placed[left].mean(axis=0)) ** 2).sum(axis=1))]])
    groups.append(left)
    return groups


def _typical(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the middle half of each column, of all where it holds only 0 and 1; NaN where fewer than 10 values are there."""
    out = np.full(rows.shape[1], np.nan)
    for column, values in enumerate(rows.T):
        held = np.sort(values[~np.isnan(values)])
        if len(held) >= LEAST:
            cut = 0 if np.isin(held, (0.0, 1.0)).all() else len(held) // 4
            out[column] = held[cut : len(held) - cut].mean()
    return out
