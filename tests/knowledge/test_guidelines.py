"""Guidelines: every row is sourced, short, in both languages, about known codes; and probability bands leave no gap."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import yaml

from consilium.core.code import concept
from consilium.core.errors import KnowledgeError
from consilium.knowledge import Guideline, Shelf, shelf
from consilium.knowledge.guidelines import read_guidelines

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
    keys = [*row.when.has, *row.when.also, *row.when.lacks, *(key for c in row.contraindications for key in c.has)]
    for key in [row.target, *row.when.takes, *(part for one in keys for part in one.split("="))]:
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


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ({"has": ["CONDITION//SNOMED//91302008"], "began": "soon"}, "time that cannot be read"),
        ({"has": ["CONDITION//SNOMED//91302008"], "age": [80, 20]}, "low and a higher end"),
        ({"has": ["LOINC//72166-2=SNOMED//1"]}, "codes that the shelf does not have"),
        ({"sometimes": ["x"]}, "does not say when it holds"),
    ],
)
def test_a_row_that_cannot_be_understood_is_refused(tmp_path, opened: Shelf, when: dict[str, object], why: str) -> None:
    row = {
        "id": "x", "when": when, "action": "ask", "target": "CONDITION//SNOMED//91302008", "strength": "none", "urgency": "info",
        "summary": {"en": "a", "zh": "甲"}, "detail": {"en": "a", "zh": "甲"}, "source": "ssc_2021",
    }  # fmt: skip
    header = {"title": "t", "sources": ["ssc_2021"], "version": "1", "retrieved": "2026-01-01", "licence": "x"}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({"header": header, "guidelines": [row]}), encoding="utf-8")
    with pytest.raises(KnowledgeError, match=why):
        read_guidelines(tmp_path, opened.sources, opened.codes, opened.drugs)
