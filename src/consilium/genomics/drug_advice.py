"""Drug advice: which guideline rows hold for a person's genes, and which may hold where the genes are not certain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consilium.genomics.diplotype import Diplotype
from consilium.knowledge.drug_guidance import SILENT, Guidance, Known, drug_guidance, holding
from consilium.knowledge.pharmacogenes import pharmacogenes

POSSIBLE = 0.01
"""Advice that is less probable than this is not raised."""


@dataclass(frozen=True, slots=True)
class DrugAdvice:
    """One guideline row that holds, or may.

    Parameters
    ----------
    guidance : Guidance
    because : mapping of str to str
        The phenotype (or diplotype) of each gene that it rests on.
    probability : float
        1 where it follows from what was called; else how probable the genotypes are for which it would hold.
    """

    guidance: Guidance
    because: Mapping[str, str]
    probability: float = 1.0


def drug_advice(genes: Iterable[Diplotype]) -> tuple[DrugAdvice, ...]:
    """What guidelines ask for, by drug; advice that follows from the call before advice that is only possible.

    Where positions are missing or the phase is unknown, a row for another genotype is raised with its probability, so that silence is
    never taken for a normal result.
    """
    genes = list(genes)
    known = {d.gene: _known(d) for d in genes if d.phenotype or len(d.diplotypes) == 1}
    found = [DrugAdvice(row, {g: _said(known.get(g, Known())) for g, _ in row.genes}) for row in holding(drug_guidance(), known)]
    settled = {(a.guidance.drug, a.guidance.population, a.guidance.source, a.guidance.action, a.guidance.dose) for a in found}
    for d in genes:
        for row in drug_guidance():
            if len(row.genes) != 1 or row.genes[0][0] != d.gene or row.action in SILENT:
                continue
            if (row.drug, row.population, row.source, row.action, row.dose) in settled:
                continue
            p = sum(share.probability for share in d.distribution if any(_of(d.gene, share.name).answers(key) for key in row.genes[0][1]))
            if p >= POSSIBLE:
                found.append(DrugAdvice(row, {d.gene: "; ".join(row.genes[0][1])}, p))
    return tuple(sorted(found, key=lambda a: (a.guidance.drug, -a.probability, a.guidance.source, a.guidance.population)))


def _known(d: Diplotype) -> Known:
    return Known(d.phenotype, d.score, d.at_least, d.diplotypes[0] if len(d.diplotypes) == 1 else "")


def _of(gene: str, diplotype: str) -> Known:
    book = pharmacogenes()[gene]
    means = book.meaning(*(book.allele(name) for name in diplotype.split("/")))
    return Known(means.phenotype, means.score, means.at_least, diplotype) if means else Known(diplotype=diplotype)


def _said(known: Known) -> str:
    return known.phenotype or known.diplotype
