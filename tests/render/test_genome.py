"""Genome: the same reading for the terminal in two languages and as JSON."""

from __future__ import annotations

import json

import pytest

from consilium.core.gene import Share
from consilium.genomics.diplotype import Diplotype
from consilium.genomics.reading import Reading
from consilium.render.genome import genome_json, genome_text

CALLED = Diplotype(
    "TPMT", ("*1/*3A",), "Intermediate Metabolizer", distribution=(Share("*1/*3A", 0.9), Share("*3B/*3C", 0.1)),
    phenotypes=(Share("Intermediate Metabolizer", 0.9), Share("Poor Metabolizer", 0.1)), missing={"rs1": "absent"}, notes=("phase",),
)  # fmt: skip
SILENT = Diplotype("NAT2", (), missing={}, undocumented=("rs1208 G>T",), notes=("undocumented",))
READING = Reading("a.vcf", "p", "GRCh38", "its header", (CALLED, SILENT))


def test_what_is_possible_stands_beside_what_was_called() -> None:
    shown = genome_text(READING, color=False)
    assert "*1/*3A" in shown and "Poor Metabolizer 10 %" in shown and "others cannot be ruled out" in shown
    assert "not called" in shown and "no allele is defined by" in shown
    assert "not a medical device" in shown


def test_it_is_said_in_chinese() -> None:
    shown = genome_text(READING, language="zh", color=False)
    assert "未判定" in shown and "不是医疗器械" in shown and "not called" not in shown


def test_json_has_everything() -> None:
    genes = json.loads(genome_json(READING))["genes"]
    assert genes["TPMT"]["diplotypes"] == ["*1/*3A"] and genes["TPMT"]["distribution"]["*3B/*3C"] == pytest.approx(0.1)
    assert genes["TPMT"]["missing"] == {"rs1": "absent"} and genes["TPMT"]["activity_score"] is None
    assert genes["NAT2"]["phenotype"] is None and genes["NAT2"]["diplotypes"] == []
