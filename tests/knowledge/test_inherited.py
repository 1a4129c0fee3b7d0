"""What is written of inherited variants is distrusted: the list, ClinVar's words, the criteria and how they combine."""

from __future__ import annotations

import gzip
import re
from collections import Counter

import pytest

from consilium.core.errors import LawError
from consilium.core.inherited import CLASSES, Criterion, InheritedVariant
from consilium.knowledge import shelf
from consilium.knowledge.inherited import class_of, combined, criteria, fields, inheritance_of, plain, secondary_genes, stars_of


def test_the_list_of_secondary_findings_is_whole() -> None:
    genes = secondary_genes()
    # ACMG SF v3.3: 84 genes; v3.0 had 73, v3.1 added five, v3.2 three, v3.3 three.
    assert len(genes) == 84
    since = Counter(g.since for g in genes.values())
    assert since["3.1"] == 5 and since["3.2"] == 3 and since["3.3"] == 3
    assert {g for g, row in genes.items() if row.since == "3.1"} == {"BAG3", "DES", "RBM20", "TNNC1", "TTR"}
    assert {g for g, row in genes.items() if row.since == "3.2"} == {"CALM1", "CALM2", "CALM3"}
    assert {g for g, row in genes.items() if row.since == "3.3"} == {"ABCD1", "CYP27A1", "PLN"}
    for gene in genes.values():
        assert re.fullmatch(r"[A-Z0-9]+", gene.gene) and gene.condition["en"] and re.search("[\u4e00-\u9fff]", gene.condition["zh"])
        assert (gene.copies == 2) == (gene.inheritance == "AR"), gene.gene
        assert gene.source in shelf().sources
    assert {g for g, row in genes.items() if row.inheritance == "XL"} == {"ABCD1", "GLA", "OTC"}
    assert set(genes["HFE"].only) == {"GRCh37", "GRCh38"} and genes["TTN"].truncating


@pytest.mark.parametrize(
    ("words", "status", "wanted"),
    [
        ("Pathogenic", "", "pathogenic"),
        ("Likely_pathogenic", "", "likely_pathogenic"),
        ("Pathogenic/Likely_pathogenic", "", "pathogenic_or_likely"),
        ("Pathogenic/Likely_pathogenic|other", "", "pathogenic_or_likely"),
        ("Pathogenic|not_provided", "", "pathogenic"),
        ("Pathogenic,_low_penetrance", "", "pathogenic"),
        ("Pathogenic,_risk_factor", "", "pathogenic"),
        ("Benign/Likely_benign", "", "benign_or_likely"),
        ("Uncertain_significance", "", "uncertain"),
        ("Conflicting_classifications_of_pathogenicity", "", "conflicting"),
        ("Pathogenic|Uncertain_significance", "", "conflicting"),
        ("Likely_benign|Uncertain_significance", "", "conflicting"),
        ("Benign|Pathogenic|association", "", "conflicting"),
        ("Pathogenic", "criteria_provided,_conflicting_interpretations", "conflicting"),
        ("drug_response", "", "other"),
        ("risk_factor", "", "risk"),
        ("not_provided", "", "none"),
        ("", "", "none"),
    ],
)
def test_words_become_a_class_and_contradiction_stays(words: str, status: str, wanted: str) -> None:
    assert class_of(words, status) == (wanted, ())


def test_unknown_words_are_named_not_guessed() -> None:
    assert class_of("Pathogenic|frobnicated") == ("pathogenic", ("frobnicated",))
    assert class_of("frobnicated") == ("other", ("frobnicated",)) and stars_of("frobnicated") is None


def test_every_word_of_the_file_of_2016_is_known(unzipped) -> None:
    words, statuses, modes = set(), set(), set()
    with gzip.open(unzipped("clinvar") / "clinvar_2016-09-10.b37.vcf.gz", "rt") as lines:
        for line in lines:
            if not line.startswith("#"):
                info = dict(part.partition("=")[::2] for part in line.rstrip().split("\t")[7].split(";"))
                words.add(info["CLINICAL_SIGNIFICANCE"])
                statuses.add(info["REVIEW_STATUS"])
                modes |= set(info.get("INHERITANCE_MODES", "").split("|"))
    assert not [w for w in words if class_of(w)[1]] and all(stars_of(s) is not None for s in statuses)
    assert len(statuses) == 8 and {inheritance_of(m) for m in modes} >= {("AD",), ("AR",), ("XL",), ("MT",)}


def test_the_criteria_are_the_28_of_the_guideline() -> None:
    found = criteria()
    wanted = ["PVS1", *(f"PS{i}" for i in range(1, 5)), *(f"PM{i}" for i in range(1, 7)), *(f"PP{i}" for i in range(1, 6))]
    wanted += ["BA1", *(f"BS{i}" for i in range(1, 5)), *(f"BP{i}" for i in range(1, 8))]
    assert list(found) == wanted and len(found) == 28
    assert {c for c, row in found.items() if row.computed == "never"} == {"PP5", "BP6"}
    for code, row in found.items():
        assert row.side == code[0] and row.text["en"] and row.text["zh"]
    assert found["PM2"].strength == "supporting"


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ("", "uncertain"),
        ("PVS1", "uncertain"),
        ("PVS1 PM2", "likely_pathogenic"),
        ("PVS1 PS1", "pathogenic"),
        ("PVS1 PM1 PP3", "pathogenic"),
        ("PVS1 PM1", "likely_pathogenic"),
        ("PS1 PS3", "pathogenic"),
        ("PS1 PM1", "likely_pathogenic"),
        ("PS1 PM1 PM4 PM5", "pathogenic"),
        ("PM1 PM4 PM5", "likely_pathogenic"),
        ("PM1 PM4 PP1 PP3", "likely_pathogenic"),
        ("PM1 PP1 PP2 PP3 PP4", "likely_pathogenic"),
        ("PM2 PP3", "uncertain"),
        ("BA1", "benign"),
        ("BS1 BS2", "benign"),
        ("BS1 BP4", "likely_benign"),
        ("BP1 BP4", "likely_benign"),
        ("BS1", "uncertain"),
        ("PVS1 PS1 BA1", "uncertain"),
    ],
)  # fmt: skip
def test_criteria_combine_as_richards_2015_says(codes: str, wanted: str) -> None:
    met = [Criterion(code, criteria()[code].strength) for code in codes.split()]
    assert combined(met)[0] == wanted


def test_points_are_those_of_tavtigian_2020() -> None:
    def points(codes: str) -> int:
        return combined([Criterion(c, criteria()[c].strength) for c in codes.split()])[1]

    assert (points("PVS1"), points("PS1"), points("PM1"), points("PM2"), points("BS1"), points("BP4")) == (8, 4, 2, 1, -4, -1)
    assert points("PVS1 BS1") == 4


def test_fields_name_known_things() -> None:
    assert all(form["needs"] and form["words"] and form["status"] for form in fields()["forms"])
    assert "AF" not in fields()["frequencies"]  # of the file's own samples
    assert plain("criteria_provided,_single_submitter") == plain("criteria_provided..single_submitter")


def test_the_law_of_variants() -> None:
    with pytest.raises(LawError):
        InheritedVariant("n", "GRCh38", "1-1-A-T", ("G",), "heterozygous", False, "surely bad")
    with pytest.raises(LawError, match="review status"):
        InheritedVariant("n", "GRCh38", "1-1-A-T", ("G",), "heterozygous", False, "pathogenic", "Pathogenic")
    assert len(CLASSES) == 11
