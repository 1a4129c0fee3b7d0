"""Matrix: the features of a whole record, shard by shard, in files; one patient's are computed by the same `features`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.card import Input
from consilium.core.errors import LawError
from consilium.record.asked import Ask, Asked, found, given, moments_of, named, plain
from consilium.record.engine import Progress
from consilium.record.features import planned
from consilium.record.plan import Factors, Plan, plan
from consilium.record.store import Record, View
from consilium.record.tables import Tables, counted, write_tables

ENTRIES_AT_ONCE = 200_000
"""Events counted for a reading at a moment, in one step: with all that is computed beside them some 25 MB."""


def features_of(
    record: Record | View,
    inputs: Sequence[Input],
    rows: Asked,
    out: Path | str,
    *,
    workers: int = 1,
    engine: str = "local",
    progress: Progress | None = None,
    factors: Factors | None = None,
) -> Tables:
    """Compute what a model sees of every patient of a record, in bounded memory.

    Parameters
    ----------
    record : Record or View
    inputs : sequence of Input, length p
    rows : Question, callable, Tables, Cohort, pyarrow.Table, or sequence of (int, datetime)
        Who is asked about, and when; see `Asked`. A table has the columns `subject_id` and `as_of`, and `label` if it likes.
    out : path
        Folder for one Parquet file a shard: `subject_id`, `as_of`, `label` where there is one, and a float32 column for each
        input, null where nothing was observed, with its unit in the column's metadata. Rows stand by subject, then time.
    workers, engine, progress
        As in `over_shards`.
    factors : mapping, optional
        As in `features`.

    Returns
    -------
    Tables
        `counts` holds the subjects that the question left out, by reason.

    Raises
    ------
    RecordError
        When the folder holds something else, the disk refuses, or as `over_shards` says. Shards that were finished stay: the same
        call goes on after them.
    UnitError, LawError, TimeError, CardError
        As `features` and `cohort` say.
    """
    rows_given, ask = given(rows)
    made_of = {
        "tables": "features",
        "inputs": [plain(i) for i in inputs],
        "factors": sorted([*key, *value] for key, value in (factors or {}).items()),
        "asked": None if ask is None else named(ask),
    }
    make = partial(_made, inputs=tuple(inputs), ask=ask, factors=dict(factors or {}))
    return write_tables(make, record, out, plan=made_of, rows=rows_given, workers=workers, engine=engine, progress=progress)


def matrix(tables: Tables, inputs: Sequence[Input]) -> tuple[NDArray[np.float32], pa.Table]:
    """What was written, in memory.

    Returns
    -------
    (float32 array of shape (n, p), pyarrow.Table of n rows)
        NaN where nothing was observed; and the columns that are not inputs.
    """
    held = tables.read()
    names = [i.name for i in inputs]
    X = np.full((held.num_rows, len(names)), np.nan, dtype=np.float32)
    for column, name in enumerate(names):
        X[:, column] = pc.fill_null(held[name], float("nan")).to_numpy()
    return X, held.drop_columns(names)


def row_chunks(events: pa.Table, rows: pa.Table, layout: Plan) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Rows in chunks that need about `ENTRIES_AT_ONCE` entries each, with the events of their subjects.

    Raises
    ------
    LawError
        When either does not stand by subject: a row would be parted from its subject's events, in silence.
    """
    if not rows.num_rows:
        return
    for table in (events, rows):
        if (np.diff(table["subject_id"].to_numpy()) < 0).any():
            raise LawError("Events and rows must stand by subject", found=table.schema.names[:2])
    per_event = max(1.0, len(layout.pair_reading) / max(1, len(layout.codes)))
    held = events["subject_id"].to_numpy()
    asked = rows["subject_id"].to_numpy()
    start, end = np.searchsorted(held, asked), np.searchsorted(held, asked, side="right")
    chunk = (np.cumsum((end - start + 1) * per_event) // ENTRIES_AT_ONCE).astype(np.int64)
    firsts = np.flatnonzero(np.diff(chunk, prepend=-1))
    for first, last in zip(firsts, np.append(firsts[1:], len(asked)), strict=True):
        low, high = int(start[first]), int(end[last - 1])
        yield events.slice(low, high - low), rows.slice(int(first), int(last - first))


def _made(events: pa.Table, asked: pa.Table | None, *, inputs: tuple[Input, ...], ask: Ask | None, factors: Factors) -> Iterator[pa.Table]:
    counts: Mapping[str, int] = {}
    if asked is None:
        assert ask is not None  # rows are given, or there is somebody to ask
        asked, counts = found(events, ask)
    yield counted(_table(asked.slice(0, 0), inputs, np.empty((0, len(inputs)), np.float32)), counts)
    layout = plan(inputs, factors)
    for theirs, rows in row_chunks(events, asked, layout):
        yield _table(rows, inputs, planned(theirs, layout, moments_of(rows)).X)


def _table(rows: pa.Table, inputs: Sequence[Input], X: NDArray[np.float32]) -> pa.Table:
    names = [pa.field(i.name, pa.float32(), metadata={"unit": i.unit}) for i in inputs]
    values = [pa.array(column, from_pandas=True) for column in np.ascontiguousarray(X.T)]  # NaN, and it alone, is not observed
    return pa.Table.from_arrays([*rows.columns, *values], schema=pa.schema([*rows.schema, *names]))
