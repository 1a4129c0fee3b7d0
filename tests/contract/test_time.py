"""The laws of time: no order of rows, no companion in the batch, and nothing learned later changes a number."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.card import Question
from consilium.core.errors import LeakageError, TimeError
from consilium.core.events import table
from consilium.core.features import Features
from consilium.core.patient import Patient
from consilium.record import cohort, features, writing

from ..record.charts import ANSWER, INPUTS, NO, START, SUBJECTS, YES, asked, chart_event, charts, moments

Rows = list[dict[str, Any]]
About = list[tuple[int, datetime]]
QUESTION = Question("LOINC//2524-7", ANSWER, (timedelta(days=1), timedelta(days=6)), of_text={YES: 1.0, NO: 0.0})


def same(a: Features, b: Features) -> None:
    """Equal to the last bit, values, times and events alike."""
    np.testing.assert_array_equal(a.X, b.X)
    assert a.X.tobytes() == b.X.tobytes(), "a zero changed its sign"
    np.testing.assert_array_equal(a.observed, b.observed)
    assert a.times is not None and b.times is not None and a.event_ids is not None and b.event_ids is not None
    np.testing.assert_array_equal(a.times, b.times)
    assert a.event_ids.tolist() == b.event_ids.tolist()


@settings(deadline=None)
@given(charts, asked, st.randoms())
def test_permuting_events_changes_nothing(rows: Rows, about: About, chance: Any) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    same(features(table(rows), INPUTS, about, trace=True), features(table(shuffled), INPUTS, about, trace=True))
    one, other = cohort(table(rows), QUESTION), cohort(table(shuffled), QUESTION)
    assert one.rows == other.rows and one.labels.tolist() == other.labels.tolist() and one.excluded == other.excluded


@settings(deadline=None)
@given(charts, asked)
def test_alone_is_as_in_a_batch(rows: Rows, about: About) -> None:
    batch = features(table(rows), INPUTS, about, trace=True)
    for r, (subject, as_of) in enumerate(about):
        alone = features(table([e for e in rows if e["subject_id"] == subject]), INPUTS, [(subject, as_of)], trace=True)
        np.testing.assert_array_equal(alone.X[0], batch.X[r])
        assert alone.event_ids is not None and batch.event_ids is not None
        assert alone.event_ids[0].tolist() == batch.event_ids[r].tolist()


@settings(deadline=None)
@given(charts, charts, moments)
def test_what_becomes_known_or_happens_later_changes_nothing(rows: Rows, later: Rows, as_of: datetime) -> None:
    """Whatever is added, in whatever unit, if only it was not known at the moment of asking."""
    after = as_of + timedelta(microseconds=1)
    unknown = [e | {"available": max(after, e["available"] or after), "unit": "furlong"} for e in later]
    future = [e | {"time": after, "available": e["available"] or after, "unit": "furlong"} for e in later]
    about = [(s, as_of) for s in SUBJECTS]
    same(features(table(rows), INPUTS, about, trace=True), features(table([*rows, *unknown, *future]), INPUTS, about, trace=True))


@settings(deadline=None)
@given(charts, moments)
def test_the_record_answers_as_the_whole_table_does(rows: Rows, as_of: datetime) -> None:
    """A patient cut at the moment of asking gives the numbers that all events give."""
    whole = table(rows)
    for subject in SUBJECTS:
        known = [e for e in rows if e["subject_id"] == subject and (e["available"] is None or e["available"] <= as_of)]
        patient = Patient(str(subject), as_of, table(known))
        same(features(whole, INPUTS, [(subject, as_of)], trace=True), features(patient.events, INPUTS, [(subject, as_of)], trace=True))


@settings(max_examples=25, deadline=None)
@given(charts, st.lists(chart_event(), max_size=5), moments)
def test_a_stored_patient_holds_nothing_later(rows: Rows, more: Rows, as_of: datetime) -> None:
    """Through the disk and two ingests; the constructor of `Patient` would raise on any leak, and nothing known is lost."""
    people = {s: str(s) for s in SUBJECTS}
    with tempfile.TemporaryDirectory() as folder:
        for batch in (rows, more):
            with writing(Path(folder) / "r", shards=2) as w:
                w.add(table(batch), people)
                record = w.commit({})
        for subject in SUBJECTS:
            try:
                patient = record.patient(str(subject), as_of)
            except TimeError:
                births = [e["time"] for e in [*rows, *more] if e["subject_id"] == subject and e["code"] == "MEDS_BIRTH" and e["time"]]
                assert min(births) > as_of
                continue
            columns = ("time", "code", "numeric_value", "text_value", "unit", "available")
            known = {
                tuple(r[c] for c in columns)
                for r in table([*rows, *more]).to_pylist()
                if r["subject_id"] == subject and (r["available"] is None or r["available"] <= as_of)
            }
            assert {tuple(r[c] for c in columns) for r in patient.events.to_pylist()} == known
            assert patient.events.num_rows == len(known)


@settings(deadline=None)
@given(charts)
def test_a_question_is_asked_when_its_trigger_is_known_and_answered_after(rows: Rows) -> None:
    found = cohort(table(rows), QUESTION)
    for (subject, as_of), label in zip(found.rows, found.labels.tolist(), strict=True):
        known = [e for e in rows if e["subject_id"] == subject and e["time"] and max(e["time"], e["available"]) <= as_of]
        assert any(e["code"] == QUESTION.trigger for e in known)
        answers = [
            e["text_value"]
            for e in rows
            if e["subject_id"] == subject
            and e["code"] == ANSWER
            and e["time"]
            and timedelta(days=1) < e["time"] - as_of <= timedelta(days=6)
        ]
        assert label == (YES in answers)
        assert YES in answers or NO in answers
    assert len(found.rows) + sum(found.excluded.values()) == len({e["subject_id"] for e in rows})


def test_a_patient_cannot_be_made_with_an_event_of_the_future() -> None:
    late = {
        "subject_id": 1,
        "code": "LOINC//2524-7",
        "time": START,
        "available": START + timedelta(days=1),
        "numeric_value": 2.0,
        "unit": "mmol/L",
    }
    with pytest.raises(LeakageError, match="not known yet"):
        Patient("1", START, table([late]))
