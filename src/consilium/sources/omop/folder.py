"""Folder: OMOP tables as CSV or Parquet files, read piece by piece."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from consilium.core.errors import FormatError
from consilium.sources.omop.model import CONCEPT, NAMES, PERSON
from consilium.sources.rows import blocks, lines, opened, parsed
from consilium.sources.unpacked import CUT, unpacked_name

ROWS = 50_000
"""Rows of one piece, about."""
MAX_BROKEN = 10_000
"""Rows with another number of fields that are named in one block; a table with more of them is refused."""
_ENCODING = "utf-8-sig"
_TEXT, _PARQUET = (".csv", ".tsv"), ".parquet"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a table: a frame, and the rows that were no rows (another number of fields), as text."""

    frame: pl.DataFrame
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of tables: `person.csv`, `MEASUREMENT.csv.gz`, `concept.parquet`, or a folder of such parts under a table's name."""

    path: Path
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)

    @staticmethod
    def of(path: Path) -> Folder:
        """Look which tables a folder holds; links that lead out of it are left aside.

        Raises
        ------
        FormatError
            When two files claim to be one table.
        """
        found: dict[str, tuple[Path, ...]] = {}
        for entry in sorted(path.iterdir()):
            name = _table(entry)
            parts = tuple(part for part in (sorted(entry.iterdir()) if entry.is_dir() else [entry]) if _readable(part, path))
            if name not in NAMES or not parts:
                continue
            if name in found:
                both = sorted({part.name for part in (*found[name], *parts)})
                raise FormatError("Two files claim to be one table", where=str(path), found=both, do="leave one of them")
            found[name] = parts
        return Folder(path, found)

    def tables(self) -> frozenset[str]:
        """Names of the tables that are there, in lower case."""
        return frozenset(self.files)

    def columns(self, table: str) -> tuple[str, ...]:
        """Columns of a table, in lower case.

        Raises
        ------
        FormatError
            When its file cannot be read.
        """
        part = self.files[table][0]
        with _reading(part):
            return tuple(name.lower() for name in pq.read_schema(part).names) if part.suffix == _PARQUET else _dialect(part)[0]

    def pieces(self, table: str, columns: tuple[str, ...]) -> Iterator[Piece]:
        """Rows of a table, piece by piece.

        Parameters
        ----------
        table : str
        columns : tuple of str
            The columns that are wanted, all of which are there.

        Raises
        ------
        FormatError
            When a file is damaged, cut off, not UTF-8, or has a row that does not end (`sources.rows.MAX_ROW`).
        """
        for part in self.files[table]:
            with _reading(part):
                yield from _of_parquet(part, columns) if part.suffix == _PARQUET else _of_text(part, columns)


def recognises(folder: Path) -> bool:
    """Whether a folder holds OMOP tables: `person` or `concept` with its id, beside at least one other table of the CDM."""
    try:
        tables = Folder.of(folder)
        ids = {PERSON: "person_id", CONCEPT: "concept_id"}
        told = [name for name in ids if name in tables.files]
        return len(tables.files) > 1 and any(ids[name] in tables.columns(name) for name in told)
    except (FormatError, OSError):
        return False


def _table(entry: Path) -> str:
    return unpacked_name(entry).partition(".")[0].lower()


def _readable(part: Path, folder: Path) -> bool:
    suffix = Path(unpacked_name(part)).suffix.lower()
    inside = not part.is_symlink() or part.resolve().is_relative_to(folder.resolve())
    return part.is_file() and inside and not part.name.startswith(".") and (suffix in _TEXT or part.suffix == _PARQUET)


@contextmanager
def _reading(part: Path) -> Iterator[None]:
    try:
        yield
    except CUT:
        raise FormatError("The compressed table is cut off or damaged", where=part.name, do="copy or export it again") from None
    except (UnicodeDecodeError, csv.Error, pa.ArrowInvalid, OSError) as broken:
        what = str(broken).splitlines()[0]
        raise FormatError("The table cannot be read", where=part.name, found=what, expected="UTF-8 text or Parquet",
                          do="export it again") from None  # fmt: skip


def _dialect(part: Path) -> tuple[tuple[str, ...], arrow_csv.ParseOptions]:
    with opened(part, _ENCODING) as text:
        line = next(lines(text, part.name), "").rstrip("\r\n")
    # Vocabularies come with tabs and bare quotes, everything else with commas and quoted text.
    tabs = "\t" in line
    names = tuple(name.strip().lower() for name in next(csv.reader(io.StringIO(line), delimiter="\t" if tabs else ","), []))
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise FormatError("The header of a table cannot be used", where=part.name, found=twice or "an empty file", do="export it again")
    return names, arrow_csv.ParseOptions(delimiter="\t" if tabs else ",", quote_char=False if tabs else '"', newlines_in_values=not tabs)


def _of_text(part: Path, columns: tuple[str, ...]) -> Iterator[Piece]:
    names, parsing = _dialect(part)
    missing = [name for name in columns if name not in names]
    if missing:
        raise FormatError("A part of a table lacks columns", where=part.name, found=missing)
    broken: list[str] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        broken.append((row.text or "")[:200] or "?")
        return "skip" if len(broken) <= MAX_BROKEN else "error"

    parsing.invalid_row_handler = skip
    quoted = parsing.quote_char is not False
    with opened(part, _ENCODING) as text:
        text.readline()
        for block in blocks(text, part.name, parsing.delimiter, quoted=quoted):
            if block.isspace():
                continue
            frame = _frame(parsed(block, list(names), list(columns), parsing, ["", "\\N", "NULL"]))
            for start in range(0, frame.height or 1, ROWS):
                yield Piece(frame.slice(start, ROWS), tuple(broken))
                broken.clear()


def _of_parquet(part: Path, columns: tuple[str, ...]) -> Iterator[Piece]:
    with pq.ParquetFile(part) as file:
        named = {name.lower(): name for name in file.schema_arrow.names}
        missing = [name for name in columns if name not in named]
        if missing:
            raise FormatError("A part of a table lacks columns", where=part.name, found=missing)
        for batch in file.iter_batches(ROWS, columns=[named[name] for name in columns]):
            yield Piece(_frame(batch).rename({named[name]: name for name in columns}).select(columns))


def _frame(batch: pa.RecordBatch | pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String))
