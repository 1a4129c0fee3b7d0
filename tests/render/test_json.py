"""JSON: nothing added, nothing lost, nothing passed over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core import Consultation, Evidence, Opinion
from consilium.core.errors import FormatError, LawError
from consilium.render.json import consultation_from_json, json_bytes

finite = st.floats(allow_nan=False, allow_infinity=False)
said = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))


@st.composite
def opinions(draw: st.DrawFn) -> Opinion:
    low, middle, high = sorted(draw(st.lists(st.floats(0, 1), min_size=3, max_size=3)))
    pieces = st.builds(
        Evidence,
        kind=st.sampled_from(["input", "missing", "base"]),
        statement=said,
        code=said,
        value=st.none() | finite,
        unit=st.just("mg/dL"),
        time=st.none() | moments,
        weight=st.none() | finite,
        event_ids=st.lists(said, max_size=2).map(tuple),
        answer=said,
    )
    evidence = tuple(draw(st.lists(pieces, min_size=1, max_size=4)))
    return Opinion(draw(said), draw(said), middle, low, high, evidence=evidence)


def test_a_consultation_comes_back_as_it_was(consultation: Consultation) -> None:
    assert consultation_from_json(json_bytes(consultation)) == consultation


@given(opinions(), said, moments)
def test_any_opinion_comes_back_as_it_was(opinion: Opinion, patient_id: str, as_of: datetime) -> None:
    consultation = Consultation(patient_id, as_of, (opinion,), (), (), ())
    content = json_bytes(consultation)
    assert consultation_from_json(content) == consultation
    assert json_bytes(consultation_from_json(content)) == content


def test_every_field_is_there_and_times_name_their_zone(english: Consultation) -> None:
    read = orjson.loads(json_bytes(english))
    assert read["as_of"] == "2026-01-03T08:00:00Z"
    assert read["opinions"][1]["probability"] is None
    assert set(read) == {
        "patient_id",
        "as_of",
        "opinions",
        "advice",
        "missing",
        "absent",
        "language",
        "notes",
        "scores",
        "genes",
        "polygenic",
        "images",
        "variants",
    }
    assert set(read["opinions"][0]["evidence"][0]) == set(Evidence.__slots__)


def test_a_time_with_another_zone_is_read_as_the_same_moment(english: Consultation) -> None:
    shifted = json_bytes(english).replace(b"2026-01-03T08:00:00Z", b"2026-01-03T09:30:00+01:30")
    assert consultation_from_json(shifted) == english


def test_what_is_not_finite_is_refused(english: Consultation) -> None:
    odd = replace(english.opinions[0], evidence=(Evidence("input", "x", weight=float("nan")),))
    with pytest.raises(LawError, match="not finite"):
        json_bytes(replace(english, opinions=(odd,)))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d.pop("patient_id"), "patient_id"),
        (lambda d: d.update(mood="good"), "mood"),
        (lambda d: d["opinions"][0]["evidence"][1].update(colour="red"), "opinions.0.evidence.1.colour"),
        (lambda d: d["opinions"][0].update(probability="likely"), "opinions.0.probability"),
    ],
)
def test_another_form_is_refused_by_the_name_of_its_field(english: Consultation, change: object, named: str) -> None:
    document = orjson.loads(json_bytes(english))
    change(document)  # type: ignore[operator]
    with pytest.raises(FormatError, match=named):
        consultation_from_json(orjson.dumps(document))


def test_a_broken_law_is_refused_when_read(english: Consultation) -> None:
    document = orjson.loads(json_bytes(english))
    document["opinions"][0]["probability"] = 1.7
    with pytest.raises((FormatError, LawError)):
        consultation_from_json(orjson.dumps(document))


def test_bytes_that_are_not_json_are_refused() -> None:
    with pytest.raises(FormatError, match="not JSON"):
        consultation_from_json(b"{")
