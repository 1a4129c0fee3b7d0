"""Bedside: the published scores that a chart raises, with their points, what those rest on, and what is missing."""

from __future__ import annotations

import math
from itertools import chain

from consilium.core.code import concept
from consilium.core.errors import UnitError
from consilium.core.patient import Patient, age
from consilium.core.points import Part, Points
from consilium.council.chart import Chart
from consilium.council.phrase import Phrases
from consilium.knowledge import Shelf
from consilium.knowledge.scores import Asked, Item, Score
from consilium.specialists.bedside import Tally, tally


def bedside(patient: Patient, held: Chart, shelf: Shelf, phrases: Phrases) -> tuple[Points, ...]:
    """The scores that the chart raises, by title.

    A score is shown where one of the inputs that raise it is in the chart, the patient is of the age it was made for, and enough of
    its items are known; never where the chart `held` has what it must not be used with. A score with a value in a unit that does
    not convert is not shown: nothing is guessed.
    """
    if not patient.events.num_rows:
        return ()
    years = age(patient)
    rows = [(patient.events["subject_id"][0].as_py(), patient.as_of)]
    found = []
    for score in shelf.scores.values():
        if not score.raised or years is None or not score.age[0] <= years <= score.age[1]:
            continue
        if any(_holds(key, held) for key in score.unless):
            continue
        try:
            counted = tally(score, patient.events, rows)
        except UnitError:
            continue
        if counted.known[0] >= score.known and any(_raises(score.inputs[name], counted.values[name][0]) for name in score.raised):
            found.append(_points(score, counted, shelf, phrases))
    return tuple(sorted(found, key=lambda points: points.title))


def _holds(key: str, held: Chart) -> bool:
    question, _, answer = key.partition("=")
    if answer:
        return question in held.answers and held.answers[question].answer == answer
    return any(entry.code == concept(key) for entry in held.conditions)


def _raises(asked: Asked, value: float) -> bool:
    return not math.isnan(value) and (asked.kind in ("number", "ratio", "age") or value != 0)


def _points(score: Score, counted: Tally, shelf: Shelf, phrases: Phrases) -> Points:
    parts = tuple(_part(score, item, counted, position, phrases) for position, item in enumerate(score.items))
    least, greatest = sum(part.least for part in parts), sum(part.greatest for part in parts)
    low, high = score.ends
    return Points(
        score.name, score.title[phrases.language], least, greatest, low, high, parts,
        _meaning(score, parts, least, greatest, phrases), shelf.sources[score.source],
    )  # fmt: skip


def _part(score: Score, item: Item, counted: Tally, position: int, phrases: Phrases) -> Part:
    least, greatest = float(counted.least[0, position]), float(counted.greatest[0, position])
    used = list(dict.fromkeys(chain.from_iterable(line.when for line in item.lines)))
    values = {name: float(counted.values[name][0]) for name in used}
    seen = [name for name in used if not math.isnan(values[name])]
    told = [_told(score.inputs[name], values[name], phrases) for name in seen if not _assumed(score.inputs[name], values[name])]
    lacking = [name for name in used if name not in seen] if least != greatest else []
    # Where everything was said and the points are still open, the chart contradicts itself: both are named.
    missing = tuple(score.inputs[name].label[phrases.language] for name in lacking or (used if least != greatest else ()))
    return Part(item.label[phrases.language], least, greatest, phrases.say("comma").join(told), missing)


def _assumed(asked: Asked, value: float) -> bool:
    """Whether the value is what holds where the chart says nothing; then there is nothing to tell."""
    return asked.absent is not None and value == asked.absent


def _told(asked: Asked, value: float, phrases: Phrases) -> str:
    name = asked.label[phrases.language]
    if asked.kind in ("number", "ratio", "age"):
        unit = asked.units[0] if asked.kind != "ratio" else "1"
        return phrases.say("evidence_value", name=name, value=phrases.number(value, unit))
    if asked.kind == "female":
        return phrases.name(asked.codes[0 if value else 1])
    if asked.kind == "problem":
        return phrases.say("evidence_answer", name=name, answer=phrases.say("yes" if value else "no"))
    answers = [answer for answer, stands in asked.answers.items() if stands == value]
    said = phrases.name(answers[0]) if len(answers) == 1 else phrases.say("score_altered")
    return phrases.say("evidence_answer", name=name, answer=said)


def _meaning(score: Score, parts: tuple[Part, ...], least: float, greatest: float, phrases: Phrases) -> str:
    def band(total: float) -> str:
        return next((b.text[phrases.language] for b in reversed(score.bands) if total >= b.low), "")

    low, high = band(least), band(greatest)
    said = low if low == high else phrases.say("score_between", low=low, high=high)
    if score.alarm and any(part.least >= score.alarm[0] for part in parts):
        said = phrases.say("score_alarm", meaning=said, alarm=score.alarm[1][phrases.language])
    if score.note:
        said = f"{said} ({score.note[phrases.language]})" if said else score.note[phrases.language]
    return said
