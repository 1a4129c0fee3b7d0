"""Guidelines: what published guidance recommends, and for whom, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from consilium.core.advice import SUMMARY_LIMIT, URGENCIES
from consilium.core.code import concept
from consilium.core.errors import KnowledgeError
from consilium.core.source import Source
from consilium.knowledge.concept import Concept
from consilium.knowledge.drugs import Drugs
from consilium.knowledge.table import read_yaml

ACTIONS = ("order", "refer", "treat", "avoid", "stop", "monitor", "ask", "consider", "defer")
_GUIDELINE = {"id", "when", "action", "target", "summary", "detail", "strength", "urgency", "source"}
_WHEN = {"opinion", "probability", "has", "lacks", "takes", "age", "sex", "value"}


@dataclass(frozen=True, slots=True)
class When:
    """For whom a guideline speaks; every condition that is given must hold.

    Parameters
    ----------
    opinion : str
        A specialist that must have given a probability; empty when none is needed.
    probability : (float, float) or None
        Band of that probability, low included and high excluded.
    has, lacks : tuple of str
        Event codes, ingredients or drug classes of which any must, or none may, hold.
    takes : tuple of str
        Ingredients or drug classes of which the patient must be taking any.
    age : (float, float) or None
        Completed years, both included.
    sex : str
        `F`, `M`, or empty for both.
    value : (code, unit, above, below) or None
        The latest value must lie at or above `above` and below `below`; None is no limit.
    """

    opinion: str = ""
    probability: tuple[float, float] | None = None
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    age: tuple[float, float] | None = None
    sex: str = ""
    value: tuple[str, str, float | None, float | None] | None = None


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
    band, ages = (tuple(map(float, raw[key])) if raw.get(key) else None for key in ("probability", "age"))
    for pair in (band, ages):
        if pair is not None and not (len(pair) == 2 and pair[0] < pair[1]):
            raise KnowledgeError("A band needs a low and a higher end", where=where, found=pair)
    lists = {key: tuple(raw.get(key, ())) for key in ("has", "lacks", "takes")}
    return When(raw.get("opinion", ""), probability=band, age=ages, sex=raw.get("sex", ""), value=value, **lists)  # type: ignore[arg-type]


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
    named = [one.target, *one.when.has, *one.when.lacks, *one.when.takes, *(key for c in one.contraindications for key in c.has)]
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
