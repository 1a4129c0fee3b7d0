"""The four laws, held by the nouns' constructors."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core import (
    Advice,
    Bar,
    Card,
    Consultation,
    Estimate,
    Evidence,
    Features,
    Input,
    Opinion,
    Part,
    Patient,
    Points,
    Question,
    Report,
    Seat,
    Source,
    Subgroup,
)
from consilium.core.consultation import Absence
from consilium.core.errors import CardError, LawError, LeakageError
from consilium.core.events import table
from consilium.core.patient import age, completed_years, sex

NOW = datetime(2025, 6, 1, 8)
SOURCE = Source("A guideline", version="2024")
EVIDENCE = Evidence("input", "lactate 4.2 mmol/L", "LOINC//2524-7", 4.2, "mmol/L", NOW, 1.2)


def card(**changes) -> Card:
    whole = Card(
        name="x",
        version="1",
        title={"en": "x", "zh": "x"},
        condition="SNOMED//1",
        question=Question("LOINC//2524-7", "LABEL//x", (timedelta(0), timedelta(days=1))),
        inputs=(Input("lactate", ("LOINC//2524-7",), "mmol/L"),),
        learner="logistic",
        why="it is enough",
        intended="adults",
        not_for="children",
        bar=Bar(0.75, (0.8, 1.2), 0.05),
        sources=("singer_2016",),
    )
    return replace(whole, **changes)


def report(**changes) -> Report:
    good = Estimate(0.9, 0.85, 0.94)
    whole = Report(
        card="x", version="1", learner="logistic", why="", model_sha256="0" * 64, data="d", data_fingerprint="f", period="", proof="folds",
        n=100, events=40, auroc=good, auprc=good, slope=Estimate(1.0), intercept=Estimate(0.0), brier=Estimate(0.1), calibration=(),
        net_benefit=(), subgroups=(), comparisons=(), missing={}, limits=(), shortfalls=(),
    )  # fmt: skip
    return replace(whole, **changes)


def test_no_opinion_without_evidence_or_abstention():
    with pytest.raises(LawError, match="evidence"):
        Opinion("x", "SNOMED//1", 0.5, 0.4, 0.6)
    with pytest.raises(LawError, match="reason"):
        Opinion("x", "SNOMED//1", abstained=" ")
    with pytest.raises(LawError, match="no probability"):
        Opinion("x", "SNOMED//1", 0.5, 0.4, 0.6, abstained="too young")
    assert Opinion("x", "SNOMED//1", abstained="too young").probability is None


@given(st.tuples(*[st.floats(-0.5, 1.5)] * 3))
def test_a_probability_lies_in_its_interval_in_the_unit_interval(bounds):
    low, p, high = bounds
    if 0 <= low <= p <= high <= 1:
        assert Opinion("x", "SNOMED//1", p, low, high, evidence=(EVIDENCE,)).probability == p
    else:
        with pytest.raises(LawError):
            Opinion("x", "SNOMED//1", p, low, high, evidence=(EVIDENCE,))


def test_nan_is_no_probability():
    with pytest.raises(LawError):
        Opinion("x", "SNOMED//1", float("nan"), 0.0, 1.0, evidence=(EVIDENCE,))


def test_no_number_without_a_unit():
    with pytest.raises(LawError, match="unit"):
        Evidence("input", "lactate 4.2", "LOINC//2524-7", 4.2)
    with pytest.raises(CardError, match="unit"):
        Input("lactate", ("LOINC//2524-7",), "")


def test_no_advice_without_a_source():
    def advice(**changes):
        return Advice(
            **{
                "action": "order",
                "target": "SNOMED//1",
                "summary": "Do",
                "detail": "",
                "strength": "1A",
                "because": ("x",),
                "source": SOURCE,
                **changes,
            }
        )

    assert advice().source.name == "A guideline"
    for wrong in ({"source": None}, {"summary": "x" * 140}, {"summary": ""}, {"because": ()}, {"urgency": "panic"}):
        with pytest.raises(LawError):
            advice(**wrong)
    with pytest.raises(LawError):
        Source("  ")


def test_no_seat_without_a_report_that_meets_the_bar():
    assert Seat(card(), report()).card.name == "x"
    for wrong in (
        report(auroc=Estimate(0.9, 0.74, 0.95)),
        report(slope=Estimate(0.5)),
        report(subgroups=(Subgroup("women", 80, 30, Estimate(0.8), None, 0.1),)),
        report(auroc=Estimate(float("nan"))),
        report(auroc=Estimate(0.99)),
        report(card="y"),
        report(version="2"),
        report(learner="forest"),
    ):
        with pytest.raises(LawError):
            Seat(card(), wrong)


def test_nothing_after_as_of_can_be_in_a_patient():
    known = {
        "subject_id": 1,
        "time": NOW - timedelta(hours=2),
        "available": NOW,
        "code": "LOINC//2524-7",
        "numeric_value": 4.2,
        "unit": "mmol/L",
    }
    assert Patient("p", NOW, table([known])).events.num_rows == 1
    for late in ({**known, "available": NOW + timedelta(microseconds=1)}, {**known, "available": None}):
        with pytest.raises(LeakageError, match="not known yet"):
            Patient("p", NOW, table([known, late]))
    with pytest.raises(LawError, match="one person"):
        Patient("p", NOW, table([known, {**known, "subject_id": 2}]))


def test_features_hold_no_silent_zero():
    x = np.array([[1.0, np.nan]], dtype=np.float32)
    rows = ((1, NOW),)
    assert Features(x, ("a", "b"), ("1", "1"), rows, np.isfinite(x)).X.shape == (1, 2)
    with pytest.raises(LawError, match="nothing was observed"):
        Features(np.zeros((1, 2), np.float32), ("a", "b"), ("1", "1"), rows, np.isfinite(x))
    with pytest.raises(LawError, match="unit"):
        Features(x, ("a", "b"), ("1", ""), rows, np.isfinite(x))


def test_a_specialist_is_heard_once():
    with pytest.raises(LawError, match="once"):
        Consultation("p", NOW, (Opinion("x", "SNOMED//1", abstained="no"),), (), (), (Absence("x", "no"),))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2020, 1, 1)), st.integers(0, 100))
def test_age_counts_birthdays(born, years):
    if (born.month, born.day) == (2, 29):
        born = born.replace(day=28)
    birthday = born.replace(year=born.year + years)
    assert completed_years(born, birthday) == years
    assert completed_years(born, birthday - timedelta(days=1)) == years - 1


def test_sex_that_contradicts_itself_is_unknown():
    def patient(*codes):
        return Patient("p", NOW, table([{"subject_id": 1, "code": c} for c in codes]))

    assert sex(patient("GENDER//F")) == "F"
    assert sex(patient("GENDER//F", "GENDER//M")) is None
    assert sex(patient("MEDS_BIRTH")) is None
    assert age(patient("GENDER//F")) is None


def test_points_that_are_a_range_name_what_is_missing():
    source = SOURCE
    part = Part("pulse", 0, 3)
    with pytest.raises(LawError, match="names what is missing"):
        Points("s", "S", 0, 3, 0, 3, (part,), "", source)
    with pytest.raises(LawError, match="least first"):
        Points("s", "S", 3, 2, 0, 3, (part,), "", source)
    assert not Points("s", "S", 0, 3, 0, 3, (Part("pulse", 0, 3, missing=("pulse",)),), "", source).complete
