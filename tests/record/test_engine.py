"""Engine: the same answer for any number of workers, and failures in words."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from consilium.core.errors import RecordError
from consilium.record import Record, over_shards, writing
from consilium.record import engine as engines

from .ward import event, events, named

PEOPLE = tuple(f"patient {n}" for n in range(40))
LAB = "LOINC//2524-7"


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Record:
    rows = [event(p, LAB, day, float(len(p) + day)) for p in PEOPLE for day in range(4)]
    with writing(tmp_path_factory.mktemp("engine") / "ward", shards=2) as w:
        w.add(events(rows), named(*PEOPLE))
        return w.commit({})


# What is sent to other processes must be importable there, and a test module is not: so library functions.
drop_value = partial(pa.Table.drop_columns, columns=["numeric_value"])


@pytest.mark.parametrize("split", [None, "train"])
def test_any_number_of_workers_gives_the_same_tables_in_the_same_order(ward: Record, split: str | None) -> None:
    asked = ward if split is None else ward.train
    here, told = [], []
    for table in over_shards(drop_value, asked, progress=lambda done, whole: told.append((done, whole))):
        here.append(table)
    assert len(here) == len(asked.shards()) > 1
    assert told == [(n, len(here)) for n in range(1, len(here) + 1)]
    assert sum(t.num_rows for t in here) == sum(t.num_rows for t in asked.events()) > 0
    beside = list(over_shards(drop_value, asked, workers=2))
    assert all(a.equals(b) for a, b in zip(here, beside, strict=True))


def test_a_function_that_cannot_be_sent_is_refused(ward: Record) -> None:
    with pytest.raises(RecordError, match="cannot be sent"):
        list(over_shards(lambda table: table, ward, workers=2))


def test_a_failure_at_work_reaches_the_caller(ward: Record) -> None:
    with pytest.raises(KeyError):
        list(over_shards(partial(pa.Table.drop_columns, columns=["absent"]), ward, workers=2))


class Dying:
    """Ends its process when it arrives there."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (1,)

    def __call__(self, table: pa.Table) -> pa.Table:
        return table


def test_a_worker_that_dies_is_said_in_words(ward: Record) -> None:
    with pytest.raises(RecordError, match="A worker died"):
        list(over_shards(Dying(), ward, workers=2))


def test_a_shard_that_is_gone_is_said_in_words(ward: Record, tmp_path: Path) -> None:
    assert engines.read_shard(ward.shards()[0]).num_rows > 0
    with pytest.raises(RecordError, match="gone"):
        engines.read_shard(tmp_path / "data" / "train" / "0.parquet")
