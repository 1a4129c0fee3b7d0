"""Tables with a mapping."""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from consilium.core.errors import FormatError, NotFoundError
from consilium.sources import csv

SPECIALISTS = Path(sys.modules["consilium"].__file__).parent / "specialists"
PLAIN = {
    "name": "a list",
    "patient": "{id}",
    "time": {"column": "at", "format": "%Y-%m-%d %H:%M", "zone": "UTC"},
    "columns": {"lactate": {"code": "LOINC//2524-7", "unit": "mmol/L"}},
}
TABLE = "id,at,lactate\nida,2026-01-03 08:00,1.4\njon,2026-01-03 09:00,2\n"


@pytest.fixture
def read(tmp_path):
    def reading(table=TABLE, file="labs.csv", **changes):
        mapping = tmp_path / "labs.yaml"
        mapping.write_text(yaml.safe_dump({k: v for k, v in {**PLAIN, **changes}.items() if v is not None}, sort_keys=False))
        path = tmp_path / file
        data = table.encode() if isinstance(table, str) else table
        path.write_bytes(gzip.compress(data) if file.endswith(".gz") else data)
        batches = list(csv.read(path, mapping))
        for batch in batches:
            assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
        return batches

    return reading


def rejects(batch):
    return [(r.row, r.part, r.reason, r.found) for r in batch.rejects]


@pytest.mark.parametrize("name", ["labs.csv", "labs.csv.gz"])
def test_numbers_with_their_unit(read, name):
    (batch,) = read(file=name)
    assert batch.read == 2
    event = batch.events.to_pylist()[0]
    at = datetime(2026, 1, 3, 8)
    assert (event["patient_id"], event["numeric_value"], event["unit"], event["time"], event["available"]) == ("ida", 1.4, "mmol/L", at, at)
    assert event["source_id"] == f"{name}#1"


def test_a_row_of_another_length_is_named(read):
    (batch,) = read(TABLE + "eva,2026-01-03 10:00\n" + "eva,2026-01-03 10:00,1,2\n")
    assert rejects(batch) == [
        ("row 3", "", "wrong number of fields", "2, expected 3"),
        ("row 4", "", "wrong number of fields", "4, expected 3"),
    ]


def test_a_cell_that_is_no_number_is_named_and_the_rest_is_read(read):
    columns = {**PLAIN["columns"], "k": {"code": "LOINC//2823-3", "unit": "mmol/L"}}
    (batch,) = read("id,at,lactate,k\nida,2026-01-03 08:00,high,4\n", columns=columns)
    assert batch.events["code"].to_pylist() == ["LOINC//2823-3"]
    assert rejects(batch) == [("row 1", "lactate", "not a number", "high")]
    assert (batch.rejects[0].code, batch.rejects[0].patient_id) == ("LOINC//2524-7", "ida")


def test_a_row_of_which_nothing_can_be_read_is_rejected_as_a_whole(read):
    (batch,) = read("id,at,lactate\nida,2026-01-03 08:00,high\n")
    assert (batch.read, rejects(batch)) == (0, [("row 1", "", "not a number (lactate)", "high")])


def test_a_bound_is_text(read):
    (batch,) = read("id,at,lactate\nida,2026-01-03 08:00,<0.3\n")
    event = batch.events.to_pylist()[0]
    assert (event["numeric_value"], event["text_value"], event["unit"]) == (None, "<0.3 mmol/L", None)


def test_missing_is_nothing_said(read):
    columns = {"lactate": {"code": "LOINC//2524-7", "unit": "mmol/L", "missing": [0]}}
    (batch,) = read(
        "id,at,lactate\na,2026-01-03 08:00,?\nb,2026-01-03 08:00,0.0\nc,2026-01-03 08:00,-9.0\n", missing=["", "?", -9], columns=columns
    )
    assert (batch.rows, batch.read, batch.events.num_rows, batch.rejects) == (3, 3, 0, ())


def test_answers_and_text(read):
    columns = {"pain": {"code": "A//pain", "values": {1: "SNOMED//1", 2: None}}, "note": {"code": "A//note", "text": True}}
    table = "id,at,pain,note\na,2026-01-03 08:00,1.0,x\nb,2026-01-03 08:00,2,y\nc,2026-01-03 08:00,3,z\n"
    (batch,) = read(table, columns=columns)
    assert batch.events["text_value"].to_pylist() == ["SNOMED//1", "x", "y", "z"]
    assert rejects(batch) == [("row 3", "pain", "unknown answer", "3")]


def test_person(read):
    changes = {"birth": {"column": "born", "format": "%Y-%m-%d"}, "sex": {"column": "sex", "values": {"w": "F", "m": "M"}}}
    (batch,) = read("id,at,lactate,born,sex\na,2026-01-03 08:00,1,1970-02-03,w\nb,2026-01-03 08:00,1,1970-02-30,x\n", **changes)
    assert batch.events["code"].to_pylist() == ["MEDS_BIRTH", "GENDER//F", "LOINC//2524-7", "LOINC//2524-7"]
    assert [(part, reason) for _, part, reason, _ in rejects(batch)] == [
        ("born", "not a time of the stated format"),
        ("sex", "unknown sex"),
    ]


