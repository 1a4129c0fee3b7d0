"""The writer's death and a full disk: the record holds what it held, or all of the new, and nothing between."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consilium.core.errors import NotFoundError, RecordError
from consilium.core.events import SCHEMA
from consilium.record import Record, subject_id, writing

from .ward import event, events, named

LAB = "LOINC//2524-7"
OLD, NEW = tuple(f"old {n}" for n in range(40)), tuple(f"new {n}" for n in range(200))
EACH = 500
INGEST = f"""
import sys
import numpy as np
import pyarrow as pa
from consilium.core.events import SCHEMA
from consilium.record import subject_id, writing
people = {{subject_id(p): p for p in {NEW!r} + {OLD!r}}}
subjects = np.repeat(np.array(list(people)), {EACH})
times = np.datetime64("2026-02-01", "us") + np.arange(len(subjects)).astype("timedelta64[m]")
values = np.arange(len(subjects)).astype("float32")
unit = pa.array(["mmol/L"] * len(subjects))
events = pa.table([subjects, times, pa.array(["{LAB}"] * len(subjects)), values, pa.nulls(len(subjects), pa.large_string()), unit, times,
                   pa.array([f"Observation/{{n}}" for n in range(len(subjects))])], schema=SCHEMA)
print("ready", flush=True)
sys.stdin.readline()
with writing(sys.argv[1]) as w:
    for start in range(0, events.num_rows, 40_000):
        w.add(events.slice(start, 40_000), people)
    w.commit({{}})
"""


def _base(path: Path) -> Record:
    with writing(path) as w:
        w.add(events([event(p, LAB, day, 1.0) for p in OLD for day in range(5)]), named(*OLD))
        return w.commit({})


def _rows(record: Record) -> int:
    record.check()
    return sum(table.num_rows for table in record.events())


def _ingest(path: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", INGEST, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    return child


def _go(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="killing a process this way is a thing of POSIX")
@pytest.mark.parametrize(("first", "kills"), [(False, 8), (True, 4)], ids=["into a record", "into nothing"])
def test_a_killed_ingest_leaves_the_old_or_the_new(tmp_path: Path, first: bool, kills: int) -> None:
    base = tmp_path / "base"
    old = 0 if first else _rows(_base(base))
    new = old + EACH * (len(NEW) + len(OLD))

    def fresh(name: str) -> Path:
        return tmp_path / name if first else shutil.copytree(base, tmp_path / name, symlinks=True)

    whole = fresh("whole")
    child = _ingest(whole)
    started = time.monotonic()
    _go(child)
    assert child.wait() == 0
    lasts = time.monotonic() - started
    assert _rows(Record.open(whole)) == new

    chance = random.Random(20260101)
    ends = []
    for kill in range(kills):
        path = fresh(f"killed {kill}")
        child = _ingest(path)
        _go(child)
        time.sleep(lasts * (kill + chance.random()) / kills)
        os.kill(child.pid, signal.SIGKILL)
        ends.append(child.wait())
        try:
            left = _rows(Record.open(path))
        except NotFoundError:
            assert first
            left = 0
        assert left in (old, new)
        with writing(path) as w:
            w.add(events([event("later", LAB, 1, 1.0)]), named("later"))
            assert _rows(w.commit({})) == left + 1
        assert not [p.name for p in path.iterdir() if p.name.startswith(".staging-")]
        shutil.rmtree(path)
    assert -signal.SIGKILL in ends, "no ingest was killed at work, so nothing was tried"


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _FullWriter(pq.ParquetWriter):  # type: ignore[misc]
    def write_table(self, *_: object, **__: object) -> None:
        _full()


PLACES = {
    "while spilling": ("consilium.record.spill.ipc.new_stream", _full),
    "while merging": ("consilium.record.merge.pq.ParquetWriter", _FullWriter),
    "while writing metadata": ("pathlib.Path.write_bytes", _full),
    "while waiting for the disk": ("os.fsync", _full),
    "while moving the generation": ("pathlib.Path.rename", _full),
    "while committing": ("pathlib.Path.replace", _full),
    "while making folders": ("pathlib.Path.mkdir", _full),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_full_disk_leaves_the_old(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record = _base(tmp_path / "r")
    before = pa.concat_tables(record.events())
    new = events([event(p, LAB, 9, 2.0) for p in OLD])
    with monkeypatch.context() as patched:
        patched.setattr(*PLACES[place])
        with pytest.raises(RecordError, match=r"could not be written.*No space left on device"), writing(record.path) as w:
            w.add(new, named(*OLD))
            w.commit({})
    assert not [p for p in record.path.iterdir() if p.name.startswith(".staging-")]
    assert pa.concat_tables(Record.open(record.path).events()).equals(before)
    with writing(record.path) as w:
        w.add(new, named(*OLD))
        assert _rows(w.commit({})) == before.num_rows + len(OLD)


def test_a_step_that_failed_cannot_be_committed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consilium.record.spill.ROWS_AT_ONCE", 1)
    record = _base(tmp_path / "r")
    with writing(record.path) as w:
        with monkeypatch.context() as patched:
            patched.setattr("consilium.record.spill.ipc.new_stream", _full)
            with pytest.raises(RecordError, match="could not be written"):
                w.add(events([event(OLD[0], LAB, 9, 2.0)]), named(OLD[0]))
        with pytest.raises(RecordError, match="has ended"):
            w.commit({})
    assert Record.open(record.path).generation == 1


def test_an_ingest_of_nothing_is_a_generation_too(tmp_path: Path) -> None:
    with writing(tmp_path / "r") as w:
        record = w.commit({"files": 0})
    assert record.patients() == []
    assert pa.concat_tables([SCHEMA.empty_table(), *record.events()]).num_rows == 0
    assert record.summaries()[0]["files"] == 0
    assert subject_id(OLD[0]) not in dict(record.patients()).values()
