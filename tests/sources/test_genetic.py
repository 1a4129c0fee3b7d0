"""Genes sent by FHIR: a genotype and its implication become one result; what a consultation wrote is read back."""

from __future__ import annotations

import json
from datetime import datetime

import pyarrow as pa

from consilium.core import Consultation, Patient
from consilium.core.events import table
from consilium.core.gene import GeneResult
from consilium.council.genome import genes
from consilium.knowledge import shelf
from consilium.render.fhir import bundle
from consilium.sources.fhir.resources import read_resources

HELD = (
    GeneResult("CYP2C19", "HGNC//HGNC:2621", ("*2/*3",), "Poor Metabolizer", "LOINC//LA9657-3", time=datetime(2026, 1, 3)),
    GeneResult("CYP2D6", "HGNC//HGNC:2625", ("*1/*4", "*4/*10"), time=datetime(2026, 1, 3)),
    GeneResult("TPMT", "HGNC//HGNC:12014", time=datetime(2026, 1, 3)),
)


def _genes(events: pa.Table) -> dict[str, GeneResult]:
    rows = [
        {k: row[k] for k in ("time", "available", "code", "numeric_value", "text_value", "unit", "source_id")} for row in events.to_pylist()
    ]
    patient = Patient("p", datetime(2026, 2, 1), table({"subject_id": 1, **row} for row in rows))
    return {g.gene: g for g in genes(patient, shelf())}


def test_what_was_written_is_read_back() -> None:
    sent = bundle(Consultation("p", datetime(2026, 1, 10), (), (), (), (), genes=HELD), shelf())
    read = _genes(read_resources([sent], "bundle").events)
    assert set(read) == {"CYP2C19", "CYP2D6", "TPMT"}
    for held in HELD:
        found = read[held.gene]
        assert (found.diplotypes, found.phenotype, found.phenotype_code) == (held.diplotypes, held.phenotype, held.phenotype_code)
        assert found.called is held.called and found.time == held.time


def _observation(identity: str, code: dict, **more) -> dict:
    return {
        "resourceType": "Observation", "id": identity, "status": "final", "code": {"coding": [code]}, "subject": {"reference": "Patient/p"},
        "issued": "2026-01-03T08:00:00Z", **more,
    }  # fmt: skip


LOINC = "http://loinc.org"
HGNC = {"system": "http://www.genenames.org/geneId", "code": "HGNC:2621", "display": "CYP2C19"}
GENE = {"code": {"coding": [{"system": LOINC, "code": "48018-6"}]}, "valueCodeableConcept": {"coding": [HGNC]}}


def test_a_phenotype_that_names_its_gene_stands_alone() -> None:
    value = {"coding": [{"system": LOINC, "code": "LA9657-3", "display": "Poor metabolizer"}]}
    sent = _observation("i", {"system": LOINC, "code": "53040-2"}, component=[GENE], valueCodeableConcept=value)
    assert _genes(read_resources([sent], "x").events)["CYP2C19"].phenotype == "Poor Metabolizer"


def test_a_gene_that_is_not_held_here_stays_a_plain_observation() -> None:
    other = {
        **GENE,
        "valueCodeableConcept": {"coding": [{"system": "http://www.genenames.org/geneId", "code": "HGNC:1", "display": "A12M1"}]},
    }
    sent = _observation("g", {"system": LOINC, "code": "84413-4"}, component=[other], valueCodeableConcept={"text": "A12M1 *1/*2"})
    codes = read_resources([sent], "x").events["code"].to_pylist()
    assert codes and not [c for c in codes if c.startswith("GENOTYPE//")]


def test_a_misshapen_genotype_is_a_named_reject_and_nothing_else_is_lost() -> None:
    broken = _observation("g", {"system": LOINC, "code": "84413-4"}, component=["text"], valueCodeableConcept={"text": "CYP2C19 *1/*2"})
    whole = _observation("h", {"system": LOINC, "code": "84413-4"}, component=[GENE], valueCodeableConcept={"text": "CYP2C19 *1/*2"})
    batch = read_resources([broken, whole], "x")
    assert (batch.rows, batch.read, len(batch.rejects)) == (2, 1, 1)
    assert _genes(batch.events)["CYP2C19"].diplotypes == ("*1/*2",)


def _activity(gene_of_code: str = "79716-7", *, component: dict | None = None) -> dict:
    value = {"coding": [{"system": LOINC, "code": "LA25391-6", "display": "Normal metabolizer"}]}
    more = {"component": [component]} if component else {}
    return _observation("a", {"system": LOINC, "code": gene_of_code}, valueCodeableConcept=value, **more)


def test_a_phenotype_whose_code_names_its_gene_needs_no_component() -> None:
    assert _genes(read_resources([_activity()], "x").events)["CYP2C9"].phenotype == "Normal Metabolizer"


def test_a_code_of_one_gene_with_the_component_of_another_is_no_result_of_either() -> None:
    events = read_resources([_activity(component=GENE)], "x").events
    assert not _genes(events) and "LOINC//79716-7" in events["code"].to_pylist()


def test_the_phenotype_of_the_specification_is_read(unzipped) -> None:
    (path,) = unzipped("fhir_r4_examples").rglob("Observation-example-phenotype.json")
    sent = json.loads(path.read_text())
    found = _genes(read_resources([sent], "x").events)
    assert found["CYP2C9"].phenotype == "Normal Metabolizer"
