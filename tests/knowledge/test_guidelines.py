"""Guidelines: every row is sourced, short, in both languages, about known codes; and probability bands leave no gap."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from consilium.core.code import concept
from consilium.knowledge import Guideline, Shelf, shelf

ROWS = shelf().guidelines


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_row_is_short_sourced_and_bilingual(row: Guideline, opened: Shelf) -> None:
    for language in ("en", "zh"):
        assert 0 < len(row.summary[language]) < 140
        assert row.detail[language]
    assert re.search(r"[\u4e00-\u9fff]", row.summary["zh"]) and not re.search(r"[\u4e00-\u9fff]", row.summary["en"])
    assert row.strength and opened.sources[row.source].name
    for against in row.contraindications:
        assert against.has and set(against.text) == {"en", "zh"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_row_is_about_known_codes(row: Guideline, opened: Shelf) -> None:
    drugs = {*opened.drugs.known, *opened.drugs.class_names}
    named = [row.target, *row.when.has, *row.when.lacks, *row.when.takes, *(key for c in row.contraindications for key in c.has)]
    for key in named:
        assert concept(key) in opened.codes or key in drugs, key
    assert set(row.when.takes) <= drugs
    if row.when.value is not None:
        assert opened.codes[row.when.value[0]].unit == row.when.value[1]


@pytest.mark.parametrize("specialist", ["breast_mass", "heart_disease"])
def test_every_probability_of_a_specialist_meets_a_next_step(specialist: str) -> None:
    bands = sorted(row.when.probability for row in ROWS if row.when.opinion == specialist and row.when.probability)
    for thousandth in range(1001):
        probability = thousandth / 1000
        assert any(low <= probability < high for low, high in bands), probability


def test_the_bands_of_next_steps_do_not_overlap() -> None:
    for prefix in (
        ("breast_mass_follow", "breast_mass_biopsy", "breast_mass_biopsy_urgent"),
        ("heart_defer", "heart_low", "heart_moderate", "heart_high", "heart_very_high"),
    ):
        bands = [next(row for row in ROWS if row.id == name).when.probability for name in prefix]
        for before, after in pairwise(bands):
            assert before is not None and after is not None and before[1] == after[0]


def test_aspirin_is_contraindicated_by_allergy_bleeding_and_anticoagulants() -> None:
    row = next(row for row in ROWS if row.id == "heart_aspirin")
    against = {key for c in row.contraindications for key in c.has}
    assert {"ALLERGY//SNOMED//293586001", "anticoagulants", "CONDITION//SNOMED//74474003"} <= against


def test_drugs_to_avoid_in_pregnancy_are_named_with_the_drug() -> None:
    rows = [row for row in ROWS if row.id.startswith("pregnancy_") and row.action in ("avoid", "stop")]
    takes = {key for row in rows for key in row.when.takes}
    assert {"methotrexate", "vitamin_k_antagonists", "ras_inhibitors", "retinoids", "valproate", "statins", "nsaids"} <= takes
    assert all("CONDITION//SNOMED//77386006" in row.when.has for row in rows)
