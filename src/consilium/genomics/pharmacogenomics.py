"""Pharmacogenomics: every pharmacogene of one person, called from one look into a VCF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from consilium.core.errors import InputError
from consilium.genomics.diplotype import Diplotype, call
from consilium.genomics.site import site
from consilium.genomics.vcf import Record, VariantFile
from consilium.knowledge.pharmacogenes import BUILDS, Pharmacogene, pharmacogenes

SPAN = 100
"""Bases before a position at which a deletion over it may begin and is still seen."""


def call_all(
    file: VariantFile,
    genes: Iterable[Pharmacogene] | None = None,
    *,
    build: str = "",
    absent_is_reference: bool = False,
    lone_x: bool = False,
    frequencies: Mapping[str, Mapping[str, float]] | None = None,
) -> tuple[Diplotype, ...]:
    """Call the pharmacogenes of a file's sample.

    Parameters
    ----------
    file : VariantFile
    genes : iterable of Pharmacogene, optional
        By default all of the shelf.
    build : str
        `GRCh38` or `GRCh37`; by default as the file says.
    absent_is_reference : bool
        What the file does not mention is the reference: true of a file of all differences from a fully sequenced genome, and only
        its maker knows. By default an absent position is missing.
    lone_x : bool
        The person has one X, so that a homozygous call there stands for one strand.
    frequencies : mapping of str to mapping of str to float, optional
        Allele frequencies by gene.

    Raises
    ------
    InputError
        When nobody says which build the file was made against.
    """
    build, _ = build_of(file, build)
    chosen = list(genes if genes is not None else pharmacogenes().values())
    regions: dict[str, list[tuple[int, int]]] = {}
    for gene in chosen:
        for p in gene.positions:
            regions.setdefault(gene.chromosome, []).append((p.start[build] - SPAN, p.start[build] + len(p.ref[build]) - 1))
    records: dict[str, list[Record]] = {}
    for record in file.at(regions):
        records.setdefault(record.chromosome.removeprefix("chr"), []).append(record)
    return tuple(
        _called(
            gene,
            records.get(gene.chromosome.removeprefix("chr"), []),
            build,
            absent_is_reference,
            lone_x,
            (frequencies or {}).get(gene.name),
        )
        for gene in chosen
    )


def _called(
    gene: Pharmacogene, records: list[Record], build: str, absent_is_reference: bool, lone_x: bool, frequency: Mapping[str, float] | None
) -> Diplotype:
    lone = lone_x and gene.chromosome == "chrX"
    sites = []
    starts = {p.start[build] for p in gene.positions}
    for p in gene.positions:
        first, last = p.start[build], p.start[build] + len(p.ref[build]) - 1
        # A change that begins at another defining position is that position's to judge, as the definitions are written.
        near = [
            r for r in records if r.start <= last and r.end >= first and (r.start == first or r.start not in starts or not any(r.genotype))
        ]
        found = site(p, build, near, absent_is_reference=absent_is_reference, ploidy=1 if lone else 2)
        if lone and len(found.strands) == 2 and found.one_sequence:
            found = type(found)(found.position, found.strands[:1], found.phased, found.block, found.missing, found.assumed)
        sites.append(found)
    return call(gene, sites, frequency)


def build_of(file: VariantFile, build: str = "") -> tuple[str, str]:
    """The build a file was made against, and who says so: the file itself, else the caller.

    Raises
    ------
    InputError
        When nobody says it, or the caller says another than the file.
    """
    if build and build not in BUILDS:
        raise InputError("No such genome build", found=build, expected=BUILDS)
    stated = file.header.build
    if build and stated and build != stated:
        raise InputError(
            "The file was made against another build", where=file.path.name, found=f"{stated}, by {file.header.told_by}", expected=build,
            do="leave --build away",
        )  # fmt: skip
    if not (build or stated):
        raise InputError(
            "Nothing says which genome build the file was made against", where=file.path.name, found="no chromosome lengths, no reference",
            expected=BUILDS, do="say it with --build",
        )  # fmt: skip
    return (stated, file.header.told_by) if stated else (build, "the caller")
