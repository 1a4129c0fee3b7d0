"""Pharmacogenes: named alleles of a gene, the positions that define them, and what a pair of them means for a person."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from consilium.core.errors import KnowledgeError
from consilium.core.source import Source
from consilium.knowledge.shelf import FOLDER, shelf
from consilium.knowledge.table import read_table

BUILDS = ("GRCh38", "GRCh37")
READINGS = ("strand", "lowest")
PGX = FOLDER / "pgx"
_HEADER = {"title", "sources", "version", "retrieved", "licence", "phenotypes"}


@dataclass(frozen=True, slots=True)
class Position:
    """One place in a gene where named alleles differ.

    Parameters
    ----------
    id : str
        rsID, or the HGVS name on the chromosome where there is none.
    hgvs : str
        Name on the GRCh38 chromosome.
    start : mapping of str to int
        1-based position by build (`GRCh38`, `GRCh37`).
    ref : mapping of str to str
        Reference sequence by build.
    alts : tuple of str
        The other sequences that some allele has here.
    ignored : bool
        Not used for calling, as the source of the definition says.
    lifted : bool
        The GRCh37 position was computed from the gene's constant offset, not read from a table.
    """

    id: str
    hgvs: str
    start: Mapping[str, int]
    ref: Mapping[str, str]
    alts: tuple[str, ...]
    ignored: bool = False
    lifted: bool = False


@dataclass(frozen=True, slots=True)
class Allele:
    """One named allele: its function, its activity (None where nobody assigned one) and the sequence at each defining position.

    `at` maps a position's id to the sequences that fit; a position that is not named is as in the reference allele.
    """

    name: str
    function: str | None
    activity: float | None
    at_least: bool
    at: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a person with two (or, on X, one) alleles is: the phenotype, the activity score, and whether the score is a lower bound."""

    phenotype: str
    score: float | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Pharmacogene:
    """One gene as the knowledge file says.

    `reading` is `strand` (one allele for each strand) or `lowest` (every variant is an allele of its own, and the least function on
    each strand counts, in the order of `ranks`). `outside` holds alleles that a VCF of small variants cannot show (copies, hybrids),
    for results that a laboratory sends. `required` are positions without which nothing is called. `unphased` names, for diplotypes
    that unphased data cannot tell apart, the one that is called.
    """

    name: str
    chromosome: str
    reference: str
    positions: tuple[Position, ...]
    alleles: Mapping[str, Allele]
    outside: Mapping[str, Allele]
    functions: Mapping[tuple[str, ...], str]
    scores: tuple[tuple[float, float, str], ...]
    reading: str
    ranks: tuple[str, ...]
    required: tuple[str, ...]
    unphased: Mapping[frozenset[str], str]
    source: Source

    def allele(self, name: str) -> Allele:
        """An allele by name, also one from outside.

        Raises
        ------
        KnowledgeError
            When the gene has no such allele.
        """
        found = self.alleles.get(name) or self.outside.get(name)
        if found is None:
            raise KnowledgeError(
                f"{self.name} has no such allele", found=name, do="check the name; suballeles are named by their star allele"
            )
        return found

    def meaning(self, *alleles: Allele) -> Meaning | None:
        """What these alleles mean together, or None where no source says.

        Examples
        --------
        >>> gene = pharmacogenes()["CYP2C19"]
        >>> gene.meaning(gene.allele("*1"), gene.allele("*2")).phenotype
        'Intermediate Metabolizer'
        """
        activity = [a.activity for a in alleles]
        score = None if None in activity else sum(x for x in activity if x is not None)
        bound = any(a.at_least for a in alleles)
        if self.scores:
            if score is None:
                return Meaning("Indeterminate")
            means = next((m for low, high, m in self.scores if low <= score <= high), "")
            means = means or (self.scores[-1][2] if score > self.scores[-1][1] else "Indeterminate")
            return Meaning(means, score, bound)
        functions = [a.function for a in alleles]
        if None in functions:
            return None
        means = self.functions.get(tuple(sorted(str(f) for f in functions)), "")
        return Meaning(means, score, bound) if means else None


@functools.cache
def pharmacogenes() -> Mapping[str, Pharmacogene]:
    """The genes of the shelf, by name, opened once.

    Examples
    --------
    >>> pharmacogenes()["CYP2C19"].alleles["*2"].function
    'No function'
    """
    return MappingProxyType({path.stem: read_pharmacogene(path) for path in sorted(PGX.glob("[A-Z]*.json"))})


