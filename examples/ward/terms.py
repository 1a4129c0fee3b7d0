"""The terms of a chart: moments with a zone, coded names, quantities and prose, as FHIR R4 (4.0.1) spells them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Resource = dict[str, Any]
Clock = Callable[[str], str]

TABLE = Path(__file__).parent / "codes.md"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
UCUM = "http://unitsofmeasure.org"
SYSTEM = {
    "LOINC": "http://loinc.org",
    "SNOMED": "http://snomed.info/sct",
    "RxNorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "CONSILIUM": "urn:consilium:codes",
}


class Concept(NamedTuple):
    """One row of codes.md."""

    system: str
    code: str
    display: str
    unit: str


@cache
def concepts() -> Mapping[str, Concept]:
    """Every name of codes.md."""
    rows = (line.strip("|\n ").split("|") for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| "))
    cells = ([cell.strip() for cell in row] for row in rows)
    return {
        name: Concept(SYSTEM[vocabulary], code, display, unit) for name, vocabulary, code, display, unit, _ in cells if vocabulary in SYSTEM
    }


def concept(*names: str) -> Resource:
    """A CodeableConcept of one or more names; the first gives the text."""
    found = [concepts()[name] for name in names]
    return {"coding": [{"system": each.system, "code": each.code, "display": each.display} for each in found], "text": found[0].display}


def clock(offset: str) -> Clock:
    """A clock on the wall of one place: `clock("+05:30")("2025-03-12 08:30")` is `2025-03-12T08:30:00+05:30`."""
    return lambda moment: f"{moment.replace(' ', 'T')}:00{offset}"


def after(moment: str, minutes: int) -> str:
    """A moment some minutes later, in the same zone."""
    return (datetime.fromisoformat(moment) + timedelta(minutes=minutes)).isoformat()


def coding(system: str, code: str, display: str | None = None) -> Resource:
    """A CodeableConcept of one HL7 code."""
    return {"coding": [{"system": f"{TERMINOLOGY}/{system}", "code": code, **({"display": display} if display else {})}]}


def quantity(value: float, unit: str | None) -> Resource:
    """A value with its UCUM unit, or, where the sender gave none, without."""
    return {"value": value} if unit is None else {"value": value, "unit": unit, "system": UCUM, "code": unit}


def plain(text: str, title: str, written: str) -> Resource:
    """Prose as an attachment; line breaks of the source are not part of it."""
    prose = "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n")) + "\n"
    data = base64.b64encode(prose.encode()).decode()
    return {"contentType": "text/plain; charset=utf-8", "language": "en", "data": data, "title": title, "creation": written}
