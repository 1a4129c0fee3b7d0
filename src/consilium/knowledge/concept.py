"""Concept: what a code means and in which unit its values are kept; and the limits of those values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from consilium.core.code import split
from consilium.core.source import Source
from consilium.knowledge.table import Row, read_table

CODES = ("code", "name", "name_zh", "unit", "source")
RANGES = (
    "code",
    "unit",
    "sex",
    "age_low",
    "age_high",
    "reference_low",
    "reference_high",
    "plausible_low",
    "plausible_high",
    "source",
    "note",
)


@dataclass(frozen=True, slots=True)
class Concept:
    """One code of a vocabulary.

    Parameters
    ----------
    code : str
        Without kind, as `LOINC//2524-7`.
    name, name_zh : str
        Its name in the field's standard English, and in simplified Chinese.
    unit : str
        Canonical UCUM unit of its values; empty when its values are not numbers.
    source : str
        Key of the bibliography.
    """

    code: str
    name: str
    name_zh: str
    unit: str
    source: str

    @property
    def vocabulary(self) -> str:
        """`LOINC`, `SNOMED`, `RxNorm`, `CONSILIUM` ...; empty for MEDS's own words."""
        return split(self.code).vocabulary


@dataclass(frozen=True, slots=True)
class Range:
    """Limits of a measurement in its canonical unit, for one sex and age band.

    `sex` is empty for both; `age_low` is included and `age_high` is not (years). Reference limits are what most healthy
    people have; plausible limits are what a living person can have: a value outside them is an error of entry or of unit. A
    limit is None where there is none.
    """

    code: str
    unit: str
    sex: str
    age_low: float
    age_high: float
    reference_low: float | None
    reference_high: float | None
    plausible_low: float | None
    plausible_high: float | None
    source: str

    def fits(self, sex: str, age: float | None) -> bool:
        """Whether the range is meant for a person of this sex and age; an unknown sex or age fits only ranges for everybody."""
        everyone = (self.age_low, self.age_high) == (0.0, 150.0)
        return self.sex in ("", sex) and (everyone if age is None else self.age_low <= age < self.age_high)


def read_codes(path: Path, sources: Mapping[str, Source]) -> dict[str, Concept]:
    """Read `codes.csv`.

    Raises
    ------
    KnowledgeError
        When a code stands twice or a name is missing.
    """
    codes: dict[str, Concept] = {}
    for row in read_table(path, CODES, sources):
        code = row.text("code")
        if code in codes:
            row.fail("A code stands twice", found=code)
        codes[code] = Concept(code, row.text("name"), row.text("name_zh"), row.cells["unit"], row.cells["source"])
    return codes


def read_ranges(path: Path, sources: Mapping[str, Source], codes: Mapping[str, Concept]) -> Mapping[str, tuple[Range, ...]]:
    """Read `ranges.csv`.

    Raises
    ------
    KnowledgeError
        When a code is unknown, its unit is not the canonical one, or limits are out of order.
    """
    ranges: dict[str, tuple[Range, ...]] = {}
    for row in read_table(path, RANGES, sources):
        one = _range(row)
        concept = codes.get(one.code)
        if concept is None:
            row.fail("A range is about a code that codes.csv does not have", found=one.code)
        if concept.unit != one.unit:
            row.fail("A range is not in the canonical unit of its code", found=one.unit, expected=concept.unit)
        limits = [one.plausible_low, one.reference_low, one.reference_high, one.plausible_high]
        given = [limit for limit in limits if limit is not None]
        if given != sorted(given) or (one.reference_low is not None and one.reference_low == one.reference_high):
            row.fail("The limits of a range are out of order", found=limits, expected="plausible, reference, reference, plausible")
        ranges[one.code] = (*ranges.get(one.code, ()), one)
    return MappingProxyType(ranges)


def _range(row: Row) -> Range:
    age_low, age_high = row.number("age_low"), row.number("age_high")
    return Range(
        row.text("code"),
        row.text("unit"),
        row.one_of("sex", ("", "F", "M")),
        0.0 if age_low is None else age_low,
        150.0 if age_high is None else age_high,
        row.number("reference_low"),
        row.number("reference_high"),
        row.number("plausible_low"),
        row.number("plausible_high"),
        row.cells["source"],
    )
