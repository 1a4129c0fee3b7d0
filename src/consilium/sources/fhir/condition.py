"""Condition: a diagnosis, its end, or its refutation."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import code_of, recognised
from consilium.sources.fhir.reading import NOT_DATED, Reading, Resource, stretch, undated_forms, updated
from consilium.sources.moment import moment

_OVER = frozenset({"inactive", "remission", "resolved"})
_REFUSED = {
    "entered-in-error": "verification entered-in-error",
    "differential": "verification differential: a possibility under consideration, not a diagnosis",
}


def condition(resource: Resource, reading: Reading) -> None:
    """Read a Condition, once per coding in a known vocabulary, so that it is found by either.

    Its end is dated by `abatement[x]`, else by `meta.lastUpdated`; where neither is given the end stands at the start and says so.

    Raises
    ------
    InputError
        When it is withdrawn or only considered, or nothing dates or names it.
    """
    verification = code_of(resource.get("verificationStatus"))
    if verification in _REFUSED:
        raise InputError(_REFUSED[verification])
    patient = reading.references.subject(resource)
    coded = recognised(resource.get("code"), "CONDITION")
    if not coded:
        raise InputError("No code")
    time, available = reading.dated(resource, stretch(resource, "onset"), resource.get("recordedDate"))
    for form in undated_forms(resource, "onset"):
        reading.refuse_part(form, f"{form} holds no date: dated by when it was recorded", found=resource[form], patient=patient)
    refuted = verification == "refuted"
    over = not refuted and (code_of(resource.get("clinicalStatus")) in _OVER or any(key.startswith("abatement") for key in resource))
    end = _end(resource, reading, patient, time) if over else None
    kind = "CONDITION//REFUTED" if refuted else "CONDITION"
    sheet, label = reading.sheet, reading.label
    for code, display, _ in coded:
        sheet.add(patient, time, f"{kind}//{code}", available, label, text=display or None)
        if display:
            sheet.name(code, display)
        if not over:
            continue
        if end is None:
            sheet.add(patient, time, f"CONDITION//END//{code}", available, label, text=(display or code) + NOT_DATED)
        else:
            sheet.add(patient, end[0], f"CONDITION//END//{code}", end[1], label, text=display or None)


def _end(resource: Resource, reading: Reading, patient: str, time: int) -> tuple[int, int] | None:
    said = updated(resource)
    span = resource.get("abatementPeriod") or {}
    text = resource.get("abatementDateTime") or span.get("end") or span.get("start")
    if text:
        stated = moment(text)
        if stated[1] < time:
            raise InputError("A condition ends before it starts", found=text)
        stop = max(stated[0], time)
        return stop, max(stop, (said or stated)[1])
    for form in undated_forms(resource, "abatement"):
        reading.refuse_part(form, f"{form} holds no date", found=resource[form], patient=patient)
    return (max(said[0], time), max(said[1], time)) if said else None
