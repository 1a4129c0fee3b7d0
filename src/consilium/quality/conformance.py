"""Conformance: whether a code can be one of its vocabulary's, by its form and its check digit."""

from __future__ import annotations

import re

from consilium.core.code import split
from consilium.quality.rules import vocabularies

# Verhoeff's dihedral group and permutation (Verhoeff 1969), as SNOMED CT identifiers use them.
_MULTIPLY = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTE = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")


def fault(code: str) -> str:
    """What is wrong with a code: `code_format`, `code_digit`, or nothing.

    Examples
    --------
    >>> fault("LOINC//2524-7"), fault("LOINC//2524-8"), fault("CONDITION//SNOMED//44054007"), fault("LOINC//lactate")
    ('', 'code_digit', 'code_digit', 'code_format')
    >>> fault("LOINC//LA33-6")
    ''
    """
    parts = split(code)
    rule = vocabularies().get(parts.vocabulary)
    if rule is None:
        return ""
    if not re.fullmatch(rule["pattern"], parts.code):
        return "code_format"
    if not re.fullmatch(rule.get("digit_for", ".*"), parts.code):
        return ""
    match rule.get("digit"):
        case "luhn":
            return "" if _luhn(re.sub(r"\D", "", parts.code)) else "code_digit"
        case "verhoeff":
            return "" if _verhoeff(parts.code) else "code_digit"
    return ""


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(int(c) for c in reversed(digits)):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _verhoeff(digits: str) -> bool:
    state = 0
    for place, digit in enumerate(reversed(digits)):
        state = int(_MULTIPLY[state][int(_PERMUTE[place % 8][int(digit)])])
    return state == 0
