"""Genomics in the forms: Observations by the HL7 guide, an issue that points at them, a section in text and page."""

from __future__ import annotations

from datetime import datetime

import pytest

from consilium.core import Advice, Consultation, Missing
from consilium.core.gene import GeneResult, Share
from consilium.knowledge import shelf
from consilium.render.cards import cards
from consilium.render.fhir import bundle
from consilium.render.json import consultation_from_json, json_bytes
from consilium.render.text import text

GUIDE = "http://hl7.org/fhir/uv/genomics-reporting/StructureDefinition/"
CALLED = GeneResult(
    "CYP2C19", "HGNC//HGNC:2621", ("*2/*3",), "Poor Metabolizer", "LOINC//LA9657-3", time=datetime(2026, 1, 3), positions=(33, 36),
    distribution=(Share("*2/*3", 0.9), Share("*1/*2", 0.1)),
    phenotypes=(Share("Poor Metabolizer", 0.9), Share("Intermediate Metabolizer", 0.1)),
    event_ids=("f/genomics/s/CYP2C19#genotype", "f/genomics/s/CYP2C19#phenotype"),
)  # fmt: skip
UNCALLED = GeneResult(
    "TPMT", "HGNC//HGNC:12014", time=datetime(2026, 1, 3), notes=("nothing_seen",), event_ids=("f/genomics/s/TPMT#genotype",)
)


@pytest.fixture
def consultation() -> Consultation:
    advice = Advice(
        "avoid", "RxNorm//32968", "clopidogrel: avoid", "", "strong", ("CYP2C19 *2/*3",), shelf().sources["cpic"], urgency="critical",
        event_ids=("MedicationRequest/m1", *CALLED.event_ids),
    )  # fmt: skip
    wanted = Missing("TPMT genotype", f"GENOTYPE//{UNCALLED.code}", "", "pharmacogenetics", False, "strong recommendations rest on it")
    return Consultation("p", datetime(2026, 1, 10), (), (advice,), (wanted,), (), genes=(CALLED, UNCALLED))


def test_genes_are_observations_of_the_guide(consultation: Consultation) -> None:
    resources = [entry["resource"] for entry in bundle(consultation, shelf())["entry"]]
    by_id = {f"urn:uuid:{r['id']}": r for r in resources}
    observed = [r for r in resources if r["resourceType"] == "Observation"]
    kinds = [o["meta"]["profile"][0].removeprefix(GUIDE) for o in observed]
    assert sorted(kinds) == ["genotype", "genotype", "haplotype", "haplotype", "therapeutic-implication"]
    implication = observed[kinds.index("therapeutic-implication")]
    assert implication["component"][0]["valueCodeableConcept"]["coding"][0] == {
        "system": "http://loinc.org", "code": "LA9657-3", "display": "Poor Metabolizer",
    }  # fmt: skip
    genotype = by_id[implication["derivedFrom"][0]["reference"]]
    assert genotype["valueCodeableConcept"]["text"] == "CYP2C19 *2/*3" and len(genotype["note"]) == 2
    assert genotype["component"][0]["valueCodeableConcept"]["coding"][0]["code"] == "HGNC:2621"
    assert {by_id[d["reference"]]["valueCodeableConcept"]["text"] for d in genotype["derivedFrom"]} == {"CYP2C19 *2", "CYP2C19 *3"}


def test_a_gene_that_was_not_called_has_no_value_and_says_so(consultation: Consultation) -> None:
    resources = [entry["resource"] for entry in bundle(consultation, shelf())["entry"]]
    (observed,) = [r for r in resources if r["resourceType"] == "Observation" and "TPMT" in str(r["component"])]
    assert "valueCodeableConcept" not in observed and observed["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_the_issue_points_at_the_genotype(consultation: Consultation) -> None:
    resources = [entry["resource"] for entry in bundle(consultation, shelf())["entry"]]
    (issue,) = [r for r in resources if r["resourceType"] == "DetectedIssue"]
    assert issue["code"]["coding"][0]["code"] == "GEN"
    ids = {f"urn:uuid:{r['id']}" for r in resources}
    pointed = [i["reference"] for i in issue["implicated"]]
    assert pointed[0] == "MedicationRequest/m1" and len(pointed) == 3 and set(pointed[1:]) <= ids
    (asked,) = [r for r in resources if r["resourceType"] == "GuidanceResponse"]
    assert asked["status"] == "data-requested" and asked["dataRequirement"][0]["type"] == "Observation"


def test_text_card_and_json_say_it(consultation: Consultation) -> None:
    shown = " ".join(text(consultation, shelf(), color=False).split())
    assert "CYP2C19 *2/*3, Poor Metabolizer" in shown and "33/36" in shown and "Intermediate Metabolizer 10" in shown
    assert "TPMT genotype" in shown
    assert cards(consultation, shelf())["cards"][0]["indicator"] == "critical"
    assert consultation_from_json(json_bytes(consultation)) == consultation
