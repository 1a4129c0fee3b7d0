"""Chart: what holds of a patient at the moment of asking (problems, drugs, procedures, allergies, latest values), read from the events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow.compute as pc

from consilium.core.code import concept, split
from consilium.core.gene import GeneResult
from consilium.core.inherited import InheritedVariant
from consilium.core.patient import Patient, age, sex
from consilium.core.polygenic import PolygenicResult
from consilium.council.genome import genes
from consilium.council.inherited import carried
from consilium.council.polygenic import polygenic
from consilium.knowledge import Shelf


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that holds: its code without kind, the words it was sent with, since when, and the event behind it."""

    code: str
    text: str
    since: datetime | None
    event_id: str


@dataclass(frozen=True, slots=True)
class Drug:
    """A current drug and its ingredients; `ingredients` is empty where the drug is not known to us."""

    entry: Entry
    ingredients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """The latest value of a measurement, in its canonical unit."""

    code: str
    value: float
    unit: str
    time: datetime | None
    event_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The latest coded answer to a question."""

    code: str
    answer: str
    time: datetime | None
    event_id: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What holds at the moment of asking, `as_of`."""

    as_of: datetime
    age: int | None
    sex: str | None
    conditions: tuple[Entry, ...]
    drugs: tuple[Drug, ...]
    procedures: tuple[Entry, ...]
    allergies: tuple[Entry, ...]
    no_known_allergy: tuple[Entry, ...]
    values: Mapping[str, Value]
    answers: Mapping[str, Answer]
    genes: tuple[GeneResult, ...] = ()
    polygenic: tuple[PolygenicResult, ...] = ()
    variants: tuple[InheritedVariant, ...] = ()


def chart(patient: Patient, shelf: Shelf) -> Chart:
    """Read the chart.

    Parameters
    ----------
    patient : Patient
        As known at the moment of asking.
    shelf : Shelf
        To know the ingredients of drugs.

    Returns
    -------
    Chart
        A condition, drug or allergy holds when its latest start is not followed by an end; a refuted condition does not hold.
    """
    events = patient.events
    kinds = pc.match_substring_regex(events["code"], r"^(CONDITION|MEDICATION|ALLERGY|PROCEDURE)//")
    holding: dict[tuple[str, str], Entry] = {}
    ended: dict[tuple[str, str], datetime | None] = {}
    for row in events.filter(kinds).to_pylist():
        if row["time"] is not None and row["time"] > patient.as_of:
            continue  # planned, and so not true yet
        parts = split(row["code"])
        key = (parts.kind + parts.phase if parts.phase == "NONE" else parts.kind, concept(row["code"]))
        if parts.phase in ("END", "REFUTED"):
            ended[key] = _later(ended.get(key, row["time"]), row["time"])
        elif key not in holding or _order(row["time"], row["source_id"]) >= _order(holding[key].since, holding[key].event_id):
            holding[key] = Entry(key[1], row["text_value"] or "", row["time"], row["source_id"] or "")
    ever = [(key, entry.text) for (kind, key), entry in holding.items() if kind == "CONDITION"]
    for key, end in ended.items():
        if key in holding and _not_before(end, holding[key].since):
            del holding[key]

    def of(kind: str) -> tuple[Entry, ...]:
        return tuple(sorted((e for (k, _), e in holding.items() if k == kind), key=lambda e: (e.since or datetime.min, e.code)))

    variants = carried(patient)
    hit = {gene for variant in variants if variant.pathogenic for gene in variant.genes}
    drugs = tuple(Drug(e, shelf.drugs.ingredients(f"MEDICATION//{e.code}", e.text)) for e in of("MEDICATION"))
    return Chart(
        as_of=patient.as_of,
        age=age(patient),
        sex=sex(patient),
        conditions=of("CONDITION"),
        drugs=_distinct(drugs),
        procedures=of("PROCEDURE"),
        allergies=of("ALLERGY"),
        no_known_allergy=of("ALLERGYNONE"),
        values=_values(patient),
        answers=_answers(patient),
        genes=genes(patient, shelf),
        polygenic=polygenic(patient, sex(patient), age(patient), ever, hit),
        variants=variants,
    )


def _distinct(drugs: tuple[Drug, ...]) -> tuple[Drug, ...]:
    """One line per order: a drug sent with codings of several vocabularies is one drug."""
    seen: dict[object, Drug] = {}
    for drug in drugs:
        seen.setdefault(drug.entry.event_id or drug.entry.code, drug)
        if not seen[drug.entry.event_id or drug.entry.code].ingredients:
            seen[drug.entry.event_id or drug.entry.code] = drug
    return tuple(seen.values())


def _values(patient: Patient) -> dict[str, Value]:
    past = patient.events.filter(pc.fill_null(pc.less_equal(patient.events["time"], patient.as_of), False))
    numeric = past.filter(pc.is_valid(past["numeric_value"]))
    latest: dict[str, Value] = {}
    columns = (numeric[c].to_pylist() for c in ("code", "numeric_value", "unit", "time", "source_id"))
    for code, value, unit, time, event_id in zip(*columns, strict=True):
        if code not in latest or _order(time, event_id) >= _order(latest[code].time, latest[code].event_id):
            latest[code] = Value(code, value, unit or "1", time, event_id or "")
    return latest


def _answers(patient: Patient) -> dict[str, Answer]:
    past = patient.events.filter(pc.fill_null(pc.less_equal(patient.events["time"], patient.as_of), False))
    latest: dict[str, Answer] = {}
    for row in past.filter(pc.and_(pc.is_null(past["numeric_value"]), pc.is_valid(past["text_value"]))).to_pylist():
        parts = split(row["code"])
        if parts.kind or not parts.vocabulary:
            continue
        before = latest.get(row["code"])
        if before is None or _order(row["time"], row["source_id"]) >= _order(before.time, before.event_id):
            latest[row["code"]] = Answer(row["code"], row["text_value"], row["time"], row["source_id"] or "")
    return latest


def _order(moment: datetime | None, event_id: str | None) -> tuple[datetime, str]:
    """Later is greater; of one moment the event's id decides, so that the order of the rows never does."""
    return moment or datetime.min, event_id or ""


def _not_before(moment: datetime | None, other: datetime | None) -> bool:
    return other is None or (moment is not None and moment >= other)


def _later(moment: datetime | None, other: datetime | None) -> datetime | None:
    return moment if other is None or (moment is not None and moment > other) else other
