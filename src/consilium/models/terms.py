"""Terms: an additive model as plain arrays: each term adds the score of the bin, or pair of bins, that a row falls into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Scales that cut a feature into bins, and terms over one or two scales.

    Bin 0 is "missing"; bin 1 lies below the first cut; a value that equals a cut lies above it.

    Parameters
    ----------
    feature : tuple of int, length s
        Column that each scale cuts.
    cuts : tuple of float64 arrays, length s
        Ascending cut points of each scale.
    first, second : int64 array of shape (t,)
        Scales of each term; `second` is s (which stands for "none") for a term of one feature.
    stride, offset : int64 array of shape (t,)
        A term's score stands at `offset + stride * bin of first + bin of second` (bin 0 for "none").
    scores : float64 array
        Scores of all terms, in log-odds.
    intercept : float
        Log-odds that every row starts from.
    mean : float64 array of shape (t,)
        Mean score of each term over the training rows.
    """

    feature: tuple[int, ...]
    cuts: tuple[NDArray[np.float64], ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    stride: NDArray[np.int64]
    offset: NDArray[np.int64]
    scores: NDArray[np.float64]
    intercept: float
    mean: NDArray[np.float64]

    @classmethod
    def of_json(cls, arrays: Mapping[str, Any]) -> Terms:
        """Terms from the lists that `as_json` gave."""
        held: dict[str, Any] = {name: np.asarray(arrays[name], dtype=np.int64) for name in ("first", "second", "stride", "offset")}
        held |= {name: np.asarray(arrays[name], dtype=np.float64) for name in ("scores", "mean")}
        cuts = tuple(np.asarray(cut, dtype=np.float64) for cut in arrays["cuts"])
        return cls(tuple(arrays["feature"]), cuts, **held, intercept=float(arrays["intercept"]))

    def as_json(self) -> dict[str, Any]:
        """The arrays as lists."""
        arrays = {name: getattr(self, name).tolist() for name in ("first", "second", "stride", "offset", "scores", "mean")}
        return {"feature": list(self.feature), "cuts": [cut.tolist() for cut in self.cuts], "intercept": self.intercept, **arrays}

    def bins(self, X: NDArray[np.floating]) -> NDArray[np.int64]:
        """Bin of each row of X (n, p) on each scale, and a last column of zeros for "none": shape (n, s + 1)."""
        bins = np.zeros((len(X), len(self.cuts) + 1), dtype=np.int64)
        for scale, (feature, cuts) in enumerate(zip(self.feature, self.cuts, strict=True)):
            x = X[:, feature].astype(np.float64)
            bins[:, scale] = np.where(np.isnan(x), 0, 1 + np.searchsorted(cuts, x, side="right"))
        return bins

    def scored(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Score of each term for each row of X (n, p), in log-odds: shape (n, t)."""
        bins = self.bins(X)
        return np.asarray(self.scores[self.offset + self.stride * bins[:, self.first] + bins[:, self.second]], dtype=np.float64)

    def base(self) -> float:
        """Mean log-odds over the training rows."""
        return float(self.intercept + self.mean.sum())

    def weights(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """What each feature adds to `base()`, in log-odds, shape (n, p): a term against its mean, a pair split half and half."""
        apart = self.scored(X) - self.mean
        columns = np.array([*self.feature, 0])
        pair = self.second < len(self.feature)
        weights = np.zeros(X.shape)
        half = np.where(pair, 0.5, 1.0) * apart
        for term, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            weights[:, columns[first]] += half[:, term]
            if pair[term]:
                weights[:, columns[second]] += half[:, term]
        return weights
