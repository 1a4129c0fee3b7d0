"""Worlds: small drawn records, coarse in time so that ties happen, drawn ACES tasks over them, and a slow answer worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

START = datetime(2026, 1, 1)
CODES = ("A//1", "A//2", "B", "C")
HOUR = timedelta(hours=1)
LENGTHS = {"30 min": HOUR / 2, "1h": HOUR, "1h, 30m": HOUR * 1.5, "3 hours": HOUR * 3, "0.5 d": HOUR * 12, "1 day, 02:00:00": HOUR * 26}
SCHEMA = pa.schema(
    [
        ("subject_id", pa.int64()),
        ("time", pa.timestamp("us")),
        ("code", pa.string()),
        ("numeric_value", pa.float32()),
        ("text_value", pa.large_string()),
    ]
)

_event = st.fixed_dictionaries(
    {
        "subject_id": st.sampled_from([7, 1, 3]),
        "time": st.integers(0, 16).map(lambda h: START + h * HOUR) | st.integers(0, 30).map(lambda d: START + d * HOUR / 2),
        "code": st.sampled_from(CODES),
        "numeric_value": st.sampled_from([None, -1.0, 0.0, 0.5, 2.0]),
        "text_value": st.sampled_from([None, "yes", "no"]),
    }
)
_static = st.fixed_dictionaries(
    {
        "subject_id": st.sampled_from([7, 1, 3]),
        "time": st.none(),
        "code": st.sampled_from(["S", "A//1"]),
        "numeric_value": st.none(),
        "text_value": st.none(),
    }
)
worlds = st.builds(lambda dated, static: dated + static, st.lists(_event, min_size=2, max_size=24), st.lists(_static, max_size=4))

PLAIN = ("a", "one", "b", "low", "high", "said")
_PREDICATES: dict[str, dict[str, Any]] = {
    "a": {"code": {"regex": "^A//"}},
    "one": {"code": "A//1"},
    "b": {"code": {"any": ["B", "C"]}},
    "said": {"code": "B", "text_value": "yes"},
    "both": {"expr": "and(a, b)"},
    "either": {"expr": "or(low , said)"},
    "all": {"expr": "and(either, one)"},
}


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    """One task as a file says it."""
    limits = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
    predicates = {
        **_PREDICATES,
        "low": {"code": {"regex": "."}, "value_max": draw(limits), "value_max_inclusive": draw(st.booleans())},
        "high": {"code": "C", "value_min": draw(limits), "value_min_inclusive": draw(st.booleans()), "value_max": 2.0},
    }
    task: dict[str, Any] = {"predicates": predicates, "windows": {}}
    if draw(st.integers(0, 4)) == 0:
        task["patient_demographics"] = {"static": {"code": "S"}}
        predicates["static_b"] = {"expr": "and(b, static)"}
    names = sorted(predicates)
    task["trigger"] = draw(st.sampled_from([*names, "_ANY_EVENT", "_RECORD_START", "_RECORD_END"]))
    places = ["trigger"]
    for n in range(draw(st.integers(1, 3))):
        name = f"w{n}"
        hangs_on_start = draw(st.booleans())
        root = draw(_edge(draw(st.sampled_from(places)), names, either=True))
        other = draw(_edge("start" if hangs_on_start else "end", names, either=False, back=not hangs_on_start))
        start, end = (root, other) if hangs_on_start else (other, root)
        window: dict[str, Any] = {"start": start, "end": end, "start_inclusive": draw(st.booleans()), "end_inclusive": draw(st.booleans())}
        counted = st.sampled_from([*names, "_ANY_EVENT", "_RECORD_START", "_RECORD_END"])
        window["has"] = draw(
            st.dictionaries(counted, st.sampled_from(["(1, None)", "(None, 0)", "(None, 2)", "(0, 3)", "(None, 9)"]), max_size=1)
        )
        task["windows"][name] = window
        places += [f"{name}.start", f"{name}.end"]
    labelled, indexed = (draw(st.sampled_from(sorted(task["windows"]))) for _ in range(2))
    task["windows"][labelled]["label"] = draw(st.sampled_from(names))
    task["windows"][indexed]["index_timestamp"] = draw(st.sampled_from(["start", "end"]))
    return task


@st.composite
def _edge(draw: st.DrawFn, of: str, names: Sequence[str], *, either: bool, back: bool = False) -> str | None:
    back = draw(st.booleans()) if either else back
    kind = draw(st.sampled_from(["event", "length", "length", "place" if either else "none"]))
    if kind == "event":
        return f"{of} {'<-' if back else '->'} {draw(st.sampled_from(names))}"
    if kind == "length":
        return f"{of} {'-' if back else '+'} {draw(st.sampled_from(sorted(LENGTHS)))}"
    return of if kind == "place" else None


def table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as a MEDS table."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)


def answers(rows: Sequence[Mapping[str, Any]], task: Mapping[str, Any]) -> list[tuple[int, datetime, datetime, int]]:
    """Subject, trigger, moment of asking and number of the label, worked out one subject and one trigger at a time."""
    found = []
    for subject in sorted({row["subject_id"] for row in rows}):
        own = [row for row in rows if row["subject_id"] == subject]
        people = task.get("patient_demographics", {})
        if not all(any(row["time"] is None and row["code"] == person["code"] for row in own) for person in people.values()):
            continue
        moments = sorted({row["time"] for row in own if row["time"] is not None})
        for trigger in moments:
            if _number(task["trigger"], trigger, own, moments, task) == 0:
                continue
            answer = _about(trigger, own, moments, task)
            if answer is not None:
                found.append((subject, trigger, *answer))
    return found


def _about(trigger: datetime, own: list[Any], moments: list[datetime], task: Mapping[str, Any]) -> tuple[datetime, int] | None:
    asked, label = None, None
    for name, window in task["windows"].items():
        start, end = (_place(f"{name}.{side}", trigger, own, moments, task) for side in ("start", "end"))
        if start is None or end is None:
            return None
        inside = [
            t for t in moments
            if (start < t < end) or (t == start != end and window["start_inclusive"]) or (t == end != start and window["end_inclusive"])
            or (t == start == end and window["start_inclusive"] and window["end_inclusive"])
        ]  # fmt: skip
        for predicate, said in window.get("has", {}).items():
            least, most = (None if part.strip() in ("None", "") else int(part) for part in said.strip("()").split(","))
            number = sum(_number(predicate, t, own, moments, task) for t in inside)
            if (least is not None and number < least) or (most is not None and number > most):
                return None
        if "label" in window:
            label = sum(_number(window["label"], t, own, moments, task) for t in inside)
        if "index_timestamp" in window:
            asked = {"start": start, "end": end}[window["index_timestamp"]]
    assert asked is not None and label is not None
    return asked, label


def _place(place: str, trigger: datetime, own: list[Any], moments: list[datetime], task: Mapping[str, Any]) -> datetime | None:
    if place == "trigger":
        return trigger
    name, side = place.split(".")
    window = task["windows"][name]
    text = window[side]
    other = {"start": "end", "end": "start"}[side]
    if text is None:
        text = f"{other} <- _RECORD_START" if side == "start" else f"{other} -> _RECORD_END"
    of, *rest = text.split(maxsplit=2)
    root = _place(f"{name}.{other}" if of == other else of, trigger, own, moments, task)
    if root is None or not rest:
        return root
    sign, what = rest
    if sign in "+-":
        return root + LENGTHS[what] if sign == "+" else root - LENGTHS[what]
    itself = of == other and window[f"{side}_inclusive"]
    met = [t for t in moments if _number(what, t, own, moments, task)]
    if sign == "->":
        return min((t for t in met if t > root or (itself and t == root)), default=None)
    return max((t for t in met if t < root or (itself and t == root)), default=None)


def _number(name: str, at: datetime, own: list[Any], moments: list[datetime], task: Mapping[str, Any]) -> int:
    if name.startswith("_"):
        return {"_ANY_EVENT": 1, "_RECORD_START": int(at == moments[0]), "_RECORD_END": int(at == moments[-1])}[name]
    if name in task.get("patient_demographics", {}):
        return 1
    said = task["predicates"][name]
    if "expr" in said:
        how, parts = said["expr"].rstrip(")").split("(")
        each = [_number(part.strip(), at, own, moments, task) > 0 for part in parts.split(",")]
        return int(all(each) if how == "and" else any(each))
    return sum(row["time"] == at and _met(row, said) for row in own)


def _met(row: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    code, value = said["code"], row["numeric_value"]
    if isinstance(code, dict):
        if not (
            row["code"] in code.get("any", ())
            or (code.get("regex") == "^A//" and row["code"].startswith("A//"))
            or code.get("regex") == "."
        ):
            return False
    elif row["code"] != code:
        return False
    if "text_value" in said and row["text_value"] != said["text_value"]:
        return False
    if ("value_min" in said or "value_max" in said) and value is None:
        return False
    low, high = said.get("value_min"), said.get("value_max")
    if low is not None and not (value > low or (value == low and said.get("value_min_inclusive"))):
        return False
    return high is None or value < high or (value == high and bool(said.get("value_max_inclusive")))
