"""Advise: sourced guideline rows for what the council found, and the drug list against allergies, genes and interactions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import combinations

from consilium.core.advice import SUMMARY_LIMIT, URGENCIES, Advice
from consilium.core.code import concept, split
from consilium.core.opinion import Opinion
from consilium.council.chart import Chart, Drug, Value
from consilium.council.inherited import variant_advice
from consilium.council.pharmacogenetics import gene_advice
from consilium.council.phrase import Phrases
from consilium.council.quantity import percent, since
from consilium.knowledge import Shelf
from consilium.knowledge.guidelines import When

URGENCY = {"contraindicated": "critical", "major": "warning", "moderate": "info"}
"""How loudly an interaction is said: a ward that is warned of everything hears nothing."""


def advise(chart: Chart, opinions: tuple[Opinion, ...], shelf: Shelf, phrases: Phrases) -> tuple[tuple[Advice, ...], tuple[str, ...]]:
    """Advice for what was found, most urgent first, and notes on what could not be checked.

    Parameters
    ----------
    chart : Chart
        Problems, drugs, allergies and values that hold.
    opinions : tuple of Opinion
        What the specialists think; abstentions move nothing.
    shelf : Shelf
        Guidelines, drugs, allergies and interactions, each row with its source.
    phrases : Phrases
        The words.

    Returns
    -------
    (tuple of Advice, tuple of str)
    """
    # Of equal urgency, what has been found in the patient comes before what two drugs might do.
    advice = [
        *_allergies(chart, shelf, phrases),
        *gene_advice(chart, shelf, phrases),
        *variant_advice(chart.variants, chart.as_of, shelf, phrases),
        *_guidelines(chart, opinions, shelf, phrases),
        *_interactions(chart, shelf, phrases),
    ]
    advice.sort(key=lambda a: -URGENCIES.index(a.urgency))
    return tuple(advice), tuple(_notes(chart, shelf, phrases))


def _allergies(chart: Chart, shelf: Shelf, phrases: Phrases) -> Iterable[Advice]:
    for allergy in chart.allergies:
        named = phrases.name(f"ALLERGY//{allergy.code}", allergy.text)
        for drug in chart.drugs:
            for ingredient in drug.ingredients:
                groups = {ingredient, *shelf.drugs.classes(ingredient)}
                hits = [rule for rule in shelf.allergies.against(f"ALLERGY//{allergy.code}", allergy.text) if rule.avoid in groups]
                if not hits:
                    continue
                rule = min(hits, key=lambda r: r.certainty != "allergy")
                certain = rule.certainty == "allergy"
                facts = {"drug": shelf.drugs.name(ingredient, phrases.language), "allergy": named}
                yield Advice(
                    action="stop" if certain else "clarify",
                    target=drug.entry.code,
                    summary=_short(phrases.say("allergy_summary" if certain else "cross_summary", **facts)),
                    detail=phrases.say("allergy_detail" if certain else "cross_detail", **facts),
                    strength=phrases.say(f"strength_{rule.certainty}"),
                    because=(phrases.say("because_allergy", name=named), _takes(drug, ingredient, shelf, phrases)),
                    source=shelf.sources[rule.source],
                    urgency="critical" if certain else "warning",
                    event_ids=(allergy.event_id, drug.entry.event_id),
                )


def _interactions(chart: Chart, shelf: Shelf, phrases: Phrases) -> Iterable[Advice]:
    single: dict[str, Drug] = {}
    for drug in chart.drugs:
        for ingredient in drug.ingredients:
            single.setdefault(ingredient, drug)
    for left, right in combinations(sorted(single), 2):
        if single[left].entry.event_id == single[right].entry.event_id and single[left] is single[right]:
            continue  # parts of one product are meant to be taken together
        for row in shelf.interactions.between(left, right)[:1]:
            names = {"left": shelf.drugs.name(left, phrases.language), "right": shelf.drugs.name(right, phrases.language)}
            yield Advice(
                action="avoid" if row.severity == "contraindicated" else "review",
                target=single[left].entry.code,
                summary=_short(phrases.say("interaction_summary", effect=row.effect[phrases.language], **names)),
                detail=row.advice[phrases.language],
                strength=phrases.say(f"strength_{row.severity}"),
                because=(_takes(single[left], left, shelf, phrases), _takes(single[right], right, shelf, phrases)),
                source=shelf.sources[row.source],
                urgency=URGENCY[row.severity],
                event_ids=(single[left].entry.event_id, single[right].entry.event_id),
            )


def _guidelines(chart: Chart, opinions: tuple[Opinion, ...], shelf: Shelf, phrases: Phrases) -> Iterable[Advice]:
    language = phrases.language
    for row in shelf.guidelines:
        because = _because(row.when, chart, opinions, shelf, phrases)
        if because is None:
            continue
        against = tuple(
            f"{c.text[language]} ({held[0]})"
            for c in row.contraindications
            for held in [_held(c.has, chart, shelf, phrases)]
            if held is not None
        )
        yield Advice(
            action=row.action,
            target=row.target,
            summary=row.summary[language],
            detail=row.detail[language],
            strength=row.strength,
            because=tuple(text for text, _ in because),
            source=shelf.sources[row.source],
            contraindications=against,
            urgency=row.urgency,
            event_ids=tuple(event_id for _, event_id in because if event_id),
        )


def _because(when: When, chart: Chart, opinions: tuple[Opinion, ...], shelf: Shelf, phrases: Phrases) -> list[tuple[str, str]] | None:
    """The facts that make a guideline row hold, with the events behind them; None when it does not hold or cannot be known to."""
    facts: list[tuple[str, str]] = []
    if when.unless and any(o.specialist == when.unless and o.probability is not None for o in opinions):
        return None
    if when.opinion:
        opinion = next((o for o in opinions if o.specialist == when.opinion), None)
        if opinion is None or opinion.probability is None:
            return None
        if when.probability is not None and not when.probability[0] <= opinion.probability < when.probability[1]:
            return None
        facts.append((said(opinion, phrases), ""))
    for keys, began in ((when.has, when.began), (when.also, None), (when.takes, None)):
        if keys:
            held = _held(keys, chart, shelf, phrases, began, when.window)
            if held is None:
                return None
            facts.append(held)
    if when.lacks and _held(when.lacks, chart, shelf, phrases, None, when.window) is not None:
        return None
    if when.age is not None:
        if chart.age is None or not when.age[0] <= chart.age <= when.age[1]:
            return None
        facts.append((phrases.say("because_age", age=chart.age), ""))
    if when.sex and chart.sex != when.sex:
        return None
    if when.value is not None:
        code, unit, above, below = when.value
        seen = chart.values.get(code)
        if (
            seen is None
            or seen.unit != unit
            or not _within(seen.time, when.window, chart)
            or (above is not None and not seen.value >= above)
            or (below is not None and not seen.value < below)
        ):
            return None
        facts.append((_measured(seen, phrases), seen.event_id))
    return facts or None


def _held(
    keys: tuple[str, ...],
    chart: Chart,
    shelf: Shelf,
    phrases: Phrases,
    began: timedelta | None = None,
    window: timedelta | None = None,
) -> tuple[str, str] | None:
    """The first of several event codes, answers, ingredients or drug classes that holds, in words, with the event behind it.

    A condition counts when it began no longer than `began` ago, a procedure, measurement or answer when it lies within `window`.
    """
    entries = {"CONDITION": chart.conditions, "PROCEDURE": chart.procedures, "ALLERGY": chart.allergies}
    for key in keys:
        kind = split(key).kind
        limit = {"CONDITION": began, "PROCEDURE": window}.get(kind)
        for entry in entries.get(kind, ()):
            if entry.code == concept(key) and _within(entry.since, limit, chart):
                return phrases.say(f"because_{kind.lower()}", name=phrases.name(key, entry.text)), entry.event_id
        question, _, answer = key.partition("=")
        given = chart.answers.get(question)
        if answer and given is not None and given.answer == answer and _within(given.time, window, chart):
            said = phrases.say("evidence_answer", name=phrases.name(question), answer=phrases.name(answer))
            return said, given.event_id
        if key in chart.values and _within(chart.values[key].time, window, chart):
            return _measured(chart.values[key], phrases), chart.values[key].event_id
        for drug in chart.drugs:
            for ingredient in drug.ingredients:
                if key in (ingredient, f"MEDICATION//{drug.entry.code}") or key in shelf.drugs.classes(ingredient):
                    return _takes(drug, ingredient, shelf, phrases), drug.entry.event_id
    return None


def _within(moment: datetime | None, limit: timedelta | None, chart: Chart) -> bool:
    """Whether a moment lies no further back than the limit; a moment that is not known counts as recent."""
    return limit is None or moment is None or chart.as_of - moment <= limit


def _measured(seen: Value, phrases: Phrases) -> str:
    date = f"{seen.time:%Y-%m-%d}" if seen.time else "?"
    return phrases.say("because_value", name=phrases.name(seen.code), value=phrases.number(seen.value, seen.unit), date=date)


def said(opinion: Opinion, phrases: Phrases) -> str:
    """An opinion as a frequency, the form people judge best."""
    shown = [percent(x or 0.0) for x in (opinion.probability, opinion.low, opinion.high)]
    return phrases.say("because_probability", condition=phrases.name(opinion.condition), percent=shown[0], low=shown[1], high=shown[2])


def _takes(drug: Drug, ingredient: str, shelf: Shelf, phrases: Phrases) -> str:
    named = shelf.drugs.name(ingredient, phrases.language)
    if drug.entry.since is None:
        return phrases.say("because_drug_undated", name=named)
    return phrases.say("because_drug", name=named, date=since(drug.entry.since))


def _short(text: str) -> str:
    return text if len(text) < SUMMARY_LIMIT else text[: SUMMARY_LIMIT - 2].rstrip() + "…"


def _notes(chart: Chart, shelf: Shelf, phrases: Phrases) -> Iterable[str]:
    for allergy in chart.allergies:
        named = phrases.name(f"ALLERGY//{allergy.code}", allergy.text)
        if chart.no_known_allergy:
            yield phrases.say("contradiction_allergy", name=named)
        if not shelf.allergies.knows(f"ALLERGY//{allergy.code}", allergy.text):
            yield phrases.say("unchecked_allergy", name=named)
    for drug in chart.drugs:
        if not drug.ingredients:
            yield phrases.say("unknown_drug", name=drug.entry.text or drug.entry.code)
    if not chart.drugs:
        yield phrases.say("no_drugs")
    if chart.age is None:
        yield phrases.say("no_age")
    if chart.sex is None:
        yield phrases.say("no_sex")
