"""Cases: patients with a known answer, as numbers, from any record, by the same features as at the bedside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.card import Card, Input
from consilium.core.code import BIRTH, FEMALE, MALE
from consilium.core.errors import InputError
from consilium.core.features import Features
from consilium.knowledge import shelf
from consilium.record import cohort, features, subject_id
from consilium.specialists.bedside import tally
from consilium.specialists.sight import sight

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
        The truth, 0 or 1.
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
    """

    features: Features
    y: NDArray[np.int8]
    subjects: NDArray[np.int64]
    groups: Mapping[str, NDArray[np.object_]]
    excluded: Mapping[str, int]
    period: str
    fingerprint: str
    comparators: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def cases(card: Card, events: pa.Table) -> Cases:
    """Find the patients whose question was asked and answered, and compute their features.

    Raises
    ------
    InputError
        When nobody, or nobody of one kind, has an answer.
    """
    found = cohort(events, card.question)
    y = np.asarray(found.labels, dtype=np.int8)
    if not 0 < y.sum() < len(y):
        raise InputError(
            "The record does not hold patients with and without the condition",
            where=f"the question of {card.name}",
            found=f"{int(y.sum())} of {len(y)} positive, left out: {dict(found.excluded)}",
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
    return Cases(matrix, y, subjects, groups, found.excluded, _period(found.rows), _fingerprint(subjects, matrix.X, y), scores)


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
    return Cases(part, y, subjects, groups, {}, _period(part.rows), _fingerprint(subjects, part.X, y), scores)


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
