"""The same identifier described twice must be the same person."""

from __future__ import annotations

from datetime import datetime, timedelta

from consilium.core import AS_SENT, Batch
from consilium.core.events import table
from consilium.intake.identity import DUPLICATE, Identities


def person(born=None, sex=None, *, source="Patient/p", reckoned=False, name=None, patient="p"):
    rows = []
    if born:
        said = "from age 50 in completed years" if reckoned else None
        rows.append({"time": born, "code": "MEDS_BIRTH", "available": born + timedelta(days=1), "text_value": said})
    if sex:
        rows.append({"code": f"GENDER//{sex}"})
    if name:
        rows.append({"code": "NAME", "text_value": name})
    return [{"patient_id": patient, "source_id": source, **row} for row in rows]


def lab(patient="p", number=1):
    at = datetime(2020, 1, number)
    return {"patient_id": patient, "source_id": f"Observation/{number}", "code": "LOINC//2524-7", "time": at, "available": at}


def batch(*rows):
    return Batch(table(rows, AS_SENT), len(rows), len(rows))


def codes(checked):
    return [(row["code"], row["text_value"]) for row in checked.events.to_pylist()]


A, B = datetime(1970, 1, 1), datetime(1980, 1, 1)


def test_the_first_description_stays():
    who = Identities()
    checked, _ = who.checked(batch(*person(A, "F", name="Ida"), *person(B, "F", name="Eva"), lab()), "a.json")
    assert codes(checked) == [("MEDS_BIRTH", None), ("GENDER//F", None), ("NAME", "Ida"), ("LOINC//2524-7", None)]
    assert [(r.reason, r.found) for r in checked.rejects] == [(DUPLICATE, "born 1980-01-01, F; before (a.json): born 1970-01-01, F")]


def test_another_sex_is_another_person():
    checked, _ = Identities().checked(batch(*person(A, "F"), *person(A, "M")), "a.json")
    assert [row[0] for row in codes(checked)] == ["MEDS_BIRTH", "GENDER//F"]
    assert len(checked.rejects) == 1


def test_the_same_description_twice_is_no_contradiction():
    checked, repeated = Identities().checked(batch(*person(A, "F"), *person(A, "F")), "a.json")
    assert (len(checked.rejects), repeated, checked.events.num_rows) == (0, 0, 4)


def test_what_is_not_said_contradicts_nothing():
    who = Identities()
    who.checked(batch(*person(A)), "a.json")
    assert who.checked(batch(*person(None, "F")), "b.json")[0].rejects == ()
    assert who.checked(batch(*person(A, "M")), "c.json")[0].rejects[0].found == "born 1970-01-01, M; before (a.json): born 1970-01-01, F"


def test_another_file_that_describes_another_person_is_kept_apart():
    who = Identities()
    who.checked(batch(*person(A, "F"), lab()), "a.json")
    checked, _ = who.checked(batch(lab(number=2), *person(B, "F"), lab("q", 3)), "b.json")
    assert checked.events["patient_id"].to_pylist() == ["q"]
    assert [(r.part, r.row) for r in checked.rejects] == [("description", "Patient/p"), ("event", "Observation/2")]
    later, _ = who.checked(batch(lab(number=4)), "b.json")
    assert [r.part for r in later.rejects] == ["event"]
    other, _ = who.checked(batch(lab(number=5)), "c.json")
    assert (other.rejects, other.events.num_rows) == ((), 1)


def test_births_reckoned_from_ages_agree_within_a_year_and_are_said_once():
    who = Identities()
    first = person(datetime(1970, 3, 1), reckoned=True, source="labs.csv#1")
    later = person(datetime(1970, 11, 1), reckoned=True, source="labs.csv#2")
    checked, repeated = who.checked(batch(*first, *later), "labs.csv")
    assert (checked.events.num_rows, repeated, checked.rejects) == (1, 1, ())
    wrong = person(datetime(1975, 1, 1), reckoned=True, source="labs.csv#3")
    assert who.checked(batch(*wrong), "labs.csv")[0].rejects[0].reason == DUPLICATE


def test_different_people_are_different():
    checked, _ = Identities().checked(batch(*person(A, "F"), *person(B, "M", patient="q", source="Patient/q")), "a.json")
    assert (checked.rejects, checked.events.num_rows) == ((), 4)
