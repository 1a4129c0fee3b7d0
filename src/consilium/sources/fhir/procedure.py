"""Procedure: what was done to a patient, vaccinations included."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import codings
from consilium.sources.fhir.reading import Reading, Resource, stretch, undated_forms

_NOT_DONE = frozenset({"preparation", "not-done", "on-hold", "stopped", "entered-in-error"})


def procedure(resource: Resource, reading: Reading) -> None:
    """Read a Procedure; one that lasts is known when it is over.

    Raises
    ------
    InputError
        When it was not carried out, or nothing dates or names it.
    """
    status = resource.get("status")
    if status in _NOT_DONE:
        raise InputError(f"status {status}")
    patient = reading.references.subject(resource)
    coded = codings(resource.get("code"), "PROCEDURE")
    if not coded:
        raise InputError("No code")
    time, available = reading.dated(resource, stretch(resource, "performed"), None)
    for form in undated_forms(resource, "performed"):
        reading.refuse_part(form, f"{form} holds no date: dated by when it was recorded", found=resource[form], patient=patient)
    code, display, _ = coded[0]
    reading.sheet.add(patient, time, f"PROCEDURE//{code}", available, reading.label, text=display or None)
    if display:
        reading.sheet.name(code, display)


def immunization(resource: Resource, reading: Reading) -> None:
    """Read an Immunization.

    Raises
    ------
    InputError
        When it was not given, or nothing dates or names it.
    """
    status = resource.get("status")
    if status in ("not-done", "entered-in-error"):
        raise InputError(f"status {status}")
    patient = reading.references.subject(resource, "patient")
    coded = codings(resource.get("vaccineCode"), "IMMUNIZATION")
    if not coded:
        raise InputError("No code")
    time, available = reading.dated(resource, stretch(resource, "occurrence"), resource.get("recorded"))
    for form in undated_forms(resource, "occurrence"):
        reading.refuse_part(form, f"{form} holds no date: dated by when it was recorded", found=resource[form], patient=patient)
    code, display, _ = coded[0]
    reading.sheet.add(patient, time, f"IMMUNIZATION//{code}", available, reading.label, text=display or None)
    if display:
        reading.sheet.name(code, display)
