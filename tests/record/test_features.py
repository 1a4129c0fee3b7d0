"""Features: every take, against a slow reading of the same rules, and units, ties, windows and trace one by one."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.card import Input
from consilium.core.errors import CardError, LawError, TimeError, UnitError
from consilium.core.events import table
from consilium.core.patient import completed_years
from consilium.record import features

from .charts import INPUTS, asked, charts
from .ward import DAY, at, event, events

LAB = "LOINC//2524-7"
LONG_AGO = datetime.min


def one(rows: list[dict[str, Any]], made: Input, as_of: datetime, **more: Any) -> float:
    return float(features(events(rows), [made], [(1, as_of)], **more).X[0, 0])


def lab(take: str = "last", window: timedelta | None = None, unit: str = "mmol/L") -> Input:
    return Input("lactate", (LAB,), unit, take, window)


def slowly(rows: list[dict[str, Any]], i: Input, subject: int, as_of: datetime) -> float:
    """The rules of `features`, written as they are said."""
    own = [r for r in rows if r["subject_id"] == subject]
    known = [r for r in own if (r["time"] is None or r["time"] <= as_of) and (r["available"] or LONG_AGO) <= as_of]
    if i.take == "age":
        births = [(r["available"], r["time"]) for r in known if r["code"] in i.codes and r["time"] is not None]
        return completed_years(max(births)[1], as_of) if births else math.nan
    inside = [r for r in known if i.window is None or (r["time"] is not None and r["time"] > as_of - i.window)]
    said: list[tuple[float, dict[str, Any]]] = []
    for r in inside:
        if r["code"] not in i.codes:
            continue
        if i.of_code:
            said.append((i.of_code[r["code"]], r))
        elif i.of_text:
            if r.get("text_value") is not None:
                said.append((i.of_text.get(r["text_value"], math.nan), r))
        elif i.take == "count":
            said.append((0.0, r))
        elif r.get("numeric_value") is not None:
            said.append((float(np.float32(r["numeric_value"])), r))
    if i.take == "count":
        return sum(not math.isnan(v) for v, _ in said) if known else math.nan
    if i.take in ("last", "first"):
        order = sorted(said, key=lambda e: (e[1]["time"] or LONG_AGO, e[1]["available"] or LONG_AGO, math.isnan(e[0]), e[0]))
        return order[-1 if i.take == "last" else 0][0] if order else math.nan
    values = [v for v, _ in said if not math.isnan(v)]
    if not values:
        return math.nan
    return {"max": max, "min": min, "mean": lambda v: sum(sorted(v)) / len(v)}[i.take](values)


@settings(max_examples=150, deadline=None)
@given(charts, asked)
def test_features_are_what_the_rules_say(rows: list[dict[str, Any]], about: list[tuple[int, datetime]]) -> None:
    seen = features(events(rows), INPUTS, about)
    for r, (subject, as_of) in enumerate(about):
        for c, i in enumerate(INPUTS):
            expected = np.float32(slowly(rows, i, subject, as_of))
            np.testing.assert_allclose(
                seen.X[r, c], expected, rtol=1e-6, atol=1e-9 if i.take != "mean" else 1e24, err_msg=f"{i.name} of {subject}"
            )
            assert seen.observed[r, c] == np.isfinite(expected)


def test_the_far_end_of_a_window_is_outside_and_the_moment_inside() -> None:
    rows = [event(1, LAB, 0, 7.0), event(1, LAB, 1, 1.0), event(1, LAB, 2, 2.0)]
    day = lab("max", timedelta(days=2))
    assert one(rows, day, at(2)) == 2.0
    assert one(rows, day, at(2) - timedelta(microseconds=1)) == 7.0


def test_a_planned_event_is_not_used_before_it_happens() -> None:
    rows = [event(1, LAB, 5, 3.0, available=at(0))]
    assert math.isnan(one(rows, lab(), at(4)))
    assert one(rows, lab(), at(5)) == 3.0


def test_a_dated_event_without_availability_is_never_used() -> None:
    assert math.isnan(one([event(1, LAB, 0, 3.0, available=None)], lab(), at(4)))


def test_at_one_time_the_later_known_stands_then_the_greater() -> None:
    rows = [event(1, LAB, 0, 9.0), event(1, LAB, 0, 1.0, late=1), event(1, LAB, 0, 2.0, late=1)]
    for order in (rows, rows[::-1]):
        assert one(order, lab(), at(3)) == 2.0
        assert one(order, lab(), at(0)) == 9.0
        assert one(order, lab("first"), at(3)) == 9.0


def test_a_mean_and_a_zero_do_not_depend_on_the_order_of_rows() -> None:
    huge = [event(1, LAB, 0, v) for v in (1e30, 1.0, -1e30)]
    assert len({one(list(order), lab("mean"), at(1)) for order in permutations(huge)}) == 1
    zeros = [event(1, LAB, 0, v) for v in (0.0, -0.0)]
    assert {math.copysign(1, one(order, lab(take), at(1))) for order in (zeros, zeros[::-1]) for take in ("last", "max", "min")} == {1.0}


def test_a_value_without_a_number_does_not_hide_an_older_one() -> None:
    rows = [event(1, LAB, 0, 3.0), event(1, LAB, 1, None, text_value="haemolysed")]
    assert one(rows, lab(), at(3)) == 3.0
    assert one(rows, lab("count"), at(3)) == 2.0


def test_an_answer_that_is_not_listed_hides_an_older_one() -> None:
    pain = Input("pain", ("CONSILIUM//pain",), "1", of_text={"SNOMED//1": 1.0})
    rows = [event(1, "CONSILIUM//pain", 0, text_value="SNOMED//1"), event(1, "CONSILIUM//pain", 1, text_value="SNOMED//2")]
    seen = features(events(rows), [pain], [(1, at(0)), (1, at(1))], trace=True)
    assert seen.observed[:, 0].tolist() == [True, False]
    assert seen.event_ids is not None and seen.event_ids[:, 0].tolist() == ["CONSILIUM//pain/0", None]


def test_no_event_is_an_observed_zero_only_of_somebody_known() -> None:
    count = lab("count", timedelta(days=1))
    rows = events([event(1, LAB, 0, 3.0), event(2, "GENDER//F", 8)])
    seen = features(rows, [count, lab("max")], [(1, at(5)), (2, at(5)), (2, at(8)), (3, at(5))])
    np.testing.assert_array_equal(seen.X, np.array([[0, 3], [np.nan, np.nan], [0, np.nan], [np.nan, np.nan]], dtype=np.float32))


@pytest.mark.parametrize(
    ("born", "as_of", "years"),
    [
        ("1964-02-29", "2024-02-28", 59),
        ("1964-02-29", "2024-02-29", 60),
        ("1964-02-29", "2025-02-28", 60),
        ("1964-02-29", "2025-03-01", 61),
    ],
)
def test_age_is_in_completed_calendar_years(born: str, as_of: str, years: int) -> None:
    rows = [event(1, "MEDS_BIRTH", time=datetime.fromisoformat(born), available=datetime.fromisoformat(born))]
    assert one(rows, Input("age", ("MEDS_BIRTH",), "a", "age", timedelta(days=1)), datetime.fromisoformat(as_of)) == years


def test_a_corrected_date_of_birth_stands_from_when_it_is_known() -> None:
    rows = [event(1, "MEDS_BIRTH", -20_000), event(1, "MEDS_BIRTH", -21_000, available=at(3))]
    age = Input("age", ("MEDS_BIRTH",), "a", "age")
    assert (one(rows, age, at(2)), one(rows, age, at(3))) == (54, 57)


def test_a_unit_that_does_not_convert_is_named() -> None:
    rows = [event(1, LAB, 0, 27.0, unit="mg/dL")]
    with pytest.raises(UnitError, match=r"LOINC//2524-7: found 'mg/dL', expected \['mmol/L'\]"):
        one(rows, lab(), at(3))
    with pytest.raises(UnitError, match="expected"):
        one([event(1, LAB, 0, 27.0, unit=None)], lab(), at(3))


def test_a_stray_unit_troubles_nobody_who_does_not_use_it() -> None:
    rows = [event(1, LAB, 0, 2.0), event(1, LAB, 2, 27.0, unit="mg/dL"), event(2, LAB, 0, 27.0, unit="mg/dL")]
    assert one(rows, lab(), at(1)) == 2.0
    assert one(rows, lab("count"), at(3)) == 2.0
    assert one(rows, Input("lactate", (LAB,), "1", of_code={LAB: 1.0}), at(3)) == 1.0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1e4, width=32)), min_size=1, max_size=8),
    st.sampled_from(["last", "first", "max", "min", "mean", "count"]),
    st.sampled_from([(0.5, 0.0), (4.0, -32.0)]),
)
def test_a_unit_change_changes_nothing(told: list[tuple[int, float]], take: str, way: tuple[float, float]) -> None:
    scale, offset = way  # powers of two, so that the conversion of the test itself is exact
    other = [(v - offset) / scale for _, v in told]
    same = [event(1, LAB, day, float(np.float32(o)) * scale + offset) for (day, _), o in zip(told, other, strict=True)]
    moved = [event(1, LAB, day, o, unit="mg/dL") for (day, _), o in zip(told, other, strict=True)]
    for code in (LAB, ""):
        converted = one(moved, lab(take), at(9), factors={(code, "mg/dL", "mmol/L"): way})
        np.testing.assert_allclose(converted, one(same, lab(take), at(9)), rtol=1e-5, atol=1e-3)


def test_a_factor_of_the_analyte_goes_before_a_general_one() -> None:
    rows = [event(1, LAB, 0, 10.0, unit="mg/dL")]
    factors = {("", "mg/dL", "mmol/L"): (9.0, 0.0), (LAB, "mg/dL", "mmol/L"): (0.25, 1.0), ("LOINC//1", "mg/dL", "mmol/L"): (7.0, 0.0)}
    assert one(rows, lab(), at(1), factors=factors) == 3.5


def test_trace_says_which_event_each_value_came_from() -> None:
    rows = [event(1, LAB, d, v) for d, v in ((0, 5.0), (1, 1.0), (2, 5.0), (3, 2.0))] + [event(1, "GENDER//F", None)]
    takes = ("last", "first", "max", "min", "mean", "count")
    sex = Input("woman", ("GENDER//F",), "1", of_code={"GENDER//F": 1.0})
    seen = features(events(rows), [*(Input(t, (LAB,), "mmol/L", t) for t in takes), sex], [(1, at(9))], trace=True)
    assert seen.event_ids is not None and seen.times is not None
    assert seen.event_ids[0].tolist() == [f"{LAB}/3", f"{LAB}/0", f"{LAB}/2", f"{LAB}/1", None, None, "GENDER//F/None"]
    assert seen.times[0].tolist() == [at(3), at(0), at(2), at(1), None, None, None]


def test_one_code_may_serve_several_inputs_and_one_input_several_codes() -> None:
    rows = [event(1, LAB, 0, 5.0), event(1, "LOINC//32693-4", 1, 1.0)]
    either = Input("either", (LAB, "LOINC//32693-4", LAB), "mmol/L", "count")
    seen = features(events(rows), [either, lab(), Input("other", ("LOINC//32693-4",), "mmol/L")], [(1, at(1))])
    assert seen.X.tolist() == [[2.0, 5.0, 1.0]]


def test_nobody_and_nothing_give_empty_features() -> None:
    assert features(events([]), [lab()], []).X.shape == (0, 1)
    assert features(events([event(1, LAB, 0, 1.0)]), [lab()], [], trace=True).X.shape == (0, 1)
    assert np.isnan(features(events([]), [lab(), lab("count")], [(1, DAY)], trace=True).X).all()


def test_questions_that_make_no_sense_are_refused() -> None:
    with pytest.raises(TimeError, match="without zone"):
        one([], lab(), datetime.fromisoformat("2026-01-01T00:00+00:00"))
    with pytest.raises(LawError, match="lack columns"):
        features(events([]).drop_columns(["available"]), [lab()], [(1, DAY)])
    with pytest.raises(CardError, match="not from both"):
        one([], Input("x", (LAB,), "1", of_code={LAB: 1.0}, of_text={"y": 1.0}), DAY)


def test_an_answer_may_be_said_by_what_it_begins_with() -> None:
    day = datetime(2026, 1, 3)
    said = ["RFV//10501", "RFV//10502", "RFV//14150", "RFV//9", None, "RFV//1"]
    events = table(
        [
            {"subject_id": 1, "time": day, "available": day, "code": "REASON", "text_value": text, "source_id": str(n)}
            for n, text in enumerate(said)
        ]
    )
    inputs = [
        Input("pain", ("REASON",), "1", "count", of_text={"RFV//1050*": 1}),
        Input("one", ("REASON",), "1", "count", of_text={"RFV//10502": 1}),
        Input("any", ("REASON",), "1", "max", of_text={"RFV//1*": 1, "RFV//14*": 2, "RFV//10501": 3}),
        Input("none", ("REASON",), "1", "count", of_text={"RFV//2*": 1}),
    ]
    assert features(events, inputs, [(1, day)]).X.tolist() == [[2, 1, 3, 0]]
    assert features(events.slice(1), inputs, [(1, day)]).X.tolist() == [[1, 1, 2, 0]]
    assert features(events.slice(3), inputs, [(1, day)]).X.tolist() == [[0, 0, 1, 0]]
