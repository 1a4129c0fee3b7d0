"""Bedside: the points of published scores, for one patient or many, from the events; what is not known leaves a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from consilium.core.card import Input
from consilium.core.code import split
from consilium.knowledge.scores import Asked, Item, Limits, Score
from consilium.record import features

NO, YES, UNKNOWN = 0, 1, 2
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tally:
    """A score of many rows.

    Parameters
    ----------
    least, greatest : float64 array of shape (n, items)
        Points of each item.
    values : mapping of str to float64 array of shape (n,)
        What was asked, NaN where it is not known, rounded as the table is written.
    events : mapping of str to object array of shape (n,)
        The event each value was taken from, None where none or not traced.
    """

    least: Floats
    greatest: Floats
    values: dict[str, Floats]
    events: dict[str, NDArray[np.object_]]

    @property
    def known(self) -> NDArray[np.int64]:
        """How many items of each row are known for certain, shape (n,)."""
        return np.asarray((self.least == self.greatest).sum(axis=1), dtype=np.int64)


def tally(score: Score, events: pa.Table, rows: Sequence[tuple[int, datetime]], *, trace: bool = False) -> Tally:
    """Give every item of a score its points.

    A line of the table holds, does not hold, or may hold where something is not known. Lines that hold for certain give the
    points; otherwise the points lie between the least and the greatest of the lines that may hold. Lines that hold at once and
    disagree (two ways of asking, answered differently) leave a range too, and where none can hold everything is open.

    Parameters
    ----------
    score : Score
    events : pyarrow.Table
        In `SCHEMA` columns.
    rows : sequence of (int, datetime), length n
        Subject and moment of asking (UTC without zone).
    trace : bool
        Also say which event each value was taken from.

    Raises
    ------
    UnitError
        When a number is in a unit that does not convert.
    """
    wanted = [(name, i) for name, asked in score.inputs.items() for i in _inputs(name, asked)]
    matrix = features(events, [i for _, i in wanted], rows, trace=trace)
    values: dict[str, Floats] = {}
    origins: dict[str, NDArray[np.object_]] = {}
    for name, asked in score.inputs.items():
        own = [column for column, (whose, _) in enumerate(wanted) if whose == name]
        values[name] = _value(asked, matrix.X[:, own].astype(np.float64))
        first = np.argmax(matrix.observed[:, own], axis=1)
        ids = None if matrix.event_ids is None else matrix.event_ids[:, own]
        origins[name] = np.full(len(rows), None, dtype=object) if ids is None else ids[np.arange(len(rows)), first]
    both = [_points(item, values, len(rows)) for item in score.items]
    least, greatest = (np.column_stack([pair[side] for pair in both]) for side in (0, 1))
    return Tally(least, greatest, values, origins)


def _inputs(name: str, asked: Asked) -> list[Input]:
    match asked.kind:
        case "age":
            return [Input(name, asked.codes, "a", "age")]
        case "female":
            return [Input(name, asked.codes, "1", of_code={code: float(code == asked.codes[0]) for code in asked.codes})]
        case "problem":
            return [Input(f"{name} {code}", tuple(said := _said(code)), "1", window=asked.window, of_code=said) for code in asked.codes]
        case "answer":
            return [Input(name, asked.codes, "1", asked.take, asked.window, of_text=asked.answers)]
        case "ratio":
            return [Input(f"{name} {c}", (c,), u, asked.take, asked.window) for c, u in zip(asked.codes, asked.units, strict=True)]
    return [Input(name, asked.codes, asked.units[0], asked.take, asked.window)]


def _said(code: str) -> dict[str, float]:
    """A condition said to hold, refuted, or ended."""
    kind, _, rest = code.partition("//")
    assert not split(code).phase, code
    return {code: 1.0, f"{kind}//REFUTED//{rest}": 0.0, f"{kind}//END//{rest}": 0.0}


def _value(asked: Asked, columns: Floats) -> Floats:
    if asked.kind == "problem":
        # Any of them suffices; only the most general, when refuted or over, says that there is none.
        value = np.where((columns == 1).any(axis=1), 1.0, np.where(columns[:, 0] == 0, 0.0, np.nan))
    elif asked.kind == "ratio":
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(columns[:, 1] > 0, asked.times * columns[:, 0] / columns[:, 1], np.nan)
    else:
        value = columns[:, 0]
    if asked.absent is not None:
        value = np.where(np.isnan(value), asked.absent, value)
    # A float32 holds 38.1 as 38.099998: a number is compared as the table is written.
    return np.asarray(np.round(value, 6 if asked.decimals is None else asked.decimals), dtype=np.float64)


def _points(item: Item, values: dict[str, Floats], n: int) -> tuple[Floats, Floats]:
    """Least and greatest points of one item, each of shape (n,)."""
    ends = np.full((3, 2, n), np.nan)
    ends[NO] = np.array(item.points)[[0, -1], None]
    for line in item.lines:
        holds = np.full(n, YES)
        for name, limits in line.when.items():
            one = _within(values[name], limits)
            holds = np.where((holds == NO) | (one == NO), NO, np.where((holds == YES) & (one == YES), YES, UNKNOWN))
        for state in (YES, UNKNOWN):
            own = holds == state
            ends[state, 0, own] = np.fmin(ends[state, 0, own], line.points)
            ends[state, 1, own] = np.fmax(ends[state, 1, own], line.points)
    least, greatest = np.where(np.isnan(ends[YES]), np.where(np.isnan(ends[UNKNOWN]), ends[NO], ends[UNKNOWN]), ends[YES])
    return least, greatest


def _within(value: Floats, limits: Limits) -> NDArray[np.int64]:
    inside = np.ones(len(value), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        if limits.low is not None:
            inside &= value >= limits.low if limits.low_included else value > limits.low
        if limits.high is not None:
            inside &= value <= limits.high if limits.high_included else value < limits.high
    return np.where(np.isnan(value), UNKNOWN, np.where(inside, YES, NO))
