"""Raised: whether a question stands at given moments, by the same trigger and criteria that found its cohort."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.question import Question
from consilium.record.moments import moments, without_time
from consilium.record.realise import MICROSECOND
from consilium.record.task_of import known_name, task_of
from consilium.record.timeline import Ints, between, nearest, off_axis, on_axis, timeline

NOT_TRIGGERED = "not triggered"


def raised(events: pa.Table, question: Question, rows: Sequence[tuple[int, datetime]]) -> NDArray[np.object_]:
    """Say for each moment why a question is not raised then; empty where it is.

    A question is raised once its trigger had happened and was known, for at least the question's delay, and as long as each criterion
    whose window ends by the moment of asking is met at that moment. At a row of the question's own cohort it is always raised. An
    undated trigger (which gives a cohort no moment) is always known. Criteria that reach into the future cannot be looked at.

    Parameters
    ----------
    events : pyarrow.Table
        In `SCHEMA` columns, any subjects, any order; all events of each subject, or all that was known by the moments.
    question : Question
    rows : sequence of (int, datetime), length n
        Subject and moment (UTC without zone).

    Returns
    -------
    object array of shape (n,)
        Empty, `NOT_TRIGGERED`, or the reason of the first criterion that fails.

    Raises
    ------
    CardError
        As `cohort` says.
    LawError
        When a column is missing.

    Examples
    --------
    >>> from consilium.core.events import table
    >>> from consilium.core.question import Predicate
    >>> at = datetime(2026, 1, 1, 8)
    >>> chart = table([{"subject_id": 1, "code": "ENCOUNTER//EMER//2", "time": at, "available": at}])
    >>> arrived = {"arrived": Predicate(prefixes=("ENCOUNTER//EMER",))}
    >>> asked = Question("arrived", "LABEL", (timedelta(0), timedelta(days=1)), positive_from=1, predicates=arrived)
    >>> raised(chart, asked, [(1, at), (1, datetime(2025, 12, 31))]).tolist()
    ['', 'not triggered']
    """
    task = task_of(question)
    line = timeline(events, True)
    reasons = np.full(len(rows), NOT_TRIGGERED, dtype=object)
    if not len(line.subjects) or not len(rows):
        return reasons
    if not line.fits and len(line.subjects) > 1:
        middle = int(line.subjects[len(line.subjects) // 2])
        early = np.array([subject < middle for subject, _ in rows])
        for half, part in ((pc.less, early), (pc.greater_equal, ~early)):
            own = [row for row, inside in zip(rows, part, strict=True) if inside]
            reasons[part] = raised(events.filter(half(events["subject_id"], middle)), question, own)
        return reasons
    of = moments(line, task)
    who = np.array([subject for subject, _ in rows], dtype=np.int64)
    owner = np.minimum(np.searchsorted(line.subjects, who), len(line.subjects) - 1)
    charted = line.subjects[owner] == who
    asked: Ints = np.array([at for _, at in rows], dtype="datetime64[us]").astype(np.int64)
    found, exists = nearest(of(task.trigger), on_axis(line, owner, asked - question.delay // MICROSECOND), back=True, strict=False)
    whose, _ = off_axis(line, found)
    met = exists & (whose == owner)
    if not met.all():
        met |= without_time(line, task, task.trigger)[owner]
    reasons[charted & met] = ""
    for criterion in question.criteria:
        if criterion.window[1] > timedelta(0):
            continue
        start, end = (on_axis(line, owner, asked + side // MICROSECOND) for side in criterion.window)
        number = between(of(known_name(criterion.event)), start, end, start_inclusive=False, end_inclusive=True)
        if criterion.ever:
            number = number + without_time(line, task, known_name(criterion.event))[owner]
        fails = np.zeros(len(rows), dtype=np.bool_)
        if criterion.least is not None:
            fails |= number < criterion.least
        if criterion.most is not None:
            fails |= number > criterion.most
        reasons[(reasons == "") & fails] = criterion.reason
    return reasons
