"""Questions with predicates, criteria and target windows that events open and close."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.errors import CardError
from consilium.core.question import EVER, FOREVER, Criterion, Joined, Predicate, Question
from consilium.record import cohort
from consilium.record.cohort import CENSORED, NO_AGE, NO_MOMENT, NOT_ASKED, OTHER_AGE, together

from .ward import DAY, at, event, events

IN, OUT, DEATH, LAB = "ENCOUNTER//IMP", "ENCOUNTER//END//IMP", "MEDS_DEATH", "LOINC//2524-7"
NAMES = {
    "admission": Predicate((), prefixes=("ENCOUNTER//IMP",)),
    "discharge": Predicate((OUT,)),
    "death": Predicate((DEATH,)),
    "end": Joined(("discharge", "death"), False),
    "high": Predicate((LAB,), low=4.0),
    "said": Predicate((LAB,), columns={"text_value": ("yes",)}),
    "both": Joined(("high", "said"), True),
}
WEEK = timedelta(days=7)
DIES = Question("admission", "death", (timedelta(0), WEEK), predicates=NAMES, followed=False)
NOW = timedelta(0)


def labels(rows: list[dict[str, Any]], question: Question) -> list[tuple[int, datetime, int]]:
    found = cohort(events(rows), question)
    return [(subject, moment, label) for (subject, moment), label in zip(found.rows, found.labels.tolist(), strict=True)]


def excluded(rows: list[dict[str, Any]], question: Question) -> dict[str, int]:
    return dict(cohort(events(rows), question).excluded)


def test_a_predicate_is_positive_when_it_is_met_at_all() -> None:
    rows = [event(1, IN + "//X", 0), event(1, DEATH, 7), event(2, IN, 0), event(2, DEATH, 7.001), event(3, IN, 0)]
    assert labels(rows, DIES) == [(1, at(0), 1), (2, at(0), 0), (3, at(0), 0)]


def test_a_record_that_ends_early_leaves_the_answer_open() -> None:
    rows = [event(1, IN, 0), event(1, LAB, 6, 1.0), event(2, IN, 0), event(2, LAB, 7, 1.0), event(3, IN, 0), event(3, DEATH, 1)]
    followed = replace(DIES, followed=True)
    assert labels(rows, followed) == [(2, at(0), 0), (3, at(0), 1)] and excluded(rows, followed) == {CENSORED: 1}


def test_every_trigger_asks_and_each_moment_once() -> None:
    rows = [event(1, IN, 0), event(1, IN, 0), event(1, IN + "//X", 0), event(1, IN, 3), event(1, DEATH, 9)]
    assert labels(rows, DIES) == [(1, at(0), 0)]
    assert labels(rows, replace(DIES, occurrence="every")) == [(1, at(0), 0), (1, at(3), 1)]


def test_a_delay_moves_the_moment_of_asking_and_the_target_with_it() -> None:
    rows = [event(1, IN, 0, late=0.25), event(1, DEATH, 1.25), event(2, IN, 0), event(2, DEATH, 8)]
    assert labels(rows, replace(DIES, delay=timedelta(days=1))) == [(1, at(1.25), 0), (2, at(1), 1)]


def test_the_target_may_be_counted_from_another_event() -> None:
    back = Question("admission", "admission", (NOW, timedelta(days=30)), predicates=NAMES, after="discharge", followed=False)
    rows = [event(1, IN, 0), event(1, OUT, 40), event(1, IN, 60), event(2, IN, 0), event(2, OUT, 5), event(2, IN, 36), event(3, IN, 0)]
    assert labels(rows, back) == [(1, at(0), 1), (2, at(0), 0)]
    assert excluded(rows, back) == {"no discharge after the moment of asking": 1}


def test_the_target_may_end_with_an_event() -> None:
    stay = Question("admission", "death", (timedelta(days=1), FOREVER), predicates=NAMES, until="end")
    rows = [event(1, IN, 0), event(1, DEATH, 50), event(2, IN, 0), event(2, OUT, 3), event(2, DEATH, 4), event(3, IN, 0), event(3, OUT, 1)]
    assert labels(rows, stay) == [(1, at(0), 1), (2, at(0), 0)]
    assert excluded(rows, stay) == {"no end ends the target window": 1}


def test_criteria_count_what_was_known_and_name_whom_they_leave_out() -> None:
    enough = Criterion("too few results", "high", least=2, window=(timedelta(days=-2), NOW))
    new = Criterion("admitted before", "discharge", least=None, most=0)
    rows = [
        *(event(1, LAB, d, 5.0) for d in (8.5, 9)), event(1, IN, 10), event(1, DEATH, 11),
        event(2, LAB, 8, 5.0), event(2, LAB, 9, 5.0), event(2, IN, 10),
        event(3, LAB, 9, 5.0), event(3, LAB, 9.5, 5.0, late=1), event(3, IN, 10),
        event(4, OUT, 0), *(event(4, LAB, d, 5.0) for d in (9, 9.5)), event(4, IN, 10),
        event(5, LAB, 9, 5.0),
        event(6, IN, None),
    ]  # fmt: skip
    asked = replace(DIES, criteria=(enough, new))
    assert labels(rows, asked) == [(1, at(10), 1)]
    assert excluded(rows, asked) == {"too few results": 2, "admitted before": 1, NOT_ASKED: 1, NO_MOMENT: 1}


def test_a_criterion_about_the_future_counts_what_happened() -> None:
    early = Criterion("dead within the day", "death", least=None, most=0, window=(NOW, timedelta(days=1)))
    rows = [event(1, IN, 0), event(1, DEATH, 1, late=90), event(2, IN, 0), event(2, DEATH, 2, late=90)]
    assert labels(rows, replace(DIES, criteria=(early,))) == [(2, at(0), 1)]


def test_joined_predicates_hold_at_one_moment() -> None:
    both = replace(DIES, trigger="both")
    rows = [
        event(1, LAB, 1, 5.0),
        event(1, LAB, 1, text_value="yes"),
        event(2, LAB, 1, 5.0),
        event(2, LAB, 2, text_value="yes"),
        event(1, DEATH, 2),
    ]
    assert labels(rows, both) == [(1, at(1), 1)] and excluded(rows, both) == {NOT_ASKED: 1}


def test_age_is_in_completed_years_when_asked() -> None:
    birth = {"code": "MEDS_BIRTH", "available": DAY}
    rows = [event(s, IN, 0) for s in (1, 2, 3, 4)]
    for subject, born in ((1, datetime(2008, 1, 1)), (2, datetime(2008, 1, 2)), (3, datetime(1935, 1, 2))):
        rows.append(event(subject, "x") | birth | {"time": born})
    aged = replace(DIES, age=(18.0, 90.0))
    assert labels(rows, aged) == [(1, at(0), 0), (3, at(0), 0)] and excluded(rows, aged) == {OTHER_AGE: 1, NO_AGE: 1}


def test_a_label_that_is_never_positive_is_negative() -> None:
    rows = [event(1, IN, 0), event(1, "L", 1, text_value="no"), event(2, IN, 0), event(2, "L", 1)]
    assert labels(rows, Question(IN, "L", (NOW, WEEK), of_text={"no": 0.0})) == [(1, at(0), 0)]


_KINDS = (IN, OUT, DEATH, LAB)
_rows = st.lists(
    st.builds(
        lambda s, c, h, late, v: event(s, c, h / 4, v if c == LAB else None, late=late / 4),
        st.sampled_from([1, 2]), st.sampled_from(_KINDS), st.integers(0, 24), st.integers(0, 6), st.sampled_from([1.0, 4.0, 5.0]),
    ),
    max_size=14,
)  # fmt: skip
_days = st.integers(1, 16).map(lambda q: timedelta(hours=6 * q))


@st.composite
def _questions(draw: st.DrawFn) -> Question:
    start = draw(st.sampled_from([NOW, timedelta(hours=6)]))
    until = draw(st.sampled_from(["", "", "end"]))
    span = draw(st.sampled_from([(EVER, NOW), (timedelta(days=-2), NOW), (timedelta(days=-1), timedelta(hours=12))]))
    least, most = draw(st.sampled_from([(1, None), (None, 0), (1, 2), (None, 1)]))
    return Question(
        draw(st.sampled_from(["admission", "high", DEATH])),
        draw(st.sampled_from(["death", "end", "high"])),
        (start, FOREVER if until else start + draw(_days)),
        predicates=NAMES,
        occurrence=draw(st.sampled_from(["first", "every"])),
        delay=draw(st.sampled_from([NOW, NOW, timedelta(hours=6)])),
        after=draw(st.sampled_from(["", "", "discharge"])),
        until=until,
        criteria=(Criterion("left out", draw(st.sampled_from(["discharge", "high", LAB])), least, most, span),)
        if draw(st.booleans())
        else (),
        followed=draw(st.booleans()),
    )


def _met(name: str, row: dict[str, Any]) -> bool:
    names = {"admission": IN, "discharge": OUT, "death": DEATH}
    if name == "end":
        return row["code"] in (OUT, DEATH)
    return (row["code"] == LAB and row["numeric_value"] >= 4.0) if name == "high" else row["code"] == names.get(name, name)


def by_hand(rows: list[dict[str, Any]], q: Question) -> list[tuple[int, datetime, int]]:
    found = []
    for subject in (1, 2):
        own = [row for row in rows if row["subject_id"] == subject]
        triggers = sorted({max(row["time"], row["available"]) for row in own if _met(q.trigger, row)})
        for trigger in triggers[:1] if q.occurrence == "first" else triggers:
            asked = trigger + q.delay
            kept = True
            for c in q.criteria:
                past = c.window[1] <= NOW
                when = [max(row["time"], row["available"]) if past else row["time"] for row in own if _met(c.event, row)]
                number = sum(asked + c.window[0] < t <= asked + c.window[1] for t in when)
                kept &= (c.least or 0) <= number and (c.most is None or number <= c.most)
            root = min((row["time"] for row in own if _met(q.after, row) and row["time"] > asked), default=None) if q.after else asked
            if not kept or root is None:
                continue
            start = root + q.target[0]
            if q.until:
                end = min((row["time"] for row in own if _met(q.until, row) and row["time"] > start), default=None)
            else:
                end = root + q.target[1]
            if end is None:
                continue
            positive = any(_met(q.label, row) and start < row["time"] <= end for row in own)
            if positive or not q.followed or max(row["time"] for row in own) >= end:
                found.append((subject, asked, int(positive)))
    return found


@settings(max_examples=300, deadline=None)
@given(_rows, _questions(), st.randoms(use_true_random=False))
def test_a_question_is_answered_as_by_hand_in_any_order(rows: list[dict[str, Any]], question: Question, random: Any) -> None:
    expected = by_hand(rows, question) if rows else []
    assert labels(rows, question) == expected
    mixed = list(rows)
    random.shuffle(mixed)
    assert labels(mixed, question) == expected


@settings(max_examples=60, deadline=None)
@given(_rows, _questions())
def test_everybody_is_accounted_for(rows: list[dict[str, Any]], question: Question) -> None:
    found = cohort(events(rows), replace(question, occurrence="first"))
    assert len(found.rows) + sum(found.excluded.values()) == len({row["subject_id"] for row in rows})


def test_shards_add_up() -> None:
    rows = [event(1, IN, 0), event(1, DEATH, 1), event(2, LAB, 0, 1.0), event(3, IN, 0)]
    whole = cohort(events(rows), DIES)
    parts = [cohort(events([row for row in rows if row["subject_id"] in own]), DIES) for own in ((3,), (1, 2))]
    added = together(parts)
    assert (added.rows, added.labels.tolist(), added.excluded) == (whole.rows, whole.labels.tolist(), whole.excluded)
    assert together([]).rows == ()


def test_codes_may_come_as_a_dictionary() -> None:
    table = events([event(1, IN, 0), event(1, DEATH, 1)])
    coded = table.set_column(2, "code", pa.chunked_array([table["code"].chunk(0).dictionary_encode().slice(n, 1) for n in (0, 1)]))
    assert cohort(coded, DIES).labels.tolist() == [1]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"occurrence": "last"}, "unknown occurrence"),
        ({"delay": timedelta(-1)}, "before its trigger"),
        ({"until": "end"}, "no other end"),
        ({"label": "end", "positive_from": 1.0}, "one event"),
        ({"label": DEATH}, "what a positive label is"),
        ({"predicates": {**NAMES, "end": Joined(("discharge", "gone"), True)}}, "not defined"),
        ({"criteria": (Criterion("r", LAB), Criterion("r", LAB))}, "share a reason"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(CardError, match=why):
        cohort(events([event(1, IN, 0)]), replace(DIES, **change))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Criterion("", LAB), "a reason"),
        (lambda: Criterion("r", LAB, None, None), "limits nothing"),
        (lambda: Criterion("r", LAB, 2, 1), "cannot be met"),
        (lambda: Criterion("r", LAB, window=(NOW, NOW)), "ends after it starts"),
        (lambda: Joined(("a",), True), "Two predicates"),
        (lambda: Predicate(()), "needs a code"),
        (lambda: Predicate(("a",), columns={"text_value": ()}), "no value"),
    ],
)
def test_criteria_and_predicates_hold_their_laws(make: Any, why: str) -> None:
    with pytest.raises(CardError, match=why):
        make()
