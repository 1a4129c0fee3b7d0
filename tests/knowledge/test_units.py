"""Units convert, and come back; spellings mean what senders mean; nothing converts across kinds without its analyte."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import UnitError
from consilium.knowledge import Shelf, shelf

UNITS = shelf().units
SAME_KIND = sorted((a.unit, b.unit) for a in UNITS.known.values() for b in UNITS.known.values() if a.kind == b.kind)
ACROSS = sorted((code, b.from_unit.unit, b.to_unit.unit) for code, bridges in UNITS.bridges.items() for b in bridges)
VALUES = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-6)


@given(VALUES, st.sampled_from(SAME_KIND))
def test_a_value_of_one_kind_comes_back(value: float, pair: tuple[str, str]) -> None:
    there = UNITS.convert(value, *pair)
    back = UNITS.convert(there, pair[1], pair[0])
    offset = UNITS.factor(pair[1], pair[0])
    assert offset is not None
    assert math.isclose(back, value, rel_tol=1e-9, abs_tol=1e-9 * max(1.0, abs(offset[1])))


@given(VALUES, st.sampled_from(ACROSS))
def test_a_value_across_kinds_comes_back(value: float, rule: tuple[str, str, str]) -> None:
    code, one, other = rule
    back = UNITS.convert(UNITS.convert(value, one, other, code), other, one, code)
    assert math.isclose(back, value, rel_tol=1e-9, abs_tol=1e-6)


@given(st.sampled_from(SAME_KIND), st.sampled_from(sorted(UNITS.known)))
def test_converting_in_two_steps_is_converting_in_one(pair: tuple[str, str], third: str) -> None:
    first, second = UNITS.factor(*pair), UNITS.factor(pair[1], third)
    direct = UNITS.factor(pair[0], third)
    assert first is not None
    assert (second is None) == (direct is None)
    if second is not None and direct is not None:
        assert math.isclose(first[0] * second[0], direct[0], rel_tol=1e-12)


@given(st.text(max_size=12))
def test_any_text_is_a_known_unit_or_none(text: str) -> None:
    assert UNITS.spelling(text) in {None, *UNITS.known}


@given(st.sampled_from(sorted(UNITS.known)), st.sampled_from(["", " ", "\t"]))
def test_a_unit_spells_itself(unit: str, space: str) -> None:
    assert UNITS.spelling(space + unit + space) == unit


@pytest.mark.parametrize(
    ("sent", "unit"),
    [
        ("mg/dl", "mg/dL"), ("MG/DL", "mg/dL"), ("mmHg", "mm[Hg]"), ("mm Hg", "mm[Hg]"), ("K/uL", "10*3/uL"), ("K/ul", "10*3/uL"),
        ("10^3/µL", "10*3/uL"), ("x10*9/L", "10*9/L"), ("10⁹/L", "10*9/L"), ("IU/L", "[IU]/L"), ("mEq/L", "meq/L"), ("bpm", "/min"),
        ("degF", "[degF]"), ("°C", "Cel"), ("℃", "Cel"), ("lb", "[lb_av]"), ("lbs", "[lb_av]"), ("in", "[in_i]"), ("mcg/L", "ug/L"),
        ("μg/L", "ug/L"),
        ("µg/L", "ug/L"), ("mL/min/1.73m2", "mL/min/{1.73_m2}"), ("kg/m²", "kg/m2"), ("years", "a"), ("breaths per minute", "/min"),
        ("(score)", "{score}"), ("pH", "[pH]"), ("ng/dl", "ng/dL"), ("mmol/l", "mmol/L"), ("furlong", None), ("", None), ("mg", "mg"),
    ],
)  # fmt: skip
def test_spellings_seen_in_the_wild(sent: str, unit: str | None) -> None:
    assert UNITS.spelling(sent) == unit


@pytest.mark.parametrize(
    ("value", "sent", "canonical", "code", "expected", "tolerance"),
    [
        # Pairs that textbooks and laboratories print side by side.
        (100, "mg/dL", "mmol/L", "LOINC//2345-7", 5.55, 0.005),
        (200, "mg/dL", "mmol/L", "LOINC//2093-3", 5.17, 0.005),
        (150, "mg/dL", "mmol/L", "LOINC//2571-8", 1.69, 0.005),
        (1.0, "mg/dL", "umol/L", "LOINC//2160-0", 88.4, 0.05),
        (1.0, "mg/dL", "umol/L", "LOINC//1975-2", 17.1, 0.05),
        (20, "mg/dL", "mmol/L", "LOINC//3094-0", 7.14, 0.005),
        (10, "mg/dL", "mmol/L", "LOINC//17861-6", 2.495, 0.001),
        (6.0, "mg/dL", "umol/L", "LOINC//3084-1", 357, 0.5),
        (7.0, "%", "mmol/mol", "LOINC//4548-4", 53, 0.05),
        (48, "mmol/mol", "%", "LOINC//4548-4", 6.5, 0.05),
        (18, "mg/dL", "mmol/L", "LOINC//2524-7", 2.0, 0.005),
        (15, "g/dL", "mmol/L", "LOINC//718-7", 9.31, 0.005),
        (15, "g/dL", "g/L", "LOINC//718-7", 150, 1e-9),
        (0.8, "mg/dL", "mg/L", "LOINC//1988-5", 8, 1e-9),
        (0.04, "ng/mL", "ng/L", "LOINC//10839-9", 40, 1e-9),
        (2.0, "mg/dL", "mmol/L", "LOINC//19123-9", 0.823, 0.001),
        (2.0, "meq/L", "mmol/L", "LOINC//19123-9", 1.0, 1e-9),
        (3.1, "mg/dL", "mmol/L", "LOINC//2777-1", 1.0, 0.002),
        (100, "ug/dL", "umol/L", "LOINC//2498-4", 17.9, 0.05),
        (140, "mEq/L", "mmol/L", "LOINC//2951-2", 140, 1e-9),
        (40, "IU/L", "U/L", "LOINC//1742-6", 40, 1e-9),
        (0.5, "ug/mL FEU", "ng/mL{FEU}", "LOINC//48065-7", 500, 1e-9),
        (0.5, "mg/L", "ng/mL{FEU}", "LOINC//48065-7", 500, 1e-9),
        (3.0, "mg/mmol", "mg/g", "LOINC//14959-1", 26.5, 0.05),
        (60, "mL/min", "mL/min/{1.73_m2}", "LOINC//33914-3", 60, 1e-9),
        (1, "ukat/L", "U/L", "LOINC//1742-6", 60, 1e-9),
        (7.5, "K/uL", "10*9/L", "LOINC//6690-2", 7.5, 1e-9),
        (0.42, "L/L", "%", "LOINC//4544-3", 42, 1e-9),
    ],
)  # fmt: skip
def test_known_pairs(opened: Shelf, value: float, sent: str, canonical: str, code: str, expected: float, tolerance: float) -> None:
    assert opened.units.convert(value, sent, canonical, code) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("value", "sent", "canonical", "expected"),
    [
        (98.6, "degF", "Cel", 37.0), (-40, "[degF]", "Cel", -40), (310.15, "K", "Cel", 37.0), (37, "Cel", "[degF]", 98.6),
        (150, "lb", "kg", 68.0388555), (70, "in", "cm", 177.8), (100, "mmHg", "kPa", 13.3322), (1, "a", "d", 365.25),
        (12, "ng/mL", "ug/L", 12), (1, "/s", "/min", 60),
    ],
)  # fmt: skip
def test_conversions_that_need_no_analyte(value: float, sent: str, canonical: str, expected: float) -> None:
    assert UNITS.convert(value, sent, canonical) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("sent", "canonical", "code"),
    [
        ("mg/dL", "mmol/L", ""),
        ("mg/dL", "mmol/L", "LOINC//8867-4"),
        ("%", "mmol/mol", ""),
        ("meq/L", "mmol/L", ""),
        ("mL/min", "mL/min/{1.73_m2}", ""),
        ("ng/mL{DDU}", "ng/mL{FEU}", "LOINC//48065-7"),
        ("kg", "cm", "LOINC//8302-2"),
        ("furlong", "cm", ""),
        ("", "mg/dL", "LOINC//2345-7"),
        ("IU/L", "U/L", "LOINC//2345-7"),
    ],
)
def test_what_does_not_convert_is_refused(sent: str, canonical: str, code: str) -> None:
    assert UNITS.factor(sent, canonical, code) is None
    with pytest.raises(UnitError) as caught:
        UNITS.convert(1.0, sent, canonical, code)
    assert caught.value.do


def test_one_analyte_never_converts_by_the_rule_of_another() -> None:
    glucose, urate = (UNITS.factor("mmol/L", "mg/dL", code) for code in ("LOINC//2345-7", "LOINC//3084-1"))
    assert glucose is not None and urate is not None and glucose != urate


def test_a_folded_spelling_is_never_ambiguous() -> None:
    """`K` is kelvin and `k` is nothing; a spelling that would mean two units without its case is not folded."""
    for folded, unit in UNITS.folded.items():
        assert folded == folded.casefold()
        assert unit in UNITS.known
