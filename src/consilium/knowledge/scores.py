"""Scores: bedside scores as published, each a table of points by ranges of what is measured, answered or on the problem list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from consilium.core.card import TAKES
from consilium.core.code import concept
from consilium.core.duration import duration
from consilium.core.errors import KnowledgeError, TimeError
from consilium.core.source import Source
from consilium.knowledge.concept import Concept
from consilium.knowledge.table import read_yaml

_SCORE = {"name", "title", "source", "age", "raised", "known", "inputs", "items"}
_MAY = {"bands", "alarm", "note", "unless"}
_INPUT = {"label", "code", "unit", "answers", "problem", "per", "times", "window", "take", "decimals", "person", "absent"}
_LIMITS = {"from", "to", "above", "below"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing a score asks for.

    Parameters
    ----------
    label : mapping of str to str
        Its name for people, by language.
    codes : tuple of str
        Event codes that carry it; of problems, each a condition that suffices, the first the most general.
    kind : str
        `number`, `answer` (coded, by `answers`), `problem` (1 on the problem list, 0 refuted or ended, else not known), `ratio`
        (the latest value of the first code over that of the second, times `times`), `age` (completed years) or `female`.
    units : tuple of str
        UCUM unit of each code of a number or ratio.
    answers : mapping of str to float
        Value of each coded answer; one not listed is not known.
    window : timedelta or None
        How far back it counts; None for ever.
    take : str
        As for a card's input.
    decimals : int or None
        A number is rounded to so many before it is looked up, as the published table is written.
    absent : float or None
        What holds where the chart says nothing, only where the publication itself says so; None: it is not known.
    """

    label: Mapping[str, str]
    codes: tuple[str, ...]
    kind: str
    units: tuple[str, ...] = ()
    answers: Mapping[str, float] = field(default_factory=dict)
    window: timedelta | None = None
    take: str = "last"
    decimals: int | None = None
    times: float = 1.0
    absent: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """A range of one thing asked: `low <= value <= high`, an end excluded where it is said to be."""

    low: float | None = None
    high: float | None = None
    low_included: bool = True
    high_included: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """So many points when everything named lies within its limits."""

    points: float
    when: Mapping[str, Limits]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a score: its lines, of which those that hold at once agree."""

    name: str
    label: Mapping[str, str]
    lines: tuple[Line, ...]

    @property
    def points(self) -> tuple[float, ...]:
        """All points it can give, ascending."""
        return tuple(sorted({line.points for line in self.lines}))


@dataclass(frozen=True, slots=True)
class Band:
    """What the publication says of totals from `low` to `high`, both included."""

    low: float
    high: float
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Score:
    """A bedside score.

    Parameters
    ----------
    name, title : str and mapping of str to str
    source : str
        Key of the bibliography.
    age : (float, float)
        Completed years for which it was made, both included.
    unless : tuple of str
        Conditions, or coded answers (`question=answer`), with which it must not be used.
    raised : tuple of str
        Inputs of which any (measured, or answered with other than 0) raises the score in a consultation; none: it is only compared with.
    known : int
        So many items must be known for certain before it is shown.
    inputs : mapping of str to Asked
    items : tuple of Item
    bands : tuple of Band
    alarm : (float, mapping) or None
        Points of a single item that call for attention whatever the total, and what the publication says then.
    note : mapping of str to str
        What the reader must know; empty when nothing.
    """

    name: str
    title: Mapping[str, str]
    source: str
    age: tuple[float, float]
    raised: tuple[str, ...]
    known: int
    inputs: Mapping[str, Asked]
    items: tuple[Item, ...]
    bands: tuple[Band, ...] = ()
    alarm: tuple[float, Mapping[str, str]] | None = None
    note: Mapping[str, str] = field(default_factory=dict)
    unless: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest total."""
        return sum(item.points[0] for item in self.items), sum(item.points[-1] for item in self.items)


def read_scores(folder: Path, sources: Mapping[str, Source], codes: Mapping[str, Concept]) -> Mapping[str, Score]:
    """Read every `*.yaml` of a folder, by the scores' names.

    Raises
    ------
    KnowledgeError
        When a score lacks a part, has an unknown one, names an unknown code or source, is in another unit than its code, or has
        bands that leave a gap.
    """
    found: dict[str, Score] = {}
    for path in sorted(folder.glob("*.yaml")):
        for raw in read_yaml(path, sources).get("scores") or []:
            where = f"{path.name} {raw.get('name')}"
            try:
                one = _score(where, raw)
            except (KeyError, TypeError, ValueError, TimeError) as error:
                raise KnowledgeError(
                    "A score lacks something or says it in a form not understood", where=where, found=repr(error)
                ) from error
            _check(where, one, sources, codes)
            if one.name in found:
                raise KnowledgeError("A score stands twice", where=where, found=one.name)
            found[one.name] = one
    return MappingProxyType(found)


def _score(where: str, raw: Mapping[str, Any]) -> Score:
    _known(where, raw, _SCORE, _MAY)
    alarm = raw.get("alarm")
    return Score(
        name=str(raw["name"]),
        title=_both(where, raw["title"]),
        source=str(raw["source"]),
        age=(float(raw["age"][0]), float(raw["age"][1])),
        raised=tuple(raw["raised"]),
        known=int(raw["known"]),
        inputs=MappingProxyType({name: _asked(f"{where}, input {name}", said) for name, said in raw["inputs"].items()}),
        items=tuple(_item(f"{where}, item {said.get('name')}", said, raw["inputs"]) for said in raw["items"]),
        bands=tuple(Band(float(b["from"]), float(b["to"]), _both(where, b["text"])) for b in raw.get("bands", ())),
        alarm=(float(alarm["points"]), _both(where, alarm["text"])) if alarm else None,
        note=_both(where, raw["note"]) if "note" in raw else {},
        unless=tuple(raw.get("unless", ())),
    )


