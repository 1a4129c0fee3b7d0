"""Frame: a table on disk (CSV, compressed or not, Parquet or HDF5) as frames of rows that memory can hold."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from consilium.core.errors import FormatError
from consilium.sources.csv import hdf5
from consilium.sources.csv.mapping import Table
from consilium.sources.rows import blocks, lines, opened, parsed
from consilium.sources.unpacked import CUT

ROW = "#row"
"""The column of a frame that holds each row's number, from 1."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a table: those that were cut into cells, and (row, what was found) of those that could not be."""

    rows: pl.DataFrame
    broken: tuple[tuple[int, str], ...] = ()


def columns(path: Path, table: Table) -> tuple[str, ...]:
    """The names of a file's columns; none for an empty file.

    Raises
    ------
    FormatError
        When it is not text of the stated encoding, not well-formed, or not Parquet.
    """
    if _hdf5(path):
        return tuple(hdf5.table(path).column_names)
    if _parquet(path):
        with _refusing(path, table):
            return tuple(pq.read_schema(path).names)
    return _header(path, table)[0]


def pieces(path: Path, table: Table, wanted: list[str], rows: int) -> Iterator[Piece]:
    """Read the wanted columns, at most `rows` rows at a time.

    Cells of CSV are text without blanks around it; those of Parquet and HDF5 keep their type.

    Raises
    ------
    FormatError
        When the file is not what it claims to be, or is cut off.
    """
    if _hdf5(path):
        yield from _of_batches(hdf5.table(path).select(wanted).to_batches(rows), wanted)
        return
    with _refusing(path, table):
        yield from _of_parquet(path, wanted, rows) if _parquet(path) else _of_csv(path, table, wanted, rows)


def _parquet(path: Path) -> bool:
    return path.suffix == ".parquet"


def _hdf5(path: Path) -> bool:
    return path.suffix in hdf5.SUFFIXES


def _of_parquet(path: Path, wanted: list[str], rows: int) -> Iterator[Piece]:
    file = pq.ParquetFile(path)
    yield from _of_batches(file.iter_batches(batch_size=rows, columns=wanted or file.schema_arrow.names[:1]), wanted)


def _of_batches(batches: Iterable[pa.RecordBatch], wanted: list[str]) -> Iterator[Piece]:
    number = 1
    for batch in batches:
        frame = pl.from_arrow(pa.Table.from_batches([batch]))
        assert isinstance(frame, pl.DataFrame)
        frame = frame.select(_typed(frame[name]) for name in wanted)
        yield Piece(frame.with_columns(pl.int_range(number, number + batch.num_rows, dtype=pl.Int64, eager=True).alias(ROW)))
        number += batch.num_rows


def _typed(cells: pl.Series) -> pl.Series:
    kind = cells.dtype
    if kind.is_float():
        return cells.cast(pl.Float64).fill_nan(None)
    if kind.is_integer() or kind.is_temporal():
        return cells
    if kind.is_decimal():
        return cells.cast(pl.Float64)
    if kind == pl.Boolean or kind == pl.String or isinstance(kind, pl.Categorical | pl.Enum):
        return cells.cast(pl.String).str.strip_chars()
    raise FormatError("A column holds no single cells", where=cells.name, found=str(kind), do="list it under ignore")


def _of_csv(path: Path, table: Table, wanted: list[str], rows: int) -> Iterator[Piece]:
    header, lines = _header(path, table)
    broken: list[tuple[int, str]] = []
    number = 0

    def refuse(row: Any) -> str:
        broken.append((before + row.number, f"{row.actual_columns}, expected {row.expected_columns}"))
        return "skip"

    parsing = arrow_csv.ParseOptions(delimiter=table.delimiter, newlines_in_values=True, invalid_row_handler=refuse)
    with opened(path, table.encoding) as text:
        for _ in range(lines):
            text.readline()
        for block in blocks(text, path.name, table.delimiter, stray=partial(_strict, path, table)):
            before, passed, told = number, 0, 0
            broken.clear()
            cells = _cells(block, header, wanted, parsing)
            for start in range(0, cells.height, rows):
                part = cells.slice(start, rows)
                numbers, among = _numbers(number, part.height, [row for row, _ in broken[passed:]])
                number, passed = numbers[-1], passed + among
                tell = len(broken) if start + rows >= cells.height else max(told, passed)
                yield Piece(_numbered(part.select(pl.col(wanted).str.strip_chars()), numbers), tuple(broken[told:tell]))
                told = tell
            if broken[told:]:
                yield Piece(_numbered(pl.DataFrame(schema=dict.fromkeys(wanted, pl.String)), []), tuple(broken[told:]))
            number = max(number, *(row for row, _ in broken), 0)


