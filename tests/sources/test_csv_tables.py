"""Many tables in one mapping: long tables, lookups, pairs of times, elapsed times, Parquet and compressed files."""

from __future__ import annotations

import gzip
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.sources import csv
from consilium.sources.csv import cell, column
from consilium.sources.csv.mapping import When
from consilium.sources.sheet import displays

LABS = {
    "name": "a hospital",
    "format": "%Y-%m-%d %H:%M:%S",
    "zone": "UTC",
    "patient": "h-{subject}",
    "tables": {
        "labs.csv*": {
            "time": "charted",
            "available": "stored",
            "missing": ["", "___"],
            "lookups": {"lab": {"file": "items.csv", "key": "item"}, "sent": {"file": "units.csv", "key": ["item", "unit"]}},
            "events": [
                {
                    "code": ["{lab.code}", "LOCAL//{item}"],
                    "number": "value",
                    "unit": {"column": ["sent.means", "unit"]},
                    "text": ["{word}"],
                    "name": "{lab.label}",
                }
            ],
            "ignore": ["note*"],
        }
    },
}
ITEMS = "# title: items\nitem,code,label\n1,LOINC//2823-3,Potassium\n0090,LOINC//11558-4,pH\n90,LOINC//2524-7,Lactate\n"
UNITS = "item,unit,means\n0090,units,[pH]\n"
HEAD = "subject,item,charted,stored,value,unit,word,note1\n"
AT = "2026-01-03 08:00:00,2026-01-03 09:00:00"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "items.csv").write_text(ITEMS)
    (tmp_path / "units.csv.gz").write_bytes(gzip.compress(UNITS.encode()))
    return tmp_path


