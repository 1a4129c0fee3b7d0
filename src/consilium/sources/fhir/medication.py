"""Medication: what was prescribed, taken or given, when it ended, and under which codes."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import Coded, recognised
from consilium.sources.fhir.observation import quantity
from consilium.sources.fhir.reading import NOT_DATED, Reading, Resource, period, stretch, updated
from consilium.sources.moment import moment

_ENDED = frozenset({"stopped", "completed"})
_NOT_ORDERED = frozenset({"entered-in-error", "cancelled", "draft"})
_NOT_AN_ORDER = frozenset({"proposal", "plan", "option"})
_NOT_TAKEN = frozenset({"entered-in-error", "not-taken", "intended"})
_NOT_GIVEN = frozenset({"entered-in-error", "not-done"})


def request(resource: Resource, reading: Reading) -> None:
    """Read a MedicationRequest: on the list from `authoredOn`, off it when stopped or completed.

    Raises
    ------
    InputError
        When it is not an order to give (withdrawn, proposed, or an order not to give), or nothing dates or names it.
    """
    status, intent = resource.get("status"), resource.get("intent")
    if status in _NOT_ORDERED:
        raise InputError(f"status {status}")
    if intent in _NOT_AN_ORDER:
        raise InputError(f"intent {intent} is not an order")
    if resource.get("doNotPerform") is True:
        raise InputError("An order not to give (doNotPerform)")
    patient = reading.references.subject(resource)
    coded = codes(resource, reading)
    authored = resource.get("authoredOn")
    time, available = reading.dated(resource, moment(authored) if authored else None, authored)
    end = None
    if status in _ENDED:
        validity = (resource.get("dispenseRequest") or {}).get("validityPeriod") or {}
        stated = moment(validity["end"])[1] if validity.get("end") else None
        end = _end(resource, stated, prefer_update=True)
    _write(reading, patient, coded, time, available, status in _ENDED, end)


def statement(resource: Resource, reading: Reading) -> None:
    """Read a MedicationStatement: on the list from `effective[x]`, off it at the end of its period or when it is said to have ended.

    Raises
    ------
    InputError
        When it says that the medication is not taken, or nothing dates or names it.
    """
    status = resource.get("status")
    if status in _NOT_TAKEN:
        raise InputError(f"status {status}")
    patient = reading.references.subject(resource)
    coded = codes(resource, reading)
    span = resource.get("effectivePeriod") or {}
    if span:
        period(span)  # refuses one that ends before it starts
    started = stretch({"effectiveDateTime": resource.get("effectiveDateTime") or span.get("start")}, "effective")
    time, available = reading.dated(resource, started, resource.get("dateAsserted"))
    stated = moment(span["end"])[0] if span.get("end") else None
    over = status in _ENDED or stated is not None
    _write(reading, patient, coded, time, available, over, _end(resource, stated, prefer_update=False) if over else None)


def administration(resource: Resource, reading: Reading) -> None:
    """Read a MedicationAdministration: given at the start of `effective[x]`, with its dose.

    Raises
    ------
    InputError
        When it was not given, or nothing dates or names it.
    """
    status = resource.get("status")
    if status in _NOT_GIVEN:
        raise InputError(f"status {status}")
    patient = reading.references.subject(resource)
    coded = codes(resource, reading)
    time, available = reading.dated(resource, stretch(resource, "effective"), None)
    dose = (resource.get("dosage") or {}).get("dose")
    number = unit = None
    if dose:
        try:
            number, _, unit = quantity(dose)
        except InputError as refusal:
            reading.refuse_part("dose", refusal.what, found=refusal.found, patient=patient)
    if number is not None and not unit:
        reading.refuse_part("dose", "a dose without a unit", found=number, patient=patient)
        number = None
    for code, display, _ in coded:
        reading.sheet.add(patient, time, f"ADMINISTERED//{code}", available, reading.label, number, display or None, unit)
        if display:
            reading.sheet.name(code, display)


def medication(resource: Resource, reading: Reading) -> None:
    """Read a Medication: it is what others point at, and says nothing about a patient by itself."""


def codes(resource: Resource, reading: Reading) -> list[Coded]:
    """What the medication is, in every known vocabulary it is coded in.

    A Medication that is pointed at and carries no known code is named by its ingredients.

    Raises
    ------
    InputError
        When nothing names it.
    """
    concept = resource.get("medicationCodeableConcept")
    if concept:
        found = recognised(concept, "MEDICATION")
        if not found:
            raise InputError("A medication without a name")
        return found
    reference = resource.get("medicationReference")
    if not reference:
        raise InputError("No medication")
    product = reading.references.medication(resource, reference)
    found = []
    if product is not None:
        if product.get("status") == "entered-in-error":
            raise InputError("The medication that is pointed at was entered in error", found=reference.get("reference"))
        found = recognised(product.get("code"), "MEDICATION")
        if not any(coded.known for coded in found):
            inside = [c for part in product.get("ingredient") or () for c in recognised(part.get("itemCodeableConcept"), "MEDICATION")]
            found = [*found, *inside]
    display = (reference.get("display") or "").strip()
    if not found and display:
        found = [Coded(f"TEXT//{display}", display, False)]
    if not found:
        raise InputError("The medication that is pointed at is not in reach or has no name", found=reference.get("reference"))
    return found


def _end(resource: Resource, stated: int | None, *, prefer_update: bool) -> tuple[int, int] | None:
    said = updated(resource)
    if stated is not None and not (prefer_update and said):
        return stated, max(stated, said[1] if said else stated)
    return said


def _write(reading: Reading, patient: str, coded: list[Coded], time: int, available: int, over: bool, end: tuple[int, int] | None) -> None:
    sheet, label = reading.sheet, reading.label
    for code, display, _ in coded:
        sheet.add(patient, time, f"MEDICATION//{code}", available, label, text=display or None)
        if display:
            sheet.name(code, display)
        if not over:
            continue
        if end is None:
            sheet.add(patient, time, f"MEDICATION//END//{code}", available, label, text=(display or code) + NOT_DATED)
        else:
            stop = max(end[0], time)
            sheet.add(patient, stop, f"MEDICATION//END//{code}", max(end[1], stop), label, text=display or None)
