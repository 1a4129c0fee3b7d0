"""Visit: a stay or visit, from PV1: its start and its end."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.hl7v2.message import Segment
from consilium.sources.hl7v2.reading import Reading, Stretch
from consilium.sources.hl7v2.tables import entry, meaning


def visit(segment: Segment, reading: Reading) -> None:
    """Read PV1: `ENCOUNTER//IMP` at PV1-44, `ENCOUNTER//END//IMP` at PV1-45.

    Where an admission or discharge (A01, A03, A04) leaves them out, EVN-6 and then the message date them. A PV1 without either,
    in a message about something else, points at a visit that is told elsewhere and says nothing itself. A visit is known when it
    happens.

    Raises
    ------
    InputError
        When it is planned, taken back, or ends before it starts; or an admission has no class.
    """
    event = entry("0003", reading.event)
    if event.meaning == "visit":
        raise InputError(f"{reading.event}: {event.refusal}")
    if "planned" in entry("0076", reading.kind).meaning:
        raise InputError("an appointment is not a stay")
    start, stop = reading.when(segment, 44), reading.when(segment, 45)
    start = start or (_happened(reading) if event.meaning == "start" else None)
    stop = stop or (_happened(reading) if event.meaning == "end" else None)
    if start is None and stop is None:
        return
    sent = segment.text(2)
    if not sent:
        raise InputError("No patient class (PV1-2)")
    code = meaning("0004", sent) or f"HL70004//{sent}"
    if start and stop and stop[1] < start[0]:
        raise InputError("A visit ends before it starts", found=f"{segment.text(44)} to {segment.text(45)}")
    if start:
        reading.add(f"ENCOUNTER//{code}", start)
    if stop:
        at = max(stop[0], start[0]) if start else stop[0]
        reading.add(f"ENCOUNTER//END//{code}", (at, max(stop[1], at)))


def reason(segment: Segment, reading: Reading) -> None:
    """Name the reason of a visit, which is not read: it is what the patient came with, not a diagnosis.

    Raises
    ------
    InputError
        When PV2-3 states one.
    """
    if segment.raw(3):
        raise InputError("the reason of a visit (PV2-3) is not read", found=segment.raw(3))


def _happened(reading: Reading) -> Stretch | None:
    event = next((segment for segment in reading.message.segments if segment.name == "EVN"), None)
    return (reading.when(event, 6) if event else None) or reading.recorded()