@pytest.fixture
def read(folder):
    def reading(rows, said=LABS, name="labs.csv", frame=None):
        (folder / "map" / "labs.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
        path = folder / name
        if frame is not None:
            frame.write_parquet(path)
        elif name.endswith(".zst"):
            with pa.output_stream(str(path), compression="zstd") as stream:
                stream.write(rows.encode())
        else:
            path.write_text(rows, newline="")
        batches = list(csv.read(path, folder / "map" / "labs.yaml"))
        for batch in batches:
            assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
            for row in batch.events.to_pylist():
                assert row["time"] is None or row["time"] <= row["available"]
        return batches

    return reading


def brief(batch):
    return [(row["code"], row["numeric_value"], row["unit"], row["text_value"]) for row in batch.events.to_pylist()]


def rejects(batch):
    return [(r.row, r.part, r.reason, r.found) for r in batch.rejects]


@pytest.mark.parametrize("name", ["labs.csv", "labs.csv.zst"])
def test_a_long_table_through_lookups(read, name):
    rows = f"7,1,{AT},4.5,mmol/L,,x\n7,0090,{AT},7.3,units,,x\n7,90,{AT},___,mmol/L,HOLD,\n7,5,{AT},1,U,,x\n7,1,{AT},,,,\n"
    (batch,) = read(HEAD + rows, name=name)
    assert brief(batch) == [
        ("LOINC//2823-3", 4.5, "mmol/L", None),
        ("LOINC//11558-4", 7.3, "[pH]", None),
        ("LOINC//2524-7", None, None, "HOLD"),
        ("LOCAL//5", 1.0, "U", None),
    ]
    event = batch.events.to_pylist()[0]
    assert (event["patient_id"], event["source_id"]) == ("h-7", f"{name}#1")
    assert (event["time"], event["available"]) == (datetime(2026, 1, 3, 8), datetime(2026, 1, 3, 9))
    assert (batch.rows, batch.read, batch.rejects) == (5, 5, ())
    assert displays(batch) == {"LOINC//2823-3": "Potassium", "LOINC//11558-4": "pH", "LOINC//2524-7": "Lactate"}


def test_what_is_no_number_is_text_where_text_is_given_and_refused_where_not(read):
    (batch,) = read(HEAD + f"7,1,{AT},<2,mmol/L,<2,\n7,1,{AT},high,mmol/L,,\n7,1,{AT},high,mmol/L,haemolysed,\n")
    assert brief(batch) == [("LOINC//2823-3", None, None, "<2 mmol/L"), ("LOINC//2823-3", None, None, "haemolysed")]
    assert rejects(batch) == [("row 2", "", "not a number (value)", "high")]


def test_a_row_without_code_or_availability_is_named(read):
    said = {**LABS, "tables": {"labs.csv*": {**LABS["tables"]["labs.csv*"]}}}
    said["tables"]["labs.csv*"]["events"] = [{**LABS["tables"]["labs.csv*"]["events"][0], "code": "{lab.code}"}]
    (batch,) = read(HEAD + f"7,5,{AT},1,U,,\n7,1,2026-01-03 08:00:00,,1,mmol/L,,\n7,1,2026-02-30 08:00:00,,1,mmol/L,,\n", said)
    assert rejects(batch) == [
        ("row 1", "", "no code (value)", "lab.code="),
        ("row 2", "", "no time", ""),
        ("row 3", "", "not a time of the stated format", "2026-02-30 08:00:00"),
    ]


def test_rows_of_another_length_among_many_keep_their_numbers(read, monkeypatch):
    monkeypatch.setattr(sys.modules["consilium.sources.csv.read"], "ROWS", 2)
    good, short = f"7,1,{AT},4,mmol/L,,\n", "7,1\n"
    batches = read(HEAD + good + short + good + good + "\n" + good + short + short + good + short)
    assert [r for batch in batches for r in batch.events["source_id"].to_pylist()] == [f"labs.csv#{n}" for n in (1, 3, 4, 5, 8)]
    assert [row for batch in batches for row, *_ in rejects(batch)] == ["row 2", "row 6", "row 7", "row 9"]


STAYS = {
    "name": "stays",
    "patient": "{subject}",
    "format": "%Y-%m-%d %H:%M",
    "zone": "UTC",
    "time": "start",
    "birth": {"age": "age", "year": "year", "capped": 91},
    "events": [
        {"code": "MEDICATION//TEXT//{drug}", "text": "{drug}"},
        {"code": "MEDICATION//END//TEXT//{drug}", "text": "{drug}", "time": "stop"},
        {"code": "LOINC//8480-6", "number": "bp", "unit": "mm[Hg]", "split": {"by": "/", "part": 1}, "unless": {"kind": ["none"]}},
        {"code": "LOINC//8462-4", "number": "bp", "unit": "mm[Hg]", "split": {"by": "/", "part": 2}, "where": {"kind": ["bp", "x"]}},
        {"code": "LOINC//8310-5", "number": "temp", "unit": "[degF]", "decimals": 1, "available": ["stop", "stored"]},
        {"code": "A//set", "text": "b", "static": True},
    ],
}
STAYS_HEAD = "subject,start,stop,stored,drug,bp,kind,temp,age,year\n"


def test_pairs_parts_choices_and_static(read):
    rows = (
        "a,2026-01-03 08:00,2026-01-04 08:00,2026-01-05 08:00,aspirin,120/80,bp,986,40,2020\n"
        "a,2026-01-03 08:00,,2026-01-03 07:00,,110,bp,,91,2020\n"
    )
    (batch,) = read(STAYS_HEAD + rows, STAYS, "stays.csv")
    said = [(r["code"], r["numeric_value"], r["text_value"], r["time"], r["available"]) for r in batch.events.to_pylist()]
    start, stop, stored = datetime(2026, 1, 3, 8), datetime(2026, 1, 4, 8), datetime(2026, 1, 5, 8)
    assert said == [
        ("MEDS_BIRTH", None, "from age 40 in 2020", datetime(1980, 1, 1), datetime(1981, 1, 1)),
        ("MEDICATION//TEXT//aspirin", None, "aspirin", start, start),
        ("MEDICATION//END//TEXT//aspirin", None, "aspirin", stop, stop),
        ("LOINC//8480-6", 120.0, None, start, start),
        ("LOINC//8462-4", 80.0, None, start, start),
        ("LOINC//8310-5", 98.6, None, start, stored),
        ("A//set", None, "b", None, None),
        ("MEDS_BIRTH", None, "from age 91 or more in 2020", datetime(1929, 1, 1), datetime(1930, 1, 1)),
        ("LOINC//8480-6", 110.0, None, start, start),
    ]
    assert rejects(batch) == [("row 2", "bp", "no part 2 at '/'", "110")]


ELAPSED = {
    "name": "stays",
    "patient": "{subject}",
    "time": {"assume": "2020-01-01T00:00:00Z", "elapsed": "minute", "unit": "min", "reason": "no dates"},
    "missing": ["", -1],
    "sex": {"column": "sex", "values": {0: "F", 1: "M"}},
    "columns": {"hr": {"code": "LOINC//8867-4", "unit": "/min"}, "kind": {"code": "A//kind", "values": {1: "x", 2: None}}},
}


def test_parquet_keeps_numbers_and_minutes(read):
    frame = pl.DataFrame(
        {
            "subject": [1, 2, 3, 4],
            "minute": [0, 61, None, 5],
            "hr": [80.5, -1.0, 70.0, float("nan")],
            "kind": [1, 2, 1, 7],
            "sex": [0, 1, 1, 5],
        },
        schema_overrides={"kind": pl.Int8},
    )
    (batch,) = read("", ELAPSED, "stays.parquet", frame)
    assert [(r["patient_id"], r["code"], r["numeric_value"], r["time"]) for r in batch.events.to_pylist()] == [
        ("1", "GENDER//F", None, None),
        ("1", "LOINC//8867-4", 80.5, datetime(2020, 1, 1)),
        ("1", "A//kind", None, datetime(2020, 1, 1)),
        ("2", "GENDER//M", None, None),
    ]
    assert rejects(batch) == [
        ("row 3", "", "no time", ""),
        ("row 4", "", "unknown sex (sex)", "5"),
        ("row 4", "kind", "unknown answer", "7"),
    ]


def test_parquet_holds_times_of_its_own(read):
    local = datetime(2026, 7, 1, 8)
    frame = pl.DataFrame({"subject": ["a"], "at": [local], "day": [local.date()], "v": [1.0]})
    said = {
        "name": "x", "patient": "{subject}", "zone": "Europe/Zurich", "time": {"column": "at"}, "available": {"column": "day"},
        "columns": {"v": {"code": "A//v", "unit": "1"}},
    }  # fmt: skip
    (batch,) = read("", said, "x.parquet", frame)
    (row,) = batch.events.to_pylist()
    assert (row["time"], row["available"]) == (datetime(2026, 7, 1, 6), datetime(2026, 7, 1, 22))


def test_a_damaged_parquet(folder):
    (folder / "map" / "labs.yaml").write_text(yaml.safe_dump(ELAPSED))
    (folder / "x.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(FormatError, match="not Parquet, or damaged"):
        list(csv.read(folder / "x.parquet", folder / "map" / "labs.yaml"))


def test_files_left_out_and_files_not_spoken_of(read, folder):
    said = {**LABS, "ignore_tables": ["poe*"]}
    (batch,) = read("whatever\n", said, "poe.csv")
    assert (batch.rows, batch.events.num_rows) == (0, 0)
    with pytest.raises(FormatError, match="says nothing about this table"):
        read("a\n", said, "other.csv")


def test_lookups_that_cannot_be_used(read, folder):
    (folder / "map" / "items.csv").write_text(ITEMS + "1,LOINC//1-8,Twice\n")
    with pytest.raises(FormatError, match="a key twice"):
        read(HEAD)
    (folder / "map" / "items.csv").write_text("item,code\n1,A//b\n")
    with pytest.raises(FormatError, match="lacks a column"):
        read(HEAD)
    (folder / "map" / "items.csv").unlink()
    with pytest.raises(FormatError, match="A lookup's file is absent"):
        read(HEAD)


def test_a_folder_of_mappings(folder):
    for name, table in (("one", "a.csv"), ("two", "b.csv")):
        said = {"name": "n", "tables": {table: {**ELAPSED, "name": None}}}
        said["tables"][table].pop("name")
        (folder / "map" / f"{name}.yaml").write_text(yaml.safe_dump(said))
    assert sorted(csv.load(folder / "map").tables) == ["a.csv", "b.csv"]
    (folder / "map" / "three.yaml").write_text(yaml.safe_dump(said))
    with pytest.raises(FormatError, match="speak of the same table"):
        csv.load(folder / "map")
    (folder / "map" / "three.yaml").write_text(yaml.safe_dump({**said, "name": "other"}))
    with pytest.raises(FormatError, match="name different sources"):
        csv.load(folder / "map")
    with pytest.raises(NotFoundError):
        csv.load(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"events": [{"number": "v", "unit": "1"}]}, "events[1] names no code"),
        ({"events": [{"code": "A//b", "number": "v"}]}, "events[1] has a number without a unit"),
        ({"events": [{"code": "A//b", "answer": "v"}]}, "events[1] must have number, text, or answer with values"),
        ({"events": [{"code": "A//{b", "text": "x"}]}, "events[1] is no template"),
        ({"events": [{"code": "A//b", "text": "x", "where": "ED"}]}, "events[1] has a where that is not understood"),
        ({"events": [{"code": "A//b", "number": "v", "unit": "1", "split": "/"}]}, "events[1] is split in a way"),
        ({"events": [{"code": "A//b", "number": "v", "unit": "1", "decimals": True}]}, "events[1] has implied decimals"),
        ({"events": {"code": "A//b"}}, "events is not a list"),
        ({"birth": {"age": "age", "capped": "old"}}, "birth is capped at what is no age"),
        ({"birth": {"age": "age", "bands": {"[60-70)": "old"}}}, "birth names bands without an age"),
        ({"lookups": {"x": {"file": "a.csv"}}}, "lookups.x is not understood"),
        ({"lookups": {"x": {"file": "a.csv", "key": ["a", "b"], "on": "a"}}}, "lookups.x joins on another number"),
        (
            {"time": {"assume": "2020-01-01T00:00:00Z", "reason": "r", "elapsed": "m", "unit": "fortnight"}},
            "time counts in no unit of time",
        ),
        ({"colums": {}}, "tables.t.csv has unknown keys"),
    ],
)
def test_tables_that_say_what_cannot_be(folder, change, words):
    (folder / "m.yaml").write_text(
        yaml.safe_dump({"name": "n", "tables": {"t.csv": {**{k: v for k, v in ELAPSED.items() if k != "name"}, **change}}})
    )
    with pytest.raises(FormatError) as refusal:
        csv.load(folder / "m.yaml")
    assert words in str(refusal.value)


