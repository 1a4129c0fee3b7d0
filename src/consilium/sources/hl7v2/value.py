"""Value: what OBX-5 holds, by the data type that OBX-2 names."""

from __future__ import annotations

import base64
import binascii
import re

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import TEXT
from consilium.sources.fhir.document import MAX_TEXT
from consilium.sources.hl7v2.coding import codings, words
from consilium.sources.hl7v2.message import Delimiters, part, plain
from consilium.sources.hl7v2.stamp import iso
from consilium.sources.sheet import Sheet

Value = tuple[float | None, str | None, str | None]
"""Number, text, unit."""
LINES = frozenset({"TX", "FT"})
"""Types whose repetitions, and repeated segments, are lines of one text."""
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_BOUND = re.compile(r"(<=|>=|<|>)\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))", re.ASCII)
_CODED = frozenset({"CE", "CWE", "CNE", "CF", "IS", "ID"})
_PLAIN = frozenset({"ST", "SI"})
_DATES = frozenset({"DT", "TS", "DTM"})
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d)?([0-5]\d)?(?:\.\d+)?", re.ASCII)


def value(kind: str, text: str, unit: str, marks: Delimiters, sheet: Sheet) -> Value:
    """One repetition of OBX-5 as number, text and unit.

    A bound (`<5`, a structured numeric with a comparator) is not a number and stays text; so do ratios and ranges. A coded answer
    is its code, as `SNOMED//260385009`.

    Parameters
    ----------
    kind : str
        OBX-2.
    text : str
        As sent.
    unit : str
        As sent in OBX-6, or empty.
    marks : Delimiters
    sheet : Sheet
        Takes the sender's names of coded answers.

    Raises
    ------
    InputError
        When it holds no value, not one of that type, or the type is not read.

    Examples
    --------
    >>> value("SN", ">^100", "mg/dL", Delimiters(), Sheet("x"))
    (None, '>100 mg/dL', None)
    >>> value("NM", "5.5", "mmol/L", Delimiters(), Sheet("x"))
    (5.5, None, 'mmol/L')
    """
    if not plain(text, marks):
        raise InputError("No value")
    if kind == "NM":
        return _number(plain(text, marks), unit)
    if kind == "SN":
        return _structured(text, unit, marks)
    if kind == "NR":
        low, high = (_printed(part(text, end, marks), unit) or "?" for end in (1, 2))
        return None, f"{low} to {high}", None
    if kind in _CODED:
        return None, _answer(text, marks, sheet), None
    if kind in _DATES:
        return None, iso(part(text, 1, marks)), None
    if kind == "TM":
        return None, _clock(plain(text, marks)), None
    if kind in _PLAIN or kind in LINES:
        return None, plain(text, marks), None
    if kind == "ED":
        return None, _attached(text, marks), None
    raise InputError(f"value type {kind} is not read" if kind else "No value type (OBX-2)", found=text)


def _number(text: str, unit: str) -> Value:
    if _NUMBER.fullmatch(text):
        return float(text), None, unit or None
    bound = _BOUND.fullmatch(text)
    if bound is None:
        raise InputError("The value is not a number", found=text)
    return None, f"{bound[1]}{bound[2]} {unit}".strip(), None


def _structured(text: str, unit: str, marks: Delimiters) -> Value:
    comparator, first, separator, second = (part(text, n, marks) for n in (1, 2, 3, 4))
    for digits in filter(None, (first, second)):
        if not _NUMBER.fullmatch(digits):
            raise InputError("The value is not a number", found=text)
    if not first:
        raise InputError("No value", found=text)
    if separator == "-" and second and not comparator:
        return None, f"{_printed(first, unit)} to {_printed(second, unit)}", None
    if separator or second:
        return None, f"{comparator}{first}{separator}{second} {unit}".strip(), None
    if comparator in ("", "="):
        return float(first), None, unit or None
    return None, f"{comparator}{first} {unit}".strip(), None


def _printed(digits: str, unit: str) -> str:
    return f"{float(digits):g} {unit}".strip() if _NUMBER.fullmatch(digits) else digits


def _answer(text: str, marks: Delimiters, sheet: Sheet) -> str:
    coded = codings(text, marks, "ANSWER")
    if not coded:
        raise InputError("An answer that says nothing")
    code, display, _ = coded[0]
    if code.startswith(f"{TEXT}//"):
        return words(text, marks) or code.removeprefix(f"{TEXT}//")
    if display:
        sheet.name(code, display)
    return code


def _clock(text: str) -> str:
    match = _TIME.fullmatch(text)
    if match is None:
        raise InputError("Not a time of day", found=text)
    return f"{match[1]}:{match[2] or '00'}:{match[3] or '00'}"


def _attached(text: str, marks: Delimiters) -> str:
    kind, form, encoding = (part(text, n, marks).lower() for n in (2, 3, 4))
    named = "/".join(filter(None, (kind, form))) or "unknown"
    if kind not in ("text", "tx", "ft") or form not in ("", "plain", "tx", "ft", "text"):
        raise InputError(f"an attachment of type {named} is not read")
    data = part(text, 5, marks)
    if encoding in ("", "a"):
        return data
    if encoding != "base64" or len(data) > MAX_TEXT * 4 // 3 + 4:
        raise InputError(f"an attachment in {encoding} is not read" if encoding != "base64" else "an attachment that is too long")
    try:
        return base64.b64decode("".join(data.split()), validate=True).decode("utf-8").strip()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InputError("an attachment that is not UTF-8 text in base64") from None
