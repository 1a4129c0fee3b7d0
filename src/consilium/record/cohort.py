"""Cohort: who was asked a question and when, and what the truth turned out to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from consilium.core.card import Input
from consilium.core.errors import LawError
from consilium.core.events import SCHEMA
from consilium.core.question import Question
from consilium.record.features import features
from consilium.record.known import NEVER
from consilium.record.realise import KEPT, Realised, realise
from consilium.record.task_of import ASKED, LABEL, SAID, TARGET, TOLD, by_count, task_of

NOT_ASKED = "the question's trigger is not in the record"
NO_MOMENT = "the question's trigger has no date"
NO_LABEL = "no label in the target window"
UNLISTED = "a label in the target window that the question does not list"
NO_AGE = "age at the moment of asking is not known"
OTHER_AGE = "age at the moment of asking is outside the question's"
CENSORED = "the record ends before the target window does"
NOT_FOLLOWED = "neither the event nor the end of follow-up is in the record after the moment of asking"
EVENT, COMPETING, LOST = 1, 2, 0
"""How follow-up ended in a question about time: with the event, with another that competes with it, or without either."""
_DAY = 86_400_000_000

_AGE = Input("age", ("MEDS_BIRTH",), "a", "age")


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients with a question and an answer.

    Parameters
    ----------
    rows : tuple of (int, datetime), length n
        Subject and moment of asking, by subject and time; a subject is asked once, unless the question is asked at every trigger.
    labels : int8 array of shape (n,)
        The truth, 0 or 1; in a question about time how follow-up ended: `EVENT`, `COMPETING` or `LOST`, whenever that was.
    excluded : mapping of str to int
        Triggers left out, by the first reason that applied; and subjects without any moment of asking, by reason. With `rows`
        they are all moments of asking and all subjects without one.
    days : float64 array of shape (n,), optional
        In a question about time, days from the moment of asking to the end of follow-up; above 0.
    """

    rows: tuple[tuple[int, datetime], ...]
    labels: NDArray[np.int8]
    excluded: Mapping[str, int]
    days: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.days is not None and self.days.shape != self.labels.shape:
            raise LawError("A cohort has one time of follow-up a row", found=self.days.shape, expected=self.labels.shape)
        if self.labels.shape != (len(self.rows),):
            raise LawError("A cohort has one label a row", found=self.labels.shape, expected=(len(self.rows),))


def cohort(events: pa.Table, question: Question) -> Cohort:
    """Find who was asked, when, and what the truth was.

    The moment of asking is when a trigger event had happened and was known, and the question's delay after that. The truth is
    looked for in the target window, by the time at which it happened (whenever it became known). A coded or numeric label is
    positive when any in the window is positive; a predicate is, when it is met there at all. A question about time (`censor`) has an
    answer for everybody who was followed at all: how long, and how that ended.

    Parameters
    ----------
    events : pyarrow.Table
        In `SCHEMA` columns, any subjects, any order; all events of each subject.
    question : Question

    Returns
    -------
    Cohort

    Raises
    ------
    CardError
        When the question does not say what a positive label is, or looks for the truth before the moment of asking.
    LawError
        When columns are missing.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from consilium.core.events import table
    >>> day = [datetime(2026, 1, d) for d in (1, 2, 3)]
    >>> said = [("ENCOUNTER//EMER", day[0], None, ""), ("LOINC//2524-7", day[1], 4.5, "mmol/L")]
    >>> rows = [{"subject_id": 1, "code": c, "time": t, "available": t, "numeric_value": v, "unit": u} for c, t, v, u in said]
    >>> high = Question("ENCOUNTER//EMER", "LOINC//2524-7", (timedelta(0), timedelta(days=2)), positive_from=4.0)
    >>> cohort(table(rows), high).labels.tolist()
    [1]
    """
    task = task_of(question)
    if any(name not in events.schema.names for name in SCHEMA.names):
        raise LawError("Events lack columns of the record", found=events.schema.names, expected=SCHEMA.names)
    found = realise(events, task)
    moments = found.place[ASKED].astype("datetime64[us]").tolist()
    asked = list(zip(found.subject.tolist(), moments, strict=True))
    reasons = np.array([*found.reasons, ""], dtype=object)[found.failed]
    _out(reasons, _aged(events, question, asked, np.flatnonzero(found.failed == KEPT)))
    _out(reasons, _unanswered(found, question))
    kept = np.flatnonzero(reasons == "")
    truth, days = _followed(found, question, kept) if question.censor else ((found.counts[TARGET, LABEL][kept] > 0).astype(np.int8), None)
    why, number = np.unique(reasons[reasons != ""].astype(str), return_counts=True)
    never = {NOT_ASKED: found.untriggered - found.undated, NO_MOMENT: found.undated}
    excluded = {**{reason: n for reason, n in never.items() if n}, **dict(zip(why.tolist(), number.tolist(), strict=True))}
    return Cohort(tuple(asked[k] for k in kept), truth, excluded, days)


