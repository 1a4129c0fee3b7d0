"""Codes are distrusted: their check digits must hold, and their names must fit what real records call them."""

from __future__ import annotations

import re

import pytest

from consilium.core.code import split
from consilium.knowledge import Shelf

MULTIPLY = [
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
]
PERMUTE = ["0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"]
STOP = {
    "in", "of", "by", "or", "and", "the", "a", "with", "to", "on", "at", "per", "serum", "plasma", "blood", "urine", "volume", "mass",
    "automated", "auto", "test", "strip", "presence", "count", "panel", "disorder", "finding", "unspecified", "substance",
    "situation", "procedure",
}  # fmt: skip


def loinc_check(code: str) -> bool:
    """Whether the check digit of a LOINC code holds (mod 10, every second digit from the right doubled)."""
    match = re.fullmatch(r"(\d{1,7})-(\d)", code)
    if match is None:
        return False
    total = 0
    for place, digit in enumerate(int(c) for c in reversed(match[1])):
        value = digit * 2 if place % 2 == 0 else digit
        total += value - 9 if value > 9 else value
    return (10 - total % 10) % 10 == int(match[2])


def snomed_check(code: str) -> bool:
    """Whether the check digit of a SNOMED CT identifier holds (Verhoeff)."""
    if not re.fullmatch(r"[1-9]\d{5,17}", code):
        return False
    state = 0
    for place, digit in enumerate(reversed(code)):
        state = int(MULTIPLY[state][int(PERMUTE[place % 8][int(digit)])])
    return state == 0


@pytest.mark.parametrize("code", ["2524-7", "2951-2", "4548-4", "30525-0", "98979-8"])
def test_the_loinc_check_knows_right_from_wrong(code: str) -> None:
    assert loinc_check(code)
    number, _, digit = code.partition("-")
    assert not any(loinc_check(f"{number}-{d}") for d in range(10) if d != int(digit))


@pytest.mark.parametrize("code", ["44054006", "254837009", "53741008", "428041000124106"])
def test_the_snomed_check_knows_right_from_wrong(code: str) -> None:
    assert snomed_check(code)
    assert not any(snomed_check(code[:-1] + str(d)) for d in range(10) if d != int(code[-1]))
    swapped = code[0] + code[2] + code[1] + code[3:]
    assert swapped == code or not snomed_check(swapped)


def test_every_loinc_code_has_its_check_digit(opened: Shelf) -> None:
    # Answers (LA) have a check digit of another making; those of the shelf were compared with the HL7 guide's value set.
    codes = [c for code in opened.codes if split(code).vocabulary == "LOINC" and not (c := split(code).code).startswith("LA")]
    assert len(codes) > 200
    assert [code for code in codes if not loinc_check(code)] == []


def test_every_snomed_code_has_its_check_digit(opened: Shelf) -> None:
    named = [g.target for g in opened.guidelines] + [
        code for g in opened.guidelines for keys in (*g.when.has, *g.when.also, *g.when.lacks) for code in keys.split("=")
    ]
    codes = {split(code).code for code in [*opened.codes, *named] if split(code).vocabulary == "SNOMED"}
    assert len(codes) > 250
    assert [code for code in codes if not snomed_check(code)] == []


def test_every_rxnorm_and_atc_code_is_well_formed(opened: Shelf) -> None:
    for code in opened.codes:
        parts = split(code)
        if parts.vocabulary == "RxNorm":
            assert re.fullmatch(r"[1-9]\d{1,7}", parts.code), code
        if parts.vocabulary == "ATC":
            assert re.fullmatch(r"[A-Z]\d{2}[A-Z]{2}\d{2}", parts.code), code


def _tokens(text: str) -> set[str]:
    words = re.findall(r"[a-z0-9]+", text.casefold().replace("haem", "hem").replace("tumour", "tumor").replace("pre-", "pre"))
    return {word.rstrip("s") for word in words} - STOP


def _alike(name: str, display: str) -> bool:
    """Whether two names share a word, or one writes the other's word in short (LOINC's `SerPl` names, `Creat`, `BUN`)."""
    ours, theirs = _tokens(name), _tokens(display)
    return bool(ours & theirs) or any(a.startswith(b) or b.startswith(a) for a in ours for b in theirs if min(len(a), len(b)) >= 4)


def test_names_fit_the_displays_of_real_records(opened: Shelf, displays: dict[str, set[str]]) -> None:
    known = {code: names for code, names in displays.items() if code in opened.codes and split(code).vocabulary in ("LOINC", "SNOMED")}
    assert len(known) > 250
    excused = {
        ("LOINC//5767-9", "Odor of Urine"),  # the sender's mistake: 5767-9 is the appearance
        ("LOINC//2028-9", "CO2 SerPl-sCnc"),  # LOINC's short names
        ("LOINC//3094-0", "BUN SerPl-mCnc"),
        ("SNOMED//34436003", "Blood in urine (finding)"),  # the same name, of words that otherwise say nothing
    }
    strange = {
        (code, name) for code, names in known.items() for name in names if name.strip() and not _alike(opened.codes[code].name, name)
    }
    assert strange - excused == set()


def test_measurements_and_conditions_of_synthea_are_on_the_shelf(opened: Shelf, displays: dict[str, set[str]]) -> None:
    """The common denominator: sodium to glucose, blood count, vitals and the chronic conditions."""
    for code in (
        "LOINC//2951-2",
        "LOINC//38483-4",
        "LOINC//6690-2",
        "LOINC//72166-2",
        "SNOMED//44054006",
        "SNOMED//88805009",
        "SNOMED//72892002",
    ):
        assert code in displays and code in opened.codes


def test_ward_codes_have_the_units_the_specialists_ask_for(opened: Shelf) -> None:
    wanted = {"LOINC//8480-6": "mm[Hg]", "LOINC//2093-3": "mg/dL", "CONSILIUM//exercise-heart-rate-max": "/min", "LOINC//2524-7": "mmol/L"}
    for code, unit in wanted.items():
        assert opened.codes[code].unit == unit