@functools.cache
def frequencies() -> Mapping[str, Mapping[str, float]]:
    """By gene, how frequent each named allele is in the 1000 Genomes panel, all populations together.

    Alleles that the panel does not show share one imagined haplotype among them, so that none is impossible; haplotypes that no
    definition names are left out. A gene whose positions the panel does not cover is not there.

    Examples
    --------
    >>> 0.20 < frequencies()["CYP2C19"]["*2"] < 0.23
    True
    """
    counts: dict[str, dict[str, int]] = {}
    for row in read_table(PGX / "frequencies.csv", ("gene", "allele", "count", "haplotypes", "build", "source"), shelf().sources):
        counts.setdefault(row.text("gene"), {})[row.text("allele")] = int(row.cells["count"])
    found = {}
    for name, seen in counts.items():
        alleles = pharmacogenes()[name].alleles
        unseen = [allele for allele in alleles if allele not in seen]
        total = sum(n for allele, n in seen.items() if allele in alleles) + (1 if unseen else 0)
        found[name] = MappingProxyType({a: seen[a] / total if a in seen else 1 / len(unseen) / total for a in alleles})
    return MappingProxyType(found)


def read_pharmacogene(path: Path) -> Pharmacogene:
    """Read and check one gene.

    Raises
    ------
    KnowledgeError
        When the file breaks its own rules; the message names the file and the row.
    """
    raw = orjson.loads(path.read_bytes())
    header = raw["header"]
    if set(header) != _HEADER or not set(header["sources"]) <= shelf().sources.keys():
        raise KnowledgeError("The header is incomplete or cites an unknown source", where=path.name, found=header)
    positions = tuple(
        Position(
            v["id"], v["hgvs"], {b: v[b] for b in BUILDS}, {"GRCh38": v["ref"], "GRCh37": v.get("ref37", v["ref"])}, tuple(v["alts"]),
            v.get("ignored", False), not v["listed37"],
        )
        for v in raw["variants"]
    )  # fmt: skip
    known = {p.id: {p.ref["GRCh38"], *p.alts} for p in positions}
    alleles = {name: _allele(name, row, path.name) for name, row in raw["alleles"].items()}
    for allele in alleles.values():
        for place, sequences in allele.at.items():
            if place not in known or not set(sequences) <= known[place]:
                raise KnowledgeError("An allele has a sequence that its position does not", where=f"{path.name} {allele.name}", found=place)
    if raw["reference"] not in alleles or alleles[raw["reference"]].at.keys() != known.keys():
        raise KnowledgeError("The reference allele does not name every position", where=path.name, found=raw["reference"])
    reading = raw.get("reading", "strand")
    if reading not in READINGS:
        raise KnowledgeError("A gene is read in an unknown way", where=path.name, found=reading, expected=READINGS)
    pairs = {tuple(sorted(row["functions"])): row["phenotype"] for row in raw["phenotypes"] if "functions" in row}
    scores = tuple((*row["score"], row["phenotype"]) for row in raw["phenotypes"] if "score" in row)
    if pairs and scores:
        raise KnowledgeError("A gene is judged by functions or by scores, not by both", where=path.name)
    return Pharmacogene(
        raw["gene"], raw["chromosome"], raw["reference"], positions, MappingProxyType(alleles),
        MappingProxyType({name: _allele(name, row, path.name) for name, row in raw["outside"].items()}), MappingProxyType(pairs), scores,
        reading, tuple(raw.get("ranks", ())), tuple(raw.get("required", ())),
        MappingProxyType({frozenset(pair): pick for pair, pick in raw.get("unphased", ())}),
        Source(header["title"], header["version"], shelf().sources[header["sources"][0]].url, header["retrieved"], header["licence"]),
    )  # fmt: skip


def _allele(name: str, row: Mapping[str, Any], file: str) -> Allele:
    activity = row["activity"]
    try:
        value = None if activity is None else float(activity.removeprefix("≥"))
    except ValueError:
        raise KnowledgeError("An activity is not a number", where=f"{file} {name}", found=activity) from None
    at = {place: tuple(text.split("|")) for place, text in row.get("at", {}).items()}
    return Allele(name, row["function"], value, str(activity).startswith("≥"), MappingProxyType(at))
