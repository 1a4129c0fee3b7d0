"""Tumour: which treatments a tumour's variants speak for or against, best evidence and nearest disease first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consilium.core.errors import InputError
from consilium.genomics.vcf import Record, VariantFile
from consilium.knowledge.tumour_evidence import LEVELS, TumourEvidence, kinds_above, tumour_diseases, tumour_evidence

BUILD = "GRCh37"
"""The build of the evidence's coordinates."""
EXACT, BROADER, NARROWER, OTHER = "same disease", "broader disease", "narrower disease", "another disease"
MATCHES = (EXACT, BROADER, NARROWER, OTHER)
_THREE = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H", "Ile": "I", "Leu": "L",
    "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S", "Thr": "T", "Trp": "W", "Tyr": "Y", "Val": "V", "Ter": "*",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Option:
    """One therapy that a variant speaks for or against.

    Parameters
    ----------
    variant : str
        As it was given or found.
    evidence : TumourEvidence
    disease_match : str
        One of `MATCHES`.
    """

    variant: str
    evidence: TumourEvidence
    disease_match: str


@dataclass(frozen=True, slots=True)
class TumourOptions:
    """All options, and the variants of which nothing is known: those are not known to be harmless."""

    disease: str
    options: tuple[Option, ...]
    unknown: tuple[str, ...]


def tumour_options(disease: str, variants: Iterable[str] = (), file: VariantFile | None = None) -> TumourOptions:
    """What accepted evidence says.

    Parameters
    ----------
    disease : str
        One of `tumour_diseases()`, in any case.
    variants : iterable of str
        As `EGFR L858R`, `EGFR p.Leu858Arg`, `ERBB2 amplification`, `EGFR exon 19 deletion`.
    file : VariantFile, optional
        Somatic calls on GRCh37; a record is matched where its alleles are those of an evidence item, or where it is a deletion inside the
        region of a deletion item. Kinds of change that coordinates do not tell (amplification, fusion, expression) must be named.

    Raises
    ------
    InputError
        An unknown disease, a variant that is not a gene and a change, or a file on another build.
    """
    known = {name.lower(): name for name in tumour_diseases()}
    if disease.lower() not in known:
        raise InputError("No evidence is held for this disease", found=disease, expected=sorted(known.values()))
    disease = known[disease.lower()]
    found: list[Option] = []
    unknown: list[str] = []
    for given in variants:
        gene, change = _named(given)
        items = [e for e in tumour_evidence() if e.gene.upper() == gene and _same(e.variant.upper().removeprefix(f"{gene} "), change)]
        found += [Option(given, e, _match(e.disease, disease)) for e in items]
        if not items:
            unknown.append(given)
    if file is not None:
        for record in _called(file):
            for e in tumour_evidence():
                if _lies(e, record):
                    shown = f"{e.gene} {e.variant} ({record.chromosome}:{record.start} {record.ref}>{','.join(record.alts)})"
                    found.append(Option(shown, e, _match(e.disease, disease)))
    found.sort(key=lambda o: (MATCHES.index(o.disease_match) if o.disease_match == OTHER else 0, LEVELS.index(o.evidence.level),
                              MATCHES.index(o.disease_match), -(o.evidence.rating or 0), o.evidence.gene, o.evidence.evidence))  # fmt: skip
    return TumourOptions(disease, tuple(found), tuple(unknown))


def _named(given: str) -> tuple[str, str]:
    gene, _, change = given.strip().partition(" ")
    if not change.strip():
        raise InputError("A variant is a gene and a change", found=given, expected="as 'EGFR L858R' or 'ERBB2 amplification'")
    return gene.upper(), change.strip()


def _plain(change: str) -> str:
    """One spelling: one-letter amino acids, no `p.`, upper case, single spaces."""
    text = re.sub(r"^p\.\(?", "", change.strip()).rstrip(")")
    text = re.sub("|".join(_THREE), lambda m: _THREE[m[0]], text)
    return re.sub(r"\s+", " ", text).upper()


def _same(evidence: str, given: str) -> bool:
    a, b = _plain(evidence), _plain(given)
    if a == b or a.rstrip("S") == b.rstrip("S"):
        return True
    # An item on any mutation of the gene holds for a named amino-acid change; one on a change does not hold for "mutation".
    return a == "MUTATION" and re.fullmatch(r"[A-Z]\d+([A-Z*]|_.*|DEL.*|INS.*|DUP.*)", b) is not None


def _match(evidence: str, disease: str) -> str:
    if evidence == disease:
        return EXACT
    if evidence in kinds_above(disease):
        return BROADER
    return NARROWER if disease in kinds_above(evidence) else OTHER


def _called(file: VariantFile) -> Sequence[Record]:
    build = file.header.build
    if build != BUILD:
        raise InputError(
            "The evidence's coordinates are on another build", where=file.path.name, found=build or "no build stated", expected=BUILD,
            do="give calls on GRCh37, or name the variants (--variant 'EGFR L858R')",
        )  # fmt: skip
    regions: dict[str, list[tuple[int, int]]] = {}
    for e in tumour_evidence():
        if e.place:
            regions.setdefault(e.place.chromosome, []).append((e.place.start, e.place.stop))
    return [r for r in file.at(regions) if r.filter in ("PASS", ".") and (not r.genotype or any(r.genotype))]


def _lies(e: TumourEvidence, record: Record) -> bool:
    place = e.place
    if place is None or record.chromosome.removeprefix("chr") != place.chromosome:
        return False
    if place.ref and place.alt:
        return record.start == place.start and record.ref == place.ref and place.alt in record.alts
    if "DELETION" in e.variant.upper() and "EXON" in e.variant.upper():
        return (
            place.start <= record.start and record.end <= place.stop and any(len(a) < len(record.ref) and a.isalpha() for a in record.alts)
        )
    return False
