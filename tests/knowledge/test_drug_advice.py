"""Drug advice: what is certain is said, what is only possible carries its probability, and silence is never a normal result."""

from __future__ import annotations

from consilium.core.gene import Share
from consilium.genomics.diplotype import Diplotype, from_outside
from consilium.knowledge.drug_advice import drug_advice
from consilium.knowledge.pharmacogenes import pharmacogenes


def _of(found, drug: str, source: str = "cpic"):
    return [a for a in found if a.guidance.drug == drug and a.guidance.source == source]


def test_a_called_genotype_gives_certain_advice() -> None:
    found = drug_advice([from_outside(pharmacogenes()["CYP2C19"], "*2/*2", "lab")])
    clopidogrel = _of(found, "clopidogrel")
    assert clopidogrel and all(a.probability == 1 and a.guidance.action == "avoid" for a in clopidogrel)
    assert clopidogrel[0].because == {"CYP2C19": "Poor Metabolizer"} and clopidogrel[0].guidance.pmid


def test_an_uncertain_genotype_raises_what_is_possible() -> None:
    unsure = Diplotype(
        "TPMT", ("*1/*3A",), "Intermediate Metabolizer", distribution=(Share("*1/*3A", 0.9), Share("*3B/*3C", 0.1)), notes=("phase",)
    )
    unsure_dpyd = Diplotype(
        "DPYD", ("Reference/Reference",), "Normal Metabolizer", 2.0,
        distribution=(Share("Reference/Reference", 0.95), Share("Reference/c.1905+1G>A (*2A)", 0.05)), missing={"rs3918290": "absent"},
    )  # fmt: skip
    found = drug_advice([unsure, unsure_dpyd])
    possible = _of(found, "fluorouracil", "dpwg")
    assert {a.guidance.action for a in possible} == {"reduce"} and abs(possible[0].probability - 0.05) < 1e-9


def test_what_nobody_knows_gives_no_advice_and_no_all_clear() -> None:
    assert drug_advice([Diplotype("CYP2C19", (), notes=("nothing_seen",))]) == ()


def test_two_genes_are_read_together() -> None:
    genes = [from_outside(pharmacogenes()[g], d, "lab") for g, d in (("CYP2D6", "*4/*4"), ("CYP2C19", "*1/*1"))]
    amitriptyline = _of(drug_advice(genes), "amitriptyline")
    assert {a.guidance.action for a in amitriptyline} == {"avoid"} and amitriptyline[0].guidance.dose == (0.5, 0.5)


def test_what_is_said_of_the_very_diplotype_silences_what_is_said_of_the_phenotype() -> None:
    """DPWG asks nothing for warfarin at CYP2C9 *1/*2, although intermediate metabolisers in general start lower."""
    found = drug_advice([from_outside(pharmacogenes()["CYP2C9"], "*1/*2", "lab")])
    assert _of(found, "warfarin", "dpwg") == []
    assert {a.guidance.action for a in _of(drug_advice([from_outside(pharmacogenes()["CYP2C9"], "*1/*3", "lab")]), "warfarin", "dpwg")} == {
        "reduce"
    }
