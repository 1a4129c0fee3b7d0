"""Person: who somebody is, from PID: identifier, birth, sex, name and death."""

from __future__ import annotations

from consilium.core.code import BIRTH, DEATH, NAME
from consilium.core.errors import InputError
from consilium.sources.hl7v2.message import Segment, part, plain, split, sub
from consilium.sources.hl7v2.reading import Reading
from consilium.sources.hl7v2.stamp import day
from consilium.sources.hl7v2.tables import entry

_LAST = 9


def person(segment: Segment, reading: Reading) -> None:
    """Read PID.

    Sex and name are static; a birth is its calendar day, whatever its time. A death is dated by PID-29, else, when PID-30 says
    that there was one, by the message.

    Raises
    ------
    InputError
        When it carries no patient identifier, or is of an animal.
    """
    reading.patient = ""
    identity = identifier(segment)
    species = segment.text(35)
    if species and entry("0446", species.upper()).meaning != "human":
        raise InputError("The patient is an animal", found=segment.raw(35))
    reading.patient = identity
    born = None
    try:
        text = segment.text(7)
        born = day(text) if text else None
        if born:
            reading.add(BIRTH, born)
    except InputError as refusal:
        reading.refuse(refusal.what, found=refusal.found, code=BIRTH, part="birth")
    sex = segment.text(8)
    if sex:
        said = entry("0001", sex.upper()).meaning
        if said:
            reading.add(said, (None, None))
        else:
            reading.refuse(f"administrative sex {sex} is not read as a sex", found=sex, part="sex")
    name = _name(segment)
    if name:
        reading.add(NAME, (None, None), text=name)
    _death(segment, born, reading)


def identifier(segment: Segment) -> str:
    """The patient's identifier: of PID-3 the medical record number, else the next best of table 0203; PID-2 where 3 is empty.

    An identifier that names its assigning authority is `value@authority`, because two hospitals give the same numbers to
    different people.

    Raises
    ------
    InputError
        When there is none, or only numbers that are not a patient's (accounts, visits, social security).

    Examples
    --------
    >>> from consilium.sources.hl7v2.message import Delimiters
    >>> identifier(Segment("PID", ["PID", "1", "", "123-45^^^USA^SS~42^^^WARD&1.2.3&ISO^MR"], Delimiters()))
    '42@WARD'
    """
    marks = segment.marks
    refused = ""
    best: tuple[int, str] | None = None
    for field in (3, 2):
        for text in segment.repetitions(field):
            value = part(text, 1, marks)
            kind = part(text, 5, marks).upper()
            said = entry("0203", kind)
            if not value:
                continue
            if said.refusal:
                refused = refused or f"{kind}: {said.refusal}"
                continue
            rank = int(said.meaning) if said.meaning else _LAST
            if best is None or rank < best[0]:
                authority = sub(text, 4, 1, marks) or sub(text, 4, 2, marks)
                best = rank, f"{value}@{authority}" if authority else value
        if best:
            return best[1]
    raise InputError("No patient identifier", found=refused or segment.raw(3))


def _name(segment: Segment) -> str:
    marks = segment.marks
    ranked = []
    for place, text in enumerate(segment.repetitions(5)):
        said = entry("0200", part(text, 7, marks))
        if said.refusal:
            continue
        family = sub(text, 1, 1, marks)
        parts = [part(text, 2, marks), part(text, 3, marks), family]
        name = " ".join(filter(None, parts))
        if name:
            ranked.append((int(said.meaning or _LAST), place, name))
    return min(ranked)[2] if ranked else ""


def _death(segment: Segment, born: tuple[int, int] | None, reading: Reading) -> None:
    stated = segment.text(30).upper() == "Y"
    if not segment.text(29) and not stated:
        return
    try:
        died = reading.when(segment, 29)
        when = reading.dated(died)
    except InputError as refusal:
        reading.refuse(refusal.what, found=refusal.found, code=DEATH, part="death")
        return
    if born and max(when[0], (died or when)[1]) < born[0]:
        reading.refuse("a death before birth", found=f"{segment.text(29)} (born {segment.text(7)})", code=DEATH, part="death")
        return
    if died is None:
        reading.undated.add(len(reading.sheet.code))
    reading.add(DEATH, when, text=None if died else "date of death not given")


def merged(segment: Segment, patient: str) -> str:
    """What a merge says: the surviving and the former identifier, for a reject.

    Examples
    --------
    >>> from consilium.sources.hl7v2.message import Delimiters
    >>> merged(Segment("MRG", ["MRG", "7^^^WARD"], Delimiters()), "42@WARD")
    '42@WARD replaces 7'
    """
    former = plain(split(segment.raw(1), segment.marks.component)[0], segment.marks)
    return f"{patient or '?'} replaces {former or '?'}"
