"""Mapping: what the columns of a table mean, as a YAML file beside it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from consilium.core import Source
from consilium.core.code import FEMALE, MALE
from consilium.core.duration import duration
from consilium.core.errors import FormatError, NotFoundError, TimeError
from consilium.sources.csv.cell import plain
from consilium.sources.moment import moment

_KEYS = frozenset({
    "name", "source", "delimiter", "decimal", "encoding", "header", "missing", "patient", "time", "available", "birth", "sex", "columns",
    "constants", "ignore", "skip", "about",
})  # fmt: skip
_COLUMN_KEYS = frozenset({"code", "unit", "values", "text", "missing", "after", "reason"})
_INSTANT = "as in 1988-01-01T00:00:00Z"
_SEXES = {"F": FEMALE, "M": MALE}


@dataclass(frozen=True, slots=True)
class When:
    """A column of times: its strptime format, and the zone it is written in (None where the format carries `%z`)."""

    column: str
    format: str
    zone: ZoneInfo | None


@dataclass(frozen=True, slots=True)
class Column:
    """What one column means: a number in `unit`, a coded answer by `values` (None: says nothing), or free `text`."""

    code: str
    unit: str = ""
    values: dict[str, str | None] = field(default_factory=dict)
    text: bool = False
    missing: frozenset[str] = frozenset()
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file, read and checked.

    Parameters
    ----------
    path : Path
        Where it was read from, for messages.
    source : Source
        Where the table comes from.
    header : tuple of str or None
        Column names of a table without a header row; None where the first row names them.
    skip : int
        Lines before the table that are not part of it.
    missing : frozenset of str
        Cells that say nothing, in every column.
    patient : str
        Template of the patient identifier over column names, `row` (from 1) and `file`.
    time : When or int
        Column of the time of all events of a row, or one assumed time in microseconds since 1970-01-01T00:00Z.
    age, birth, sex : optional
        Column of completed years at `time`; column of the birth date; column and values of sex.
    """

    path: Path
    source: Source
    patient: str
    time: When | int
    columns: dict[str, Column]
    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8-sig"
    header: tuple[str, ...] | None = None
    skip: int = 0
    missing: frozenset[str] = frozenset({""})
    available: When | None = None
    birth: When | None = None
    age: str = ""
    sex: tuple[str, dict[str, str]] | None = None
    constants: dict[str, str] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()

    def mentioned(self) -> frozenset[str]:
        """Every column that the mapping speaks of."""
        names = {*self.columns, *self.ignore, *placeholders(self.patient)}
        names.update(when.column for when in (self.time, self.available, self.birth) if isinstance(when, When))
        names.update({self.age} if self.age else ())
        names.update({self.sex[0]} if self.sex else ())
        return frozenset(names)


