"""Guidelines: what published guidance recommends, and for whom, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from consilium.core.advice import SUMMARY_LIMIT, URGENCIES
from consilium.core.code import concept
from consilium.core.duration import duration
from consilium.core.errors import KnowledgeError, TimeError
from consilium.core.source import Source
from consilium.knowledge.concept import Concept
from consilium.knowledge.drugs import Drugs
from consilium.knowledge.table import read_yaml

ACTIONS = ("order", "refer", "treat", "avoid", "stop", "monitor", "ask", "consider", "defer")
_GUIDELINE = {"id", "when", "action", "target", "summary", "detail", "strength", "urgency", "source"}
_WHEN = {"opinion", "unless", "probability", "has", "also", "lacks", "takes", "age", "sex", "value", "began", "window"}


@dataclass(frozen=True, slots=True)
class When:
    """For whom a guideline speaks; every condition that is given must hold.

    Parameters
    ----------
    opinion : str
        A specialist that must have given a probability; empty when none is needed.
    unless : str
        A specialist that must not have given a probability, because its own rows then say more; empty when none matters.
    probability : (float, float) or None
        Band of that probability, low included and high excluded.
    has, also, lacks : tuple of str
        Event codes, ingredients or drug classes of which any of `has`, any of `also`, and none of `lacks` must hold. A coded answer
        is written with its question: `LOINC//72166-2=SNOMED//449868002`.
    takes : tuple of str
        Ingredients or drug classes of which the patient must be taking any.
    age : (float, float) or None
        Completed years, both included.
    sex : str
        `F`, `M`, or empty for both.
    value : (code, unit, above, below) or None
        The latest value must lie at or above `above` and below `below`; None is no limit.
    began : timedelta or None
        How long ago a condition of `has` may have begun; None for any time. One without a date counts as new.
    window : timedelta or None
        How far back `value`, and measurements, answers and procedures of `has`, `also` and `lacks`, are looked for; None for ever.
    """

    opinion: str = ""
    unless: str = ""
    probability: tuple[float, float] | None = None
    has: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    age: tuple[float, float] | None = None
    sex: str = ""
    value: tuple[str, str, float | None, float | None] | None = None
    began: timedelta | None = None
    window: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Contraindication:
    """What in a patient speaks against the advice: event codes, ingredients or drug classes, and the words (`en`, `zh`)."""

    has: tuple[str, ...]
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Guideline:
    """One recommendation in our own words; `strength` is in its source's own grading, `source` a key of the bibliography."""

    id: str
    when: When
    action: str
    target: str
    summary: Mapping[str, str]
    detail: Mapping[str, str]
    strength: str
    urgency: str
    contraindications: tuple[Contraindication, ...]
    source: str


def read_guidelines(folder: Path, sources: Mapping[str, Source], codes: Mapping[str, Concept], drugs: Drugs) -> tuple[Guideline, ...]:
    """Read every `*.yaml` of a folder, in the order of their names.

    Raises
    ------
    KnowledgeError
        When a row lacks a part, has an unknown one, names an unknown code or source, or its summary is 140 characters or more.
    """
    found: dict[str, Guideline] = {}
    for path in sorted(folder.glob("*.yaml")):
        for number, raw in enumerate(read_yaml(path, sources).get("guidelines") or [], start=1):
            where = f"{path.name} guideline {number}"
            if not isinstance(raw, dict) or not _GUIDELINE <= set(raw) <= _GUIDELINE | {"contraindications"}:
                given = sorted(raw) if isinstance(raw, dict) else raw
                raise KnowledgeError(
                    "A guideline lacks a part or has an unknown one", where=where, found=given, expected=sorted(_GUIDELINE)
                )
            one = _guideline(where, raw)
            _check(where, one, sources, codes, drugs)
            if one.id in found:
                raise KnowledgeError("A guideline stands twice", where=where, found=one.id)
            found[one.id] = one
    return tuple(found.values())