def asked(events: pa.Table, question: Question) -> tuple[tuple[int, datetime], ...]:
    """Who was asked and when, whether or not anybody knows the truth yet: what a running model has to answer.

    Parameters and errors as for `cohort`.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from consilium.core.events import table
    >>> at = datetime(2026, 1, 1)
    >>> arrived = table([{"subject_id": 1, "code": "ENCOUNTER//EMER", "time": at, "available": at}])
    >>> len(asked(arrived, Question("ENCOUNTER//EMER", "LOINC//2524-7", (timedelta(0), timedelta(days=2)), positive_from=4.0)))
    1
    """
    task = task_of(question)
    if any(name not in events.schema.names for name in SCHEMA.names):
        raise LawError("Events lack columns of the record", found=events.schema.names, expected=SCHEMA.names)
    windows = {name: window for name, window in task.windows.items() if name not in (TARGET, "after")}
    found = realise(events, replace(task, windows=windows, label=None))
    rows = list(zip(found.subject.tolist(), found.place[ASKED].astype("datetime64[us]").tolist(), strict=True))
    out = found.failed != KEPT
    for who in _aged(events, question, rows, np.flatnonzero(~out)).values():
        out |= who
    return tuple(row for row, left in zip(rows, out, strict=True) if not left)


def together(cohorts: Iterable[Cohort]) -> Cohort:
    """The cohorts of shards, which share no subject, as one; by subject and time."""
    parts = list(cohorts)
    rows = [row for part in parts for row in part.rows]
    labels = np.concatenate([np.zeros(0, np.int8), *(part.labels for part in parts)])
    by = sorted(range(len(rows)), key=rows.__getitem__)
    excluded: dict[str, int] = {}
    for part in parts:
        for reason, number in part.excluded.items():
            excluded[reason] = excluded.get(reason, 0) + number
    timed = [part.days for part in parts if part.days is not None]
    return Cohort(tuple(rows[k] for k in by), labels[by], excluded, np.concatenate(timed)[by] if timed else None)


def _out(reasons: NDArray[np.object_], more: Mapping[str, NDArray[np.bool_]]) -> None:
    """Give those without a reason yet the first that applies."""
    for reason, who in more.items():
        reasons[(reasons == "") & who] = reason


def _aged(events: pa.Table, question: Question, asked: list[tuple[int, datetime]], kept: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    if question.age is None:
        return {}
    years = np.zeros(len(asked))
    years[kept] = features(events, (_AGE,), [asked[k] for k in kept]).X[:, 0]
    low, high = question.age
    return {NO_AGE: np.isnan(years), OTHER_AGE: ~((years >= low) & (years <= high))}


def _followed(found: Realised, question: Question, rows: NDArray[np.int64]) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """How follow-up ended, and after how many days. Where both events fall on one moment it is the one that was asked about."""
    own = found.outcomes[question.label][rows]
    rival = found.outcomes[question.competing][rows] if question.competing else np.full(len(rows), NEVER)
    first = np.minimum(own, rival)
    came = first != NEVER
    ended = np.where(came, np.where(own <= rival, EVENT, COMPETING), LOST).astype(np.int8)
    last = np.where(came, first, found.outcomes[question.censor][rows])
    return ended, (last - found.place[ASKED][rows]) / _DAY


def _unanswered(found: Realised, question: Question) -> dict[str, NDArray[np.bool_]]:
    if question.censor:
        return {NOT_FOLLOWED: np.min(list(found.outcomes.values()), axis=0) == NEVER}
    if by_count(question):
        late = found.last < found.place[f"{TARGET}.end"]
        return {CENSORED: late & (found.counts[TARGET, LABEL] == 0)} if question.followed else {}
    said, told = found.counts[TARGET, SAID], found.counts[TARGET, TOLD]
    return {UNLISTED: (said == 0) & (told > 0), NO_LABEL: told == 0}
