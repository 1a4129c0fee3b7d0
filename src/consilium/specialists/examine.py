"""Examine: one specialist looks at one patient and gives an Opinion, abstains, or keeps silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from consilium.core.card import Card, Input, Series
from consilium.core.code import split
from consilium.core.consultation import Absence, Missing
from consilium.core.features import Features
from consilium.core.opinion import Evidence, Opinion
from consilium.core.patient import Patient, age, sex
from consilium.core.question import Predicate
from consilium.record.raised import NOT_TRIGGERED, raised
from consilium.specialists.cases import groups_of
from consilium.specialists.reflect import Reference, changes, similar, verdict
from consilium.specialists.roster import Specialist
from consilium.specialists.sight import column as made_by
from consilium.specialists.sight import reads_series
from consilium.specialists.voice import Voice

MOST_TELLING = 3
"""Values of a series that a reason points to: those that add most."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What came of it: an opinion (perhaps abstaining) or an absence, what would help, and what the reader must know of the model."""

    outcome: Opinion | Absence
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()


def examine(specialist: Specialist, patient: Patient, features: Features, voice: Voice, reference: Reference | None = None) -> Examination:
    """Examine one patient.

    Parameters
    ----------
    specialist : Specialist
        Seated, so its model has been proven.
    patient : Patient
        As known at the moment of asking.
    features : Features of shape (1, p)
        The card's inputs for this patient, traced to their events.
    voice : Voice
        The words.
    reference : callable, optional
        Reference range of a code in a unit for this patient: how far a changeable input may be thought to move.

    Returns
    -------
    Examination
        An absence when the question is not raised at all; an abstention when the patient is not one the model was made for,
        a required input is missing, or a value lies outside what the model has seen; an opinion otherwise.
    """
    card, model = specialist.seat.card, specialist.model
    source = specialist.source
    observed = {i.name: bool(seen) for i, seen in zip(card.inputs, features.observed[0], strict=False)}
    moving = card.series.inputs if card.series and reads_series(card) else ()
    if card.series and moving:
        seen: list[bool] = np.asarray(features.observed[0, len(card.inputs) :].reshape(-1, len(moving)).any(axis=0)).tolist()
        observed.update((i.name, ever) for i, ever in zip(moving, seen, strict=True))
    (silent,) = raised(patient.events, card.question, features.rows)
    if silent:
        return Examination(Absence(card.name, _not_raised(card, silent, voice)))

    def abstain(reason: str, missing: tuple[Missing, ...] = ()) -> Examination:
        return Examination(Opinion(card.name, card.condition, horizon=card.horizon, abstained=reason, source=source), missing)

    gains: Mapping[str, float] = model.meta["extra"].get("importance", {})
    missing = tuple(
        Missing(
            measured(i, voice),
            i.codes[0],
            i.unit,
            card.name,
            i.required,
            voice.say("missing_required" if i.required else "missing_optional", name=measured(i, voice), gain=f"{gain:.2f}"),
        )
        for i, gain in _to_measure([i for i in (*card.inputs, *moving) if not observed[i.name]], gains)
    )
    reason = _outside_population(specialist, patient, voice)
    if reason:  # what else is not known would not help one whom the model was not made for
        return abstain(reason, missing if age(patient) is None or sex(patient) is None else ())
    lacking = [m.name for m in missing if m.required]
    if lacking:
        return abstain(voice.say("needs", names=voice.say("comma").join(lacking[:6]) + ("…" if len(lacking) > 6 else "")), missing)
    outside = model.outside(features.X)[0]
    if outside:
        return abstain(_outside_training(specialist, features, outside, voice))
    strange = model.strange(features.X)[0]
    if strange:
        named = dict(zip(features.names, card.inputs, strict=True))
        told = dict.fromkeys(label(named[name], voice) for name in strange[:4])
        return abstain(voice.say("unlike_training", names=voice.say("comma").join(told)))

    log_odds = float(model.log_odds(features.X)[0])
    low, high = (float(bound[0]) for bound in model.interval([log_odds]))
    probability = float(1 / (1 + np.exp(-log_odds)))
    attribution = model.attribute(features.X)
    evidence = _evidence(specialist, patient, features, float(attribution.base), attribution.weights[0], voice)
    groups = groups_of(age(patient) or 0, sex(patient) or "")
    opinion = Opinion(
        card.name,
        card.condition,
        probability,
        min(low, probability),
        max(high, probability),
        card.horizon,
        evidence,
        source=source,
        verdict=verdict(model, features.X, groups, voice),
        changes=changes(card, model, features, groups, voice, label, reference),
        similar=similar(model, features.X, card, voice),
    )
    return Examination(opinion, missing, _recalibrated(specialist, voice))


