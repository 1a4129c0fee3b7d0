"""Features: the numbers of one patient at the bedside and of many in training, by the same code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.card import TAKES, Input
from consilium.core.errors import LawError, TimeError, UnitError
from consilium.core.events import SCHEMA
from consilium.core.features import Features
from consilium.record.known import NEVER, UNDATED, known_from, microseconds
from consilium.record.plan import BY_CODE, BY_TEXT, NUMBER, Factors, Plan, plan

LAST, FIRST, MAX, MIN, MEAN, COUNT, AGE = (TAKES.index(t) for t in ("last", "first", "max", "min", "mean", "count", "age"))
Ints = NDArray[np.int64]


def features(
    events: pa.Table, inputs: Sequence[Input], rows: Sequence[tuple[int, datetime]], *, trace: bool = False, factors: Factors | None = None
) -> Features:
    """Compute what a model sees.

    An event counts when it was known (`available`) and had happened (`time`) at the moment of asking, and happened within the
    input's window before it, its far end excluded. An undated event has always happened, but lies in no window. At one time,
    the event known later stands, then the greater value, so that the order of rows never matters.

    `last` and `first` take the event's value; where answers are coded (`of_text`) they take the event's answer, and an answer that
    is not listed is not observed (an older listed one does not take its place). `max`, `min` and `mean` go over the values there
    are. `count` counts events (with `of_text` those whose answer is listed) and is an observed 0 where the subject is known but
    none happened. `age` is in completed calendar years since the latest known date, whatever the window.

    Parameters
    ----------
    events : pyarrow.Table
        In `SCHEMA` columns, any subjects, any order.
    inputs : sequence of Input, length p
    rows : sequence of (int, datetime), length n
        Subject and moment of asking (UTC without zone) of each row; a subject may be asked about at several moments.
    trace : bool
        Also say which event each value was taken from.
    factors : mapping, optional
        Conversions to use where an event's unit is not the input's; see `Factors`.

    Returns
    -------
    Features of shape (n, p)

    Raises
    ------
    UnitError
        When a number that counts is in a unit that is neither the input's nor convertible.
    LawError
        When columns are missing.
    TimeError
        When a moment of asking carries a zone.

    Examples
    --------
    >>> from consilium.core.events import table
    >>> day = datetime(2026, 1, 3)
    >>> events = table([{"subject_id": 1, "time": day, "available": day, "code": "LOINC//2524-7", "numeric_value": 2.5, "unit": "mmol/L"}])
    >>> features(events, [Input("lactate", ("LOINC//2524-7",), "mmol/L")], [(1, day), (1, datetime(2026, 1, 2))]).X.tolist()
    [[2.5], [nan]]
    """
    if any(name not in events.schema.names for name in SCHEMA.names):
        raise LawError("Events lack columns of the record", found=events.schema.names, expected=SCHEMA.names)
    zoned = [at for _, at in rows if at.tzinfo is not None]
    if zoned:
        raise TimeError("A moment of asking must be UTC without zone", found=zoned[0].isoformat())
    n, p = len(rows), len(inputs)
    layout = plan(inputs, factors or {})
    asked = _Asked.about(rows)
    counted = _counted(events, layout, asked)
    origin = pc.rank(events["source_id"], tiebreaker="dense").to_numpy() if trace else np.zeros(events.num_rows, np.uint64)
    picked, value = _taken(counted, layout, asked.as_of, origin)
    if COUNT in layout.take:
        counts = np.bincount(counted.cell[counted.take == COUNT], minlength=n * p).astype(np.float64)
        tally = (_seen(events, asked)[:, None] & (layout.take == COUNT)).ravel()
        value[tally] = counts[tally]
    with np.errstate(over="ignore"):
        X = value.reshape(n, p).astype(np.float32)
    observed = np.isfinite(X)
    X[~observed] = np.nan
    times = ids = None
    if trace:
        times, ids = _traced(events, np.where(observed.ravel(), picked, -1), (n, p))
    return Features(X, tuple(i.name for i in inputs), tuple(i.unit for i in inputs), tuple(rows), observed, times, ids)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Rows by subject: rows of the k-th subject are `row[start[k] : start[k] + count[k]]`."""

    as_of: Ints
    subject: Ints
    start: Ints
    count: Ints
    row: Ints

    @staticmethod
    def about(rows: Sequence[tuple[int, datetime]]) -> _Asked:
        asked = np.array([s for s, _ in rows], dtype=np.int64)
        as_of = np.array([at for _, at in rows], dtype="datetime64[us]").astype(np.int64)
        row = np.argsort(asked, kind="stable")
        subject, start, count = np.unique(asked[row], return_index=True, return_counts=True)
        return _Asked(as_of, subject, start, count, row)

    def position(self, subjects: Ints) -> Ints:
        """Position of each event's subject in `subject`, -1 for a subject that is not asked about."""
        if not len(self.subject):
            return np.full(len(subjects), -1)
        at = np.minimum(np.searchsorted(self.subject, subjects), len(self.subject) - 1)
        return np.where(self.subject[at] == subjects, at, -1)


