"""Allergy: what a patient must not be given, that none is known, or that an earlier claim was refuted."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import code_of, recognised
from consilium.sources.fhir.reading import NOT_DATED, Reading, Resource, stretch, updated
from consilium.sources.vocabulary import none_known

_OVER = frozenset({"inactive", "resolved"})


def allergy(resource: Resource, reading: Reading) -> None:
    """Read an AllergyIntolerance, once per coding in a known vocabulary and once per substance that caused a reaction.

    An allergy that nothing dates is static (true at any time): to lose it would be the greater harm.

    Raises
    ------
    InputError
        When it was entered in error, or nothing names it.
    """
    verification = code_of(resource.get("verificationStatus"))
    if verification == "entered-in-error":
        raise InputError("verification entered-in-error")
    patient = reading.references.subject(resource, "patient")
    coded = recognised(resource.get("code"), "ALLERGY")
    for reaction in resource.get("reaction") or ():
        coded += recognised(reaction.get("substance"), "ALLERGY")
    if not coded:
        raise InputError("No code")
    time: int | None
    available: int | None
    try:
        time, available = reading.dated(resource, stretch(resource, "onset"), resource.get("recordedDate"))
    except InputError as refusal:
        if refusal.what != "No date":
            raise
        time = available = None
    refuted = verification == "refuted"
    over = not refuted and code_of(resource.get("clinicalStatus")) in _OVER
    sheet, label = reading.sheet, reading.label
    for code, display in {code: display for code, display, _ in coded}.items():
        kind = "ALLERGY//NONE" if code in none_known() else "ALLERGY//REFUTED" if refuted else "ALLERGY"
        sheet.add(patient, time, f"{kind}//{code}", available, label, text=display or None)
        if display:
            sheet.name(code, display)
        if over and kind == "ALLERGY":
            _write_end(resource, reading, patient, code, display, time, available)


def _write_end(
    resource: Resource, reading: Reading, patient: str, code: str, display: str, time: int | None, available: int | None
) -> None:
    said = updated(resource)
    if said is None:
        reading.sheet.add(patient, time, f"ALLERGY//END//{code}", available, reading.label, text=(display or code) + NOT_DATED)
        return
    stop = said[0] if time is None else max(said[0], time)
    reading.sheet.add(patient, stop, f"ALLERGY//END//{code}", max(said[1], stop), reading.label, text=display or None)
