"""The example ward through the whole house: ingested, heard, and served in every form, nothing standing in."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from consilium.intake import ingest
from consilium.record import Record
from consilium.render.json import consultation_from_json, json_bytes
from consilium.serve import app

WARD = Path(__file__).parents[2] / "examples" / "ward"
KEYS = {
    "conditions": "Condition", "medications": "MedicationRequest", "statements": "MedicationStatement", "allergies": "AllergyIntolerance",
    "procedures": "Procedure",
    "observations": "Observation",
}  # fmt: skip


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ward") / "record"
    ingest([WARD], folder)
    return folder


@pytest.fixture(scope="module")
def ward(record: Path) -> TestClient:
    return TestClient(app(record), raise_server_exceptions=False)


def test_everybody_is_on_the_list_and_has_a_page_in_both_languages(ward: TestClient, record: Path) -> None:
    listed = ward.get("/").text
    people = Record.open(record).patients()
    assert people
    for patient_id, _ in people:
        assert f'href="/patients/{patient_id}?lang=en"' in listed
        for language in ("en", "zh"):
            assert ward.get(f"/patients/{patient_id}?lang={language}").status_code == 200


def test_everybodys_consultation_comes_in_every_form(ward: TestClient, record: Path) -> None:
    opinions = 0
    for patient_id, _ in Record.open(record).patients():
        url = f"/patients/{patient_id}/consultation"
        content = ward.get(url).content
        read = consultation_from_json(content)
        assert json_bytes(read) == content
        opinions += len(read.opinions)
        kinds = [e["resource"]["resourceType"] for e in ward.get(f"{url}?format=fhir").json()["entry"]]
        assert kinds.count("RiskAssessment") == sum(o.abstained is None for o in read.opinions)
        assert len(ward.get(f"{url}?format=cards").json()["cards"]) >= len(read.advice)
        for advice in read.advice:
            assert advice.summary.split()[0] in ward.get(f"{url}?format=text").text
    assert opinions


def test_evidence_leads_back_to_the_senders_resources(ward: TestClient, record: Path) -> None:
    bases = []
    for patient_id, _ in Record.open(record).patients():
        for entry in ward.get(f"/patients/{patient_id}/consultation?format=fhir").json()["entry"]:
            bases += entry["resource"].get("basis", [])
    sent = {f"{r['resourceType']}/{r['id']}" for file in WARD.glob("*.json") for r in resources(file)}
    assert bases
    assert {b["reference"] for b in bases} <= sent


def test_a_chart_that_arrives_by_prefetch_is_heard_like_the_records(ward: TestClient) -> None:
    heard = 0
    for file in sorted(WARD.glob("*.json")):
        found = resources(file)
        (patient,) = [r for r in found if r["resourceType"] == "Patient"]
        bundles = {
            key: {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in found if r["resourceType"] == kind]}
            for key, kind in KEYS.items()
        }
        call = {
            "hook": "patient-view",
            "hookInstance": str(uuid4()),
            "context": {"patientId": patient["id"]},
            "prefetch": {"patient": patient, **bundles},
        }
        answer = ward.post("/cds-services/consilium-patient-view", json=call)
        assert answer.status_code == 200, answer.text
        heard += len(answer.json()["cards"])
    assert heard


def resources(file: Path) -> list[dict[str, str]]:
    return [entry["resource"] for entry in json.loads(file.read_text(encoding="utf-8"))["entry"]]
