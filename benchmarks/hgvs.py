"""HGVS names read, written again and read back; VCF to names and back; and how many bad names are refused.

    python benchmarks/hgvs.py --data ../shared/data

Sets: biocommons/hgvs test data (9,230 variants of ClinVar with all their names, 105,450 genomic names, gauntlet, g/c/p triples, the
grammar's own variants) and the HgvsToVcf cases of ngs-bits. A set's row says how many of its names are read; refusals are shown by reason.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from consilium.core.errors import ConsiliumError
from consilium.genomics.hgvs import Hgvs, from_vcf, read_hgvs, to_vcf

BAD = (
    "NM_000001.1:c.0A>T", "NM_000001.1:c.76A", "NC_000001.10:g.10_5del", "NC_000001.10:g.100+5A>T", "NC_000001.10:g.-5A>T",
    "NM_1.1:c.76_78insT", "NM_1.1:c.76insT", "NC_000001.10:g.155208383_155208384dup3", "NM_1.1:c.76_78delAC", "NP_1.1:p.Foo10Bar",
    "NP_1.1:p.Arg10_Ala5del", "hello", "NM_1.1:q.5A>T", "NM_1.1:c.", "", "c.76A>>T", "NM_1.1:c.76_77A>T",
)  # fmt: skip
"""Names that must be refused: each breaks one of the standard's own rules (places in order, insertions between neighbours ...)."""


def main() -> None:
    """Print the table, and the figures as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    archive = parser.parse_args().data / "hgvs_tests" / "hgvs_tests.zip"
    if not archive.is_file():
        sys.exit(f"{archive} is not there")
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(archive).extractall(folder)
        figures = run(Path(folder))
    print(orjson.dumps(figures).decode())


def run(folder: Path) -> dict[str, float]:
    """Read every set; a name that is read must be written, read back and be equal."""
    figures: dict[str, float] = {}
    print(f"{'set':22}{'names':>9}{'read':>9}{'share':>9}   refused, by reason")
    begun, total = time.process_time(), 0
    for name, names in sets(folder / "biocommons/tests/data"):
        read, unequal, why, count = 0, 0, Counter[str](), 0
        for text in names:
            count += 1
            try:
                found = read_hgvs(text)
            except ConsiliumError as refusal:
                why[refusal.do or refusal.what] += 1
                continue
            read += 1
            again = read_hgvs(str(found))
            unequal += str(again) != str(found)
        total += count
        reasons = "; ".join(f"{n} {reason}" for reason, n in why.most_common(4))
        print(f"{name:22}{count:9,}{read:9,}{read / count:9.2%}   {reasons}")
        figures[f"{name}_read"] = read
        figures[f"{name}_of"] = count
        figures["unequal_when_read_back"] = figures.get("unequal_when_read_back", 0) + unequal
    figures["names_per_second"] = round(total / (time.process_time() - begun))
    refused = sum(_refused(text) for text in BAD)
    print(f"{'must be refused':22}{len(BAD):9}{refused:9}")
    figures |= {"bad_refused": refused, "bad_of": len(BAD)}
    figures |= builds(folder / "biocommons/tests/data")
    return figures


def sets(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Each set by name."""
    with gzip.open(data / "clinvar.gz", "rt") as lines:
        rows = [line.rstrip("\n").split("\t") for line in list(lines)[1:] if line.count("\t") == 2]
    # Several rows hold names run together ("...delA;NM_...", "...,NM_..."): those are no names, and are not counted as such.
    yield "clinvar", [n for row in rows for n in row[2].split(" ") if n and ";" not in n and "," not in n]
    with gzip.open(data / "random-vars.gz", "rt") as lines:
        yield "random", [line.strip() for line in lines if line.strip()]
    yield "gauntlet", _plain(data / "gauntlet")
    yield "triples", sorted({n for path in [*sorted((data / "gcp").glob("*.tsv")), data / "ext.tsv"] for n in _triples(path)})
    yield "grammar", sorted(_grammar(data / "grammar_test.tsv"))


def builds(data: Path) -> dict[str, float]:
    """Both genomic names of a variant lie on the same chromosome of the two builds; substitutions go to a VCF and back unchanged."""
    there, same, both = 0, 0, 0
    with gzip.open(data / "clinvar.gz", "rt") as lines:
        for line in lines:
            genomic = []
            for text in line.rstrip("\n").rpartition("\t")[2].split(" "):
                try:
                    found = read_hgvs(text)
                    if isinstance(found, Hgvs) and found.kind == "g" and found.change == "sub":
                        build, variant = to_vcf(found)
                        there += 1
                        same += str(from_vcf(build, variant)) == str(found)
                        genomic.append((build, variant.chromosome))
                except ConsiliumError:
                    continue
            both += len({c for _, c in genomic}) > 1
    print(f"{'to VCF and back':22}{there:9,}{same:9,}   on different chromosomes by name (genes of X and Y alike): {both}")
    return {"to_vcf_and_back": same, "to_vcf_of": there, "chromosomes_differ": both}


def _plain(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def _triples(path: Path) -> Iterable[str]:
    with path.open() as lines:
        for row in csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t"):
            for column in ("HGVSg", "HGVSc", "HGVSp"):
                for name in re.split(r"[|;,\s]+", row.get(column) or ""):
                    if ":" in name:
                        yield name


def _grammar(path: Path) -> Iterable[str]:
    with path.open() as lines:
        for row in csv.DictReader((line for line in lines if not line.startswith("#") and line.strip()), delimiter="\t"):
            if row["Func"].endswith("_variant") and row["Valid"] == "True":
                yield from row["Test"].split("|")


def _refused(text: str) -> bool:
    try:
        read_hgvs(text)
    except ConsiliumError:
        return True
    return False


if __name__ == "__main__":
    main()
