"""Observation: results and answers (OBX), the reports they stand in (OBR), and comments on them (NTE)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import Coded
from consilium.sources.hl7v2.block import Block, Item
from consilium.sources.hl7v2.coding import codings
from consilium.sources.hl7v2.genetic import Genetic, line
from consilium.sources.hl7v2.message import Segment, plain
from consilium.sources.hl7v2.reading import Reading, Stretch
from consilium.sources.hl7v2.tables import entry, meaning
from consilium.sources.hl7v2.value import LINES, value

_CODED = {"OBX": 3, "OBR": 4, "AL1": 3, "IAM": 3, "DG1": 3, "PRB": 3, "PR1": 3, "RXA": 5, "RXE": 2, "RXO": 1, "RXD": 2, "TXA": 2}
"""Fields that say what a segment is about."""


def results(block: Block, reading: Reading) -> None:
    """Read the OBX of a block, and in a message of results the report itself (OBR).

    Text that is sent line by line (TX, FT under one OBX-3) is joined: one line is an answer (`LOINC//6742-1`), several are a note
    (`NOTE//LOINC//6742-1`), and lines that name nothing of their own are the text of the report.
    """
    texts: dict[str, list[Item]] = {}
    genetic = Genetic(block)
    for item in block.named("OBX"):
        if item.segment.text(2) in LINES and not genetic.asks(item.segment):
            texts.setdefault(item.segment.raw(3), []).append(item)
        else:
            with_refusals(item, reading, lambda segment: _observation(segment, block, reading, genetic))
    narrative: list[str] = []
    for group in texts.values():
        reading.part = group[0].label
        narrative += _text(group, block, reading)
    if block.request is not None:
        reading.part = block.request.label
        with_refusals(block.request, reading, lambda segment: _report(segment, narrative, block, reading))
    for items in genetic.variants(block):
        _variant(items, block, reading)
    _comments(block, reading)


def with_refusals(item: Item, reading: Reading, read: Callable[[Segment], None]) -> None:
    """Read one segment; what cannot be used is a named reject of that segment."""
    reading.part = item.label
    try:
        read(item.segment)
    except InputError as refusal:
        reading.refuse(refusal.what, found=refusal.found, code=_about(item.segment))


def timed(segment: Segment, block: Block, reading: Reading) -> Stretch:
    """When an OBX was true (OBX-14, else its OBR-7, else its document's TXA-4) and known (OBR-22, else the message's time).

    A corrected result is known only when its message was sent: the report's date may be that of the first result.

    Raises
    ------
    InputError
        When nothing dates it.
    """
    when = reading.when(segment, 14)
    stated = None
    if block.request is not None:
        when = when or reading.when(block.request.segment, 7)
        stated = reading.when(block.request.segment, 22)
    if block.document is not None:
        when = when or reading.when(block.document.segment, 4)
    time, known = reading.dated(when, stated)
    if stated and entry("0085", segment.text(11)).meaning == "corrected":
        sent = reading.recorded()
        known = max(known, sent[1]) if sent else known
    return time, known


def accepted(segment: Segment, block: Block) -> None:
    """Refuse an OBX whose status (OBX-11, else that of its OBR) says that it holds no valid result.

    Raises
    ------
    InputError
        With the status.
    """
    status = segment.text(11)
    if status:
        meaning("0085", status)
    elif block.request is not None:
        meaning("0123", block.request.segment.text(25))


def _observation(segment: Segment, block: Block, reading: Reading, genetic: Genetic) -> None:
    accepted(segment, block)
    sent = segment.repetitions(5)
    if not sent:
        raise InputError("No value")
    if genetic.asks(segment) and genetic.read(segment, timed(segment, block, reading), reading):
        return
    kind, unit = segment.text(2), segment.text(6) or segment.text(6, 2)
    values = [value(kind, text, unit, segment.marks, reading.sheet) for text in sent if text or len(sent) == 1]
    coded = _named(segment)
    if not coded:
        raise InputError("No code")
    code, display, _ = coded[0]
    when = timed(segment, block, reading)
    for number, text, said in values:
        reading.add(code, when, number, text, said)
    if display:
        reading.sheet.name(code, display)


def _variant(items: list[Item], block: Block, reading: Reading) -> None:
    """A note of everything that a group says of one variant, under the code of its first line; each line is a result of its own too."""
    kept = []
    for item in filter(lambda item: _named(item.segment), items):
        try:
            accepted(item.segment, block)
            when = timed(item.segment, block, reading)
        except InputError:  # named where it is read
            continue
        kept.append((item, when))
    if len(kept) > 1:
        (first, when), coded = kept[0], _named(kept[0][0].segment)
        reading.part = first.label
        reading.add(f"NOTE//{coded[0].code}", when, text="\n".join(line(item.segment) for item, _ in kept))


def _text(group: list[Item], block: Block, reading: Reading) -> Iterator[str]:
    """Write the lines of one OBX-3; lines that belong to the report are handed back."""
    lines: list[str] = []
    kept: list[Item] = []
    for item in group:
        reading.part = item.label
        try:
            accepted(item.segment, block)
        except InputError as refusal:
            reading.refuse(refusal.what, found=refusal.found, code=_about(item.segment))
            continue
        kept.append(item)
        lines += [plain(text, item.segment.marks) for text in item.segment.repetitions(5)] or [""]
    text = "\n".join(lines).strip()
    if not kept:
        return
    reading.part = kept[0].label
    coded = _named(kept[0].segment)
    if not text:
        reading.refuse("No value", code=coded[0].code if coded else "")
        return
    asked = _named(block.request.segment) if block.request else []
    if (not coded or coded[:1] == asked[:1]) and asked and "results" in entry("0076", reading.kind).meaning:
        yield text
        return
    coded = coded or asked
    if not coded:
        reading.refuse("No code", found=text)
        return
    try:
        when = timed(kept[0].segment, block, reading)
    except InputError as refusal:
        reading.refuse(refusal.what, found=refusal.found, code=coded[0].code)
        return
    reading.state("NOTE", coded[:1], when, dated=True, text=text) if "\n" in text else _answered(coded[0], when, text, reading)


def _answered(coded: Coded, when: Stretch, text: str, reading: Reading) -> None:
    reading.add(coded.code, when, text=text)
    if coded.display:
        reading.sheet.name(coded.code, coded.display)


def _report(segment: Segment, narrative: list[str], block: Block, reading: Reading) -> None:
    if "results" not in entry("0076", reading.kind).meaning:
        if not block.named("OBX"):
            raise InputError("an order, no result yet")
        return
    meaning("0123", segment.text(25))
    coded = _named(segment)
    if not coded:
        raise InputError("No code")
    when = reading.dated(reading.when(segment, 7), reading.when(segment, 22))
    code, display, _ = coded[0]
    reading.add(f"REPORT//{code}", when, text="\n".join(narrative))
    if display:
        reading.sheet.name(code, display)


def _comments(block: Block, reading: Reading) -> None:
    """Comments on results become notes under the code of what they are about; others are named."""
    about: Item | None = block.request
    said: dict[str, tuple[Item, Item, list[str]]] = {}
    for item in block.items:
        if item.segment.name != "NTE":
            about = item if item.segment.name in ("OBX", "SPM", "PID", "PV1", "RXE", "RXO", "RXA", "AL1", "DG1", "PR1") else about
            continue
        about = about or block.order or block.document
        lines = [plain(text, item.segment.marks) for text in item.segment.repetitions(3)]
        if about is not None and any(lines):
            said.setdefault(about.label, (about, item, []))[2].extend(lines)
    for target, first, lines in said.values():
        text = "\n".join(lines).strip()
        with_refusals(first, reading, partial(_comment, target, text, block, reading))


def _comment(about: Item, text: str, block: Block, reading: Reading, _: Segment) -> None:
    name = about.segment.name
    if name not in ("OBX", "OBR") or (name == "OBR" and "results" not in entry("0076", reading.kind).meaning):
        raise InputError(f"a comment on {name} is not read", found=text)
    coded = _named(about.segment)
    if not coded:
        raise InputError("a comment on something without a code", found=text)
    if name == "OBX":
        try:
            accepted(about.segment, block)
        except InputError as refusal:
            raise InputError(f"a comment on a result that is not read ({refusal.what.partition(':')[0]})", found=text) from None
        when = timed(about.segment, block, reading)
    else:
        when = reading.dated(reading.when(about.segment, 7), reading.when(about.segment, 22))
    reading.add(f"NOTE//{coded[0].code}", when, text=text)


def _named(segment: Segment) -> list[Coded]:
    """What an OBX or OBR is about."""
    if segment.name == "OBR":
        return codings(segment.raw(4), segment.marks, "REPORT")
    return codings(segment.raw(3), segment.marks, "MEASUREMENT")


def _about(segment: Segment) -> str:
    """The code that a segment is about, for its reject; empty where it carries none."""
    field = _CODED.get(segment.name)
    return next((coded.code for coded in codings(segment.raw(field), segment.marks, "")), "") if field else ""
