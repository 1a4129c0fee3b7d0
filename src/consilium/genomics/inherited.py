"""Inherited: the classified variants that one genome carries, with zygosity, phase, the list of secondary findings, and the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from consilium.core.errors import InputError
from consilium.core.inherited import CLASSES, PATHOGENIC, InheritedVariant
from consilium.genomics.clinvar import ClinVar, Entry
from consilium.genomics.evidence import MECHANISM, Annotation, annotation, evidence
from consilium.genomics.hgvs import from_vcf
from consilium.genomics.pharmacogenomics import build_of
from consilium.genomics.site import PASSED
from consilium.genomics.variant import Reference, Variant, normalised, variants
from consilium.genomics.vcf import Record, VariantFile
from consilium.knowledge.inherited import fields, secondary_genes

REACH = 200
"""Bases to the right of a place within which an unaligned insertion or deletion may be written, where a reference can align it."""
NAME = "ClinVar"
SOMATIC = "SOMATIC"
"""The flag in INFO by which a VCF says that a variant was not inherited."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of the lookup.

    Parameters
    ----------
    source, date, build : str
        Which lookup, of what date, on which build.
    aligned : bool
        Whether both sides were compared in their leftmost spelling.
    carried : mapping of str to int
        Carried variants that the lookup knows, by class.
    filtered : int
        Carried variants of known places that did not pass the file's filter, and were not taken.
    findings : tuple of InheritedVariant
        Those that are said one by one: pathogenic, conflicting with a pathogenic voice, risk alleles, and null variants of genes on the
        list of secondary findings of which the lookup says nothing.
    """

    source: str
    date: str
    build: str
    aligned: bool
    carried: Mapping[str, int]
    filtered: int
    findings: tuple[InheritedVariant, ...]


@dataclass(frozen=True, slots=True)
class _Carried:
    variant: Variant
    zygosity: str
    phased: bool
    strands: tuple[bool, ...]
    block: str
    told: Annotation


def look_up(file: VariantFile, lookup: ClinVar, *, build: str = "", reference: Reference | None = None, lone_x: bool = False) -> Looked:
    """Look every carried variant of a genome up.

    Parameters
    ----------
    file : VariantFile
        Its sample is read.
    lookup : ClinVar
    build : str
        Where the file does not say it.
    reference : Reference, optional
        To compare insertions and deletions in their leftmost spelling; it serves where the lookup was built with one, or its file was
        written so (as ClinVar's own is).
    lone_x : bool
        The person has one X.

    Raises
    ------
    InputError
        When genome and lookup are on different builds, or the file marks a variant as somatic.
    """
    told, _ = build_of(file, build)
    if told != lookup.build:
        raise InputError(
            "The genome and the lookup are on different builds", where=file.path.name, found=told, expected=lookup.build,
            do=f"build a lookup from ClinVar's {told} file",
        )  # fmt: skip
    carried, filtered = _carried(file, lookup, reference, lone_x)
    known = lookup.at(one.variant for one in carried)
    counts = Counter(known[one.variant].classification for one in carried if one.variant in known)
    chosen = [one for one in carried if _reported(known.get(one.variant), one.told, lookup)]
    partners = _partners(chosen, known)
    findings = [_finding(one, known, lookup, told, reference, partners[one.variant]) for one in chosen]
    findings.sort(key=lambda f: (CLASSES.index(f.classification), -(f.stars or 0), f.place))
    return Looked(
        f"{NAME} ({lookup.file})", lookup.date, told, reference is not None, dict(sorted(counts.items())), filtered, tuple(findings)
    )


def _carried(file: VariantFile, lookup: ClinVar, reference: Reference | None, lone_x: bool) -> tuple[list[_Carried], int]:
    reach = 0 if reference is None else REACH
    spans = {name: [(first, last + reach) for first, last in own] for name, own in lookup.places.items()}
    found, filtered, seen = [], 0, set[tuple[Variant, str]]()
    for record in file.at(spans):
        present = [n for n in record.genotype if n]
        if not present:
            continue
        if SOMATIC in record.info.split(";"):
            raise InputError(
                "The file marks variants as somatic: inherited ones cannot be told from them", where=file.path.name,
                found=f"{record.chromosome}:{record.start}", do="give the VCF of blood or saliva; `consilium tumour` reads a tumour's",
            )  # fmt: skip
        if record.filter not in PASSED:
            filtered += 1
            continue
        for number, variant in variants(record):
            if number not in present:
                continue
            spelled = normalised(variant, reference)
            spelled = replace(spelled, chromosome="M") if spelled.chromosome == "MT" else spelled
            if (spelled, record.block) in seen:
                continue
            seen.add((spelled, record.block))
            told = annotation(record.info, number, record.alts, file.header.info)
            strands = tuple(n == number for n in record.genotype)
            found.append(_Carried(spelled, _zygosity(record, number, lone_x), record.phased, strands, record.block, told))
    return found, filtered


def _zygosity(record: Record, number: int, lone_x: bool) -> str:
    name = record.chromosome.removeprefix("chr")
    copies = sum(n == number for n in record.genotype)
    if len(record.genotype) == 1 or (lone_x and name == "X" and copies == len(record.genotype)) or name in ("Y", "M", "MT"):
        return "hemizygous"
    if None in record.genotype:
        return "unknown"
    return "homozygous" if copies == len(record.genotype) else "heterozygous"


def _reported(entry: Entry | None, told: Annotation, lookup: ClinVar) -> bool:
    if entry is not None and entry.classification in (*PATHOGENIC, "risk"):
        return True
    if entry is not None and entry.classification == "conflicting":
        words = entry.words.lower().replace("conflicting_interpretations_of_pathogenicity", "").replace("of_pathogenicity", "")
        return "pathogenic" in words or "conflicting" in entry.words.lower()
    null = set(told.consequence) & set(fields()["null"])
    rare = not told.frequencies or max(told.frequencies.values()) < 0.01
    return entry is None and bool(null) and rare and told.gene in secondary_genes() and lookup.null_genes.get(told.gene, 0) >= MECHANISM


def _partners(chosen: list[_Carried], known: Mapping[Variant, Entry]) -> dict[Variant, dict[Variant, str]]:
    """For each variant the pathogenic ones of the same gene, and whether they lie on the other strand: `trans`, `cis` or `unknown`."""
    found: dict[Variant, dict[Variant, str]] = {one.variant: {} for one in chosen}
    for one in chosen:
        for other in chosen:
            own, entry = known.get(one.variant), known.get(other.variant)
            if other.variant == one.variant or own is None or entry is None or entry.classification not in PATHOGENIC:
                continue
            if set(own.genes) & set(entry.genes) and one.variant.chromosome == other.variant.chromosome:
                found[one.variant][other.variant] = _phase(one, other)
    return found


def _phase(one: _Carried, other: _Carried) -> str:
    if not (one.phased and other.phased and one.block == other.block and len(one.strands) == len(other.strands)):
        return "unknown"
    return "cis" if any(a and b for a, b in zip(one.strands, other.strands, strict=True)) else "trans"


def _finding(
    one: _Carried, known: Mapping[Variant, Entry], lookup: ClinVar, build: str, reference: Reference | None, partners: Mapping[Variant, str]
) -> InheritedVariant:
    entry = known.get(one.variant)
    opposite = [v for v, phase in partners.items() if phase == "trans" and "AR" in known[v].inheritance]
    in_trans = str(from_vcf(build, opposite[0], reference)) if opposite else ""
    met, lacking = evidence(one.variant, entry, one.told, lookup, in_trans=in_trans)
    if any(phase == "unknown" for phase in partners.values()):
        lacking = (*lacking, "phase")
    genes = entry.genes if entry and entry.genes else (one.told.gene,) if one.told.gene else ()
    listed = [secondary_genes()[g] for g in genes if g in secondary_genes()]
    stated = entry.inheritance if entry else ()
    found = InheritedVariant(
        name=str(from_vcf(build, one.variant, reference)),
        build=build,
        place=f"{one.variant.chromosome}-{one.variant.start}-{one.variant.ref}-{one.variant.alt}",
        genes=genes,
        zygosity=one.zygosity,
        phased=one.phased,
        classification=entry.classification if entry else "none",
        words=entry.words if entry else "",
        stars=entry.stars if entry else None,
        status=entry.status if entry else "",
        conditions=entry.conditions if entry else (),
        inheritance=stated or tuple(dict.fromkeys(gene.inheritance for gene in listed)),
        source=f"{NAME} ({lookup.file})",
        source_date=lookup.date,
        identifier=entry.identifier if entry else "",
        consequence="|".join(one.told.consequence) or (entry.consequence if entry else ""),
        protein=one.told.protein or (entry.protein if entry else ""),
        criteria=met,
        lacking=lacking,
        aligned=reference is not None,
    )
    return replace(found, secondary=_secondary(found, any(phase != "cis" for phase in partners.values())))


def _secondary(finding: InheritedVariant, partnered: bool) -> str:
    """Whether the list of secondary findings asks to report it: pathogenic, in as many copies and of the kind that the list says."""
    listed = [secondary_genes()[g] for g in finding.genes if g in secondary_genes()]
    if not listed or finding.classification not in (*PATHOGENIC, "none"):
        return ""
    gene = listed[0]
    if gene.only:
        if gene.only.get(finding.build) != finding.place:
            return ""
    elif gene.truncating:
        null = set(finding.consequence.split("|")) & set(fields()["null"])
        if not null:
            return "" if finding.consequence else "unsure"
    if finding.classification == "none":
        return "unsure"
    both = finding.zygosity in ("homozygous", "hemizygous") or (partnered and not gene.only)
    return "report" if gene.copies == 1 or both else "one_copy"
