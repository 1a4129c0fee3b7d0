"""Scale: the same answer in any number of parts and processes, bounded parts, and runs that go on where they were stopped."""

from __future__ import annotations

import errno
import os
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.card import Input, Question
from consilium.core.errors import FormatError, LawError, RecordError, TimeError
from consilium.record import Record, cohort, cohort_of, features, features_of, matrix, shards_for, subject_id, writing
from consilium.record import merge as merging
from consilium.record import shard as shards
from consilium.record import spill as spilling
from consilium.record import tables as tabling
from consilium.record.asked import rows_of
from consilium.record.matrix import row_chunks
from consilium.record.plan import plan
from consilium.record.tables import PLAN, write_tables

from .ward import at, event, events, named

LAB, STAY = "LOINC//2524-7", "ENCOUNTER//EMER"
PEOPLE = tuple(f"patient {n}" for n in range(60))
INPUTS = (
    Input("lactate last", (LAB,), "mmol/L"),
    Input("lactate max", (LAB,), "mmol/L", "max", timedelta(days=3)),
    Input("lactate count", (LAB,), "1", "count"),
    Input("age", ("MEDS_BIRTH",), "a", "age"),
)
QUESTION = Question(STAY, LAB, (timedelta(0), timedelta(days=4)), positive_from=20.0)


def _chart(n: int) -> list[dict[str, object]]:
    patient = PEOPLE[n]
    labs = [event(patient, LAB, day, float(n + day)) for day in range(1 + n % 7)]
    stay = [event(patient, STAY, 1.0)] if n % 3 else []
    return [event(patient, "MEDS_BIRTH", -365.0 * (20 + n)), event(patient, "GENDER//F", None), *stay, *labs]


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Record:
    with writing(tmp_path_factory.mktemp("scale") / "ward", shards=2) as w:
        w.add(events([e for n in range(len(PEOPLE)) for e in _chart(n)]), named(*PEOPLE))
        return w.commit({})


def _whole(record: Record) -> pa.Table:
    return pa.concat_tables(record.events())


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by([("subject_id", "ascending"), ("as_of", "ascending")])


@pytest.mark.parametrize("rows", [1, 7, 40, 10_000])
def test_parts_of_a_shard_hold_whole_subjects_and_together_the_shard(ward: Record, rows: int) -> None:
    for path in ward.shards():
        cut = list(shards.parts(path, rows))
        assert pa.concat_tables(cut).equals(shards.read_shard(path))
        owners = [set(part["subject_id"].to_pylist()) for part in cut]
        assert sum(map(len, owners)) == len(set().union(*owners))


def test_parts_are_bounded_but_for_a_subject_that_is_larger(tmp_path: Path) -> None:
    rows = pa.concat_tables([events([event(n, LAB, d / 9, 1.0) for d in range(40 if n != 7 else 900)]) for n in range(50)])
    pq.write_table(rows, tmp_path / "0.parquet", row_group_size=50)
    sizes = [part.num_rows for part in shards.parts(tmp_path / "0.parquet", 200)]
    assert sum(sizes) == rows.num_rows
    assert sorted(sizes)[-2] <= 200 + 50 + 40 and max(sizes) <= 900 + 200 + 50


def test_a_shard_that_is_gone_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="gone"):
        list(shards.parts(tmp_path / "0.parquet"))


@pytest.mark.parametrize(("part", "entries"), [(1, 1), (50, 30), (100_000, 500_000)])
def test_features_of_a_record_are_those_of_all_events_at_once(
    ward: Record, tmp_path: Path, part: int, entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tabling, "parts", partial(shards.parts, rows=part))
    monkeypatch.setattr(sys.modules["consilium.record.matrix"], "ENTRIES_AT_ONCE", entries)
    asked = cohort(_whole(ward), QUESTION)
    expected = features(_whole(ward), INPUTS, asked.rows)
    written = features_of(ward, INPUTS, QUESTION, tmp_path / "x")
    assert written.counts == asked.excluded and written.rows == len(asked.rows) > 20
    order = {row: n for n, row in enumerate(asked.rows)}
    X, rest = matrix(written, INPUTS)
    places = [order[row] for row in zip(rest["subject_id"].to_pylist(), rest["as_of"].to_pylist(), strict=True)]
    np.testing.assert_array_equal(X, expected.X[places])
    assert rest["label"].to_pylist() == asked.labels[places].tolist() and set(asked.labels.tolist()) == {0, 1}


