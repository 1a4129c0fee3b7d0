"""Count how frequent each named allele is among the phased 1000 Genomes haplotypes: `knowledge/pgx/frequencies.csv`.

    python tools/restate_frequencies.py FOLDER_OF_1KGP

The folder holds `GRCh38/<GENE>.vcf.gz` (and `GRCh37/` for genes that GRCh38 lacks). Sites that the panel does not list do not vary in
it, as its README says, and are counted as the reference. A haplotype that no definition names exactly is counted under `unnamed`.
"""

from __future__ import annotations

import argparse
import gzip
from collections import Counter
from pathlib import Path

from consilium.genomics.match import match
from consilium.genomics.site import site
from consilium.genomics.vcf import Record
from consilium.knowledge.pharmacogenes import PGX, Pharmacogene, pharmacogenes


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("panel", type=Path)
    given = parser.parse_args()
    lines = [
        "# title: Allele frequencies in the 1000 Genomes panel, all populations together",
        "# sources: thousand_genomes",
        "# version: NYGC 30x (GRCh38), phase 3 (GRCh37, where stated)",
        "# retrieved: 2026-11-28",
        "# licence: public (International Genome Sample Resource)",
        "gene,allele,count,haplotypes,build,source",
    ]
    for name, gene in pharmacogenes().items():
        path, build = next(((p, b) for b in ("GRCh38", "GRCh37") if panel_has(p := given.panel / b / f"{name}.vcf.gz")), (None, ""))
        if path is None:
            print(name, "is not in the panel")
            continue
        counts, total = count(gene, path, build)
        if not total:
            print(name, "has no position of the panel among its own")
            continue
        print(name, build, dict(counts.most_common(6)), "of", total)
        lines += [f'{name},"{allele}",{n},{total},{build},thousand_genomes' for allele, n in sorted(counts.items())]
    (PGX / "frequencies.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def panel_has(path: Path) -> bool:
    """Whether the file exists and lists any site."""
    if not path.exists():
        return False
    with gzip.open(path, "rt") as stream:
        return any(not line.startswith("#") for line in stream)


def count(gene: Pharmacogene, path: Path, build: str) -> tuple[Counter[str], int]:
    """Haplotypes of each allele: each distinct strand of the panel is read once, as a person with one strand."""
    wanted = [(p.start[build], p.start[build] + len(p.ref[build]) - 1) for p in gene.positions]
    places, carriers, width = [], [], 0
    with gzip.open(path, "rt") as stream:
        for line in stream:
            if line.startswith("#"):
                continue
            cells = line.rstrip("\n").split("\t")
            start, end = int(cells[1]), int(cells[1]) + len(cells[3]) - 1
            if not any(start <= last and end >= first for first, last in wanted):
                continue
            strands = [index for cell in cells[9:] for index in cell.split(":")[0].split("|")]
            width = len(strands)
            places.append((cells[0], start, end, cells[3], tuple(cells[4].split(","))))
            carriers.append(strands)
    patterns = Counter(zip(*carriers, strict=True)) if carriers else Counter()
    counts: Counter[str] = Counter()
    for pattern, n in patterns.items():
        records = [
            Record(*place, "PASS", (None if index == "." else int(index),), True, "") for place, index in zip(places, pattern, strict=True)
        ]
        sites = [site(p, build, records, absent_is_reference=True, ploidy=1) for p in gene.positions]
        best = match(gene, sites).best(gene)
        counts[best[0][0] if len(best) == 1 else "unnamed"] += n
    return counts, width


if __name__ == "__main__":
    main()
