"""Genes sent by HL7 v2: OBX of one group become one result, and a gene is never guessed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core import Patient
from consilium.core.events import table
from consilium.council.genome import genes
from consilium.knowledge import shelf
from consilium.knowledge.shelf import FOLDER, read_sources
from consilium.knowledge.table import read_yaml
from consilium.sources.hl7v2 import read

HEAD = (
    r"MSH|^~\&|LAB|GEN|EHR|HOSP|20260103080000+0000||ORU^R01^ORU_R01|M1|P|2.5.1",
    "PID|1||p^^^HOSP^MR||DOE^JANE||19700101|F",
    "OBR|1||G1|51969-4^Genetic analysis report^LN|||20260102090000+0000|||||||||||||||20260103070000+0000|||F",
)
GENE = "OBX|{n}|CWE|48018-6^Gene studied^LN|{sub}|{gene}||||||F"
GENOTYPE = "OBX|{n}|ST|84413-4^Genotype display name^LN|{sub}|{said}||||||F"
METABOLISM = "OBX|{n}|CWE|53040-2^Genetic variation's effect on drug metabolism^LN|{sub}|{said}||||||F"


def _read(tmp_path: Path, *obx: str):
    path = tmp_path / "genes.hl7"
    path.write_text("\r".join((*HEAD, *obx)) + "\r")
    (batch,) = read(path)
    return batch


def _genes(batch) -> dict:
    columns = ("time", "available", "code", "numeric_value", "text_value", "unit", "source_id")
    rows = [{k: row[k] for k in columns} for row in batch.events.to_pylist()]
    found = genes(Patient("p", datetime(2026, 2, 1), table({"subject_id": 1, **row} for row in rows)), shelf())
    return {g.gene: g for g in found if g.called}


def _group(sub: str, gene: str, genotype: str = "", phenotype: str = "", inner: str = "") -> list[str]:
    rows = [GENE.format(n=1, sub=sub, gene=gene)]
    rows += [GENOTYPE.format(n=2, sub=sub + inner, said=genotype)] if genotype else []
    return rows + ([METABOLISM.format(n=3, sub=sub + inner, said=phenotype)] if phenotype else [])


@pytest.mark.parametrize("gene", ["HGNC:2621^CYP2C19^HGNC", "2621^CYP2C19^HGNC", "^CYP2C19^HGNC", "CYP2C19^^HGNC", "HGNC:2621^^HGNC"])
@pytest.mark.parametrize("genotype", ["*2/*2", "CYP2C19 *2/*2", "CYP2C19*2/*2"])
def test_genotype_and_phenotype_of_a_group_are_one_result(tmp_path: Path, gene: str, genotype: str) -> None:
    batch = _read(tmp_path, *_group("2a", gene, genotype, "LA9657-3^Poor metabolizer^LN"))
    found = _genes(batch)["CYP2C19"]
    assert (found.diplotypes, found.phenotype, found.phenotype_code) == (("*2/*2",), "Poor Metabolizer", "LOINC//LA9657-3")
    assert found.time == datetime(2026, 1, 2, 9) and len(found.event_ids) == 2 and not batch.rejects


def test_groups_stay_apart_and_parts_belong_to_their_group(tmp_path: Path) -> None:
    batch = _read(
        tmp_path,
        *_group("2a", "HGNC:2621^CYP2C19^HGNC", "*1/*17", "^Rapid metabolizer", inner=".a"),
        *_group("2b", "HGNC:2625^CYP2D6^HGNC", "*1/*4 or *4/*10"),
        *_group("2c", "HGNC:1100^BRCA1^HGNC", "c.68_69del"),
    )
    found = _genes(batch)
    assert {name: g.diplotypes for name, g in found.items()} == {"CYP2C19": ("*1/*17",), "CYP2D6": ("*1/*4", "*4/*10")}
    assert found["CYP2C19"].phenotype == "Rapid Metabolizer" and not found["CYP2D6"].phenotype
    plain = {row["code"]: row["text_value"] for row in batch.events.to_pylist()}
    assert plain["LOINC//84413-4"] == "c.68_69del" and not batch.rejects  # a gene that is not held here stays a plain result


@pytest.mark.parametrize(
    "obx",
    [
        [GENOTYPE.format(n=1, sub="2a", said="*2/*2")],
        [*_group("2a", "HGNC:2621^CYP2C19^HGNC"), GENOTYPE.format(n=2, sub="2b", said="*2/*2")],
        [*_group("", "HGNC:2621^CYP2C19^HGNC", "*2/*2"), GENE.format(n=4, sub="", gene="HGNC:2625^CYP2D6^HGNC")],
        _group("2a", "HGNC:2621^CYP2D6^HGNC", "*2/*2"),
        _group("2a", "HGNC:2621^CYP2C19^HGNC", "CYP2D6 *2/*2"),
        [*_group("2a", "HGNC:2621^CYP2C19^HGNC"), "OBX|2|CWE|79716-7^CYP2C9 activity^LN|2a|LA9657-3^Poor metabolizer^LN||||||F"],
        ["OBX|2|CWE|79716-7^CYP2D6 activity^LN||LA9657-3^Poor metabolizer^LN||||||F"],
    ],
)
def test_a_gene_that_is_not_said_once_is_named_and_never_guessed(tmp_path: Path, obx: list[str]) -> None:
    batch = _read(tmp_path, *obx)
    assert not _genes(batch) and (batch.rows, batch.read) == (1, 1)
    (reject,) = batch.rejects
    assert "gene" in reject.reason and reject.part.startswith("OBX") and reject.code in ("LOINC//84413-4", "LOINC//79716-7")


def test_a_phenotype_whose_code_names_its_gene_stands_alone(tmp_path: Path) -> None:
    batch = _read(
        tmp_path, "OBX|1|CWE|79716-7^CYP2C9 gene product metabolic activity interpretation^LN||LA25391-6^Normal metabolizer^LN||||||F"
    )
    assert _genes(batch)["CYP2C9"].phenotype == "Normal Metabolizer"


def test_a_phenotype_that_is_not_known_stays_a_plain_result(tmp_path: Path) -> None:
    batch = _read(tmp_path, *_group("2a", "HGNC:2621^CYP2C19^HGNC", phenotype="^Somewhat slow"))
    assert not _genes(batch) and not batch.rejects
    assert "Somewhat slow" in {row["text_value"] for row in batch.events.to_pylist()}


def test_a_withdrawn_genotype_is_named_and_no_result(tmp_path: Path) -> None:
    rows = _group("2a", "HGNC:2621^CYP2C19^HGNC", "*2/*2")
    batch = _read(tmp_path, rows[0], rows[1].removesuffix("F") + "W")
    assert not _genes(batch) and [r.reason for r in batch.rejects] == ["status W: the result was wrong (another patient)"]


def test_what_is_said_of_one_variant_is_said_together(tmp_path: Path) -> None:
    variant = "OBX|{n}|ST|48004-6^DNA change^LN|{sub}|{name}||||||F"
    meaning = "OBX|{n}|ST|53037-8^Clinical significance^LN|{sub}|{said}||||||F"
    rows = []
    for sub, gene, name, said in (("2a", "HGNC:1100^BRCA1", "c.68_69del", "Pathogenic"), ("2b", "HGNC:1101^BRCA2", "c.7397T>C", "Benign")):
        rows += [
            GENE.format(n=1, sub=sub, gene=f"{gene}^HGNC"),
            variant.format(n=2, sub=sub, name=name),
            meaning.format(n=3, sub=sub, said=said),
        ]
    batch = _read(tmp_path, *rows)
    notes = [row["text_value"] for row in batch.events.to_pylist() if row["code"].startswith("NOTE//")]
    assert notes == [
        "Gene studied: BRCA1\nDNA change: c.68_69del\nClinical significance: Pathogenic",
        "Gene studied: BRCA2\nDNA change: c.7397T>C\nClinical significance: Benign",
    ]
    assert sum(row["code"] == "LOINC//48004-6" for row in batch.events.to_pylist()) == 2 and not batch.rejects


def test_two_reports_in_one_file_are_two_results(tmp_path: Path) -> None:
    path = tmp_path / "two.hl7"
    first = [*HEAD, *_group("2a", "HGNC:2621^CYP2C19^HGNC", "*1/*1", "LA25391-6^Normal metabolizer^LN")]
    later = [row.replace("20260103", "20260113").replace("20260102", "20260112").replace("|M1|", "|M2|") for row in HEAD]
    path.write_text("\r".join([*first, *later, *_group("2a", "HGNC:2621^CYP2C19^HGNC", "*2/*2")]) + "\r")
    found = _genes(next(iter(read(path))))["CYP2C19"]
    assert found.diplotypes == ("*2/*2",) and not found.phenotype  # the phenotype of another report says nothing of this one


def test_every_code_and_gene_of_the_table_is_one_that_is_held() -> None:
    codes = read_yaml(FOLDER / "pgx" / "observations.yaml", read_sources(FOLDER / "sources.yaml"))
    assert set(codes["of_gene"].values()) <= set(shelf().genes.code_of) and len(codes["of_gene"]) == 7
    for code in (*codes["genotype"], *codes["gene"], *codes["of_gene"]):
        digits, check = code.removeprefix("LOINC//").split("-")
        assert _mod10(digits) == int(check), code


def _mod10(digits: str) -> int:
    """The check digit of a LOINC number: odd places from the right doubled as one number, digits added (Luhn)."""
    doubled = [int(d) * 2 if place % 2 == 0 else int(d) for place, d in enumerate(reversed(digits))]
    return -sum(d - 9 if d > 9 else d for d in doubled) % 10


CELL = st.sampled_from(
    ["", "2a", "2a.a", "2b", "HGNC:2621^CYP2C19^HGNC", "^CYP2D6^HGNC", "*1/*2", "CYP2D6 *4/*4", "LA9657-3^Poor metabolizer^LN", "?"]
)
CODE = st.sampled_from(["48018-6^g^LN", "84413-4^g^LN", "53040-2^e^LN", "79716-7^CYP2C9^LN", "48004-6^c^LN", "", "x^y^L"])
ROW = st.tuples(st.sampled_from(["ST", "CWE", "TX", "NM", ""]), CODE, CELL, CELL)


@given(st.lists(ROW, min_size=1, max_size=6))
def test_whatever_is_sent_a_gene_is_one_that_is_named(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]) -> None:
    sent = [f"OBX|{n}|{kind}|{code}|{sub}|{value}||||||F" for n, (kind, code, sub, value) in enumerate(rows, 1)]
    batch = _read(tmp_path_factory.mktemp("any"), *sent)
    assert batch.rows == batch.read == 1
    text = "\n".join(sent)
    named = {gene for gene, mark in (("CYP2C19", "CYP2C19"), ("CYP2D6", "CYP2D6"), ("CYP2C9", "79716-7")) if mark in text}
    assert set(_genes(batch)) <= named
