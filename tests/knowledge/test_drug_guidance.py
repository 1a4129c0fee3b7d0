"""Drug guidance: every row is distrusted, and what every pharmacist knows must be in it."""

from __future__ import annotations

import re

import pytest

from consilium.knowledge import shelf
from consilium.knowledge.drug_guidance import ACTIONS, SILENT, Known, drug_guidance, holding
from consilium.knowledge.pharmacogenes import pharmacogenes

ROWS = drug_guidance()
OUTSIDE = {"HLA-A", "HLA-B", "MT-RNR1"}
"""Genes that no VCF reader here calls; their results come from outside."""


def test_there_are_rows_for_more_than_a_hundred_drugs() -> None:
    assert len({row.drug for row in ROWS}) >= 140
    assert len({row.drug for row in ROWS if row.action not in SILENT}) >= 110
    assert {row.source for row in ROWS} == {"cpic", "dpwg", "fda_pgx"}


def test_every_drug_is_one_that_a_chart_can_hold() -> None:
    drugs = shelf().drugs
    for name in {row.drug for row in ROWS}:
        assert name in drugs.known
        assert name in drugs.ingredients(f"TEXT//{name} tablets")


def test_every_gene_population_and_phenotype_has_a_name() -> None:
    book = shelf().genes
    assert {gene for row in ROWS for gene, _ in row.genes} <= book.code_of.keys()
    assert {row.population for row in ROWS} - {""} <= book.populations.keys()
    for gene in pharmacogenes().values():
        assert set(gene.functions.values()) | {m for _, _, m in gene.scores} <= book.phenotype_code.keys()
    assert set(pharmacogenes()) <= book.code_of.keys()
    assert all(gene in book.code_of and any(row.drug == drug for row in ROWS) for drug, gene in book.tested)


def test_a_population_that_is_an_age_leaves_others_out() -> None:
    children = shelf().genes.populations["children under 12"]
    assert (children.fits(7), children.fits(12), children.fits(None)) == (True, False, True)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.source}-{r.drug}-{r.action}")
def test_every_key_is_one_that_its_gene_can_give(row) -> None:
    for name, keys in row.genes:
        assert name in pharmacogenes() or name in OUTSIDE
        if name in OUTSIDE:
            continue
        gene = pharmacogenes()[name]
        phenotypes = set(gene.functions.values()) | {m for _, _, m in gene.scores}
        for key in keys:
            if key.startswith("score="):
                assert re.fullmatch(r"score=≥?\d+(\.\d+)?", key)
            elif key.startswith("diplotype="):
                for allele in key[10:].split("/"):
                    assert gene.allele(allele)
            else:
                assert key in phenotypes or key in ("No Result", "n/a", "Indeterminate") or "(Phenotyping)" in key, (name, key)