TEXTS = st.one_of(
    st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,3}([eE][+-]?[0-9])?", fullmatch=True),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text(max_size=6),
    st.sampled_from(["nan", "inf", "1_0", "0x1", "-0.0", "<5", ">= 1e3", "00090", "1e400"]),
).map(str.strip)


@given(st.lists(TEXTS, max_size=12))
@example(["-0", "0.0", "1e15", "123456789012345678"])
def test_a_column_of_numbers_is_what_its_cells_are(cells):
    found = column.numbers(pl.Series(cells, dtype=pl.String)).to_list()
    for text, number in zip(cells, found, strict=True):
        try:
            law = cell.number(text)[0]
        except InputError:
            law = None
        assert number == law


@given(st.lists(TEXTS, max_size=12))
def test_a_column_of_keys_is_what_its_cells_are(cells):
    assert column.keys(pl.Series(cells, dtype=pl.String)).to_list() == [cell.plain(text) for text in cells]


@given(st.lists(st.floats(-1e16, 1e16), max_size=12))
def test_keys_of_a_typed_column_are_those_of_its_text(cells):
    assert column.among(pl.Series(cells, dtype=pl.Float64), {cell.plain(repr(x)) for x in cells}).all()


PATTERNS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%d.%m.%Y %H:%M", "%Y%m%d", "%m/%d/%Y", "%Y-%m-%dT%H"]
MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1))


