"""Shelf: what medicine has written, opened from the files beside this one, checked, and handed out frozen."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from consilium.core.errors import KnowledgeError
from consilium.core.source import Source
from consilium.knowledge.allergies import Allergies, read_allergies
from consilium.knowledge.concept import Concept, Range, read_codes, read_ranges
from consilium.knowledge.drugs import Drugs, read_drugs
from consilium.knowledge.genes import Genes, read_genes
from consilium.knowledge.groups import Group, read_groups
from consilium.knowledge.guidelines import Guideline, read_guidelines
from consilium.knowledge.interactions import Interactions, read_interactions
from consilium.knowledge.scores import Score, read_scores
from consilium.knowledge.table import read_yaml
from consilium.knowledge.units import Units, read_units

FOLDER = Path(__file__).parent
_SOURCE = {"name", "version", "url", "retrieved", "licence"}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Everything that is known beforehand about codes, units, limits, drugs and guidance.

    Parameters
    ----------
    codes : mapping of str to Concept
        By code without kind (`LOINC//2524-7`); drugs, products and allergies are among them.
    units : Units
        Units, spellings and conversions.
    ranges : mapping of str to tuple of Range
        Reference and plausible limits by code, in its canonical unit.
    sources : mapping of str to Source
        The bibliography, by the key that every row cites.
    drugs, allergies, interactions, guidelines
        What drugs contain, what an allergy speaks against, what does harm together, and what is recommended.
    scores : mapping of str to Score
        Bedside scores by name.
    groups : mapping of str to mapping of str to Group
        Groupings of coded answers, each with its groups by name.
    genes : Genes
        What genes and their phenotypes are called, and whom guidance by gene speaks of.
    """

    codes: Mapping[str, Concept]
    units: Units
    ranges: Mapping[str, tuple[Range, ...]]
    sources: Mapping[str, Source]
    drugs: Drugs
    allergies: Allergies
    interactions: Interactions
    guidelines: tuple[Guideline, ...]
    scores: Mapping[str, Score] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Group]] = field(default_factory=dict)
    genes: Genes = field(default_factory=Genes)

    def plausible(self, code: str) -> tuple[float | None, float | None]:
        """The widest limits within which a value of `code` can be true, in its canonical unit; None where there is none.

        Examples
        --------
        >>> shelf().plausible("LOINC//2524-7")
        (0.0, 50.0)
        """
        rows = self.ranges.get(code, ())
        lows, highs = [r.plausible_low for r in rows], [r.plausible_high for r in rows]
        low = None if None in lows or not lows else min(x for x in lows if x is not None)
        high = None if None in highs or not highs else max(x for x in highs if x is not None)
        return low, high

    def reference(self, code: str, sex: str = "", age: float | None = None) -> Range | None:
        """The reference range for a person, or None when there is none for this sex and age (or they are not known).

        Examples
        --------
        >>> shelf().reference("LOINC//718-7", "F", 40).reference_low
        12.0
        """
        return next((r for r in self.ranges.get(code, ()) if r.fits(sex, age)), None)


@functools.cache
def shelf() -> Shelf:
    """The shelf that comes with consilium, opened once.

    Examples
    --------
    >>> shelf().codes["LOINC//2524-7"].unit
    'mmol/L'
    """
    return open_shelf(FOLDER)


def open_shelf(folder: Path) -> Shelf:
    """Open and check the knowledge files of a folder.

    Raises
    ------
    KnowledgeError
        When a file breaks its own rules; the message names file and row.
    """
    sources = read_sources(folder / "sources.yaml")
    codes = read_codes(folder / "codes.csv", sources)
    drugs, drug_codes = read_drugs(folder, sources)
    allergies, allergy_codes = read_allergies(folder, sources, drugs)
    genes, gene_codes = read_genes(folder / "pgx", sources)
    for more in (drug_codes, allergy_codes, gene_codes):
        codes = {**more, **codes}  # codes.csv, where names are chosen, has the last word
    frozen = MappingProxyType(codes)
    return Shelf(
        codes=frozen,
        units=read_units(folder, sources),
        ranges=read_ranges(folder / "ranges.csv", sources, frozen),
        sources=sources,
        drugs=drugs,
        allergies=allergies,
        interactions=read_interactions(folder / "interactions.csv", sources, drugs),
        guidelines=read_guidelines(folder / "guidelines", sources, frozen, drugs),
        scores=read_scores(folder / "scores", sources, frozen),
        groups=read_groups(folder / "groups", sources),
        genes=genes,
    )


def read_sources(path: Path) -> Mapping[str, Source]:
    """Read the bibliography, `sources.yaml`.

    Raises
    ------
    KnowledgeError
        When an entry lacks its name, version, url, retrieved or licence.
    """
    found: dict[str, Source] = {}
    for key, raw in read_yaml(path)["sources"].items():
        if not isinstance(raw, dict) or set(raw) != _SOURCE or not all(raw.values()):
            raise KnowledgeError("A source is incomplete", where=f"{path.name} {key}", found=raw, expected=sorted(_SOURCE))
        found[key] = Source(**{part: str(text) for part, text in raw.items()})
    return MappingProxyType(found)
