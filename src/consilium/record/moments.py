"""Moments: where on the timeline each predicate of a task is met."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.errors import CardError
from consilium.core.question import Joined, Predicate
from consilium.record.known import NEVER, UNDATED, known_from, microseconds
from consilium.record.task import ANY_EVENT, RECORD_END, RECORD_START, SPECIAL, Task
from consilium.record.timeline import Ints, Timeline, between, columns, distinct, on_axis

Moments = Callable[[str], Ints]


def moments(line: Timeline, task: Task) -> Moments:
    """A function from a predicate's name to its sorted places on the axis, each worked out once, when first asked for.

    A plain predicate has a place for every event that meets it; a joined or special one has a place once for every moment.
    """
    done: dict[str, Ints] = {}

    def of(name: str) -> Ints:
        if name not in done:
            done[name] = special(line, name) if name in SPECIAL else of_predicate(task.predicates[name])
        return done[name]

    def of_predicate(predicate: Predicate | Joined) -> Ints:
        if isinstance(predicate, Predicate):
            return plain(line, predicate)
        met = [of(ANY_EVENT if name in task.static else name) for name in predicate.of]
        if not predicate.every:
            return distinct(np.sort(np.concatenate(met), kind="stable"))  # sorted runs, which a stable sort only merges
        both = distinct(min(met, key=len))
        for other in met:
            both = both[between(other, both, both, start_inclusive=True, end_inclusive=True) > 0]
        return both

    return of


def plain(line: Timeline, predicate: Predicate) -> Ints:
    """Places of the dated events that meet a predicate, sorted; one known at no time has none."""
    rows, time = _timed(line, predicate)
    dated = time != UNDATED
    if not dated.all():
        rows, time = rows[dated], time[dated]
    return _sorted(on_axis(line, line.owner[rows], time))


def special(line: Timeline, name: str) -> Ints:
    """Places of every moment with an event, of each subject's first, or of the last."""
    seen = np.flatnonzero(line.first != NEVER)
    if name == RECORD_START:
        return on_axis(line, seen, line.first[seen])
    if name == RECORD_END:
        return on_axis(line, seen, line.last[seen])
    rows = np.flatnonzero(line.time != UNDATED)
    return distinct(_sorted(line.time[rows] - line.low[line.owner[rows]] + line.base[line.owner[rows]]))


def without_time(line: Timeline, task: Task, name: str) -> NDArray[np.bool_]:
    """Which subjects meet a predicate by events without a time (or never known), shape (n_subjects,); none meets a special one."""
    who = np.zeros(len(line.subjects), dtype=np.bool_)
    if name in SPECIAL:
        return who
    predicate = task.predicates[name]
    if isinstance(predicate, Joined):
        parts = np.array([without_time(line, task, part) for part in predicate.of])
        return np.asarray(parts.all(axis=0) if predicate.every else parts.any(axis=0))
    rows, time = _timed(line, predicate)
    who[line.owner[rows[time == UNDATED]]] = True
    return who


def _timed(line: Timeline, predicate: Predicate) -> tuple[Ints, Ints]:
    """Rows that meet a predicate and the time at which each counts, `UNDATED` for one that counts at none."""
    rows = matching(line, predicate)
    time = line.time[rows]
    if predicate.known:
        late = known_from(time, microseconds(line.events["available"].take(pa.array(rows))))
        time = np.where((time == UNDATED) | (late == NEVER), UNDATED, late)
    return rows, time


def matching(line: Timeline, predicate: Predicate) -> Ints:
    """Rows that meet a predicate, whatever their time."""
    rows = np.flatnonzero(coded(line.codes, predicate)[line.code]) if len(line.codes) else np.zeros(0, np.int64)
    if predicate.low is not None or predicate.high is not None:
        number = line.events["numeric_value"].take(pa.array(rows)).to_numpy()
        number = number if number.dtype.kind == "f" else number.astype(np.float64)
        inside = ~np.isnan(number)
        if predicate.low is not None:
            low = number.dtype.type(predicate.low)
            inside &= number >= low if predicate.low_inclusive else number > low
        if predicate.high is not None:
            high = number.dtype.type(predicate.high)
            inside &= number <= high if predicate.high_inclusive else number < high
        rows = rows[inside]
    if predicate.columns:
        rows = rows[columns(predicate.columns, line.events, rows)]
    return rows


def coded(codes: pa.Array, predicate: Predicate) -> NDArray[np.bool_]:
    """Which codes are a predicate's, shape (n_codes,)."""
    wanted = pc.is_in(codes, pa.array(predicate.codes, codes.type)).to_numpy(zero_copy_only=False)
    for prefix in predicate.prefixes:
        wanted = wanted | pc.starts_with(codes, prefix).to_numpy(zero_copy_only=False)
    if predicate.pattern:
        import polars as pl  # not at the top: few questions need it

        try:
            found = pl.Series(codes.cast(pa.large_string())).str.contains(predicate.pattern)
        except pl.exceptions.ComputeError as error:
            reason = str(error).splitlines()[-1]
            raise CardError("A regular expression cannot be read", where=predicate.pattern, found=reason) from error
        wanted = wanted | found.to_numpy()
    return np.asarray(wanted, dtype=np.bool_)


def _sorted(places: Ints) -> Ints:
    return places if len(places) < 2 or bool(np.all(places[1:] >= places[:-1])) else np.sort(places)