def test_it_does_not_matter_how_one_says_who_is_asked_about(ward: Record, tmp_path: Path) -> None:
    by_question = features_of(ward, INPUTS, QUESTION, tmp_path / "question").read()
    found = cohort_of(ward, QUESTION, tmp_path / "cohort", workers=2)
    assert features_of(ward, INPUTS, found, tmp_path / "tables").read().equals(by_question)
    asked = cohort(_whole(ward), QUESTION)
    assert _sorted(features_of(ward, INPUTS, asked, tmp_path / "rows").read()).equals(_sorted(by_question))
    by_pair = features_of(ward, INPUTS, asked.rows, tmp_path / "pairs", workers=2).read()
    assert _sorted(by_pair).equals(_sorted(by_question.drop_columns(["label"])))
    assert features_of(ward, INPUTS, partial(cohort, question=QUESTION), tmp_path / "function").read().equals(by_question)


def test_somebody_of_whom_nothing_is_known_has_a_row_without_values(ward: Record, tmp_path: Path) -> None:
    stranger, known = subject_id("nobody"), subject_id(PEOPLE[1])
    written = features_of(ward, INPUTS, [(stranger, at(9)), (known, at(9)), (known, at(1.5))], tmp_path / "x").read().to_pylist()
    rows = {(row["subject_id"], row["as_of"]): row for row in written}
    assert len(rows) == 3
    assert [rows[stranger, at(9)][i.name] for i in INPUTS] == [None] * 4
    assert [rows[known, at(9)][i.name] for i in INPUTS] == [2.0, None, 2.0, 21.0]
    assert rows[known, at(1.5)]["lactate max"] == 2.0


def test_units_stand_in_the_file(ward: Record, tmp_path: Path) -> None:
    written = features_of(ward, INPUTS, QUESTION, tmp_path / "x")
    schema = pq.read_schema(written.files[0])
    assert [schema.field(i.name).metadata[b"unit"].decode() for i in INPUTS] == [i.unit for i in INPUTS]


def test_moments_must_be_moments(ward: Record, tmp_path: Path) -> None:
    zoned = pa.table({"subject_id": [1], "as_of": pa.array([at(1)], pa.timestamp("us", "Europe/Zurich"))})
    with pytest.raises(TimeError, match="zone"):
        rows_of(zoned)
    with pytest.raises(LawError, match="moment"):
        rows_of(pa.table({"subject_id": [1], "as_of": pa.nulls(1, pa.timestamp("us"))}))
    train = {s for t in ward.train.events() for s in t["subject_id"].to_pylist()}
    stray = next(s for _, s in ward.patients() if s not in train)
    with pytest.raises(LawError, match="another split"):
        features_of(ward.train, INPUTS, [(stray, at(1))], tmp_path / "x")
    with pytest.raises(LawError, match="name of its own"):
        features_of(ward, INPUTS, lambda table: cohort(table, QUESTION), tmp_path / "y")


def _stopping(events: pa.Table, asked: pa.Table | None, *, stop: Path):  # type: ignore[no-untyped-def]
    if stop.exists() and len(list(stop.parent.rglob("[0-9]*.parquet"))) >= 3:
        raise KeyError("stopped")
    yield events.select(["subject_id", "code"])


def test_a_run_that_was_stopped_goes_on(ward: Record, tmp_path: Path) -> None:
    out, stop, told = tmp_path / "out", tmp_path / "stop", []
    stop.touch()
    make = partial(_stopping, stop=stop)
    with pytest.raises(KeyError):
        write_tables(make, ward, out, plan={"what": "codes"})
    finished = {p: p.stat().st_mtime_ns for p in out.rglob("*.parquet")}
    assert len(finished) == 3 and not [p for p in out.rglob(".*") if p.is_file()]
    stop.unlink()
    again = write_tables(make, ward, out, plan={"what": "codes"}, progress=lambda done, whole: told.append((done, whole)))
    assert again.already == 3 and len(again.files) == len(ward.shards()) > 3
    assert told[0] == (3, len(again.files)) and told[-1] == (len(again.files), len(again.files))
    assert {p: p.stat().st_mtime_ns for p in finished} == finished
    assert again.read().equals(_whole(ward).select(["subject_id", "code"]))