def _asked(where: str, raw: Mapping[str, Any]) -> Asked:
    _known(where, raw, {"label"}, _INPUT)
    absent = raw.get("absent")
    return replace(_said(where, raw), absent=None if absent is None else float(absent))


def _said(where: str, raw: Mapping[str, Any]) -> Asked:
    label = _both(where, raw["label"])
    window = duration(str(raw["window"])) if "window" in raw else None
    take, decimals = str(raw.get("take", "last")), raw.get("decimals")
    if "person" in raw:
        codes = {"age": ("MEDS_BIRTH",), "female": ("GENDER//F", "GENDER//M")}[raw["person"]]
        return Asked(label, codes, str(raw["person"]), ("a",) if raw["person"] == "age" else ("1",))
    if "problem" in raw:
        return Asked(label, tuple(raw["problem"]), "problem", window=window)
    if "per" in raw:
        parts = raw["per"]
        units = tuple(str(part["unit"]) for part in parts)
        return Asked(label, tuple(p["code"] for p in parts), "ratio", units, window=window, decimals=decimals, times=float(raw["times"]))
    codes = tuple(raw["code"]) if isinstance(raw["code"], list) else (raw["code"],)
    if "answers" in raw:
        answers = {str(answer): float(value) for answer, value in raw["answers"].items()}
        return Asked(label, codes, "answer", ("1",), MappingProxyType(answers), window, take)
    return Asked(label, codes, "number", (str(raw["unit"]),), window=window, take=take, decimals=decimals)


def _item(where: str, raw: Mapping[str, Any], inputs: Mapping[str, Any]) -> Item:
    _known(where, raw, {"name", "label", "lines"}, set())
    lines = []
    for said in raw["lines"]:
        when = {name: _limits(where, limits) for name, limits in said.items() if name != "points"}
        if not when or not set(when) <= set(inputs):
            raise KnowledgeError("A line of a score names what is not asked", where=where, found=sorted(when), expected=sorted(inputs))
        lines.append(Line(float(said["points"]), MappingProxyType(when)))
    return Item(str(raw["name"]), _both(where, raw["label"]), tuple(lines))


def _limits(where: str, raw: Any) -> Limits:
    if not isinstance(raw, Mapping):
        return Limits(float(raw), float(raw))
    if not raw or not set(raw) <= _LIMITS or {"from", "above"} <= set(raw) or {"to", "below"} <= set(raw):
        raise KnowledgeError("A range is said by from or above, and to or below", where=where, found=dict(raw))
    low, high = raw.get("from", raw.get("above")), raw.get("to", raw.get("below"))
    return Limits(None if low is None else float(low), None if high is None else float(high), "above" not in raw, "below" not in raw)


def _check(where: str, one: Score, sources: Mapping[str, Source], codes: Mapping[str, Concept]) -> None:
    if one.source not in sources:
        raise KnowledgeError("A score cites no source of sources.yaml", where=where, found=one.source)
    if not set(one.raised) <= set(one.inputs):
        raise KnowledgeError("A score is raised by what it does not ask", where=where, found=one.raised)
    stray = [part for key in one.unless for part in key.split("=") if not {part, concept(part)} & codes.keys()]
    if stray:
        raise KnowledgeError("A score names codes that the shelf does not have", where=where, found=stray)
    used = {name for item in one.items for line in item.lines for name in line.when} | set(one.raised)
    if used != set(one.inputs):
        raise KnowledgeError("A score asks for what it does not use", where=where, found=sorted(set(one.inputs) - used))
    for name, asked in one.inputs.items():
        unknown = [code for code in (*asked.codes, *asked.answers) if not {code, concept(code)} & codes.keys()]
        if unknown:
            raise KnowledgeError("A score names codes that the shelf does not have", where=f"{where}, input {name}", found=unknown)
        if asked.take not in TAKES:
            raise KnowledgeError("A score takes something unknown", where=f"{where}, input {name}", found=asked.take, expected=TAKES)
        if asked.kind in ("number", "ratio"):
            units = asked.units if asked.kind == "ratio" else asked.units * len(asked.codes)
            for code, unit in zip(asked.codes, units, strict=True):
                if codes[code].unit != unit:
                    raise KnowledgeError(
                        "A score is not in its code's unit", where=f"{where}, {code}", found=unit, expected=codes[code].unit
                    )
    low, high = one.ends
    edges = [one.bands[0].low, *(band.high for band in one.bands)] if one.bands else []
    if one.bands and (edges[0] != low or edges[-1] != high or any(a.high >= b.low for a, b in pairwise(one.bands))):
        raise KnowledgeError("The bands of a score do not cover its scale", where=where, found=edges, expected=(low, high))


def _known(where: str, raw: Mapping[str, Any], needed: set[str], more: set[str]) -> None:
    if not needed <= set(raw) <= needed | more:
        raise KnowledgeError("A score lacks a part or has an unknown one", where=where, found=sorted(raw), expected=sorted(needed | more))


def _both(where: str, raw: Any) -> Mapping[str, str]:
    if not isinstance(raw, dict) or set(raw) != {"en", "zh"} or not all(str(text).strip() for text in raw.values()):
        raise KnowledgeError("Words are needed in both languages", where=where, found=raw, expected=("en", "zh"))
    return MappingProxyType({language: " ".join(str(text).split()) for language, text in raw.items()})
