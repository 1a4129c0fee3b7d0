"""CodeableConcept: which codes it gives, and which comes first."""

from __future__ import annotations

import random

import pytest

from consilium.knowledge.shelf import FOLDER, read_sources
from consilium.knowledge.table import read_table
from consilium.sources.fhir.coding import codings, recognised
from consilium.sources.vocabulary import none_known, systems


def test_the_vocabulary_of_the_kind_comes_first(concept):
    both = concept("RxNorm//1", "SNOMED//2", "LOINC//3", "CVX//4")
    for kind, first in (
        ("MEASUREMENT", "LOINC//3"),
        ("CONDITION", "SNOMED//2"),
        ("MEDICATION", "RxNorm//1"),
        ("IMMUNIZATION", "CVX//4"),
        ("ANSWER", "SNOMED//2"),
    ):
        assert codings(both, kind)[0].code == first


def test_the_order_of_codings_changes_nothing(concept):
    sent = concept("ACME//1", "ZETA//2", "SNOMED//3", "LOINC//4", "ICD10CM//5")
    expected = codings(sent, "CONDITION")
    for seed in range(10):
        random.Random(seed).shuffle(sent["coding"])
        assert codings(sent, "CONDITION") == expected


def test_an_unknown_system_keeps_its_uri(concept):
    assert recognised(concept("ACME//7"), "CONDITION")[0].code == "http://acme.example//7"


def test_known_vocabularies_leave_unknown_ones_out(concept):
    codes = [c.code for c in recognised(concept("ACME//7", "SNOMED//1", "ICD10CM//I10", "SNOMED//1"), "CONDITION")]
    assert codes == ["SNOMED//1", "ICD10CM//I10"]


def test_text_alone_is_text():
    assert codings({"text": " Peanuts "}, "ALLERGY")[0].code == "TEXT//Peanuts"
    assert codings({"coding": [{"display": "Peanuts"}]}, "ALLERGY")[0].code == "TEXT//Peanuts"
    assert codings({}, "ALLERGY") == codings(None, "ALLERGY") == codings({"coding": [{"system": "http://loinc.org"}]}, "ALLERGY") == []


def test_the_knowledge_files_are_whole():
    sources = read_sources(FOLDER / "sources.yaml")
    rows = read_table(FOLDER / "systems.csv", ("system", "vocabulary", "first_for", "source"), sources)
    assert len(rows) == len(systems())
    for uri, vocabulary in (("http://loinc.org", "LOINC"), ("urn:consilium:codes", "CONSILIUM"), ("http://hl7.org/fhir/sid/cvx", "CVX")):
        assert systems()[uri].vocabulary == vocabulary
    assert all(code.startswith("SNOMED//") for code in none_known())


@pytest.mark.parametrize("kind", ["MEASUREMENT", "CONDITION", "MEDICATION", "IMMUNIZATION", "PROCEDURE", "ALLERGY", "ENCOUNTER", "ANSWER"])
def test_every_kind_has_a_preferred_vocabulary(kind):
    assert any(kind in system.first_for for system in systems().values())
