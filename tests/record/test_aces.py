"""ACES task files: read as they are, answered as a slow reference answers them, refused where they say nothing sensible."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from meds import LabelSchema

from consilium.core.errors import CardError, LawError, NotFoundError, RecordError, TimeError
from consilium.record.aces import label, label_shards, labels, read_task
from consilium.record.aces.length import length
from consilium.record.aces.read import task_of
from consilium.record.realise import realise

from .worlds import HOUR, START, answers, table, tasks, worlds

TASKS = sorted((Path(__file__).parent / "tasks").glob("*.yaml"))


def found(rows: list[dict[str, Any]], task: dict[str, Any]) -> list[tuple[int, datetime, datetime, int]]:
    answer = labels(table(rows), task_of(task, "drawn"))
    told = realise(table(rows), task_of(task, "drawn"))
    triggers = told.trigger[told.kept].astype("datetime64[us]").tolist()
    assert (answer["boolean_value"].to_numpy(zero_copy_only=False) == (answer["integer_value"].to_numpy() > 0)).all()
    columns = answer["subject_id"].to_pylist(), triggers, answer["prediction_time"].to_pylist(), answer["integer_value"].to_pylist()
    return list(zip(*columns, strict=True))


@settings(max_examples=300, deadline=None)
@given(worlds, tasks())
def test_a_task_is_answered_as_by_hand(rows: list[dict[str, Any]], task: dict[str, Any]) -> None:
    assert found(rows, task) == answers(rows, task)


@settings(max_examples=60, deadline=None)
@given(worlds, tasks(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[dict[str, Any]], task: dict[str, Any], random: Any) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    assert found(mixed, task) == found(rows, task)


@settings(max_examples=60, deadline=None)
@given(worlds, tasks())
def test_subjects_are_answered_apart_as_together(rows: list[dict[str, Any]], task: dict[str, Any]) -> None:
    apart = [answer for subject in (1, 3, 7) for answer in found([row for row in rows if row["subject_id"] == subject], task)]
    assert apart == found(rows, task)


def test_records_too_long_for_one_axis_are_answered_in_turn() -> None:
    ages = [datetime(1, 1, 2), datetime(9999, 12, 30)]
    rows = [dict.fromkeys(("numeric_value", "text_value")) | {"subject_id": s, "time": t, "code": "A//1"} for s in range(40) for t in ages]
    task = {
        "predicates": {"a": {"code": "A//1"}},
        "trigger": "a",
        "windows": {"w": {"start": "trigger", "end": "start -> a", "start_inclusive": False, "end_inclusive": False, "label": "a"}},
    }
    assert [(s, t) for s, t, *_ in found(rows, task)] == [(s, ages[0]) for s in range(40)]


@pytest.fixture(scope="session")
def sample(unzipped: Any) -> Path:
    """The 100 synthetic subjects of the ACES sample, in four shards."""
    return Path(unzipped("meds_samples")) / "aces_sample_data" / "meds_sample"


# Counted by es-aces 0.7.3 from the same files: labels, and positive labels.
COUNTED = {
    "abnormal_lab": (645, 631),
    "followed_up": (246, 191),
    "imminent_decline": (15474, 2488),
    "inhospital_mortality": (175, 0),
    "length_of_record": (99, 64),
    "long_stay": (183, 30),
    "men_hypoxia": (1606, 1532),
    "readmission": (194, 14),
}


@pytest.mark.parametrize("path", TASKS, ids=lambda path: path.stem)
def test_the_sample_is_answered_as_es_aces_answers_it(path: Path, sample: Path) -> None:
    shards = dict(label_shards(sample, read_task(path)))
    assert list(shards) == ["held_out/0", "train/0", "train/1", "tuning/0"]
    answer = pa.concat_tables(shards.values())
    assert answer.schema == LabelSchema.schema()
    assert (answer.num_rows, int(np.sum(answer["boolean_value"].to_numpy(zero_copy_only=False)))) == COUNTED[path.stem]


def test_a_shard_read_in_parts_gives_the_same(sample: Path) -> None:
    task = read_task(TASKS[0])
    assert dict(label_shards(sample, task, rows=700)) == dict(label_shards(sample, task))


def test_a_subject_torn_apart_is_refused(tmp_path: Path) -> None:
    rows = [
        {"subject_id": s, "time": START, "code": "LAB//potassium", "numeric_value": 0.0, "text_value": None} for s in (1, 1, 2, 2, 3, 1)
    ]
    pq.write_table(table(rows), tmp_path / "0.parquet")
    with pytest.raises(RecordError, match="do not stand together"):
        list(label_shards(tmp_path, read_task(TASKS[0]), rows=2))


def test_labels_are_written_shard_by_shard(tmp_path: Path) -> None:
    rows = [
        {"subject_id": 1, "time": START + n * HOUR, "code": "LAB//potassium", "numeric_value": v, "text_value": None}
        for n, v in ((0, 0.0), (20, 9.0))
    ]
    (tmp_path / "meds" / "data" / "train").mkdir(parents=True)
    pq.write_table(table(rows), tmp_path / "meds" / "data" / "train" / "0.parquet")
    pq.write_table(table([]), tmp_path / "meds" / "data" / "train" / "1.parquet")
    assert label(tmp_path / "meds", read_task(TASKS[0]), tmp_path / "out") == {"train/0": 1, "train/1": 0}
    (written,) = pq.read_table(tmp_path / "out" / "train" / "0.parquet").to_pylist()
    assert written["prediction_time"] == START and written["boolean_value"] is True and written["integer_value"] == 1
    assert sorted(p.name for p in (tmp_path / "out" / "train").iterdir()) == ["0.parquet", "1.parquet"]
    with pytest.raises(NotFoundError):
        list(label_shards(tmp_path / "nowhere", read_task(TASKS[0])))


def test_predicates_of_another_file_replace_those_of_the_task(tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text("predicates: {normal: {code: K}}\npatient_demographics: {man: {code: M}}\n")
    task = read_task(TASKS[0], tmp_path / "over.yaml")
    assert task.predicates["normal"].codes == ("K",) and task.static == ("man",)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("24h", 24),
        ("365d", 365 * 24),
        ("1 day, 02:00:00", 26),
        ("2 days 3 hours", 51),
        ("1w 2d", 216),
        ("90min", 1.5),
        ("1.5h", 1.5),
        ("1:02:00:00", 26),
        ("00:30", 30 / 3600),
        (":36", 0.01),
        ("18m", 0.3),
    ],
)
def test_lengths(text: str, hours: float) -> None:
    assert length(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "1y", "3 months", "30", "soon", "1h 2d"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(TimeError, match="cannot be read"):
        length(text)


GOOD: dict[str, Any] = {
    "predicates": {"a": {"code": "A//1"}, "b": {"code": "B"}, "male": {"code": "S", "static": True}, "men": {"expr": "and(a, male)"}},
    "trigger": "a",
    "windows": {"w": {"start": "trigger", "end": "start + 1h", "start_inclusive": True, "end_inclusive": True, "label": "b"}},
}


def changed(**window: Any) -> dict[str, Any]:
    return GOOD | {"windows": {"w": GOOD["windows"]["w"] | window}}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (GOOD | {"trigger": "c"}, "not defined"),
        (GOOD | {"trigger": None}, "needs a trigger"),
        (GOOD | {"trigger": "male"}, "no time"),
        (GOOD | {"predicates": {"a b": {"code": "A"}}}, "letters, digits"),
        (GOOD | {"predicates": {"a": "A", "b": {"code": "B"}}}, "mapping"),
        (GOOD | {"predicates": {"a": {"code": {"regex": ""}}, "b": {"code": "B"}}}, "code cannot be read"),
        (GOOD | {"predicates": {"a": {"expr": "not(b)"}, "b": {"code": "B"}}}, "cannot be read"),
        (GOOD | {"predicates": {"a": {"expr": "and(a, b)"}, "b": {"code": "B"}}}, "defined by itself"),
        (GOOD | {"predicates": {"a": {"code": "A", "value_min": "5"}, "b": {"code": "B"}}}, "number"),
        (changed(start="end - 1h"), "counted from the other"),
        (changed(end="trigger + 1h"), "counted from the other"),
        (changed(end="start - 1h"), "ends before"),
        (changed(start="end -> a", end="trigger"), "starts after"),
        (changed(end="start + 1y"), "cannot be read"),
        (changed(end="start + -1h"), "cannot be read"),
        (changed(end="start <-> a"), "cannot be read"),
        (changed(end="start + 0h"), "without length"),
        (changed(end="start -> c"), "not defined"),
        (changed(start="other.end"), "does not exist"),
        (changed(start="a"), "from the trigger or"),
        (changed(start_inclusive="yes"), "inclusive or not"),
        (changed(has={"b": "(None, None)"}), "cannot be"),
        (changed(has={"b": "(2, 1)"}), "cannot be"),
        (changed(has={"b": "(1)"}), "cannot be read"),
        (changed(index_timestamp="middle"), "start or the end"),
        (changed(labels="b"), "keys"),
        (GOOD | {"windows": {"w": GOOD["windows"]["w"], "v": GOOD["windows"]["w"]}}, "one label"),
    ],
)
def test_what_cannot_be_answered_is_refused(raw: dict[str, Any], why: str) -> None:
    with pytest.raises(CardError, match=why):
        task_of(raw, "task.yaml")


def test_files_that_are_no_tasks_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    with pytest.raises(NotFoundError):
        read_task(file)
    file.write_text("trigger: [")
    with pytest.raises(CardError, match="not YAML"):
        read_task(file)
    file.write_text(yaml.safe_dump(GOOD | {"trigger_event": "a"}))
    with pytest.raises(CardError, match="keys"):
        read_task(file)


def test_a_broken_expression_and_a_missing_column_are_said() -> None:
    rows = [{"subject_id": 1, "time": START, "code": "A//1", "numeric_value": None, "text_value": None}]
    broken = GOOD | {"predicates": {"a": {"code": {"regex": "("}}, "b": {"code": "B"}}}
    with pytest.raises(CardError, match="regular expression"):
        labels(table(rows), task_of(broken, "t"))
    column = GOOD | {"predicates": {"a": {"code": "A//1", "ward": "3B"}, "b": {"code": "B"}}}
    with pytest.raises(LawError, match="lack a column"):
        labels(table(rows), task_of(column, "t"))


def test_a_number_that_is_none_is_within_no_limits() -> None:
    rows = [
        {"subject_id": s, "time": START, "code": "A//1", "numeric_value": v, "text_value": None}
        for s, v in ((1, None), (2, float("nan")), (3, 0.1))
    ]
    limit = GOOD | {"predicates": {"a": {"code": "A//1", "value_min": 0.1, "value_min_inclusive": True}, "b": {"code": "B"}}}
    assert labels(table(rows), task_of(limit, "t"))["subject_id"].to_pylist() == [3]
