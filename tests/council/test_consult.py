"""A consultation over the example ward: who speaks, who abstains, who keeps silent, and what nobody may see."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

import consilium
from consilium.cli.verbs import example_ward
from consilium.core import Patient
from consilium.core.errors import InputError, NotFoundError, TimeError
from consilium.core.events import table
from consilium.council import consult
from consilium.specialists import roster

PATIENTS = [p.stem.split("-", 1)[1] for p in sorted(example_ward().glob("*.json"))]


@pytest.fixture(scope="session")
def ward(tmp_path_factory):
    return consilium.ingest(example_ward() / "*.json", tmp_path_factory.mktemp("ward") / "record")


def test_the_ward_is_whole(ward):
    assert {p for p, _ in ward.patients()} == set(PATIENTS) and len(PATIENTS) == 12


@pytest.mark.parametrize("name", PATIENTS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_everybody_is_heard_once_and_adds_up(ward, name, language):
    heard = consult(ward.patient(name), language=language)
    spoke = [o.specialist for o in heard.opinions] + [a.specialist for a in heard.absent]
    assert sorted(spoke) == sorted(s.name for s in roster().seated)
    for opinion in heard.opinions:
        if opinion.probability is not None:
            log_odds = np.log(opinion.probability / (1 - opinion.probability))
            assert sum(e.weight for e in opinion.evidence) == pytest.approx(log_odds, abs=1e-3)
    assert all(a.source.name and a.because for a in heard.advice)


def test_the_breast_masses(ward):
    likely, unlikely = (consult(ward.patient(n)).opinions[0] for n in ("amara-okafor", "saoirse-brennan"))
    assert likely.specialist == unlikely.specialist == "breast_mass"
    assert likely.probability > 0.9 and unlikely.probability < 0.1


def test_chest_pain_is_answered_with_units_converted(ward):
    heard = consult(ward.patient("kenji-moriyama"))
    cholesterol = next(e for e in heard.opinions[0].evidence if e.code == "LOINC//2093-3")
    assert cholesterol.unit == "mg/dL" and 255 < cholesterol.value < 263, "6.7 mmol/L"
    assert cholesterol.event_ids


def test_what_is_not_known_is_asked_for(ward):
    heard = consult(ward.patient("robin-vale"))
    heart = next(o for o in heard.opinions if o.specialist == "heart_disease")
    assert heart.abstained and heart.probability is None
    assert {"sex"} <= {m.name for m in heard.missing if m.required}
    assert [m for m in heard.missing if not m.required], "the tests not done are listed too"


def test_adults_specialists_keep_silent_over_a_child(ward):
    assert not [o for o in consult(ward.patient("mateo-quispe")).opinions if o.probability is not None]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("guadalupe-reyes", "piperacillin"),
        ("ingrid-solheim", "warfarin"),
        ("leilani-kahale", "pregnancy"),
        ("chen-guoliang", "omeprazole"),
        ("yusuf-demir", "amiodarone"),
        ("guadalupe-reyes", "30 mL/kg"),
        ("guadalupe-reyes", "norepinephrine"),
        ("ingrid-solheim", "INR of 4.5"),
        ("leilani-kahale", "preeclampsia"),
        ("ravi-iyer", "SGLT2"),
        ("tomasz-wysocki", "Pulmonary nodule"),
        ("tomasz-wysocki", "Smokes"),
    ],
)
def test_the_stories_bring_their_advice(ward, name, words):
    assert any(words in a.summary for a in consult(ward.patient(name)).advice)


@pytest.mark.parametrize(
    ("name", "words"), [("guadalupe-reyes", "eye screening"), ("leilani-kahale", "folic acid"), ("saoirse-brennan", "2 weeks")]
)
def test_the_stories_bring_no_idle_advice(ward, name, words):
    assert not any(words in a.summary for a in consult(ward.patient(name)).advice)


def test_the_past_knows_nothing_of_the_present(ward):
    biopsy_day = datetime(2025, 5, 1)
    before = consult(ward.patient("amara-okafor", as_of=biopsy_day))
    assert not before.opinions and before.as_of == biopsy_day


def test_order_of_events_changes_nothing(ward):
    patient = ward.patient("kenji-moriyama")
    turned = type(patient)(patient.id, patient.as_of, patient.events.take(np.arange(patient.events.num_rows)[::-1]))
    assert consult(turned) == consult(patient)


def test_bad_questions(ward):
    with pytest.raises(NotFoundError, match="amara-okafor"):
        ward.patient("amara-okafr")
    with pytest.raises(TimeError):
        ward.patient("amara-okafor", as_of=datetime(1960, 1, 1))
    with pytest.raises(InputError, match="en or zh"):
        consult(ward.patient("amara-okafor"), language="la")


def test_a_patient_of_whom_nothing_is_known(ward):
    patient = ward.patient("amara-okafor")
    nobody = type(patient)("nobody", patient.as_of + timedelta(days=1), patient.events.slice(0, 0))
    heard = consult(nobody)
    assert not heard.opinions and {a.specialist for a in heard.absent} == {s.name for s in roster().seated}


def test_a_unit_that_does_not_convert_silences_only_who_needs_it(ward):
    patient = ward.patient("kenji-moriyama")
    rows = patient.events.to_pylist()
    at = {"time": patient.as_of, "available": patient.as_of}
    stray = {**rows[-1], **at, "code": "CONSILIUM//exercise-st-depression", "numeric_value": 2.0, "unit": "m"}
    nucleus = {**stray, "code": "CONSILIUM//nucleus-radius-mean", "unit": "[arb'U]"}
    heard = consult(type(patient)(patient.id, patient.as_of, table([*rows, stray, nucleus])))
    heart, breast = (next(o for o in heard.opinions if o.specialist == name) for name in ("heart_disease", "breast_mass"))
    assert "'m'" in heart.abstained and "not made for this patient" in breast.abstained.lower()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_scores_are_a_range_where_something_is_missing_and_name_it(ward, language):
    heard = consult(ward.patient("guadalupe-reyes"), language=language)
    scores = {s.score: s for s in heard.scores}
    assert set(scores) == {"news2", "qsofa", "sofa"}
    assert (scores["qsofa"].least, scores["qsofa"].greatest) == (3, 3) and scores["qsofa"].complete
    news2 = scores["news2"]
    assert (news2.least, news2.greatest, news2.highest) == (19, 19, 20) and news2.complete
    sofa = scores["sofa"]
    assert (sofa.least, sofa.greatest) == (9, 18)
    brain, kidney = sofa.parts[-2:]
    assert not brain.missing and (kidney.least, kidney.greatest) == (2, 4)
    assert kidney.missing == {"en": ("urine output in 24 hours",), "zh": ("24 小时尿量",)}[language]
    assert all(s.source.url and s.meaning for s in heard.scores)


def test_a_score_is_not_used_where_it_must_not_be(ward):
    mother = ward.patient("guadalupe-reyes")
    pregnant = {"subject_id": mother.events["subject_id"][0].as_py(), "code": "CONDITION//SNOMED//77386006"}
    at = mother.as_of - timedelta(hours=1)
    rows = pa.concat_tables([mother.events, table([{**pregnant, "time": at, "available": at}])])
    assert "news2" not in {s.score for s in consult(Patient(mother.id, mother.as_of, rows)).scores}
    assert "sofa" in {s.score for s in consult(Patient(mother.id, mother.as_of, rows)).scores}


def test_no_score_is_raised_by_a_chart_without_vital_signs(ward):
    for name in ("amara-okafor", "kenji-moriyama"):
        assert all(s.score not in ("qsofa", "sofa", "curb65", "wells_pe") for s in consult(ward.patient(name)).scores)
