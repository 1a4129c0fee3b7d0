"""Bedside: how far each input of one patient can be trusted, asked at every consultation and so within a millisecond."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from consilium.core.card import Input
from consilium.core.code import BIRTH, FEMALE, MALE
from consilium.core.errors import LawError
from consilium.core.patient import Patient
from consilium.knowledge import Shelf
from consilium.quality.relations import Relation, relations
from consilium.quality.rules import limits, told_birth

KINDS = ("older", "edge", "jump", "converted", "contradicted", "disagree", "both_sexes", "births_differ")
_SENT = re.compile(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?) (\S.*)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_KEPT = 12  # values of a code that are looked at: enough for a rhythm and for what lies beside the last one
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason to look twice at an input.

    Parameters
    ----------
    kind : str
        `older` than this patient's rhythm, at the `edge` of plausibility, a `jump` from the value before, `converted` from another
        unit, `contradicted` by another value, values of one moment that `disagree`, `both_sexes` recorded, or dates of birth
        that differ (`births_differ`).
    code : str
        The event code that the input was taken from.
    facts : mapping of str to object
        Numbers with their `unit`, times and names, to be put into words.
    event_ids : tuple of str
        `source_id` of the events it rests on.
    """

    kind: str
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    event_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise LawError("A doubt is of an unknown kind", found=self.kind, expected=KINDS)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One value; `at` is its time in microseconds, which costs less than a datetime and is turned into one only to be told."""

    at: int
    value: float
    text: str
    unit: str
    event_id: str

    @property
    def time(self) -> datetime:
        return _told(self.at)


def _told(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


_EPOCH = datetime(1970, 1, 1)


def input_quality(patient: Patient, inputs: Sequence[Input], shelf: Shelf) -> tuple[Doubt, ...]:
    """Doubts about the latest value of each numeric input, and about the recorded sex.

    Parameters
    ----------
    patient : Patient
        As known at the moment of asking; nothing later is seen.
    inputs : sequence of Input
        What the specialists use; an input that was not observed raises no doubt, it is missing.
    shelf : Shelf
        Limits and conversions.

    Returns
    -------
    tuple of Doubt
        Each said once, in the order of inputs, whatever the order of events.
    """
    asked = dict.fromkeys(code for i in inputs for code in i.codes)
    wanted = _wanted(tuple(asked))
    if not wanted.codes or not patient.events.num_rows:
        return ()
    seen, sexes = _read(patient, wanted)
    doubts = [
        doubt
        for i in inputs
        if i.take != "age" and not i.of_code
        for code in [_latest(i.codes, seen)]
        if code
        for doubt in _doubts(code, i, seen, patient, shelf)
    ]
    if len(sexes) > 1 and {FEMALE, MALE} & set(asked):
        doubts.append(Doubt("both_sexes", FEMALE))
    if any(i.take == "age" for i in inputs):
        doubts += _births(patient)
    said: dict[tuple[str, str], Doubt] = {}
    for doubt in doubts:
        said.setdefault((doubt.kind, doubt.code), doubt)
    return tuple(said.values())


@dataclass(frozen=True, slots=True)
class _Wanted:
    codes: tuple[str, ...]
    array: pa.Array


@functools.lru_cache(maxsize=256)
def _wanted(asked: tuple[str, ...]) -> _Wanted:
    """The codes asked for, and those that could contradict them."""
    also = [code for relation in relations() if not relation.sex and relation.codes & set(asked) for code in sorted(relation.codes)]
    codes = tuple(dict.fromkeys([*asked, *also]))
    return _Wanted(codes, pa.array(codes, pa.string()))


def _births(patient: Patient) -> list[Doubt]:
    """Two dates of birth, or another one told at the bedside."""
    events = patient.events
    own = events.filter(pc.is_in(events["code"], value_set=pa.array([BIRTH, *told_birth()], pa.string()))).to_pylist()
    days = {row["time"].date().isoformat(): row for row in own if row["code"] == BIRTH and row["time"] is not None}
    days |= {row["text_value"][:10]: row for row in own if row["code"] != BIRTH and _DATE.match(row["text_value"] or "")}
    if len(days) < 2:
        return []
    facts = {"dates": tuple(sorted(days))}
    return [Doubt("births_differ", BIRTH, facts, tuple(days[day]["source_id"] or "" for day in sorted(days)))]


@functools.lru_cache(maxsize=1024)
def _about(code: str) -> tuple[Relation, ...]:
    return tuple(relation for relation in relations() if not relation.sex and code in relation.codes)


def _read(patient: Patient, wanted: _Wanted) -> tuple[dict[str, list[_Seen]], set[str]]:
    """The last values of each code, by time and value, and the sexes recorded."""
    events = patient.events
    place = pc.fill_null(pc.index_in(events["code"], value_set=wanted.array), -1).to_numpy()
    sexes = {wanted.codes[i] for i in np.unique(place[place >= 0]).tolist() if wanted.codes[i] in (FEMALE, MALE)}
    value = events["numeric_value"].to_numpy()
    time = events["time"].to_numpy()
    as_of = np.datetime64(patient.as_of, "us")
    rows = np.flatnonzero((place >= 0) & ~np.isnan(value) & (time <= as_of))  # NaT compares as false: undated is no latest value
    rows = rows[np.lexsort((value[rows], time[rows], place[rows]))]
    codes = place[rows]
    ends = np.searchsorted(codes, np.arange(len(wanted.codes)), side="right")
    rows = rows[ends[codes] - np.arange(len(rows)) <= _KEPT]
    own = events.select(["text_value", "unit", "source_id"]).take(pa.array(rows))
    told = zip(*(own[c].to_pylist() for c in own.column_names), strict=True)
    at = time[rows].astype(np.int64).tolist()
    seen: dict[str, list[_Seen]] = {}
    for code, moment, number, (text, unit, event_id) in zip(place[rows].tolist(), at, value[rows].tolist(), told, strict=True):
        seen.setdefault(wanted.codes[code], []).append(_Seen(moment, number, text or "", unit or "", event_id or ""))
    for found in seen.values():  # the order of events must not show, even among equal values
        found.sort(key=lambda s: (s.at, s.value, s.event_id))
    return seen, sexes


def _latest(codes: Iterable[str], seen: Mapping[str, list[_Seen]]) -> str:
    known = [code for code in codes if code in seen]
    return max(known, key=lambda code: (seen[code][-1].at, code), default="")


def _doubts(code: str, i: Input, seen: Mapping[str, list[_Seen]], patient: Patient, shelf: Shelf) -> Iterator[Doubt]:
    rows = seen[code]
    last = rows[-1]
    if i.window is not None and last.time <= patient.as_of - i.window:
        return  # not used
    yield from _older(code, rows, patient.as_of)
    yield from _edge(code, last, shelf)
    yield from _jump(code, rows, shelf)
    sent = _SENT.fullmatch(last.text)
    if sent and sent[2] != last.unit and shelf.units.spelling(sent[2]):
        yield Doubt("converted", code, {"value": last.value, "unit": last.unit, "sent": last.text}, (last.event_id,))
    together = [s for s in rows if s.at == last.at]
    if abs(together[-1].value - together[0].value) > limits("doubts")["disagree"] * abs(together[-1].value):
        facts = {"value": together[0].value, "other": together[-1].value, "unit": last.unit, "time": last.time}
        yield Doubt("disagree", code, facts, tuple(dict.fromkeys(s.event_id for s in together)))
    yield from _contradicted(code, last, seen)


def _older(code: str, rows: list[_Seen], as_of: datetime) -> Iterator[Doubt]:
    rule = limits("doubts")["older"]
    last = rows[-1]
    age = (as_of - last.time) / timedelta(days=1)
    times = sorted({s.at for s in rows})
    if len(times) >= rule["least_values"]:
        gaps = sorted(b - a for a, b in pairwise(times))
        usual = gaps[len(gaps) // 2] / _DAY
        if age > max(rule["times"] * usual, rule["least_days"]):
            yield Doubt("older", code, {"days": int(age), "usual_days": usual, "time": last.time}, (last.event_id,))
    elif age > rule["without_rhythm_days"]:
        yield Doubt("older", code, {"days": int(age), "usual_days": None, "time": last.time}, (last.event_id,))


@functools.lru_cache(maxsize=4096)
def _limits_of(code: str, shelf: _Held) -> tuple[float | None, float | None, float | None, float | None]:
    """Plausible low, reference low, reference high, plausible high, each the widest of the shelf's rows."""
    rows = shelf.shelf.ranges.get(code, ())
    low, high = shelf.shelf.plausible(code)
    lows = [r.reference_low for r in rows if r.reference_low is not None]
    highs = [r.reference_high for r in rows if r.reference_high is not None]
    return low, min(lows, default=None), max(highs, default=None), high


