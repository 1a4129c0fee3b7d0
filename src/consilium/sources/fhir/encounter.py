"""Encounter: a stay or visit, from its start to its end."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import codings, words
from consilium.sources.fhir.reading import Reading, Resource, period, updated
from consilium.sources.moment import moment

_NOT_HELD = frozenset({"planned", "cancelled", "entered-in-error"})
_ACT_CODE = "ActCode//"


def encounter(resource: Resource, reading: Reading) -> None:
    """Read an Encounter: `ENCOUNTER//EMER` at its start, `ENCOUNTER//END//EMER` at its end.

    Raises
    ------
    InputError
        When it did not take place, has no start, or ends before it starts.
    """
    status = resource.get("status")
    if status in _NOT_HELD:
        raise InputError(f"status {status}")
    patient = reading.references.subject(resource)
    coded = codings({"coding": [resource["class"]]}, "ENCOUNTER") if resource.get("class") else []
    if not coded:
        raise InputError("No class")
    span = resource.get("period") or {}
    if not span.get("start"):
        raise InputError("No start")
    period(span)
    code = coded[0].code.removeprefix(_ACT_CODE)
    name = words((resource.get("type") or (None,))[0]) or coded[0].display or None
    time, available = reading.dated(resource, moment(span["start"]), None)
    reading.sheet.add(patient, time, f"ENCOUNTER//{code}", available, reading.label, text=name)
    if span.get("end"):
        stop = moment(span["end"])
        said = updated(resource) or stop
        end = max(stop[0], time)
        reading.sheet.add(patient, end, f"ENCOUNTER//END//{code}", max(said[1], end), reading.label, text=name)