def _guideline(where: str, raw: Mapping[str, Any]) -> Guideline:
    against = tuple(Contraindication(tuple(c["has"]), _both(where, c["text"])) for c in raw.get("contraindications", ()))
    return Guideline(
        str(raw["id"]),
        _when(where, raw["when"]),
        str(raw["action"]),
        str(raw["target"]),
        _both(where, raw["summary"]),
        _both(where, raw["detail"]),
        str(raw["strength"]),
        str(raw["urgency"]),
        against,
        str(raw["source"]),
    )


def _when(where: str, raw: Mapping[str, Any]) -> When:
    if not isinstance(raw, dict) or not raw or not set(raw) <= _WHEN:
        raise KnowledgeError("A guideline does not say when it holds", where=where, found=raw, expected=sorted(_WHEN))
    value = raw.get("value")
    if value is not None:
        limits = (value.get("above"), value.get("below"))
        value = (str(value["code"]), str(value["unit"]), *(None if limit is None else float(limit) for limit in limits))
    band, ages = (_band(where, raw.get(key)) for key in ("probability", "age"))
    has, also, lacks, takes = (tuple(raw.get(key, ())) for key in ("has", "also", "lacks", "takes"))
    try:
        began, window = (duration(str(raw[key])) if key in raw else None for key in ("began", "window"))
    except TimeError as error:
        raise KnowledgeError(
            "A guideline names a time that cannot be read", where=where, found=error.found, expected=error.expected
        ) from error
    opinion, unless, sex = (str(raw.get(key, "")) for key in ("opinion", "unless", "sex"))
    return When(opinion, unless, band, has, also, lacks, takes, ages, sex, value, began, window)


def _band(where: str, raw: Any) -> tuple[float, float] | None:
    if not raw:
        return None
    if len(raw) != 2 or not float(raw[0]) < float(raw[1]):
        raise KnowledgeError("A band needs a low and a higher end", where=where, found=raw)
    return float(raw[0]), float(raw[1])


def _both(where: str, raw: Any) -> Mapping[str, str]:
    if not isinstance(raw, dict) or set(raw) != {"en", "zh"} or not all(str(text).strip() for text in raw.values()):
        raise KnowledgeError("Words are needed in both languages", where=where, found=raw, expected=("en", "zh"))
    return MappingProxyType({language: " ".join(str(text).split()) for language, text in raw.items()})


def _check(where: str, one: Guideline, sources: Mapping[str, Source], codes: Mapping[str, Concept], drugs: Drugs) -> None:
    for what, found, allowed in (
        ("action", one.action, ACTIONS),
        ("urgency", one.urgency, URGENCIES),
        ("sex", one.when.sex, ("", "F", "M")),
    ):
        if found not in allowed:
            raise KnowledgeError(f"A guideline has an unknown {what}", where=where, found=found, expected=allowed)
    if one.source not in sources:
        raise KnowledgeError("A guideline cites no source of sources.yaml", where=where, found=one.source)
    for text in one.summary.values():
        if len(text) >= SUMMARY_LIMIT:
            raise KnowledgeError("A summary must be said in under 140 characters", where=where, found=len(text))
    keys = (*one.when.has, *one.when.also, *one.when.lacks, *(key for c in one.contraindications for key in c.has))
    named = [one.target, *one.when.takes, *(part for key in keys for part in key.split("="))]
    if one.when.value is not None:
        named.append(one.when.value[0])
        known = codes.get(one.when.value[0])
        if known is not None and known.unit != one.when.value[1]:
            raise KnowledgeError(
                "A value is not in the canonical unit of its code", where=where, found=one.when.value[1], expected=known.unit
            )
    unknown = [key for key in named if not {key, concept(key)} & codes.keys() and key not in drugs.known and key not in drugs.class_names]
    if unknown:
        raise KnowledgeError("A guideline names codes that the shelf does not have", where=where, found=unknown)
