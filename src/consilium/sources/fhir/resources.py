"""Resources: FHIR R4 resources, already in memory, become events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from consilium.core import Batch, Reject
from consilium.core.errors import InputError
from consilium.sources.fhir.allergy import allergy
from consilium.sources.fhir.coding import codings
from consilium.sources.fhir.condition import condition
from consilium.sources.fhir.document import note, report
from consilium.sources.fhir.encounter import encounter
from consilium.sources.fhir.family import family
from consilium.sources.fhir.medication import administration, medication, request, statement
from consilium.sources.fhir.observation import observation
from consilium.sources.fhir.patient import patient
from consilium.sources.fhir.procedure import immunization, procedure
from consilium.sources.fhir.reading import Reading, shown
from consilium.sources.fhir.reference import References
from consilium.sources.fhir.version import other_release
from consilium.sources.sheet import Sheet

Resource = dict[str, Any]
Row = tuple[str, Any, str]
"""Where it stands (`entry 3`, `line 7`), the resource as sent, and its fullUrl."""

_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError, IndexError)
"""How JSON of another shape than R4's (a string where an object belongs) shows itself."""

READERS: Mapping[str, Callable[[Resource, Reading], None]] = {
    "Patient": patient,
    "Encounter": encounter,
    "Condition": condition,
    "Observation": observation,
    "MedicationRequest": request,
    "MedicationStatement": statement,
    "MedicationAdministration": administration,
    "Medication": medication,
    "AllergyIntolerance": allergy,
    "Procedure": procedure,
    "Immunization": immunization,
    "DiagnosticReport": report,
    "DocumentReference": note,
    "FamilyMemberHistory": family,
}


def read_resources(resources: Iterable[Resource], origin: str, *, received: int | None = None) -> Batch:
    """Read resources that are already in memory; Bundles among them are opened.

    Parameters
    ----------
    resources : iterable of dict
        FHIR R4 resources as JSON gives them.
    origin : str
        Name of where they come from, for rejects.
    received : int, optional
        When they were at hand, in microseconds since 1970-01-01T00:00Z: dates what carries no date of its own. Without
        it such resources are rejected, because nothing is invented.

    Returns
    -------
    Batch
        Events in `AS_SENT` columns; `rows == read + (rejects without a part)`.

    Examples
    --------
    >>> lactate = {"resourceType": "Observation", "id": "1", "status": "final", "subject": {"reference": "Patient/42"},
    ...            "code": {"coding": [{"system": "http://loinc.org", "code": "2524-7"}]}, "issued": "2026-01-03T08:00:00Z",
    ...            "valueQuantity": {"value": 1.2, "system": "http://unitsofmeasure.org", "code": "mmol/L"}}
    >>> batch = read_resources([lactate], "prefetch")
    >>> batch.rows, batch.read, batch.events["code"].to_pylist(), batch.events["unit"].to_pylist()
    (1, 1, ['LOINC//2524-7'], ['mmol/L'])
    """
    rows = list(opened(("", resource, "") for resource in resources))
    sheet = Sheet(origin)
    read_rows(rows, sheet, learned(rows), received)
    return sheet.batch()


def opened(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows with every Bundle among them replaced by its entries, at any depth; entries are numbered as they come."""
    waiting = [iter(rows)]
    number = 0
    while waiting:
        for where, resource, full_url in waiting[-1]:
            if isinstance(resource, dict) and resource.get("resourceType") == "Bundle":
                waiting.append(_entries(resource))
                break
            number += 1
            yield where or f"entry {number}", resource, full_url
        else:
            waiting.pop()


def learned(rows: Iterable[Row], elsewhere: Callable[[str], References] | None = None) -> References:
    """What references among these rows can lead to."""
    references = References(elsewhere)
    for _, resource, full_url in rows:
        if isinstance(resource, dict):
            references.learn(resource, full_url)
    return references


def read_rows(rows: Iterable[Row], sheet: Sheet, references: References, received: int | None = None) -> None:
    """Read rows onto a sheet; what cannot be read is a named reject."""
    reading = Reading(sheet, references, received)
    for where, resource, full_url in rows:
        events, rejects = len(sheet.code), len(sheet.rejects)
        reading.full_url = full_url
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        reading.row, reading.label = _names(resource, kind, where, sheet.file)
        if type(kind) is str and kind not in READERS:  # a third of an export, often: said without the cost of an exception
            sheet.refuse_row(events, rejects, Reject(sheet.file, reading.row, f"resource type {kind} is not read"))
            continue
        try:
            _read_one(resource, reading)
        except InputError as refusal:
            sheet.refuse_row(events, rejects, _reject(resource, reading, refusal.what, refusal.found))
        except _MISSHAPEN as broken:
            sheet.refuse_row(events, rejects, _reject(resource, reading, "not shaped as FHIR R4 says", broken))
        else:
            sheet.close_row(events, rejects)


def _read_one(resource: Any, reading: Reading) -> None:
    if isinstance(resource, InputError):  # a line or entry that was refused before it became a resource
        raise resource
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise InputError("not a FHIR resource (no resourceType)")
    foreign = other_release(resource)
    if foreign:
        raise InputError("not FHIR R4", found=foreign)
    READERS[resource["resourceType"]](resource, reading)


def _reject(resource: Any, reading: Reading, reason: str, found: object) -> Reject:
    """A reject that says whom and what it is about, as far as the resource can still be asked."""
    patient = code = ""
    if isinstance(resource, dict) and str(resource.get("resourceType")) in READERS:
        with suppress(InputError, *_MISSHAPEN):
            code = next((coded.code for coded in codings(resource.get("code"), "MEASUREMENT")), "")
        with suppress(InputError, *_MISSHAPEN):
            patient = reading.references.subject(resource, "patient" if "patient" in resource else "subject")
    return Reject(reading.sheet.file, reading.row, reason, "", code, shown(found), patient)


def _names(resource: Any, kind: Any, where: str, file: str) -> tuple[str, str]:
    if type(kind) is str and type(identity := resource.get("id")) is str:
        name = f"{kind}/{identity}"
        return name, name
    return where, f"{file}#{where.rpartition(' ')[2]}"


def _entries(bundle: Resource) -> Iterator[Row]:
    entries = bundle.get("entry") or ()
    if not isinstance(entries, list | tuple):
        yield "", InputError("A Bundle whose entry is not a list"), ""
        return
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        full_url = entry.get("fullUrl") if isinstance(entry, dict) else None
        if resource is None:
            resource = InputError("an entry without a resource")
        yield "", resource, full_url if isinstance(full_url, str) else ""
