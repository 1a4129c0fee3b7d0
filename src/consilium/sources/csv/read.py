"""Read: tables and their mapping become batches of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from consilium.core import AS_SENT, Batch, Reject
from consilium.core.errors import FormatError, NotFoundError
from consilium.sources.csv import column, frame, lookup, say
from consilium.sources.csv.frame import ROW
from consilium.sources.csv.load import load
from consilium.sources.csv.mapping import Mapping, Table, placeholders
from consilium.sources.sheet import Sheet

SUFFIXES = (".csv", ".tsv")
"""Files that are tables whatever else is known of them; Parquet and `.zst` are read too, where a mapping is given."""
ROWS = 50_000
"""Rows in one batch, at most."""
EVENTS = 500_000
"""Events that the rows of one batch may make, at most: wide tables are read in fewer rows at a time."""


def read(path: str | Path, mapping: Mapping | str | Path) -> Iterator[Batch]:
    """Read a table as its mapping says: CSV (`.gz` and `.zst` included) or Parquet.

    Parameters
    ----------
    path : path
        The table.
    mapping : Mapping or path
        What its columns mean.

    Yields
    ------
    Batch
        At most `ROWS` rows each. A cell that cannot be read is a reject with its column as `part`; the rest of the row is read.
        A file that the mapping leaves out by name gives one empty batch.

    Raises
    ------
    FormatError
        When the table is not text of the stated encoding, is cut off, or has other columns than the mapping speaks of.
    NotFoundError
        When there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError("No such file", where=str(path), do="check the path")
    return _read(path, mapping if isinstance(mapping, Mapping) else load(mapping))


