"""Drug advice: which guideline rows hold for a person's genes, and which may hold where the genes are not certain."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from consilium.core.gene import Share
from consilium.knowledge.drug_guidance import Guidance, Known, drug_guidance, holding
from consilium.knowledge.pharmacogenes import pharmacogenes

POSSIBLE = 0.01
"""Advice that is less probable than this is not raised."""


class Gene(Protocol):
    """One gene of a person, from the laboratory or from a record."""

    @property
    def gene(self) -> str:
        """Symbol."""

    @property
    def diplotypes(self) -> tuple[str, ...]:
        """The best-fitting pairs."""

    @property
    def phenotype(self) -> str:
        """Where they agree on it."""

    @property
    def score(self) -> float | None:
        """Activity score."""

    @property
    def at_least(self) -> bool:
        """Whether the score is a lower bound."""

    @property
    def distribution(self) -> tuple[Share, ...]:
        """All pairs that stay possible."""


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


def drug_advice(genes: Iterable[Gene], rows: Iterable[Guidance] | None = None) -> tuple[DrugAdvice, ...]:
    """What guidelines ask for, by drug; advice that follows from the call before advice that is only possible.

    Where positions are missing or the phase is unknown, a row for another genotype is raised with its probability, so that silence is
    never taken for a normal result.

    Parameters
    ----------
    genes : iterable of Gene
    rows : iterable of Guidance, optional
        The rows to look at, by default all.
    """
    genes, rows = list(genes), drug_guidance() if rows is None else tuple(rows)
    known = {d.gene: _known(d) for d in genes if d.phenotype or len(d.diplotypes) == 1}
    found = [DrugAdvice(row, {g: _said(known.get(g, Known())) for g, _ in row.genes}) for row in holding(rows, known)]
    settled = {(a.guidance.drug, a.guidance.population, a.guidance.source, a.guidance.action, a.guidance.dose) for a in found}
    for d in genes:
        for row, p in likelihoods(d, rows).items():
            if p >= POSSIBLE and (row.drug, row.population, row.source, row.action, row.dose) not in settled:
                found.append(DrugAdvice(row, {d.gene: "; ".join(row.genes[0][1])}, p))
    return tuple(sorted(found, key=lambda a: (a.guidance.drug, -a.probability, a.guidance.source, a.guidance.population)))


def likelihoods(gene: Gene, rows: Iterable[Guidance]) -> dict[Guidance, float]:
    """How probable it is, by a gene's distribution, that a row about this gene alone holds and asks something."""
    own = [row for row in rows if len(row.genes) == 1 and row.genes[0][0] == gene.gene]
    found: dict[Guidance, float] = {}
    for share in gene.distribution if own else ():
        for row in holding(own, {gene.gene: _of(gene.gene, share.name)}):
            found[row] = found.get(row, 0.0) + share.probability
    return found


def _known(d: Gene) -> Known:
    return Known(d.phenotype, d.score, d.at_least, d.diplotypes[0] if len(d.diplotypes) == 1 else "")


@functools.cache
def _of(gene: str, diplotype: str) -> Known:
    book = pharmacogenes()[gene]
    means = book.meaning(*(book.allele(name) for name in diplotype.split("/")))
    return Known(means.phenotype, means.score, means.at_least, diplotype) if means else Known(diplotype=diplotype)


def _said(known: Known) -> str:
    return known.phenotype or known.diplotype
