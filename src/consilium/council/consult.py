"""Consult: every seated specialist is heard over one patient, and the council advises."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from consilium.core.card import Input
from consilium.core.consultation import Absence, Consultation, Missing
from consilium.core.errors import UnitError
from consilium.core.features import Features
from consilium.core.opinion import Opinion
from consilium.core.patient import Patient
from consilium.council.advise import advise
from consilium.council.bedside import bedside
from consilium.council.chart import chart
from consilium.council.genome import conflicts
from consilium.council.imaging import images
from consilium.council.inherited import looked_up
from consilium.council.pharmacogenetics import gene_words, genes_wanted
from consilium.council.phrase import Phrases, phrases
from consilium.council.reference import reference
from consilium.council.weigh import weigh
from consilium.knowledge import Shelf
from consilium.knowledge import shelf as open_shelf
from consilium.quality import Doubt, input_quality
from consilium.record import features
from consilium.specialists import Roster, Specialist
from consilium.specialists import roster as find_roster
from consilium.specialists.examine import examine
from consilium.specialists.sight import with_series


def consult(patient: Patient, *, roster: Roster | None = None, shelf: Shelf | None = None, language: str = "en") -> Consultation:
    """Hear the council over one patient.

    Parameters
    ----------
    patient : Patient
        As known at the moment of asking; nothing later can be seen.
    roster : Roster, optional
        Who is heard; by default everybody who has earned a seat.
    shelf : Shelf, optional
        What medicine has written; by default the one that ships.
    language : str
        `en` or `zh`.

    Returns
    -------
    Consultation
        Opinions ranked, advice by urgency, what to measure next, who kept silent and why.
    """
    roster = roster or find_roster()
    shelf = shelf or open_shelf()
    voice = phrases(language, shelf)
    opinions: list[Opinion] = []
    absent = [Absence(s.name, voice.say("not_seated", reason=s.reason)) for s in roster.standing]
    missing: list[Missing] = []
    used: list[Input] = []
    told: list[str] = []
    for specialist, own in _features(patient, roster.seated):
        card = specialist.seat.card
        if own is None:
            absent.append(Absence(specialist.name, voice.say("empty_chart")))
            continue
        if isinstance(own, UnitError):
            opinions.append(Opinion(card.name, card.condition, horizon=card.horizon, abstained=voice.say("unit_refused", error=own)))
            continue
        examination = examine(specialist, patient, own, voice, lambda code, unit: reference(code, unit, patient, shelf))
        if isinstance(examination.outcome, Absence):
            absent.append(examination.outcome)
        else:
            opinions.append(examination.outcome)
            used.extend(card.inputs)
        missing.extend(examination.missing)
        told.extend(examination.notes)
    ranked = weigh(opinions)
    held = chart(patient, shelf)
    advice, notes = advise(held, ranked, shelf, voice)
    doubts = tuple(_doubted(doubt, voice) for doubt in input_quality(patient, used, shelf))
    missing.extend(genes_wanted(held, shelf, voice))
    differ = (voice.say("gene_conflict", one=gene_words(a, voice), other=gene_words(b, voice)) for a, b in conflicts(patient, shelf))
    said = (*told, *doubts, *notes, *differ, *looked_up(patient, voice))
    scores = bedside(patient, held, shelf, voice)
    return Consultation(
        patient.id,
        patient.as_of,
        ranked,
        advice,
        tuple(sorted(missing, key=lambda m: not m.required)),
        tuple(absent),
        language,
        said,
        scores,
        held.genes,
        held.polygenic,
        images(patient),
        held.variants,
    )


def _doubted(doubt: Doubt, voice: Phrases) -> str:
    """A doubt about an input, in words."""
    facts: dict[str, Any] = {key: f"{told:%Y-%m-%d}" if isinstance(told, datetime) else told for key, told in doubt.facts.items()}
    unit = facts.get("unit", "")
    for key in ("value", "before", "other", "limit"):
        if key in facts:
            facts[key] = voice.number(facts[key], unit)
    if doubt.kind == "contradicted":
        facts["name"] = facts["name"][voice.language]
        facts["values"] = voice.say("comma").join(voice.number(value, unit) for value, unit in facts["values"])
    if "dates" in facts:
        facts["dates"] = voice.say("comma").join(facts["dates"])
    key = "doubt_older_alone" if doubt.kind == "older" and facts["usual_days"] is None else f"doubt_{doubt.kind}"
    if facts.get("usual_days") is not None:
        facts["usual_days"] = f"{max(facts['usual_days'], 0.1):.2g}"
    return voice.say(key, input=voice.name(doubt.code), **facts)


def _features(patient: Patient, seated: tuple[Specialist, ...]) -> list[tuple[Specialist, Features | UnitError | None]]:
    """Features of all specialists in one pass over the chart, handed out to each; None where the chart is empty.

    A value in a unit that does not convert makes only those abstain who would have used it.
    """
    if patient.events.num_rows == 0:
        return [(s, None) for s in seated]
    try:
        return list(zip(seated, _traced(patient, seated), strict=True))
    except UnitError as refusal:
        if len(seated) == 1:
            return [(seated[0], refusal)]
        return [pair for s in seated for pair in _features(patient, (s,))]


def _traced(patient: Patient, seated: tuple[Specialist, ...]) -> list[Features]:
    inputs = [replace(i, name=f"{s.name} {i.name}") for s in seated for i in s.seat.card.inputs]
    subject = patient.events["subject_id"][0].as_py()
    whole = features(patient.events, inputs, [(subject, patient.as_of)], trace=True)
    handed, start = [], 0
    for s in seated:
        part = slice(start, start + len(s.seat.card.inputs))
        own = _slice(whole, part, tuple(i.name for i in s.seat.card.inputs))
        handed.append(with_series(s.seat.card, patient.events, own))
        start = part.stop
    return handed


def _slice(whole: Features, part: slice, names: tuple[str, ...]) -> Features:
    times, event_ids = whole.times, whole.event_ids
    return Features(
        np.ascontiguousarray(whole.X[:, part]),
        names,
        whole.units[part],
        whole.rows,
        whole.observed[:, part],
        None if times is None else times[:, part],
        None if event_ids is None else event_ids[:, part],
    )
