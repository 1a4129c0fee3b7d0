"""MEDS: data sets of others become events; what breaks the schema is refused by column, and units are never guessed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consilium.core import Batch
from consilium.core.errors import FormatError, NotFoundError
from consilium.intake import ingest, latest
from consilium.sources import meds
from consilium.sources.sheet import displays

WARD = Path(sys.modules["consilium"].__file__).parent / "sources" / "examples" / "meds" / "ward"
BASE: dict[str, pa.Array] = {
    "subject_id": pa.array([7, 7, 8], pa.int64()),
    "time": pa.array([None, datetime(2025, 1, 1), datetime(2025, 1, 2, 8)], pa.timestamp("us")),
    "code": pa.array(["GENDER//F", "LOINC//2524-7", "LOINC//2160-0"]),
    "numeric_value": pa.array([None, 2.5, 1.0], pa.float32()),
}


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Path]:
    """A data set with other columns than usual; None takes a column away."""

    def make(shard: str = "data/train/0.parquet", **columns: pa.Array | None) -> Path:
        folder = tmp_path / "set"
        path = folder / shard
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({name: values for name, values in (BASE | columns).items() if values is not None}), path)
        return folder

    return make


def rows(batches: list[Batch]) -> list[dict[str, Any]]:
    for batch in batches:
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
    return [row for batch in batches for row in batch.events.to_pylist()]


def test_our_own_columns_are_used() -> None:
    lactate = next(row for row in rows(list(meds.read(WARD))) if row["code"] == "LOINC//2524-7")
    assert lactate == {
        "patient_id": "1", "time": datetime(2025, 11, 2, 8, 40), "code": "LOINC//2524-7", "numeric_value": pytest.approx(2.4),
        "text_value": None, "unit": "mmol/L", "available": datetime(2025, 11, 2, 9, 5), "source_id": "data/train/0.parquet#4",
    }  # fmt: skip
    assert {k: v for b in meds.read(WARD) for k, v in displays(b).items()}["LOINC//2524-7"] == "Lactate"


def test_what_does_not_say_when_it_was_known_was_known_at_its_time(dataset: Callable[..., Path]) -> None:
    assert [(row["time"], row["available"]) for row in rows(list(meds.read(dataset())))] == [
        (None, None), (datetime(2025, 1, 1), datetime(2025, 1, 1)), (datetime(2025, 1, 2, 8), datetime(2025, 1, 2, 8)),
    ]  # fmt: skip


def test_nothing_is_known_before_its_time(dataset: Callable[..., Path]) -> None:
    early = pa.array([None, datetime(2024, 1, 1), datetime(2025, 2, 1)], pa.timestamp("us"))
    known = [row["available"] for row in rows(list(meds.read(dataset(available=early))))]
    assert known == [None, datetime(2025, 1, 1), datetime(2025, 2, 1)]


def test_a_unit_is_stated_or_absent(dataset: Callable[..., Path], tmp_path: Path) -> None:
    folder = dataset()
    assert [row["unit"] for row in rows(list(meds.read(folder)))] == [None, None, None]
    record = ingest(folder, tmp_path / "guess")
    assert {(r.code, r.reason, r.part) for r in record.rejects()} == {
        ("LOINC//2524-7", "no unit (expected mmol/L)", "value"), ("LOINC//2160-0", "no unit (expected mg/dL)", "value"),
    }  # fmt: skip
    (folder / "metadata").mkdir()
    codes = {"code": ["LOINC//2524-7", "GENDER//F"], "description": ["Lactate", "female"], "unit": ["mg/dL", "1"]}
    pq.write_table(pa.table(codes), folder / "metadata" / "codes.parquet")
    assert [row["unit"] for row in rows(list(meds.read(folder)))] == [None, "mg/dL", None]
    both = dataset(unit=pa.array([None, "mmol/L", "umol/L"]))
    assert [row["unit"] for row in rows(list(meds.read(both)))] == [None, "mmol/L", "umol/L"]


def test_an_event_without_subject_or_code_is_named(dataset: Callable[..., Path]) -> None:
    folder = dataset(subject_id=pa.array([7, None, 8], pa.int64()), code=pa.array(["a", "b", None]))
    batches = list(meds.read(folder))
    assert len(rows(batches)) == 1
    assert [(r.row, r.code, r.patient_id) for b in batches for r in b.rejects] == [
        ("data/train/0.parquet#2", "b", ""), ("data/train/0.parquet#3", "", "8"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("subject_id", None),
        ("time", None),
        ("code", None),
        ("subject_id", pa.array(["7", "7", "8"])),
        ("time", pa.array(["2025-01-01"] * 3)),
        ("time", pa.array([0, 1, 2], pa.timestamp("us", "UTC"))),
        ("code", pa.array([1, 2, 3])),
        ("numeric_value", pa.array(["1", "2", "3"])),
        ("text_value", pa.array([1, 2, 3])),
        ("unit", pa.array([1, 2, 3])),
        ("available", pa.array(["a", "b", "c"])),
    ],
)
def test_what_breaks_the_schema_is_refused_by_column(dataset: Callable[..., Path], column: str, values: pa.Array | None) -> None:
    with pytest.raises(FormatError, match=column):
        meds.read(dataset(**{column: values}))


def test_writers_differ_in_widths_only(dataset: Callable[..., Path]) -> None:
    plain = rows(list(meds.read(dataset())))
    wide = dataset(
        code=pa.array(BASE["code"].to_pylist(), pa.large_string()).dictionary_encode(),
        numeric_value=BASE["numeric_value"].cast(pa.float64()), text_value=pa.nulls(3, pa.string()),
    )  # fmt: skip
    assert rows(list(meds.read(wide))) == plain


def test_every_shard_is_checked_before_the_first_is_read(dataset: Callable[..., Path]) -> None:
    dataset()
    folder = dataset("data/held_out/0.parquet", time=None)
    with pytest.raises(FormatError, match="held_out"):
        meds.read(folder)


def test_one_shard_alone(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    alone = rows(list(meds.read(folder / "data" / "train" / "0.parquet")))
    assert [row["source_id"] for row in alone] == ["0.parquet#1", "0.parquet#2", "0.parquet#3"]


def test_what_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        meds.read(tmp_path / "nowhere")
    (tmp_path / "data").mkdir()
    with pytest.raises(FormatError, match="no Parquet file"):
        meds.read(tmp_path)
    (tmp_path / "data" / "0.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(FormatError, match="Not a Parquet file"):
        meds.read(tmp_path)
    assert not meds.recognises(tmp_path)


def test_links_out_of_the_folder_are_not_followed(dataset: Callable[..., Path], tmp_path: Path) -> None:
    folder = dataset()
    outside = shutil.copy(folder / "data" / "train" / "0.parquet", tmp_path / "secret.parquet")
    (folder / "data" / "train" / "1.parquet").symlink_to(outside)
    assert len(rows(list(meds.read(folder)))) == 3
    record = ingest(folder, tmp_path / "record")
    assert "a link that leads out of the folder is not followed" in {reject.reason for reject in record.rejects()}


def test_what_a_set_says_of_itself(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    assert meds.about(folder).name == "set"
    (folder / "metadata").mkdir()
    told = {
        "dataset_name": "Ward 7",
        "dataset_version": "3",
        "meds_version": "0.4.1",
        "created_at": "2026-01-02T03:04:05",
        "license": "CC0-1.0",
    }
    (folder / "metadata" / "dataset.json").write_text(json.dumps(told))
    source = meds.about(folder)
    assert (source.name, source.version, source.retrieved, source.licence) == ("Ward 7", "MEDS 0.4.1; 3", "2026-01-02", "CC0-1.0")


@pytest.mark.parametrize(
    ("folder", "events", "subjects"), [("aces_sample_data/meds_sample", 77_542, 100), ("femr_tutorial_input/synthetic", 2_589, 200)]
)
def test_public_sets(unzipped: Callable[[str], Path], tmp_path: Path, folder: str, events: int, subjects: int) -> None:
    path = unzipped("meds_samples") / folder
    assert meds.recognises(path)
    assert len(rows(list(meds.read(path)))) == events
    summary = latest(ingest(path, tmp_path / "record"))
    assert (summary.sent, summary.patients) == (events, subjects)
    assert summary.sent == summary.events + summary.duplicates + sum(summary.parts.values())


def test_a_broken_shard_of_a_set_that_says_so_is_named(dataset: Callable[..., Path], tmp_path: Path) -> None:
    folder = dataset()
    (folder / "data" / "train" / "0.parquet").write_bytes(b"PAR1 and nothing more")
    (folder / "metadata").mkdir()
    (folder / "metadata" / "dataset.json").write_text('{"dataset_name": "ward"}')
    with pytest.raises(FormatError, match=r"Not a Parquet file in data/train/0\.parquet"):
        ingest(folder, tmp_path / "record")
