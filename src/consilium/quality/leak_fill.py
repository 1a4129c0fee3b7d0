"""Fill: whether the numbers that stand where nothing was measured were found with the help of the answer."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.quality.leak_report import Finding, Said, phrase
from consilium.quality.leak_report import said as tell
from consilium.quality.leak_study import Column, Floats, Study, repeated, together

IMPROBABLE = 1e-5
"""Chance below which what was seen is no accident."""
_MICROSECONDS = 1_000_000
_FEW = 25  # filled rows
_OF_EACH = 4  # cases and controls among them
_ROWS_A_COLUMN = 10  # so many rows at least for every column that is taken away
_HELD = 0.3  # correlation with the answer that is left to filled values once the other columns are taken away
_ERRORS = 3.0  # and so many standard errors from nought
_MORE = 0.1  # so much more than is left to measured ones


def filled_by_answer(study: Study, column: Column) -> Finding | None:
    """Gaps filled with one number for cases and another for controls, or from people of the same answer."""
    return _by_constant(study, column) or _by_neighbours(study, column)


def _by_constant(study: Study, column: Column) -> Finding | None:
    """Gaps filled with one number for cases and another for controls."""
    x, y = column.value, study.y
    piles = repeated(x)
    if not 0 < len(piles) <= 20:
        return None
    pure: dict[int, tuple[float, int]] = {}
    chance, rate = 0.0, float(y.mean())
    for pile in piles:
        own = y[x == pile]
        if own.min() == own.max():
            side = int(own[0])
            chance += len(own) * math.log(rate if side else 1 - rate)
            pure[side] = max(pure.get(side, (0.0, 0)), (float(pile), len(own)), key=lambda p: p[1])
    detail = Said("")
    if len(pure) == 2 and chance < math.log(IMPROBABLE):
        (v0, m0), (v1, m1) = pure[0], pure[1]
        detail = tell("filled_apart", n0=m0, v0=v0, n1=m1, v1=v1)
    for rows in [np.ones(len(x), dtype=np.bool_), *(np.isin(np.arange(len(x)), fold.train) for fold in study.folds)]:
        measured = np.isfinite(x) & ~np.isin(x, piles) & rows
        for side, name in ((1, "cases"), (0, "controls")):
            own = x[measured & (y == side)]
            if detail or len(own) < 10:
                continue
            for pile, centre in ((pile, float(c(own))) for pile in piles for c in (np.mean, np.median)):
                # The median of what is counted, or written in whole steps, is a value that people have.
                if centre == pile and on_grid(float(pile), own):
                    continue
                if abs(pile - centre) < 1e-4 * own.std() and np.abs(x[measured] - pile).min() > 0:
                    detail = tell("filled_with_class", n=int((x == pile).sum()), value=pile, side=phrase(name))
    return Finding("made_from_answers", column.name, int(np.isin(x, piles).sum()), (), chance, detail) if detail else None


def _by_neighbours(study: Study, column: Column) -> Finding | None:
    """Filled values that still tell the answer when all other columns are taken away, and more than measured ones do.

    What is filled from the other columns holds no more of the answer than they do: the answer was among what it was filled from.
    """
    filled = _unmeasured(study, column)
    if filled is None:
        return None
    y = study.y.astype(np.float64)
    measured = np.isfinite(column.value) & ~filled
    if filled.sum() < _FEW or min(int(y[filled].sum()), int((1 - y[filled]).sum())) < _OF_EACH or len(np.unique(column.value[filled])) < 10:
        return None
    others = _others(study, column)
    left, errors = _left(others, column.value, y, filled)
    own = _left(others, column.value, y, measured)[0] if measured.sum() >= _FEW else 0.0
    if abs(left) < max(_HELD, abs(own) + _MORE) or errors < _ERRORS:
        return None
    detail = tell("filled_knowing", n=int(filled.sum()), left=left, own=own)
    return Finding("made_from_answers", column.name, int(filled.sum()), (), abs(left), detail)


def _unmeasured(study: Study, column: Column) -> NDArray[np.bool_] | None:
    """Rows of a foreign column that hold a number although none of its codes had been measured; None where that cannot be told."""
    if not study.foreign or not column.codes or study.card is None:
        return None
    card_input = next(i for i in study.card.inputs if i.name == column.name)
    there = np.zeros(len(column.value), dtype=np.bool_)
    for code in column.codes:
        known = study.beside([code]).filter(pl.col("before"))
        if card_input.window is not None:
            known = known.filter(pl.col("t") > pl.col("as_of") - int(card_input.window.total_seconds()) * _MICROSECONDS)
        there[known["row"].to_numpy()] = True
    return np.isfinite(column.value) & ~there


def _others(study: Study, column: Column) -> Floats:
    """All other columns, gaps at their mean, with a column for each that has gaps."""
    found = [np.ones(len(study.y))]
    for other in study.columns:
        seen = np.isfinite(other.value)
        if other.name == column.name or not seen.any():
            continue
        found.append(np.where(seen, other.value, other.value[seen].mean()))
        if not seen.all():
            found.append(seen.astype(np.float64))
    return np.column_stack(found)


def _left(others: Floats, x: Floats, y: Floats, rows: NDArray[np.bool_]) -> tuple[float, float]:
    """Correlation of a column with the answer in some rows, once what follows from the other columns is taken away from both, and its
    distance from nought in standard errors.

    What the columns say of the answer is learned from all rows; of the column, from these, by the columns that follow it best.
    """
    rest = (y - others @ np.linalg.lstsq(others, y, rcond=None)[0])[rows]
    A, x = others[rows], x[rows]
    strength = np.array([abs(together(a, x)) for a in A.T])
    strength[0] = np.inf  # the constant
    kept = np.argsort(-strength, kind="stable")[: max(1, len(x) // _ROWS_A_COLUMN)]
    A = A[:, kept]
    r = together(x - A @ np.linalg.lstsq(A, x, rcond=None)[0], rest)
    return r, abs(r) * math.sqrt(max(0, len(x) - len(kept)))


def on_grid(value: float, measured: Floats) -> bool:
    """Whether a value is written in the step of the measured ones."""
    for step in (1.0, 0.1, 0.01, 0.001):
        if (np.abs(measured / step - np.round(measured / step)) < 1e-3).mean() > 0.98:
            return abs(value / step - round(value / step)) < 1e-3
    return False
