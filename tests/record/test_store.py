"""The record on disk: MEDS form, what is kept and given back, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import meds
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.errors import BusyError, FormatError, LawError, NotFoundError, RecordError, TimeError
from consilium.core.events import SCHEMA, Reject
from consilium.core.source import Source
from consilium.record import SPLITS, Record, subject_id, writing
from consilium.record import merge as merging
from consilium.record import spill as spilling
from consilium.record.placement import placed

from .ward import at, event, events, named

LAB = "LOINC//2524-7"
PEOPLE = tuple(f"patient {n}" for n in range(60))


def _chart(patient: str) -> list[dict[str, object]]:
    return [
        event(patient, LAB, 3, 2.5),
        event(patient, "GENDER//F", None),
        event(patient, "MEDS_BIRTH", -20_000),
        event(patient, LAB, 1, 1.5, late=4),
        event(patient, "CONDITION//SNOMED//91302008", 2, text_value="sepsis"),
    ]


@pytest.fixture
def ward(tmp_path: Path) -> Record:
    with writing(tmp_path / "ward", shards=3) as w:
        w.add(events([e for p in PEOPLE for e in _chart(p)]), named(*PEOPLE))
        w.source(Source("first.ndjson", sha256="a" * 64))
        w.describe({LAB: "Lactate", "SNOMED//373066001": "Yes", "GENDER//F": ""})
        w.reject([Reject("first.ndjson", "7", "no time zone", found="2026-01-01T08:00")])
        return w.commit({"files": 1})


def _everything(record: Record) -> pa.Table:
    whole = pa.concat_tables([SCHEMA.empty_table(), *record.events()])
    return whole.sort_by([(c, "ascending") for c in ("subject_id", "time", "code", "numeric_value", "source_id")])


def test_the_folder_is_a_meds_data_set(ward: Record) -> None:
    files = sorted((ward.path / meds.data_subdirectory).rglob("*.parquet"))
    assert {f.parent.name for f in files} <= set(SPLITS)
    homes: dict[int, Path] = {}
    codes = set()
    for file in files:
        shard = pq.read_table(file, partitioning=None)
        meds.DataSchema.validate(shard)
        assert shard.schema.equals(SCHEMA)
        subjects = shard["subject_id"].to_numpy()
        assert np.count_nonzero(np.diff(subjects)) + 1 == len(np.unique(subjects)), "a subject is not contiguous"
        for subject in np.unique(subjects).tolist():
            assert homes.setdefault(subject, file) == file, "a subject lies in two shards"
            times = shard.filter(pc.equal(shard["subject_id"], subject))["time"].to_pylist()
            dated = [t for t in times if t is not None]
            assert times == [None] * (len(times) - len(dated)) + sorted(dated)
        codes |= set(shard["code"].to_pylist())
    assert set(homes) == set(named(*PEOPLE))

    listed = pq.read_table(ward.path / meds.code_metadata_filepath)
    meds.CodeMetadataSchema.validate(listed)
    assert codes <= set(listed["code"].to_pylist())
    assert len(set(listed["code"].to_pylist())) == listed.num_rows
    parents = dict(zip(listed["code"].to_pylist(), listed["parent_codes"].to_pylist(), strict=True))
    assert parents["CONDITION//SNOMED//91302008"] == ["SNOMED//91302008"]

    splits = pq.read_table(ward.path / meds.subject_splits_filepath)
    meds.SubjectSplitSchema.validate(splits)
    for subject, split in zip(splits["subject_id"].to_pylist(), splits["split"].to_pylist(), strict=True):
        assert homes[subject].parent.name == split
    dataset = json.loads((ward.path / meds.dataset_metadata_filepath).read_text())
    meds.DatasetMetadataSchema.validate(dataset)
    assert dataset["meds_version"].startswith("0.4")


def test_what_was_written_is_given_back(ward: Record) -> None:
    sent = events([e for p in PEOPLE for e in _chart(p)]).sort_by(
        [(c, "ascending") for c in ("subject_id", "time", "code", "numeric_value", "source_id")]
    )
    assert _everything(ward).equals(sent)
    assert ward.patients() == sorted((p, subject_id(p)) for p in PEOPLE)
    assert ward.sources() == (Source("first.ndjson", sha256="a" * 64),)
    assert ward.rejects() == (Reject("first.ndjson", "7", "no time zone", found="2026-01-01T08:00"),)
    assert dict(ward.descriptions()) == {LAB: "Lactate", "SNOMED//373066001": "Yes"}
    (summary,) = ward.summaries()
    assert summary["files"] == 1
    own = summary["record"]
    assert (own["events"], own["duplicates"], own["rejects"], own["generation"]) == (300, 0, 1, 1)


def test_views_are_the_splits_and_together_the_whole(ward: Record) -> None:
    seen = [pa.concat_tables([SCHEMA.empty_table(), *v.events()]) for v in (ward.train, ward.tuning, ward.held_out)]
    assert sum(t.num_rows for t in seen) == 300
    who = [set(t["subject_id"].to_pylist()) for t in seen]
    assert not who[0] & who[1] and not who[0] & who[2] and not who[1] & who[2]
    assert len(who[0]) > len(who[1]) + len(who[2])
    with pytest.raises(RecordError, match="no such split"):
        list(ward.events("test"))


def test_a_later_ingest_merges_and_rewrites_only_what_it_touches(ward: Record) -> None:
    inodes = {p.relative_to(ward.root): p.stat().st_ino for p in ward.shards()}
    more = [event(PEOPLE[0], LAB, 9, 4.0), *_chart(PEOPLE[0]), event("newcomer", "GENDER//M", None)]
    with writing(ward.path) as w:
        w.add(events(more), named(PEOPLE[0], "newcomer"))
        w.reject([Reject("second.ndjson", "1", "no code")])
        later = w.commit({})
    assert later.generation == 2
    assert later.summaries()[1]["record"]["events"] == 2
    assert later.summaries()[1]["record"]["duplicates"] == 5
    assert _everything(later).num_rows == 302
    assert [r.file for r in later.rejects()] == ["first.ndjson", "second.ndjson"]
    rewritten = {p.relative_to(later.root) for p in later.shards()} - {
        p.relative_to(later.root) for p in later.shards() if inodes.get(p.relative_to(later.root)) == p.stat().st_ino
    }
    split, shard = placed(np.array([subject_id(PEOPLE[0]), subject_id("newcomer")]), 3)
    assert {p.as_posix() for p in rewritten} == {f"data/{SPLITS[s]}/{n}.parquet" for s, n in zip(split, shard, strict=True)}
    later.check()


def test_a_reader_stays_at_its_generation_until_it_asks_for_the_latest(ward: Record) -> None:
    before = _everything(ward)
    with writing(ward.path) as w:
        w.add(events([event(PEOPLE[0], LAB, 9, 4.0)]), named(PEOPLE[0]))
        w.commit({})
    assert _everything(ward).equals(before)
    assert ward.latest().generation == 2
    assert _everything(ward.latest()).num_rows == 301
    assert ward.latest().latest().generation == 2


def test_a_reader_left_behind_by_two_ingests_is_told_so(ward: Record) -> None:
    for day in (9, 10):
        with writing(ward.path) as w:
            w.add(events([event(PEOPLE[0], LAB, day, 4.0)]), named(PEOPLE[0]))
            w.commit({})
    with pytest.raises(RecordError, match="Open the record again"):
        list(ward.events())
    with pytest.raises(RecordError, match="Open the record again"):
        ward.sources()


def test_the_same_event_from_another_resource_is_kept_once_and_counted(tmp_path: Path) -> None:
    one = event("ann", LAB, 1, 2.0, source_id="Observation/2")
    other = [one | {"source_id": "Observation/1"}, one | {"unit": "mg/dL"}, one | {"available": at(2)}, one | {"numeric_value": None}]
    with writing(tmp_path / "r") as w:
        w.add(events([one, *other, one]), named("ann"))
        record = w.commit({})
    kept = record.patient("ann").events
    assert kept.num_rows == 4
    assert record.summaries()[0]["record"]["duplicates"] == 2
    first = kept.filter(pc.and_(pc.equal(kept["numeric_value"], 2.0), pc.equal(kept["available"], at(1)))).to_pylist()
    assert {(r["unit"], r["source_id"]) for r in first} == {("mmol/L", "Observation/1"), ("mg/dL", "Observation/2")}


def test_an_event_already_held_keeps_its_origin(tmp_path: Path) -> None:
    for origin in ("Observation/9", "Observation/1"):
        with writing(tmp_path / "r") as w:
            w.add(events([event("ann", LAB, 1, 2.0, source_id=origin)]), named("ann"))
            record = w.commit({})
    assert record.patient("ann").events["source_id"].to_pylist() == ["Observation/9"]


def test_files_committed_before_are_known(ward: Record) -> None:
    with writing(ward.path) as w:
        assert w.known("a" * 64)
        assert not w.known("b" * 64)
        w.source(Source("second.ndjson", sha256="b" * 64))
        later = w.commit({})
    assert [s.name for s in later.sources()] == ["first.ndjson", "second.ndjson"]


def test_any_order_and_any_number_of_steps_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [e for p in PEOPLE for e in _chart(p)]
    with writing(tmp_path / "whole") as w:
        w.add(events(rows), named(*PEOPLE))
        whole = w.commit({})
    monkeypatch.setattr(spilling, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(merging, "ROWS_AT_ONCE", 11)
    with writing(tmp_path / "parts") as w:
        for row in reversed(rows):
            w.add(events([row]), named(*PEOPLE))
        parts = w.commit({})
    tables = zip(whole.events(), parts.events(), strict=True)
    assert all(a.equals(b) for a, b in tables)
    assert [p.relative_to(whole.root) for p in whole.shards()] == [p.relative_to(parts.root) for p in parts.shards()]


def test_a_patient_is_given_as_known_at_the_moment(ward: Record) -> None:
    def seen(as_of: object) -> list[tuple[str, float | None]]:
        rows = ward.patient(PEOPLE[3], as_of).events.to_pylist()  # type: ignore[arg-type]
        return [(r["code"], r["numeric_value"]) for r in rows if r["code"] == LAB or r["time"] is None]

    assert seen(at(2)) == [("GENDER//F", None)]
    assert seen(at(3)) == [("GENDER//F", None), (LAB, 2.5)]
    assert seen("2026-01-06") == [("GENDER//F", None), (LAB, 1.5), (LAB, 2.5)]
    assert seen("2026-01-06T01:00+02:00") == [("GENDER//F", None), (LAB, 2.5)]
    assert ward.patient(PEOPLE[3]).as_of == at(5)
    assert ward.patient(PEOPLE[3]).events.num_rows == 5


def test_a_chart_without_dates_is_asked_about_as_of_the_commit(tmp_path: Path) -> None:
    with writing(tmp_path / "r") as w:
        w.add(events([event("ann", "GENDER//F", None)]), named("ann", "nothing known"))
        record = w.commit({})
    assert record.patient("ann").as_of == record.manifest.committed
    assert record.patient("nothing known").events.num_rows == 0


def test_a_moment_before_birth_or_beyond_reading_is_refused(ward: Record) -> None:
    with pytest.raises(TimeError, match="before birth"):
        ward.patient(PEOPLE[0], "1900-01-01")
    with pytest.raises(TimeError, match="cannot be read"):
        ward.patient(PEOPLE[0], "yesterday")


def test_an_unknown_patient_is_not_found_and_near_ones_are_named(ward: Record) -> None:
    with pytest.raises(NotFoundError, match="patient 12"):
        ward.patient("patient 12x")
    with pytest.raises(NotFoundError, match="lists everybody"):
        ward.patient("zzzzzzzz")


def test_what_is_not_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such record"):
        Record.open(tmp_path / "absent")
    with pytest.raises(NotFoundError, match="Nothing has been committed"):
        Record.open(tmp_path)
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(FormatError, match="not a record"):
        Record.open(tmp_path)
    with pytest.raises(FormatError, match="something else"), writing(tmp_path):
        pass
    with pytest.raises(FormatError, match="something else"), writing(tmp_path / "thesis.doc"):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.doc"]


def test_leaving_without_commit_leaves_everything_as_it_was(ward: Record, tmp_path: Path) -> None:
    def listing(folder: Path) -> list[tuple[str, int]]:
        return sorted((str(p.relative_to(folder)), p.lstat().st_ino) for p in folder.rglob("*"))

    before = listing(ward.path)
    with writing(ward.path) as w:
        w.add(events([event("x", LAB, 1, 1.0)]), named("x"))
    assert listing(ward.path) == before
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "never") as w:
        w.add(events([event("x", LAB, 1, 1.0)]), named("x"))
        raise ZeroDivisionError
    assert not (tmp_path / "never").exists()


def test_a_second_writer_is_busy(ward: Record) -> None:
    with writing(ward.path) as w:
        with pytest.raises(BusyError, match="Somebody else"), writing(ward.path):
            pass
        w.add(events([event("x", LAB, 1, 1.0)]), named("x"))
        assert w.commit({}).generation == 2
    with writing(ward.path):
        pass


def test_a_record_keeps_its_number_of_shards(ward: Record) -> None:
    with pytest.raises(RecordError, match="keeps its number of shards"), writing(ward.path, shards=4):
        pass
    with writing(ward.path, shards=3) as w:
        assert w.commit({}).manifest.shards == 3


def test_two_identifiers_never_share_a_number(ward: Record) -> None:
    with pytest.raises(RecordError, match="Two patients would become one"), writing(ward.path) as w:
        w.add(events([event(PEOPLE[0], LAB, 1, 1.0)]), {subject_id(PEOPLE[0]): "somebody else"})
        w.commit({})
    with pytest.raises(RecordError, match="one two"), writing(ward.path) as w:
        w.add(events([]), {17: PEOPLE[0]})
        w.commit({})
    assert ward.latest().generation == 1


@pytest.mark.parametrize(
    ("row", "law"),
    [
        (event("ann", LAB, 1, 1.0) | {"available": None}, "says when it could be known"),
        (event("ann", LAB, 1, float("nan")), "finite number"),
        (event("ann", LAB, 1, float("inf")), "finite number"),
        (event("stranger", LAB, 1, 1.0), "no patient"),
    ],
)
def test_an_unlawful_event_is_refused_and_ends_the_ingest(tmp_path: Path, row: dict[str, object], law: str) -> None:
    with writing(tmp_path / "r") as w:
        with pytest.raises(LawError, match=law):
            w.add(events([row]), named("ann"))
        with pytest.raises(RecordError, match="has ended"):
            w.commit({})
    assert not (tmp_path / "r").exists()


def test_other_columns_are_refused(tmp_path: Path) -> None:
    with writing(tmp_path / "r") as w, pytest.raises(LawError, match="other columns"):
        w.add(events([event("ann", LAB, 1, 1.0)]).drop_columns(["unit"]), named("ann"))


def test_a_source_needs_its_checksum(tmp_path: Path) -> None:
    with writing(tmp_path / "r") as w, pytest.raises(LawError, match="checksum"):
        w.source(Source("first.ndjson"))


def test_damage_is_found(ward: Record) -> None:
    ward.check()
    shard = ward.shards()[0]
    bytes_ = bytearray(shard.read_bytes())
    bytes_[len(bytes_) // 3] ^= 1
    shard.write_bytes(bytes_)
    with pytest.raises(RecordError, match=f"{shard.parent.name}/{shard.name}"):
        Record.open(ward.path).check()
    shard.write_bytes(bytes_[:-5])
    with pytest.raises(RecordError, match=r"damaged.*backup"):
        Record.open(ward.path)
    shard.unlink()
    with pytest.raises(RecordError, match="no such file"):
        Record.open(ward.path)


def test_a_damaged_shard_is_not_merged_into(ward: Record) -> None:
    split, number = placed(np.array([subject_id(PEOPLE[0])]), 3)
    shard = ward.root / f"data/{SPLITS[split[0]]}/{number[0]}.parquet"
    bytes_ = bytearray(shard.read_bytes())
    bytes_[len(bytes_) // 3] ^= 1
    shard.write_bytes(bytes_)
    with pytest.raises(RecordError, match="damaged"), writing(ward.path) as w:
        w.add(events([event(PEOPLE[0], LAB, 9, 1.0)]), named(PEOPLE[0]))
        w.commit({})
    assert ward.latest().generation == 1


def test_a_damaged_manifest_is_said_in_words(ward: Record) -> None:
    path = ward.root / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace("consilium-record", "another"))
    with pytest.raises(FormatError, match="another form"):
        Record.open(ward.path)
    path.write_text(text[:50])
    with pytest.raises(RecordError, match="manifest cannot be read"):
        Record.open(ward.path)


def test_leftovers_of_a_crash_are_invisible_and_cleaned_by_the_next_ingest(ward: Record) -> None:
    staging = ward.path / ".staging-1-dead" / "generation" / "data"
    orphan = ward.path / "generations" / "0000002" / "data" / "train"
    for folder in (staging, orphan):
        folder.mkdir(parents=True)
        pq.write_table(events([event("x", LAB, 1, 1.0)]), folder / "0.parquet")
    (ward.path / ".current-dead").symlink_to("generations/0000002")
    assert _everything(Record.open(ward.path)).equals(_everything(ward))
    with writing(ward.path) as w:
        record = w.commit({})
    assert _everything(record).equals(_everything(ward))
    assert sorted(p.name for p in ward.path.iterdir()) == [".lock", "current", "data", "generations", "manifest.json", "metadata"]


def test_a_copy_without_links_can_be_read_but_not_written(ward: Record, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ward.path, copy, symlinks=False)
    assert _everything(Record.open(copy)).equals(_everything(ward))
    with pytest.raises(FormatError, match="cp -a"), writing(copy):
        pass


def test_an_ingest_works_where_there_are_no_hard_links(ward: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    with writing(ward.path) as w:
        later = w.commit({})
    later.check()
    assert _everything(later).equals(_everything(ward))


@settings(deadline=None)
@given(st.text(min_size=1))
def test_a_number_is_positive_and_63_bits(patient: str) -> None:
    assert 0 < subject_id(patient) < 2**63
    assert subject_id(patient) == subject_id(patient)


def test_numbers_and_places_stay_what_they_are() -> None:
    assert subject_id("42") == 3691287409744761472
    with pytest.raises(LawError):
        subject_id("")
    split, shard = placed(np.array([subject_id(str(n)) for n in range(10_000)]), 8)
    assert np.abs(np.bincount(split) / 10_000 - [0.8, 0.1, 0.1]).max() < 0.02
    for name in range(3):
        share = np.bincount(shard[split == name], minlength=8) / (split == name).sum()
        assert np.abs(share - 1 / 8).max() < 0.04, "shard and split must not go together"


def test_a_record_is_named_by_its_folder_and_generation(ward: Record) -> None:
    assert replace(ward) == ward
    assert Record.open(ward.path) == ward
