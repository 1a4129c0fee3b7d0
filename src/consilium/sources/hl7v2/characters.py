"""Characters: the bytes of a file or message as text, by byte-order mark, MSH-18 or what the caller names."""

from __future__ import annotations

import codecs

from consilium.core.errors import FormatError, InputError
from consilium.sources.hl7v2.tables import entry, tables

UTF8 = "utf-8"
_MARKS = ((codecs.BOM_UTF8, UTF8), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WIDE = ((b"\0M\0S\0H", "utf-16-be"), (b"M\0S\0H\0", "utf-16-le"), (b"\0F\0H\0S", "utf-16-be"), (b"F\0H\0S\0", "utf-16-le"))


def of_file(start: bytes) -> tuple[str, bytes]:
    """The character set that the first bytes of a file betray, empty when none, and its byte-order mark.

    Examples
    --------
    >>> of_file(b"M\\x00S\\x00H\\x00|\\x00")
    ('utf-16-le', b'')
    """
    for mark, codec in _MARKS:
        if start.startswith(mark):
            return codec, mark
    head = start.lstrip(b"\r\n\x0b")
    return next((codec for sign, codec in _WIDE if head.startswith(sign)), ""), b""


def named(name: str) -> str:
    """Python's name of a character set of table 0211.

    Raises
    ------
    InputError
        When it is unknown or not read.

    Examples
    --------
    >>> named("8859/1")
    'iso8859-1'
    """
    found = entry("0211", name.strip().upper())
    if found.refusal:
        raise InputError(found.refusal)
    if not found.meaning:
        raise InputError("MSH-18 names an unknown character set", found=name)
    return found.meaning


def chosen(name: str) -> str:
    """The character set that a caller names for messages that name none.

    Raises
    ------
    FormatError
        When it is none of table 0211.
    """
    try:
        return named(name)
    except InputError:
        raise FormatError("Not a character set of HL7 v2", found=name, expected=sorted(tables()["0211"])) from None


def of_message(lines: list[bytes], betrayed: str, otherwise: str) -> str:
    """The character set of one message, as Python names it.

    Parameters
    ----------
    lines : list of bytes
        Its lines, MSH first.
    betrayed : str
        What the file's first bytes betray; it decides.
    otherwise : str
        What holds when MSH-18 names none.

    Raises
    ------
    InputError
        When MSH-18 names one that is not read.
    """
    if betrayed:
        return betrayed
    separator = lines[0][3:4]
    fields = lines[0].split(separator, 18)
    repetition = lines[0][5:6]
    stated = fields[17].strip() if len(fields) > 17 else b""
    name = stated.split(repetition)[0].decode("ascii", "replace") if repetition and stated else ""
    codec = named(name) if name else otherwise
    # Text that was found byte by byte is not UTF-16, whatever it says of itself.
    return UTF8 if codec == "utf-16" else codec


def text(lines: list[bytes], codec: str) -> list[str]:
    """Lines as text.

    Raises
    ------
    InputError
        When the bytes are not of that character set.
    """
    said = []
    for line in lines:
        try:
            said.append(line.decode(codec))
        except UnicodeDecodeError as broken:
            found = f"byte {broken.start} of {line[:3]!r}: {line[broken.start : broken.start + 1].hex()}"
            raise InputError(
                f"not text of its character set ({codec}); MSH-18 or the caller has to name the right one", found=found
            ) from None
    return said
