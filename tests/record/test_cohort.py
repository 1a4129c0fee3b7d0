"""Cohort: when a question is asked, where its truth is looked for, and why somebody is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from consilium.core.card import Question
from consilium.core.errors import CardError, LawError
from consilium.record import Cohort, cohort
from consilium.record.cohort import NO_LABEL, NO_MOMENT, NOT_ASKED, UNLISTED

from .ward import at, event, events

ADMITTED, SEPSIS, LACTATE = "ENCOUNTER//IMP", "CONSILIUM//sepsis", "LOINC//2524-7"
YES, NO = "SNOMED//373066001", "SNOMED//373067005"
CODED = Question(ADMITTED, SEPSIS, (timedelta(days=1), timedelta(days=3)), of_text={YES: 1.0, NO: 0.0})
NUMBER = Question(ADMITTED, LACTATE, (timedelta(0), timedelta(days=3)), positive_from=4.0)


def ask(rows: list[dict[str, Any]], question: Question = CODED) -> Cohort:
    return cohort(events(rows), question)


def label(days: float | None, answer: str | None, **more: Any) -> dict[str, Any]:
    return event(1, SEPSIS, days, text_value=answer, **more)


def test_the_first_trigger_asks_when_it_is_known() -> None:
    rows = [event(1, ADMITTED, 0, late=2), event(1, ADMITTED, 1), event(1, ADMITTED, 5), label(3, YES)]
    assert ask(rows).rows == ((1, at(1)),)
    assert ask([event(1, ADMITTED, 0, late=0.5), label(2, YES)]).rows == ((1, at(0.5)),)


@pytest.mark.parametrize(("days", "counts"), [(1, False), (1.0001, True), (3, True), (3.0001, False), (None, False)])
def test_the_start_of_the_window_is_outside_and_its_end_inside(days: float | None, counts: bool) -> None:
    found = ask([event(1, ADMITTED, 0), label(days, YES)])
    assert len(found.rows) == counts
    assert found.excluded == ({} if counts else {NO_LABEL: 1})


def test_truth_is_looked_for_by_when_it_happened_not_by_when_it_was_known() -> None:
    assert ask([event(1, ADMITTED, 0), label(2, YES, late=100)]).labels.tolist() == [1]


def test_several_labels_are_positive_when_any_is() -> None:
    assert ask([event(1, ADMITTED, 0), label(1.5, NO), label(2, YES), label(2.5, NO)]).labels.tolist() == [1]
    assert ask([event(1, ADMITTED, 0), label(1.5, NO), label(2, NO), label(9, YES)]).labels.tolist() == [0]
    assert ask([event(1, ADMITTED, 0), label(1.5, NO), label(2, "SNOMED//1")]).labels.tolist() == [0]


def test_a_number_is_positive_from_the_threshold_on() -> None:
    def told(value: float | None) -> list[int]:
        return ask([event(1, ADMITTED, 0), event(1, LACTATE, 1, value)], NUMBER).labels.tolist()

    assert (told(4.0), told(3.9999), told(4.1), told(None)) == ([1], [0], [1], [])
    tenth = replace(NUMBER, positive_from=0.1)
    assert ask([event(1, ADMITTED, 0), event(1, LACTATE, 1, 0.1)], tenth).labels.tolist() == [1]


def test_everybody_is_in_or_left_out_for_a_reason() -> None:
    rows = [
        event(1, ADMITTED, 0),
        label(2, YES),
        event(2, "GENDER//F", None),
        event(3, ADMITTED, None),
        event(4, ADMITTED, 0),
        event(5, ADMITTED, 0),
        event(5, SEPSIS, 2, text_value="SNOMED//1"),
        event(6, ADMITTED, 0, available=None),
    ]
    found = ask(rows)
    assert found.rows == ((1, at(0)),)
    assert found.excluded == {NOT_ASKED: 1, NO_MOMENT: 2, NO_LABEL: 1, UNLISTED: 1}
    assert found.labels.dtype == "int8"


def test_no_events_are_nobody() -> None:
    assert ask([]).rows == () and ask([]).excluded == {}


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (replace(CODED, of_text={}), "what a positive label is"),
        (replace(CODED, positive_from=1.0), "what a positive label is"),
        (replace(CODED, of_text={YES: 2.0}), "0 or 1"),
        (replace(CODED, target=(timedelta(days=-1), timedelta(days=1))), "after the moment of asking"),
        (replace(CODED, target=(timedelta(days=1), timedelta(days=1))), "after the moment of asking"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(question: Question, why: str) -> None:
    with pytest.raises(CardError, match=why):
        ask([event(1, ADMITTED, 0)], question)


def test_other_columns_are_refused() -> None:
    with pytest.raises(LawError, match="lack columns"):
        cohort(events([]).drop_columns(["available"]), CODED)
