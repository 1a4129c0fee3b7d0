"""Read: a table and its mapping become batches of events."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from consilium.core import Batch, Reject
from consilium.core.code import BIRTH
from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.sources.csv import cell
from consilium.sources.csv.mapping import Column, Mapping, When, load, placeholders
from consilium.sources.sheet import DAY, Sheet

SUFFIXES = (".csv", ".tsv")
"""Files that are tables."""
ROWS = 10_000
"""Rows in one batch."""
OLDEST = 150
"""Completed years that nobody has passed."""
_MICROSECOND = timedelta(microseconds=1)


def read(path: str | Path, mapping: Mapping | str | Path) -> Iterator[Batch]:
    """Read a table as its mapping says, `.gz` included.

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
    with _rows(path, mapping) as rows:
        for _ in range(mapping.skip):
            next(rows, ())
        header = mapping.header or tuple(name.strip() for name in next(rows, ()))
        _check(header, mapping, path)
        sheet = Sheet(path.name)
        for number, row in enumerate(rows, start=1):
            _read_row(row, header, number, mapping, sheet, path)
            if sheet.rows >= ROWS:
                yield sheet.batch()
                sheet = Sheet(path.name)
        yield sheet.batch()


@contextmanager
def _rows(path: Path, mapping: Mapping) -> Iterator[Iterator[list[str]]]:
    try:
        with _open(path, mapping.encoding) as stream:
            yield (row for row in csv.reader(stream, delimiter=mapping.delimiter, strict=True) if row)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise FormatError("The compressed table is cut off or damaged", where=path.name, do="copy or export it again") from None
    except (UnicodeDecodeError, LookupError):
        raise FormatError("The table is not text of the stated encoding", where=path.name, expected=mapping.encoding,
                          do="name the encoding in the mapping") from None  # fmt: skip
    except csv.Error as broken:
        raise FormatError("The table is not well-formed CSV", where=path.name, found=str(broken), do="check quotes and delimiter") from None


def _open(path: Path, encoding: str) -> TextIO:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _check(header: tuple[str, ...], mapping: Mapping, path: Path) -> None:
    where = f"{path.name} against {mapping.path.name}"
    if not header:
        raise FormatError("The table is empty", where=path.name, do="export it again")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise FormatError("Columns bear the same name", where=path.name, found=twice, do="rename them")
    unexplained = sorted(set(header) - mapping.mentioned())
    if unexplained:
        raise FormatError("The mapping says nothing about some columns", where=where, found=unexplained,
                          do="describe them under columns, or list them under ignore")  # fmt: skip
    absent = sorted(mapping.mentioned() - set(header))
    if absent:
        raise FormatError("The mapping speaks of columns that the table lacks", where=where, found=absent, expected=sorted(header),
                          do="check the delimiter and the names")  # fmt: skip


def _read_row(row: list[str], header: tuple[str, ...], number: int, mapping: Mapping, sheet: Sheet, path: Path) -> None:
    events, rejects = len(sheet.code), len(sheet.rejects)
    where = f"row {number}"
    try:
        if len(row) != len(header):
            raise InputError("wrong number of fields", found=f"{len(row)}, expected {len(header)}")
        cells = dict(zip(header, row, strict=True))
        patient = _patient(cells, number, mapping, path)
        start, end = _when(mapping.time, cells, mapping)
        available = max(start, _when(mapping.available, cells, mapping)[1] if mapping.available else end)
    except InputError as refusal:
        sheet.refuse_row(events, rejects, Reject(path.name, where, refusal.what, found=str(refusal.found or "")))
        return
    at = _Row(sheet, where, patient, f"{path.name}#{number}")
    _person(cells, start, mapping, at)
    for name, column in mapping.columns.items():
        try:
            value = _value(cells[name], column, mapping)
        except InputError as refusal:
            at.refuse(name, refusal, column.code)
            continue
        if value is not None:
            later = column.after // _MICROSECOND
            sheet.add(patient, start + later, column.code, max(available, start + later), at.source, *value)
    for code, answer in mapping.constants.items():
        sheet.add(patient, start, code, available, at.source, text=answer)
    sheet.close_row(events, rejects)


def _patient(cells: dict[str, str], number: int, mapping: Mapping, path: Path) -> str:
    named = {name: cells[name].strip() for name in placeholders(mapping.patient)}
    empty = sorted(name for name, text in named.items() if cell.plain(text) in mapping.missing)
    if empty:
        raise InputError("no patient identifier", found=", ".join(empty))
    return mapping.patient.format(**named, row=number, file=path.name.partition(".")[0])


def _when(when: When | int | None, cells: dict[str, str], mapping: Mapping) -> tuple[int, int]:
    if isinstance(when, int):
        return when, when
    assert when is not None  # asked only where the mapping names one
    text = cells[when.column]
    if cell.plain(text) in mapping.missing:
        raise InputError("no time", found=text)
    return cell.time(text, when.format, when.zone)


@dataclass(frozen=True, slots=True)
class _Row:
    """The row at hand: where it stands, whom it is about, and the sheet it is written on."""

    sheet: Sheet
    where: str
    patient: str
    source: str

    def refuse(self, column: str, refusal: InputError, code: str = "") -> None:
        """Name a cell that is not read while the rest of its row is."""
        found = str(refusal.found or "")
        self.sheet.rejects.append(Reject(self.sheet.file, self.where, refusal.what, column, code, found, self.patient))


def _person(cells: dict[str, str], time: int, mapping: Mapping, at: _Row) -> None:
    column = mapping.birth.column if mapping.birth else mapping.age
    if column and cell.plain(cells[column]) not in mapping.missing:
        text = cells[column]
        try:
            if mapping.birth:
                born, known = cell.time(text, mapping.birth.format, mapping.birth.zone)
                said = None
            else:
                born = _born(text, time, mapping)
                known, said = born + DAY, f"from age {cell.plain(text)} in completed years"
            at.sheet.add(at.patient, born, BIRTH, known, at.source, text=said)
        except InputError as refusal:
            at.refuse(column, refusal, BIRTH)
    if mapping.sex:
        name, values = mapping.sex
        key = cell.plain(cells[name])
        if key in values:
            at.sheet.add(at.patient, None, values[key], None, at.source)
        elif key not in mapping.missing:
            at.refuse(name, InputError("unknown sex", found=cells[name]))


def _born(text: str, time: int, mapping: Mapping) -> int:
    years, _ = cell.number(text, mapping.decimal)
    if years is None or years != int(years) or not 0 <= years <= OLDEST:
        raise InputError("not an age in completed years", found=text)
    return cell.years_before(time, int(years))


def _value(text: str, column: Column, mapping: Mapping) -> tuple[float | None, str | None, str | None] | None:
    key = cell.plain(text)
    if key in mapping.missing or key in column.missing:
        return None
    if column.text:
        return None, text.strip(), None
    if column.values:
        if key not in column.values:
            raise InputError("unknown answer", found=text)
        answer = column.values[key]
        return None if answer is None else (None, answer, None)
    number, bound = cell.number(text, mapping.decimal)
    return (None, f"{bound} {column.unit}", None) if number is None else (number, None, column.unit)
