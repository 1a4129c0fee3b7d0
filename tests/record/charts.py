"""Charts: hypothesis strategies for events of a few people, coarse in time so that ties happen, and inputs of every take."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from consilium.core.card import TAKES, Input

LABS = ("LOINC//2524-7", "LOINC//8480-6")
ANSWER = "CONSILIUM//chest-pain-type"
YES, NO, OTHER = "SNOMED//373066001", "SNOMED//373067005", "SNOMED//261665006"
SUBJECTS = (1, 2, 3)
START = datetime(2024, 2, 28)

_days = st.integers(0, 12).map(lambda d: START + timedelta(days=d))
_values = st.sampled_from([-1.0, -0.0, 0.0, 0.1, 0.7, 3.3, 1e30]) | st.floats(-1e6, 1e6, width=32)


@st.composite
def chart_event(draw: st.DrawFn) -> dict[str, Any]:
    """One event, dated or not, known at once or later."""
    code = draw(st.sampled_from([*LABS, ANSWER, "GENDER//F", "GENDER//M", "MEDS_BIRTH"]))
    time = draw(_days) if draw(st.integers(0, 7)) else None
    if code == "MEDS_BIRTH" and time is not None:
        time = draw(st.sampled_from([datetime(1964, 2, 29), datetime(1960, 3, 1), time]))
    row = {"subject_id": draw(st.sampled_from(SUBJECTS)), "code": code, "time": time}
    row["available"] = None if time is None else max(time, draw(_days)) if draw(st.booleans()) else time
    if code in LABS:
        row |= {"numeric_value": draw(_values | st.none()), "unit": "mmol/L"}
    if code == ANSWER:
        row["text_value"] = draw(st.sampled_from([YES, NO, OTHER, None]))
    row["source_id"] = draw(st.sampled_from(["a", "b", "c", None]))
    return row


charts = st.lists(chart_event(), max_size=25)
moments = st.integers(0, 28).map(lambda half: START + timedelta(hours=12 * half))
asked = st.lists(st.tuples(st.sampled_from((*SUBJECTS, 9)), moments), min_size=1, max_size=6)

_TAKEN = tuple(
    made
    for take in TAKES
    if take != "age"
    for window in (None, timedelta(days=3))
    for made in (
        Input(f"number {take} {window}", LABS, "mmol/L", take, window),
        Input(f"one number {take} {window}", LABS[:1], "mmol/L", take, window),
        Input(f"answer {take} {window}", (ANSWER,), "1", take, window, of_text={YES: 1.0, NO: 0.0}),
        Input(f"code {take} {window}", ("GENDER//F", "GENDER//M"), "1", take, window, of_code={"GENDER//F": 0.0, "GENDER//M": 1.0}),
    )
)
_AGES = tuple(Input(f"age {window}", ("MEDS_BIRTH",), "a", "age", window) for window in (None, timedelta(days=3)))
INPUTS = _TAKEN + _AGES
