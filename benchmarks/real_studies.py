"""A study on real charts: death in hospital, asked a day after the intensive care unit, from two open data sets."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from consilium.core.card import Bar, Card, Input
from consilium.core.question import Question
from consilium.record import Cohort, Fold, Record, cohort, folds

DEATH, UNIT = "CONSILIUM//in-hospital-death", "ENCOUNTER//CONSILIUM//icu"
DAY = timedelta(days=1)
NUMBERS = {
    "creatinine": ("LOINC//2160-0", "mg/dL"), "urea_nitrogen": ("LOINC//3094-0", "mg/dL"), "sodium": ("LOINC//2951-2", "mmol/L"),
    "potassium": ("LOINC//2823-3", "mmol/L"), "glucose": ("LOINC//2345-7", "mg/dL"), "bicarbonate": ("LOINC//1963-8", "mmol/L"),
    "leukocytes": ("LOINC//6690-2", "10*3/uL"), "platelets": ("LOINC//777-3", "10*3/uL"), "magnesium": ("LOINC//19123-9", "mg/dL"),
}  # fmt: skip


def card() -> Card:
    """The question of both data sets."""
    yes, no = "SNOMED//373066001", "SNOMED//373067005"
    question = Question(UNIT, DEATH, (timedelta(0), timedelta(days=400)), of_text={yes: 1.0, no: 0.0}, delay=DAY)
    inputs = (Input("age", ("MEDS_BIRTH",), "a", "age"), *(Input(n, (c,), u, "last", DAY) for n, (c, u) in NUMBERS.items()))
    words = {"en": "Death in hospital", "zh": "院内死亡"}
    return Card(
        "icu_death", "1", words, "SNOMED//419099009", question, inputs, "logistic", "", "icu", "wards", Bar(0.6, (0.5, 2), 0.3), ("s",)
    )


def study(record: Record) -> tuple[pa.Table, Card, Cohort, Fold | None]:
    """Events, question, who was asked, and a split by patient."""
    events, asking = pa.concat_tables(list(record.events())), card()
    found = cohort(events, asking.question)
    subjects = [s for s, _ in found.rows]
    return events, asking, found, next(iter(folds(found.labels, 3, seed=5, subjects=subjects))) if subjects else None
