"""FHIR R4 Observation."""

from __future__ import annotations

from datetime import datetime

import pytest

P = {"subject": {"reference": "Patient/p"}}
AT = "2026-01-03T08:00:00Z"


@pytest.fixture
def lactate(concept):
    return {"resourceType": "Observation", "status": "final", "code": concept("LOINC//2524-7"), "issued": AT, **P}


def mmol(value, **more):
    return {"value": value, "unit": "mmol/l", "system": "http://unitsofmeasure.org", "code": "mmol/L", **more}


def row(batch):
    assert batch.events.num_rows == 1
    return batch.events.to_pylist()[0]


def test_a_quantity_carries_its_ucum_code(read, lactate):
    event = row(read({**lactate, "valueQuantity": mmol(1.25)}))
    assert (event["code"], event["numeric_value"], event["unit"], event["text_value"]) == ("LOINC//2524-7", 1.25, "mmol/L", None)
    assert event["source_id"] == "Observation/1"


def test_the_printed_unit_stands_where_there_is_no_ucum_code(read, lactate):
    assert row(read({**lactate, "valueQuantity": {"value": 1, "unit": "mg%"}}))["unit"] == "mg%"
    coded = {"value": 1, "unit": "cm", "system": "http://snomed.info/sct", "code": "258672001"}
    assert row(read({**lactate, "valueQuantity": coded}))["unit"] == "cm"
    assert row(read({**lactate, "valueQuantity": {"value": 1}}))["unit"] is None


@pytest.mark.parametrize("comparator", ["<", "<=", ">", ">="])
def test_a_bound_is_text_and_no_number(read, lactate, comparator):
    event = row(read({**lactate, "valueQuantity": {"value": 5, "unit": "ng/L", "comparator": comparator}}))
    assert (event["numeric_value"], event["text_value"], event["unit"]) == (None, f"{comparator}5 ng/L", None)


@pytest.mark.parametrize(
    ("value", "text", "number", "unit"),
    [
        ({"valueString": " high "}, "high", None, None),
        ({"valueBoolean": True}, "true", None, None),
        ({"valueBoolean": False}, "false", None, None),
        ({"valueInteger": 7}, None, 7.0, "1"),
        ({"valueTime": "08:00:00"}, "08:00:00", None, None),
        ({"valueDateTime": "2020-01"}, "2020-01", None, None),
        ({"valueCodeableConcept": {"text": "positive"}}, "positive", None, None),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1:128", None, None),
        ({"valueRange": {"low": {"value": 1, "unit": "g"}, "high": {"value": 2, "unit": "g"}}}, "1 g to 2 g", None, None),
    ],
)
def test_other_values(read, lactate, value, text, number, unit):
    event = row(read({**lactate, **value}))
    assert (event["text_value"], event["numeric_value"], event["unit"]) == (text, number, unit)


def test_a_coded_answer_is_its_code(read, lactate, concept):
    answer = {"valueCodeableConcept": concept("ACME//x", "SNOMED//429559004", text="Typical angina")}
    assert row(read({**lactate, **answer}))["text_value"] == "SNOMED//429559004"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "entered-in-error"}, "status entered-in-error"),
        ({"status": "cancelled"}, "status cancelled"),
        ({"status": "registered"}, "status registered"),
        ({"focus": [{"reference": "Patient/fetus"}]}, "An observation about something other than the patient (focus)"),
        ({"code": {}}, "No code"),
        ({"valueQuantity": None}, "not shaped as FHIR R4 says"),
        ({"valueQuantity": {"unit": "mmol/L"}}, "No value"),
        ({"valueQuantity": {"value": "1.2", "unit": "mmol/L"}}, "The value is not a number"),
        ({"valueQuantity": {"value": True, "unit": "mmol/L"}}, "The value is not a number"),
        ({"issued": "2026-02-30T08:00:00Z"}, "Impossible date"),
        ({"effectiveDateTime": "2026-02-03T08:00:00"}, "No time zone"),
        ({"issued": None}, "No date"),
        ({"effectivePeriod": {"start": "2026-01-03", "end": "2026-01-01"}}, "A period ends before it starts"),
    ],
)
def test_refusals_are_named(read, lactate, change, reason):
    batch = read({**lactate, "valueQuantity": mmol(1.2), **change})
    assert (batch.events.num_rows, batch.read) == (0, 0)
    assert [reject.reason for reject in batch.rejects] == [reason]
    assert batch.rejects[0].patient_id == "p"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "No value"),
        ({"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}, "no value: not-performed"),
        ({"dataAbsentReason": {"text": "haemolysed"}}, "no value: haemolysed"),
        ({"valueSampledData": {"data": "1 2"}}, "valueSampledData is not read"),
        ({"valuePeriod": {"start": AT}}, "valuePeriod is not read"),
    ],
)
def test_absent_values_are_named(read, lactate, value, reason):
    batch = read({**lactate, **value})
    assert [(reject.reason, reject.code) for reject in batch.rejects] == [(reason, "LOINC//2524-7")]


