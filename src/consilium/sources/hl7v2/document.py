"""Document: a note (TXA) and the text that follows it (OBX)."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.hl7v2.block import Block
from consilium.sources.hl7v2.coding import codings
from consilium.sources.hl7v2.message import plain
from consilium.sources.hl7v2.observation import accepted
from consilium.sources.hl7v2.reading import Reading
from consilium.sources.hl7v2.tables import meaning
from consilium.sources.hl7v2.value import LINES, value

_TEXT = frozenset({*LINES, "ST", "ED"})
_TYPES = "HL70270"
"""The table of document types, for a type that names no coding system."""


def document(block: Block, reading: Reading) -> None:
    """Read a document: `NOTE//` under its type (TXA-2), dated by its activity (TXA-4) or origin (TXA-6).

    Its text is what follows as text; pictures, PDF and pointers are named and left, and a notice without text is a note without.

    Raises
    ------
    InputError
        When it is deleted or superseded, or nothing names or dates it.
    """
    assert block.document is not None  # the caller has seen it
    label, segment = block.document
    reading.part = label
    meaning("0271", segment.text(17))
    meaning("0273", segment.text(19))
    coded = codings(segment.raw(2), segment.marks, "NOTE", system=_TYPES)
    if not coded:
        raise InputError("No code")
    when = reading.dated(reading.when(segment, 4) or reading.when(segment, 6))
    pieces: list[str] = []
    for item in [item for item in block.named("OBX") if item.segment.text(2) in _TEXT]:
        reading.part = item.label
        try:
            accepted(item.segment, block)
            pieces += _texts(item.segment.text(2), item.segment.repetitions(5), block, reading)
        except InputError as refusal:
            reading.refuse(refusal.what, found=refusal.found)
    reading.part = label
    code, display, _ = coded[0]
    reading.add(f"NOTE//{code}", when, text="\n".join(pieces).strip())
    if display:
        reading.sheet.name(code, display)
    # What is left in the block is read as in any other: numbers and coded answers.
    block.items = [item for item in block.items if item.segment.name != "OBX" or item.segment.text(2) not in _TEXT]


def _texts(kind: str, repetitions: list[str], block: Block, reading: Reading) -> list[str]:
    assert block.document is not None
    marks = block.document.segment.marks
    if kind == "ED":
        return [value(kind, text, "", marks, reading.sheet)[1] or "" for text in repetitions]
    return [plain(text, marks) for text in repetitions] or [""]
