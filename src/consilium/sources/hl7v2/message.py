r"""Message: the delimiters, segments, fields and escapes of HL7 v2.

A message is lines of text; a line is a segment (`OBX|1|NM|...`), or the continuation of the one before when it does not begin
as a segment does. MSH-1 and MSH-2 say which characters separate.

Source: HL7 v2.8.2 chapter 2, sections 2.5 (segments, fields, delimiters) and 2.7 (escape sequences).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from consilium.core.errors import InputError

NULL = '""'
"""A field that says: delete what you have. Nothing is stated by it."""
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_COUNT = re.compile(r"\.(sp|sk)\+?(\d{0,3})")
_FORMAT = re.compile(r"\.(?:fi|nf|in[+-]?\d{0,4}|ti[+-]?\d{0,4}|ce)|H|N")


class Delimiters(NamedTuple):
    """The separating characters (absent ones are empty), and the character set of hexadecimal escapes."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    codec: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its name and its fields as sent. `fields[n]` is field n of the standard, MSH included."""

    name: str
    fields: list[str]
    marks: Delimiters

    def raw(self, field: int) -> str:
        """A field as sent; empty when it is absent or null."""
        text = self.fields[field] if field < len(self.fields) else ""
        return "" if text == NULL else text

    def repetitions(self, field: int) -> list[str]:
        """The repetitions of a field as sent; none when it is absent."""
        text = self.raw(field)
        if not text:
            return []
        return text.split(self.marks.repetition) if self.marks.repetition in text else [text]

    def text(self, field: int, component: int = 1) -> str:
        """A component of the first repetition, unescaped and without blanks around it."""
        text = self.raw(field)
        if not text:
            return ""
        if self.marks.repetition in text:
            text = text.split(self.marks.repetition, 1)[0]
        return part(text, component, self.marks)


@dataclass(frozen=True, slots=True)
class Message:
    """Segments in the order in which they were sent, the header first."""

    segments: tuple[Segment, ...]
    marks: Delimiters

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]


def parse(lines: Iterable[str], codec: str = "utf-8") -> Message:
    r"""Take a message apart.

    Parameters
    ----------
    lines : iterable of str
        The first one is MSH.
    codec : str
        Python's name of the character set, for hexadecimal escapes.

    Raises
    ------
    InputError
        When MSH names no usable delimiters.

    Examples
    --------
    >>> message = parse([r"MSH|^~\&|LAB", "OBX|1|TX|note||first line", "second line||||||F"])
    >>> message.header.text(3), message.segments[1].raw(5), message.segments[1].text(11)
    ('LAB', 'first line\nsecond line', 'F')
    """
    rest = iter(lines)
    first = next(rest, "")
    marks = delimiters(first)._replace(codec=codec)
    whole = [first]
    separator = marks.field
    for line in rest:
        if line[3:4] == separator and _NAME.fullmatch(line[:3]):
            whole.append(line)
        elif line.strip():
            whole[-1] += "\n" + line
    segments = []
    for line in whole:
        fields = line.split(separator)
        if fields[0] == "MSH":
            fields.insert(1, separator)  # the separator is itself the first field
        segments.append(Segment(fields[0], fields, marks))
    return Message(tuple(segments), marks)


@lru_cache(maxsize=256)
def _marks(start: str) -> Delimiters:
    separator, rest = start[0], start[1:]
    if len(rest) == 5 and rest[2] == rest[3]:
        rest = rest[:2] + rest[3:]  # an escape character that was itself escaped on its way
    rest = rest[:4]  # the fifth is the truncation character of 2.7, which data do not hold
    if not rest or len({separator, *rest}) != 1 + len(rest) or any(mark.isalnum() or mark.isspace() for mark in (separator, *rest)):
        raise InputError("MSH-1 and MSH-2 name no usable delimiters", found=start)
    # Old senders leave marks out; what they left out is absent, not guessed.
    known = [*rest, "", "", ""][:4]
    return Delimiters(separator, *known)


