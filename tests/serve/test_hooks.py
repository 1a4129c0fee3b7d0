"""CDS Hooks 2.0.1: discovery, calling a service, feedback - and that every failure is one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from consilium.core import Reject
from consilium.core.errors import FormatError, ModelError

URL = "/cds-services/consilium-patient-view"
REQUIRED = ["patient", "conditions", "medications", "procedures", "allergies", "observations"]


def searchset(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources], **more}


def condition(patient: str = "42") -> dict[str, Any]:
    return {"resourceType": "Condition", "id": "c1", "subject": {"reference": f"Patient/{patient}"}, "code": {"text": "x"}}


def call(**changes: Any) -> dict[str, Any]:
    prefetch = {
        "patient": {"resourceType": "Patient", "id": "42"},
        "conditions": searchset(condition()),
        "medications": None,
        "procedures": searchset(),
        "allergies": searchset(),
        "observations": None,
    }
    return {
        "hook": "patient-view",
        "hookInstance": str(uuid4()),
        "context": {"patientId": "42", "userId": "Practitioner/1"},
        "prefetch": prefetch,
        **changes,
    }


def prefetch(**changes: Any) -> dict[str, Any]:
    request = call()
    kept = {key: value for key, value in (request["prefetch"] | changes).items() if value != "absent"}
    return request | {"prefetch": kept}


def test_discovery_is_where_the_standard_puts_it_and_declares_its_prefetch(client: TestClient) -> None:
    answer = client.get("/cds-services")
    assert answer.status_code == 200
    services = answer.json()["services"]
    assert len({s["id"] for s in services}) == len(services)
    for service in services:
        assert all(service[key] for key in ("hook", "id", "description", "title"))
        assert set(REQUIRED) <= set(service["prefetch"])
        assert all("{{context.patientId}}" in query for query in service["prefetch"].values())


def test_discovery_speaks_the_clients_language(client: TestClient) -> None:
    (service,) = client.get("/cds-services", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.5"}).json()["services"]
    assert service["title"] == "consilium 会诊"


def test_every_service_discovered_can_be_called_and_answers_with_cards(client: TestClient, house: Any) -> None:
    for service in client.get("/cds-services").json()["services"]:
        answer = client.post(f"/cds-services/{service['id']}", json=call(hook=service["hook"]))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert [c["summary"] for c in answer.json()["cards"]] == [
            "Measure cholesterol",
            "SNOMED 53741008: about 80 in 100 patients like this one",
        ]
    (patient, language), *_ = house.heard
    assert (patient.id, language) == ("42", "en")
    assert [r["resourceType"] for r in house.received] == ["Patient", "Condition"]


def test_cards_lead_to_the_page_only_when_there_is_one(client: TestClient) -> None:
    assert client.post(URL, json=call()).json()["cards"][0]["links"][0]["url"].startswith("https://ward.example/patients/42?")
    stranger = prefetch(patient={"resourceType": "Patient", "id": "77"}, conditions=None) | {"context": {"patientId": "77"}}
    assert "links" not in client.post(URL, json=stranger).json()["cards"][0]


def test_an_unknown_service_is_404(client: TestClient) -> None:
    answer = client.post("/cds-services/echo", json=call())
    assert answer.status_code == 404
    assert "CDS service" in answer.json()["error"]


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_prefetch_is_412_and_named(client: TestClient, house: Any, key: str) -> None:
    answer = client.post(URL, json=prefetch(**{key: "absent"}))
    assert answer.status_code == 412
    assert answer.json()["missing"] == [key]
    assert key in answer.json()["error"]
    assert house.heard == []


def test_no_prefetch_at_all_is_412_and_names_every_key(client: TestClient) -> None:
    answer = client.post(URL, json={key: value for key, value in call().items() if key != "prefetch"})
    assert answer.status_code == 412
    assert answer.json()["missing"] == REQUIRED


def test_null_says_no_data_but_never_no_patient(client: TestClient) -> None:
    assert client.post(URL, json=prefetch(conditions=None, observations=None)).status_code == 200
    assert client.post(URL, json=prefetch(patient=None)).json()["missing"] == ["patient"]


def test_a_lookup_that_failed_or_came_in_pages_is_412(client: TestClient) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    assert client.post(URL, json=prefetch(allergies=outcome)).json()["failed"] == ["allergies"]
    assert client.post(URL, json=prefetch(allergies=searchset(outcome))).json()["failed"] == ["allergies"]
    paged = searchset(condition(), link=[{"relation": "self", "url": "u"}, {"relation": "next", "url": "u2"}])
    answer = client.post(URL, json=prefetch(conditions=paged))
    assert (answer.status_code, answer.json()["paged"]) == (412, ["conditions"])


def test_a_harmless_outcome_among_the_entries_is_left_aside(client: TestClient, house: Any) -> None:
    remark = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}
    assert client.post(URL, json=prefetch(conditions=searchset(remark, condition()))).status_code == 200
    assert [r["resourceType"] for r in house.received] == ["Patient", "Condition"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"{not json", ""),
        (b"[]", "the request"),
        (b'"text"', "the request"),
        (b"", ""),
    ],
)
def test_a_malformed_body_is_400_in_words(client: TestClient, content: bytes, field: str) -> None:
    answer = client.post(URL, content=content)
    assert answer.status_code == 400
    assert field in answer.json()["error"]
    assert answer.json()["do"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hookInstance": "not-a-uuid"}, "hookInstance"),
        ({"context": {}}, "context.patientId"),
        ({"context": {"patientId": ""}}, "context.patientId"),
        ({"context": None}, "context"),
        ({"hook": None}, "hook"),
        ({"prefetch": []}, "prefetch"),
    ],
)
def test_a_field_that_is_wrong_is_400_and_named(client: TestClient, changes: dict[str, Any], field: str) -> None:
    answer = client.post(URL, json=call(**changes))
    assert answer.status_code == 400
    assert answer.json()["fields"] == [field]


def test_another_hook_is_400(client: TestClient) -> None:
    answer = client.post(URL, json=call(hook="order-sign"))
    assert answer.status_code == 400
    assert "patient-view" in answer.json()["error"]


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": {"resourceType": "Patient", "id": "43"}},
        {"patient": {"resourceType": "Practitioner", "id": "42"}},
        {"conditions": searchset(condition("43"))},
        {"conditions": searchset(condition("https://fhir.example/Patient/43"))},
        {"conditions": searchset({"resourceType": "Patient", "id": "43"})},
        {"allergies": searchset({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/43"}})},
        {"conditions": {"entry": []}},
        {"conditions": "Condition/1"},
        {"conditions": {"resourceType": "Bundle", "entry": [{"fullUrl": "x"}]}},
    ],
)
def test_data_of_another_patient_or_no_resource_are_400(client: TestClient, house: Any, changes: dict[str, Any]) -> None:
    answer = client.post(URL, json=prefetch(**changes))
    assert answer.status_code == 400
    assert "43" not in answer.text
    assert house.heard == []


def test_a_reference_with_an_address_to_the_same_patient_is_fine(client: TestClient) -> None:
    same = condition() | {"subject": {"reference": "https://fhir.example/r4/Patient/42"}}
    inside = condition() | {"subject": {"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}}
    assert client.post(URL, json=prefetch(conditions=searchset(same, inside))).status_code == 200


@pytest.mark.parametrize(
    "crash", [ValueError("Karl Weber 42 broke it"), KeyError("Karl Weber"), ModelError("The model cannot answer", found="Karl Weber 42")]
)
def test_a_crash_is_500_in_words_and_never_a_200_without_cards(client: TestClient, house: Any, crash: Exception) -> None:
    house.crash = crash
    answer = client.post(URL, json=call())
    assert answer.status_code == 500
    assert answer.json()["error"]
    assert "cards" not in answer.json()
    assert "Karl" not in answer.text


def test_a_request_that_cannot_be_read_is_the_clients_to_correct(client: TestClient, house: Any) -> None:
    house.crash = FormatError("The resource is not R4", where="MedicationRequest/9", found="Karl's pills")
    answer = client.post(URL, json=call())
    assert answer.status_code == 400
    assert answer.json()["error"] == "The resource is not R4"
    assert "Karl" not in answer.text


def test_what_could_not_be_read_is_told_in_a_card(client: TestClient, house: Any) -> None:
    house.rejects = (Reject("prefetch", "MedicationRequest/9", "R5: MedicationRequest.medication"),)
    last = client.post(URL, json=call()).json()["cards"][-1]
    assert last["indicator"] == "warning"
    assert "MedicationRequest/9" in last["detail"]


def test_a_body_over_the_limit_is_413(house: Any) -> None:
    small = house.client(limit=500)
    assert small.post(URL, content=b"x" * 501).status_code == 413
    assert small.post(URL, content=iter([b"x" * 300, b"x" * 300])).status_code == 413
    assert small.post(URL, content=b"x" * 500).status_code == 400


def test_a_client_that_is_not_admitted_is_401(house: Any) -> None:
    asked = []

    def admit(authorization: str, url: str) -> bool:
        asked.append((authorization, url))
        return authorization == "Bearer good"

    guarded = house.client(admit=admit)
    assert guarded.post(URL, json=call()).status_code == 401
    assert guarded.post(f"{URL}/feedback", json={}).status_code == 401
    assert guarded.post(URL, json=call(), headers={"authorization": "Bearer good"}).status_code == 200
    assert asked[0] == ("", f"https://ward.example{URL}")
    assert guarded.get("/cds-services").status_code == 200


def verdict(**changes: Any) -> dict[str, Any]:
    one = {
        "card": str(uuid4()),
        "outcome": "overridden",
        "outcomeTimestamp": "2026-01-03T08:10:00Z",
        "overrideReason": {"reason": {"code": "already-done"}, "userComment": "seen"},
    }
    return {"feedback": [one | changes]}


def test_feedback_is_kept(client: TestClient, house: Any) -> None:
    sent = verdict()
    assert client.post(f"{URL}/feedback", json=sent).status_code == 200
    assert client.post(f"{URL}/feedback", json=verdict(outcome="accepted", acceptedSuggestions=[{"id": "s1"}])).status_code == 200
    assert [k["outcome"] for k in house.kept] == ["overridden", "accepted"]
    assert house.kept[0]["card"] == sent["feedback"][0]["card"]
    assert house.kept[0]["overrideReason"]["reason"]["code"] == "already-done"


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"feedback": []},
        verdict(outcome="ignored"),
        verdict(card=""),
        verdict(outcomeTimestamp="yesterday"),
        {"feedback": [{"outcome": "accepted"}]},
    ],
)
def test_feedback_that_lacks_something_is_400_and_not_kept(client: TestClient, house: Any, sent: dict[str, Any]) -> None:
    assert client.post(f"{URL}/feedback", json=sent).status_code == 400
    assert house.kept == []


def test_feedback_on_an_unknown_service_is_404(client: TestClient) -> None:
    assert client.post("/cds-services/echo/feedback", json=verdict()).status_code == 404


def test_feedback_is_kept_beside_the_record_for_its_owner_alone(house: Any) -> None:
    client = house.client(keep_feedback=None)
    for _ in range(2):
        assert client.post(f"{URL}/feedback", json=verdict()).status_code == 200
    file = house.folder.with_name(f"{house.folder.name}-feedback.ndjson")
    assert len(file.read_text(encoding="utf-8").splitlines()) == 2
    assert file.stat().st_mode & 0o077 == 0