def test_components_are_events_and_their_faults_are_parts(read, lactate, concept):
    panel = {
        **lactate,
        "component": [
            {"code": concept("LOINC//8480-6"), "valueQuantity": mmol(120)},
            {"code": concept("LOINC//8462-4"), "dataAbsentReason": {"coding": [{"code": "error"}]}},
            {"code": {}, "valueQuantity": mmol(1)},
        ],
    }
    batch = read(panel)
    assert batch.events["code"].to_pylist() == ["LOINC//8480-6"]
    assert batch.read == 1
    assert [(r.part, r.reason, r.code) for r in batch.rejects] == [
        ("component 2", "no value: error", "LOINC//8462-4"),
        ("component 3", "No code", ""),
    ]


def test_a_panel_without_any_readable_component_is_rejected_as_a_whole(read, lactate, concept):
    batch = read({**lactate, "component": [{"code": concept("LOINC//8480-6")}, {"code": concept("LOINC//8462-4")}]})
    assert batch.read == 0
    assert [(r.part, r.reason) for r in batch.rejects] == [("", "No value (component 1)"), ("component 2", "No value")]


def test_a_panel_of_members_says_nothing_itself(read, lactate):
    batch = read({**lactate, "hasMember": [{"reference": "Observation/2"}]})
    assert (batch.read, batch.events.num_rows, batch.rejects) == (1, 0, ())


@pytest.mark.parametrize(
    ("dates", "time", "available"),
    [
        ({"issued": AT}, datetime(2026, 1, 3, 8), datetime(2026, 1, 3, 8)),
        ({"issued": AT, "effectiveDateTime": "2026-01-02T23:00:00+02:00"}, datetime(2026, 1, 2, 21), datetime(2026, 1, 3, 8)),
        ({"effectiveDateTime": "2026-01-03"}, datetime(2026, 1, 3), datetime(2026, 1, 4)),
        ({"effectiveDateTime": "2026-01"}, datetime(2026, 1, 1), datetime(2026, 2, 1)),
        ({"effectiveInstant": AT}, datetime(2026, 1, 3, 8), datetime(2026, 1, 3, 8)),
        ({"effectivePeriod": {"start": "2026-01-02T08:00:00Z", "end": AT}}, datetime(2026, 1, 2, 8), datetime(2026, 1, 3, 8)),
        ({"effectiveDateTime": "2026-01-02", "meta": {"lastUpdated": AT}}, datetime(2026, 1, 2), datetime(2026, 1, 3, 8)),
        ({"issued": "2026-01-01T00:00:00Z", "effectiveDateTime": AT}, datetime(2026, 1, 3, 8), datetime(2026, 1, 3, 8)),
        ({"meta": {"lastUpdated": AT}}, datetime(2026, 1, 3, 8), datetime(2026, 1, 3, 8)),
    ],
)
def test_when_it_was_and_when_it_could_be_known(read, lactate, dates, time, available):
    undated = {key: value for key, value in lactate.items() if key != "issued"}
    event = row(read({**undated, **dates, "valueQuantity": mmol(1)}))
    assert (event["time"], event["available"]) == (time, available)


def test_what_was_received_is_known_by_then(read, lactate):
    received = 1_767_441_600_000_000  # 2026-01-03T12:00Z
    undated = {**lactate, "issued": None, "valueQuantity": mmol(1)}
    assert row(read(undated, received=received))["time"] == datetime(2026, 1, 3, 12)
    today = {**undated, "effectiveDateTime": "2026-01-03"}
    assert row(read(today, received=received))["available"] == datetime(2026, 1, 3, 12)
    tomorrow = {**undated, "effectiveDateTime": "2026-01-04"}
    assert row(read(tomorrow, received=received))["available"] == datetime(2026, 1, 5)


def test_displays_travel_with_the_batch(read, lactate):
    from consilium.sources.sheet import displays

    assert displays(read({**lactate, "valueQuantity": mmol(1)})) == {"LOINC//2524-7": "name of 2524-7"}
