"""Read an ACES task file into a Task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from consilium.core.errors import CardError, NotFoundError, TimeError
from consilium.core.question import Joined, Predicate
from consilium.record.aces.length import length
from consilium.record.aces.predicate import read_predicate
from consilium.record.task import RECORD_END, RECORD_START, SPECIAL, TRIGGER, Edge, Task, Window

TASK = {"predicates", "patient_demographics", "trigger", "windows", "description", "metadata"}
WINDOW = {"start", "end", "start_inclusive", "end_inclusive", "has", "label", "index_timestamp"}
_PLACE = re.compile(r"\w+(\.(start|end))?")


def read_task(path: str | Path, predicates: str | Path | None = None) -> Task:
    """Read a task.

    Parameters
    ----------
    path : path
        A YAML file in the format of ACES 0.5 to 0.7.
    predicates : path, optional
        Another, whose `predicates` and `patient_demographics` replace those of the same name: the same task on other data.

    Raises
    ------
    NotFoundError
        When a file is not there.
    CardError
        When it says something that a task cannot say, or that ACES would pass over in silence.
    """
    raw, over = _yaml(Path(path), TASK), {} if predicates is None else _yaml(Path(predicates), TASK - {"trigger", "windows"})
    return task_of(
        {**raw, **{key: {**(raw.get(key) or {}), **(over.get(key) or {})} for key in ("predicates", "patient_demographics")}}, str(path)
    )


def task_of(raw: Mapping[str, Any], where: str) -> Task:
    """The Task that a file says, already parsed; predicates that nothing refers to are not read."""
    trigger = raw.get("trigger")
    if not isinstance(trigger, str):
        raise CardError("A task needs a trigger, the name of a predicate", where=where, found=trigger)
    said, people = raw.get("predicates") or {}, raw.get("patient_demographics") or {}
    for name in (*said, *people, *(raw.get("windows") or {})):
        if not re.fullmatch(r"\w+", str(name)):
            raise CardError("A name is made of letters, digits and _", where=where, found=name)
    windows, asked, label = _windows(raw.get("windows") or {}, where)
    needed = [trigger, *([label[1]] if label else [])]
    for window in windows.values():
        needed += [window.start.event, window.end.event, *window.has]
    found: dict[str, Predicate | Joined] = {name: read_predicate(entry, f"{where}, predicate {name}") for name, entry in people.items()}
    static = list(found)
    while needed:
        name = needed.pop()
        if not name or name in found or name in SPECIAL:
            continue
        if name not in said:
            raise CardError("A predicate is referred to and not defined", where=where, found=name, expected=sorted(said))
        found[name] = read_predicate(said[name], f"{where}, predicate {name}")
        static += [name] if said[name].get("static") else []
        needed += getattr(found[name], "of", ())
    _not_static(
        {trigger, *(name for window in windows.values() for name in window.has), *(label[1:] if label else ())} & set(static), where
    )
    return Task(found, trigger, windows, asked, label, tuple(static))


def _windows(raw: Mapping[str, Any], where: str) -> tuple[dict[str, Window], str, tuple[str, str] | None]:
    windows, asked, labels = {}, [], []
    for name, said in raw.items():
        here = f"{where}, window {name}"
        if not isinstance(said, Mapping) or not WINDOW >= set(said) >= {"start", "end", "start_inclusive", "end_inclusive"}:
            raise CardError("A window's keys are not those of a window", where=here, found=said, expected=sorted(WINDOW))
        windows[name] = _window(name, said, here)
        if said.get("index_timestamp"):
            if said["index_timestamp"] not in ("start", "end"):
                raise CardError("The index timestamp is at the start or the end", where=here, found=said["index_timestamp"])
            asked.append(f"{name}.{said['index_timestamp']}")
        if said.get("label"):
            labels.append((name, str(said["label"])))
        hanging = windows[name].start if windows[name].start.of == f"{name}.end" else windows[name].end
        if not hanging.event and not hanging.offset and (windows[name].has or said.get("label")):
            raise CardError("A window without length holds nothing", where=here, do="ACES passes over its `has` in silence; widen it")
    if len(asked) > 1 or len(labels) > 1:
        raise CardError("A task has one index timestamp and one label", where=where, found=(asked, labels))
    return windows, asked[0] if asked else TRIGGER, labels[0] if labels else None


def _window(name: str, said: Mapping[str, Any], here: str) -> Window:
    inclusive = {side: said[f"{side}_inclusive"] for side in ("start", "end")}
    if not all(isinstance(value, bool) for value in inclusive.values()):
        raise CardError("An edge is inclusive or not", where=here, found=inclusive, expected="true or false")
    start, end = (_edge(said[side], name, side, here) for side in ("start", "end"))
    own = {side for side, at in (("start", start), ("end", end)) if at.of.startswith(f"{name}.")}
    if len(own) != 1:
        raise CardError("One edge of a window is counted from the other", where=here, found=(said["start"], said["end"]))
    if "start" in own and (start.offset > timedelta(0) or (start.event and not start.back)):
        raise CardError("A window starts after its end", where=here, found=said["start"])
    if "end" in own and (end.offset < timedelta(0) or end.back):
        raise CardError("A window ends before its start", where=here, found=said["end"])
    if "start" in own and start.event:
        start = Edge(start.of, event=start.event, back=True, strict=not inclusive["start"])
    if "end" in own and end.event:
        end = Edge(end.of, event=end.event, strict=not inclusive["end"])
    has = {str(predicate): _range(said, here) for predicate, said in (said.get("has") or {}).items()}
    return Window(start, end, inclusive["start"], inclusive["end"], has, _reason(name, has))


def _edge(text: Any, name: str, side: str, here: str) -> Edge:
    """An edge counted from elsewhere finds the nearest event strictly beyond that place; the window's own flags come later."""
    other = {"start": f"{name}.end", "end": f"{name}.start"}[side]
    if text is None:
        return Edge(other, event={"start": RECORD_START, "end": RECORD_END}[side], back=side == "start", strict=True)
    if not isinstance(text, str):
        raise CardError("An edge is null or a text", where=here, found=text)
    arrow = next((mark for mark in ("->", "<-") if mark in text), "")
    sign = next((mark for mark in "+-" if mark in text), "")
    of, _, rest = text.partition(arrow or sign) if arrow or sign else (text, "", "")
    of, rest = of.strip(), rest.strip()
    if not _PLACE.fullmatch(of) or any(mark in rest for mark in ("->", "<-")) or (not arrow and ("+" in rest or "-" in rest)):
        raise CardError("An edge cannot be read", where=here, found=text, expected="as in `trigger + 24h` or `gap.end -> discharge`")
    of = other if of == {"start": "end", "end": "start"}[side] else of
    if "." not in of and of != TRIGGER:
        raise CardError("An edge is counted from the trigger or from a window's start or end", where=here, found=text)
    if arrow:
        return Edge(of, event=rest, back=arrow == "<-", strict=True)
    try:
        offset = length(rest) if sign else timedelta(0)
    except TimeError as error:
        raise CardError("An edge cannot be read", where=here, found=text, do=str(error)) from error
    return Edge(of, offset=-offset if sign == "-" else offset)


