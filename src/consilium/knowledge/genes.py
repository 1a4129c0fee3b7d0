"""Genes: what they and their phenotypes are called and coded, and whom drug guidance by gene speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from consilium.core.source import Source
from consilium.knowledge.concept import Concept
from consilium.knowledge.table import read_table

GENES = ("gene", "name_zh", "hgnc", "source")
PHENOTYPES = ("phenotype", "name_zh", "code", "source")
POPULATIONS = ("population", "name", "name_zh", "age_low", "age_high", "source")
TESTING = ("drug", "gene", "source")
NOT_CALLED = "not called"
"""The phenotype of a gene that was looked at and could not be called."""


@dataclass(frozen=True, slots=True)
class Named:
    """A population in words, and the ages it is limited to (low included, high not)."""

    name: str
    name_zh: str
    ages: tuple[float, float] | None

    def fits(self, age: float | None) -> bool:
        """Whether a person of this age may belong to it; an unknown age may."""
        return self.ages is None or age is None or self.ages[0] <= age < self.ages[1]


@dataclass(frozen=True, slots=True)
class Genes:
    """Names and codes of the molecular laboratory.

    Parameters
    ----------
    code_of : mapping of str to str
        `HGNC//HGNC:2621` by symbol; `gene_of` the other way.
    phenotype_code : mapping of str to str
        By phenotype as guidelines look it up; `phenotype_of` the other way.
    populations : mapping of str to Named
        By the guideline's own words.
    tested : frozenset of (str, str)
        Drug and gene where the FDA label asks for a test before treatment.

    Examples
    --------
    >>> from consilium.knowledge import shelf
    >>> shelf().genes.code_of["CYP2C19"], shelf().genes.phenotype_code["Poor Metabolizer"]
    ('HGNC//HGNC:2621', 'LOINC//LA9657-3')
    """

    code_of: Mapping[str, str] = field(default_factory=dict)
    gene_of: Mapping[str, str] = field(default_factory=dict)
    phenotype_code: Mapping[str, str] = field(default_factory=dict)
    phenotype_of: Mapping[str, str] = field(default_factory=dict)
    populations: Mapping[str, Named] = field(default_factory=dict)
    tested: frozenset[tuple[str, str]] = frozenset()

    def coded(self, words: str) -> str:
        """The code of a phenotype by its name, however it is capitalised; empty where the name is none that is held."""
        return next((code for name, code in self.phenotype_code.items() if name.casefold() == words.strip().casefold()), "")


def read_genes(folder: Path, sources: Mapping[str, Source]) -> tuple[Genes, dict[str, Concept]]:
    """Read `genes.csv`, `phenotypes.csv`, `populations.csv` and `testing.csv` of a folder.

    Returns
    -------
    (Genes, dict of str to Concept)
        The book, and the concepts of its codes.

    Raises
    ------
    KnowledgeError
        When a gene, a phenotype, a population or a code stands twice, or a test is of an unknown gene.
    """
    concepts: dict[str, Concept] = {}
    codes: dict[str, dict[str, str]] = {"gene": {}, "phenotype": {}}
    for kind, columns in (("gene", GENES), ("phenotype", PHENOTYPES)):
        for row in read_table(folder / f"{kind}s.csv", columns, sources):
            name = row.text(kind)
            code = f"HGNC//{row.text('hgnc')}" if kind == "gene" else row.text("code")
            if name in codes[kind] or code in concepts:
                row.fail("A name or a code stands twice", found=(name, code))
            codes[kind][name] = code
            concepts[code] = Concept(code, name, row.text("name_zh"), "", row.cells["source"])
    populations: dict[str, Named] = {}
    for row in read_table(folder / "populations.csv", POPULATIONS, sources):
        low, high = row.number("age_low"), row.number("age_high")
        if row.text("population") in populations or (low is None) != (high is None):
            row.fail("A population stands twice, or has one limit of age", found=row.text("population"))
        populations[row.text("population")] = Named(
            row.text("name"), row.text("name_zh"), None if low is None or high is None else (low, high)
        )
    tested = set()
    for row in read_table(folder / "testing.csv", TESTING, sources):
        if row.text("gene") not in codes["gene"]:
            row.fail("A test is of an unknown gene", found=row.text("gene"))
        tested.add((row.text("drug"), row.text("gene")))
    book = Genes(
        MappingProxyType(codes["gene"]), MappingProxyType({c: g for g, c in codes["gene"].items()}), MappingProxyType(codes["phenotype"]),
        MappingProxyType({c: p for p, c in codes["phenotype"].items()}), MappingProxyType(populations), frozenset(tested),
    )  # fmt: skip
    return book, concepts