@settings(max_examples=200)
@given(
    st.sampled_from(PATTERNS),
    st.lists(st.tuples(MOMENTS, st.sampled_from(["", "x", "9", " "])), max_size=6),
    st.sampled_from(["UTC", "Europe/Zurich"]),
)
@example("%Y-%m-%d %H:%M:%S", [(datetime(2025, 3, 30, 2, 30), ""), (datetime(2025, 10, 26, 2, 30), "")], "Europe/Zurich")
@example("%Y-%m-%d", [(datetime(2025, 3, 30), ""), (datetime(2025, 10, 26), "")], "Europe/Zurich")
def test_a_column_of_times_is_what_its_cells_are(pattern, said, zone):
    texts = [(moment.strftime(pattern) + tail).strip() for moment, tail in said]
    found = column.times(pl.DataFrame({"at": pl.Series(texts, dtype=pl.String)}), When("at", pattern, ZoneInfo(zone)), {""}, ".")
    for text, (start, end, reason) in zip(texts, found.iter_rows(), strict=True):
        try:
            assert (start, end, reason) == (*cell.time(text, pattern, ZoneInfo(zone)), None)
        except InputError as refusal:
            assert (start, end, reason) == (None, None, refusal.what)


def test_a_delay_and_what_to_do_otherwise():
    frame = pl.DataFrame({"a": ["", "2026-01-01"], "b": ["2026-01-02", "2026-01-03"]})
    zone = ZoneInfo("UTC")
    hour = timedelta(hours=1) // timedelta(microseconds=1)
    found = column.times(frame, When("a", "%Y-%m-%d", zone, after=hour, otherwise=When("b", "%Y-%m-%d", zone)), {""}, ".")
    at = [datetime.fromtimestamp(start / 1e6, UTC) for start in found["start"].to_list()]
    assert at == [datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC)]


