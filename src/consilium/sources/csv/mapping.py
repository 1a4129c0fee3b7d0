"""Mapping: what the columns of one or many tables mean, as the nouns that a mapping file is read into."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

from consilium.core import Source

OWN = frozenset({"row", "file"})
"""What a template may name beside columns: the row's number (from 1) and the file's name without suffixes."""


@dataclass(frozen=True, slots=True)
class When:
    """Where a time is found.

    Parameters
    ----------
    column : str
        Column of times, or of the time elapsed since `origin`; empty where the time is `origin` itself.
    format, zone : str, ZoneInfo or None
        strptime format and zone of the column; no format where the column holds times already (Parquet), no zone where `%z` says it.
    origin : int or None
        An assumed instant, in microseconds since 1970-01-01T00:00Z.
    unit, after : int
        Length of one elapsed unit; delay that is added to what is found; both in microseconds.
    otherwise : When or None
        Where to look when the cell says nothing.
    """

    column: str = ""
    format: str = ""
    zone: ZoneInfo | None = None
    origin: int | None = None
    unit: int = 0
    after: int = 0
    otherwise: When | None = None

    def columns(self) -> frozenset[str]:
        """Every column in which it looks."""
        own = frozenset({self.column}) if self.column else frozenset()
        return own | (self.otherwise.columns() if self.otherwise else frozenset())


@dataclass(frozen=True, slots=True)
class Only:
    """A choice of rows: those whose cell in `column` is one of `cells` (or, `unless`, is not)."""

    column: str
    cells: frozenset[str]
    unless: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """One event that every row may make.

    Parameters
    ----------
    part : str
        What to call it in rejects: its column, or the first column of its value.
    code, text, name : tuple of str
        Templates over columns, of which the first that is filled counts; `name` is how the sender calls the code.
    number : str
        Column of a number in `unit`, or in the first unit named in the columns `units`. With `text`, what is no number is text.
    answer, values : str, mapping
        Column of a coded answer, and what each cell stands for (None: it says nothing).
    decimals : int
        Implied decimal places of the number: with 1, `986` is 98.6.
    split : (str, int) or None
        Separator, and which part (from 1) of the number's cell is meant.
    time, available : When or None, tuple of When
        Its own times, where they are not the row's; of several `available` the latest counts.
    after : int
        Microseconds after the row at which it happened and could be known.
    static : bool
        True of the patient at any time.
    """

    part: str
    code: tuple[str, ...]
    number: str = ""
    text: tuple[str, ...] = ()
    answer: str = ""
    values: dict[str, str | None] = field(default_factory=dict)
    unit: str = ""
    units: tuple[str, ...] = ()
    decimals: int = 0
    split: tuple[str, int] | None = None
    name: tuple[str, ...] = ()
    missing: frozenset[str] = frozenset()
    only: tuple[Only, ...] = ()
    time: When | None = None
    available: tuple[When, ...] = ()
    after: int = 0
    static: bool = False

    def columns(self) -> frozenset[str]:
        """Every column of which it speaks."""
        named = {self.number, self.answer, *self.units, *(one.column for one in self.only)}
        for template in (*self.code, *self.text, *self.name):
            named |= placeholders(template)
        for when in (*((self.time,) if self.time else ()), *self.available):
            named |= when.columns()
        return frozenset(named - {""})


@dataclass(frozen=True, slots=True)
class Birth:
    """A birth date's column; or a column of completed years at the row's time or, with `year`, in a calendar year.

    Ages from `capped` on mean that age or more. `bands` are the ages that stand for those who are only said to be in a band.
    """

    when: When | None = None
    age: str = ""
    year: str = ""
    capped: float | None = None
    bands: dict[str, int] = field(default_factory=dict)
    only: tuple[Only, ...] = ()

    def columns(self) -> frozenset[str]:
        """Every column of which it speaks."""
        named = {self.age, self.year, *(one.column for one in self.only)} - {""}
        return frozenset(named) | (self.when.columns() if self.when else frozenset())


@dataclass(frozen=True, slots=True)
class Sex:
    """The column of sex, and what its cells stand for."""

    column: str
    values: dict[str, str]
    only: tuple[Only, ...] = ()

    def columns(self) -> frozenset[str]:
        """Every column of which it speaks."""
        return frozenset({self.column, *(one.column for one in self.only)})


@dataclass(frozen=True, slots=True)
class Lookup:
    """A small table that is joined to every row: its columns are then called `name.column`.

    `file` lies beside the mapping or beside the table, packed or not; `key` are its columns, `on` those of the table that must equal them.
    """

    name: str
    file: str
    key: tuple[str, ...]
    on: tuple[str, ...]
    only: tuple[Only, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """What the columns of one table mean.

    Parameters
    ----------
    patient : str
        Template of the patient identifier over columns, `row` and `file`.
    time, available : When, tuple of When
        Time of the events of a row, and when they could be known (the latest of those given).
    header : tuple of str or None
        Column names of a table without a header row; None where the first row names them.
    skip : int
        Lines before the table that are not part of it.
    missing : frozenset of str
        Cells that say nothing, in every column.
    ignore : frozenset of str
        Columns, or patterns of columns (`RX*`), that are left out.
    """

    patient: str
    time: When
    statements: tuple[Statement, ...]
    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8-sig"
    header: tuple[str, ...] | None = None
    skip: int = 0
    missing: frozenset[str] = frozenset({""})
    available: tuple[When, ...] = ()
    birth: Birth | None = None
    sex: Sex | None = None
    lookups: tuple[Lookup, ...] = ()
    ignore: frozenset[str] = frozenset()

    def mentioned(self) -> frozenset[str]:
        """Every column that it uses, those of lookups (`name.column`) included."""
        names = set(placeholders(self.patient))
        for when in (self.time, *self.available):
            names |= when.columns()
        for part in (self.birth, self.sex, *self.statements):
            names |= part.columns() if part else frozenset()
        for lookup in self.lookups:
            names |= set(lookup.on)
        return frozenset(names) - OWN

    def own(self) -> frozenset[str]:
        """The columns that it uses of the table itself."""
        joined = tuple(f"{lookup.name}." for lookup in self.lookups)
        return frozenset(name for name in self.mentioned() if not (joined and name.startswith(joined)))

    def ignores(self, column: str) -> bool:
        """Whether a column is left out."""
        return any(fnmatchcase(column, pattern) for pattern in self.ignore)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file, or a folder of them, read and checked.

    Parameters
    ----------
    path : Path
        Where it was read from, for messages and for lookups.
    source : Source
        Where the tables come from.
    tables : mapping of str to Table
        By file name or pattern of file names; the first that fits counts.
    ignore : tuple of str
        Files, or patterns of files, that are left out.
    """

    path: Path
    source: Source
    tables: dict[str, Table]
    ignore: tuple[str, ...] = ()

    def table(self, name: str) -> Table | None:
        """What a file means, or None when the mapping does not say."""
        exact = self.tables.get(name)
        return exact or next((table for pattern, table in self.tables.items() if fnmatchcase(name, pattern)), None)

    def ignores(self, name: str) -> bool:
        """Whether a file is left out by name."""
        return any(fnmatchcase(name, pattern) for pattern in self.ignore)

    def speaks_of(self, name: str) -> bool:
        """Whether a file is meant by name, so that no other source of its suffix need be asked."""
        return self.ignores(name) or any(pattern != "*" and fnmatchcase(name, pattern) for pattern in self.tables)


def placeholders(template: str) -> frozenset[str]:
    """Columns that a template names.

    Examples
    --------
    >>> sorted(placeholders("{site}-{lab.code}-{row}"))
    ['lab.code', 'site']
    """
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name) - OWN
