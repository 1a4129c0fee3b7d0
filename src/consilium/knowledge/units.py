"""Units: UCUM units, the spellings they are sent in, and how one converts into another."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from consilium.core.code import concept
from consilium.core.errors import UnitError
from consilium.core.source import Source
from consilium.knowledge.table import read_table

UNITS = ("unit", "kind", "scale", "offset", "source")
SPELLINGS = ("spelling", "unit", "source")
ANALYTES = ("code", "from_unit", "to_unit", "scale", "offset", "basis", "source")


@dataclass(frozen=True, slots=True)
class Unit:
    """A UCUM unit: a value of it, times `scale` plus `offset`, is the value in the base unit of its kind."""

    unit: str
    kind: str
    scale: Fraction
    offset: Fraction
    source: str


@dataclass(frozen=True, slots=True)
class Bridge:
    """What joins two kinds of quantity for one analyte: a value in `from_unit`, times `scale` plus `offset`, is in `to_unit`."""

    from_unit: Unit
    to_unit: Unit
    scale: Fraction
    offset: Fraction
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class Units:
    """Every unit that is understood, how it is spelled, and what converts into what.

    Conversions of one kind (mass per volume into mass per volume) need no analyte. Across kinds (mass per volume into amount
    of substance per volume) they depend on the molar mass, so the analyte's code must be given and must have its own rule.

    Examples
    --------
    >>> from consilium.knowledge import shelf
    >>> units = shelf().units
    >>> units.spelling("mmHg"), units.spelling("K/uL"), units.spelling("furlong")
    ('mm[Hg]', '10*3/uL', None)
    >>> round(units.convert(5.5, "mmol/L", "mg/dL", "LOINC//2345-7"), 1)
    99.1
    >>> units.factor("mmol/L", "mg/dL") is None
    True
    """

    known: Mapping[str, Unit]
    spellings: Mapping[str, str]
    folded: Mapping[str, str]
    bridges: Mapping[str, tuple[Bridge, ...]]

    def spelling(self, text: str) -> str | None:
        """The UCUM unit that a sender means, or None when the spelling is not known (or could mean two things)."""
        text = text.strip()
        if text in self.known:
            return text
        return self.spellings.get(text) or self.folded.get(_fold(text))

    def factor(self, from_unit: str, to_unit: str, code: str = "") -> tuple[float, float] | None:
        """Scale and offset by which a value in `from_unit` becomes one in `to_unit`: `value * scale + offset`.

        Parameters
        ----------
        from_unit, to_unit : str
            Units in any known spelling.
        code : str
            The measurement, for conversions that depend on the analyte.

        Returns
        -------
        (float, float) or None
            None when the two do not convert.
        """
        start, end = (self.known.get(self.spelling(unit) or "") for unit in (from_unit, to_unit))
        if start is None or end is None:
            return None
        if start.kind == end.kind:
            return _floats(_chain(_into_base(start), _out_of_base(end)))
        for bridge in self.bridges.get(concept(code), ()) if code else ():
            kinds = (bridge.from_unit.kind, bridge.to_unit.kind)
            across = (bridge.scale, bridge.offset)
            if kinds == (start.kind, end.kind):
                first, last = (
                    _chain(_into_base(start), _out_of_base(bridge.from_unit)),
                    _chain(_into_base(bridge.to_unit), _out_of_base(end)),
                )
                return _floats(_chain(_chain(first, across), last))
            if kinds == (end.kind, start.kind):
                first, last = (
                    _chain(_into_base(start), _out_of_base(bridge.to_unit)),
                    _chain(_into_base(bridge.from_unit), _out_of_base(end)),
                )
                return _floats(_chain(_chain(first, _inverse(across)), last))
        return None

    def convert(self, value: float, from_unit: str, to_unit: str, code: str = "") -> float:
        """Convert a value.

        Raises
        ------
        UnitError
            When a unit is unknown, or the two do not convert (for this analyte).
        """
        for unit in (from_unit, to_unit):
            if self.spelling(unit) is None:
                do = "correct the unit, or add it to knowledge/units.csv or its spelling to knowledge/spellings.csv"
                raise UnitError("A unit is not known", where=code, found=unit, do=do)
        factor = self.factor(from_unit, to_unit, code)
        if factor is None:
            known = (
                f"{code} has no rule for it; add one to knowledge/analytes.csv" if code else "it may depend on the analyte; give its code"
            )
            raise UnitError("The units do not convert", where=code, found=from_unit, expected=to_unit, do=f"check the unit: {known}")
        return value * factor[0] + factor[1]


def read_units(folder: Path, sources: Mapping[str, Source]) -> Units:
    """Read `units.csv`, `spellings.csv` and `analytes.csv`.

    Raises
    ------
    KnowledgeError
        When a unit or spelling stands twice, a scale is zero, or a rule names an unknown unit or joins one kind with itself.
    """
    known: dict[str, Unit] = {}
    for row in read_table(folder / "units.csv", UNITS, sources):
        unit = Unit(row.text("unit"), row.text("kind"), row.fraction("scale"), row.fraction("offset"), row.cells["source"])
        if unit.unit in known:
            row.fail("A unit stands twice", found=unit.unit)
        if unit.scale <= 0:
            row.fail("A scale must be positive", found=row.cells["scale"])
        known[unit.unit] = unit
    spellings: dict[str, str] = {}
    for row in read_table(folder / "spellings.csv", SPELLINGS, sources):
        spelling, target = row.text("spelling"), row.text("unit")
        if spelling in spellings or spelling in known:
            row.fail("A spelling stands twice, or is a UCUM unit already", found=spelling)
        if target not in known:
            row.fail("A spelling stands for an unknown unit", found=target)
        spellings[spelling] = target
    bridges: dict[str, tuple[Bridge, ...]] = {}
    for row in read_table(folder / "analytes.csv", ANALYTES, sources):
        ends = [known.get(row.text(column)) for column in ("from_unit", "to_unit")]
        scale = row.fraction("scale")
        if ends[0] is None or ends[1] is None or ends[0].kind == ends[1].kind or scale == 0:
            row.fail("A rule must join two known units of different kinds by a scale", found=(row.cells["from_unit"], row.cells["to_unit"]))
        bridge = Bridge(ends[0], ends[1], scale, row.fraction("offset"), row.text("basis"), row.cells["source"])
        bridges[row.text("code")] = (*bridges.get(row.cells["code"], ()), bridge)
    return Units(MappingProxyType(known), MappingProxyType(spellings), _folded(known, spellings), MappingProxyType(bridges))


def _folded(known: Mapping[str, Unit], spellings: Mapping[str, str]) -> Mapping[str, str]:
    """Spellings without case, spaces and typographic variants; those that would then mean two things are left out."""
    meant: dict[str, set[str]] = {}
    for spelling, unit in [*spellings.items(), *((unit, unit) for unit in known)]:
        meant.setdefault(_fold(spelling), set()).add(unit)
    return MappingProxyType({spelling: units.pop() for spelling, units in meant.items() if len(units) == 1})


def _fold(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).replace("μ", "u").replace("^", "*").casefold()


def _into_base(unit: Unit) -> tuple[Fraction, Fraction]:
    return unit.scale, unit.offset


def _out_of_base(unit: Unit) -> tuple[Fraction, Fraction]:
    return _inverse((unit.scale, unit.offset))


def _inverse(map_: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    return 1 / map_[0], -map_[1] / map_[0]


def _chain(first: tuple[Fraction, Fraction], then: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    return first[0] * then[0], first[1] * then[0] + then[1]


def _floats(map_: tuple[Fraction, Fraction]) -> tuple[float, float]:
    return float(map_[0]), float(map_[1])
