"""FHIR R4 MedicationRequest, MedicationStatement, MedicationAdministration, Medication."""

from __future__ import annotations

from datetime import datetime

import pytest

P = {"subject": {"reference": "Patient/p"}}
DRUG = "RxNorm//309362"


@pytest.fixture
def order(concept):
    return {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "medicationCodeableConcept": concept(DRUG),
        "authoredOn": "2026-01-03T08:00:00Z", **P,
    }  # fmt: skip


@pytest.fixture
def taken(concept):
    return {"resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": concept(DRUG), **P}


def seen(batch):
    return [(r["code"], r["time"], r["available"], r["text_value"]) for r in batch.events.to_pylist()]


def test_an_order_is_on_the_list_from_when_it_was_written(read, order):
    at = datetime(2026, 1, 3, 8)
    assert seen(read(order)) == [(f"MEDICATION//{DRUG}", at, at, "name of 309362")]


@pytest.mark.parametrize("status", ["stopped", "completed"])
@pytest.mark.parametrize(
    ("dates", "end", "available"),
    [
        ({"meta": {"lastUpdated": "2026-02-01T10:00:00Z"}}, datetime(2026, 2, 1, 10), datetime(2026, 2, 1, 10)),
        ({"dispenseRequest": {"validityPeriod": {"end": "2026-01-31"}}}, datetime(2026, 2, 1), datetime(2026, 2, 1)),
    ],
)
def test_a_stopped_order_ends(read, order, status, dates, end, available):
    events = seen(read({**order, "status": status, **dates}))
    assert [event[0] for event in events] == [f"MEDICATION//{DRUG}", f"MEDICATION//END//{DRUG}"]
    assert events[1][1:3] == (end, available)


def test_an_end_that_nothing_dates_says_so(read, order):
    start, end = seen(read({**order, "status": "stopped"}))
    assert end[1] == start[1]
    assert end[3].endswith("end not dated")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "entered-in-error"}, "status entered-in-error"),
        ({"status": "cancelled"}, "status cancelled"),
        ({"status": "draft"}, "status draft"),
        ({"intent": "proposal"}, "intent proposal is not an order"),
        ({"intent": "plan"}, "intent plan is not an order"),
        ({"doNotPerform": True}, "An order not to give (doNotPerform)"),
        ({"authoredOn": None}, "No date"),
        ({"medicationCodeableConcept": {}}, "No medication"),
        ({"medicationCodeableConcept": {"coding": [{}]}}, "A medication without a name"),
    ],
)
def test_what_is_no_order_is_named(read, order, change, reason):
    batch = read({**order, **change})
    assert [reject.reason for reject in batch.rejects] == [reason]
    assert batch.events.num_rows == 0


def test_every_known_coding_is_an_event(read, order, concept):
    batch = read({**order, "medicationCodeableConcept": concept("ACME//1", "NDC//0069-0001", DRUG)})
    assert [event[0] for event in seen(batch)] == [f"MEDICATION//{DRUG}", "MEDICATION//NDC//0069-0001"]


def test_medications_are_found_where_they_are_pointed_at(read, order, concept):
    pointing = {key: value for key, value in order.items() if key != "medicationCodeableConcept"}
    inside = {
        **pointing,
        "medicationReference": {"reference": "#m"},
        "contained": [{"resourceType": "Medication", "id": "m", "code": concept(DRUG)}],
    }
    assert seen(read(inside))[0][0] == f"MEDICATION//{DRUG}"
    beside = {"resourceType": "Medication", "id": "m9", "code": concept(DRUG)}
    for reference in ("Medication/m9", "https://ward.example/fhir/Medication/m9"):
        batch = read({**pointing, "medicationReference": {"reference": reference}}, beside)
        assert [event[0] for event in seen(batch)] == [f"MEDICATION//{DRUG}"]
        assert batch.read == 2
    named = {**pointing, "medicationReference": {"reference": "Medication/far", "display": "Clopidogrel 75 mg"}}
    assert seen(read(named))[0][0] == "MEDICATION//TEXT//Clopidogrel 75 mg"
    lost = read({**pointing, "medicationReference": {"reference": "Medication/far"}})
    assert [reject.found for reject in lost.rejects] == ["Medication/far"]


def test_a_product_without_a_known_code_is_named_by_its_ingredients(read, order, concept):
    pointing = {key: value for key, value in order.items() if key != "medicationCodeableConcept"}
    mixture = {
        "resourceType": "Medication", "id": "m", "code": {"text": "Mixture"},
        "ingredient": [{"itemCodeableConcept": concept("RxNorm//1191")}, {"itemCodeableConcept": concept("RxNorm//161")}],
    }  # fmt: skip
    batch = read({**pointing, "medicationReference": {"reference": "#m"}, "contained": [mixture]})
    assert [event[0] for event in seen(batch)] == ["MEDICATION//TEXT//Mixture", "MEDICATION//RxNorm//1191", "MEDICATION//RxNorm//161"]


def test_a_medication_alone_is_read_and_says_nothing_of_a_patient(read, concept):
    batch = read({"resourceType": "Medication", "code": concept(DRUG)})
    assert (batch.read, batch.events.num_rows) == (1, 0)


def test_a_statement_starts_with_its_period_and_ends_with_it(read, taken):
    events = seen(read({**taken, "effectivePeriod": {"start": "2020", "end": "2021-06-30"}, "dateAsserted": "2022-01-01"}))
    assert events[0][1:3] == (datetime(2020, 1, 1), datetime(2022, 1, 2))
    assert events[1][0] == f"MEDICATION//END//{DRUG}"
    assert events[1][1] == datetime(2021, 6, 30)


def test_a_running_period_has_no_end(read, taken):
    assert len(seen(read({**taken, "effectivePeriod": {"start": "2020"}}))) == 1


@pytest.mark.parametrize("status", ["not-taken", "intended", "entered-in-error"])
def test_what_is_not_taken_is_named(read, taken, status):
    batch = read({**taken, "status": status, "effectiveDateTime": "2020"})
    assert [reject.reason for reject in batch.rejects] == [f"status {status}"]


def test_an_administration_carries_its_dose(read, concept):
    given = {
        "resourceType": "MedicationAdministration", "status": "completed", "medicationCodeableConcept": concept(DRUG),
        "effectiveDateTime": "2026-01-03T08:00:00Z", "dosage": {"dose": {"value": 75, "unit": "mg"}}, **P,
    }  # fmt: skip
    event = read(given).events.to_pylist()[0]
    assert (event["code"], event["numeric_value"], event["unit"]) == (f"ADMINISTERED//{DRUG}", 75.0, "mg")
    bare = read({**given, "dosage": {"dose": {"value": 75}}})
    assert bare.events.to_pylist()[0]["numeric_value"] is None
    assert [(reject.part, reject.reason) for reject in bare.rejects] == [("dose", "a dose without a unit")]
    assert [r.reason for r in read({**given, "status": "not-done"}).rejects] == ["status not-done"]