@dataclass(frozen=True, slots=True)
class _Counted:
    """Events that count, one entry for each cell (row times p plus input) that an event counts in."""

    event: Ints
    cell: Ints
    take: Ints
    value: NDArray[np.float64]
    time: Ints
    available: Ints


def _spread(start: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Repeat each k count[k] times, beside start[k], start[k] + 1, ..."""
    which = np.repeat(np.arange(len(count)), count)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(count) - count - start, count)


def _counted(events: pa.Table, layout: Plan, asked: _Asked) -> _Counted:
    time, available = microseconds(events["time"]), microseconds(events["available"])
    known = known_from(time, available)
    position = asked.position(events["subject_id"].to_numpy())
    code = pc.fill_null(pc.index_in(events["code"], layout.codes), -1).to_numpy()
    event = np.flatnonzero((code >= 0) & (position >= 0))
    which, member = _spread(asked.start[position[event]], asked.count[position[event]])
    event, row = event[which], asked.row[member]
    keep = known[event] <= asked.as_of[row]
    event, row = event[keep], row[keep]

    first = layout.pair_start[code[event]]
    which, pair = _spread(first, layout.pair_start[code[event] + 1] - first)
    event, row = event[which], row[which]
    i = layout.pair_input[pair]
    happened = time[event]
    inside = layout.whole_life[i] | ((happened != UNDATED) & (happened > asked.as_of[row] - layout.window[i]))
    inside &= (layout.take[i] != AGE) | (happened != UNDATED)
    event, row, pair, i = event[inside], row[inside], pair[inside], i[inside]

    value, said = _values(events, layout, event, pair, i)
    take = layout.take[i]
    valued = np.isfinite(value) | ((take == COUNT) & (layout.kind[i] != BY_TEXT)) | (take == AGE)
    said &= valued | (((take == LAST) | (take == FIRST)) & (layout.kind[i] == BY_TEXT))
    event, cell = event[said], (row * len(layout.take) + i)[said]
    return _Counted(event, cell, take[said], value[said], time[event], available[event])


def _seen(events: pa.Table, asked: _Asked) -> NDArray[np.bool_]:
    """Whether anything at all was known of each row's subject at its moment of asking, shape (n,)."""
    earliest = np.full(len(asked.subject) + 1, NEVER)  # the last is for events of nobody who is asked about
    known = known_from(microseconds(events["time"]), microseconds(events["available"]))
    np.minimum.at(earliest, asked.position(events["subject_id"].to_numpy()), known)
    seen = np.zeros(len(asked.as_of), dtype=np.bool_)
    seen[asked.row] = np.repeat(earliest[:-1], asked.count) <= asked.as_of[asked.row]
    return seen


def _values(events: pa.Table, layout: Plan, event: Ints, pair: Ints, i: Ints) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The value of each entry, NaN where none, and whether the event says anything to the input at all."""
    value = np.full(len(event), np.nan)
    said = np.ones(len(event), dtype=np.bool_)
    kind = layout.kind[i]
    if BY_CODE in layout.kind:
        own = kind == BY_CODE
        value[own] = layout.pair_value[pair[own]]
    if BY_TEXT in layout.kind:
        own = kind == BY_TEXT
        answer = pc.fill_null(pc.index_in(events["text_value"], layout.answers), -1).to_numpy()
        value[own] = layout.answer_value[i[own], answer[event[own]]]
        said[own] = pc.is_valid(events["text_value"]).to_numpy()[event[own]]
    if NUMBER in layout.kind:
        own = kind == NUMBER
        number = events["numeric_value"].to_numpy()[event[own]].astype(np.float64)
        unit = pc.fill_null(pc.index_in(events["unit"], layout.units), -1).to_numpy()[event[own]]
        scale = layout.scale[pair[own], unit]
        stray = np.isfinite(number) & np.isnan(scale)
        if stray.any():
            _refuse(events, layout, event[own][stray], pair[own][stray])
        value[own] = number * scale + layout.offset[pair[own], unit]
        said[own] = np.isfinite(number)
    return value, said


def _refuse(events: pa.Table, layout: Plan, event: Ints, pair: Ints) -> None:
    found = events.select(["code", "unit"]).take(pa.array(np.unique(event)))
    code, unit = min(((c, u or "") for c, u in zip(*(column.to_pylist() for column in found.columns), strict=True)), default=("", ""))
    at = int(pc.index_in(pa.scalar(code), layout.codes).as_py())
    ways = layout.scale[[q for q in pair if layout.pair_start[at] <= q < layout.pair_start[at + 1]]]
    wanted = sorted({layout.units[int(u)].as_py() for u in np.flatnonzero(np.isfinite(ways).any(axis=0))})
    do = "ingest the events again, which converts units, or give a factor"
    raise UnitError("A value is in a unit that does not convert", where=code, found=unit or None, expected=wanted, do=do)


def _taken(counted: _Counted, layout: Plan, as_of: Ints, origin: NDArray[np.uint64]) -> tuple[Ints, NDArray[np.float64]]:
    """The event picked for each cell (-1 where none) and the cell's value (NaN where none; counts are left to the caller)."""
    cells = len(as_of) * len(layout.take)
    picked, value = np.full(cells, -1), np.full(cells, np.nan)
    take, v, time, available = counted.take, counted.value, counted.time, counted.available
    for takes, keys in (((LAST, FIRST), (v, available, time)), ((MAX, MIN), (available, time, v)), ((AGE,), (time, available))):
        own = np.flatnonzero(np.isin(take, takes))
        if not len(own):
            continue
        own = _foremost(own, counted.cell[own], keys[-1][own], np.isin(take[own], (FIRST, MIN)), cells)
        own = own[np.lexsort((origin[counted.event[own]], *(k[own] for k in keys), counted.cell[own]))]
        begins = np.flatnonzero(np.diff(counted.cell[own], prepend=-1))
        ends = np.append(begins[1:], len(own)) - 1
        own = own[np.where(np.isin(take[own[begins]], (FIRST, MIN)), begins, ends)]
        cell = counted.cell[own]
        picked[cell] = counted.event[own]
        value[cell] = _years(time[own], as_of[cell // len(layout.take)]) if AGE in takes else v[own]
    own = np.flatnonzero(take == MEAN)
    if len(own):
        own = own[np.argsort(v[own], kind="stable")]  # a sum of floats depends on its order, so the order is settled by value
        number = np.bincount(counted.cell[own], minlength=cells)
        total = np.bincount(counted.cell[own], weights=v[own], minlength=cells)
        value[number > 0] = total[number > 0] / number[number > 0]
    return picked, value


def _foremost(own: Ints, cell: Ints, key: NDArray[Any], least: NDArray[np.bool_], cells: int) -> Ints:
    """Of the entries `own`, those whose key is the greatest of their cell (the least where asked for): few are left to be sorted."""
    info = np.iinfo(key.dtype) if key.dtype.kind == "i" else np.finfo(key.dtype)
    best = np.full(cells, info.min, dtype=key.dtype)
    np.maximum.at(best, cell[~least], key[~least])
    if least.any():
        lowest = np.full(cells, info.max, dtype=key.dtype)
        np.minimum.at(lowest, cell[least], key[least])
        best[cell[least]] = lowest[cell[least]]
    foremost: Ints = own[key == best[cell]]
    return foremost


def _years(birth: Ints, at: Ints) -> NDArray[np.float64]:
    """Completed calendar years."""
    born, asked = birth.astype("datetime64[us]"), at.astype("datetime64[us]")
    years = asked.astype("datetime64[Y]").astype(np.int64) - born.astype("datetime64[Y]").astype(np.int64)
    return (years - (_day_of_year(asked) < _day_of_year(born))).astype(np.float64)


def _day_of_year(t: NDArray[np.datetime64]) -> Ints:
    month = t.astype("datetime64[M]")
    day = (t.astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    days: Ints = month.astype(np.int64) % 12 * 32 + day
    return days


def _traced(events: pa.Table, picked: Ints, shape: tuple[int, int]) -> tuple[NDArray[np.datetime64], NDArray[np.object_]]:
    own = np.flatnonzero(picked >= 0)
    times, ids = np.full(len(picked), np.datetime64("NaT", "us")), np.full(len(picked), None, dtype=object)
    found = events.select(["time", "source_id"]).take(pa.array(picked[own]))
    times[own] = found["time"].to_numpy()
    ids[own] = found["source_id"].to_pylist()
    return times.reshape(shape), ids.reshape(shape)
