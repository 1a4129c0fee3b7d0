"""Every pharmacogene of the shelf: what the knowledge file says is written as a VCF and must be called from it."""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path

import pytest

from consilium.genomics.match import match
from consilium.genomics.pharmacogenomics import call_all
from consilium.genomics.site import Site
from consilium.genomics.vcf import VariantFile
from consilium.knowledge.pharmacogenes import BUILDS, Pharmacogene, frequencies, pharmacogenes

sys.path.insert(0, str(Path(__file__).parents[1] / "genomics"))
from made import strand, vcf

GENES = sorted(pharmacogenes())
HIDDEN = {("G6PD", "Chatham"), ("RYR1", "c.14509C>G")}
"""Alleles whose only position the definition's own source leaves out of calling (docs/pharmacogenes.md)."""


def _own(gene: Pharmacogene) -> list[str]:
    return [name for name in gene.alleles if (gene.name, name) not in HIDDEN]


@pytest.mark.parametrize("name", GENES)
@pytest.mark.parametrize("build", BUILDS)
def test_every_allele_comes_back_from_a_file(name: str, build: str, tmp_path: Path) -> None:
    """With the reference and with itself, and some hundred pairs drawn among all others."""
    gene = pharmacogenes()[name]
    own = _own(gene)
    chance = random.Random(7)
    pairs = [(a, a) for a in own] + [(gene.reference, a) for a in own]
    pairs += chance.sample(list(itertools.combinations(own, 2)), k=min(100, len(own) * (len(own) - 1) // 2))
    order = list(gene.alleles)
    people = {f"p{i}": pair for i, pair in enumerate(pairs)}
    path = vcf(tmp_path / "made.vcf.gz", gene, people, build=build)
    step = max(1, len(people) // (40 if build == "GRCh38" else 8))
    for person in list(people)[::step]:
        called = call_all(VariantFile(path, person), [gene])[0]
        wanted = "/".join(sorted(people[person], key=order.index))
        assert called.diplotypes == (wanted,), (people[person], called)
        assert not called.missing


@pytest.mark.parametrize("name", GENES)
def test_every_strand_is_told_from_every_other(name: str) -> None:
    """Phased diplotypes are pairs of strands, so all of them come back if each strand fits its own allele alone."""
    gene = pharmacogenes()[name]
    for allele in _own(gene):
        shown = strand(gene, allele)
        sites = [Site(p, (shown[p.id],), True) for p in gene.positions]
        assert match(gene, sites).best(gene) == ((allele,),)


@pytest.mark.parametrize("name", GENES)
def test_a_pair_fits_when_its_strands_do(name: str) -> None:
    """What the test above rests on: the best pair of two phased strands is the best of each strand."""
    gene = pharmacogenes()[name]
    order, chance = list(gene.alleles), random.Random(11)
    for _ in range(25):
        pair = [chance.choice(_own(gene)) for _ in range(2)]
        first, second = (strand(gene, allele) for allele in pair)
        sites = [Site(p, (first[p.id], second[p.id]), True) for p in gene.positions]
        assert match(gene, sites).best(gene) == (tuple(sorted(pair, key=order.index)),)


@pytest.mark.parametrize("name", GENES)
def test_unphased_data_allow_what_was_written(name: str) -> None:
    gene = pharmacogenes()[name]
    chance = random.Random(13)
    for _ in range(25):
        pair = [chance.choice(_own(gene)) for _ in range(2)]
        first, second = (strand(gene, allele) for allele in pair)
        sites = [Site(p, (first[p.id], second[p.id])) for p in gene.positions]
        found = match(gene, sites)
        i, j = (found.names.index(allele) for allele in pair)
        assert found.fits[i, j] and found.fits[j, i]


@pytest.mark.parametrize("name", sorted(frequencies()))
def test_frequencies_are_a_distribution(name: str) -> None:
    shares = frequencies()[name]
    assert set(shares) == set(pharmacogenes()[name].alleles)
    assert sum(shares.values()) == pytest.approx(1)
    assert all(p > 0 for p in shares.values())


@pytest.mark.parametrize("name", sorted(frequencies()))
def test_the_distribution_sums_to_one_and_holds_the_truth_when_positions_are_missing(name: str) -> None:
    gene = pharmacogenes()[name]
    chance = random.Random(17)
    for _ in range(10):
        pair = [chance.choice(_own(gene)) for _ in range(2)]
        first, second = (strand(gene, allele) for allele in pair)
        seen = [p for p in gene.positions if chance.random() < 0.7]
        shares = match(gene, [Site(p, (first[p.id], second[p.id])) for p in seen]).shares(frequencies()[name])
        assert sum(shares.values()) == pytest.approx(1)
        assert tuple(sorted(pair)) in {tuple(sorted(found)) for found in shares}


def test_the_two_builds_name_the_same_places() -> None:
    """Within a gene the builds differ by a constant, but for the places that the table itself lists otherwise."""
    for gene in pharmacogenes().values():
        computed = {p.start["GRCh37"] - p.start["GRCh38"] for p in gene.positions if p.lifted}
        listed = [p.start["GRCh37"] - p.start["GRCh38"] for p in gene.positions if not p.lifted]
        assert len(computed) <= 1, gene.name
        assert not computed or computed <= set(listed), gene.name
