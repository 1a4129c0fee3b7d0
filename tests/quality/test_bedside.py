"""Doubts at the bedside: each kind is raised by what deserves it, by nothing near it, and said in the council's words."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

import consilium
from consilium.cli.verbs import example_ward
from consilium.core import Input, Patient
from consilium.core.events import table
from consilium.council import consult
from consilium.knowledge import shelf
from consilium.quality import input_quality

NOW = datetime(2025, 6, 1, 8)
GLUCOSE, SYSTOLIC, DIASTOLIC, POTASSIUM, CRP = "LOINC//2345-7", "LOINC//8480-6", "LOINC//8462-4", "LOINC//2823-3", "LOINC//1988-5"


def row(code, value=None, days=0.0, *, text=None, source="e", subject=1):
    time = NOW - timedelta(days=days)
    unit = None if value is None else shelf().codes[code].unit
    return {
        "subject_id": subject, "code": code, "time": time, "numeric_value": value, "unit": unit, "text_value": text, "available": time,
        "source_id": source,
    }  # fmt: skip


def doubts(*rows, inputs=None, turn=False):
    events = table(rows)
    if turn:
        events = events.take(pa.array(np.arange(events.num_rows)[::-1]))
    codes = dict.fromkeys(r["code"] for r in rows)
    asked = inputs or [Input(c, (c,), "1") for c in codes]
    return [(d.kind, d.code) for d in input_quality(Patient("p", NOW, events), asked, shelf())]


@pytest.mark.parametrize(
    ("kind", "code", "rows"),
    [
        ("older", GLUCOSE, [row(GLUCOSE, 100.0 + d, d) for d in (40, 41, 42, 43, 44)]),
        ("older", GLUCOSE, [row(GLUCOSE, 100.0, 900)]),
        ("edge", POTASSIUM, [row(POTASSIUM, 12.5)]),
        ("edge", GLUCOSE, [row(GLUCOSE, 6.0)]),
        ("jump", POTASSIUM, [row(POTASSIUM, 4.0, 1), row(POTASSIUM, 8.1)]),
        ("jump", "LOINC//29463-7", [row("LOINC//29463-7", 70.0, 1), row("LOINC//29463-7", 7.0)]),
        ("converted", GLUCOSE, [row(GLUCOSE, 99.1, text="5.5 mmol/L")]),
        ("disagree", GLUCOSE, [row(GLUCOSE, 90.0, source="a"), row(GLUCOSE, 140.0, source="b")]),
    ],
)
def test_a_doubt_is_raised(kind, code, rows):
    assert doubts(*rows) == doubts(*rows, turn=True) == [(kind, code)]


@pytest.mark.parametrize(
    "rows",
    [
        [row(GLUCOSE, 104.0)],
        [row(GLUCOSE, 100.0 + d, d) for d in (1, 2, 3, 4, 5)],
        [row(GLUCOSE, 100.0, 1), row(GLUCOSE, 320.0)],  # after a meal, in diabetes
        [row(CRP, 5.0, 1), row(CRP, 60.0)],  # inflammation begins
        [row(GLUCOSE, 100.0, text="as sent")],
        [row(SYSTOLIC, 120.0), row(DIASTOLIC, 80.0)],
        [row(SYSTOLIC, 70.0, 1), row(DIASTOLIC, 110.0)],  # not of one moment
        [row("LOINC//11555-0", -4.0, 1), row("LOINC//11555-0", 3.0)],  # a scale that reaches below zero
        [row("LOINC//38265-5", 1.0, 1), row("LOINC//38265-5", 1.2)],
    ],
)
def test_no_doubt_is_raised(rows):
    assert doubts(*rows) == []


def test_a_contradiction_is_told_of_both_values_with_their_events():
    rows = [row(SYSTOLIC, 70.0, source="s"), row(DIASTOLIC, 110.0, source="d")]
    patient = Patient("p", NOW, table(rows))
    (one,) = input_quality(patient, [Input("s", (SYSTOLIC,), "mm[Hg]")], shelf())
    assert one.kind == "contradicted" and one.event_ids == ("s", "d") and one.facts["values"] == ((70.0, "mm[Hg]"), (110.0, "mm[Hg]"))


def test_what_is_not_used_raises_no_doubt():
    old = [row(GLUCOSE, 6.0, 40)]
    assert doubts(*old, inputs=[Input("g", (GLUCOSE,), "mg/dL", window=timedelta(days=30))]) == []
    assert doubts(*old, inputs=[Input("k", (POTASSIUM,), "mmol/L")]) == []
    assert input_quality(Patient("p", NOW, table([])), [Input("k", (POTASSIUM,), "mmol/L")], shelf()) == ()


def test_both_sexes_and_two_births():
    rows = [row("GENDER//F"), row("GENDER//M"), row("MEDS_BIRTH", days=9000), row("MEDS_BIRTH", days=12000)]
    sex = Input("sex", ("GENDER//F", "GENDER//M"), "1", of_code={"GENDER//F": 0.0, "GENDER//M": 1.0})
    age = Input("age", ("MEDS_BIRTH",), "a", "age")
    assert doubts(*rows, inputs=[sex, age]) == [("both_sexes", "GENDER//F"), ("births_differ", "MEDS_BIRTH")]
    assert doubts(row("MEDS_BIRTH", days=9000), row("MEDS_BIRTH", days=9000, source="b"), inputs=[age]) == []


def test_a_long_chart_costs_no_more_than_its_last_values():
    rng = np.random.default_rng(0)
    rows = [row(GLUCOSE, float(v), float(d) / 4, source=f"e{d}") for d, v in enumerate(rng.normal(110, 9, 4000))]
    assert doubts(*rows) == []


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    return consilium.ingest(example_ward() / "*.json", tmp_path_factory.mktemp("ward") / "record")


def test_robin_vale_is_contradicted_and_kenji_moriyama_converted(ward):
    assert any("1951-06-15" in note and "1957-06-15" in note for note in consult(ward.patient("robin-vale")).notes)
    assert any("1951-06-15、1957-06-15" in note for note in consult(ward.patient("robin-vale"), language="zh").notes)
    assert any("6.7 mmol/L" in note for note in consult(ward.patient("kenji-moriyama")).notes)


def test_the_ward_is_not_flooded(ward):
    """Twelve patients, ten of whom have nothing to doubt: an alarm that is always on is no alarm."""
    told = [name for name, _ in ward.patients() for note in consult(ward.patient(name)).notes if "differ" in note or "converted" in note]
    assert sorted(told) == ["kenji-moriyama", "robin-vale"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_doubt_can_be_said(language, ward):
    """A chart of heart disease in which every kind of doubt arises that its inputs allow."""
    patient = ward.patient("kenji-moriyama")
    day = patient.as_of
    more = [
        {**r, "subject_id": patient.events["subject_id"][0].as_py(), "time": at, "available": at}
        for r, at in (
            (row(SYSTOLIC, 70.0, source="a"), day), (row(SYSTOLIC, 90.0, source="b"), day), (row(DIASTOLIC, 110.0), day),
            (row("LOINC//2093-3", 1400.0, source="c"), day), (row("GENDER//F"), day),
            (row("MEDS_BIRTH", source="d"), datetime(1955, 1, 1)),
        )
    ]  # fmt: skip
    heard = consult(Patient(patient.id, day, table([*patient.events.to_pylist(), *more])), language=language)
    expected = {
        "en": ("near the limit", "same moment", "both sexes", "different dates"),
        "zh": ("极限", "同一时刻", "两种性别", "不同的出生日期"),
    }
    for words in expected[language]:
        assert any(words in note for note in heard.notes), (words, heard.notes)
    assert not any("{" in note for note in heard.notes)
