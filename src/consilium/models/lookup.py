"""Lookup: exact Shapley values of trees for many rows, from tables worked out once for every way a row can fall through a branch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilium.models.trees import Trees, others

BITS = 8  # one byte, so that packing the answers gives the pattern
# Numbers held at a time while rows are looked up (rows x units x width).
BLOCK = 100_000
# Numbers in all tables together; a model that needs more is explained without them.
LARGEST = 16_000_000

Box = tuple[float, float, bool, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """A branch whose leaves depend on at most 8 questions.

    A question is a feature, the edges its value must lie above and up to, and the answer of a missing value: first the boxes of the
    `path` that leads to the branch, by feature, then its own splits (left is yes). A leaf is its value, its boxes, and its turns:
    the number of each split's question, and whether it lies left.
    """

    path: tuple[int, ...]
    questions: tuple[tuple[int, float, float, bool], ...]
    leaves: tuple[tuple[float, dict[int, Box], tuple[tuple[int, bool], ...]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Units of at most 8 yes/no questions each, and the Shapley values of a unit for each of its 256 patterns of answers.

    A leaf's Shapley values depend only on which of its path's features the row fits (see `Boxes.shapley`). Leaves of one branch share
    most of their questions, so the values of all of them together are a function of few bits, worked out once. Source of the idea to
    precompute by pattern: Yang 2022, arXiv:2109.09847 (Fast TreeSHAP v2, one leaf at a time).

    Parameters
    ----------
    edges : tuple of float64 arrays, length p
        All thresholds of each feature, ascending; a value is known by how many of them lie below it.
    question, above, upto : int16 or int64 arrays of shape (units, 8)
        Feature of each question, and the rank that its value must lie above and up to; never true where there is no question.
    missing : bool array of shape (units, 8)
        Whether a missing value answers yes.
    start : int64 array of shape (units,)
        Where the table of each unit begins.
    table : float64 array of shape (patterns, width)
        What each of the unit's features adds.
    feature : int64 array of shape (units, width)
    """

    edges: tuple[NDArray[np.float64], ...]
    question: NDArray[np.int64]
    above: NDArray[np.int16]
    upto: NDArray[np.int16]
    missing: NDArray[np.bool_]
    start: NDArray[np.int64]
    table: NDArray[np.float64]
    feature: NDArray[np.int64]

    @classmethod
    def of(cls, trees: Trees, width: int) -> Lookup | None:
        """The tables of trees over `width` features; None where a leaf asks of more than 8 features, or they would be too large."""
        units = [unit for root in trees.roots.tolist() for unit in _units(trees, root)]
        asked = [unit.questions for unit in units]
        if any(len(questions) > BITS for questions in asked):
            return None
        cuts: list[set[float]] = [set() for _ in range(width)]
        for questions in asked:
            for column, low, high, _ in questions:
                cuts[column].update(edge for edge in (low, high) if np.isfinite(edge))
        edges = tuple(np.array(sorted(cut), dtype=np.float64) for cut in cuts)
        shape = (len(units), BITS)
        question, missing = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
        above, upto = np.full((2, *shape), np.iinfo(np.int16).max, dtype=np.int16)
        if max((len(e) for e in edges), default=0) >= np.iinfo(np.int16).max:
            return None
        for number, questions in enumerate(asked):
            for bit, (column, low, high, nan) in enumerate(questions):
                question[number, bit], missing[number, bit] = column, nan
                above[number, bit] = np.searchsorted(edges[column], low) if np.isfinite(low) else -1
                upto[number, bit] = np.searchsorted(edges[column], high) if np.isfinite(high) else len(edges[column])
        features = [sorted({column for column, *_ in questions}) for questions in asked]
        widest = max((len(f) for f in features), default=0)
        sizes = np.array([2 ** len(questions) for questions in asked], dtype=np.int64)
        if sizes.sum() * max(widest, 1) > LARGEST:
            return None
        start = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        table, feature = np.zeros((int(sizes.sum()), widest)), np.zeros((len(units), widest), dtype=np.int64)
        for number, (unit, own) in enumerate(zip(units, features, strict=True)):
            feature[number, : len(own)] = own
            table[start[number] : start[number] + sizes[number], : len(own)] = _worked_out(unit, own)
        return cls(edges, question, above, upto, missing, start, table, feature)

    def shapley(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """As `Boxes.shapley`: float64 of shape (n, p)."""
        n, p = X.shape
        units, widest = self.feature.shape
        if not widest:
            return np.zeros((n, p))
        rank = np.empty((n, p), dtype=np.int16)
        for column, edges in enumerate(self.edges):
            rank[:, column] = np.searchsorted(edges, X[:, column])
        gone = np.isnan(X)
        rank[gone] = -1
        phi = np.empty((n, p))
        step = min(max(1, BLOCK // (units * max(widest, BITS))), max(n, 1))
        place = (np.arange(step)[:, None] * p + self.feature.ravel()).ravel()
        question, above, upto, missing = self.question.ravel(), self.above.ravel(), self.upto.ravel(), self.missing.ravel()
        for first in range(0, n, step):
            some = rank[first : first + step]
            answer = np.take(some, question, axis=1)
            yes = (answer > above) & (answer <= upto)
            if gone[first : first + step].any():
                # A missing value has rank -1, which lies above nothing: it answers yes only where the tree sends it that way.
                yes |= (answer < 0) & missing
            code = np.packbits(yes, axis=1, bitorder="little")
            value = np.take(self.table, code + self.start, axis=0)
            rows = len(some)
            phi[first : first + step] = np.bincount(place[: value.size], value.ravel(), minlength=rows * p).reshape(rows, p)
        return phi


def _units(trees: Trees, root: int) -> Iterator[_Unit]:
    """A tree cut into branches, each as large as 8 questions allow."""
    waiting: list[tuple[int, dict[int, Box]]] = [(root, {})]
    while waiting:
        node, path = waiting.pop()
        splits = _inner(trees, node, BITS - len(path))
        if splits is not None or trees.feature[node] < 0:
            own = splits or []
            boxes = [(column, low, high, missing) for column, (low, high, missing, _) in path.items()]
            asked = [(int(trees.feature[at]), -np.inf, float(trees.threshold[at]), bool(trees.missing_left[at])) for at in own]
            number = {at: len(path) + place for place, at in enumerate(own)}
            leaves = [(value, held, tuple((number[at], left) for at, left in turns)) for value, held, turns in _leaves(trees, node, path)]
            yield _Unit(tuple(path), (*boxes, *asked), tuple(leaves))
            continue
        for child, left in ((int(trees.right[node]), False), (int(trees.left[node]), True)):
            waiting.append((child, _narrowed(trees, path, node, child, left)))


def _inner(trees: Trees, node: int, most: int) -> list[int] | None:
    """The splits below and at a node, None when there are more than `most`."""
    found, waiting = [], [node]
    while waiting:
        at = waiting.pop()
        if trees.feature[at] >= 0:
            found.append(at)
            if len(found) > most:
                return None
            waiting += [int(trees.left[at]), int(trees.right[at])]
    return found


def _narrowed(trees: Trees, path: dict[int, Box], node: int, child: int, left: bool) -> dict[int, Box]:
    column = int(trees.feature[node])
    low, high, missing, share = path.get(column, (-np.inf, np.inf, True, 1.0))
    cut, goes = float(trees.threshold[node]), bool(trees.missing_left[node]) == left
    share *= float(trees.cover[child] / trees.cover[node])
    return {**path, column: (low, min(high, cut), missing and goes, share) if left else (max(low, cut), high, missing and goes, share)}


def _leaves(trees: Trees, node: int, path: dict[int, Box]) -> Iterator[tuple[float, dict[int, Box], list[tuple[int, bool]]]]:
    """Below a node, each leaf's value, its boxes, and which splits it lies left of and which right of."""
    waiting: list[tuple[int, dict[int, Box], list[tuple[int, bool]]]] = [(node, path, [])]
    while waiting:
        at, boxes, turns = waiting.pop()
        if trees.feature[at] < 0:
            yield float(trees.value[at]), boxes, turns
            continue
        for child, left in ((int(trees.right[at]), False), (int(trees.left[at]), True)):
            waiting.append((child, _narrowed(trees, boxes, at, child, left), [*turns, (at, left)]))


def _worked_out(unit: _Unit, own: list[int]) -> NDArray[np.float64]:
    """The table of a unit: Shapley values (patterns, features) for every pattern of answers, bit 0 the first question."""
    if not own:
        return np.zeros((1, 0))
    bits = len(unit.questions)
    answers = ((np.arange(2**bits)[:, None] >> np.arange(bits)) & 1).astype(np.float64)
    depth = max(len(boxes) for _, boxes, _ in unit.leaves)
    shape = (len(unit.leaves), depth)
    share, which = np.ones(shape), np.zeros((*shape, len(own)))
    wants_yes, wants_no = np.zeros((bits, *shape)), np.zeros((bits, *shape))
    for number, (_, boxes, turns) in enumerate(unit.leaves):
        for place, column in enumerate(boxes):
            share[number, place] = boxes[column][3]
            which[number, place, own.index(column)] = 1.0
            if column in unit.path:
                wants_yes[unit.path.index(column), number, place] = 1.0
            for bit, left in turns:
                if unit.questions[bit][0] == column:
                    (wants_yes if left else wants_no)[bit, number, place] = 1.0
    # A leaf fits on a feature when none of its questions on it is answered the other way.
    against = (1 - answers) @ wants_yes.reshape(bits, -1) + answers @ wants_no.reshape(bits, -1)
    inside = (against == 0).reshape(-1, *shape).astype(np.float64)
    nodes, weights = np.polynomial.legendre.leggauss(depth // 2 + 1)
    total = np.zeros_like(inside)
    for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        total += weight * others(t * inside + (1 - t) * share)
    value = np.array([value for value, _, _ in unit.leaves])
    part = (inside - share) * total * value[:, None]
    return np.asarray(part.reshape(len(answers), -1) @ which.reshape(-1, len(own)), dtype=np.float64)