class _Held:
    """A shelf that is told apart by identity, since its mappings have no hash."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.shelf is self.shelf

    def __hash__(self) -> int:
        return id(self.shelf)


def _edge(code: str, last: _Seen, shelf: Shelf) -> Iterator[Doubt]:
    low, reference_low, reference_high, high = _limits_of(code, _Held(shelf))
    known = shelf.codes.get(code)
    if known is None or known.unit != last.unit or known.unit == "%" or known.unit.startswith("{"):
        return
    share = limits("doubts")["edge"]
    for reference, limit in ((reference_low, low), (reference_high, high)):
        if reference and limit and min(reference, limit) > 0 and reference != limit and last.value > 0:
            way = math.log(last.value / reference) / math.log(limit / reference)
            if way >= share:
                yield Doubt(
                    "edge", code, {"value": last.value, "unit": last.unit, "limit": limit, "reference": reference}, (last.event_id,)
                )


def _jump(code: str, rows: list[_Seen], shelf: Shelf) -> Iterator[Doubt]:
    """Farther from the value before than half the way from the middle of reference to the limit: what varies widely may jump widely."""
    rule = limits("doubts")["jump"]
    last = rows[-1]
    before = next((s for s in reversed(rows) if s.at < last.at), None)
    if before is None or before.value <= 0 or last.value <= 0 or last.at - before.at > _DAY * rule["days"] or before.unit != last.unit:
        return
    low, reference_low, reference_high, high = _limits_of(code, _Held(shelf))
    ratio = math.log(last.value / before.value)
    least = math.log(rule["without_reference"])
    ends = [r for r in (reference_low, reference_high) if r and r > 0]
    if ends:
        middle = math.exp(sum(math.log(r) for r in ends) / len(ends))
        limit = high if ratio > 0 else low
        # Where the limit is zero there is no way to measure; ten times is then the least.
        least = rule["way"] * abs(math.log(limit / middle)) if limit and limit > 0 else math.log(10)
    if abs(ratio) > max(least, math.log(1.15)):
        facts = {"value": last.value, "before": before.value, "unit": last.unit, "time": last.time, "time_before": before.time}
        yield Doubt("jump", code, facts, (before.event_id, last.event_id))


def _contradicted(code: str, last: _Seen, seen: Mapping[str, list[_Seen]]) -> Iterator[Doubt]:
    for relation in _about(code):
        parts = [_at(codes, last.at, relation, seen) for codes in (relation.left, *(codes for codes, _ in relation.right))]
        if any(part is None for part in parts):
            continue
        left, *right = [part for part in parts if part is not None]
        compared = relation.compared(np.array([left.value]), [np.array([r.value]) for r in right])
        if not relation.holds(compared)[0]:
            values = tuple((s.value, s.unit) for s in (left, *right))
            facts = {"relation": relation.id, "name": dict(relation.name), "source": relation.source, "values": values, "time": last.time}
            yield Doubt("contradicted", code, facts, tuple(dict.fromkeys(s.event_id for s in (left, *right))))


def _at(codes: tuple[str, ...], at: int, relation: Relation, seen: Mapping[str, list[_Seen]]) -> _Seen | None:
    """The value of a part at the moment (or on the day); none where it was measured twice with different results."""
    day = relation.together == "day"
    same = [s for code in codes for s in seen.get(code, ()) if s.at == at or (day and s.at // _DAY == at // _DAY)]
    return same[0] if same and len({s.value for s in same}) == 1 else None
