"""Export: what leaves the record is MEDS 0.4, and comes back as it was."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import meds as standard
import orjson
import pyarrow.parquet as pq
import pytest

from consilium.core.errors import RecordError
from consilium.core.events import SCHEMA
from consilium.intake import ingest
from consilium.record import Record
from consilium.record.export import export
from consilium.sources import meds

EXAMPLES = Path(sys.modules["consilium"].__file__).parent / "sources" / "examples"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A ward with numbers, units, converted values, texts, answers and static events."""
    return ingest([EXAMPLES / "fhir", EXAMPLES / "omop" / "ward"], tmp_path / "ward")


def held(record: Record) -> list[dict[str, Any]]:
    return [row for shard in record.events() for row in shard.to_pylist()]


def test_it_holds_to_the_schema_objects_of_meds(record: Record, tmp_path: Path) -> None:
    folder = export(record, tmp_path / "out")
    shards = sorted((folder / "data").rglob("*.parquet"))
    assert len(shards) == len(record.shards())
    subjects: list[int] = []
    for shard in shards:
        table = pq.read_table(shard, partitioning=None)
        standard.DataSchema.validate(table)
        every = table["subject_id"].to_pylist()
        runs = [subject for subject, before in zip(every, [None, *every], strict=False) if subject != before]
        subjects += runs
        order = [(row["subject_id"], row["time"] is not None, row["time"]) for row in table.select(["subject_id", "time"]).to_pylist()]
        assert all(a <= b for a, b in pairwise(order) if a[:2] == b[:2])
    assert len(subjects) == len(set(subjects)) == len(record.patients())
    codes = pq.read_table(folder / standard.code_metadata_filepath)
    standard.CodeMetadataSchema.validate(codes)
    assert {row["code"] for row in held(record)} <= set(codes["code"].to_pylist())
    splits = pq.read_table(folder / standard.subject_splits_filepath)
    standard.SubjectSplitSchema.validate(splits)
    assert dict(zip(splits["subject_id"].to_pylist(), splits["split"].to_pylist(), strict=True)).keys() == set(subjects)
    standard.DatasetMetadataSchema.validate(orjson.loads((folder / standard.dataset_metadata_filepath).read_bytes()))


def test_it_comes_back_as_it_was(record: Record, tmp_path: Path) -> None:
    folder = export(record, tmp_path / "out")
    back = [row for batch in meds.read(folder) for row in batch.events.to_pylist()]
    before = [{"patient_id": str(row.pop("subject_id")), **row} for row in held(record)]
    key = lambda row: sorted((name, str(value)) for name, value in row.items())  # noqa: E731
    assert sorted(back, key=key) == sorted(before, key=key)
    assert {row["unit"] for row in back} >= {"mmol/L", None}
    again = ingest(folder, tmp_path / "again")
    assert not again.rejects()
    plain = lambda rows: sorted(str({name: row[name] for name in SCHEMA.names[1:]}) for row in rows)  # noqa: E731
    assert plain(held(again)) == plain(held(record))
    assert again.descriptions() == record.descriptions()


def test_nothing_else_leaves(record: Record, tmp_path: Path) -> None:
    folder = export(record, tmp_path / "out")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    metadata = {"metadata/codes.parquet", "metadata/subject_splits.parquet", "metadata/dataset.json"}
    assert {name for name in names if not name.startswith("data/")} == metadata
    assert not any(path.is_symlink() for path in folder.rglob("*"))


def test_a_folder_that_holds_something_is_left_alone(record: Record, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(RecordError, match="holds something already"):
        export(record, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_damaged_record_is_not_exported(record: Record, tmp_path: Path) -> None:
    shard = record.shards()[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(RecordError, match="damaged"):
        export(record, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_record_is_a_data_set_itself(record: Record, tmp_path: Path) -> None:
    assert meds.recognises(record.path)
    again = ingest(record.path, tmp_path / "again")
    assert len(held(again)) == len(held(record))
