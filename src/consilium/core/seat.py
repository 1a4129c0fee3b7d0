"""Seat: a specialist's place on the council, given only to a report that meets the card's bar."""

from __future__ import annotations

from dataclasses import dataclass

from consilium.core.card import Card
from consilium.core.errors import LawError
from consilium.core.report import Report


@dataclass(frozen=True, slots=True)
class Seat:
    """A card and the report that earned it the seat.

    Raises
    ------
    LawError
        When the report is another card's, another version's or another learner's, or falls short of the bar.
    """

    card: Card
    report: Report

    def __post_init__(self) -> None:
        asked = (self.card.name, self.card.version, self.card.learner)
        proven = (self.report.card, self.report.version, self.report.learner)
        if asked != proven:
            raise LawError(
                "The report is not about this card",
                where=f"specialist {self.card.name}",
                found=proven,
                expected=asked,
                do=f"run `consilium fit {self.card.name}`",
            )
        short = self.card.bar.shortfalls(self.report)
        if short:
            raise LawError("No seat without a report that meets the bar", where=f"specialist {self.card.name}", found="; ".join(short))