@pytest.mark.parametrize(("age", "fine"), [("63", True), ("63.0", True), ("63.5", False), ("-1", False), ("151", False), ("old", False)])
def test_age(read, age, fine):
    (batch,) = read(f"id,at,lactate,age\na,2026-01-03 08:00,1,{age}\n", birth={"age": "age"})
    births = batch.events.to_pylist()[:-1]
    assert [row["time"] for row in births] == ([datetime(1963, 1, 3)] if fine else [])
    assert len(batch.rejects) == (not fine)


def test_when_it_could_be_known(read):
    changes = {
        "available": {"column": "out", "format": "%Y-%m-%d", "zone": "UTC"},
        "columns": {
            "lactate": {"code": "LOINC//2524-7", "unit": "mmol/L"},
            "end": {"code": "A//end", "text": True, "after": "30d", "reason": "later"},
        },
    }
    (batch,) = read("id,at,lactate,out,end\na,2026-01-03 08:00,1,2026-01-05,x\n", **changes)
    lactate, end = batch.events.to_pylist()
    assert (lactate["time"], lactate["available"]) == (datetime(2026, 1, 3, 8), datetime(2026, 1, 6))
    assert (end["time"], end["available"]) == (datetime(2026, 2, 2, 8), datetime(2026, 2, 2, 8))


def test_constants_template_and_header(read):
    changes = {"header": ["id", "at", "lactate"], "patient": "{file}-{id}-{row}", "constants": {"CONSILIUM//hospital": "va"}}
    (batch,) = read(TABLE.split("\n", 1)[1], **changes)
    assert batch.events["patient_id"].to_pylist() == ["labs-ida-1"] * 2 + ["labs-jon-2"] * 2
    assert batch.events["text_value"].to_pylist() == [None, "va"] * 2


def test_a_patient_without_identifier_or_time_is_named(read):
    (batch,) = read("id,at,lactate\n,2026-01-03 08:00,1\na,,1\nb,2026-02-30 08:00,1\n")
    assert [reason for _, _, reason, _ in rejects(batch)] == ["no patient identifier", "no time", "not a time of the stated format"]


def test_batches_are_bounded(read, monkeypatch):
    monkeypatch.setattr(sys.modules["consilium.sources.csv.read"], "ROWS", 2)
    rows = "".join(f"p{n},2026-01-03 08:00,1\n" for n in range(5))
    assert [batch.rows for batch in read("id,at,lactate\n" + rows)] == [2, 2, 1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "The table is empty"),
        ("id,at,lactate,ph\n", "The mapping says nothing about some columns in labs.csv against labs.yaml: found ['ph']"),
        ("id,at\n", "The mapping speaks of columns that the table lacks in labs.csv against labs.yaml: found ['lactate']"),
        ("id;at;lactate\n", "The mapping says nothing about some columns"),
        ("id,at,lactate,id\n", "Columns bear the same name"),
        (b"id,at,lactate\n\xff\xfe,2026-01-03 08:00,1\n", "The table is not text of the stated encoding"),
        ('id,at,lactate\n"a"b,2026-01-03 08:00,1\n', "The table is not well-formed CSV"),
    ],
)
def test_tables_that_cannot_be_used(read, table, message):
    with pytest.raises(FormatError) as refusal:
        read(table)
    assert str(refusal.value).startswith(message)
    assert refusal.value.do


def test_a_cut_gzip(tmp_path, read):
    read()
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode() * 50)[:-20])
    with pytest.raises(FormatError, match="cut off or damaged"):
        list(csv.read(path, tmp_path / "labs.yaml"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": None}, "name is missing in labs.yaml"),
        ({"colums": {}}, "unknown keys in labs.yaml: found ['colums']"),
        ({"patient": "ida"}, "patient is no template"),
        ({"patient": "{id"}, "patient is no template"),
        ({"time": {"assume": "1988-01-01T00:00:00Z"}}, "time is assumed without a reason"),
        ({"time": {"assume": "1988-01-01", "reason": "x"}}, "time is assumed as a date without a time"),
        ({"time": {"assume": "1988-02-30T00:00:00Z", "reason": "x"}}, "time cannot be assumed (Impossible date)"),
        ({"time": {"column": "at", "format": "%Y"}}, "time names no zone"),
        ({"time": {"column": "at", "format": "%Y", "zone": "Mars/Base"}}, "time names an unknown zone"),
        ({"time": "at"}, "time is not understood"),
        ({"birth": "born"}, "birth is not understood"),
        ({"sex": {"column": "sex", "values": {1: "X"}}}, "sex has unknown values"),
        ({"columns": {"lactate": {"unit": "mmol/L"}}}, "columns.lactate names no code"),
        ({"columns": {"lactate": {"code": "A//b"}}}, "columns.lactate must have one of unit"),
        ({"columns": {"lactate": {"code": "A//b", "unit": "1", "text": True}}}, "columns.lactate must have one of unit"),
        ({"columns": {"lactate": {"code": "A//b", "unit": "1", "uint": "g"}}}, "columns.lactate has unknown keys"),
        (
            {"columns": {"lactate": {"code": "A//b", "unit": "1", "after": "soon", "reason": "x"}}},
            "columns.lactate has an unreadable after",
        ),
        ({"columns": {"lactate": {"code": "A//b", "unit": "1", "after": "1d"}}}, "columns.lactate is moved in time without a reason"),
        ({"columns": {"lactate": {"code": "A//b", "values": {True: "x"}}}}, "columns.lactate lists a yes/no"),
        ({"columns": []}, None),
        ({"columns": ["lactate"]}, "columns is not a table of keys"),
        ({"header": "no"}, "header is neither true nor a list"),
        ({"skip": -1}, "skip is not a number of lines"),
        ({"delimiter": ";;"}, "delimiter is not one character"),
        ({"source": {"nome": "x"}}, "source has unknown keys"),
    ],
)
def test_mappings_that_cannot_be_used(read, changes, words):
    with pytest.raises(FormatError) as refusal:
        read(**changes)
    assert words is None or words in str(refusal.value)
    assert "labs.yaml" in str(refusal.value)