def _recalibrated(specialist: Specialist, voice: Voice) -> tuple[str, ...]:
    site, title = specialist.model.site, specialist.seat.card.title[voice.language]
    if site is None:
        return ()
    return (voice.say(f"site_{site.called_for}", title=title, n=site.n, events=site.events),)


def measured(i: Input, voice: Voice) -> str:
    """The name for people of what an input is taken from."""
    return i.label.get(voice.language) or voice.name(i.codes[0])


def label(i: Input, voice: Voice) -> str:
    """The input's name for people, and what is taken of it where that is not its latest value."""
    if i.label.get(voice.language) or i.take in ("last", "age"):
        return measured(i, voice)
    name = voice.say(f"take_{i.take}", name=measured(i, voice))
    return name if i.window is None else voice.say("take_within", name=name, hours=f"{i.window / timedelta(hours=1):g}")


def _not_raised(card: Card, reason: str, voice: Voice) -> str:
    question = card.question
    event = question.trigger
    if reason != NOT_TRIGGERED:
        criterion = next(c for c in question.criteria if c.reason == reason)
        if criterion.most is not None or not criterion.ever:
            return voice.say("left_out", reason=reason)
        event = criterion.event
    predicate = question.predicates.get(event)
    codes = predicate.codes if isinstance(predicate, Predicate) else ()
    return voice.say("not_raised", name=voice.say("comma").join(voice.name(code) for code in codes) or voice.name(event))


def _to_measure(lacking: Sequence[Input], gains: Mapping[str, float]) -> list[tuple[Input, float]]:
    """One for each thing to measure, with how much all that lacks of it would move the answer: the required first, then by that."""
    found: dict[tuple[str, ...], tuple[Input, float]] = {}
    for i in sorted(lacking, key=lambda i: not i.required):
        first, gain = found.get(i.codes, (i, 0.0))
        found[i.codes] = (first, gain + gains.get(i.name, 0.0))
    return sorted(found.values(), key=lambda one: (not one[0].required, -one[1]))


def _outside_population(specialist: Specialist, patient: Patient, voice: Voice) -> str:
    population = specialist.seat.card.population
    years, gender = age(patient), sex(patient)
    if years is None:
        return voice.say("age_unknown")
    low, high = specialist.seat.card.ages
    if not low <= years <= high:
        return voice.say("age_outside", age=years, low=f"{low:g}", high=f"{high:g}")
    if gender is None:
        return voice.say("sex_unknown")
    if gender not in population.sexes:
        return voice.say("sex_outside", sex=voice.name(f"GENDER//{gender}"))
    return ""


def _outside_training(specialist: Specialist, features: Features, outside: list[str], voice: Voice) -> str:
    name = outside[0]
    column = features.names.index(name)
    i = made_by(specialist.seat.card, column)
    limits, familiar = specialist.model.meta["limits"], specialist.model.familiarity
    low, high = limits["min"][column], limits["max"][column]
    if familiar is not None and low is not None:
        low, high = (float(ends[column]) for ends in familiar.limits())
    if low is None or high is None:
        return voice.say("never_in_training", name=label(i, voice))
    return voice.say(
        "outside_training",
        name=label(i, voice),
        value=voice.number(float(features.X[0, column]), i.unit),
        low=voice.number(low, i.unit),
        high=voice.number(high, i.unit),
    )


