"""Messages: one HL7 v2 message becomes events, segment by segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from consilium.core.errors import InputError
from consilium.sources.hl7v2.block import Block, blocks
from consilium.sources.hl7v2.document import document
from consilium.sources.hl7v2.finding import adverse_reaction, allergy, diagnosis, problem, procedure
from consilium.sources.hl7v2.message import Segment
from consilium.sources.hl7v2.observation import results, with_refusals
from consilium.sources.hl7v2.order import given, medication
from consilium.sources.hl7v2.person import identifier, merged, person
from consilium.sources.hl7v2.reading import Reading
from consilium.sources.hl7v2.tables import entry, tables
from consilium.sources.hl7v2.visit import reason, visit

READERS: Mapping[str, Callable[[Segment, Reading], None]] = {
    "PID": person,
    "PV1": visit,
    "PV2": reason,
    "AL1": allergy,
    "IAM": adverse_reaction,
    "DG1": diagnosis,
    "PRB": problem,
    "PR1": procedure,
    "RXA": given,
}
"""Segments that say something by themselves."""
_IN_BLOCKS = frozenset({"OBX", "NTE", "RXO", "RXE", "RXD", "RXC"})


def read_message(reading: Reading) -> None:
    """Read the message at hand.

    Raises
    ------
    InputError
        When it is of a type or event that is not read, or is about nobody.
    """
    header = reading.message.header
    reading.kind, reading.event = header.text(9).upper(), header.text(9, 2).upper()
    reading.patient = _patient(reading)
    _refuse_unread(reading)
    reading.patient = ""  # until PID is reached and read
    unread: dict[str, tuple[str, int]] = {}
    for block in blocks(reading.message):
        _read_block(block, reading, unread)
    for name, (why, count) in unread.items():
        reading.part = name
        reading.refuse(why, found=f"{count} segments" if count > 1 else "")


def _refuse_unread(reading: Reading) -> None:
    names = {segment.name for segment in reading.message.segments}
    said = entry("0076", reading.kind).meaning
    if not said:
        raise InputError(f"message type {reading.kind or 'unknown'} is not read", found=reading.message.header.raw(9))
    event = entry("0003", reading.event)
    if event.refusal and not event.meaning:
        raise InputError(f"{reading.event}: {event.refusal}", found=_about(reading))
    if "diagnoses" in said and not names & {"DG1", "PR1"}:
        raise InputError(f"message type {reading.kind} is not read (it carries no DG1 or PR1)")
    if "PID" not in names:
        raise InputError("No patient (PID)")


def _read_block(block: Block, reading: Reading, unread: dict[str, tuple[str, int]]) -> None:
    for item in block.items:
        name = item.segment.name
        if name == "PID":
            with_refusals(item, reading, lambda segment: person(segment, reading))
            continue
        left = entry("segment", name)
        if name not in READERS and name not in _IN_BLOCKS and not left.meaning:
            why, count = unread.get(name, (left.refusal or f"segment {name} is not read", 0))
            unread[name] = why, count + 1
    if not reading.patient:  # nobody is named yet, or the one who was named was refused, which stands for all of this
        return
    for item in block.items:
        read = READERS.get(item.segment.name)
        if read is not None and read is not person:
            with_refusals(item, reading, partial(_turned, read, reading))
    if block.document is not None:
        with_refusals(block.document, reading, lambda _: document(block, reading))
    first = next(iter(block.named("RXE", "RXO", "RXD")), None)
    if first is not None:
        with_refusals(first, reading, lambda _: medication(block, reading))
    results(block, reading)


def _turned(read: Callable[[Segment, Reading], None], reading: Reading, segment: Segment) -> None:
    read(segment, reading)


def _patient(reading: Reading) -> str:
    """Whom a message is about, as far as its first PID says."""
    for segment in reading.message.segments:
        if segment.name == "PID":
            with suppress(InputError):
                return identifier(segment)
            break
    return ""


def _about(reading: Reading) -> str:
    """What a message that is refused would have merged."""
    former = next((segment for segment in reading.message.segments if segment.name == "MRG"), None)
    return merged(former, reading.patient) if former else ""


def known_segments() -> frozenset[str]:
    """Every segment that is read, left aside, or named as not read, one by one.

    Examples
    --------
    >>> {"OBX", "NK1", "SPM"} <= known_segments()
    True
    """
    return frozenset({*READERS, *_IN_BLOCKS, "ORC", "OBR", "TXA", *tables()["segment"]})
