"""Match: which pairs of named alleles fit what a genome shows, the best of them, and how probable each is."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilium.genomics.site import Site
from consilium.knowledge.pharmacogenes import Pharmacogene

REFERENCE = "GRCh38"


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of alleles that fit.

    Parameters
    ----------
    names : tuple of str
        Alleles that fit on some strand.
    fits : bool array of shape (k, k)
        Whether a pair fits; symmetric. On one strand (a lone X) only the diagonal counts.
    scores : int array of shape (k,)
        Defining positions of each allele that were seen, as PharmCAT scores.
    lone : bool
        One strand only.
    """

    names: tuple[str, ...]
    fits: NDArray[np.bool_]
    scores: NDArray[np.int64]
    lone: bool

    def pairs(self, gene: Pharmacogene) -> dict[tuple[str, ...], int]:
        """Every pair that fits and its score, each in the order of the definition file.

        An allele none of whose own positions was seen is not among them, unless it is the reference.
        """
        order = {name: i for i, name in enumerate(gene.alleles)}
        told = [i for i, name in enumerate(self.names) if self.scores[i] > 0 or name == gene.reference]
        found = {}
        for i in told:
            for j in told:
                if self.fits[i, j] and (i == j if self.lone else i <= j):
                    ends = (self.names[i],) if self.lone else (self.names[i], self.names[j])
                    found[tuple(sorted(ends, key=order.__getitem__))] = int(self.scores[i] + self.scores[j])
        return found

    def best(self, gene: Pharmacogene) -> tuple[tuple[str, ...], ...]:
        """The pairs of the highest score; empty where none fits.

        Where the source of the definitions names the diplotype to call among the ones that unphased data allow, it is that one.
        """
        pairs = self.pairs(gene)
        picked = gene.unphased.get(frozenset("/".join(pair) for pair in pairs))
        if picked:
            return (tuple(picked.split("/")),)
        top = max(pairs.values(), default=0)
        return tuple(pair for pair, score in pairs.items() if score == top)

    def shares(self, frequency: Mapping[str, float]) -> dict[tuple[str, ...], float]:
        """Probability of each pair that fits, from allele frequencies under Hardy-Weinberg proportions; largest first."""
        p = np.array([frequency[name] for name in self.names])
        either = np.eye(len(p)) if self.lone else 2.0 - np.eye(len(p))
        weight = np.triu((p if self.lone else np.outer(p, p)) * self.fits * either)
        total = weight.sum()
        if not total > 0:
            return {}
        pairs = np.argwhere(weight > 0)
        found = {
            ((self.names[i],) if self.lone else (self.names[i], self.names[j])): float(weight[i, j] / total) for i, j in pairs
        }  # fmt: skip
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def match(gene: Pharmacogene, sites: Sequence[Site]) -> Matches:
    """Find the pairs of named alleles that show exactly what was seen.

    A position that an allele does not name is as in the reference allele. Strands whose order means something (one phase set) are
    matched in that order, in one direction or the other; unphased heterozygous positions each stand alone. Positions that show
    nothing bind nobody.

    Parameters
    ----------
    gene : Pharmacogene
    sites : sequence of Site
        One for each of the gene's positions; ignored positions may be left out.
    """
    seen = [s for s in sites if s.strands and not s.position.ignored]
    lone = bool(seen) and all(len(s.strands) == 1 for s in seen)
    names = tuple(gene.alleles)
    forward: dict[tuple[str, int], NDArray[np.bool_]] = {}
    backward: dict[tuple[str, int], NDArray[np.bool_]] = {}
    for number, s in enumerate(seen):
        first, second = _whose(gene, s.position.id, s.strands[0]), _whose(gene, s.position.id, s.strands[-1])
        key = ("same", 0) if s.one_sequence else ((s.block, -1) if s.phased else ("", number))
        forward[key] = forward.get(key, True) & first
        backward[key] = backward.get(key, True) & second
    keep = np.ones(len(names), bool)
    for key in forward:
        keep &= forward[key] | backward[key]
    kept = np.flatnonzero(keep)
    fits = np.ones((len(kept), len(kept)), bool)
    for key in forward:
        a, b = forward[key][kept], backward[key][kept]
        fits &= np.outer(a, b) | np.outer(b, a)
    places = {s.position.id for s in seen}
    scores = np.array([len(places & gene.alleles[names[i]].at.keys()) for i in kept], dtype=np.int64)
    return Matches(tuple(names[i] for i in kept), fits, scores, lone)


@functools.cache
def _whose(gene: Pharmacogene, place: str, sequence: str) -> NDArray[np.bool_]:
    """Which of the gene's alleles show a sequence at a place; kept, since a gene has few sequences and many people."""
    default = gene.alleles[gene.reference].at[place]
    found = np.array([sequence in allele.at.get(place, default) for allele in gene.alleles.values()])
    found.flags.writeable = False
    return found


def carried(gene: Pharmacogene, sites: Sequence[Site]) -> list[list[str]]:
    """For a gene read by its least function: the named alleles on each strand, or all of them in one list where phase is unknown.

    An allele is carried where all its own positions show it; one that lies within a larger carried one is not named again.
    """
    seen = [s for s in sites if s.strands and not s.position.ignored]
    count = max((len(s.strands) for s in seen), default=0)
    mixed = [s for s in seen if not s.one_sequence]
    known = len(mixed) <= 1 or (all(s.phased for s in mixed) and len({s.block for s in mixed}) == 1)
    if known:
        strands = [{s.position.id: s.strands[min(i, len(s.strands) - 1)] for s in seen} for i in range(count)]
        return [_on(gene, strand) for strand in strands]
    once = _on_any(gene, seen)
    twice = _on(gene, {s.position.id: s.strands[0] for s in seen if s.one_sequence})
    return [once + twice]


def _on(gene: Pharmacogene, strand: Mapping[str, str]) -> list[str]:
    reference = gene.alleles[gene.reference]
    held = []
    for name, allele in gene.alleles.items():
        own = {place: sequences for place, sequences in allele.at.items() if sequences != reference.at[place]}
        if own and name != gene.reference and all(strand.get(place) in sequences for place, sequences in own.items()):
            held.append((name, own.keys()))
    return [name for name, own in held if not any(own < other for _, other in held)]


def _on_any(gene: Pharmacogene, seen: Sequence[Site]) -> list[str]:
    varied = {
        s.position.id: next(x for x in s.strands if x != s.position.ref[REFERENCE])
        for s in seen
        if set(s.strands) != {s.position.ref[REFERENCE]}
    }
    return _on(gene, varied)