def test_a_mapping_that_is_absent_or_no_yaml(tmp_path):
    table = tmp_path / "labs.csv"
    table.write_text(TABLE)
    with pytest.raises(NotFoundError):
        csv.read(table, tmp_path / "none.yaml")
    mapping = tmp_path / "labs.yaml"
    for text in ("a: [", "", "- a\n"):
        mapping.write_text(text)
        with pytest.raises(FormatError, match=r"labs\.yaml"):
            csv.read(table, mapping)
    with pytest.raises(NotFoundError):
        csv.read(tmp_path / "none.csv", mapping)


def test_heart_disease_at_four_hospitals(unzipped):
    path = unzipped("uci_heart") / "heart_4sites.csv"
    (batch,) = csv.read(path, SPECIALISTS / "heart_disease" / "data.yaml")
    assert (batch.rows, batch.read, batch.rejects) == (920, 920, ())
    rows = batch.events.to_pylist()
    site = {row["patient_id"]: row["text_value"] for row in rows if row["code"] == "CONSILIUM//hospital"}
    assert Counter(site.values()) == {"cleveland": 303, "hungarian": 294, "switzerland": 123, "va": 200}
    labels = {row["patient_id"]: row["numeric_value"] for row in rows if row["code"] == "CONSILIUM//angiographic-disease"}
    healthy = Counter(site[patient] for patient, value in labels.items() if value == 0)
    assert healthy == {"cleveland": 164, "hungarian": 188, "switzerland": 8, "va": 51}
    assert Counter(row["code"] for row in rows if row["code"].startswith("GENDER")) == {"GENDER//M": 726, "GENDER//F": 194}
    # A cholesterol or pressure of 0 is a missing value at these hospitals.
    assert min(row["numeric_value"] for row in rows if row["code"] in ("LOINC//2093-3", "LOINC//8480-6")) > 50
    asked = {row["patient_id"]: row["time"] for row in rows if row["code"] == "CONSILIUM//chest-pain-type"}
    known = {row["patient_id"]: row["available"] for row in rows if row["code"] == "CONSILIUM//angiographic-disease"}
    assert all(asked[patient] < known[patient] for patient in labels)


def test_breast_mass():
    package = pytest.importorskip("sklearn.datasets.data")
    path = Path(package.__path__[0]) / "breast_cancer.csv"
    (batch,) = csv.read(path, SPECIALISTS / "breast_mass" / "data.yaml")
    assert (batch.rows, batch.read, batch.rejects) == (569, 569, ())
    answers = Counter(batch.events["text_value"].drop_null().to_pylist())
    assert answers == {"benign": 357, "malignant": 212}
    assert set(batch.events["unit"].drop_null().to_pylist()) == {"[arb'U]"}
    assert batch.events.num_rows == 569 * 31


def test_lines_before_the_table_are_skipped(read):
    (batch,) = read("exported by the laboratory\n" + TABLE, skip=1)
    assert (batch.read, batch.events["source_id"][0].as_py()) == (2, "labs.csv#1")


@pytest.mark.parametrize(("age", "born"), [("[60-70)", 1961), ("62", 1964), ("[70-80)", None), ("old", None)])
def test_an_age_band_stands_at_the_age_that_the_mapping_names_and_says_so(read, age, born):
    (batch,) = read(f"id,at,lactate,age\na,2026-01-03 08:00,1,{age}\n", birth={"age": "age", "bands": {"[60-70)": 65}})
    births = [row for row in batch.events.to_pylist() if row["code"] == "MEDS_BIRTH"]
    assert [row["time"].year for row in births] == ([born] if born else [])
    if age == "[60-70)":
        assert births[0]["text_value"] == "from age band [60-70), taken as 65 completed years"