def load(path: str | Path) -> Mapping:
    """Read and check a mapping file.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is not YAML, lacks something, or says something that cannot be; the message names the key.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError("No such mapping file", where=str(path), do="give the YAML file that says what the columns mean")
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as broken:
        raise FormatError("The mapping is not YAML", where=path.name, found=str(broken).splitlines()[0], do="correct the file") from None
    if not isinstance(said, dict):
        raise FormatError("The mapping is empty or not a table of keys", where=path.name, expected=sorted(_KEYS))
    unknown = sorted(map(str, set(said) - _KEYS))
    if unknown:
        raise FormatError("The mapping has unknown keys", where=path.name, found=unknown, expected=sorted(_KEYS))
    return _Reader(path, said).mapping()


def placeholders(template: str) -> frozenset[str]:
    """Columns that a template of the patient identifier names.

    Examples
    --------
    >>> sorted(placeholders("{site}-{row}"))
    ['site']
    """
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name) - {"row", "file"}


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    said: dict[str, Any]

    def mapping(self) -> Mapping:
        said = self.said
        for key in ("name", "patient", "time", "columns"):
            if key not in said:
                raise self._error(key, "is missing")
        birth, age = self._birth(said.get("birth"))
        header = said.get("header", True)
        if header is not True and not (isinstance(header, list) and all(isinstance(name, str) for name in header)):
            raise self._error("header", "is neither true nor a list of column names", header)
        for key, default in (("delimiter", ","), ("decimal", ".")):
            if len(str(said.get(key, default))) != 1:
                raise self._error(key, "is not one character", said[key])
        skip = said.get("skip", 0)
        if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
            raise self._error("skip", "is not a number of lines", skip)
        return Mapping(
            path=self.path,
            source=self._source(),
            patient=self._template(said["patient"]),
            time=self._time(said["time"]),
            columns={str(name): self._column(str(name), one) for name, one in self._table("columns").items()},
            delimiter=str(said.get("delimiter", ",")),
            decimal=str(said.get("decimal", ".")),
            encoding=str(said.get("encoding", "utf-8-sig")),
            header=None if header is True else tuple(header),
            skip=skip,
            missing=self._cells("missing", said.get("missing", [""])),
            available=self._when("available", said["available"]) if "available" in said else None,
            birth=birth,
            age=age,
            sex=self._sex(said.get("sex")),
            constants={str(code): str(answer) for code, answer in self._table("constants").items()},
            ignore=frozenset(map(str, said.get("ignore") or ())),
        )

    def _error(self, key: str, what: str, found: Any = None, expected: Any = None) -> FormatError:
        return FormatError(f"The mapping's {key} {what}", where=self.path.name, found=found, expected=expected, do="correct the mapping")

    def _table(self, key: str) -> dict[Any, Any]:
        value = self.said.get(key) or {}
        if not isinstance(value, dict):
            raise self._error(key, "is not a table of keys", value)
        return value

    def _source(self) -> Source:
        said = self._table("source")
        wrong = sorted(map(str, set(said) - {"name", "version", "url", "retrieved", "licence"}))
        if wrong:
            raise self._error("source", "has unknown keys", wrong)
        return Source(**{"name": str(self.said["name"]), **{key: str(value) for key, value in said.items()}})

    def _template(self, text: Any) -> str:
        try:
            if isinstance(text, str) and any(name for _, name, _, _ in Formatter().parse(text)):
                return text
        except ValueError:
            pass
        raise self._error("patient", "is no template", text, "column names, row or file in braces, as in '{site}-{row}'")

    def _time(self, said: Any) -> When | int:
        if isinstance(said, dict) and "assume" in said:
            if not said.get("reason"):
                raise self._error("time", "is assumed without a reason", said)
            try:
                start, end = moment(str(said["assume"]))
            except TimeError as impossible:
                raise self._error("time", f"cannot be assumed ({impossible.what})", str(said["assume"]), _INSTANT) from None
            if start != end:
                raise self._error("time", "is assumed as a date without a time", str(said["assume"]), _INSTANT)
            return start
        return self._when("time", said)

    def _when(self, key: str, said: Any) -> When:
        if not isinstance(said, dict) or not {"column", "format"} <= set(said):
            raise self._error(key, "is not understood", said, "a column, its format (as in %Y-%m-%d %H:%M) and its zone")
        if "%z" in str(said["format"]):
            return When(str(said["column"]), str(said["format"]), None)
        if "zone" not in said:
            raise self._error(key, "names no zone", said, "zone: Europe/Zurich, or UTC")
        try:
            return When(str(said["column"]), str(said["format"]), ZoneInfo(str(said["zone"])))
        except (ZoneInfoNotFoundError, ValueError):
            raise self._error(key, "names an unknown zone", said["zone"], "an IANA zone, as in Europe/Zurich") from None

    def _birth(self, said: Any) -> tuple[When | None, str]:
        if said is None:
            return None, ""
        if isinstance(said, dict) and set(said) == {"age"}:
            return None, str(said["age"])
        return self._when("birth", {"zone": "UTC", **said} if isinstance(said, dict) else said), ""

    def _sex(self, said: Any) -> tuple[str, dict[str, str]] | None:
        if said is None:
            return None
        if not isinstance(said, dict) or set(said) != {"column", "values"} or not isinstance(said["values"], dict):
            raise self._error("sex", "is not understood", said, "column and values, as in {1: M, 0: F}")
        wrong = sorted(str(value) for value in said["values"].values() if value not in _SEXES)
        if wrong:
            raise self._error("sex", "has unknown values", wrong, sorted(_SEXES))
        return str(said["column"]), {self._cell("sex", raw): _SEXES[value] for raw, value in said["values"].items()}

    def _column(self, name: str, said: Any) -> Column:
        key = f"columns.{name}"
        if not isinstance(said, dict) or not said.get("code"):
            raise self._error(key, "names no code", said)
        unknown = sorted(map(str, set(said) - _COLUMN_KEYS))
        if unknown:
            raise self._error(key, "has unknown keys", unknown, sorted(_COLUMN_KEYS))
        ways = [way for way in ("unit", "values", "text") if said.get(way)]
        if len(ways) != 1:
            raise self._error(key, "must have one of unit (a number), values (coded answers), text", ways or sorted(said))
        try:
            after = duration(str(said.get("after", "0d")))
        except TimeError as unreadable:
            raise self._error(key, f"has an unreadable after ({unreadable.what})", said["after"], "as in 1d") from None
        if after and not said.get("reason"):
            raise self._error(key, "is moved in time without a reason", said)
        values = said.get("values") or {}
        if not isinstance(values, dict):
            raise self._error(key, "has values that are not a table", values)
        answers = {self._cell(key, raw): None if answer is None else str(answer) for raw, answer in values.items()}
        missing = self._cells(key, said.get("missing", ()))
        return Column(str(said["code"]), str(said.get("unit") or ""), answers, bool(said.get("text")), missing, after)

    def _cells(self, key: str, raw: Any) -> frozenset[str]:
        return frozenset(self._cell(key, one) for one in (raw if isinstance(raw, list | tuple) else [raw]))

    def _cell(self, key: str, raw: Any) -> str:
        if isinstance(raw, bool):
            raise self._error(key, "lists a yes/no that YAML takes for true/false", raw, "the cell in quotes, as in 'yes'")
        return plain(str(raw))
