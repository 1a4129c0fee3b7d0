"""Genes: what the record holds of a patient's genes, a line each, those that the advice rests on first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from consilium.core.consultation import Consultation
from consilium.council.pharmacogenetics import gene_words
from consilium.council.phrase import phrases
from consilium.render.numbers import percent
from consilium.render.words import words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

POSSIBLE = 2
"""Other possibilities shown for a gene; JSON has all."""
SHOWN = 0.01
"""What is less probable is not shown."""


@dataclass(frozen=True, slots=True)
class Line:
    """One gene: what it is, what else is possible, positions seen of how many, when; `used` where something was said because of it."""

    said: str
    possible: str
    seen: str
    time: datetime | None
    used: bool


def gene_lines(consultation: Consultation, shelf: Shelf) -> tuple[Line, ...]:
    """A line for each gene of the record."""
    voice, speech = phrases(consultation.language, shelf), words(consultation.language)
    rests = {i for advice in consultation.advice for i in advice.event_ids}
    asked = {missing.code for missing in consultation.missing}
    lines = []
    for result in consultation.genes:
        others = [s for s in result.phenotypes if s.name != result.phenotype and s.probability >= SHOWN][:POSSIBLE]
        book = shelf.genes.phenotype_code
        possible = ", ".join(f"{voice.name(book.get(s.name, ''), s.name)} {percent(s.probability, speech)}" for s in others)
        seen, of = result.positions
        used = bool(rests & set(result.event_ids)) or f"GENOTYPE//{result.code}" in asked
        lines.append(Line(gene_words(result, voice), possible, f"{seen}/{of}" if of else "", result.time, used))
    return tuple(sorted(lines, key=lambda line: not line.used))
