"""Cohort: who was asked a question and when, and what the truth turned out to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.card import Question
from consilium.core.errors import CardError, LawError
from consilium.core.events import SCHEMA
from consilium.record.known import NEVER, UNDATED, known_from, microseconds

NOT_ASKED = "the question's trigger is not in the record"
NO_MOMENT = "the question's trigger has no date"
NO_LABEL = "no label in the target window"
UNLISTED = "a label in the target window that the question does not list"


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients with a question and an answer.

    Parameters
    ----------
    rows : tuple of (int, datetime), length n
        Subject and moment of asking, by subject; a subject is asked once.
    labels : int8 array of shape (n,)
        The truth, 0 or 1.
    excluded : mapping of str to int
        Subjects left out, by reason; with `rows` they are all subjects that there are.
    """

    rows: tuple[tuple[int, datetime], ...]
    labels: NDArray[np.int8]
    excluded: Mapping[str, int]

    def __post_init__(self) -> None:
        if self.labels.shape != (len(self.rows),):
            raise LawError("A cohort has one label a row", found=self.labels.shape, expected=(len(self.rows),))


def cohort(events: pa.Table, question: Question) -> Cohort:
    """Find who was asked, when, and what the truth was.

    The moment of asking is the first at which a trigger event had happened and was known. The truth is looked for in the target
    window after it, by the time at which it happened (whenever it became known): positive when any label there is positive.

    Parameters
    ----------
    events : pyarrow.Table
        In `SCHEMA` columns, any subjects, any order.
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
    >>> from consilium.core.events import table
    >>> day = [datetime(2026, 1, d) for d in (1, 2, 3)]
    >>> said = [("ENCOUNTER//EMER", day[0], None, ""), ("LOINC//2524-7", day[1], 4.5, "mmol/L")]
    >>> rows = [{"subject_id": 1, "code": c, "time": t, "available": t, "numeric_value": v, "unit": u} for c, t, v, u in said]
    >>> high = Question("ENCOUNTER//EMER", "LOINC//2524-7", (timedelta(0), timedelta(days=2)), positive_from=4.0)
    >>> cohort(table(rows), high).labels.tolist()
    [1]
    """
    _answerable(question)
    if any(name not in events.schema.names for name in SCHEMA.names):
        raise LawError("Events lack columns of the record", found=events.schema.names, expected=SCHEMA.names)
    subjects, owner = np.unique(events["subject_id"].to_numpy(), return_inverse=True)
    time, available = microseconds(events["time"]), microseconds(events["available"])
    dated = time != UNDATED

    trigger = _is(events, question.trigger)
    asked = np.full(len(subjects), NEVER)
    np.minimum.at(asked, owner[trigger & dated], known_from(time, available)[trigger & dated])
    triggered = np.zeros(len(subjects), dtype=np.bool_)
    triggered[owner[trigger]] = True

    label = np.flatnonzero(_is(events, question.label) & dated & (asked[owner] != NEVER))
    start, end = (edge // timedelta(microseconds=1) for edge in question.target)
    since = time[label] - asked[owner[label]]
    label = label[(since > start) & (since <= end)]
    truth = _truth(events, question)[label]
    said, positive, unlisted = (np.zeros(len(subjects), dtype=np.bool_) for _ in range(3))
    said[owner[label[~np.isnan(truth)]]] = True
    positive[owner[label[truth > 0]]] = True
    unlisted[owner[label[np.isnan(truth)]]] = True

    reasons = {
        NOT_ASKED: ~triggered,
        NO_MOMENT: triggered & (asked == NEVER),
        UNLISTED: (asked != NEVER) & ~said & unlisted,
        NO_LABEL: (asked != NEVER) & ~said & ~unlisted,
    }
    moments = asked[said].astype("datetime64[us]").tolist()
    rows = tuple(zip(subjects[said].tolist(), moments, strict=True))
    return Cohort(rows, positive[said].astype(np.int8), {reason: int(who.sum()) for reason, who in reasons.items() if who.any()})


def _answerable(question: Question) -> None:
    where = f"the question of {question.trigger}"
    if bool(question.of_text) == (question.positive_from is not None):
        raise CardError(
            "A question says what a positive label is, by `of_text` or by `positive_from`",
            where=where,
            found=(dict(question.of_text), question.positive_from),
        )
    if not set(question.of_text.values()) <= {0, 1}:
        raise CardError("A label is 0 or 1", where=where, found=dict(question.of_text))
    if not timedelta(0) <= question.target[0] < question.target[1]:
        found = tuple(str(edge) for edge in question.target)
        raise CardError("The truth is looked for after the moment of asking", where=where, found=found, expected="0 <= start < end")


def _is(events: pa.Table, code: str) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = pc.equal(events["code"], code).to_numpy()
    return same


def _truth(events: pa.Table, question: Question) -> NDArray[np.float64]:
    """0 or 1 of each event as a label, NaN where it says neither, shape (n_events,)."""
    if question.positive_from is not None:
        number = events["numeric_value"].to_numpy().astype(np.float64)
        return np.where(np.isnan(number), np.nan, number >= np.float32(question.positive_from))
    answers = pa.array(list(question.of_text), pa.large_string())
    values = np.array([*question.of_text.values(), np.nan], dtype=np.float64)
    truth: NDArray[np.float64] = values[pc.fill_null(pc.index_in(events["text_value"], answers), -1).to_numpy()]
    return truth
