"""Familiarity: whether a patient lies where the model has learned, each value alone and all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import ModelError

RATE = 0.02
NARROWEST = 1e-3
NEVER = 1e9  # JSON holds no infinity; no distance of real values comes near this


@dataclass(frozen=True, slots=True, eq=False)
class Familiarity:
    """Two rules, each abstaining on a declared share of patients like those of training.

    Parameters
    ----------
    rate : float
        Declared share of patients like those of training whom each rule keeps out.
    low, high, centre, spread : float64 arrays of shape (p,)
        Lowest, highest and median value of training, and the interquartile range divided by 1.349 (standard deviation, or 1, where
        that is 0); NaN where nothing was observed.
    margin : float64 array of shape (2,)
        How far below `low` and above `high` a value may lie, on the scale of `asinh((x - centre) / spread)`.
    correlation : float64 array of shape (p, p)
        Of `asinh((x - centre) / spread)`, shrunk until it can be inverted.
    mean, deviation : float64 arrays of shape (p,)
        Of the same.
    threshold : float
        Greatest distance, as `distance` gives it, that is not kept out.

    Raises
    ------
    ModelError
        When the arrays do not fit each other.
    """

    rate: float
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    margin: NDArray[np.float64]
    correlation: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    threshold: float

    def __post_init__(self) -> None:
        p = len(self.centre)
        shapes = [a.shape for a in (self.low, self.high, self.spread, self.mean, self.deviation)]
        if shapes != [(p,)] * 5 or self.correlation.shape != (p, p) or not (self.spread > 0).all() or not (self.deviation > 0).all():
            raise ModelError("What is familiar to a model cannot be read", found=shapes, expected=f"({p},) each and ({p}, {p})")

    def beyond(self, X: ArrayLike) -> NDArray[np.bool_]:
        """Which values of X (n, p) lie beyond the range of training by more than the margin; never a missing one."""
        rows = np.asarray(X, dtype=np.float64)
        low, high = self.limits()
        return (rows < low) | (rows > high) | (np.isnan(self.low) & ~np.isnan(rows))

    def limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The lowest and highest value of each input (p,) that is not kept out, NaN where none was observed."""
        ends = [np.arcsinh((end - self.centre) / self.spread) for end in (self.low, self.high)]
        low, high = (self.centre + self.spread * np.sinh(end) for end in (ends[0] - self.margin[0], ends[1] + self.margin[1]))
        # Without a margin the ends are the values seen, to the last bit.
        return np.fmin(low, self.low) if self.margin[0] else self.low, np.fmax(high, self.high) if self.margin[1] else self.high

    def distance(self, X: ArrayLike) -> NDArray[np.float64]:
        """Squared Mahalanobis distance of what was observed in each row (n,), as a standard normal deviate.

        The distance of k observed inputs is put on one scale by Wilson and Hilferty's cube root, so that rows with many and few
        values missing can be held against one threshold. A row in which nothing was observed gets minus infinity.
        """
        return self._measured(np.asarray(X, dtype=np.float64))[0]

    def strange(self, X: ArrayLike) -> NDArray[np.bool_]:
        """Which rows (n,) lie farther out than the threshold."""
        return np.asarray(self.distance(X) > self.threshold, dtype=np.bool_)

    def blame(self, X: ArrayLike) -> NDArray[np.float64]:
        """Share (n, p) of each input in its row's squared distance, 0 where missing; may be negative where it makes others plausible."""
        parts = self._measured(np.asarray(X, dtype=np.float64))[1]
        whole = parts.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(parts, whole, out=np.zeros_like(parts), where=whole > 0), dtype=np.float64)

    def _measured(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        z = (np.arcsinh((rows - self.centre) / self.spread) - self.mean) / self.deviation
        seen = ~np.isnan(z)
        found, parts = np.full(len(rows), -np.inf), np.zeros(rows.shape)
        patterns, which = np.unique(seen, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            k = int(pattern.sum())
            if not k:
                continue
            own = np.flatnonzero(which.ravel() == number)
            part = z[np.ix_(own, pattern)]
            pulled = np.linalg.solve(self.correlation[np.ix_(pattern, pattern)], part.T).T
            parts[np.ix_(own, pattern)] = part * pulled
            squared = (part * pulled).sum(axis=1)
            found[own] = (np.cbrt(squared / k) - (1 - 2 / (9 * k))) / np.sqrt(2 / (9 * k))
        return found, parts

    def as_json(self) -> dict[str, Any]:
        """All of it as numbers and lists, null where nothing was observed."""
        return {
            name: value if isinstance(value := getattr(self, name), float) else _or_null(value)
            for name in ("rate", "low", "high", "centre", "spread", "margin", "correlation", "mean", "deviation", "threshold")
        }

    @classmethod
    def of_json(cls, held: Mapping[str, Any]) -> Familiarity:
        """From what `as_json` gave."""
        names = ("low", "high", "centre", "spread", "margin", "correlation", "mean", "deviation")
        arrays = {name: np.array(held[name], dtype=np.float64) for name in names}
        return cls(**arrays, rate=float(held["rate"]), threshold=float(held["threshold"]))


def fit_familiarity(X: ArrayLike, folds: Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]], rate: float = RATE) -> Familiarity:
    """Learn what is familiar from training rows X (n, p), NaN where not observed.

    The margins, half the rate each, and the threshold are the quantiles that keep out at most `rate` of rows which the rule had not seen:
    each of the `folds` (rows to learn from, rows to judge) is judged by what the others learned. With fewer than `1 / rate - 1`
    rows nothing can be promised: the margin is then 0, and the distance is not held against anybody.

    Sources: Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4 (shrinkage); Wilson & Hilferty 1931.
    """
    rows = np.asarray(X, dtype=np.float64)
    below, above, apart = np.full((3, len(rows)), -np.inf)
    for learned, judged in folds:
        part = _learned(rows[learned])
        z, low, high = (np.arcsinh((values - part.centre) / part.spread) for values in (rows[judged], part.low, part.high))
        below[judged], above[judged] = (np.nan_to_num(away).max(axis=1, initial=0.0) for away in (low - z, z - high))
        apart[judged] = part.distance(rows[judged])
    whole = _learned(rows)
    margin = np.array([_upper(side, rate / 2, 0.0) for side in (below, above)])
    return Familiarity(
        rate, whole.low, whole.high, whole.centre, whole.spread, margin, whole.correlation, whole.mean, whole.deviation,
        _upper(apart, rate, NEVER),
    )  # fmt: skip


