"""Realise: find every trigger of a task, lay its windows about it, and count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.errors import LawError
from consilium.core.question import Predicate
from consilium.record.known import NEVER
from consilium.record.moments import Moments, moments, without_time
from consilium.record.task import TRIGGER, Edge, Task, edge, order
from consilium.record.timeline import Ints, Timeline, between, distinct, nearest, off_axis, on_axis, timeline

MICROSECOND = timedelta(microseconds=1)
KEPT = -1


@dataclass(frozen=True, slots=True)
class Realised:
    """Every trigger of a task, by subject and time, and what became of it.

    Parameters
    ----------
    subject, trigger, asked : int64 arrays of shape (m,)
        Whose, the trigger's time, and the moment of asking, in microseconds since 1970; `asked` means nothing where that place
        does not exist.
    failed : int64 array of shape (m,)
        Position in `reasons` of the first that applies, `KEPT` where none does.
    reasons : tuple of str
        A reason for each window, in the task's order.
    counts : mapping of (str, str) to int64 array of shape (m,)
        Number of a predicate in a window, for the label and all that windows must hold; 0 where the window does not exist.
    place : mapping of str to int64 array of shape (m,)
        Time of every edge.
    last : int64 array of shape (m,)
        The last moment of the subject's record.
    outcomes : mapping of str to int64 array of shape (m,)
        Time of the first (or last) moment of a predicate after the moment of asking, `NEVER` where there is none.
    untriggered, undated : int
        Subjects without any trigger; of those, with one whose time is not known.
    """

    subject: Ints
    trigger: Ints
    asked: Ints
    failed: Ints
    reasons: tuple[str, ...]
    counts: Mapping[tuple[str, str], Ints]
    place: Mapping[str, Ints]
    last: Ints
    outcomes: Mapping[str, Ints]
    untriggered: int
    undated: int

    @property
    def kept(self) -> Ints:
        """Positions of the triggers whose windows all exist and hold what they must."""
        return np.flatnonzero(self.failed == KEPT)


def realise(events: pa.Table, task: Task) -> Realised:
    """Find every trigger of a task and lay its windows about it.

    Parameters
    ----------
    events : pyarrow.Table
        In MEDS columns, and those that the task's predicates ask for; whole subjects, in any order.
    task : Task

    Raises
    ------
    LawError
        When a column is missing.
    """
    line = timeline(events, any(isinstance(p, Predicate) and p.known for p in task.predicates.values()))
    if line.fits:
        return _realise(line, task)
    if len(line.subjects) < 2:
        raise LawError("A subject's record is longer than can be searched", found=int(line.subjects[0]))
    middle = pa.scalar(int(line.subjects[len(line.subjects) // 2]), events["subject_id"].type)
    return _together([realise(events.filter(half(events["subject_id"], middle)), task) for half in (pc.less, pc.greater_equal)])


def _realise(line: Timeline, task: Task) -> Realised:
    of = moments(line, task)
    owner, trigger = off_axis(line, distinct(of(task.trigger)))
    triggered = np.zeros(len(line.subjects), dtype=np.bool_)
    triggered[owner] = True
    undated = int((without_time(line, task, task.trigger) & ~triggered).sum())
    if task.first:
        own = np.flatnonzero(np.diff(owner, prepend=-1))
        owner, trigger = owner[own], trigger[own]
    for name in task.static:
        own = np.flatnonzero(without_time(line, task, name)[owner])
        owner, trigger = owner[own], trigger[own]

    place, exists = {TRIGGER: trigger}, {TRIGGER: np.ones(len(trigger), dtype=np.bool_)}
    for at in order(task):
        where = edge(task, at)
        place[at], exists[at] = _placed(line, of, where, owner, place[where.of])
        exists[at] &= exists[where.of]

    counts: dict[tuple[str, str], Ints] = {}
    failed = np.full(len(trigger), KEPT)
    reasons: list[str] = []
    for name, window in task.windows.items():
        there = exists[f"{name}.start"] & exists[f"{name}.end"]
        start, end = (on_axis(line, owner, place[f"{name}.{side}"]) for side in ("start", "end"))
        fails = ~there
        wanted = [*window.has, *([task.label[1]] if task.label and task.label[0] == name else [])]
        for predicate in dict.fromkeys(wanted):
            number = between(of(predicate), start, end, start_inclusive=window.start_inclusive, end_inclusive=window.end_inclusive)
            if window.undated:
                number = number + without_time(line, task, predicate)[owner]
            counts[name, predicate] = np.where(there, number, 0)
            least, most = window.has.get(predicate, (None, None))
            if least is not None:
                fails |= number < least
            if most is not None:
                fails |= number > most
        failed[(failed == KEPT) & fails] = len(reasons)
        reasons.append(window.reason or name)
    asked = place[task.asked]
    outcomes = {}
    for name, latest in task.outcomes.items():
        begin = on_axis(line, owner, np.full(len(asked), NEVER) if latest else asked)
        found, there = nearest(of(name), begin, back=latest, strict=True)
        whose, time = off_axis(line, found)
        outcomes[name] = np.where(there & (whose == owner) & (time > asked), time, NEVER)
    subject = line.subjects[owner]
    untriggered = len(triggered) - int(triggered.sum())
    last = line.last[owner]
    return Realised(subject, trigger, asked, failed, tuple(reasons), counts, place, last, outcomes, untriggered, undated)


def _placed(line: Timeline, of: Moments, where: Edge, owner: Ints, root: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Times of an edge counted from `root`, and whether it exists."""
    if not where.event:
        return root + where.offset // MICROSECOND, np.ones(len(root), dtype=np.bool_)
    found, exists = nearest(of(where.event), on_axis(line, owner, root), back=where.back, strict=where.strict)
    whose, time = off_axis(line, found)
    return time, exists & (whose == owner)


def _together(parts: list[Realised]) -> Realised:
    """Parts as one; the parts hold different subjects, in order."""
    one = parts[0]
    arrays = {name: np.concatenate([getattr(p, name) for p in parts]) for name in ("subject", "trigger", "asked", "failed", "last")}
    return Realised(
        **arrays,
        reasons=one.reasons,
        counts={key: np.concatenate([p.counts[key] for p in parts]) for key in one.counts},
        place={key: np.concatenate([p.place[key] for p in parts]) for key in one.place},
        outcomes={key: np.concatenate([p.outcomes[key] for p in parts]) for key in one.outcomes},
        untriggered=sum(p.untriggered for p in parts),
        undated=sum(p.undated for p in parts),
    )