def _cells(block: bytes, header: tuple[str, ...], wanted: list[str], parsing: arrow_csv.ParseOptions) -> pl.DataFrame:
    asked = wanted or list(header[:1])
    try:
        cells = pl.from_arrow(parsed(block, list(header), asked, parsing))
    except pa.ArrowInvalid as nothing:
        if "Empty CSV" not in str(nothing):
            raise
        return pl.DataFrame(schema=dict.fromkeys(asked, pl.String))
    assert isinstance(cells, pl.DataFrame)
    return cells


def _numbers(before: int, height: int, broken: list[int]) -> tuple[range | list[int], int]:
    """Numbers of the next `height` good rows after row `before`, and how many broken rows lie among or before them."""
    passed = 0
    while passed < len(broken) and broken[passed] <= before + height + passed:
        passed += 1
    if not passed:
        return range(before + 1, before + 1 + height), 0
    among = set(broken[:passed])
    return [number for number in range(before + 1, before + 1 + height + passed) if number not in among][:height], passed


def _numbered(frame: pl.DataFrame, numbers: range | list[int]) -> pl.DataFrame:
    column = pl.int_range(numbers.start, numbers.stop, eager=True) if isinstance(numbers, range) else pl.Series(numbers, dtype=pl.Int64)
    return frame.with_columns(column.cast(pl.Int64).alias(ROW))


def _header(path: Path, table: Table) -> tuple[tuple[str, ...], int]:
    """Names of the columns, and how many lines come before the first row."""
    with _refusing(path, table), opened(path, table.encoding) as text:
        told = lines(text, path.name)
        for _ in islice(told, table.skip):
            pass
        if table.header is not None:
            return table.header, table.skip
        reader = csv.reader(told, delimiter=table.delimiter, strict=True)
        names = next((row for row in reader if row), [])
        return tuple(name.strip() for name in names), table.skip + reader.line_num


def _strict(path: Path, table: Table) -> None:
    """Have the whole file checked by the strict reader: Arrow would read on over a quote that stands astray."""
    with opened(path, table.encoding) as text:
        told = lines(text, path.name)
        for _ in islice(told, table.skip):
            pass
        for _ in csv.reader(told, delimiter=table.delimiter, strict=True):
            pass


@contextmanager
def _refusing(path: Path, table: Table) -> Iterator[None]:
    try:
        yield
    except CUT:
        raise FormatError("The compressed table is cut off or damaged", where=path.name, do="copy or export it again") from None
    except (UnicodeDecodeError, LookupError):
        raise FormatError("The table is not text of the stated encoding", where=path.name, expected=table.encoding,
                          do="name the encoding in the mapping") from None  # fmt: skip
    except csv.Error as broken:
        raise FormatError("The table is not well-formed CSV", where=path.name, found=str(broken), do="check quotes and delimiter") from None
    except pa.ArrowInvalid as broken:
        if "UTF8" in str(broken) or "utf-8" in str(broken).lower():
            raise FormatError("The table is not text of the stated encoding", where=path.name, expected=table.encoding,
                              do="name the encoding in the mapping") from None  # fmt: skip
        what = "The file is not Parquet, or damaged" if _parquet(path) else "The table is not well-formed CSV"
        raise FormatError(what, where=path.name, found=str(broken).splitlines()[0], do="copy or export it again") from None
