"""Inherited: carried variants in words - what is said of each, its caveats, and the evidence that could be computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from consilium.core.inherited import Criterion, InheritedVariant
from consilium.council.inherited import condition_words, variant_caveats, variant_words
from consilium.council.phrase import phrases
from consilium.knowledge.inherited import combined, criteria
from consilium.render.words import words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf


@dataclass(frozen=True, slots=True)
class Told:
    """One variant: what it is, for what, the caveats, and the evidence; `grave` where its source calls it pathogenic."""

    said: str
    condition: str
    caveats: tuple[str, ...]
    evidence: tuple[str, ...]
    lacking: str
    grave: bool
    time: datetime | None


def variant_lines(variants: Iterable[InheritedVariant], as_of: datetime, shelf: Shelf, language: str) -> tuple[Told, ...]:
    """Every variant in words; `never_computed` says what holds of all of them.

    Parameters
    ----------
    variants : iterable of InheritedVariant
    as_of : datetime
        From which the age of the classifications is reckoned.
    shelf : Shelf
    language : str
    """
    voice, speech = phrases(language, shelf), words(language)
    told = []
    for variant in variants:
        lines = [criterion_words(c, language) for c in variant.criteria]
        if variant.criteria:
            kind, points = combined(variant.criteria)
            lines.append(speech.say("evidence_sum", points=f"{points:+d}", kind=voice.say(f"class_{kind}")))
        always = {c.lacks for c in criteria().values() if c.computed == "no"}
        lacks = dict.fromkeys(speech.say(f"lacks_{key}") for key in variant.lacking if key not in always)
        lacking = speech.say("evidence_lacking", what=speech.say("list_comma").join(lacks)) if lacks else ""
        caveats = tuple(variant_caveats(variant, as_of, voice))
        condition = condition_words(variant, voice)
        told.append(Told(variant_words(variant, voice), condition, caveats, tuple(lines), lacking, variant.pathogenic, variant.time))
    return tuple(told)


def never_computed(language: str) -> str:
    """The criteria that no data at hand can meet, with what they need, and those that are not used."""
    speech = words(language)
    never = [c for c in criteria().values() if c.computed == "no"]
    comma = speech.say("list_comma")
    return speech.say(
        "evidence_never", codes=comma.join(c.code for c in never),
        what=comma.join(dict.fromkeys(speech.say(f"lacks_{c.lacks}") for c in never)),
        unused=comma.join(c.code for c in criteria().values() if c.computed == "never"),
    )  # fmt: skip


def criterion_words(criterion: Criterion, language: str) -> str:
    """One criterion: code, strength, what it says, and the facts it was met by."""
    speech, text = words(language), criteria()[criterion.code].text[language]
    facts = speech.say("list_comma").join(speech.say(f"fact_{key}", value=value) for key, value in criterion.facts.items())
    return speech.say("evidence_met", code=criterion.code, strength=speech.say(f"strength_{criterion.strength}"), text=text, facts=facts)
