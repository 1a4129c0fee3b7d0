"""Lookup: a small table that is joined to the rows of a large one."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import polars as pl

from consilium.core.errors import FormatError
from consilium.sources.csv import column, frame
from consilium.sources.csv.mapping import Lookup, Only, Table, When
from consilium.sources.unpacked import PACKINGS

LARGEST = 2_000_000
"""Rows that a lookup may have, because it is held in memory."""


def join(rows: pl.DataFrame, lookups: dict[str, tuple[Lookup, pl.DataFrame]]) -> pl.DataFrame:
    """Add the columns of lookups, called `name.column`; empty where a row finds nothing."""
    for lookup, table in lookups.values():
        asked = rows.select(column.texts(rows[on]).fill_null("").alias(f"#{key}") for on, key in zip(lookup.on, lookup.key, strict=True))
        found = asked.join(table, on=asked.columns, how="left", maintain_order="left")
        rows = rows.hstack(found.drop(asked.columns).get_columns())
    return rows


def opened(table: Table, mapping: Path, beside: Path) -> dict[str, tuple[Lookup, pl.DataFrame]]:
    """Read the lookups of a table, with the columns that are asked of them.

    Raises
    ------
    FormatError
        When a file is found neither beside the mapping nor beside the table, is too large, lacks a column or repeats a key.
    """
    found = {}
    for lookup in table.lookups:
        prefix = f"{lookup.name}."
        asked = frozenset(name.removeprefix(prefix) for name in table.mentioned() if name.startswith(prefix))
        names = [lookup.file, *(lookup.file + packing for packing in PACKINGS)]
        places = [folder / name for folder in (mapping.parent, beside.parent) for name in names]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise FormatError("A lookup's file is absent", where=f"{mapping.name}, lookups.{lookup.name}", found=lookup.file,
                              do=f"put it beside {beside.name}")  # fmt: skip
        found[lookup.name] = (lookup, _read(path, lookup.key, tuple(sorted(asked)), lookup.only, prefix, path.stat().st_mtime_ns))
    return found


@lru_cache(maxsize=16)
def _read(path: Path, key: tuple[str, ...], asked: tuple[str, ...], only: tuple[Only, ...], prefix: str, changed: int) -> pl.DataFrame:
    table = Table(patient="{row}", time=When(origin=0), statements=())
    table = replace(table, skip=_provenance(path))
    names = frame.columns(path, table)
    wanted = sorted({*key, *asked, *(one.column for one in only)})
    absent = sorted(set(wanted) - set(names))
    if absent:
        raise FormatError(
            "A lookup lacks a column", where=path.name, found=absent, expected=sorted(names), do="check the mapping's lookups"
        )
    parts, rows = [], 0
    for piece in frame.pieces(path, table, wanted, LARGEST):
        rows += piece.rows.height
        if piece.broken:
            raise FormatError("A lookup has a row of another length", where=f"{path.name} row {piece.broken[0][0]}", do="correct the file")
        if rows > LARGEST:
            raise FormatError("A lookup is too large to be held in memory", where=path.name, expected=f"at most {LARGEST} rows")
        parts.append(chosen(piece.rows, only).drop(frame.ROW))
    whole = pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(wanted, pl.String))
    keyed = whole.select(
        *(column.texts(whole[name]).fill_null("").alias(f"#{name}") for name in key),
        *(column.texts(whole[name]).alias(f"{prefix}{name}") for name in asked),
    )
    twice = keyed.filter(keyed.select(f"#{name}" for name in key).is_duplicated())
    if twice.height:
        raise FormatError("A lookup has a key twice", where=path.name, found=twice.row(0)[: len(key)], do="choose its rows by where")
    return keyed


def _provenance(path: Path) -> int:
    """Lines `# key: value` that say where a file of the project's own comes from."""
    if path.suffix != ".csv":
        return 0
    with path.open(encoding="utf-8") as lines:
        return next((number for number, line in enumerate(lines) if not line.startswith("#")), 0)


def chosen(rows: pl.DataFrame, only: tuple[Only, ...]) -> pl.DataFrame:
    """The rows that a statement speaks of."""
    for one in only:
        keep = column.among(rows[one.column], one.cells)
        rows = rows.filter(~keep if one.unless else keep)
    return rows
