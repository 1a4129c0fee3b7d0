"""Advice: every word with its source; drugs against allergies and each other; guidelines only where they hold."""

from datetime import datetime, timedelta

import pytest

from consilium.core import Evidence, Opinion, Patient
from consilium.core.events import table
from consilium.council.advise import advise
from consilium.council.chart import chart
from consilium.council.phrase import phrases
from consilium.knowledge import shelf

NOW = datetime(2025, 6, 1, 8)
SHELF = shelf()
WARFARIN, IBUPROFEN = "MEDICATION//TEXT//warfarin", "MEDICATION//TEXT//ibuprofen"


def event(code, days=10, **more):
    time = NOW - timedelta(days=days)
    return {"subject_id": 1, "code": code, "time": time, "available": time, "source_id": f"x/{code}/{days}", **more}


def person(*events, sex="F", born=datetime(1970, 1, 1)):
    who = [{"subject_id": 1, "code": f"GENDER//{sex}"}, {"subject_id": 1, "code": "MEDS_BIRTH", "time": born, "available": born}]
    return Patient("p", NOW, table([*who, *events]))


def advised(patient, opinions=(), language="en"):
    return advise(chart(patient, SHELF), opinions, SHELF, phrases(language, SHELF))


def opinion(specialist, p):
    return Opinion(specialist, "SNOMED//254837009", p, max(0, p - 0.1), min(1, p + 0.1), evidence=(Evidence("base", "base", weight=0.0),))


def test_an_ordered_drug_meets_its_allergy():
    advice, _ = advised(person(event("ALLERGY//SNOMED//91936005"), event("MEDICATION//TEXT//amoxicillin 500 mg")))
    hit = next(a for a in advice if a.action == "stop")
    assert hit.urgency == "critical" and "amoxicillin" in hit.summary and hit.source.name
    assert advice[0].urgency == "critical", "the most urgent comes first"


def test_a_cross_reaction_is_a_caution_not_a_stop():
    advice, _ = advised(person(event("ALLERGY//SNOMED//91936005"), event("MEDICATION//TEXT//ceftriaxone")))
    hit = next(a for a in advice if a.action == "clarify")
    assert hit.urgency == "warning"


def test_an_ended_or_other_drug_meets_nothing():
    ended = (event("MEDICATION//TEXT//amoxicillin", 20), event("MEDICATION//END//TEXT//amoxicillin", 5))
    assert not advised(person(event("ALLERGY//SNOMED//91936005"), *ended))[0]
    assert not advised(person(event("ALLERGY//SNOMED//91936005"), event("MEDICATION//TEXT//metformin")))[0]


def test_two_drugs_that_harm_together():
    advice, _ = advised(person(event(WARFARIN), event(IBUPROFEN)))
    hit = next(a for a in advice if "warfarin" in a.summary)
    assert len(hit.because) == 2 and hit.strength == "major interaction" and hit.urgency == "warning"
    assert not [a for a in advised(person(event(WARFARIN)))[0] if "ibuprofen" in a.summary]


def test_the_order_of_the_drugs_changes_nothing():
    assert advised(person(event(WARFARIN), event(IBUPROFEN)))[0] == advised(person(event(IBUPROFEN), event(WARFARIN)))[0]


def test_a_drug_started_again_holds():
    again = (event(WARFARIN, 30), event("MEDICATION//END//TEXT//warfarin", 20), event(WARFARIN, 10))
    assert [d.ingredients for d in chart(person(*again), SHELF).drugs] == [("warfarin",)]


def test_unknown_drugs_and_allergies_are_said_not_skipped():
    _, notes = advised(person(event("MEDICATION//TEXT//moonwort drops", text_value="moonwort drops"), event("ALLERGY//TEXT//moonlight")))
    assert any("moonwort" in n for n in notes) and any("moonlight" in n for n in notes)


def test_no_drug_list_is_not_no_drugs():
    assert any("does not mean" in n for n in advised(person())[1])


@pytest.mark.parametrize("kind", ["FAMILY//", "CONDITION//REFUTED//"])
def test_a_relative_s_or_refuted_condition_is_not_the_patient_s(kind):
    own = {a.summary for a in advised(person(event("CONDITION//SNOMED//91302008")))[0]}
    assert own, "sepsis has guidance"
    assert not {a.summary for a in advised(person(event(f"{kind}SNOMED//91302008")))[0]} & own


def test_guidance_follows_the_probability():
    low, high = (advised(person(), (opinion("breast_mass", p),))[0] for p in (0.01, 0.97))
    assert low and high and {a.summary for a in low}.isdisjoint({a.summary for a in high})
    assert any(a.urgency == "critical" for a in high) and not any(a.urgency == "critical" for a in low)


def test_an_abstention_moves_nothing():
    silent = Opinion("breast_mass", "SNOMED//254837009", abstained="no data")
    assert not advised(person(), (silent,))[0]


def test_every_guideline_row_can_be_said_in_both_languages():
    for row in SHELF.guidelines:
        assert row.source in SHELF.sources
        assert set(row.summary) == set(row.detail) == {"en", "zh"}


def test_contraindications_are_named():
    advice, _ = advised(person(event(WARFARIN)), (opinion("breast_mass", 0.97),))
    assert any(a.contraindications for a in advice), "a biopsy under warfarin needs planning"


def test_chinese_is_chinese():
    advice, _ = advised(person(event(WARFARIN), event(IBUPROFEN)), language="zh")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in advice[0].summary)


def test_what_is_planned_has_not_ended_yet():
    planned = {**event("MEDICATION//END//TEXT//warfarin"), "time": NOW + timedelta(days=5)}
    assert [d.ingredients for d in chart(person(event(WARFARIN), planned), SHELF).drugs] == [("warfarin",)]
