"""Inherited: the classified variants that a record holds, what they ask for, and what must be said beside them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import orjson
import pyarrow.compute as pc
from pydantic import TypeAdapter

from consilium.core.advice import SUMMARY_LIMIT, Advice
from consilium.core.inherited import CLASSES, InheritedVariant
from consilium.core.patient import Patient
from consilium.council.phrase import Phrases
from consilium.knowledge import Shelf
from consilium.knowledge.inherited import secondary_genes

LOOKUP = "VARIANT//CONSILIUM//lookup"
OLD = 365
"""Days after which the age of classifications is said."""


def carried(patient: Patient) -> tuple[InheritedVariant, ...]:
    """The variants, the gravest first, each genome by its latest look into the latest data.

    What an earlier look into the same genome found and the latest does not say any more (because it was reclassified) does not hold.
    """
    rows, latest = _rows(patient), _latest(patient)
    found: dict[str, InheritedVariant] = {}
    for row in sorted((r for r in rows if r["code"] != LOOKUP), key=_order):
        told = orjson.loads(row["text_value"])
        if latest.get(_origin(row), (row["time"], told["source_date"])) != (row["time"], told["source_date"]):
            continue
        told |= {"time": row["time"], "event_ids": (row["source_id"],) if row["source_id"] else ()}
        variant = TypeAdapter(InheritedVariant).validate_python(told)
        found[f"{variant.build}-{variant.place}"] = variant
    return tuple(sorted(found.values(), key=lambda v: (CLASSES.index(v.classification), -(v.stars or 0), v.place)))


def looked_up(patient: Patient, phrases: Phrases) -> tuple[str, ...]:
    """What was looked up where, and how many of each class are carried: a variant that is not there is not known to be harmless."""
    notes, latest = [], _latest(patient)
    for row in sorted((r for r in _rows(patient) if r["code"] == LOOKUP), key=_order):
        told = orjson.loads(row["text_value"])
        if latest[_origin(row)] != (row["time"], told["date"]):
            continue
        counts = phrases.say("comma").join(f"{n} {phrases.say(f'class_{name}')}" for name, n in told["carried"].items())
        said = phrases.say("variant_looked", source=told["source"], date=told["date"], build=told["build"], counts=counts or "0")
        notes.append(said + ("" if told["aligned"] else phrases.say("variant_unaligned")))
    return tuple(dict.fromkeys(notes))


def variant_advice(variants: Iterable[InheritedVariant], as_of: datetime, shelf: Shelf, phrases: Phrases) -> Iterable[Advice]:
    """A pathogenic variant asks for confirmation in an accredited laboratory and for genetic counselling; others ask for nothing here.

    It is a warning where the list of secondary findings asks to report it and somebody stated criteria (a star or more); otherwise
    information: one copy of a recessive gene, or a classification without criteria.
    """
    for variant in variants:
        if not variant.pathogenic:
            continue
        gene = phrases.say("comma").join(variant.genes) or variant.place
        stars = variant.stars or 0
        listed = variant.secondary == "report"
        lines = [phrases.say("variant_detail"), *variant_caveats(variant, as_of, phrases)]
        yield Advice(
            action="refer",
            target=f"VARIANT//ClinVar//{variant.identifier}",
            summary=_short(phrases.say("variant_summary", gene=gene, condition=condition_words(variant, phrases))),
            detail="\n".join(f"- {line}" for line in lines),
            strength=phrases.say("variant_stars", stars=stars),
            because=(
                phrases.say("because_variant", said=variant_words(variant, phrases), source=variant.source, date=variant.source_date),
            ),
            source=shelf.sources["acmg_sf" if variant.secondary in ("report", "one_copy") else "richards_2015"],
            urgency="warning" if listed and stars else "info",
            event_ids=variant.event_ids,
        )


def variant_words(variant: InheritedVariant, phrases: Phrases) -> str:
    """A variant as one phrase: gene, name, zygosity and what the source says of it."""
    gene = " ".join((phrases.say("comma").join(variant.genes), variant.name)).strip()
    kind = phrases.say(f"class_{variant.classification}")
    stars = "" if variant.stars is None else phrases.say("variant_starred", stars=variant.stars)
    return phrases.say("variant_said", gene=gene, zygosity=phrases.say(f"zygosity_{variant.zygosity}"), kind=kind, stars=stars)


def variant_caveats(variant: InheritedVariant, as_of: datetime, phrases: Phrases) -> list[str]:
    """What must be said beside a variant: contradiction, inheritance, phase, the list it stands on, age and missing criteria."""
    said = []
    if variant.classification == "conflicting":
        said.append(phrases.say("variant_conflict", words=variant.words.replace("_", " ").replace("|", "; ")))
    if variant.classification == "none":
        said.append(phrases.say("variant_unknown"))
    if variant.stars == 0:
        said.append(phrases.say("variant_no_criteria"))
    if variant.inheritance:
        modes = phrases.say("comma").join(phrases.say(f"inheritance_{mode}") for mode in variant.inheritance)
        said.append(phrases.say("variant_inheritance", modes=modes))
    if "AR" in variant.inheritance and variant.zygosity == "heterozygous":
        said.append(phrases.say("variant_two_unphased" if "phase" in variant.lacking else "variant_one_copy"))
    if variant.zygosity == "unknown":
        said.append(phrases.say("variant_half_called"))
    if variant.secondary:
        genes = [secondary_genes()[g] for g in variant.genes if g in secondary_genes()]
        condition = genes[0].condition[phrases.language] if genes else ""
        said.append(phrases.say(f"secondary_{variant.secondary}", condition=condition))
    days = (as_of.date() - date.fromisoformat(variant.source_date)).days if variant.source_date else 0
    if days > OLD:
        said.append(phrases.say("variant_old", date=variant.source_date, years=f"{days / 365.25:.0f}"))
    return said


def condition_words(variant: InheritedVariant, phrases: Phrases) -> str:
    """The condition: by the list of secondary findings in the ward's language, else the first that the source names."""
    for gene in variant.genes:
        if gene in secondary_genes():
            return secondary_genes()[gene].condition[phrases.language]
    return variant.conditions[0] if variant.conditions else phrases.say("variant_no_condition")


def _rows(patient: Patient) -> list[dict[str, Any]]:
    rows = patient.events.filter(pc.match_substring_regex(patient.events["code"], "^VARIANT//")).to_pylist()
    return [row for row in rows if row["time"] is None or row["time"] <= patient.as_of]


def _latest(patient: Patient) -> dict[str, tuple[datetime | None, str]]:
    """For each genome when it was looked up last, and in data of what date."""
    found: dict[str, tuple[datetime | None, str]] = {}
    for row in _rows(patient):
        if row["code"] == LOOKUP:
            told = (row["time"], str(orjson.loads(row["text_value"])["date"]))
            before = found.setdefault(_origin(row), told)
            found[_origin(row)] = max(before, told, key=lambda t: (t[0] or datetime.min, t[1]))
    return found


def _origin(row: dict[str, Any]) -> str:
    return (row["source_id"] or "").rpartition("/")[0]


def _order(row: dict[str, Any]) -> tuple[datetime, str]:
    return row["time"] or datetime.min, row["source_id"] or ""


def _short(said: str) -> str:
    return said if len(said) < SUMMARY_LIMIT else said[: SUMMARY_LIMIT - 2].rstrip() + "…"
