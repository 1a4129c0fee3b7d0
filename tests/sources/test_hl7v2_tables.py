"""The HL7 tables are distrusted: every value stands once, means something here, and names only vocabularies and codes that we have."""

from __future__ import annotations

import codecs
import re
import shutil

import pytest

from consilium.core.code import FEMALE, MALE
from consilium.core.errors import InputError, KnowledgeError
from consilium.knowledge import shelf
from consilium.knowledge.shelf import FOLDER
from consilium.sources.hl7v2 import tables as module
from consilium.sources.hl7v2.coding import vocabulary_of
from consilium.sources.hl7v2.messages import known_segments
from consilium.sources.hl7v2.tables import entry, meaning, tables
from consilium.sources.vocabulary import none_known, systems

WORDS = {
    "0003": {"start", "end", "visit", ""},
    "0038": {"start", "end", ""},
    "0076": {"read", "results", "diagnoses", "planned", "immunisations"},
    "0085": {"keep", "corrected", ""},
    "0119": {"start", "end", ""},
    "0123": {""},
    "0206": {"keep", ""},
    "0271": {"keep"},
    "0273": {"keep", ""},
    "0287": {"keep", ""},
    "0292": {""},
    "0322": {"keep", ""},
    "0438": {"keep", "end", ""},
    "0446": {"human"},
}


def test_the_tables_are_those_that_are_asked_for():
    assert set(tables()) == {*WORDS, "0001", "0004", "0200", "0203", "0211", "0396", "none known", "segment"}
    assert {
        name: {word for one in values.values() for word in one.meaning.split() or [""]}
        for name, values in tables().items()
        if name in WORDS
    } == WORDS


def test_sexes_and_classes():
    assert {value: one.meaning for value, one in tables()["0001"].items()} == {"F": FEMALE, "M": MALE}
    assert [entry("0004", value).meaning for value in "EIO"] == ["EMER", "IMP", "AMB"]
    assert all(
        one.meaning in ("EMER", "IMP", "AMB") or one.meaning == f"HL70004//{value}" or one.refusal
        for value, one in tables()["0004"].items()
    )


def test_coding_systems_are_vocabularies_that_other_sources_use():
    ours = {system.vocabulary for system in systems().values()}
    for name, one in tables()["0396"].items():
        assert one.meaning in ours and not one.refusal, name
        assert vocabulary_of(name)[1] is not None
    for name, vocabulary in {
        "LN": "LOINC",
        "SCT": "SNOMED",
        "I10": "ICD10",
        "I10C": "ICD10CM",
        "RXNORM": "RxNorm",
        "NDC": "NDC",
        "CVX": "CVX",
        "UCUM": "UCUM",
        "C4": "CPT",
    }.items():
        assert tables()["0396"][name].meaning == vocabulary


@pytest.mark.parametrize("name", ["ATC", "CONDITION", "END", "GENDER", "TEXT", "FAMILY//SNOMED"])
def test_a_foreign_system_never_passes_for_one_of_ours(name):
    vocabulary, system = vocabulary_of(name)
    assert system is None
    assert "//" not in vocabulary and vocabulary not in {"ATC", "CONDITION", "END", "GENDER", "TEXT"}


@pytest.mark.parametrize("system", ["2.16.840.1.113883.6.1", "http://loinc.org", "ln", "LOINC"])
def test_systems_by_other_names(system):
    assert vocabulary_of(system)[0] == "LOINC"


def test_character_sets_exist():
    for name, one in tables()["0211"].items():
        assert one.refusal or codecs.lookup(one.meaning), name


def test_results_that_are_no_results_are_refused():
    assert {value for value, one in tables()["0085"].items() if one.refusal} == set("DINOWX")
    with pytest.raises(InputError, match="wrong"):
        meaning("0085", "W")
    assert meaning("0085", "F") == meaning("0085", "P") == "keep"


def test_merges_are_refused_whole_and_cancellations_in_part():
    whole = {value for value, one in tables()["0003"].items() if one.refusal and not one.meaning}
    assert whole >= {"A18", "A24", "A34", "A40", "A47"}
    assert {value for value, one in tables()["0003"].items() if one.meaning == "visit"} == {"A05", "A11", "A13", "A14", "A23", "A27", "A38"}


def test_identifiers_are_ranked_or_refused():
    assert entry("0203", "MR").meaning == "1"
    assert all(bool(one.refusal) != one.meaning.isdigit() for one in tables()["0203"].values())


def test_claims_that_nothing_is_known_are_concepts_of_the_shelf():
    assert {one.meaning for one in tables()["none known"].values()} <= none_known()
    assert all(name == name.upper() for name in tables()["none known"])


def test_segments_have_names():
    assert all(re.fullmatch(r"[A-Z][A-Z0-9]{2}", name) for name in tables()["segment"])
    assert not {"PID", "OBX", "DG1"} & set(tables()["segment"])
    assert known_segments() >= {"PID", "OBX", "NK1", "SPM"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0001,M,", "0001,F,", "twice"),
        ("0001,M,GENDER//M,", "0001,M,,", "neither"),
        ("0001,M,GENDER//M,,hl7_v2", "0001,M,GENDER//M,,nobody", "source"),
        ("# licence:", "# lizenz:", "header"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path, monkeypatch, old, new, said):
    for name in ("hl7v2_tables.csv", "sources.yaml"):
        shutil.copy(FOLDER / name, tmp_path / name)
    file = tmp_path / "hl7v2_tables.csv"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    with pytest.raises(KnowledgeError, match=said) as caught:
        module.tables.__wrapped__()
    assert "hl7v2_tables.csv" in str(caught.value)


def test_the_source_is_in_the_bibliography():
    assert "Version 2" in shelf().sources["hl7_v2"].name
