"""Made: VCF files written from the knowledge files, so that what was written must be read back."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

from consilium.knowledge.pharmacogenes import Pharmacogene

LENGTHS = {"GRCh38": 248956422, "GRCh37": 249250621}


def strand(gene: Pharmacogene, allele: str, build: str = "GRCh38") -> dict[str, str]:
    """The sequence at every position of a strand that carries an allele."""
    reference, own = gene.alleles[gene.reference], gene.alleles[allele]
    return {p.id: own.at.get(p.id, reference.at[p.id])[0] for p in gene.positions}


def vcf(
    path: Path,
    gene: Pharmacogene,
    people: Mapping[str, Sequence[str]],
    *,
    build: str = "GRCh38",
    phased: bool = True,
    leave_out: Sequence[str] = (),
    chr_names: bool = True,
    stated: bool = True,
) -> Path:
    """Write a VCF with one line for each position of a gene and one column for each person, who has one allele on each strand."""
    sign = "|" if phased else "/"
    prefix = "chr" if chr_names else ""
    lines = ["##fileformat=VCFv4.2"]
    if stated:
        lines.append(f"##contig=<ID={prefix}1,length={LENGTHS[build]}>")
    lines += [
        f"##contig=<ID={prefix}{gene.chromosome.removeprefix('chr')}>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    ]
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *people]))
    strands = {name: [strand(gene, allele, build) for allele in pair] for name, pair in people.items()}
    for p in sorted(gene.positions, key=lambda p: p.start[build]):
        if p.id in leave_out:
            continue
        ref = p.ref[build]
        alts = [x for x in (p.ref["GRCh38"], *p.alts) if x != ref]
        known = [ref, *alts]
        calls = [sign.join(str(known.index(s[p.id])) for s in strands[name]) for name in people]
        name = f"{prefix}{gene.chromosome.removeprefix('chr')}"
        lines.append("\t".join([name, str(p.start[build]), p.id, ref, ",".join(alts), ".", "PASS", ".", "GT", *calls]))
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path
