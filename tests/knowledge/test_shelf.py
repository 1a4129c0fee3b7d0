"""The shelf opens once, is frozen, and keeps its contract."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import pytest

from consilium.knowledge import Shelf, open_shelf, shelf
from consilium.knowledge.shelf import FOLDER


def test_the_shelf_is_opened_once() -> None:
    assert shelf() is shelf()


def test_the_shelf_is_frozen(opened: Shelf) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        opened.codes = {}  # type: ignore[misc]
    for mapping in (opened.codes, opened.ranges, opened.sources, opened.units.known, opened.drugs.known):
        assert isinstance(mapping, MappingProxyType)
    with pytest.raises(TypeError):
        opened.interactions.rows[0].effect["en"] = ""  # type: ignore[index]


def test_two_openings_hold_the_same(opened: Shelf) -> None:
    again = open_shelf(FOLDER)
    assert again.codes == opened.codes and again.ranges == opened.ranges and again.sources == opened.sources
    assert [row.id for row in again.guidelines] == [row.id for row in opened.guidelines]


def test_reference_ranges_follow_sex_and_age(opened: Shelf) -> None:
    woman, man = (opened.reference("LOINC//718-7", sex, 40) for sex in ("F", "M"))
    assert woman is not None and man is not None
    assert (woman.reference_low, man.reference_low) == (12.0, 14.0)
    unknown = opened.reference("LOINC//718-7", "", 40)
    assert unknown is None or unknown.reference_low is None
    child = opened.reference("LOINC//718-7", "F", 5)
    assert child is not None and child.reference_low is None
    assert opened.reference("LOINC//0-0", "F", 40) is None


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("CONSILIUM//exercise-heart-rate-max", (40.0, 230.0)),
        ("CONSILIUM//exercise-st-depression", (-5.0, 10.0)),
        ("LOINC//2093-3", (30.0, 1500.0)),
        ("CONSILIUM//nucleus-radius-mean", (0.0, None)),
        ("LOINC//8867-4", (10.0, 350.0)),
        ("LOINC//0-0", (None, None)),
    ],
)
def test_plausible_limits(opened: Shelf, code: str, limits: tuple[float | None, float | None]) -> None:
    assert opened.plausible(code) == limits


def test_products_and_allergies_have_names(opened: Shelf) -> None:
    assert "clopidogrel" in opened.codes["RxNorm//309362"].name
    assert "氯吡格雷" in opened.codes["RxNorm//309362"].name_zh
    assert opened.codes["SNOMED//91936005"].name_zh == "青霉素过敏"
