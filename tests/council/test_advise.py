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
    own = {a.summary for a in advised(person(event("CONDITION//SNOMED//91302008", 1)))[0]}
    assert own, "sepsis has guidance"
    assert not {a.summary for a in advised(person(event(f"{kind}SNOMED//91302008", 1)))[0]} & own


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


SEPSIS, SHOCK_PRESSURE = "CONDITION//SNOMED//91302008", "LOINC//8478-0"


def measured(code, value, unit, days=0.1, **more):
    return event(code, days, numeric_value=value, unit=unit, **more)


def said(advice):
    return " | ".join(a.summary for a in advice)


def test_an_old_illness_and_an_old_value_raise_no_alarm():
    fresh = person(event(SEPSIS, 1), measured("LOINC//2524-7", 4.8, "mmol/L"))
    assert {"critical", "warning"} == {a.urgency for a in advised(fresh)[0]} and "30 mL/kg" in said(advised(fresh)[0])
    old = person(event(SEPSIS, 400), measured("LOINC//2524-7", 4.8, "mmol/L", 400))
    assert not advised(old)[0]
    stale = person(event(SEPSIS, 1), measured("LOINC//2524-7", 4.8, "mmol/L", 400))
    assert "Measure blood lactate" in said(advised(stale)[0]) and "30 mL/kg" not in said(advised(stale)[0])


def test_low_pressure_in_sepsis_is_answered():
    low, fair = (advised(person(event(SEPSIS, 1), measured(SHOCK_PRESSURE, v, "mm[Hg]")))[0] for v in (54.0, 70.0))
    assert "norepinephrine" in said(low) and "norepinephrine" not in said(fair)


def test_a_value_of_the_future_is_not_used():
    ahead = {**measured("LOINC//10535-3", 3.0, "ng/mL"), "time": NOW + timedelta(days=1)}
    digoxin = event("MEDICATION//TEXT//digoxin")
    assert "Digoxin level" not in said(advised(person(digoxin, ahead))[0])
    assert "Digoxin level" in said(advised(person(digoxin, measured("LOINC//10535-3", 3.0, "ng/mL")))[0])


@pytest.mark.parametrize(
    ("drug", "code", "unit", "calm", "alarming", "words"),
    [
        ("warfarin", "LOINC//6301-6", "{INR}", 2.5, 4.6, "INR of 4.5"),
        ("warfarin", "LOINC//6301-6", "{INR}", 4.6, 11.0, "INR of 10"),
        ("spironolactone", "LOINC//2823-3", "mmol/L", 4.5, 5.2, "Potassium of 5.0"),
        ("spironolactone", "LOINC//2823-3", "mmol/L", 5.2, 6.1, "Potassium of 5.5"),
        ("bisoprolol", "LOINC//8867-4", "/min", 60.0, 44.0, "Heart rate under 50"),
    ],
)
def test_a_value_speaks_against_a_current_drug(drug, code, unit, calm, alarming, words):
    takes = event(f"MEDICATION//TEXT//{drug}")
    assert words in said(advised(person(takes, measured(code, alarming, unit)))[0])
    assert words not in said(advised(person(takes, measured(code, calm, unit)))[0])
    assert words not in said(advised(person(measured(code, alarming, unit)))[0]), "without the drug it says nothing"


def test_a_coded_answer_counts_and_the_latest_wins():
    smokes = event("LOINC//72166-2", 20, text_value="SNOMED//449868002")
    stopped = event("LOINC//72166-2", 5, text_value="SNOMED//8517006")
    assert "Smokes" in said(advised(person(smokes))[0])
    assert "Smokes" not in said(advised(person(smokes, stopped))[0])


def test_folic_acid_is_for_early_pregnancy():
    early, late = (advised(person(event("CONDITION//SNOMED//77386006", days)))[0] for days in (30, 170))
    assert "folic acid" in said(early) and "folic acid" not in said(late)


def test_aspirin_in_pregnancy_needs_a_high_risk():
    pregnant, hypertension = event("CONDITION//SNOMED//77386006", 100), event("CONDITION//SNOMED//59621000", 900)
    assert "aspirin" in said(advised(person(pregnant, hypertension))[0])
    assert "aspirin" not in said(advised(person(pregnant))[0])
    assert "aspirin" not in said(advised(person(pregnant, hypertension, event("MEDICATION//TEXT//aspirin 81 mg")))[0])


def test_a_screening_counts_for_its_interval():
    diabetes = event("CONDITION//SNOMED//44054006", 900)
    recent, old = (event("PROCEDURE//SNOMED//134395001", days) for days in (300, 1000))
    assert "no eye screening" not in said(advised(person(diabetes, recent))[0])
    assert "no eye screening" in said(advised(person(diabetes, old))[0])


def test_a_lump_is_referred_until_the_specialist_has_spoken():
    lump = person(event("CONDITION//SNOMED//89164003"))
    assert "2 weeks" in said(advised(lump)[0])
    assert "2 weeks" not in said(advised(lump, (opinion("breast_mass", 0.01),))[0])
    silent = Opinion("breast_mass", "SNOMED//254837009", abstained="no data")
    assert "2 weeks" in said(advised(lump, (silent,))[0])


def test_an_allergy_to_no_drug_is_known_and_not_noted():
    _, notes = advised(person(event("ALLERGY//SNOMED//91935009", text_value="Allergy to peanut")))
    assert not any("peanut" in n for n in notes)


def test_what_was_found_comes_before_what_drugs_might_do():
    takes = (event(WARFARIN), event(IBUPROFEN))
    advice, _ = advised(person(*takes, measured("LOINC//6301-6", 5.0, "{INR}")))
    warnings = [a.action for a in advice if a.urgency == "warning"]
    assert warnings[0] == "monitor" and "review" in warnings


def test_a_start_is_never_said_more_precisely_than_it_was_given():
    year = {**event(WARFARIN), "time": datetime(2016, 1, 1), "available": datetime(2017, 1, 1)}
    advice, _ = advised(person(year, event(IBUPROFEN)))
    assert any("since 2016)" in fact for a in advice for fact in a.because)
    undated = {**event(WARFARIN), "time": None, "available": None}
    advice, _ = advised(person(undated, event(IBUPROFEN)))
    assert any("start not known" in fact for a in advice for fact in a.because)


def test_of_two_values_of_one_moment_the_order_of_rows_does_not_choose():
    twins = [{**measured("LOINC//6301-6", v, "{INR}"), "source_id": f"x/{v}"} for v in (2.0, 5.0)]
    one, other = (chart(person(*rows), SHELF).values["LOINC//6301-6"] for rows in (twins, twins[::-1]))
    assert one == other


def test_what_is_not_known_of_the_person_is_noted():
    nobody = Patient("p", NOW, table([event(SEPSIS, 1)]))
    notes = " ".join(advised(nobody)[1])
    assert "age is not known" in notes and "sex is not known" in notes
    assert not any("is not known" in n for n in advised(person())[1])
