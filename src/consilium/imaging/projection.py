"""Projection: which breast a mammogram shows, in which view and which way round, from all that its header says; never guessed."""

from __future__ import annotations

from collections.abc import Iterator

from consilium.imaging.dicom import Header
from consilium.imaging.volume import Projection
from consilium.knowledge.mammography import View, of_code, views

MAMMOGRAM = "MG"
SIDES = {"L": "left", "R": "right"}
_SIDES_SAID = ("ImageLaterality", "Laterality")
_BODY = {"LEFT": "L", "RIGHT": "R"}
_FRONT = {"A": "right", "P": "left"}
"""By the direction in which columns run (PatientOrientation, first value): the side of the picture towards which the front lies."""


def projection(header: Header) -> Projection:
    """Read how a mammogram was taken.

    Laterality is stated by ImageLaterality, Laterality and BodyPartExamined; the view by ViewPosition, by the code in ViewCodeSequence,
    and by scanned films (CBIS-DDSM) in PatientOrientation. Statements that contradict each other are notes, and leave it empty.
    """
    notes: list[str] = []
    laterality = _one(list(_lateralities(header)), "laterality", notes)
    coded = [one for one in _coded(header) if one is not None]
    view = _one([*_views(header), *((one.word, "ViewCodeSequence") for one in coded if one.kind == "view")], "view", notes)
    modifiers = tuple(one.word for one in coded if one.kind == "modifier")
    if header.data.get("ViewCodeSequence") and not coded:
        notes.append("the view is coded by a code that is not known here")
    notes += [f"not a picture of the whole breast: {views()[word].name}" for word in (*modifiers, view) if word and not views()[word].whole]
    front = _FRONT.get(header.text("PatientOrientation").strip("[]'\" ").upper()[:1], "")
    raw = header.text("PresentationIntentType").upper() == "FOR PROCESSING"
    if raw:
        notes.append("raw data (FOR PROCESSING): it was not made to be looked at")
    return Projection(laterality, view, modifiers, front, raw, tuple(notes))


def _lateralities(header: Header) -> Iterator[tuple[str, str]]:
    for keyword in _SIDES_SAID:
        if said := header.text(keyword).upper():
            yield said, keyword
    for word, side in _BODY.items():
        if word in header.text("BodyPartExamined").upper().split():
            yield side, "BodyPartExamined"


def _views(header: Header) -> Iterator[tuple[str, str]]:
    if said := header.text("ViewPosition").upper():
        yield said, "ViewPosition"
    if (said := header.text("PatientOrientation").upper()) in views():
        yield said, "PatientOrientation"


def _coded(header: Header) -> Iterator[View | None]:
    for item in header.data.get("ViewCodeSequence") or ():
        yield of_code(str(item.get("CodeValue", "")))
        for modifier in item.get("ViewModifierCodeSequence") or ():
            yield of_code(str(modifier.get("CodeValue", "")))


def _one(said: list[tuple[str, str]], what: str, notes: list[str]) -> str:
    """The one value that all statements agree on, else empty, with a note."""
    known = SIDES if what == "laterality" else {word for word, one in views().items() if one.kind == "view"}
    found = {value for value, _ in said}
    if not found:
        notes.append(f"the {what} is not stated")
    elif len(found) > 1:
        notes.append(f"the {what} is stated in {len(found)} ways: " + ", ".join(f"{value} ({source})" for value, source in said))
    elif found.issubset(known):
        return found.pop()
    else:
        notes.append(f"the {what} is stated as {said[0][0][:16]} ({said[0][1]}), which is not one of {', '.join(sorted(known))}")
    return ""
