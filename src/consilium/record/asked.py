"""Asked: who of a whole record is asked about, and when - found shard by shard, or known already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from consilium.core.errors import LawError, TimeError
from consilium.core.question import Question
from consilium.record.cohort import Cohort, cohort
from consilium.record.engine import Progress
from consilium.record.store import Record, View
from consilium.record.tables import ROWS, Tables, counted, write_tables

LABEL = "label"

Ask = Callable[[pa.Table], Cohort]
"""From events of whole subjects to those who are asked about, and when; it must ask each subject by that subject's events alone."""
Asked: TypeAlias = Question | Ask | Tables | Cohort | pa.Table | Sequence[tuple[int, datetime]]
"""A question or a function, asked shard by shard; or rows that are known already, as tables that `cohort_of` wrote are."""


def cohort_of(
    record: Record | View,
    question: Question | Ask,
    out: Path | str,
    *,
    workers: int = 1,
    engine: str = "local",
    progress: Progress | None = None,
) -> Tables:
    """Find who of a whole record was asked, when, and what the truth was, in bounded memory; see `cohort`.

    Parameters
    ----------
    record : Record or View
    question : Question or callable
        See `Ask`.
    out : path
        Folder for one Parquet file a shard: `subject_id`, `as_of`, `label`; rows stand by subject, then time.
    workers, engine, progress
        As in `over_shards`.

    Returns
    -------
    Tables
        `counts` holds the subjects that the question left out, by reason.

    Raises
    ------
    RecordError
        When the folder holds something else, the disk refuses, or as `over_shards` says.
    CardError, LawError
        As `cohort` says.
    """
    ask: Ask = partial(cohort, question=question) if isinstance(question, Question) else question
    plan = {"tables": "cohort", "asked": named(ask)}
    return write_tables(partial(_found, ask=ask), record, out, plan=plan, workers=workers, engine=engine, progress=progress)


def found(events: pa.Table, ask: Ask) -> tuple[pa.Table, Mapping[str, int]]:
    """Rows of those who are asked about among some events, by subject and time, and how many were left out, by reason."""
    told = ask(events)
    return rows_of(told).sort_by([(name, "ascending") for name in ROWS.names]), told.excluded


def moments_of(rows: pa.Table) -> list[tuple[int, datetime]]:
    """Rows as `features` wants them."""
    return list(zip(rows["subject_id"].to_pylist(), rows["as_of"].to_pylist(), strict=True))


def rows_of(asked: Tables | Cohort | pa.Table | Sequence[tuple[int, datetime]]) -> pa.Table:
    """Rows in the columns of `ROWS`, with `label` where there is one.

    Raises
    ------
    LawError
        When a table lacks a column, or a moment is missing.
    TimeError
        When a moment carries a zone.
    """
    if isinstance(asked, Tables):
        asked = asked.read()
    if isinstance(asked, pa.Table):
        missing = [name for name in ROWS.names if name not in asked.schema.names]
        if missing:
            raise LawError("A table of moments lacks columns", found=asked.schema.names, expected=ROWS.names)
        if getattr(asked.schema.field("as_of").type, "tz", None):
            raise TimeError("A moment of asking must be UTC without zone", found=str(asked.schema.field("as_of").type))
        label = [LABEL] if LABEL in asked.schema.names else []
        columns = [*(asked[f.name].cast(f.type) for f in ROWS), *(asked[name] for name in label)]
        if any(column.null_count for column in columns[:2]):
            raise LawError("A row has a subject and a moment of asking", found="a null")
        return pa.table(columns, schema=pa.schema([*ROWS, *(asked.schema.field(name) for name in label)]))
    pairs = asked.rows if isinstance(asked, Cohort) else asked
    zoned = [at for _, at in pairs if at.tzinfo is not None]
    if zoned:
        raise TimeError("A moment of asking must be UTC without zone", found=zoned[0].isoformat())
    table = pa.Table.from_arrays(
        [pa.array([s for s, _ in pairs], pa.int64()), pa.array([at for _, at in pairs], pa.timestamp("us"))], schema=ROWS
    )
    return table.append_column(LABEL, pa.array(asked.labels)) if isinstance(asked, Cohort) else table


def given(rows: Asked) -> tuple[pa.Table | None, Ask | None]:
    """Rows that are known already, or else the function that finds them."""
    if isinstance(rows, Question):
        return None, partial(cohort, question=rows)
    return (None, rows) if callable(rows) else (rows_of(rows), None)


def plain(value: Any) -> Any:
    """A dataclass in JSON values, so that two that differ read differently."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(v) for key, v in sorted(value.items(), key=str)}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def named(ask: Any) -> Any:
    """A function, by its name and what is bound to it, so that a run goes on only with what it began with.

    Raises
    ------
    LawError
        When it has no name of its own.
    """
    if isinstance(ask, partial):
        return [named(ask.func), plain(ask.args), plain(ask.keywords)]
    name = getattr(ask, "__qualname__", "<")
    if "<" in name:
        raise LawError("Who is asked about is found by a function without a name of its own", found=ask, do="define it in a module")
    return f"{ask.__module__}.{name}"


def _found(events: pa.Table, asked: pa.Table | None, *, ask: Ask) -> Iterator[pa.Table]:
    rows, excluded = found(events, ask)
    yield counted(rows, excluded)