def _evidence(
    specialist: Specialist, patient: Patient, features: Features, base: float, weights: np.ndarray, voice: Voice
) -> tuple[Evidence, ...]:
    card = specialist.seat.card
    source = specialist.seat.report.data
    grouped: dict[tuple[object, ...], list[int]] = {}
    for column, i in enumerate(card.inputs):
        grouped.setdefault((i.codes, i.take, i.window), []).append(column)
    found = []
    for columns in grouped.values():
        i, column = card.inputs[columns[0]], columns[0]
        weight = float(sum(weights[c] for c in columns))
        name = label(i, voice)
        if not features.observed[0, column]:
            found.append(Evidence("missing", voice.say("evidence_missing", name=name), i.codes[0], weight=weight, name=name, source=source))
            continue
        event_id = features.event_ids[0, column] if features.event_ids is not None else None
        answer = _answer(patient, i, event_id)
        if i.take == "count" and (i.of_text or split(i.codes[0]).kind == "CONDITION"):
            # Counts of what is listed: said in words, all groups of one question together.
            there = [card.inputs[c] for c in columns if features.X[0, c] > 0]
            name = voice.name(i.codes[0]) if i.of_text else name
            answer = (
                voice.say("comma").join(label(one, voice) for one in there) if i.of_text else voice.say("listed" if there else "not_listed")
            )
            answer = answer or voice.say("not_listed")
            statement, value, unit = voice.say("evidence_answer", name=name, answer=answer), None, ""
        elif answer:
            statement = voice.say("evidence_answer", name=name, answer=voice.name(answer))
            value, unit = None, ""
        else:
            value, unit = float(features.X[0, column]), i.unit
            statement = voice.say("evidence_value", name=name, value=voice.number(value, unit))
        found.append(
            Evidence(
                "input",
                statement,
                i.codes[0],
                value,
                unit,
                _time(i, features, column),
                weight,
                "",
                (event_id,) if event_id else (),
                source,
                name,
                answer,
            )
        )
    if card.series is not None and reads_series(card):
        found.extend(_series_evidence(card, card.series, source, features, weights[len(card.inputs) :], voice))
    found.sort(key=lambda e: -abs(e.weight or 0.0))
    return (Evidence("base", voice.say("evidence_base"), weight=base, source=source), *found)


def _series_evidence(card: Card, series: Series, source: str, features: Features, weights: np.ndarray, voice: Voice) -> list[Evidence]:
    """One reason for each input of the series: what all its steps add, told by the value that adds most; and one for a short record."""
    start, shape = len(card.inputs), (series.length, len(series.inputs))
    observed, values = (part[0, start:].reshape(shape) for part in (features.observed, features.X))
    cells = weights.reshape(shape).copy()
    found = []
    begun = int(observed.any(axis=1).argmax()) if observed.any() else series.length - 1
    if begun:
        hours = (series.length - begun) * series.step / timedelta(hours=1)
        said = voice.say("evidence_short", hours=f"{hours:g}", whole=f"{series.length * series.step / timedelta(hours=1):g}")
        found.append(Evidence("missing", said, weight=float(cells[:begun].sum()), source=source))
        cells[:begun] = 0.0
    for channel, i in enumerate(series.inputs):
        name, weight = measured(i, voice), float(cells[:, channel].sum())
        seen = np.flatnonzero(observed[:, channel])
        if not len(seen):
            said = voice.say("evidence_missing", name=name)
            found.append(Evidence("missing", said, i.codes[0], weight=weight, name=name, source=source))
            continue
        telling = seen[np.argsort(-np.abs(cells[seen, channel]), kind="stable")][:MOST_TELLING]
        places = [start + int(step) * shape[1] + channel for step in telling]
        ids = tuple(str(features.event_ids[0, p]) for p in places if features.event_ids is not None and features.event_ids[0, p])
        value = float(values[telling[0], channel])
        said = voice.say("evidence_series", name=name, value=voice.number(value, i.unit), steps=len(seen), of=series.length - begun)
        time = _time(i, features, places[0])
        found.append(Evidence("input", said, i.codes[0], value, i.unit, time, weight, "", ids, source, name))
    return found


def _answer(patient: Patient, i: Input, event_id: str | None) -> str:
    """The coded answer behind a coded input, empty for a number."""
    if not i.of_text and not i.of_code:
        return ""
    events = patient.events
    same = pc.is_in(events["code"], value_set=pa.array(i.codes, pa.string()))
    if event_id is not None:
        same = pc.and_(same, pc.fill_null(pc.equal(events["source_id"], event_id), False))
    rows = events.filter(same).to_pylist()
    if not rows:
        return ""
    return str(rows[-1]["text_value"]) if i.of_text else str(rows[-1]["code"])


def _time(i: Input, features: Features, column: int) -> datetime | None:
    """When the value was observed; an age has no such time."""
    if i.take == "age" or features.times is None or np.isnat(features.times[0, column]):
        return None
    moment: datetime = features.times[0, column].astype("datetime64[us]").item()
    return moment
