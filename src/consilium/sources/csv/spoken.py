"""Spoken: what a mapping file says of one table, checked key by key and turned into nouns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from consilium.core.code import FEMALE, MALE
from consilium.core.duration import duration
from consilium.core.errors import FormatError, TimeError
from consilium.sources.csv.cell import plain
from consilium.sources.csv.mapping import Birth, Lookup, Only, Sex, Statement, Table, When, placeholders
from consilium.sources.moment import moment

_COLUMN = frozenset({
    "code", "unit", "values", "text", "missing", "after", "reason", "static", "where", "unless", "name", "time", "available", "decimals",
})  # fmt: skip
_EVENT = _COLUMN | {"number", "answer", "split"}
_WHEN = frozenset({"column", "format", "zone", "assume", "elapsed", "unit", "reason", "after", "otherwise"})
_LOOKUP = frozenset({"file", "key", "on", "where", "unless"})
_INSTANT = "as in 1988-01-01T00:00:00Z"
_SEXES = {"F": FEMALE, "M": MALE}
_MICROSECOND = timedelta(microseconds=1)
_STRIPTIME = "a column, its format (as in %Y-%m-%d %H:%M) and its zone"


@dataclass(frozen=True, slots=True)
class Spoken:
    """The keys of one table, with where they stand for messages."""

    path: Path
    said: dict[str, Any]
    prefix: str = ""

    def table(self) -> Table:
        """The table that is meant.

        Raises
        ------
        FormatError
            When a key is missing or says something that cannot be.
        """
        said = self.said
        for key in ("patient", "time", *(() if said.get("events") else ("columns",))):
            if key not in said:
                raise self._error(key, "is missing")
        header = said.get("header", True)
        if header is not True and not (isinstance(header, list) and all(isinstance(name, str) for name in header)):
            raise self._error("header", "is neither true nor a list of column names", header)
        for key, default in (("delimiter", ","), ("decimal", ".")):
            if len(str(said.get(key, default))) != 1:
                raise self._error(key, "is not one character", said[key])
        skip = said.get("skip", 0)
        if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
            raise self._error("skip", "is not a number of lines", skip)
        return Table(
            patient=self._patient(said["patient"]),
            time=self._when("time", said["time"]),
            statements=(*self._columns(), *self._events(), *self._constants()),
            delimiter=str(said.get("delimiter", ",")),
            decimal=str(said.get("decimal", ".")),
            encoding=str(said.get("encoding", "utf-8-sig")),
            header=None if header is True else tuple(header),
            skip=skip,
            missing=self._cells("missing", said.get("missing", [""])),
            available=self._available("available", said.get("available")),
            birth=self._birth(said.get("birth")),
            sex=self._sex(said.get("sex")),
            lookups=tuple(self._lookup(str(name), one) for name, one in self._keys("lookups").items()),
            ignore=frozenset(map(str, said.get("ignore") or ())),
        )

    def _error(self, key: str, what: str, found: Any = None, expected: Any = None) -> FormatError:
        where = self.path.name
        return FormatError(
            f"The mapping's {self.prefix}{key} {what}", where=where, found=found, expected=expected, do="correct the mapping"
        )

    def _keys(self, key: str) -> dict[Any, Any]:
        value = self.said.get(key) or {}
        if not isinstance(value, dict):
            raise self._error(key, "is not a table of keys", value)
        return value

    def _patient(self, text: Any) -> str:
        try:
            if isinstance(text, str) and any(name for _, name, _, _ in Formatter().parse(text)):
                return text
        except ValueError:
            pass
        raise self._error("patient", "is no template", text, "column names, row or file in braces, as in '{site}-{row}'")

    def _templates(self, key: str, said: Any) -> tuple[str, ...]:
        templates = tuple(map(str, said if isinstance(said, list | tuple) else [said]))
        for template in templates:
            try:
                placeholders(template)
            except ValueError:
                raise self._error(key, "is no template", template, "column names in braces, as in '{lab.code}'") from None
        return templates

    def _when(self, key: str, said: Any) -> When:
        if isinstance(said, str) and self.said.get("format"):
            said = {"column": said}
        if not isinstance(said, dict) or not (set(said) <= _WHEN) or not {"column", "assume"} & set(said):
            raise self._error(key, "is not understood", said, _STRIPTIME)
        after = self._after(key, said)
        otherwise = self._when(key, said["otherwise"]) if "otherwise" in said else None
        if "assume" in said:
            return self._assumed(key, said, after, otherwise)
        if "zone" not in said and "zone" not in self.said and "%z" not in str(said.get("format", "")):
            raise self._error(key, "names no zone" if "format" in said else "is not understood", said, "zone: Europe/Zurich, or UTC")
        pattern = str(said.get("format", self.said.get("format", "")))
        if "%z" in pattern:
            return When(str(said["column"]), pattern, None, after=after, otherwise=otherwise)
        zone = str(said.get("zone", self.said.get("zone")))
        try:
            return When(str(said["column"]), pattern, ZoneInfo(zone), after=after, otherwise=otherwise)
        except (ZoneInfoNotFoundError, ValueError):
            raise self._error(key, "names an unknown zone", zone, "an IANA zone, as in Europe/Zurich") from None

    def _assumed(self, key: str, said: dict[str, Any], after: int, otherwise: When | None) -> When:
        if not said.get("reason"):
            raise self._error(key, "is assumed without a reason", said)
        try:
            start, end = moment(str(said["assume"]))
        except TimeError as impossible:
            raise self._error(key, f"cannot be assumed ({impossible.what})", str(said["assume"]), _INSTANT) from None
        if start != end:
            raise self._error(key, "is assumed as a date without a time", str(said["assume"]), _INSTANT)
        if "elapsed" not in said:
            return When(origin=start, after=after)
        try:
            unit = duration(f"1{said.get('unit')}") // _MICROSECOND
        except TimeError:
            raise self._error(key, "counts in no unit of time", said.get("unit"), "unit: min, h, d, w, mo or y") from None
        return When(str(said["elapsed"]), origin=start, unit=unit, after=after, otherwise=otherwise)

    def _after(self, key: str, said: dict[str, Any]) -> int:
        try:
            after = duration(str(said.get("after", "0d")))
        except TimeError as unreadable:
            raise self._error(key, f"has an unreadable after ({unreadable.what})", said["after"], "as in 1d") from None
        if after and not said.get("reason"):
            raise self._error(key, "is moved in time without a reason", said)
        return after // _MICROSECOND

    def _available(self, key: str, said: Any) -> tuple[When, ...]:
        if said is None:
            return ()
        return tuple(self._when(key, one) for one in (said if isinstance(said, list) else [said]))

    def _birth(self, said: Any) -> Birth | None:
        if said is None:
            return None
        if not isinstance(said, dict):
            raise self._error("birth", "is not understood", said, _STRIPTIME)
        rest = {key: value for key, value in said.items() if key not in ("where", "unless")}
        only = self._only("birth", said)
        if "age" in rest and set(rest) <= {"age", "year", "capped", "bands"}:
            capped = rest.get("capped")
            if not isinstance(capped, int | None) or isinstance(capped, bool):
                raise self._error("birth", "is capped at what is no age", capped)
            bands = rest.get("bands", {})
            if not isinstance(bands, dict) or not all(isinstance(years, int) for years in bands.values()):
                raise self._error("birth", "names bands without an age in completed years for each", bands)
            told = {str(band): years for band, years in bands.items()}
            return Birth(age=str(rest["age"]), year=str(rest.get("year", "")), capped=capped, bands=told, only=only)
        return Birth(self._when("birth", {"zone": "UTC", **rest}), only=only)

    def _sex(self, said: Any) -> Sex | None:
        if said is None:
            return None
        known = isinstance(said, dict) and {"column", "values"} <= set(said) <= {"column", "values", "where", "unless"}
        if not known or not isinstance(said["values"], dict):
            raise self._error("sex", "is not understood", said, "column and values, as in {1: M, 0: F}")
        wrong = sorted(str(value) for value in said["values"].values() if value not in _SEXES)
        if wrong:
            raise self._error("sex", "has unknown values", wrong, sorted(_SEXES))
        values = {self._cell("sex", raw): _SEXES[value] for raw, value in said["values"].items()}
        return Sex(str(said["column"]), values, self._only("sex", said))

    def _lookup(self, name: str, said: Any) -> Lookup:
        key = f"lookups.{name}"
        if not isinstance(said, dict) or not {"file", "key"} <= set(said) <= _LOOKUP:
            raise self._error(key, "is not understood", said, "file, key, and on where the table's own column has another name")
        keys = self._listed(said["key"])
        on = self._listed(said.get("on", said["key"]))
        if len(keys) != len(on):
            raise self._error(key, "joins on another number of columns than it has keys", on, keys)
        return Lookup(name, str(said["file"]), keys, on, self._only(key, said))

    def _columns(self) -> list[Statement]:
        return [self._column(str(name), one) for name, one in self._keys("columns").items()]

    def _column(self, name: str, said: Any) -> Statement:
        key = f"columns.{name}"
        self._has_code(key, said, _COLUMN)
        ways = [way for way in ("unit", "values", "text") if said.get(way)]
        if len(ways) != 1:
            raise self._error(key, "must have one of unit (a number), values (coded answers), text", ways or sorted(said))
        ways_said: dict[str, dict[str, Any]] = {"unit": {"number": name}, "values": {"answer": name}, "text": {"text": [f"{{{name}}}"]}}
        way = ways_said[ways[0]]
        return self._statement(key, {**said, **way, "code": str(said["code"])}, name, literal=True)

    def _events(self) -> list[Statement]:
        said = self.said.get("events") or []
        if not isinstance(said, list):
            raise self._error("events", "is not a list", said)
        return [self._event(f"events[{number}]", one) for number, one in enumerate(said, start=1)]

    def _event(self, key: str, said: Any) -> Statement:
        self._has_code(key, said, _EVENT)
        if said.get("number") and not said.get("unit"):
            raise self._error(key, "has a number without a unit", said, "unit: mg/dL, or unit: {column: valueuom}")
        if bool(said.get("answer")) != bool(said.get("values")) or (said.get("answer") and said.get("number")):
            raise self._error(key, "must have number, text, or answer with values", sorted(said))
        text = said.get("text", [])
        part = str(said.get("number") or said.get("answer") or next(iter(sorted(placeholders(str(text)))), "") or key)
        return self._statement(key, {**said, "text": text}, part, literal=False)

    def _statement(self, key: str, said: dict[str, Any], part: str, *, literal: bool) -> Statement:
        values = said.get("values") or {}
        if not isinstance(values, dict):
            raise self._error(key, "has values that are not a table", values)
        unit = said.get("unit") or ""
        decimals = said.get("decimals", 0)
        if not isinstance(decimals, int) or isinstance(decimals, bool) or not 0 <= decimals <= 9:
            raise self._error(key, "has implied decimals that are no number of places", decimals, "decimals: 1")
        split = said.get("split")
        if split is not None and not (isinstance(split, dict) and set(split) == {"by", "part"} and isinstance(split["part"], int)):
            raise self._error(key, "is split in a way that is not understood", split, "by: '/', part: 1")
        return Statement(
            part=part,
            code=(_literal(said["code"]),) if literal else self._templates(key, said["code"]),
            number=str(said.get("number") or ""),
            text=self._templates(key, said["text"] if isinstance(said.get("text"), list | str) else []),
            answer=str(said.get("answer") or ""),
            values={self._cell(key, raw): None if answer is None else str(answer) for raw, answer in values.items()},
            unit="" if isinstance(unit, dict) else str(unit),
            units=self._listed(unit.get("column")) if isinstance(unit, dict) else (),
            decimals=decimals,
            split=(str(split["by"]), split["part"]) if split else None,
            name=self._templates(key, said["name"]) if "name" in said else (),
            missing=self._cells(key, said.get("missing", ())),
            only=self._only(key, said),
            time=self._when(f"{key}.time", said["time"]) if "time" in said else None,
            available=self._available(f"{key}.available", said.get("available")),
            after=self._after(key, said),
            static=bool(said.get("static")),
        )

    def _constants(self) -> list[Statement]:
        return [
            Statement(str(code), (_literal(str(code)),), text=(_literal(str(answer)),)) for code, answer in self._keys("constants").items()
        ]

    def _has_code(self, key: str, said: Any, keys: frozenset[str]) -> None:
        if not isinstance(said, dict) or not said.get("code"):
            raise self._error(key, "names no code", said)
        unknown = sorted(map(str, set(said) - keys))
        if unknown:
            raise self._error(key, "has unknown keys", unknown, sorted(keys))

    def _only(self, key: str, said: dict[str, Any]) -> tuple[Only, ...]:
        chosen = []
        for word in ("where", "unless"):
            choice = said.get(word) or {}
            if not isinstance(choice, dict):
                raise self._error(key, f"has a {word} that is not understood", choice, "a column and its cells, as in {eventtype: [ED]}")
            chosen += [Only(str(column), self._cells(key, cells), word == "unless") for column, cells in choice.items()]
        return tuple(chosen)

    def _listed(self, said: Any) -> tuple[str, ...]:
        return tuple(map(str, said if isinstance(said, list | tuple) else [said]))

    def _cells(self, key: str, raw: Any) -> frozenset[str]:
        return frozenset(self._cell(key, one) for one in (raw if isinstance(raw, list | tuple) else [raw]))

    def _cell(self, key: str, raw: Any) -> str:
        if isinstance(raw, bool):
            raise self._error(key, "lists a yes/no that YAML takes for true/false", raw, "the cell in quotes, as in 'yes'")
        return plain(str(raw))


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
