"""Cases: patients with a known answer, as numbers, from any record, by the same features as at the bedside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.card import Card, Input
from consilium.core.code import BIRTH, FEMALE, MALE
from consilium.core.errors import CardError, InputError
from consilium.core.features import Features
from consilium.knowledge import shelf
from consilium.record import cohort, features, subject_id
from consilium.specialists.bedside import tally
from consilium.specialists.sight import sight
from consilium.specialists.truth import Truth

YEAR = 365.25
"""Days."""
NOT_SO_LONG = "not followed to the horizon, so that the answer is not known"
AGE_BANDS = (0, 18, 40, 50, 60, 70, 151)
_AGE = Input("age", (BIRTH,), "a", "age")
_MALE = Input("male", (MALE, FEMALE), "1", of_code={MALE: 1.0, FEMALE: 0.0})


@dataclass(frozen=True, slots=True)
class Cases:
    """What a learner is trained or validated on.

    Parameters
    ----------
    features : Features of shape (n, p)
        The card's inputs at each patient's moment of asking.
    y : int8 array of shape (n,)
        The truth, 0 or 1; in a question about time how follow-up ended, as in `Cohort`.
    subjects : int64 array of shape (n,)
        Patient of each row; where the proof names a code of the person, who that is.
    groups : mapping of str to object array of shape (n,)
        Names of the subgroup each patient is in, by kind (`site`, `part`, `sex`, `age`); `unknown` where the record does not say.
    excluded : mapping of str to int
        Patients left out, by reason.
    period : str
        First and last moment of asking.
    fingerprint : str
        sha256 over features, truth and patients.
    comparators : mapping of str to float64 array of shape (n, 2)
        Least and greatest points of the card's comparators; NaN where fewer of the score's items are known than it needs.
    years : float64 array of shape (n,), optional
        In a question about time, how long each was followed.
    horizon, competing : float, str
        In a question about time, the years by which the event is asked about, and the code of what competes with it.
    """

    features: Features
    y: NDArray[np.int8]
    subjects: NDArray[np.int64]
    groups: Mapping[str, NDArray[np.object_]]
    excluded: Mapping[str, int]
    period: str
    fingerprint: str
    comparators: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    years: NDArray[np.float64] | None = None
    horizon: float = 0.0
    competing: str = ""

    @property
    def truth(self) -> Truth:
        """What became of the patients."""
        return Truth(self.y, self.years, self.horizon, self.competing, self.subjects)


def cases(card: Card, events: pa.Table) -> Cases:
    """Find the patients whose question was asked and answered, and compute their features.

    Raises
    ------
    InputError
        When nobody, or nobody of one kind, has an answer.
    """
    found = cohort(events, card.question)
    y = np.asarray(found.labels, dtype=np.int8)
    if not 0 < (y == 1).sum() < len(y):
        raise InputError(
            "The record does not hold patients with and without the condition",
            where=f"the question of {card.name}",
            found=f"{int((y == 1).sum())} of {len(y)} positive, left out: {dict(found.excluded)}",
            do=f"check that the record carries {card.question.trigger} and {card.question.label}",
        )
    matrix = sight(card, events, found.rows)
    who = features(events, (_AGE, _MALE), found.rows)
    subjects = np.array([subject for subject, _ in found.rows], dtype=np.int64)
    groups = {
        "sex": np.array(["unknown" if np.isnan(m) else ("men" if m else "women") for m in who.X[:, 1]], dtype=object),
        "age": np.array([band(a) for a in who.X[:, 0]], dtype=object),
    }
    for kind, code in (("site", card.proof.site), ("part", card.proof.by)):
        if code:
            groups[kind] = _said(events, code, subjects)
    if card.proof.person:
        persons = _said(events, card.proof.person, subjects).tolist()
        alone = zip(persons, subjects.tolist(), strict=True)
        subjects = np.array([own if person == "unknown" else subject_id(str(person)) for person, own in alone], dtype=np.int64)
    scores = {name: _scored(name, events, found.rows) for name in card.comparators}
    years = None if found.days is None else found.days / YEAR
    mark = _fingerprint(subjects, matrix.X, y, *([] if years is None else [years]))
    horizon = 0.0 if years is None else card.question.target[1] / timedelta(days=YEAR)
    period = _period(found.rows)
    return Cases(matrix, y, subjects, groups, found.excluded, period, mark, scores, years, horizon, card.question.competing)


def some(found: Cases, rows: NDArray[np.intp]) -> Cases:
    """The cases at some positions, as if there had never been others."""
    matrix, positions = found.features, rows.tolist()
    part = Features(
        np.ascontiguousarray(matrix.X[rows]),
        matrix.names,
        matrix.units,
        tuple(matrix.rows[position] for position in positions),
        matrix.observed[rows],
    )
    y, subjects = found.y[rows], found.subjects[rows]
    groups = {kind: labels[rows] for kind, labels in found.groups.items()}
    scores = {name: both[rows] for name, both in found.comparators.items()}
    years = None if found.years is None else found.years[rows]
    mark = _fingerprint(subjects, part.X, y, *([] if years is None else [years]))
    return Cases(part, y, subjects, groups, {}, _period(part.rows), mark, scores, years, found.horizon, found.competing)


def answered(found: Cases) -> tuple[Cases, NDArray[np.intp]]:
    """The cases whose answer is known, as yes or no, and their positions: in a question about time, those known at the horizon.

    Those not followed so long are counted among the excluded. Without them, and without the weights that stand for them, shares are
    of the patients shown alone: where many were not followed, they hold too many events.
    """
    rows = np.arange(len(found.y))
    if found.years is None:
        return found, rows
    answer, weight = found.truth.answer
    assert weight is not None
    rows = np.flatnonzero(weight > 0)
    known = some(replace(found, y=answer), rows)
    excluded = {**found.excluded, NOT_SO_LONG: len(answer) - len(rows)}
    return replace(known, years=None, horizon=0.0, competing="", period=found.period, excluded=excluded), rows


def yes_or_no(found: Cases, act: str) -> Cases:
    """The cases themselves, of a question that is answered yes or no.

    Raises
    ------
    CardError
        When the question is about time, which the act does not know how to ask.
    """
    if found.years is not None:
        raise CardError(f"A question about time cannot be used to {act}", do="use a question that is answered yes or no")
    return found


def _scored(name: str, events: pa.Table, rows: Sequence[tuple[int, datetime]]) -> NDArray[np.float64]:
    score = shelf().scores[name]
    counted = tally(score, events, rows)
    both = np.column_stack([counted.least.sum(axis=1), counted.greatest.sum(axis=1)])
    both[counted.known < score.known] = np.nan
    return both


def _period(rows: Sequence[tuple[int, datetime]]) -> str:
    moments = [moment for _, moment in rows]
    return f"{min(moments):%Y-%m-%d} to {max(moments):%Y-%m-%d}"


def _fingerprint(*parts: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def bedside_groups(groups: Mapping[str, NDArray[np.object_]]) -> dict[str, NDArray[np.object_]]:
    """Those groups that are known of a patient at the bedside, whatever the hospital: sex and age."""
    return {kind: groups[kind] for kind in ("sex", "age") if kind in groups}


def groups_of(years: float, sex: str) -> dict[str, str]:
    """The groups of one patient by kind, of completed years and `F` or `M`, named as in `Cases.groups`.

    Examples
    --------
    >>> groups_of(63, "F")
    {'sex': 'women', 'age': '60-69'}
    """
    return {"sex": {"F": "women", "M": "men"}.get(sex, "unknown"), "age": band(years)}


def band(years: float) -> str:
    """The age group of completed years, `unknown` for NaN."""
    if np.isnan(years):
        return "unknown"
    at = int(np.searchsorted(AGE_BANDS, years, side="right"))
    return f"{AGE_BANDS[at - 1]}-{AGE_BANDS[at] - 1}"


def _said(events: pa.Table, code: str, subjects: NDArray[np.int64]) -> NDArray[np.object_]:
    rows = events.filter(pc.equal(events["code"], code))
    where = dict(zip(rows["subject_id"].to_pylist(), rows["text_value"].to_pylist(), strict=True))
    return np.array([where.get(int(s)) or "unknown" for s in subjects], dtype=object)
