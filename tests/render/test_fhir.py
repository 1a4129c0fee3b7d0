"""FHIR R4 (4.0.1): required elements and value sets of the resources written, as the standard's own pages list them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from consilium.core import Advice, Consultation, Source
from consilium.knowledge import Shelf
from consilium.render.fhir import bundle

RECORDED = datetime(2026, 1, 3, 8, 5)
REQUIRED = {
    "Device": set(),
    "RiskAssessment": {"status", "subject"},
    "GuidanceResponse": {"moduleUri", "status"},
    "DetectedIssue": {"status"},
    "ServiceRequest": {"status", "intent", "subject"},
    "MedicationRequest": {"status", "intent", "subject", "medicationCodeableConcept"},
    "Provenance": {"target", "recorded", "agent"},
}
ALLOWED = {
    ("RiskAssessment", "status"): {"registered", "preliminary", "final", "amended"},
    ("GuidanceResponse", "status"): {"success", "data-requested", "data-required", "in-progress", "failure", "entered-in-error"},
    ("DetectedIssue", "status"): {"registered", "preliminary", "final", "amended"},
    ("DetectedIssue", "severity"): {"high", "moderate", "low"},
    ("ServiceRequest", "status"): {"draft"},
    ("ServiceRequest", "intent"): {"proposal"},
    ("MedicationRequest", "status"): {"draft"},
    ("MedicationRequest", "intent"): {"proposal"},
    ("Device", "status"): {"active"},
}


def written(consultation: Consultation, shelf: Shelf) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle(consultation, shelf, recorded=RECORDED)["entry"]]


def of(kind: str, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in resources if r["resourceType"] == kind]


def walk(value: Any) -> Iterator[Any]:
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(item)


def test_required_elements_and_value_sets(consultation: Consultation, shelf: Shelf) -> None:
    for resource in written(consultation, shelf):
        kind = resource["resourceType"]
        assert REQUIRED[kind] <= set(resource), kind
        for (of_kind, element), values in ALLOWED.items():
            if of_kind == kind:
                assert resource[element] in values


def test_nothing_is_null_or_empty(consultation: Consultation, shelf: Shelf) -> None:
    document = bundle(consultation, shelf, recorded=RECORDED)
    assert not [v for v in walk(document) if v is None or v in ("", [], {})]


def test_the_bundle_is_a_collection_whose_references_resolve_or_lead_to_the_sender(english: Consultation, shelf: Shelf) -> None:
    document = bundle(english, shelf, recorded=RECORDED)
    assert (document["resourceType"], document["type"]) == ("Bundle", "collection")
    addresses = [entry["fullUrl"] for entry in document["entry"]]
    assert len(addresses) == len(set(addresses))
    for entry in document["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{UUID(entry['resource']['id'])}"
    for value in walk(document):
        if isinstance(value, dict) and "reference" in value and not value["reference"].startswith("https:"):
            assert value["reference"] in addresses or re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}", value["reference"])


def test_an_opinion_is_a_risk_assessment(english: Consultation, shelf: Shelf) -> None:
    (risk,) = of("RiskAssessment", written(english, shelf))
    (prediction,) = risk["prediction"]
    assert prediction["probabilityDecimal"] == 0.873
    assert prediction["outcome"]["coding"][0] == {
        "system": "http://snomed.info/sct",
        "code": "53741008",
        "display": "Coronary heart disease",
    }
    assert "95 % interval 79 to 93 %" in prediction["rationale"]
    assert "95 % interval 79 to 93 %" in risk["note"][0]["text"]
    assert "probabilityRange" not in prediction
    assert not any(key.startswith("when") for key in prediction)
    assert risk["occurrenceDateTime"] == "2026-01-03T08:00:00Z"
    assert risk["subject"]["reference"] == "Patient/ward-42"


def test_events_become_references_only_when_they_were_resources(english: Consultation, shelf: Shelf) -> None:
    (risk,) = of("RiskAssessment", written(english, shelf))
    assert {b["reference"] for b in risk["basis"] if "reference" in b} == {"Observation/bp25", "Observation/chol25"}
    assert [b["identifier"]["value"] for b in risk["basis"] if "identifier" in b] == ["0a1b2c3d/row/17"]


def test_a_patient_whose_identifier_cannot_be_an_address_is_named_by_identifier(english: Consultation, shelf: Shelf) -> None:
    (risk,) = of("RiskAssessment", written(replace(english, patient_id="ward 3/Ann Ü"), shelf))
    assert "reference" not in risk["subject"]
    assert risk["subject"]["identifier"]["value"] == "ward 3/Ann Ü"


def test_an_abstention_requires_data_and_names_them(english: Consultation, shelf: Shelf) -> None:
    answers = {r["moduleUri"].rpartition(":")[2]: r for r in of("GuidanceResponse", written(english, shelf))}
    assert answers["breast_mass"]["status"] == "data-required"
    (needed,) = answers["breast_mass"]["dataRequirement"]
    assert needed["type"] == "Observation"
    assert needed["codeFilter"][0]["code"][0]["code"] == "nucleus-radius-mean"
    assert answers["heart_disease"]["status"] == "data-requested"
    assert answers["stroke"]["status"] == "data-required"
    assert answers["stroke"]["note"][0]["text"] == english.absent[0].reason
    assert of("RiskAssessment", written(replace(english, opinions=english.opinions[1:]), shelf)) == []
    complete = {r["moduleUri"]: r for r in of("GuidanceResponse", written(replace(english, missing=()), shelf))}
    assert complete["urn:consilium:specialists:heart_disease"]["status"] == "success"


def test_advice_to_stop_is_a_detected_issue_with_what_it_implicates(english: Consultation, shelf: Shelf) -> None:
    (issue,) = of("DetectedIssue", written(english, shelf))
    assert issue["severity"] == "high"
    assert [i["reference"] for i in issue["implicated"]] == ["AllergyIntolerance/pen", "MedicationRequest/amox"]
    assert issue["code"]["coding"][0]["code"] == "ALGY"


def test_advice_that_names_a_test_is_a_proposal_and_the_rest_a_remark(english: Consultation, shelf: Shelf) -> None:
    resources = written(english, shelf)
    assert [r["code"]["coding"][0]["code"] for r in of("ServiceRequest", resources)] == ["33960-7", "2093-3"]
    assert [r["note"][0]["text"] for r in of("GuidanceResponse", resources) if r["moduleUri"] == "urn:consilium:council"] == ["chest pain?"]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("treat", "MedicationRequest"),
        ("consider", "GuidanceResponse"),
        ("review", "DetectedIssue"),
        ("clarify", "DetectedIssue"),
        ("avoid", "DetectedIssue"),
    ],
)
def test_advice_about_a_drug_is_written_by_its_action(english: Consultation, shelf: Shelf, action: str, kind: str) -> None:
    one = Advice(action, "MEDICATION//RxNorm//83367", "atorvastatin", "", "I A", ("risk",), Source("guideline"))
    alone = replace(english, advice=(one,), opinions=(), missing=(), absent=())
    assert [r["resourceType"] for r in written(alone, shelf)] == ["Device", kind, "Provenance"]


def test_provenance_names_version_model_and_sources(english: Consultation, shelf: Shelf) -> None:
    resources = written(english, shelf)
    (risk,) = of("RiskAssessment", resources)
    (origin,) = [p for p in of("Provenance", resources) if p["target"][0]["reference"] == f"urn:uuid:{risk['id']}"]
    assert origin["recorded"] == "2026-01-03T08:05:00Z"
    assert origin["agent"][1]["who"]["display"] == "heart_disease 1.0 (0123456789ab)"
    assert {"reference": "Observation/bp25"} in [e["what"] for e in origin["entity"]]
    (device,) = of("Device", resources)
    assert origin["agent"][0]["who"]["reference"] == f"urn:uuid:{device['id']}"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", device["version"][0]["value"])


def test_the_same_consultation_gives_the_same_bundle_and_another_patient_other_ids(english: Consultation, shelf: Shelf) -> None:
    assert bundle(english, shelf, recorded=RECORDED) == bundle(english, shelf, recorded=RECORDED)
    other = {r["id"] for r in written(replace(english, patient_id="ward-43"), shelf)}
    assert not other & {r["id"] for r in written(english, shelf)}


def test_an_unknown_vocabulary_is_its_own_system(english: Consultation, shelf: Shelf) -> None:
    odd = replace(english.opinions[0], condition="http://acme.org/cs//X7")
    (risk,) = of("RiskAssessment", written(replace(english, opinions=(odd,)), shelf))
    assert risk["prediction"][0]["outcome"]["coding"][0]["system"] == "http://acme.org/cs"
    assert risk["prediction"][0]["outcome"]["coding"][0]["code"] == "X7"
