"""Finding: allergies (AL1, IAM), diagnoses (DG1), problems (PRB) and procedures (PR1)."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import Coded
from consilium.sources.hl7v2.coding import codings, recognised
from consilium.sources.hl7v2.message import Segment
from consilium.sources.hl7v2.reading import Reading
from consilium.sources.hl7v2.tables import entry, meaning
from consilium.sources.vocabulary import none_known


def allergy(segment: Segment, reading: Reading) -> None:
    """Read AL1: dated by its identification (AL1-6), else by the message that first states it.

    Raises
    ------
    InputError
        When nothing names or dates it.
    """
    _allergy(segment, reading, 6)


def adverse_reaction(segment: Segment, reading: Reading) -> None:
    """Read IAM: dated by its onset (IAM-11), known when it was reported (IAM-13).

    Raises
    ------
    InputError
        When it is taken back or was entered in error, or nothing names or dates it.
    """
    meaning("0206", segment.text(6))
    over = meaning("0438", segment.text(17)) == "end"
    _allergy(segment, reading, 11, stated=13, over=over)


def diagnosis(segment: Segment, reading: Reading) -> None:
    """Read DG1, once per coding in a known vocabulary: dated by DG1-5, else by the message.

    Raises
    ------
    InputError
        When it is taken back (DG1-21), or nothing names or dates it.
    """
    meaning("0206", segment.text(21))
    when = reading.when(segment, 5)
    coded = recognised(segment.raw(3), segment.marks, "CONDITION", system=segment.text(2)) or _described(segment.text(4))
    if not coded:
        raise InputError("No code")
    reading.state("CONDITION", _shown(coded, segment.text(4)), reading.dated(when), dated=when is not None)


def problem(segment: Segment, reading: Reading) -> None:
    """Read PRB: from its onset (PRB-16) or when it was established (PRB-7) to its resolution (PRB-9).

    Raises
    ------
    InputError
        When it is taken back, ends before it starts, or nothing names or dates it.
    """
    meaning("0287", segment.text(1))
    coded = recognised(segment.raw(3), segment.marks, "CONDITION")
    if not coded:
        raise InputError("No code")
    when = reading.when(segment, 16) or reading.when(segment, 7)
    known = reading.dated(when, reading.when(segment, 2))
    stop = reading.when(segment, 9)
    if stop and stop[1] < known[0]:
        raise InputError("A condition ends before it starts", found=segment.text(9))
    reading.state("CONDITION", coded, known, dated=when is not None)
    if stop:
        reading.end("CONDITION", coded, known, reading.dated(stop, reading.when(segment, 2)))


def procedure(segment: Segment, reading: Reading) -> None:
    """Read PR1: dated by PR1-5, else by the message.

    Raises
    ------
    InputError
        When it is taken back (PR1-20), or nothing names or dates it.
    """
    meaning("0206", segment.text(20))
    when = reading.when(segment, 5)
    coded = codings(segment.raw(3), segment.marks, "PROCEDURE", system=segment.text(2)) or _described(segment.text(4))
    if not coded:
        raise InputError("No code")
    reading.state("PROCEDURE", _shown(coded[:1], segment.text(4)), reading.dated(when), dated=when is not None)


def _allergy(segment: Segment, reading: Reading, onset: int, *, stated: int = 0, over: bool = False) -> None:
    coded = recognised(segment.raw(3), segment.marks, "ALLERGY")
    if not coded:
        raise InputError("No code")
    when = reading.when(segment, onset)
    known = reading.dated(when, reading.when(segment, stated) if stated else None)
    dated = when is not None
    for one in coded:
        none = _none_known(one)
        reading.state("ALLERGY//NONE" if none else "ALLERGY", [one._replace(code=none) if none else one], known, dated=dated)
        if over and not none:
            reading.end("ALLERGY", [one], known, reading.recorded())


def _none_known(coded: Coded) -> str:
    """The concept that says that no allergy is known, empty when an allergy is named."""
    if coded.code in none_known():
        return coded.code
    names = (coded.code.rpartition("//")[2], coded.display)
    return next((said.meaning for said in (entry("none known", name.upper()) for name in names) if said.meaning), "")


def _described(text: str) -> list[Coded]:
    return [Coded(f"TEXT//{text}", text, False)] if text else []


def _shown(coded: list[Coded], description: str) -> list[Coded]:
    return [one if one.display else one._replace(display=description) for one in coded]
