"""Consultation: the council's answer over one patient at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from consilium.core.advice import Advice
from consilium.core.errors import LawError
from consilium.core.gene import GeneResult
from consilium.core.image import ImageSeries
from consilium.core.inherited import InheritedVariant
from consilium.core.opinion import Opinion
from consilium.core.points import Points
from consilium.core.polygenic import PolygenicResult


@dataclass(frozen=True, slots=True)
class Missing:
    """Something to ask or measure next, for whom, and why; `required` when a specialist abstains without it."""

    name: str
    code: str
    unit: str
    specialist: str
    required: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Absence:
    """A specialist who kept silent, and why."""

    specialist: str
    reason: str


@dataclass(frozen=True, slots=True)
class Consultation:
    """The council's answer.

    Opinions come ranked, abstentions last; `missing` says what to ask or measure next; `absent` who kept silent, and why.
    `scores` are the bedside scores that the chart raises, `genes` what the record holds of the patient's genes, `polygenic` of
    polygenic scores, `images` of image series and `variants` of classified variants that are carried. `language` is the language its
    sentences are written in (`en` or `zh`).
    """

    patient_id: str
    as_of: datetime
    opinions: tuple[Opinion, ...]
    advice: tuple[Advice, ...]
    missing: tuple[Missing, ...]
    absent: tuple[Absence, ...]
    language: str = "en"
    notes: tuple[str, ...] = ()
    scores: tuple[Points, ...] = ()
    genes: tuple[GeneResult, ...] = ()
    polygenic: tuple[PolygenicResult, ...] = ()
    images: tuple[ImageSeries, ...] = ()
    variants: tuple[InheritedVariant, ...] = ()

    def __post_init__(self) -> None:
        heard = [o.specialist for o in self.opinions] + [a.specialist for a in self.absent]
        if len(heard) != len(set(heard)):
            raise LawError("A specialist is heard once", where=f"consultation of {self.patient_id}", found=heard)
