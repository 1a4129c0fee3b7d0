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
from consilium.record.plan import BIRTHS, BY_CODE, BY_TEXT, NUMBER, PLAIN, WHOLE_LIFE, Factors, Plan, found, plan

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
    return planned(events, plan(inputs, factors or {}), rows, trace=trace)


def planned(events: pa.Table, layout: Plan, rows: Sequence[tuple[int, datetime]], *, trace: bool = False) -> Features:
    """`features` of inputs that were laid out before, for whoever asks shard after shard."""
    n, p = len(rows), len(layout.inputs)
    asked = _Asked.about(rows)
    counted = _counted(events, layout, asked)
    origin = pc.rank(events["source_id"], tiebreaker="dense").to_numpy() if trace else np.zeros(events.num_rows, np.uint64)
    picked, value = _taken(counted, layout, asked.as_of, origin)
    if COUNT in layout.take:
        value[:, layout.take == COUNT] = np.where(_seen(events, asked)[:, None], value[:, layout.take == COUNT], np.nan)
    with np.errstate(over="ignore"):
        X = value.astype(np.float32)
    observed = np.isfinite(X)
    X[~observed] = np.nan
    times = ids = None
    if trace:
        times, ids = _traced(events, np.where(observed, picked, -1).ravel(), (n, p))
    names, units = (tuple(getattr(i, key) for i in layout.inputs) for key in ("name", "unit"))
    return Features(X, names, units, tuple(rows), observed, times, ids)


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
    """Events that count, one entry for each cell (row times readings plus reading) that an event counts in.

    `span` is the position of the narrowest window that holds the event; `valued` tells those with a value from answers that are not
    listed and only stand in the way of older ones.
    """

    event: Ints
    cell: Ints
    span: Ints
    valued: NDArray[np.bool_]
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

    happened = time[event]
    ago = np.where(happened == UNDATED, WHOLE_LIFE - 1, asked.as_of[row] - happened)
    span = np.searchsorted(layout.windows, ago, side="right")

    first = layout.pair_start[code[event]]
    which, pair = _spread(first, layout.pair_start[code[event] + 1] - first)
    event, row, span = event[which], row[which], span[which]
    r = layout.pair_reading[pair]
    inside = span <= layout.widest[r]
    inside &= (layout.kind[r] != BIRTHS) | (time[event] != UNDATED)
    event, row, span, pair, r = event[inside], row[inside], span[inside], pair[inside], r[inside]

    value, said = _values(events, layout, event, pair, r)
    valued = np.isfinite(value) | (layout.kind[r] >= PLAIN)
    said &= valued | (layout.kind[r] == BY_TEXT)
    event, cell = event[said], (row * len(layout.kind) + r)[said]
    return _Counted(event, cell, span[said], valued[said], value[said], time[event], available[event])


def _seen(events: pa.Table, asked: _Asked) -> NDArray[np.bool_]:
    """Whether anything at all was known of each row's subject at its moment of asking, shape (n,)."""
    earliest = np.full(len(asked.subject) + 1, NEVER)  # the last is for events of nobody who is asked about
    known = known_from(microseconds(events["time"]), microseconds(events["available"]))
    np.minimum.at(earliest, asked.position(events["subject_id"].to_numpy()), known)
    seen = np.zeros(len(asked.as_of), dtype=np.bool_)
    seen[asked.row] = np.repeat(earliest[:-1], asked.count) <= asked.as_of[asked.row]
    return seen


def _values(events: pa.Table, layout: Plan, event: Ints, pair: Ints, r: Ints) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The value of each entry, NaN where none, and whether the event says anything to the reading at all."""
    value = np.full(len(event), np.nan)
    said = np.ones(len(event), dtype=np.bool_)
    kind = layout.kind[r]
    if BY_CODE in layout.kind:
        own = kind == BY_CODE
        value[own] = layout.pair_value[pair[own]]
    if BY_TEXT in layout.kind:
        own = kind == BY_TEXT
        said_of, of_event = np.unique(event[own], return_inverse=True)
        answer = found(events["text_value"].take(pa.array(said_of)), layout.answers)
        value[own] = layout.answer_value[r[own], answer[of_event]]
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
    """The event picked for each row and input (-1 where none) and the value (NaN where none), both of shape (n, p)."""
    shape = len(as_of), len(layout.kind)
    picked, value = np.full((len(as_of), len(layout.inputs)), -1), np.full((len(as_of), len(layout.inputs)), np.nan)
    # A sum of floats depends on its order, so the order is settled by value.
    by_value = np.argsort(counted.value, kind="stable") if MEAN in layout.take else np.empty(0, np.int64)
    reading = counted.cell % max(1, shape[1])
    for span, take in sorted(set(zip(layout.span.tolist(), layout.take.tolist(), strict=True))):
        wanted = np.flatnonzero((layout.span == span) & (layout.take == take))
        asked = np.zeros(shape[1], dtype=np.bool_)
        asked[layout.reading[wanted]] = True
        inside = asked[reading] & (counted.span <= span)
        if take not in (LAST, FIRST):
            inside &= counted.valued
        if take == COUNT:
            found = np.bincount(counted.cell[inside], minlength=shape[0] * shape[1]).astype(np.float64)
        elif take == MEAN:
            own = by_value[inside[by_value]]
            number = np.bincount(counted.cell[own], minlength=shape[0] * shape[1])
            total = np.bincount(counted.cell[own], weights=counted.value[own], minlength=shape[0] * shape[1])
            found = np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)
        else:
            own = _picked(counted, np.flatnonzero(inside), take, origin, shape[0] * shape[1])
            cell = counted.cell[own]
            event, found = np.full(shape[0] * shape[1], -1), np.full(shape[0] * shape[1], np.nan)
            event[cell] = counted.event[own]
            found[cell] = _years(counted.time[own], as_of[cell // shape[1]]) if take == AGE else counted.value[own]
            picked[:, wanted] = event.reshape(shape)[:, layout.reading[wanted]]
        value[:, wanted] = found.reshape(shape)[:, layout.reading[wanted]]
    return picked, value


def _picked(counted: _Counted, own: Ints, take: int, origin: NDArray[np.uint64], cells: int) -> Ints:
    """Of the entries `own`, the one that stands for each cell."""
    v, time, available = counted.value, counted.time, counted.available
    keys: tuple[NDArray[Any], ...] = (
        (time, available) if take == AGE else (available, time, v) if take in (MAX, MIN) else (v, available, time)
    )
    least = take in (FIRST, MIN)
    own = _foremost(own, counted.cell[own], keys[-1][own], least, cells)
    own = own[np.lexsort((origin[counted.event[own]], *(k[own] for k in keys), counted.cell[own]))]
    begins = np.flatnonzero(np.diff(counted.cell[own], prepend=-1))
    chosen: Ints = own[begins if least else np.append(begins[1:], len(own)) - 1] if len(own) else own
    return chosen


def _foremost(own: Ints, cell: Ints, key: NDArray[Any], least: bool, cells: int) -> Ints:
    """Of the entries `own`, those whose key is the greatest of their cell, or the least: few are left to be sorted."""
    info = np.iinfo(key.dtype) if key.dtype.kind == "i" else np.finfo(key.dtype)
    best = np.full(cells, info.max if least else info.min, dtype=key.dtype)
    (np.minimum if least else np.maximum).at(best, cell, key)
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
