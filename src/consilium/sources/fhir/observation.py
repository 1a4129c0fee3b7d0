"""Observation: what was measured, seen or answered."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import TEXT, code_of, codings, words
from consilium.sources.fhir.gene import genetic_codes
from consilium.sources.fhir.genetic import genetic
from consilium.sources.fhir.reading import Reading, Resource, shown, stretch
from consilium.sources.sheet import Sheet
from consilium.sources.vocabulary import systems

Value = tuple[float | None, str | None, str | None]
_REFUSED = frozenset({"entered-in-error", "cancelled", "registered"})
_ONE = "1"


def observation(resource: Resource, reading: Reading) -> None:
    """Read an Observation and its components; members of a panel are Observations of their own.

    A value with a comparator (`<5`) is kept as text, because it is not a number. A period dates its value by its start; the value
    is known when it was issued, at the latest when the period has passed.

    Raises
    ------
    InputError
        When its status withdraws it, it is not about the patient, or nothing says what, when or how much.
    """
    status = resource.get("status")
    if status in _REFUSED:
        raise InputError(f"status {status}")
    if resource.get("focus"):
        raise InputError("An observation about something other than the patient (focus)", found=resource["focus"][0].get("reference"))
    patient = reading.references.subject(resource)
    coded = codings(resource.get("code"), "MEASUREMENT")
    if not coded:
        raise InputError("No code")
    components = resource.get("component") or ()
    time, available = reading.dated(resource, stretch(resource, "effective"), resource.get("issued"))
    if (components or coded[0].code in genetic_codes()["of_gene"]) and genetic(resource, patient, time, available, reading):
        return
    sheet = reading.sheet
    key = _value_key(resource)
    if key:
        number, text, unit = _value(resource, key, sheet)
        code, display, _ = coded[0]
        sheet.add(patient, time, code, available, reading.label, number, text, unit)
        if display:
            sheet.name(code, display)
    elif resource.get("dataAbsentReason"):
        if not components:
            raise InputError(f"no value: {_absent(resource)}")
        reading.refuse_part("value", f"no value: {_absent(resource)}", code=coded[0].code, patient=patient)
    elif not components and not resource.get("hasMember"):
        raise InputError("No value")
    for position, component in enumerate(components, start=1):
        _component(component, position, patient, time, available, reading)


def quantity(sent: Resource) -> Value:
    """A Quantity as (number, text, unit): the UCUM code where it has one, the printed unit otherwise.

    Raises
    ------
    InputError
        When it holds no number.

    Examples
    --------
    >>> quantity({"value": 5.5, "unit": "mmol/l", "system": "http://unitsofmeasure.org", "code": "mmol/L"})
    (5.5, None, 'mmol/L')
    >>> quantity({"value": 5, "unit": "ng/L", "comparator": "<"})
    (None, '<5 ng/L', None)
    """
    value = sent.get("value")
    printed, coded = sent.get("unit"), sent.get("code")
    system = systems().get(sent.get("system") or "")
    unit = coded or printed if system and system.vocabulary == "UCUM" else printed or coded
    if type(value) is not float and type(value) is not int:
        raise InputError("No value" if value is None else "The value is not a number", found=value)
    comparator = sent.get("comparator")
    if comparator:
        return None, f"{comparator}{value} {unit or ''}".strip(), None
    return float(value), None, unit


def _component(component: Resource, position: int, patient: str, time: int, available: int, reading: Reading) -> None:
    coded = codings(component.get("code"), "MEASUREMENT")
    part = f"component {position}"
    if not coded:
        reading.refuse_part(part, "No code", patient=patient)
        return
    code, display, _ = coded[0]
    try:
        key = _value_key(component)
        if not key:
            raise InputError(f"no value: {_absent(component)}" if component.get("dataAbsentReason") else "No value")
        number, text, unit = _value(component, key, reading.sheet)
    except InputError as refusal:
        reading.refuse_part(part, refusal.what, found=refusal.found, code=code, patient=patient)
        return
    reading.sheet.add(patient, time, code, available, reading.label, number, text, unit)
    if display:
        reading.sheet.name(code, display)


def _value_key(element: Resource) -> str:
    if "valueQuantity" in element:
        return "valueQuantity"
    return next((key for key in element if key.startswith("value")), "")


def _value(element: Resource, key: str, sheet: Sheet) -> Value:
    value = element[key]
    match key:
        case "valueQuantity":
            return quantity(value)
        case "valueCodeableConcept":
            coded = codings(value, "ANSWER")
            if not coded:
                raise InputError("An answer that says nothing")
            code, display, _ = coded[0]
            if code.startswith(f"{TEXT}//"):
                return None, words(value), None
            if display:
                sheet.name(code, display)
            return None, code, None
        case "valueInteger":
            if type(value) is not int:
                raise InputError("The value is not a number", found=value)
            return float(value), None, _ONE
        case "valueBoolean":
            return None, "true" if value is True else "false", None
        case "valueString" | "valueDateTime" | "valueTime":
            if not isinstance(value, str) or not value.strip():
                raise InputError("No value")
            return None, value.strip(), None
        case "valueRange":
            return None, " to ".join(_printed(value.get(end)) or "?" for end in ("low", "high")), None
        case "valueRatio":
            return None, ":".join(_printed(value.get(end)) or "?" for end in ("numerator", "denominator")), None
        case _:
            raise InputError(f"{key} is not read", found=shown(value))


def _printed(sent: Resource | None) -> str:
    if not sent:
        return ""
    number, text, unit = quantity(sent)
    return text or f"{number:g} {unit or ''}".strip()


def _absent(element: Resource) -> str:
    reason = element["dataAbsentReason"]
    return code_of(reason) or words(reason) or "not said why"
