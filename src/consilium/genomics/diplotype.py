"""Diplotype: one gene of one person called from what a genome shows, with its phenotype and everything that stays uncertain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from consilium.core.gene import Share
from consilium.genomics.match import carried, match
from consilium.genomics.site import Site
from consilium.knowledge.pharmacogenes import Meaning, Pharmacogene

SHOWN = 1e-6
"""A possibility less probable than this is counted under the rest."""
UNASSIGNED = "not assigned"
"""The phenotype of a pair of which no source says what it means."""


@dataclass(frozen=True, slots=True)
class Diplotype:
    """What is known of one gene.

    Parameters
    ----------
    gene : str
    diplotypes : tuple of str
        The best-fitting pairs as `*1/*2`; several where the data cannot tell them apart, none where nothing was called.
    phenotype : str
        Where all the best pairs agree on it; empty otherwise.
    score : float or None
        The activity score, where the gene has one and the pairs agree; `at_least` when it is a lower bound.
    distribution, phenotypes : tuple of Share
        Every pair, and every phenotype, that the seen positions allow, by allele frequencies; largest first. Empty where a person's
        strands show a combination that nobody has named, or where no frequencies are known.
    missing : mapping of str to str
        Positions that show nothing, and why.
    undocumented : tuple of str
        Positions that show a sequence which no allele is defined by, as `rs1 G>T`.
    carried : tuple of tuple of str
        For genes read by their least function: the variants on each strand, or all together where the phase is unknown.
    assumed : int
        Positions that the file does not mention and that were taken as the reference, because the caller said so.
    notes : tuple of str
        What a reader must know, in keys of `genomics/words.yaml`.
    outside : str
        Who called it, when the result was sent rather than read from a genome.
    """

    gene: str
    diplotypes: tuple[str, ...]
    phenotype: str = ""
    score: float | None = None
    at_least: bool = False
    distribution: tuple[Share, ...] = ()
    phenotypes: tuple[Share, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    undocumented: tuple[str, ...] = ()
    carried: tuple[tuple[str, ...], ...] = ()
    assumed: int = 0
    notes: tuple[str, ...] = ()
    outside: str = ""


def call(gene: Pharmacogene, sites: Sequence[Site], frequency: Mapping[str, float] | None = None) -> Diplotype:
    """Call one gene.

    Parameters
    ----------
    gene : Pharmacogene
    sites : sequence of Site
        One for each position of the gene.
    frequency : mapping of str to float, optional
        How frequent each named allele is in the population the person comes from; without it there is no distribution.

    Returns
    -------
    Diplotype
        With no diplotype where nothing was seen, a required position is missing, strands contradict each other, or no pair of named
        alleles shows what was seen.
    """
    usable = [s for s in sites if not s.position.ignored]
    missing = {s.position.id: s.missing for s in usable if s.missing}
    undocumented = tuple(
        f"{s.position.id} {s.position.ref['GRCh38']}>{x}"
        for s in usable
        for x in sorted(set(s.strands) - {s.position.ref["GRCh38"], *s.position.alts})
    )
    base = Diplotype(gene.name, (), missing=missing, undocumented=undocumented, assumed=sum(s.assumed for s in usable))
    seen = [s for s in usable if s.strands]
    if not seen:
        return replace(base, notes=("nothing_seen",))
    if len({len(s.strands) for s in seen}) > 1:
        return replace(base, notes=("mixed_ploidy",))
    if any(place in missing for place in gene.required):
        return replace(base, notes=("required_missing",))
    found = match(gene, seen)
    shares = found.shares(frequency) if frequency else {}
    if gene.reading == "lowest":
        return _judged(_lowest(gene, seen, base), gene, shares)
    best = found.best(gene)
    if not best:
        return replace(base, notes=("undocumented",) if undocumented else ("combination",))
    diplotypes = tuple("/".join(pair) for pair in best)
    notes = ["missing"] if missing else []
    if len(diplotypes) > 1:
        notes.append("ambiguous")
    elif len(found.pairs(gene)) > 1 and not missing:
        notes.append("phase")
    return _judged(replace(base, diplotypes=diplotypes, notes=tuple(notes)), gene, shares)


def from_outside(gene: Pharmacogene, diplotype: str, by: str) -> Diplotype:
    """A diplotype that a laboratory or another caller sent, as `*1/*4` or `*1x2/*2`.

    Raises
    ------
    KnowledgeError
        When an allele is not known.

    Examples
    --------
    >>> from consilium.knowledge.pharmacogenes import pharmacogenes
    >>> from_outside(pharmacogenes()["CYP2D6"], "*1/*4", "the ward's laboratory").phenotype
    'Intermediate Metabolizer'
    """
    called = Diplotype(gene.name, ("/".join(part.strip() for part in diplotype.split("/")),), notes=("outside",), outside=by)
    return _judged(called, gene, {tuple(called.diplotypes[0].split("/")): 1.0})


def _lowest(gene: Pharmacogene, seen: Sequence[Site], base: Diplotype) -> Diplotype:
    """The least function on each strand; where the phase is unknown, the two least of all that were found."""
    strands = [sorted(strand, key=lambda name: _rank(gene, name)) for strand in carried(gene, seen)]
    lone = all(len(s.strands) == 1 for s in seen)
    notes = [*(["missing"] if base.missing else []), *(["undocumented"] if base.undocumented else [])]
    if len(strands) == 1 and not lone:
        pair = [*strands[0], gene.reference, gene.reference][:2]
        notes += ["phase_lowest"] if len(strands[0]) > 1 else []
    else:
        pair = [strand[0] if strand else gene.reference for strand in strands]
    if any(len(strand) > 1 for strand in strands):
        notes.append("lowest")
    order = list(gene.alleles)
    return replace(
        base, diplotypes=("/".join(sorted(pair, key=order.index)),), carried=tuple(tuple(strand) for strand in strands), notes=tuple(notes)
    )


def _rank(gene: Pharmacogene, name: str) -> tuple[float, int]:
    allele = gene.alleles[name]
    ranked = gene.ranks.index(allele.function) if allele.function in gene.ranks else len(gene.ranks)
    return (allele.activity if allele.activity is not None else float(ranked), ranked)


def _judged(called: Diplotype, gene: Pharmacogene, shares: Mapping[tuple[str, ...], float]) -> Diplotype:
    """With what the diplotypes mean, where all of them mean the same, and the distributions."""
    order = list(gene.alleles) + list(gene.outside)
    totals: dict[str, float] = {}
    for pair, p in shares.items():
        means = _meaning(gene, pair)
        name = means.phenotype if means else UNASSIGNED
        totals[name] = totals.get(name, 0.0) + p
    listed = tuple(Share("/".join(sorted(pair, key=order.index)), p) for pair, p in shares.items() if p >= SHOWN)
    phenotypes = tuple(Share(name, p) for name, p in sorted(totals.items(), key=lambda item: -item[1]) if p >= SHOWN)
    called = replace(called, distribution=listed, phenotypes=phenotypes)
    meanings = {_meaning(gene, tuple(pair.split("/"))) for pair in called.diplotypes}
    agreed = meanings.pop() if len(meanings) == 1 else None
    if agreed is None:
        return called
    return replace(called, phenotype=agreed.phenotype, score=agreed.score, at_least=agreed.at_least)


def _meaning(gene: Pharmacogene, pair: tuple[str, ...]) -> Meaning | None:
    return gene.meaning(*(gene.allele(name) for name in pair))