@pytest.mark.parametrize(
    ("drug", "known", "source", "actions"),
    [
        ("clopidogrel", {"CYP2C19": Known("Poor Metabolizer")}, "cpic", {"avoid"}),
        ("clopidogrel", {"CYP2C19": Known("Poor Metabolizer")}, "dpwg", {"avoid"}),
        ("clopidogrel", {"CYP2C19": Known("Intermediate Metabolizer")}, "dpwg", {"alternative"}),
        ("codeine", {"CYP2D6": Known("Ultrarapid Metabolizer", 3.0)}, "cpic", {"avoid"}),
        ("codeine", {"CYP2D6": Known("Ultrarapid Metabolizer", 3.0)}, "dpwg", {"avoid"}),
        ("codeine", {"CYP2D6": Known("Poor Metabolizer", 0.0)}, "cpic", {"avoid"}),
        ("tramadol", {"CYP2D6": Known("Ultrarapid Metabolizer", 3.0)}, "cpic", {"avoid"}),
        ("fluorouracil", {"DPYD": Known("Poor Metabolizer", 0.0)}, "cpic", {"avoid"}),
        ("fluorouracil", {"DPYD": Known("Poor Metabolizer", 0.0)}, "dpwg", {"avoid"}),
        ("capecitabine", {"DPYD": Known("Intermediate Metabolizer", 1.0)}, "cpic", {"reduce"}),
        ("capecitabine", {"DPYD": Known("Intermediate Metabolizer", 1.5)}, "dpwg", {"reduce"}),
        ("abacavir", {"HLA-B": Known("*57:01 positive")}, "cpic", {"avoid"}),
        ("allopurinol", {"HLA-B": Known("*58:01 positive")}, "cpic", {"avoid"}),
        ("simvastatin", {"SLCO1B1": Known("Poor Function")}, "cpic", {"alternative"}),
        ("tacrolimus", {"CYP3A5": Known("Normal Metabolizer")}, "cpic", {"increase"}),
        ("azathioprine", {"TPMT": Known("Poor Metabolizer"), "NUDT15": Known("Normal Metabolizer")}, "cpic", {"alternative"}),
        ("mercaptopurine", {"TPMT": Known("Normal Metabolizer"), "NUDT15": Known("Normal Metabolizer")}, "cpic", set()),
        ("rasburicase", {"G6PD": Known("Deficient")}, "cpic", {"avoid"}),
        ("succinylcholine", {"RYR1": Known("Malignant Hyperthermia Susceptibility")}, "cpic", {"avoid"}),
        ("siponimod", {"CYP2C9": Known("Poor Metabolizer", 0.0, diplotype="*3/*3")}, "dpwg", {"avoid"}),
        ("voriconazole", {"CYP2C19": Known("Normal Metabolizer")}, "cpic", set()),
        ("atazanavir", {"UGT1A1": Known("Poor Metabolizer")}, "cpic", {"alternative"}),
        ("warfarin", {"CYP2C9": Known("Intermediate Metabolizer", 1.5, diplotype="*1/*2")}, "dpwg", set()),
        ("warfarin", {"CYP2C9": Known("Intermediate Metabolizer", 1.0, diplotype="*1/*3")}, "dpwg", {"reduce"}),
        ("warfarin", {"CYP2C9": Known("Intermediate Metabolizer", 1.5, diplotype="*1/*8")}, "dpwg", {"reduce"}),
        ("metoprolol", {"CYP2D6": Known("Poor Metabolizer", 0.0)}, "dpwg", {"reduce"}),
        ("clopidogrel", {"CYP2C19": Known("Intermediate Metabolizer")}, "fda_pgx", {"alternative"}),
        ("thioridazine", {"CYP2D6": Known("Poor Metabolizer", 0.0)}, "fda_pgx", {"avoid"}),
        ("tetrabenazine", {"CYP2D6": Known("Poor Metabolizer", 0.0)}, "fda_pgx", {"limit"}),
        ("siponimod", {"CYP2C9": Known("Poor Metabolizer", 0.0, diplotype="*3/*3")}, "fda_pgx", {"avoid"}),
        ("belinostat", {"UGT1A1": Known("Poor Metabolizer")}, "fda_pgx", {"reduce"}),
        ("omeprazole", {"CYP2C19": Known("Poor Metabolizer")}, "fda_pgx", set()),
        ("eliglustat", {"CYP2D6": Known("Normal Metabolizer", 2.0)}, "fda_pgx", set()),
    ],
)
def test_what_every_pharmacist_knows(drug, known, source, actions) -> None:
    found = holding([row for row in ROWS if row.drug == drug and row.source == source], known)
    assert {row.action for row in found} == actions


def test_nobody_of_whom_nothing_is_known_is_advised() -> None:
    assert holding(ROWS, {}) == ()


def test_the_usual_genotype_asks_nothing_of_common_drugs() -> None:
    usual = {
        "CYP2C19": Known("Normal Metabolizer"), "CYP2D6": Known("Normal Metabolizer", 2.0, diplotype="*1/*1"),
        "CYP2C9": Known("Normal Metabolizer", 2.0, diplotype="*1/*1"), "SLCO1B1": Known("Normal Function"),
        "TPMT": Known("Normal Metabolizer"), "NUDT15": Known("Normal Metabolizer"), "DPYD": Known("Normal Metabolizer", 2.0),
    }  # fmt: skip
    asked = {row.drug for row in holding(ROWS, usual)}
    assert (
        asked & {"clopidogrel", "codeine", "simvastatin", "fluorouracil", "azathioprine", "warfarin", "omeprazole", "citalopram"} == set()
    )


def test_every_row_says_who_says_it_and_how_firmly() -> None:
    for row in ROWS:
        assert row.action in ACTIONS
        assert row.strength or row.source == "dpwg" or row.action in ("none", "caution", "standard", "watch", "test"), row
