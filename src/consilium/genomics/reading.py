"""Reading: everything that one genome file says of one person, with what it was read from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from consilium.core.polygenic import PolygenicResult
from consilium.genomics.clinvar import ClinVar
from consilium.genomics.conform import Breach, breaches
from consilium.genomics.diplotype import Diplotype, from_outside
from consilium.genomics.inherited import Looked, look_up
from consilium.genomics.pharmacogenomics import build_of, call_all
from consilium.genomics.polygenic import Polygenic, score
from consilium.genomics.scoring import read_scoring
from consilium.genomics.variant import Fasta
from consilium.genomics.vcf import VariantFile
from consilium.knowledge.drug_advice import DrugAdvice, drug_advice
from consilium.knowledge.pharmacogenes import frequencies, pharmacogenes
from consilium.knowledge.polygenic_scores import appraised

BREACHES = 20
"""Breaches of the specification that a reading holds, at most."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file says.

    Parameters
    ----------
    file, sample, build : str
        Which file and sample, and the genome build, with what told it (`told_by`).
    genes : tuple of Diplotype
        The pharmacogenes, by name.
    drugs : tuple of DrugAdvice
        What guidelines say of drugs, by drug.
    scores : tuple of Polygenic
        Polygenic scores, in the order asked; `polygenic` says what each means for somebody of the age and sex given.
    looked : Looked or None
        Classified variants that are carried; None where no lookup was given.
    breaches : tuple of Breach
        Where the file's header and its first lines break the VCF specification; it was read all the same.
    absent_is_reference : bool
        Whether the reader said that what the file does not mention is the reference.
    """

    file: str
    sample: str
    build: str
    told_by: str
    genes: tuple[Diplotype, ...] = field(default=())
    drugs: tuple[DrugAdvice, ...] = ()
    scores: tuple[Polygenic, ...] = ()
    breaches: tuple[Breach, ...] = ()
    absent_is_reference: bool = False
    polygenic: tuple[PolygenicResult, ...] = ()
    looked: Looked | None = None


def read_genome(
    path: str | Path,
    sample: str | None = None,
    *,
    build: str = "",
    absent_is_reference: bool = False,
    lone_x: bool = False,
    outside: Mapping[str, str] | None = None,
    scoring: Iterable[str | Path] = (),
    sex: str | None = None,
    age: int | None = None,
    clinvar: str | Path | None = None,
    reference: str | Path | None = None,
) -> Reading:
    """Read one person's genome.

    Parameters
    ----------
    path : path
        A VCF, bgzipped or not, with or without an index.
    sample : str, optional
        Needed where the file holds several.
    build : str
        `GRCh38` or `GRCh37`, where the file does not say.
    absent_is_reference : bool
        What the file does not mention is the reference. By default it is unknown.
    lone_x : bool
        The person has one X.
    outside : mapping of str to str, optional
        Diplotypes called elsewhere, by gene (`{"CYP2D6": "*1/*4"}`); they take the place of what the file shows.
    scoring : iterable of path
        Scoring files of the PGS Catalog.
    sex : str, optional
        `F` or `M`, and `age` in completed years: without both a polygenic score says no risk.
    clinvar : path, optional
        Folder of a lookup that `build_clinvar` made.
    reference : path, optional
        FASTA of the reference genome, indexed, so that insertions and deletions are compared in one spelling, and a score knows what an
        absent position is where `absent_is_reference`.

    Raises
    ------
    InputError
        When the file, the sample or the build cannot be used; the message says why.
    """
    file = VariantFile(path, sample)
    who = file.sample
    known = pharmacogenes()
    sent = {gene: from_outside(known[gene], diplotype, "outside call") for gene, diplotype in (outside or {}).items()}
    read = [gene for name, gene in known.items() if name not in sent]
    called = call_all(file, read, build=build, absent_is_reference=absent_is_reference, lone_x=lone_x, frequencies=frequencies())
    genes = tuple(sorted([*called, *sent.values()], key=lambda d: d.gene))
    build, told_by = build_of(file, build)
    genome = Fasta(reference, build) if reference is not None else None
    scores = tuple(score(file, read_scoring(path, build), absent_is_reference=absent_is_reference, reference=genome) for path in scoring)
    broken = tuple(itertools.islice(breaches(path), BREACHES))
    looked = None
    if clinvar is not None:
        looked = look_up(file, ClinVar(clinvar), build=build, reference=genome, lone_x=lone_x)
    meant = tuple(appraised(s.scoring, None if s.refused[0] else float(s.sums[0]), asdict(s.reports[0]), sex, age) for s in scores)
    return Reading(file.path.name, who, build, told_by, genes, drug_advice(genes), scores, broken, absent_is_reference, meant, looked)
