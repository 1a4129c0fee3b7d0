"""Met: whose charts meet a predicate of a question, and when."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from consilium.core.question import Joined
from consilium.record.moments import coded, moments
from consilium.record.task import SPECIAL, Task
from consilium.record.timeline import Ints, off_axis, timeline


def met(events: pa.Table, task: Task, name: str) -> tuple[Ints, Ints]:
    """Every moment at which a predicate of a task is met: subjects and microseconds since 1970, by subject and time.

    Raises
    ------
    LawError
        When a column is missing.

    Examples
    --------
    >>> from datetime import datetime, timedelta
    >>> from consilium.core.events import table
    >>> from consilium.core.question import Question
    >>> from consilium.record.task_of import task_of
    >>> drawn, told = datetime(2026, 1, 1), datetime(2026, 1, 2)
    >>> chart = table([{"subject_id": 4, "code": "A", "time": drawn, "available": told}])
    >>> task = task_of(Question("A", "B", (timedelta(0), timedelta(days=1)), positive_from=1.0))
    >>> who, when = met(chart, task, task.trigger)
    >>> int(who[0]), when.astype("datetime64[us]")[0].item() == told
    (4, True)
    """
    line = timeline(events, True)
    if not line.fits and len(line.subjects) > 1:
        middle = int(line.subjects[len(line.subjects) // 2])
        parts = [met(events.filter(half(events["subject_id"], middle)), task, name) for half in (pc.less, pc.greater_equal)]
        return np.concatenate([who for who, _ in parts]), np.concatenate([when for _, when in parts])
    owner, time = off_axis(line, moments(line, task)(name))
    return line.subjects[owner], time


def codes_of(codes: pa.Array, task: Task, name: str) -> set[str]:
    """Which of some codes a predicate of a task looks at; none for those that look at all of them."""
    if name in SPECIAL:
        return set()
    predicate = task.predicates[name]
    if isinstance(predicate, Joined):
        return {code for part in predicate.of for code in codes_of(codes, task, part)}
    return set(codes.filter(pa.array(coded(codes, predicate))).to_pylist())
