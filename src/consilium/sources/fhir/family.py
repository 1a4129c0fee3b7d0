"""Family: what relatives had, never to be read as the patient's own."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import recognised, words
from consilium.sources.fhir.reading import Reading, Resource
from consilium.sources.moment import moment


def family(resource: Resource, reading: Reading) -> None:
    """Read a FamilyMemberHistory: one `FAMILY//` event per condition of the relative, the relationship as its text.

    What nothing dates is static: a relative's disease is true of the family at any time.

    Raises
    ------
    InputError
        When it was entered in error or the relative's health is unknown.
    """
    status = resource.get("status")
    if status in ("entered-in-error", "health-unknown"):
        raise InputError(f"status {status}")
    patient = reading.references.subject(resource, "patient")
    relative = words(resource.get("relationship")) or None
    time: int | None
    available: int | None
    try:
        stated = resource.get("date")
        time, available = reading.dated(resource, moment(stated) if stated else None, stated)
    except InputError as refusal:
        if refusal.what != "No date":
            raise
        time = available = None
    for position, condition in enumerate(resource.get("condition") or (), start=1):
        coded = recognised(condition.get("code"), "FAMILY")
        if not coded:
            reading.refuse_part(f"condition {position}", "No code", patient=patient)
        for code, display, _ in coded:
            reading.sheet.add(patient, time, f"FAMILY//{code}", available, reading.label, text=relative)
            if display:
                reading.sheet.name(code, display)