def _read(path: Path, mapping: Mapping) -> Iterator[Batch]:
    if mapping.ignores(path.name):
        yield Sheet(path.name).batch()
        return
    table = mapping.table(path.name)
    if table is None:
        raise FormatError("The mapping says nothing about this table", where=f"{path.name} against {mapping.path.name}",
                          expected=sorted(mapping.tables), do="describe it under tables, or list it under ignore_tables")  # fmt: skip
    _check(frame.columns(path, table), table, mapping, path)
    lookups = lookup.opened(table, mapping.path, path)
    said = False
    rows = max(1, min(ROWS, EVENTS // len(table.statements)))
    for piece in frame.pieces(path, table, sorted(table.own()), rows):
        said = True
        yield _batch(lookup.join(piece.rows, lookups), piece.broken, table, path)
    if not said:
        yield Sheet(path.name).batch()


def _check(header: tuple[str, ...], table: Table, mapping: Mapping, path: Path) -> None:
    where = f"{path.name} against {mapping.path.name}"
    if not header:
        raise FormatError("The table is empty", where=path.name, do="export it again")
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        raise FormatError("Columns bear the same name", where=path.name, found=twice, do="rename them")
    unexplained = sorted(name for name in header if name not in table.own() and not table.ignores(name))
    if unexplained:
        raise FormatError("The mapping says nothing about some columns", where=where, found=unexplained,
                          do="describe them under columns, or list them under ignore")  # fmt: skip
    exact = {name for name in table.ignore if not set("*?[") & set(name)}
    absent = sorted((table.own() | exact) - set(header))
    if absent:
        raise FormatError("The mapping speaks of columns that the table lacks", where=where, found=absent, expected=sorted(header),
                          do="check the delimiter and the names")  # fmt: skip


def _batch(rows: pl.DataFrame, broken: tuple[tuple[int, str], ...], table: Table, path: Path) -> Batch:
    placed = _placed(rows, table, path)
    refused = placed.filter(pl.col("#reason").is_not_null())
    good = placed.filter(pl.col("#reason").is_null())
    said = [say.person(good, table), *(say.statement(one, good, table) for one in table.statements)]
    events = pl.concat(part.events for part in said).with_columns(order=pl.int_range(pl.len())).sort("row", "order")
    whole = [(row, Reject(path.name, f"row {row}", reason, found=found or "")) for row, reason, found in _rows(refused)]
    whole += [(row, Reject(path.name, f"row {row}", "wrong number of fields", found=found)) for row, found in broken]
    parts = _parts(pl.concat(part.refusals for part in said), events, path)
    rejects = sorted([*whole, *parts], key=lambda one: one[0])
    lost = sum(not reject.part for _, reject in rejects)
    count = rows.height + len(broken)
    displays = Sheet(path.name)
    for part in said:
        for code, name in part.names.items():
            displays.name(code, name)
    return Batch(_events(events, displays, path), count, count - lost, tuple(reject for _, reject in rejects))


def _placed(rows: pl.DataFrame, table: Table, path: Path) -> pl.DataFrame:
    """Rows with their patient, time and availability, or the reason why the row cannot be used."""
    named = sorted(placeholders(table.patient))
    reason = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    found = reason
    extra = rows.with_columns(pl.col(ROW).cast(pl.String).alias("row"), pl.lit(path.name.partition(".")[0]).alias("file"))
    patient = column.filled(extra, (table.patient,), table.missing)
    if patient.null_count():
        empty = [pl.when(column.silent(rows[name], table.missing)).then(pl.lit(name)) for name in named]
        reason = pl.select(pl.when(patient.is_null()).then(pl.lit("no patient identifier"))).to_series()
        found = pl.select(pl.when(patient.is_null()).then(pl.concat_str(empty, separator=", ", ignore_nulls=True))).to_series()
    start, reason, found, end = _timed(rows, table, reason, found)
    return rows.with_columns(
        patient.alias(say.PATIENT), start.alias(say.TIME), end.alias(say.AVAILABLE), reason.alias("#reason"), found.alias("#found")
    )


def _timed(rows: pl.DataFrame, table: Table, reason: pl.Series, found: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series, pl.Series]:
    time = column.times(rows, table.time, table.missing, table.decimal)
    known, wrong = time["end"], [(time, table.time)]
    if table.available:
        told = [column.times(rows, when, table.missing, table.decimal) for when in table.available]
        known = pl.select(pl.max_horizontal(one["end"] for one in told)).to_series()
        wrong += list(zip(told, table.available, strict=True))
    for said, when in wrong:
        cells = column.texts(rows[when.column]) if when.column else pl.repeat("", rows.height, eager=True)
        here = pl.select(pl.when(reason.is_null()).then(said["reason"])).to_series()
        found = pl.select(pl.when(here.is_not_null()).then(cells).otherwise(found)).to_series()
        reason = pl.select(pl.coalesce(reason, here)).to_series()
    silent = reason.is_null() & (time["start"].is_null() | known.is_null())
    reason = pl.select(pl.when(silent).then(pl.lit("no time")).otherwise(reason)).to_series()
    return time["start"], reason, found, pl.select(pl.max_horizontal(time["start"], known)).to_series()


def _rows(refused: pl.DataFrame) -> Iterator[tuple[int, str, str | None]]:
    return refused.select(ROW, "#reason", "#found").iter_rows()


def _parts(refusals: pl.DataFrame, events: pl.DataFrame, path: Path) -> list[tuple[int, Reject]]:
    """Refusals of cells; the first of a row that gave no event stands for the whole row."""
    silent = refusals.filter(~pl.col("row").is_in(events["row"].unique().to_list()))["row"]
    alone = set(silent.to_list())
    made = []
    for row, reason, part, code, found, patient in refusals.sort("row", maintain_order=True).iter_rows():
        reject = Reject(path.name, f"row {row}", reason, part, code, found, patient)
        if row in alone:
            alone.discard(row)
            reject = replace(reject, part="", reason=f"{reason} ({part})")
        made.append((row, reject))
    return made


def _events(events: pl.DataFrame, displays: Sheet, path: Path) -> pa.Table:
    schema = AS_SENT.with_metadata(displays.batch().events.schema.metadata)
    source = pl.concat_str(pl.lit(f"{path.name}#"), pl.col("row").cast(pl.String)).alias("source_id")
    named = events.with_columns(source, pl.col("time", "available").cast(pl.Datetime("us"))).select(AS_SENT.names)
    return named.to_arrow().cast(schema)