def _upper(values: NDArray[np.float64], rate: float, otherwise: float) -> float:
    """The value that at most `rate` of new exchangeable ones exceed; `otherwise` where they are too few to say."""
    place = int(np.ceil((len(values) + 1) * (1 - rate)))
    return float(np.sort(values)[place - 1]) if 0 < place <= len(values) else otherwise


def _learned(rows: NDArray[np.float64]) -> Familiarity:
    p = rows.shape[1]
    seen = ~np.isnan(rows).all(axis=0)
    quantiles, deviation = np.full((5, p), np.nan), np.ones(p)
    if seen.any():
        quantiles[:, seen] = np.nanpercentile(rows[:, seen], [0, 25, 50, 75, 100], axis=0)
        deviation[seen] = np.nanstd(rows[:, seen], axis=0)
    spread = (quantiles[3] - quantiles[1]) / 1.349
    spread = np.where(spread > 0, spread, np.where(deviation > 0, deviation, 1.0))
    z = np.arcsinh((rows - quantiles[2]) / spread)
    mean, width = np.zeros(p), np.ones(p)
    if seen.any():
        mean[seen], width[seen] = np.nanmean(z[:, seen], axis=0), np.nanstd(z[:, seen], axis=0)
    width = np.where(width > 1e-9, width, 1.0)
    correlation = _correlation(np.nan_to_num((z - mean) / width), ~np.isnan(rows))
    return Familiarity(0.0, quantiles[0], quantiles[4], quantiles[2], spread, np.zeros(2), correlation, mean, width, 0.0)


def _correlation(z: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Correlation of standardised rows z (n, p), 0 where missing, over the rows in which both were observed, shrunk to be invertible."""
    both = seen.T.astype(np.float64) @ seen
    found = np.divide(z.T @ z, both, out=np.zeros_like(both), where=both > 2)
    np.fill_diagonal(found, 1.0)
    n, p = z.shape
    # Ledoit and Wolf's intensity towards the identity: how much the entries vary between rows against how far they lie from it.
    squared = (z**2).T @ (z**2) / max(n, 1) - found**2
    off = ~np.eye(p, dtype=np.bool_)
    away = float((found[off] ** 2).sum())
    shrink = min(1.0, max(0.0, float(squared[off].sum()) / max(n, 1) / away)) if away > 0 else 1.0
    values, vectors = np.linalg.eigh((1 - shrink) * found + shrink * np.eye(p))
    mended = (vectors * np.maximum(values, NARROWEST)) @ vectors.T
    scale = np.sqrt(np.diag(mended))
    return np.asarray(mended / scale / scale[:, None], dtype=np.float64)


def _or_null(values: NDArray[np.float64]) -> list[Any]:
    return [_or_null(v) if v.ndim else (None if np.isnan(v) else round(float(v), 9)) for v in values]
