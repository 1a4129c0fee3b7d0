"""A question is raised at the bedside by the same trigger and criteria that found its cohort."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.question import EVER, Criterion, Question
from consilium.record import cohort, raised
from consilium.record.raised import NOT_TRIGGERED
from consilium.record.task import ANY_EVENT, RECORD_START
from consilium.record.timeline import timeline

from .test_cohort_grown import DIES, IN, LAB, NOW, OUT, _met, _questions, _rows
from .ward import at, event, events


def by_hand(rows: list[dict[str, Any]], q: Question, subject: int, moment: datetime) -> str:
    own = [row for row in rows if row["subject_id"] == subject]
    if not any(_met(q.trigger, row) and max(row["time"], row["available"]) + q.delay <= moment for row in own):
        return NOT_TRIGGERED
    for c in q.criteria:
        if c.window[1] <= NOW:
            when = [max(row["time"], row["available"]) for row in own if _met(c.event, row)]
            number = sum(moment + c.window[0] < t <= moment + c.window[1] for t in when)
            if number < (c.least or 0) or (c.most is not None and number > c.most):
                return c.reason
    return ""


@settings(max_examples=200, deadline=None)
@given(_rows, _questions(), st.lists(st.tuples(st.sampled_from([1, 2, 9]), st.integers(-4, 40)), min_size=1, max_size=6))
def test_it_is_raised_as_by_hand(rows: list[dict[str, Any]], question: Question, asked: list[tuple[int, int]]) -> None:
    moments = [(subject, at(quarter / 4)) for subject, quarter in asked]
    assert raised(events(rows), question, moments).tolist() == [by_hand(rows, question, *moment) for moment in moments]


@settings(max_examples=200, deadline=None)
@given(_rows, _questions())
def test_at_every_row_of_the_cohort_it_is_raised_and_what_comes_later_changes_nothing(
    rows: list[dict[str, Any]], question: Question
) -> None:
    for subject, moment in cohort(events(rows), question).rows:
        known = [row for row in rows if row["subject_id"] == subject and max(row["time"], row["available"]) <= moment]
        assert raised(events(rows), question, [(subject, moment)]).tolist() == [""]
        assert raised(events(known), question, [(subject, moment)]).tolist() == [""]


def test_an_undated_trigger_is_always_known() -> None:
    table = events([event(1, IN, None), event(2, LAB, 0, 1.0)])
    assert raised(table, DIES, [(1, at(0)), (2, at(0))]).tolist() == ["", NOT_TRIGGERED]


@pytest.mark.parametrize("name", [ANY_EVENT, RECORD_START])
def test_special_triggers(name: str) -> None:
    table = events([event(1, LAB, 2, 1.0)])
    assert raised(table, replace(DIES, trigger=name), [(1, at(1)), (1, at(2))]).tolist() == [NOT_TRIGGERED, ""]


def test_the_first_criterion_that_fails_is_named() -> None:
    none = Criterion("left before", "discharge", None, 0, (EVER, NOW))
    lately = Criterion("a lactate in two days", LAB, 1, None, (timedelta(days=-2), NOW))
    question = replace(DIES, criteria=(none, lately))
    table = events([event(1, IN, 0), event(1, LAB, 0, 1.0), event(1, OUT, 3)])
    assert raised(table, question, [(1, at(1)), (1, at(2.5)), (1, at(3))]).tolist() == ["", "a lactate in two days", "left before"]


def test_an_undated_fact_is_in_the_whole_past_and_in_no_shorter_window() -> None:
    table = events([event(1, IN, 0), event(1, "icu", None), event(2, IN, 0), event(3, IN, 0), event(3, "icu", 2)])
    ever = replace(DIES, criteria=(Criterion("no intensive care", "icu"),))
    lately = replace(DIES, criteria=(Criterion("no intensive care", "icu", window=(timedelta(days=-9), NOW)),))
    never = replace(DIES, criteria=(Criterion("intensive care", "icu", None, 0),))
    moments = [(1, at(1)), (2, at(1)), (3, at(1)), (3, at(2))]
    none = "no intensive care"
    assert raised(table, ever, moments).tolist() == ["", none, none, ""]
    assert raised(table, lately, moments).tolist() == [none, none, none, ""]
    assert raised(table, never, moments).tolist() == ["intensive care", "", "", "intensive care"]
    assert [subject for subject, _ in cohort(table, ever).rows] == [1]


def test_subjects_whose_records_do_not_fit_one_axis_are_done_in_parts() -> None:
    rows = [row for s in range(100) for row in (event(s, IN, float(s)), event(s, LAB, -700_000, 1.0))]
    assert not timeline(events(rows), True).fits
    moments = [(s, at(s - (s % 3 == 0))) for s in range(100)]
    assert raised(events(rows), DIES, moments).tolist() == [NOT_TRIGGERED if s % 3 == 0 else "" for s in range(100)]


def test_nobody_is_asked_of_nothing() -> None:
    assert raised(events([]), DIES, [(1, at(0))]).tolist() == [NOT_TRIGGERED]
    assert raised(events([event(1, IN, 0)]), DIES, []).tolist() == []
