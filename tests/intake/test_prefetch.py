"""Prefetch: a chart from resources in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files

import orjson
import pytest

from consilium.core.errors import NotFoundError, TimeError
from consilium.intake import ingest, patient_from, prefetched
from consilium.knowledge import shelf

BUNDLE = orjson.loads(files("consilium.sources").joinpath("examples", "fhir", "bundle.json").read_bytes())
RESOURCES = [entry["resource"] for entry in BUNDLE["entry"]]
NOW = datetime(2026, 6, 1, 12)


def test_it_is_the_chart_that_the_record_would_show(tmp_path):
    path = tmp_path / "bundle.json"
    path.write_bytes(orjson.dumps(BUNDLE))
    record = ingest(path, tmp_path / "ward")
    for at in (NOW, datetime(2019, 2, 20), datetime(2025, 11, 4)):
        assert patient_from([BUNDLE], "ida-berg", at, shelf()).events.equals(record.patient("ida-berg", as_of=at).events)


def test_the_order_of_resources_changes_nothing():
    there, back = (patient_from([{**BUNDLE, "entry": e}], "ida-berg", NOW, shelf()) for e in (BUNDLE["entry"], BUNDLE["entry"][::-1]))
    assert there.events.equals(back.events)


def test_nothing_later_is_known():
    chart = patient_from([BUNDLE], "ida-berg", datetime(2025, 11, 2, 9), shelf())
    codes = chart.events["code"].to_pylist()
    assert "LOINC//8480-6" in codes
    assert "LOINC//2524-7" not in codes  # taken before nine, reported after


def test_what_was_sent_is_known_by_then():
    today = {
        "resourceType": "Observation", "id": "x", "status": "final", "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-06-01",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2524-7"}]}, "valueQuantity": {"value": 1, "unit": "mmol/L"},
    }  # fmt: skip
    undated = {"resourceType": "Condition", "id": "y", "subject": {"reference": "Patient/p"}, "code": {"text": "Bleeding"}}
    chart, rejects = prefetched([today, undated], "p", NOW, shelf())
    assert sorted(chart.events["code"].to_pylist()) == ["CONDITION//TEXT//Bleeding", "LOINC//2524-7"]
    assert rejects == ()


def test_a_zone_is_converted():
    zoned = NOW.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=8)))
    assert patient_from([BUNDLE], "ida-berg", zoned, shelf()).as_of == NOW


def test_others_are_left_out_and_an_unknown_patient_is_named():
    other = {"resourceType": "Patient", "id": "jon", "gender": "male"}
    assert "GENDER//M" not in patient_from([BUNDLE, other], "ida-berg", NOW, shelf()).events["code"].to_pylist()
    with pytest.raises(NotFoundError, match="eva"):
        patient_from([BUNDLE], "eva", NOW, shelf())


def test_before_birth():
    with pytest.raises(TimeError, match="before birth"):
        patient_from([BUNDLE], "ida-berg", datetime(1950, 1, 1), shelf())


def test_rejects_are_handed_on():
    reasons = {reject.reason for reject in prefetched(RESOURCES, "ida-berg", NOW, shelf())[1]}
    assert "resource type Practitioner is not read" in reasons
