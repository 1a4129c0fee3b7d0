"""Task: a question laid out as predicates, a trigger and windows, the one form that every question and ACES file is answered in."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from consilium.core.errors import CardError
from consilium.core.question import Joined, Predicate

TRIGGER = "trigger"
ANY_EVENT, RECORD_START, RECORD_END = "_ANY_EVENT", "_RECORD_START", "_RECORD_END"
SPECIAL = (ANY_EVENT, RECORD_START, RECORD_END)
"""Predicates that need no definition: any moment with an event, a subject's first such moment, and the last."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where one end of a window lies.

    Parameters
    ----------
    of : str
        The place it is counted from: `trigger`, or another window's `<name>.start` or `<name>.end`, or this window's.
    offset : timedelta
        How long after that place, where `event` is empty.
    event : str
        Predicate; the edge lies at the nearest moment that meets it.
    back : bool
        The nearest at or before the place, instead of at or after it.
    strict : bool
        The place itself does not count.
    """

    of: str
    offset: timedelta = timedelta(0)
    event: str = ""
    back: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a subject's record, and how many events of each kind it must hold.

    Parameters
    ----------
    start, end : Edge
        A window whose edge finds no event does not exist, and its trigger is left out.
    start_inclusive, end_inclusive : bool
        Whether events at the edges themselves are in it.
    has : mapping of str to (int or None, int or None)
        Least and most number of moments or events of a predicate, both included.
    reason : str
        What those that fail are counted under; the window's name where empty.
    undated : bool
        Whether an undated event, which has always happened, is in it too; however many there are, they count as one.
    """

    start: Edge
    end: Edge
    start_inclusive: bool
    end_inclusive: bool
    has: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    reason: str = ""
    undated: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """Predicates, a trigger, and windows about each trigger.

    Parameters
    ----------
    predicates : mapping of str to Predicate or Joined
    trigger : str
        Predicate; every moment that meets it is a trigger.
    windows : mapping of str to Window
        In any order; a trigger counts when all of them exist and hold what they must.
    asked : str
        The place (`trigger`, `<window>.start`, `<window>.end`) whose time is the moment of asking.
    label : (str, str) or None
        The window and the predicate whose number in it is the answer.
    static : tuple of str
        Predicates that an undated event of the subject must meet.
    first : bool
        Only a subject's first trigger.
    outcomes : mapping of str to bool
        Predicates whose first (or, where True, last) moment after the moment of asking is wanted.
    """

    predicates: Mapping[str, Predicate | Joined]
    trigger: str
    windows: Mapping[str, Window] = field(default_factory=dict)
    asked: str = TRIGGER
    label: tuple[str, str] | None = None
    static: tuple[str, ...] = ()
    first: bool = False
    outcomes: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _order(_joins(self), "the predicates")
        places = {TRIGGER, *order(self)}
        if self.asked not in places:
            raise CardError("The moment of asking is no place of the task", found=self.asked, expected=sorted(places))
        if self.label and self.label[0] not in self.windows:
            raise CardError("The label's window is not in the task", found=self.label[0], expected=sorted(self.windows))
        used = {self.trigger, *self.outcomes, *self.static, *(() if self.label is None else (self.label[1],))}
        for name, window in self.windows.items():
            used |= {window.start.event, window.end.event, *window.has}
            for predicate, (least, most) in window.has.items():
                if (least is None and most is None) or (least is not None and most is not None and most < least):
                    raise CardError("A number that a window must hold cannot be", where=f"window {name}, {predicate}", found=(least, most))
        unknown = used - {"", *SPECIAL, *self.predicates}
        if unknown:
            raise CardError("A predicate is not defined", where="the task", found=sorted(unknown), expected=sorted(self.predicates))


def order(task: Task) -> tuple[str, ...]:
    """The places of a task's windows (`input.start`, ...), each after the place it is counted from, but for the trigger.

    Raises
    ------
    CardError
        When an edge is counted from a place that does not exist, or in a circle.
    """
    edges = {f"{name}.{side}": getattr(window, side).of for name, window in task.windows.items() for side in ("start", "end")}
    for place, of in edges.items():
        if of != TRIGGER and of not in edges:
            raise CardError("An edge is counted from a place that does not exist", where=place, found=of, expected=[TRIGGER, *edges])
    ordered = _order({place: {of} for place, of in edges.items()}, "the windows")
    return tuple(place for place in ordered if place != TRIGGER)


def edge(task: Task, place: str) -> Edge:
    """The edge at a place."""
    name, _, side = place.rpartition(".")
    window = task.windows[name]
    return window.start if side == "start" else window.end


def _joins(task: Task) -> dict[str, set[str]]:
    joins = {name: set(predicate.of) for name, predicate in task.predicates.items() if isinstance(predicate, Joined)}
    for name, parts in joins.items():
        unknown = parts - {*SPECIAL, *task.predicates}
        if unknown:
            raise CardError("A predicate joins others that are not defined", where=f"predicate {name}", found=sorted(unknown))
    return joins


def _order(graph: Mapping[str, set[str]], where: str) -> tuple[str, ...]:
    try:
        return tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        raise CardError("Something is defined by itself", where=where, found=error.args[1]) from error
