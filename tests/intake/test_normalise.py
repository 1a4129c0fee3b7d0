"""Units and limits: a number is kept in the canonical unit of its code, or rejected by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core import AS_SENT, Batch
from consilium.core.events import table
from consilium.intake import normalise
from consilium.knowledge import shelf

GLUCOSE = "LOINC//2345-7"
LACTATE = "LOINC//2524-7"


def batch(*rows):
    return Batch(table([{"patient_id": "p", "source_id": "Observation/1", **row} for row in rows], AS_SENT), len(rows), len(rows))


def one(code, value, unit, **more):
    done = normalise(batch({"code": code, "numeric_value": value, "unit": unit, **more}), shelf(), file="labs.json")
    assert done.events.num_rows + len(done.rejects) == 1
    return done.events.to_pylist()[0] if done.events.num_rows else done.rejects[0]


def test_a_value_in_the_canonical_unit_stays():
    event = one(LACTATE, 1.25, "mmol/L")
    assert (event["numeric_value"], event["unit"], event["text_value"]) == (1.25, "mmol/L", None)


def test_a_value_is_converted_and_keeps_what_was_sent():
    canonical = shelf().codes[GLUCOSE].unit
    other = "mmol/L" if canonical == "mg/dL" else "mg/dL"
    event = one(GLUCOSE, 5.55, other)
    assert event["unit"] == canonical
    assert event["numeric_value"] == pytest.approx(shelf().units.convert(5.55, other, canonical, GLUCOSE), rel=1e-6)
    assert event["text_value"] == f"5.55 {other}"


def test_another_spelling_is_no_conversion():
    event = one("LOINC//8480-6", 120.0, "mmHg")
    assert (event["numeric_value"], event["unit"], event["text_value"]) == (120.0, "mm[Hg]", None)


@given(st.floats(1.0, 40.0))
def test_the_unit_changes_nothing(value):
    units, canonical = shelf().units, shelf().codes[GLUCOSE].unit
    other = "mmol/L" if canonical == "mg/dL" else "mg/dL"
    here = units.convert(value, "mmol/L", canonical, GLUCOSE)
    there = units.convert(value, "mmol/L", other, GLUCOSE)
    a, b = one(GLUCOSE, here, canonical), one(GLUCOSE, there, other)
    assert a["numeric_value"] == pytest.approx(b["numeric_value"], rel=3e-7)
    assert a["numeric_value"] == float(np.float32(a["numeric_value"]))


@pytest.mark.parametrize(
    ("code", "value", "unit", "reason", "found"),
    [
        (LACTATE, 1.2, "mg", "the unit does not convert (expected mmol/L)", "1.2 mg"),
        (LACTATE, 1.2, "furlong", "unknown unit (expected mmol/L)", "1.2 furlong"),
        (LACTATE, 1.2, None, "no unit (expected mmol/L)", "1.2"),
        ("LOINC//99999-9", 1.2, None, "no unit", "1.2"),
        (LACTATE, 420.0, "mmol/L", "outside plausible limits, 0.0 to 50.0 mmol/L", "420 mmol/L"),
        (LACTATE, -1.0, "mmol/L", "outside plausible limits, 0.0 to 50.0 mmol/L", "-1 mmol/L"),
        (LACTATE, math.nan, "mmol/L", "not a finite number", "nan mmol/L"),
        (LACTATE, math.inf, "mmol/L", "not a finite number", "inf mmol/L"),
        ("LOINC//99999-9", 1e39, "mg/dL", "not a finite number", "1e+39 mg/dL"),
    ],
)
def test_refusals_are_named(code, value, unit, reason, found):
    reject = one(code, value, unit)
    assert (reject.reason, reject.found, reject.code, reject.part) == (reason, found, code, "value")
    assert (reject.file, reject.row, reject.patient_id) == ("labs.json", "Observation/1", "p")


def test_an_unknown_code_keeps_its_unit_in_ucum_spelling():
    assert one("LOINC//99999-9", 1.0, "K/uL")["unit"] == "10*3/uL"
    assert one("LOINC//99999-9", 1.0, "furlong")["unit"] == "furlong"


@pytest.mark.parametrize("unit", [None, "1", "{score}", "{points}"])
def test_a_score_needs_no_unit(unit):
    event = one("LOINC//9269-2", 15.0, unit)
    assert (event["numeric_value"], event["unit"]) == (15.0, "{score}")


def test_a_dose_is_no_measurement():
    event = one("ADMINISTERED//RxNorm//309362", 75.0, "mg", text_value="clopidogrel")
    assert (event["numeric_value"], event["unit"], event["text_value"]) == (75.0, "mg", "clopidogrel")


def test_events_without_a_number_pass_untouched():
    rows = [{"code": "GENDER//F"}, {"code": LACTATE, "text_value": "<0.3 mmol/L"}]
    done = normalise(batch(*rows, {"code": LACTATE, "numeric_value": 1.0, "unit": "mmol/L"}), shelf())
    assert done.events.to_pylist()[:2] == batch(*rows).events.to_pylist()
    assert done.events.schema.equals(AS_SENT)


def test_order_is_kept_and_rows_are_counted_once():
    rows = [{"code": LACTATE, "numeric_value": float(n), "unit": ["mmol/L", "mg", None][n % 3], "source_id": str(n)} for n in range(30)]
    done = normalise(batch(*rows), shelf())
    assert done.events["source_id"].to_pylist() == [str(n) for n in range(0, 30, 3)]
    assert [reject.row for reject in done.rejects] == [str(n) for n in range(30) if n % 3]
    assert (done.rows, done.read) == (30, 30)