def test_a_folder_of_something_else_is_refused(ward: Record, tmp_path: Path) -> None:
    features_of(ward, INPUTS, QUESTION, tmp_path / "x")
    with pytest.raises(RecordError, match=r"something else.*inputs"):
        features_of(ward, INPUTS[:2], QUESTION, tmp_path / "x")
    with pytest.raises(RecordError, match=r"something else.*record"):
        features_of(ward.train, INPUTS, QUESTION, tmp_path / "x")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").touch()
    with pytest.raises(FormatError, match="something else"):
        features_of(ward, INPUTS, QUESTION, tmp_path / "letters")
    assert (tmp_path / "x" / PLAN).is_file()


def test_a_full_disk_keeps_what_was_finished(ward: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def full(path: Path) -> None:
        calls.append(path)
        if len(calls) > 6:  # the plan takes two, each shard two
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(tabling, "sync", full)
        with pytest.raises(RecordError, match="could not be written"):
            features_of(ward, INPUTS, QUESTION, tmp_path / "x")
    left = sorted(p.name for p in (tmp_path / "x").rglob("*") if p.is_file())
    assert not [name for name in left if name.startswith(".")]
    again = features_of(ward, INPUTS, QUESTION, tmp_path / "x")
    assert 0 < again.already < len(again.files)
    assert again.read().equals(features_of(ward, INPUTS, QUESTION, tmp_path / "y").read())


def test_a_record_in_steps_is_the_record_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [e for n in range(len(PEOPLE)) for e in _chart(n)]
    with writing(tmp_path / "whole", shards=2) as w:
        w.add(events(rows), named(*PEOPLE))
        whole = w.commit({})
    monkeypatch.setattr(spilling, "ROWS_AT_ONCE", 50)
    monkeypatch.setattr(merging, "ROWS_AT_ONCE", 20)
    with writing(tmp_path / "steps", shards=2) as w:
        for step, start in enumerate(range(0, len(rows), 60)):
            w.add(events([*rows[start : start + 60], *rows[:5]]), named(*PEOPLE))
            kept = w.checkpoint({"step": step})
            assert w.waiting == 0 and kept.generation == step + 1
            assert len({e["step"] for e in kept.summaries()}) == 1, "one ingest has one summary, however often it commits"
        steps = w.commit({"step": "last"})
    assert [p.relative_to(steps.root) for p in steps.shards()] == [p.relative_to(whole.root) for p in whole.shards()]
    assert _whole(steps).equals(_whole(whole))
    steps.check()
    (told,) = steps.summaries()
    assert told["record"]["events"] == len(rows) and told["record"]["duplicates"] == 5 * (-(-len(rows) // 60))
    assert len(list((tmp_path / "steps" / "generations").iterdir())) <= 3
    with writing(tmp_path / "steps") as w:
        assert len(w.commit({}).summaries()) == 2


@given(st.integers(0, 10**12))
def test_shards_are_a_power_of_two_and_of_bearable_size(events_: int) -> None:
    n = shards_for(events_)
    assert 8 <= n <= 1024 and n & (n - 1) == 0
    assert n in (8, 1024) or 0.4 * events_ / 1_000_000 <= n <= 1.6 * events_ / 1_000_000 + 2


def test_rows_out_of_order_are_refused_rather_than_parted_from_their_events(ward: Record) -> None:
    layout = plan(INPUTS, {})
    whole = shards.read_shard(ward.shards()[0])
    subjects = sorted(set(whole["subject_id"].to_pylist()), reverse=True)
    with pytest.raises(LawError, match="stand by subject"):
        list(row_chunks(whole, rows_of([(s, at(9)) for s in subjects]), layout))
