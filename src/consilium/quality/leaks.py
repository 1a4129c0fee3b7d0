"""Leaks: find the ways in which the future, or the answer, has reached what a model is asked with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.card import Card
from consilium.core.errors import CardError
from consilium.core.features import Features
from consilium.quality.leak_between import between
from consilium.quality.leak_clock import clock
from consilium.quality.leak_cohort import cohort_findings
from consilium.quality.leak_encoding import encoding
from consilium.quality.leak_future import future
from consilium.quality.leak_label import label
from consilium.quality.leak_range import ranges
from consilium.quality.leak_report import Finding, LeakReport, Said, said
from consilium.quality.leak_sample import MOST, MOST_ROWS, HasEvents, looked_at, of_share, sample
from consilium.quality.leak_split import split_findings
from consilium.quality.leak_study import Study, prepare, within
from consilium.quality.leak_zone import zone
from consilium.record import Cohort, Fold, Record, View, cohort
from consilium.record.cohort import EVENT

_OF_ROWS = (clock, zone, cohort_findings, encoding, split_findings, between)
_OF_PEOPLE = (label, ranges, future)


class HasCases(Protocol):
    """Patients with a known answer, as a learner gets them."""

    @property
    def features(self) -> Features:
        """The numbers, and who was asked when."""

    @property
    def y(self) -> NDArray[np.int8]:
        """The truth of each row."""


def check_time(
    record_or_events: HasEvents | pa.Table,
    card: Card | None,
    asked: Cohort | tuple[Sequence[tuple[int, datetime]], Sequence[int] | NDArray[Any]] | None = None,
    splits: Fold | Sequence[Fold] | None = None,
    *,
    matrix: Features | None = None,
    descriptions: Mapping[str, str] | None = None,
    patients: Mapping[int, str] | None = None,
) -> LeakReport:
    """Look for leaks of time in a study.

    Parameters
    ----------
    record_or_events : record, view, or pyarrow.Table in `SCHEMA` columns
    card : Card or None
        The question and the inputs; None looks at the clock of every code, and at nothing else.
    asked : Cohort, or (rows, labels), optional
        Who was asked when, and the truth; by default what the card's question finds in the events.
    splits : Fold or sequence of Fold, optional
        Positions in the rows that are learned from and proven on.
    matrix : Features, optional
        A feature table made elsewhere, of the same rows; it is looked at in place of the card's own inputs.
    descriptions : mapping of str to str, optional
        What codes are called; a record brings its own.
    patients : mapping of int to str, optional
        The sender's identifier of each subject; a record brings its own.

    Returns
    -------
    LeakReport
        The order of events changes nothing in it.

    Raises
    ------
    LawError
        When columns are missing, or labels or matrix do not fit the rows.

    Examples
    --------
    >>> from consilium.core.events import table
    >>> day = datetime(2026, 1, 3)
    >>> event = {"subject_id": 1, "time": day, "available": None, "code": "LOINC//2524-7", "numeric_value": 2.5, "unit": "mmol/L"}
    >>> [finding.kind for finding in check_time(table([event]), None).findings]
    ['no_availability']
    """
    events, share = sample(record_or_events)
    if isinstance(record_or_events, Record | View):
        record = record_or_events if isinstance(record_or_events, Record) else record_or_events.record
        descriptions = descriptions or record.descriptions()
        patients = patients or {subject: name for name, subject in record.patients()}
    folds = () if splits is None else (splits,) if isinstance(splits, Fold) else tuple(splits)
    notes: list[Said] = []
    rows, labels = _asked(events, card, asked, notes)
    of_rows = np.array([s for s, _ in rows], dtype=np.int64)
    of_all = share if asked is None else 1.0  # the share of the subjects whose rows these are
    if len(rows) * share > MOST_ROWS * of_all:
        share = of_all * MOST_ROWS / len(rows)
        events = of_share(events, share)
    if share < 1:
        notes.append(said("looked_at", share=share, events=MOST, rows=MOST_ROWS))
        kept = np.flatnonzero(looked_at(of_rows, share))
        rows, labels = tuple(rows[i] for i in kept), labels[kept] if len(labels) else labels
        folds = tuple(within(fold, kept) for fold in folds)
        matrix = None if matrix is None else _rows_of(matrix, kept)
    lost = len({s for s, _ in rows} - set(pc.unique(events["subject_id"]).to_pylist())) if asked is not None else 0
    if lost:
        notes.append(said("no_events", n=lost))
    study = prepare(events, card, rows, labels, folds, matrix, descriptions or {}, patients or {})
    return _report(study, notes)


def leak_reasons(
    card: Card,
    events: pa.Table | Iterable[pa.Table],
    cases: HasCases,
    splits: Fold | Sequence[Fold] | None = None,
    descriptions: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Why a model should not be trained on or proven by these cases; empty when no leak is found.

    Parameters
    ----------
    card : Card
    events : pyarrow.Table, or several, in `SCHEMA` columns
        The events the cases were found in.
    cases : Cases
        As `specialists.cases` gives them; their features are the card's inputs.
    splits, descriptions
        As in `check_time`.
    """
    whole = events if isinstance(events, pa.Table) else pa.concat_tables(list(events))
    report = check_time(whole, card, (cases.features.rows, np.asarray(cases.y) == EVENT), splits, descriptions=descriptions)
    return tuple(f"{f.kind} in {f.where}: {f.detail}. {f.do()}" for f in report.findings)


def _rows_of(matrix: Features, kept: NDArray[np.intp]) -> Features:
    times = None if matrix.times is None else matrix.times[kept]
    rows = tuple(matrix.rows[i] for i in kept)
    return Features(matrix.X[kept], matrix.names, matrix.units, rows, matrix.observed[kept], times)


def _asked(events: pa.Table, card: Card | None, asked: Any, notes: list[Said]) -> tuple[tuple[tuple[int, datetime], ...], NDArray[np.int8]]:
    if asked is None:
        if card is None:
            return (), np.zeros(0, dtype=np.int8)
        try:
            asked = cohort(events, card.question)
        except CardError as error:
            notes.append(said("nobody", error=error))
            return (), np.zeros(0, dtype=np.int8)
    if isinstance(asked, Cohort):
        asked = asked.rows, asked.labels if asked.days is None else asked.labels == EVENT
    rows, labels = asked
    return tuple((int(s), at) for s, at in rows), np.asarray(labels, dtype=np.int8)


def _report(study: Study, notes: list[Said]) -> LeakReport:
    found: dict[tuple[str, str], Finding] = {}
    for check, looked in (*((c, study) for c in _OF_ROWS), *((c, study.people) for c in _OF_PEOPLE)):
        for finding in check(looked):
            found.setdefault((finding.kind, finding.where), finding)
    if study.assumed:
        notes.append(said("one_date"))
    elif study.relative:
        notes.append(said("one_beginning"))
    if study.card is not None and not len(study.rows):
        notes.append(said("nobody_asked"))
    y = study.people.y
    if len(y) and min(int(y.sum()), int((y == 0).sum())) < 10:
        notes.append(said("too_few"))
    if study.card is not None and not study.folds:
        notes.append(said("no_split"))
    notes += [said("unread", error=text) for text in study.unread]
    ordered = tuple(sorted(found.values(), key=lambda f: (f.kind, f.where)))
    return LeakReport(ordered, tuple(notes), study.frame.height, len(study.rows))
