"""Trees: a sum of decision trees as plain arrays, and the exact Shapley values of that sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Numbers held at a time while Shapley values are computed (rows x leaves x depth).
BLOCK = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Nodes of all trees in one row of arrays; a row goes left when `x <= threshold`, or when x is NaN and `missing_left`.

    Parameters
    ----------
    feature : int64 array of shape (nodes,)
        Column that a node splits on, -1 at a leaf.
    threshold, value, cover : float64 array of shape (nodes,)
        Threshold of a split (0 at a leaf), what a leaf adds to the sum (0 at a split), weight of training rows that passed.
    left, right : int64 array of shape (nodes,)
        Places of the children, -1 at a leaf.
    missing_left : bool array of shape (nodes,)
    roots : int64 array of shape (trees,)
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]
    roots: NDArray[np.int64]

    @classmethod
    def of_json(cls, arrays: Mapping[str, Any]) -> Trees:
        """Trees from the lists that `as_json` gave."""
        held: dict[str, Any] = {name: np.asarray(arrays[name], dtype=np.int64) for name in ("feature", "left", "right", "roots")}
        held |= {name: np.asarray(arrays[name], dtype=np.float64) for name in ("threshold", "value", "cover")}
        return cls(**held, missing_left=np.asarray(arrays["missing_left"], dtype=np.bool_))

    def as_json(self) -> dict[str, Any]:
        """The arrays as lists."""
        arrays = {name: getattr(self, name).tolist() for name in ("feature", "threshold", "left", "right", "value", "cover", "roots")}
        return {**arrays, "missing_left": self.missing_left.astype(int).tolist()}

    def expected(self) -> float:
        """Sum of the leaves when nothing is known of a patient: each weighed with the share of training rows that came to it."""
        reached = np.zeros(len(self.feature))
        reached[self.roots] = 1.0
        at = self.roots
        while len(at := at[self.feature[at] >= 0]):
            for child in (self.left[at], self.right[at]):
                reached[child] = reached[at] * self.cover[child] / self.cover[at]
            at = np.concatenate([self.left[at], self.right[at]])
        return float(self.value @ reached)

    def sums(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sum of leaf values for each row of X (n, p), by walking down all trees together; shape (n,)."""
        rows = np.arange(len(X))[:, None]
        at = np.tile(self.roots, (len(X), 1))
        while (inner := self.feature[at] >= 0).any():
            x = X[rows, np.where(inner, self.feature[at], 0)]
            goes_left = np.where(np.isnan(x), self.missing_left[at], x <= self.threshold[at])
            at = np.where(inner, np.where(goes_left, self.left[at], self.right[at]), at)
        return np.asarray(self.value[at].sum(axis=1), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """The leaves of trees as boxes: on each feature of its path a leaf asks for `low < x <= high`, or for x being missing.

    Parameters
    ----------
    value : float64 array of shape (leaves,)
    feature : int64 array of shape (leaves, depth)
        Distinct features on the path; unused places hold 0 and a box that everything is in.
    low, high : float64 array of shape (leaves, depth)
    missing : bool array of shape (leaves, depth)
        Whether a missing value goes this way.
    share : float64 array of shape (leaves, depth)
        Share of training rows that goes this way at the splits on that feature: the product of `cover[child] / cover[node]`.
    """

    value: NDArray[np.float64]
    feature: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    missing: NDArray[np.bool_]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, trees: Trees) -> Boxes:
        """The boxes of all leaves, tree by tree."""
        leaves = list(_paths(trees))
        depth = max((len(path) for _, path in leaves), default=0)
        shape = (len(leaves), depth)
        boxes = cls(
            value=np.array([value for value, _ in leaves]),
            feature=np.zeros(shape, dtype=np.int64),
            low=np.full(shape, -np.inf),
            high=np.full(shape, np.inf),
            missing=np.ones(shape, dtype=np.bool_),
            share=np.ones(shape),
        )
        for leaf, (_, path) in enumerate(leaves):
            for place, (feature, (low, high, missing, share)) in enumerate(path.items()):
                boxes.feature[leaf, place], boxes.missing[leaf, place], boxes.share[leaf, place] = feature, missing, share
                boxes.low[leaf, place], boxes.high[leaf, place] = low, high
        return boxes

    def shapley(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Exact path-dependent Shapley values, float64 of shape (n, p); `Trees.expected() + row sum` is the sum of the leaves.

        Knowing the features in S, a leaf of value v is worth `v * prod_j (o_j if j in S else z_j)`: o_j is 1 when the row is
        inside the box on feature j, z_j the share of training rows that are. The Shapley value of such a product is
        `v * integral_0^1 (o_i - z_i) * prod_{j != i} (t o_j + (1 - t) z_j) dt` (Owen's multilinear extension of the game),
        a polynomial of degree depth - 1 that Gauss-Legendre quadrature with depth // 2 + 1 nodes integrates exactly.
        Sources: Owen 1972, doi:10.1287/mnsc.18.5.64; Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9.
        """
        leaves, depth = self.feature.shape
        phi = np.zeros(X.shape)
        if depth == 0:
            return phi
        nodes, weights = np.polynomial.legendre.leggauss(depth // 2 + 1)
        step = max(1, BLOCK // (leaves * depth))
        for start in range(0, len(X), step):
            x = X[start : start + step][:, self.feature]
            inside = np.where(np.isnan(x), self.missing, (x > self.low) & (x <= self.high)).astype(np.float64)
            total = np.zeros_like(inside)
            for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
                total += weight * others(t * inside + (1 - t) * self.share)
            part = ((inside - self.share) * total * self.value[:, None]).reshape(len(x), -1)
            for row, values in enumerate(part, start):
                phi[row] = np.bincount(self.feature.ravel(), values, minlength=X.shape[1])
        return phi


def others(factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the last axis, the product of all factors but the one at that place (no division: a factor may be 0)."""
    before, after = np.ones_like(factors), np.ones_like(factors)
    for place in range(1, factors.shape[-1]):
        before[..., place] = before[..., place - 1] * factors[..., place - 1]
        after[..., -place - 1] = after[..., -place] * factors[..., -place]
    return before * after


def _paths(trees: Trees) -> Iterator[tuple[float, dict[int, tuple[float, float, bool, float]]]]:
    """Each leaf's value and, by feature, (low, high, missing, share)."""
    feature, threshold, left, right = trees.feature.tolist(), trees.threshold.tolist(), trees.left.tolist(), trees.right.tolist()
    missing_left, value, cover = trees.missing_left.tolist(), trees.value.tolist(), trees.cover.tolist()
    for root in trees.roots.tolist():
        waiting: list[tuple[int, dict[int, tuple[float, float, bool, float]]]] = [(root, {})]
        while waiting:
            node, path = waiting.pop()
            column = feature[node]
            if column < 0:
                yield value[node], path
                continue
            low, high, missing, share = path.get(column, (-np.inf, np.inf, True, 1.0))
            cut, whole = threshold[node], cover[node]
            this, other = left[node], right[node]
            waiting.append(
                (other, {**path, column: (max(low, cut), high, missing and not missing_left[node], share * cover[other] / whole)})
            )
            waiting.append((this, {**path, column: (low, min(high, cut), missing and missing_left[node], share * cover[this] / whole)}))