def test_shipped_mappings_can_be_named():
    assert csv.load("physionet2012").source.licence == "ODC-BY-1.0"
    with pytest.raises(NotFoundError, match="mimic_iv"):
        csv.load(Path("no_such_mapping"))


QUOTED = 'subject;at;note;ü\n"a ""b""";2026-01-03;"one\ntwo; three";4,5\nc"d;2026-01-03;x"y;6\n'


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_quotes_and_encodings(folder, encoding):
    said = {
        "name": "q", "patient": "{subject}", "delimiter": ";", "decimal": ",", "encoding": encoding,
        "time": {"column": "at", "format": "%Y-%m-%d", "zone": "UTC"},
        "columns": {"note": {"code": "A//note", "text": True}, "ü": {"code": "A//u", "unit": "1"}},
    }  # fmt: skip
    (folder / "q.yaml").write_text(yaml.safe_dump(said))
    (folder / "q.csv").write_bytes(QUOTED.encode(encoding))
    (batch,) = csv.read(folder / "q.csv", folder / "q.yaml")
    assert [(r["patient_id"], r["text_value"], r["numeric_value"]) for r in batch.events.to_pylist()] == [
        ('a "b"', "one\ntwo; three", None),
        ('a "b"', None, 4.5),
        ('c"d', 'x"y', None),
        ('c"d', None, 6.0),
    ]
