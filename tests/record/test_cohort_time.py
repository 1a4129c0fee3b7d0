"""A question about time: how long each was followed, and how that ended."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from consilium.core.errors import CardError
from consilium.core.events import table
from consilium.core.question import Predicate, Question
from consilium.record import cohort
from consilium.record.cohort import COMPETING, EVENT, LOST, NOT_FOLLOWED, together

START = datetime(2020, 1, 1)
HORIZON = timedelta(days=1826)


def chart(subject, *happened):
    """A surgery at the start, and codes some days after it."""
    rows = [("SURGERY", 0), *happened]
    return [
        {"subject_id": subject, "code": code, "time": START + timedelta(days=day), "available": START + timedelta(days=day)}
        for code, day in rows
    ]


def asked(**more):
    return Question("SURGERY", "RELAPSE", (timedelta(0), HORIZON), censor="VISIT", **more)


def test_the_event_the_rival_and_the_last_visit():
    events = table(
        [
            *chart(1, ("VISIT", 10), ("RELAPSE", 100), ("RELAPSE", 200), ("VISIT", 300)),
            *chart(2, ("VISIT", 10), ("VISIT", 400)),
            *chart(3, ("DEATH", 50), ("VISIT", 40)),
            *chart(4, ("RELAPSE", 5000)),
            *chart(5, ("LAB", 3)),
            *chart(6, ("RELAPSE", 70), ("DEATH", 70)),
            *chart(7, ("RELAPSE", -5), ("VISIT", 90)),
        ]
    )
    found = cohort(events, asked(competing="DEATH"))
    assert [subject for subject, _ in found.rows] == [1, 2, 3, 4, 6, 7]
    assert found.labels.tolist() == [EVENT, LOST, COMPETING, EVENT, EVENT, LOST]
    assert found.days.tolist() == [100, 400, 50, 5000, 70, 90]
    assert found.excluded == {NOT_FOLLOWED: 1}
    alone = cohort(events, asked())
    assert alone.labels.tolist() == [EVENT, LOST, LOST, EVENT, EVENT, LOST] and alone.days.tolist() == [100, 400, 40, 5000, 70, 90]


def test_the_end_of_the_record_may_end_follow_up():
    events = table([*chart(1, ("LAB", 30)), *chart(2, ("LAB", 30), ("RELAPSE", 20))])
    found = cohort(events, Question("SURGERY", "RELAPSE", (timedelta(0), HORIZON), censor="_RECORD_END"))
    assert (found.labels.tolist(), found.days.tolist()) == ([LOST, EVENT], [30, 20])


def test_shards_and_order_change_nothing_and_what_comes_later_moves_no_moment_of_asking():
    rows = [chart(1, ("RELAPSE", 100)), chart(2, ("VISIT", 400)), chart(3, ("VISIT", 7), ("DEATH", 9))]
    question = asked(competing="died", predicates={"died": Predicate(codes=("DEATH",))})
    whole = cohort(table([row for one in rows for row in one][::-1]), question)
    parts = together(cohort(table(one), question) for one in rows)
    assert whole.rows == parts.rows and all(at == START for _, at in whole.rows)
    np.testing.assert_array_equal(whole.labels, parts.labels)
    np.testing.assert_array_equal(whole.days, parts.days)


@pytest.mark.parametrize(
    "broken",
    [
        {"censor": "VISIT", "positive_from": 1.0},
        {"censor": "VISIT", "of_text": {"x": 1.0}},
        {"censor": "VISIT", "after": "DISCHARGE"},
        {"competing": "DEATH"},
    ],
)
def test_what_a_question_about_time_cannot_say(broken):
    with pytest.raises(CardError):
        Question("SURGERY", "RELAPSE", (timedelta(0), HORIZON), **broken)
