"""Polygenic: what a polygenic score says, a line and its facts, for every form of a consultation and for a genome alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from consilium.core.polygenic import AbsoluteRisk, PolygenicResult
from consilium.knowledge.polygenic_scores import score_meanings
from consilium.render.names import name
from consilium.render.numbers import interval, percent
from consilium.render.words import Words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf


@dataclass(frozen=True, slots=True)
class Told:
    """One score: what it is, the facts, and the caveats that stand beside it whenever it is shown."""

    said: str
    facts: tuple[str, ...]
    caveats: tuple[str, ...]
    time: datetime | None


def told(result: PolygenicResult, shelf: Shelf, words: Words) -> Told:
    """A score in words: where it lies, the risk with its interval beside the average, or why there is none."""
    meaning = score_meanings().get(result.score)
    about = name(result.condition, shelf, words.language) if result.condition else ""
    said = words.say("polygenic_of", id=result.score, condition=about) if about else words.say("polygenic_bare", id=result.score)
    facts = []
    if result.value is not None:
        facts.append(words.say("polygenic_value", value=f"{result.value:.4g}", called=result.called, total=result.total))
    if result.assumed:
        facts.append(words.say("polygenic_assumed", n=result.assumed))
    if result.percentile is not None and meaning is not None:
        best, low, high = (f"{x:.0f}" for x in result.percentile)
        span = "" if low == high else words.say("polygenic_span", low=low, high=high)
        facts.append(words.say("polygenic_percentile", share=best, span=span, people=f"{meaning.people:,}"))
    facts += [risk_words(risk, words) for risk in result.risks]
    if result.withheld and result.withheld != ("refused",):
        why = words.say("polygenic_and").join(
            words.say(f"withheld_{key}", called=result.called, total=result.total) for key in result.withheld
        )
        facts.append(words.say("polygenic_withheld", why=why))
    elif result.withheld:
        facts.append(words.say("withheld_refused", called=result.called, total=result.total))
    caveats = []
    if meaning is not None and result.value is not None:
        caveats.append(words.say("polygenic_ancestry", ancestry=meaning.ancestry[words.language]))
        if result.risks:
            ratio = meaning.odds_ratio
            rates = shelf.sources[meaning.sources["rates"]].name
            effect = shelf.sources[meaning.sources["effect"]].name
            caveats.append(
                words.say("polygenic_basis", value=f"{ratio[0]:g}", low=f"{ratio[1]:g}", high=f"{ratio[2]:g}", effect=effect, rates=rates)
            )
    elif result.value is not None:
        caveats.append(words.say("polygenic_ancestry_any"))
    return Told(said, tuple(facts), tuple(caveats), result.time)


def risk_words(risk: AbsoluteRisk, words: Words) -> str:
    """A risk as one phrase."""
    return words.say(
        "polygenic_risk", start=risk.from_age, end=risk.to_age, value=_fine(risk.probability, words),
        interval=interval(risk.low, risk.high, words), average=_fine(risk.average, words),
    )  # fmt: skip


def _fine(probability: float, words: Words) -> str:
    """With one decimal below ten per cent, where whole ones would hide what differs."""
    if not 0.001 <= probability < 0.1:
        return percent(probability, words)
    return f"{100 * probability:.1f}" + ("%" if words.language == "zh" else " %")
