"""The lookup of classified variants against what others say of the same records, and names of variants against the records they name.

    python benchmarks/clinvar.py --data ../shared/data

ClinVar of 2016-09-10 (136,095 records, as the MacArthur laboratory tables it) goes through `consilium clinvar`. That laboratory marks of
each record whether anybody called it pathogenic, and whether somebody else called it benign: beside these marks stands the class given
here. Then every genomic name on GRCh37 that biocommons/hgvs gives for a variation number of ClinVar, and that says all its bases, is read,
placed and looked up: the same number should come back. Names of insertions and deletions need a reference genome, which is not at hand.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import orjson

from consilium.core.errors import ConsiliumError
from consilium.core.inherited import PATHOGENIC
from consilium.genomics.clinvar import ClinVar, build_clinvar
from consilium.genomics.hgvs import Hgvs, read_hgvs, to_vcf
from consilium.genomics.variant import Variant, normalised
from consilium.knowledge.inherited import class_of

RECORDS, NAMES = "clinvar_2016-09-10.b37.vcf.gz", "biocommons/tests/data/clinvar.gz"


def main() -> None:
    """Print the tables, and the figures as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    archives = [data / "clinvar" / "clinvar.zip", data / "hgvs_tests" / "hgvs_tests.zip"]
    for archive in archives:
        if not archive.is_file():
            sys.exit(f"{archive} is not there")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for archive, name in zip(archives, (RECORDS, NAMES), strict=True):
            with zipfile.ZipFile(archive) as whole:
                whole.extract(name, folder)
        made = build_clinvar(folder / RECORDS, folder / "lookup", date="2016-09-10")
        figures = {"records": made.records, "words_not_known": len(made.unknown_words)}
        figures |= classes(folder / RECORDS) | numbers(folder / NAMES, ClinVar(folder / "lookup"))
        print(orjson.dumps(figures).decode())


def classes(path: Path) -> dict[str, int]:
    """How often the class given here fits the laboratory's two marks."""
    seen: Counter[tuple[str, str, str]] = Counter()
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if not line.startswith("#"):
                told = dict(part.partition("=")[::2] for part in line.rstrip("\n").split("\t")[7].split(";"))
                seen[told["PATHOGENIC"], told["CONFLICTED"], class_of(told["CLINICAL_SIGNIFICANCE"], told["REVIEW_STATUS"])[0]] += 1
    print("called pathogenic  and benign  class here")
    fitting = 0
    for (pathogenic, conflicted, kind), n in sorted(seen.items()):
        fits = (
            kind == "conflicting"
            if conflicted == "1"
            else kind in (*PATHOGENIC, "conflicting")
            if pathogenic == "1"
            else kind not in PATHOGENIC
        )
        fitting += n * fits
        print(f"{pathogenic:>17}  {conflicted:>10}  {kind:<20} {n:>7,}{'' if fits else '  differs'}")
    return {"classes_that_fit": fitting, "classes": seen.total()}


def numbers(path: Path, lookup: ClinVar) -> dict[str, int]:
    """How often the name of a variation number leads to that number."""
    asked: list[tuple[str, Variant]] = []
    without = 0
    with gzip.open(path, "rt") as lines:
        for line in lines:
            cells = line.lstrip("#").split("\t")
            for name in cells[2].split() if len(cells) > 2 else ():
                try:
                    read = read_hgvs(name)
                    if isinstance(read, Hgvs) and read.kind == "g":
                        build, variant = to_vcf(read)
                        asked += [(cells[1], normalised(variant))] if build == lookup.build else []
                except ConsiliumError:
                    without += name.startswith("NC_")
    found = lookup.at(variant for _, variant in asked)
    said = Counter("absent" if v not in found else "same" if found[v].identifier == number else "other" for number, v in asked)
    print(
        f"\n{len(asked):,} names on {lookup.build} say all their bases ({without:,} on either build do not, or are refused): "
        f"{said['same']:,} lead to their number, {said['other']} to another record of the same change, {said['absent']} to none"
    )
    return {"names": len(asked), "names_same": said["same"], "names_other": said["other"], "names_absent": said["absent"]}


if __name__ == "__main__":
    main()
