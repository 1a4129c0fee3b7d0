"""Timeline: the subjects of a table laid end to end on one axis of whole numbers, so that one search serves all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.errors import LawError
from consilium.record.known import NEVER, UNDATED, known_from, microseconds

Ints = NDArray[np.int64]
ROOM = 1 << 62
"""How long an axis can be, in microseconds: a hundred and forty thousand years."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A table's subjects on one axis.

    Parameters
    ----------
    events : pyarrow.Table
        In MEDS columns, any subjects, any order; rows are as there in all that follows.
    codes : array of string, length c
        Every code, once.
    code : int32 array of shape (n,)
        Position in `codes` of each row.
    subjects : int64 array of shape (s,)
        Subjects, ascending.
    owner : int64 array of shape (n,)
        Position in `subjects` of each row.
    time : int64 array of shape (n,)
        Microseconds since 1970, `UNDATED` where null.
    first, last : int64 arrays of shape (s,)
        A subject's first and last moment with an event; `NEVER` and `UNDATED` without any.
    low, high : int64 arrays of shape (s,)
        First and last moment of anything about the subject, when it was known included.
    base : int64 array of shape (s,)
        Where the subject's `low` lies on the axis.
    """

    events: pa.Table
    codes: pa.Array
    code: NDArray[np.int32]
    subjects: Ints
    owner: Ints
    time: Ints
    first: Ints
    last: Ints
    low: Ints
    high: Ints
    base: Ints

    @property
    def fits(self) -> bool:
        """Whether the axis is long enough for all subjects; if not, do fewer at once."""
        return float(np.sum((self.high - self.low).astype(np.float64) + 4)) < ROOM


def timeline(events: pa.Table, known: bool) -> Timeline:
    """Lay a table out.

    Parameters
    ----------
    events : pyarrow.Table
        With the columns `subject_id`, `time` and `code`.
    known : bool
        Make room for the times at which events were known, by the column `available`.

    Raises
    ------
    LawError
        When one of these columns is missing.
    """
    needed = ["subject_id", "time", "code", *(["available"] if known else [])]
    if not set(needed) <= set(events.schema.names):
        raise LawError("Events lack columns", found=events.schema.names, expected=needed)
    code = _coded(events["code"])
    subject = events["subject_id"].to_numpy()
    begins = np.flatnonzero(np.diff(subject, prepend=subject[:1] - 1)) if len(subject) else np.zeros(0, np.int64)
    subjects, run = np.unique(subject[begins], return_inverse=True)
    owner = np.repeat(run, np.diff(begins, append=len(subject)))
    time = microseconds(events["time"].cast(pa.timestamp("us")))
    dated = time != UNDATED
    first, last = np.full(len(subjects), NEVER), np.full(len(subjects), UNDATED)
    if len(begins):
        np.minimum.at(first, run, np.minimum.reduceat(time if dated.all() else np.where(dated, time, NEVER), begins))
        np.maximum.at(last, run, np.maximum.reduceat(time, begins))
    high = last
    if known and len(begins):
        late = known_from(time, microseconds(events["available"]))
        high = last.copy()
        np.maximum.at(high, run, np.maximum.reduceat(np.where(dated & (late != NEVER), late, UNDATED), begins))
    seen = first != NEVER
    low, high = np.where(seen, first, 0), np.where(seen, high, 0)
    base = np.cumsum(high - low + 4) - (high - low + 4) + 1
    return Timeline(events, code.dictionary, code.indices.to_numpy(), subjects, owner, time, first, last, low, high, base)


def _coded(codes: pa.ChunkedArray) -> pa.DictionaryArray:
    if codes.null_count:
        raise LawError("An event without a code", found=f"{codes.null_count} of {len(codes)}")
    coded = codes.unify_dictionaries() if pa.types.is_dictionary(codes.type) else pc.dictionary_encode(codes)
    if coded.num_chunks == 1:
        return coded.chunk(0)
    return pa.concat_arrays(coded.chunks) if coded.num_chunks else pa.array([], coded.type)


def on_axis(line: Timeline, owner: Ints, time: Ints) -> Ints:
    """Moments of subjects as places on the axis; a moment outside the subject's record lies just before or after all of it."""
    low, high = line.low[owner], line.high[owner]
    places: Ints = np.clip(time, low - 1, high + 1) - low + line.base[owner]
    return places


def off_axis(line: Timeline, places: Ints) -> tuple[Ints, Ints]:
    """Subjects (as positions) and moments of places on the axis."""
    owner: Ints = np.searchsorted(line.base, places, side="right") - 1
    return owner, places - line.base[owner] + line.low[owner]


def nearest(axis: Ints, places: Ints, *, back: bool, strict: bool) -> tuple[Ints, NDArray[np.bool_]]:
    """The nearest of the sorted `axis` at or after each place (before, if `back`; not at it, if `strict`), and whether there is one."""
    if back:
        found = np.searchsorted(axis, places, side="left" if strict else "right") - 1
    else:
        found = np.searchsorted(axis, places, side="right" if strict else "left")
    exists = (found >= 0) & (found < len(axis))
    return (axis[np.where(exists, found, 0)] if len(axis) else places), exists


def between(axis: Ints, start: Ints, end: Ints, *, start_inclusive: bool, end_inclusive: bool) -> Ints:
    """How many of the sorted `axis` lie in each window of places."""
    before = np.searchsorted(axis, start, side="left" if start_inclusive else "right")
    until = np.searchsorted(axis, end, side="right" if end_inclusive else "left")
    number: Ints = np.maximum(until - before, 0)
    return number


def distinct(axis: Ints) -> Ints:
    """Each place of the sorted `axis` once."""
    return axis[np.flatnonzero(np.diff(axis, prepend=-1))]


def columns(values: Mapping[str, tuple[object, ...]], events: pa.Table, rows: Ints) -> NDArray[np.bool_]:
    """Of some rows, those in which each named column holds one of the values named for it."""
    held = np.ones(len(rows), dtype=np.bool_)
    for name, wanted in values.items():
        if name not in events.schema.names:
            raise LawError("Events lack a column that a predicate asks for", found=events.schema.names, expected=name)
        column = events[name].take(pa.array(rows))
        held &= pc.fill_null(pc.is_in(column, pa.array(list(wanted), column.type), skip_nulls=True), False).to_numpy()
    return held
