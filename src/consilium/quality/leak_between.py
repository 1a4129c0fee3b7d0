"""Between: whether rows of a feature table are mixes of other rows (of one answer), made before the split rather than measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from consilium.quality.leak_report import Finding
from consilium.quality.leak_report import said as tell
from consilium.quality.leak_study import Floats, Study

_LOOKED_AT = 40  # rows of each side and answer that are looked at
_NEAREST = 500  # rows of the same answer among which parents are looked for
_COLUMNS = 5  # in which a row must hold a number that no other row holds, and in which it must differ from its parents
_STRAIGHT = 1e-6
_LEAST = 3


def between(study: Study) -> Iterator[Finding]:
    """Rows that lie exactly between two others of the same answer (SMOTE and its kind), unless all three are learned from.

    Measured people do not lie on one line in five columns. What is made of learning rows alone, to learn from, tells nothing of the proof.
    """
    if not study.foreign or not len(study.y):
        return
    X = _scaled(study)
    alone = np.flatnonzero(sum((_alone(x) for x in X.T), start=np.zeros(len(X), dtype=np.int64)) >= _COLUMNS)
    person = np.array([s for s, _ in study.rows], dtype=np.int64)
    for n, fold in enumerate(study.folds):
        side = np.zeros(len(X), dtype=np.int8)
        side[fold.train], side[fold.test] = 1, 2
        made: list[tuple[int, int, int]] = []
        for answer in (0, 1):
            own = np.flatnonzero((study.y == answer) & (side > 0))
            for which in (1, 2):
                part = np.intersect1d(own[side[own] == which], alone)
                for row in part[:: max(1, len(part) // _LOOKED_AT)]:
                    parents = _parents(X, int(row), own[person[own] != person[row]])
                    if parents is not None and (side[[row, *parents]] == 2).any():
                        made.append((int(row), *parents))
        if len(made) >= _LEAST:
            shown = tuple(f"subject {person[r]} between {person[a]} and {person[b]}" for r, a, b in made[:3])
            name = "split" if len(study.folds) == 1 else f"split {n + 1}"
            yield Finding("row_between_others", name, len(made), shown, float(len(made)), tell("between", n=len(made)))


def _scaled(study: Study) -> Floats:
    """The columns that vary, side by side, each in units of its own spread."""
    columns = [c.value[np.isfinite(c.value)] for c in study.columns]
    return np.column_stack([c.value / v.std() for c, v in zip(study.columns, columns, strict=True) if len(v) > 1 and v.std() > 0])


def _alone(x: Floats) -> NDArray[np.int64]:
    """1 where a column holds a number that no other row holds."""
    _, of, n = np.unique(x, return_inverse=True, return_counts=True)
    found: NDArray[np.int64] = (np.isfinite(x) & (n[of] == 1)).astype(np.int64)
    return found


def _parents(X: Floats, row: int, others: NDArray[np.intp]) -> tuple[int, int] | None:
    """Two of the others on whose line, and between whom, a row lies; None when there are none."""
    seen = np.isfinite(X[row])
    apart = X[np.ix_(others, seen)] - X[row, seen]
    whole = np.isfinite(apart).all(axis=1) & ((np.abs(apart) > _STRAIGHT).sum(axis=1) >= _COLUMNS)
    apart, others = apart[whole], others[whole]
    size = np.sqrt((apart**2).sum(axis=1))
    near = np.argsort(size, kind="stable")[:_NEAREST]
    if len(near) < 2:
        return None
    unit = apart[near] / size[near, None]
    cosine = unit @ unit.T
    a, b = np.unravel_index(int(cosine.argmin()), cosine.shape)
    return (int(others[near[a]]), int(others[near[b]])) if cosine[a, b] < _STRAIGHT - 1 else None
