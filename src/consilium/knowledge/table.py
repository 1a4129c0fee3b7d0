"""Table: one knowledge file, its header and its rows, read and checked against its own rules."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import yaml

from consilium.core.errors import KnowledgeError
from consilium.core.source import Source

HEADER = ("title", "sources", "version", "retrieved", "licence")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a knowledge table: where it stands, and its cells as written."""

    where: str
    cells: Mapping[str, str]

    def fail(self, what: str, **facts: Any) -> NoReturn:
        """Raise a KnowledgeError that names file and row."""
        raise KnowledgeError(what, where=self.where, **facts)

    def text(self, column: str) -> str:
        """A cell that must not be empty."""
        value = self.cells[column]
        if not value:
            self.fail(f"The column '{column}' is empty")
        return value

    def words(self, column: str) -> tuple[str, ...]:
        """The parts of a cell that are separated by semicolons; none for an empty cell."""
        return tuple(part.strip() for part in self.cells[column].split(";") if part.strip())

    def number(self, column: str) -> float | None:
        """A finite number, or None for an empty cell."""
        value = self.cells[column]
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            self.fail(f"The column '{column}' is not a number", found=value)
        if not math.isfinite(number):
            self.fail(f"The column '{column}' is not a finite number", found=value)
        return number

    def fraction(self, column: str) -> Fraction:
        """An exact number as written: `0.01`, `1e-6` or `5/9`; an empty cell is 0."""
        value = self.cells[column] or "0"
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"The column '{column}' is not an exact number", found=value, expected="0.01, 1e-6 or 5/9")

    def one_of(self, column: str, allowed: tuple[str, ...]) -> str:
        """A cell that holds one of a few words."""
        value = self.cells[column]
        if value not in allowed:
            self.fail(f"The column '{column}' holds an unknown word", found=value, expected=allowed)
        return value


def read_table(path: Path, columns: tuple[str, ...], sources: Mapping[str, Source]) -> tuple[Row, ...]:
    """Read a CSV table of knowledge.

    Parameters
    ----------
    path : Path
        A CSV file that opens with `# key: value` lines: title, sources, version, retrieved, licence.
    columns : tuple of str
        The columns it must have, in this order; `source` holds a key of the bibliography in every row.
    sources : mapping of str to Source
        The bibliography.

    Returns
    -------
    tuple of Row

    Raises
    ------
    KnowledgeError
        When the file is absent, lacks a header line or a column, a row is too short or too long, or cites an unknown source.
    """
    lines = _lines(path)
    header: dict[str, str] = {}
    start = 0
    for start, line in enumerate(lines):  # noqa: B007 - the first line that is no header line is where the table starts
        if not line.startswith("#"):
            break
        key, _, value = line[1:].partition(":")
        header[key.strip()] = value.strip()
    _check_header(path.name, header, sources, header.get("sources", "").split(";"))
    found = next(csv.reader(lines[start : start + 1]), [])
    if tuple(found) != columns:
        raise KnowledgeError("The columns of a knowledge file differ", where=path.name, found=found, expected=list(columns))
    rows = []
    for number, cells in enumerate(csv.reader(lines[start + 1 :]), start=start + 2):
        if not cells:
            continue
        where = f"{path.name} row {number}"
        if len(cells) != len(columns):
            raise KnowledgeError("A row has too few or too many cells", where=where, found=len(cells), expected=len(columns))
        row = Row(where, dict(zip(columns, (cell.strip() for cell in cells), strict=True)))
        if row.cells["source"] not in sources:
            row.fail("A row cites no source of sources.yaml", found=row.cells["source"])
        rows.append(row)
    return tuple(rows)


def read_yaml(path: Path, sources: Mapping[str, Source] | None = None) -> Any:
    """Read a YAML file of knowledge and check its `header`.

    Parameters
    ----------
    path : Path
        The file; its `header` holds title, sources, version, retrieved and licence.
    sources : mapping of str to Source, optional
        The bibliography, left out for the bibliography itself.

    Raises
    ------
    KnowledgeError
        When the file is absent, is no YAML mapping, or its header is incomplete.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load("\n".join(_lines(path)), Loader=loader)
    except yaml.YAMLError as error:
        raise KnowledgeError("A knowledge file is not YAML", where=path.name, found=str(error)) from error
    if not isinstance(content, dict) or not isinstance(content.get("header"), dict):
        raise KnowledgeError("A knowledge file has no header", where=path.name, expected=HEADER)
    header = {key: ";".join(value) if isinstance(value, list) else str(value) for key, value in content["header"].items()}
    keys = header.get("sources", "").split(";") if sources is not None else []
    _check_header(path.name, header, sources or {}, keys)
    return content


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise KnowledgeError("A knowledge file is absent", where=str(path), do="install consilium again") from error
    except UnicodeDecodeError as error:
        raise KnowledgeError("A knowledge file is not UTF-8", where=path.name, found=str(error)) from error


def _check_header(name: str, header: Mapping[str, str], sources: Mapping[str, Source], keys: list[str]) -> None:
    missing = [key for key in HEADER if not header.get(key)]
    if missing:
        raise KnowledgeError("A header is incomplete", where=name, found=sorted(header), expected=missing)
    unknown = [key.strip() for key in keys if key.strip() not in sources]
    if unknown:
        raise KnowledgeError("A header cites no source of sources.yaml", where=name, found=unknown)
