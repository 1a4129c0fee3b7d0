"""ACMG/AMP criteria computed here against those that expert panels met, criterion by criterion.

    python benchmarks/acmg.py --data ../shared/data

The variants and expected criteria are those of AutoACMG's benchmark (about 170, most of ClinGen's expert panels; facts used for this
measure only). What is at hand for them: the gene, and the protein change where the panel's note states it. The lookup is ClinVar of
2016-09-10, which states no consequence, so that here alone a pathogenic insertion or deletion whose length is no multiple of three stands
for a frameshift when the mechanism of a gene is asked. No population frequencies, no protein changes of other variants and no phase are
at hand: criteria that need them are counted as not computed, which is what the program says of them.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import orjson

from consilium.core.errors import FormatError
from consilium.genomics.clinvar import ClinVar, build_clinvar
from consilium.genomics.evidence import Annotation, evidence
from consilium.genomics.hgvs import LETTERS, read_hgvs
from consilium.genomics.variant import Variant
from consilium.knowledge.inherited import criteria

AT_HAND = ("PVS1",)
"""Criteria whose data are at hand in this set."""
AGREEMENT = {(True, True): "both", (False, True): "missed", (True, False): "extra", (False, False): "neither"}
"""By whether it was met here, and whether the panel met it."""
_AA = "|".join(LETTERS.values())
_PROTEIN = re.compile(rf"p\.\(?(({_AA})\d+(?:_(?:{_AA})\d+)?(?:fs\*?\w*|(?:{_AA})(?:fs(?:Ter|\*)?\d*)?|del\w*|dup|ins\w+|=|\*))\)?")
_GENE = re.compile(r"\(([A-Z0-9]+)\):|Gene: ([A-Z0-9]+)")


def main() -> None:
    """Print the table, and the figures as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    archive = parser.parse_args().data / "clinvar" / "clinvar.zip"
    if not archive.is_file():
        sys.exit(f"{archive} is not there")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with zipfile.ZipFile(archive) as whole:
            for name in ("auto_acmg_bench/comparison_criteria_custom.csv", "clinvar_2016-09-10.b37.vcf.gz"):
                whole.extract(name, folder)
        print(orjson.dumps(run(folder)).decode())


def run(folder: Path) -> dict[str, float]:
    """Count agreement of every criterion that could be computed, and how often the others could not."""
    cases = read_cases(folder / "auto_acmg_bench/comparison_criteria_custom.csv")
    lookup = made_lookup(folder, {gene for _, gene, _, _ in cases})
    counts = {code: Counter[str]() for code in criteria()}
    stated = 0
    for _, gene, protein, expected in cases:
        stated += bool(protein)
        met, _ = evidence(Variant("1", 1, "A", "C"), None, Annotation(gene, (), protein), lookup)
        found = {c.code for c in met}
        for code, row in counts.items():
            if code in AT_HAND and protein:
                row[
                    "both"
                    if code in found and code in expected
                    else "missed"
                    if code in expected
                    else "extra"
                    if code in found
                    else "neither"
                ] += 1
            else:
                row["not computed, expected" if code in expected else "not computed"] += 1
    print(f"{len(cases)} variants; the panel's note states the protein change of {stated}")
    print(f"{'criterion':10}{'both':>6}{'missed':>8}{'extra':>7}{'neither':>9}{'not computed, of them expected':>34}")
    for code, row in counts.items():
        lacking = row["not computed"] + row["not computed, expected"]
        told = f"{lacking:>6}{row['not computed, expected']:>8}"
        print(f"{code:10}{row['both']:6}{row['missed']:8}{row['extra']:7}{row['neither']:9}{told:>34}")
    pvs1 = counts["PVS1"]
    return {
        "variants": len(cases), "protein_stated": stated, "criteria_computed": len(AT_HAND),
        **{f"pvs1_{name}": pvs1[name] for name in AGREEMENT.values()},
        "expected_not_computed": sum(row["not computed, expected"] for row in counts.values()),
    }  # fmt: skip


def read_cases(path: Path) -> list[tuple[str, str, str, frozenset[str]]]:
    """Name, gene, protein change (empty where it is not stated) and expected criteria."""
    cases = []
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["variant"].startswith("#") or not row["expected_criteria"]:
                continue
            gene = _GENE.search(row["variant"]) or _GENE.search(row["comment"] or "")
            found = _PROTEIN.search(row["comment"] or "")
            protein = f"p.{found[1]}" if found else ""
            try:
                protein = str(read_hgvs(protein)) if protein else ""
            except FormatError:
                protein = ""
            named = (gene[1] or gene[2]) if gene else ""
            cases.append((row["variant"], named, protein, frozenset(row["expected_criteria"].split(";"))))
    return cases


def made_lookup(folder: Path, genes: set[str]) -> ClinVar:
    """The records of 2016 of these genes, indels that shift the frame marked as such."""
    with gzip.open(folder / "clinvar_2016-09-10.b37.vcf.gz", "rt") as lines, (folder / "c.vcf").open("w") as out:
        for line in lines:
            if line.startswith("##"):
                out.write(line)
                continue
            if line.startswith("#"):
                out.write('##INFO=<ID=MOLECULAR_CONSEQUENCE,Number=1,Type=String,Description="made">\n' + line)
                continue
            cells = line.rstrip("\n").split("\t")
            gene = re.search(r"SYMBOL=([^;|]*)", cells[7])
            if gene and gene[1] in genes and (len(cells[3]) - len(cells[4])) % 3:
                out.write(line.rstrip("\n") + ";MOLECULAR_CONSEQUENCE=x:frameshift_variant\n")
    build_clinvar(folder / "c.vcf", folder / "lookup", date="2016-09-10")
    return ClinVar(folder / "lookup")


if __name__ == "__main__":
    main()