def _range(said: Any, here: str) -> tuple[int | None, int | None]:
    ends = said if isinstance(said, list) else str(said).strip().strip("()").split(",")
    try:
        least, most = (None if str(end).strip() in ("None", "") else int(str(end)) for end in ends)
    except ValueError as error:
        raise CardError("A number of events cannot be read", where=here, found=said, expected="(least, most), as in (1, None)") from error
    return least, most


def _reason(name: str, has: Mapping[str, tuple[int | None, int | None]]) -> str:
    said = [
        f"{predicate} {'any' if least is None else least} to {'any' if most is None else most}" for predicate, (least, most) in has.items()
    ]
    return f"window {name}" + (f" ({', '.join(said)})" if said else "") + " is not met"


def _not_static(names: set[str], where: str) -> None:
    if names:
        raise CardError("A static predicate has no time", where=where, found=sorted(names), do="join it with another in an `expr`")


def _yaml(path: Path, keys: set[str]) -> dict[str, Any]:
    if not path.is_file():
        raise NotFoundError("There is no task file", where=str(path))
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise CardError("The task is not YAML", where=str(path), found=str(error).splitlines()[0]) from error
    if not isinstance(raw, dict) or set(raw) - keys:
        raise CardError(
            "A task's keys are not those of a task", where=str(path), found=raw if not isinstance(raw, dict) else sorted(set(raw) - keys)
        )
    return raw
