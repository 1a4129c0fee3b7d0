"""References: whom a resource is about, and what it points at."""

from __future__ import annotations

import pytest

OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2524-7"}]},
    "issued": "2026-01-03T08:00:00Z",
    "valueQuantity": {"value": 1.0, "code": "mmol/L", "system": "http://unitsofmeasure.org"},
}
URN = "urn:uuid:0a3d0000-0000-4000-8000-00000000000a"


def bundle(*entries):
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries)}


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/p"},
        {"reference": "Patient/p/_history/3"},
        {"reference": "https://ward.example/fhir/Patient/p"},
        {"reference": "https://ward.example/fhir/Patient/p/_history/3"},
    ],
)
def test_literal_references(read, reference):
    assert read({**OBSERVATION, "subject": reference}).events["patient_id"].to_pylist() == ["p"]


def test_a_full_url_leads_to_the_id_of_its_entry(read):
    patient = {"fullUrl": URN, "resource": {"resourceType": "Patient", "id": "p", "gender": "male"}}
    batch = read(bundle({"resource": {**OBSERVATION, "subject": {"reference": URN}}}, patient))
    assert set(batch.events["patient_id"].to_pylist()) == {"p"}


def test_a_patient_without_id_bears_its_full_url(read):
    patient = {"fullUrl": URN, "resource": {"resourceType": "Patient", "gender": "male"}}
    batch = read(bundle({"resource": {**OBSERVATION, "subject": {"reference": URN}}}, patient))
    assert set(batch.events["patient_id"].to_pylist()) == {URN.removeprefix("urn:uuid:")}
    assert batch.read == 2


def test_an_identifier_leads_to_its_only_bearer(read):
    mrn = {"system": "urn:mrn", "value": "7"}
    patient = {"resource": {"resourceType": "Patient", "id": "p", "identifier": [mrn], "gender": "male"}}
    batch = read(bundle({"resource": {**OBSERVATION, "subject": {"identifier": mrn}}}, patient))
    assert set(batch.events["patient_id"].to_pylist()) == {"p"}


def test_an_identifier_with_two_bearers_leads_nowhere(read):
    mrn = {"system": "urn:mrn", "value": "7"}
    people = [{"resource": {"resourceType": "Patient", "id": i, "identifier": [mrn], "gender": "male"}} for i in "ab"]
    batch = read(bundle({"resource": {**OBSERVATION, "subject": {"identifier": mrn}}}, *people))
    assert [reject.found for reject in batch.rejects] == ["7"]


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (None, "No subject"),
        ({"reference": "Group/1"}, "The subject is not a patient"),
        ({"reference": "Device/1"}, "The subject is not a patient"),
        ({"reference": "Patient/"}, "The subject is not a patient"),
        ({"type": "Group", "identifier": {"value": "1"}}, "The subject is not a patient"),
        ({"reference": URN}, "The subject is in no entry of this file"),
        ({"identifier": {"value": "1"}}, "The subject is named by an identifier that no patient of this file carries"),
        ({"display": "Ida"}, "The subject is named by an identifier that no patient of this file carries"),
        ({"reference": "#a"}, "The subject is not a patient"),
    ],
)
def test_refusals_are_named(read, reference, reason):
    batch = read({**OBSERVATION, **({"subject": reference} if reference else {})})
    assert [reject.reason for reject in batch.rejects] == [reason]


def test_a_contained_patient_is_known_by_its_identifier(read):
    mrn = {"system": "urn:mrn", "value": "7"}
    inside = {"resourceType": "Patient", "id": "a", "identifier": [mrn]}
    sent = {**OBSERVATION, "subject": {"reference": "#a"}, "contained": [inside]}
    assert read(sent).rejects[0].reason == "The subject is a contained patient unknown to this file"
    known = {"resourceType": "Patient", "id": "p", "identifier": [mrn], "gender": "male"}
    assert set(read(sent, known).events["patient_id"].to_pylist()) == {"p"}
