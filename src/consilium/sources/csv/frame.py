"""Frame: a table on disk (CSV, compressed or not, or Parquet) as frames of rows that memory can hold."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from consilium.core.errors import FormatError
from consilium.sources.csv.mapping import Table
from consilium.sources.unpacked import CUT, unpacked

ROW = "#row"
"""The column of a frame that holds each row's number, from 1."""
_BLOCK = 4 << 20


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
    if _parquet(path):
        with _refusing(path, table):
            return tuple(pq.read_schema(path).names)
    return _header(path, table)[0]


def pieces(path: Path, table: Table, wanted: list[str], rows: int) -> Iterator[Piece]:
    """Read the wanted columns, at most `rows` rows at a time.

    Cells of CSV are text without blanks around it; those of Parquet keep their type.

    Raises
    ------
    FormatError
        When the file is not what it claims to be, or is cut off.
    """
    with _refusing(path, table):
        yield from _of_parquet(path, wanted, rows) if _parquet(path) else _of_csv(path, table, wanted, rows)


def _parquet(path: Path) -> bool:
    return path.suffix == ".parquet"


def _of_parquet(path: Path, wanted: list[str], rows: int) -> Iterator[Piece]:
    number = 1
    file = pq.ParquetFile(path)
    for batch in file.iter_batches(batch_size=rows, columns=wanted or file.schema_arrow.names[:1]):
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
    # Closed even when reading ends early: Arrow's own thread would read on, past the end of the interpreter.
    with closing(_Watched(unpacked(path), path, table)) as stream:
        yield from _of_stream(stream, path, table, wanted, rows)


def _of_stream(stream: _Watched, path: Path, table: Table, wanted: list[str], rows: int) -> Iterator[Piece]:
    header, lines = _header(path, table)
    broken: list[tuple[int, str]] = []

    def refuse(row: Any) -> str:
        broken.append((row.number - lines, f"{row.actual_columns}, expected {row.expected_columns}"))
        return "skip"

    try:
        reader = arrow_csv.open_csv(
            stream,
            arrow_csv.ReadOptions(
                use_threads=False, block_size=_BLOCK, column_names=list(header), skip_rows=lines, encoding=_codec(table.encoding)
            ),
            arrow_csv.ParseOptions(delimiter=table.delimiter, newlines_in_values=True, invalid_row_handler=refuse),
            arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in header}, strings_can_be_null=False, include_columns=wanted or list(header[:1])
            ),
        )
    except pa.ArrowInvalid as nothing:
        if "Empty CSV" not in str(nothing):
            raise
        if broken:
            yield Piece(_numbered(pl.DataFrame(schema=dict.fromkeys(wanted, pl.String)), []), tuple(broken))
        return
    number, passed, told = 0, 0, 0
    for batch in reader:
        block = pl.from_arrow(pa.Table.from_batches([batch]))
        assert isinstance(block, pl.DataFrame)
        for start in range(0, block.height, rows):
            part = block.slice(start, rows)
            numbers, among = _numbers(number, part.height, [row for row, _ in broken[passed:]])
            number, passed = numbers[-1], passed + among
            tell = len(broken) if start + rows >= block.height else max(told, passed)
            yield Piece(_numbered(part.select(pl.col(wanted).str.strip_chars()), numbers), tuple(broken[told:tell]))
            told = tell
    if broken[told:]:
        yield Piece(_numbered(pl.DataFrame(schema=dict.fromkeys(wanted, pl.String)), []), tuple(broken[told:]))


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
    with _refusing(path, table), io.TextIOWrapper(unpacked(path), encoding=table.encoding, newline="") as text:
        for _ in range(table.skip):
            text.readline()
        if table.header is not None:
            return table.header, table.skip
        reader = csv.reader(text, delimiter=table.delimiter, strict=True)
        names = next((row for row in reader if row), [])
        return tuple(name.strip() for name in names), table.skip + reader.line_num


class _Watched(io.RawIOBase):
    """A stream that has the whole file checked by the strict reader once a stray quote passes: pyarrow would read on."""

    def __init__(self, stream: IO[bytes], path: Path, table: Table) -> None:
        self._stream, self._path, self._table, self._trusted = stream, path, table, False
        edge = re.escape(table.delimiter.encode()) + rb"\r\n"
        # A quote between two ordinary characters, or after an empty pair: legal only within quotes, or where no quotes are open.
        # Each pattern starts with the quote itself, which the engine finds fast.
        stray = (rb'"(?<=[^%b"]")(?:"")*[^%b"]' % (edge, edge), rb'""(?<=[%b]"")(?:"")*[^%b"]' % (edge, edge))
        self._stray = tuple(re.compile(pattern) for pattern in stray)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        read = self._stream.read(size)
        if not self._trusted and any(pattern.search(read) for pattern in self._stray):
            _strict(self._path, self._table)
            self._trusted = True
        return read

    def close(self) -> None:
        self._stream.close()
        super().close()


def _strict(path: Path, table: Table) -> None:
    with io.TextIOWrapper(unpacked(path), encoding=table.encoding, newline="") as text:
        for _ in range(table.skip):
            text.readline()
        for _ in csv.reader(text, delimiter=table.delimiter, strict=True):
            pass


def _codec(encoding: str) -> str:
    return "utf8" if encoding.lower().replace("_", "-") in ("utf-8-sig", "utf-8", "utf8", "ascii") else encoding


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