def delimiters(header: str) -> Delimiters:
    r"""The delimiters that MSH names.

    Raises
    ------
    InputError
        When they are absent, alphanumeric or not distinct.

    Examples
    --------
    >>> delimiters(r"MSH^~|\&^LAB").component
    '~'
    """
    if header[:3] != "MSH" or len(header) < 5:
        raise InputError("MSH-1 and MSH-2 name no usable delimiters", found=header[:20])
    return _marks(header[3] + header[4:].split(header[3], 1)[0][:5])


def split(text: str, mark: str) -> list[str]:
    """The parts of a field at a mark that the message may not have."""
    return text.split(mark) if mark and mark in text else [text]


def part(text: str, component: int, marks: Delimiters) -> str:
    """A component of one repetition, unescaped and without blanks around it; empty when absent or null."""
    if marks.component in text:
        parts = text.split(marks.component)
        text = parts[component - 1] if component <= len(parts) else ""
    elif component != 1:
        return ""
    return plain(text, marks)


def sub(text: str, component: int, subcomponent: int, marks: Delimiters) -> str:
    """A subcomponent of one repetition, unescaped."""
    parts = split(text, marks.component)
    inner = split(parts[component - 1], marks.subcomponent) if component <= len(parts) else []
    return plain(inner[subcomponent - 1], marks) if subcomponent <= len(inner) else ""


def plain(text: str, marks: Delimiters) -> str:
    """Text unescaped and without blanks around it; empty for the null value."""
    text = text.strip()
    if text == NULL:
        return ""
    return unescape(text, marks).strip() if marks.escape and marks.escape in text else text


def escape(text: str, marks: Delimiters) -> str:
    r"""Write text so that no delimiter stands in it.

    Examples
    --------
    >>> escape("1|2 & 3\n4", Delimiters())
    '1\\F\\2 \\T\\ 3\\.br\\4'
    """
    names = {**_letters(marks), "\n": ".br", "\r": "X0D"}
    return "".join(f"{marks.escape}{names[sign]}{marks.escape}" if sign in names else sign for sign in text)


def unescape(text: str, marks: Delimiters) -> str:
    r"""Read escape sequences; one that is unknown or not closed stays as sent.

    `\F\ \S\ \T\ \R\ \E\` are the delimiters, `\Xdd..\` bytes in the character set of the message, `\.br\` and `\.sp\` line breaks,
    `\.sk n\` blanks; highlighting and indentation are dropped.

    Examples
    --------
    >>> unescape(r"inc.A\T\E\.br\O\X27\Hara \H\now\N\ C:\temp", Delimiters())
    "inc.A&E\nO'Hara now C:\\temp"
    """
    mark = marks.escape
    if not mark or mark not in text:
        return text
    letters = {letter: sign for sign, letter in _letters(marks).items()}
    pieces = text.split(mark)
    said = [pieces[0]]
    position = 1
    while position < len(pieces):
        inside = pieces[position]
        read = _sequence(inside, letters, marks.codec) if position + 1 < len(pieces) else None
        if read is None:
            said.append(mark + inside)
            position += 1
        else:
            said += (read, pieces[position + 1])
            position += 2
    return "".join(said)


def _sequence(inside: str, letters: dict[str, str], codec: str) -> str | None:
    if inside in letters:
        return letters[inside]
    if inside == ".br":
        return "\n"
    if _FORMAT.fullmatch(inside):
        return ""
    if inside[:1] == "X" and _HEX.fullmatch(inside[1:]):
        try:
            return bytes.fromhex(inside[1:]).decode(codec)
        except UnicodeDecodeError:
            return None
    count = _COUNT.fullmatch(inside)
    return None if count is None else ("\n" if count[1] == "sp" else " ") * int(count[2] or 1)


@lru_cache(maxsize=256)
def _letters(marks: Delimiters) -> dict[str, str]:
    named = zip((marks.field, marks.component, marks.subcomponent, marks.repetition, marks.escape), "FSTRE", strict=True)
    return {sign: letter for sign, letter in named if sign}
