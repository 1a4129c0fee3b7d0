"""A series asks its inputs at each of its moments, of what had become known by then; one function for the bedside and for training."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.card import Input, Series
from consilium.core.errors import CardError
from consilium.core.events import table
from consilium.record import features
from consilium.record.series import series as series_of

from .charts import INPUTS, asked, charts

Rows = list[dict[str, Any]]
SERIES = Series(timedelta(hours=36), 4, INPUTS)


def held(rows: Rows) -> Rows:
    """Events that happened when they became known; but a birth stays where it was, since it is asked for its date."""
    known = []
    for row in rows:
        time = row["time"]
        if time is not None and row["code"] != "MEDS_BIRTH":
            time = None if row["available"] is None else max(time, row["available"])
        known.append(
            row
            | {"time": time, "available": row["available"] if time is None else time if row["code"] != "MEDS_BIRTH" else row["available"]}
        )
    return [row for row, before in zip(known, rows, strict=True) if not (before["time"] is not None and row["time"] is None)]


@settings(deadline=None)
@given(charts, asked)
def test_each_cell_is_what_is_asked_at_its_moment(rows: Rows, about: list[tuple[int, datetime]]) -> None:
    """Against the same inputs asked once at each moment, where everything is known when it happens."""
    inputs = tuple(i for i in INPUTS if i.take != "age" or i.window is None)
    asks = replace(SERIES, inputs=inputs)
    rows = [
        row for row in held(rows) if row["code"] != "MEDS_BIRTH" or row["time"] is None or (row["available"] or row["time"]) <= row["time"]
    ]
    found = series_of(table(rows), asks, about, trace=True)
    for back in range(asks.length):
        at = features(table(rows), inputs, [(s, as_of - back * asks.step) for s, as_of in about], trace=True)
        cells = slice((asks.length - 1 - back) * len(inputs), (asks.length - back) * len(inputs))
        np.testing.assert_array_equal(found.X[:, cells], at.X)
        assert found.event_ids is not None and at.event_ids is not None
        assert found.event_ids[:, cells].tolist() == at.event_ids.tolist()


@settings(deadline=None)
@given(charts, charts, asked, st.integers(0, 3))
def test_what_became_known_later_changes_no_earlier_cell(rows: Rows, more: Rows, about: list[tuple[int, datetime]], back: int) -> None:
    before = series_of(table(rows), SERIES, about)
    for n, (subject, as_of) in enumerate(about):
        moment = as_of - back * SERIES.step + timedelta(microseconds=1)
        late = [e | {"time": e["time"] or moment, "available": max(moment, e["available"] or moment)} for e in more]
        after = series_of(table([*rows, *late]), SERIES, [(subject, as_of)])
        cells = (SERIES.length - back) * len(INPUTS)
        np.testing.assert_array_equal(after.X[0, :cells], before.X[n, :cells])


def test_a_late_result_stands_where_it_came_and_is_not_lost() -> None:
    start = datetime(2026, 1, 1)
    hour = timedelta(hours=1)
    drawn = {"subject_id": 1, "code": "LOINC//2524-7", "time": start, "available": start + 3 * hour, "numeric_value": 4.2, "unit": "mmol/L"}
    asks = Series(hour, 5, (Input("lactate", ("LOINC//2524-7",), "mmol/L", window=hour),))
    found = series_of(table([drawn]), asks, [(1, start + 4 * hour)])
    np.testing.assert_array_equal(found.X[0], np.array([np.nan, np.nan, np.nan, 4.2, np.nan], np.float32))
    assert found.names == ("lactate@-4", "lactate@-3", "lactate@-2", "lactate@-1", "lactate@-0")
    ever = Series(hour, 5, (Input("lactate", ("LOINC//2524-7",), "mmol/L"),))
    np.testing.assert_array_equal(series_of(table([drawn]), ever, [(1, start + 4 * hour)]).X[0, 3:], np.float32([4.2, 4.2]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"step": timedelta(0)}, "a step"),
        ({"length": 0}, "a step"),
        ({"inputs": ()}, "a step"),
        ({"inputs": (replace(INPUTS[0], required=True),)}, "required"),
    ],
)
def test_a_series_needs_a_step_a_length_and_inputs(change: dict[str, Any], says: str) -> None:
    with pytest.raises(CardError, match=says):
        replace(SERIES, **change)
