"""Encode: elements, items and sequences of DICOM as bytes (explicit VR, little endian), for the thousands that differ in a number each.

Building a data set of pydicom for each frame of a segmentation is most of the cost of writing one.
"""

from __future__ import annotations

import struct

_LONG = frozenset({"OB", "SQ", "UN", "UT"})
_ITEM = b"\xfe\xff\x00\xe0"


def element(tag: int, vr: str, value: bytes) -> bytes:
    """One element; its value is padded to an even length, with a null where it is an identifier, else with a blank.

    Examples
    --------
    >>> element(0x00280010, "US", b"\\x00\\x02").hex()
    '28001000555302000002'
    """
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    return head + (struct.pack("<xxI", len(value)) if vr in _LONG else struct.pack("<H", len(value))) + value


def sequence(tag: int, *items: bytes) -> bytes:
    """A sequence of items, each the elements of one in ascending order."""
    return element(tag, "SQ", content(*items))


def content(*items: bytes) -> bytes:
    """What a sequence holds."""
    return b"".join(_ITEM + struct.pack("<I", len(item)) + item for item in items)


def code(value: tuple[str, str, str]) -> bytes:
    """A coded concept (value, scheme, meaning) as the content of an item."""
    told = ((0x00080100, "SH"), (0x00080102, "SH"), (0x00080104, "LO"))
    return b"".join(element(tag, vr, one.encode("ascii")) for (tag, vr), one in zip(told, value, strict=True))
