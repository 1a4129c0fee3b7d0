"""Inherited: a variant that a person carries, what a source says of it, and the evidence that could be computed for and against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from consilium.core.errors import LawError

ZYGOSITIES = ("heterozygous", "homozygous", "hemizygous", "unknown")
PATHOGENIC = ("pathogenic", "pathogenic_or_likely", "likely_pathogenic")
CLASSES = (*PATHOGENIC, "conflicting", "risk", "uncertain", "likely_benign", "benign_or_likely", "benign", "other", "none")
"""What a source says of a variant; `conflicting` where submitters differ, `none` where nobody says anything."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of ACMG/AMP that the data at hand meet: its code, its strength as used, and the facts."""

    code: str
    strength: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InheritedVariant:
    """One carried variant.

    Parameters
    ----------
    name : str
        HGVS name on the genome.
    build, place : str
        Genome build, and place and alleles as `17-41276044-ACT-A`.
    genes : tuple of str
    zygosity : str
        One of `ZYGOSITIES`; `phased` says whether the file knows which strand it lies on.
    classification : str
        One of `CLASSES`, by the source; `words` are the source's own.
    stars : int or None
        Review status, 0 to 4; None where the source says nothing of this variant. `status` are the source's words.
    conditions, inheritance : tuple of str
        Conditions as the source names them; `AD`, `AR`, `XL`, `MT`.
    source, source_date, identifier : str
        Which source, of what date, and its own number of the variant.
    secondary : str
        `report` where the list of secondary findings asks to report it, `one_copy` where it asks for two copies and one is known,
        `unsure` where it cannot be told whether the list means this variant; empty where the gene is not on the list.
    consequence, protein : str
        Sequence Ontology terms and HGVS name of the protein change, where an annotation or the source states them.
    criteria : tuple of Criterion
        Evidence that could be computed; `lacking` names what could not, by what it lacks. Never a classification.
    aligned : bool
        Whether it was compared in its leftmost spelling; without a reference genome, spellings inside repeats may have been missed.
    time : datetime or None
        When the result was given (UTC).
    event_ids : tuple of str
    """

    name: str
    build: str
    place: str
    genes: tuple[str, ...]
    zygosity: str
    phased: bool
    classification: str
    words: str = ""
    stars: int | None = None
    status: str = ""
    conditions: tuple[str, ...] = ()
    inheritance: tuple[str, ...] = ()
    source: str = ""
    source_date: str = ""
    identifier: str = ""
    secondary: str = ""
    consequence: str = ""
    protein: str = ""
    criteria: tuple[Criterion, ...] = ()
    lacking: tuple[str, ...] = ()
    aligned: bool = False
    time: datetime | None = None
    event_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.zygosity not in ZYGOSITIES or self.classification not in CLASSES:
            raise LawError("A variant has an unknown zygosity or class", found=(self.zygosity, self.classification))
        if (self.stars is None) != (self.classification == "none" and not self.words):
            raise LawError("A classification has a review status, and nothing has none", where=self.place, found=self.stars)

    @property
    def pathogenic(self) -> bool:
        """Whether the source calls it pathogenic or likely pathogenic, and nobody there contradicts."""
        return self.classification in PATHOGENIC
