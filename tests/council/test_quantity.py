"""Quantity: units are written as a ward writes them."""

import re

import pytest

from consilium.council.quantity import unit
from consilium.knowledge import shelf

UNITS = sorted({c.unit for c in shelf().codes.values() if c.unit})


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("ucum", UNITS)
def test_no_unit_is_shown_in_the_spelling_of_machines(ucum: str, language: str) -> None:
    assert not re.search(r"[{}\[\]*]", unit(ucum, language)), ucum
