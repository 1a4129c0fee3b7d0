"""Reasons: an opinion's evidence, sorted into what speaks for it, what against, and where it started from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from consilium.core.code import BIRTH
from consilium.core.opinion import Evidence, Opinion
from consilium.render.names import name, plain
from consilium.render.numbers import quantity
from consilium.render.words import Words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Reasons:
    """The strongest evidence first, `base` apart; `more` pieces are not shown."""

    shown: tuple[Evidence, ...]
    more: int
    base: Evidence | None

    @property
    def speaking_for(self) -> tuple[Evidence, ...]:
        """Shown evidence that raises the probability."""
        return tuple(e for e in self.shown if e.weight is not None and e.weight > 0)

    @property
    def speaking_against(self) -> tuple[Evidence, ...]:
        """Shown evidence that lowers the probability."""
        return tuple(e for e in self.shown if e.weight is not None and e.weight < 0)

    @property
    def without_side(self) -> tuple[Evidence, ...]:
        """Shown evidence that has no weight or a weight of zero."""
        return tuple(e for e in self.shown if not e.weight)


def reasons(opinion: Opinion, limit: int | None = SHOWN) -> Reasons:
    """Sort an opinion's evidence by strength.

    Parameters
    ----------
    opinion : Opinion
        Whose evidence.
    limit : int or None
        How many pieces are shown; None for all.
    """
    base = next((e for e in opinion.evidence if e.kind == "base"), None)
    ranked = sorted((e for e in opinion.evidence if e.kind != "base"), key=lambda e: -abs(e.weight or 0.0))
    shown = tuple(ranked if limit is None else ranked[:limit])
    return Reasons(shown, len(ranked) - len(shown), base)


def label(evidence: Evidence, shelf: Shelf, language: str) -> str:
    """What the piece of evidence is called: its own name, else its code's, else its statement."""
    return plain(evidence.name) or (name(evidence.code, shelf, language) if evidence.code else plain(evidence.statement))


def finding(evidence: Evidence, shelf: Shelf, words: Words) -> str:
    """What was found: the value with its unit, the answer, or that it was not seen; empty where neither applies."""
    if evidence.value is not None:
        return quantity(evidence.value, evidence.unit, words)
    if evidence.answer:
        return name(evidence.answer, shelf, words.language)
    return words.say("not_seen") if evidence.kind == "missing" else ""


def when(evidence: Evidence) -> datetime | None:
    """When the value was observed; None for an age, whose event is the birth."""
    return None if evidence.code == BIRTH else evidence.time
