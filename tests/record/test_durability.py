"""Durability: an ingest may be killed at any moment, meet another one, or fill the disk, and nothing that was reported as kept is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from consilium.cli.verbs import example_ward
from consilium.core.errors import InputError, NotFoundError
from consilium.intake import Progress, ingest
from consilium.intake.summary import latest
from consilium.record import Record

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="killing a process this way is a thing of POSIX")

KILLS = 50
SYNTHEA = 4
# Imports once, then forks an ingest for each line it is sent; it never works itself, so that the child inherits no thread.
SERVER = """
import json, os, resource, sys
import consilium.cli.main, consilium.intake.ingest, consilium.sources.fhir, polars, pyarrow.parquet
from consilium.core.errors import BusyError, ConsiliumError
from consilium.intake import Progress, ingest
print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        if job["largest"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest"], job["largest"]))
        try:
            ingest(job["paths"], job["into"], checkpoint=job["checkpoint"], progress=lambda p: os.write(log, b"%d\\n" % p.files_kept))
        except ConsiliumError as error:
            os.write(log, (type(error).__name__ + ": " + str(error)).encode())
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()  # until then the number stays the child's, though it be dead
    print(os.waitpid(child, 0)[1], flush=True)
"""


@dataclass
class Ingests:
    """A way to begin an ingest in a process of its own."""

    server: subprocess.Popen[str]
    log: Path

    def begin(self, paths: list[Path], into: Path, checkpoint: int | None = None, largest: int = 0) -> int:
        job = {"paths": [str(p) for p in paths], "into": str(into), "checkpoint": checkpoint, "log": str(self.log), "largest": largest}
        self._say(json.dumps(job))
        return self._answer()

    def end(self) -> int:
        self._say("end")
        return self._answer()

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def kept(self) -> int:
        return max((int(line) for line in self.said().splitlines() if line.isdigit()), default=0)

    def _say(self, line: str) -> None:
        assert self.server.stdin is not None
        self.server.stdin.write(line + "\n")
        self.server.stdin.flush()

    def _answer(self) -> int:
        assert self.server.stdout is not None
        return int(self.server.stdout.readline())


@pytest.fixture(scope="module")
def ingests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingests]:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None and server.stdout.readline() == "ready\n"
    yield Ingests(server, tmp_path_factory.mktemp("log") / "kept")
    assert server.stdin is not None
    server.stdin.close()
    server.wait()
    server.stdout.close()


@pytest.fixture(scope="module")
def exports(unzipped: Callable[[str], Path]) -> list[Path]:
    """The example ward, and the smallest of the Synthea bundles that hold a patient."""
    bundles = sorted(
        (p for p in unzipped("synthea_fhir_r4").rglob("*.json") if b'"Patient"' in p.read_bytes()), key=lambda p: p.stat().st_size
    )
    return [*sorted(example_ward().glob("*.json")), *bundles[:SYNTHEA]]


@pytest.fixture(scope="module")
def by_file(exports: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[pa.Table]:
    """What the record holds after none, one, two ... of the files."""
    into = tmp_path_factory.mktemp("by file") / "r"
    return [pa.table({}), *(_events(ingest(path, into)) for path in exports)]


def _events(record: Record) -> pa.Table:
    return pa.concat_tables(record.events())


def test_killed_fifty_times_nothing_kept_is_lost_and_nothing_is_half_there(
    ingests: Ingests, exports: list[Path], by_file: list[pa.Table], tmp_path: Path
) -> None:
    chance = random.Random(20261123)
    started = time.monotonic()
    ingests.begin(exports, tmp_path / "whole", 1)
    assert ingests.end() == 0
    lasts = time.monotonic() - started
    assert _events(Record.open(tmp_path / "whole")).equals(by_file[-1])
    assert ingests.kept() > len(exports) / 4, "a checkpoint that never came proves nothing"

    into, runs, killed, met = tmp_path / "r 0", 0, 0, set()
    for kill in range(KILLS):
        checkpoint = None if runs % 4 == 3 else 1
        child = ingests.begin(exports, into, checkpoint)
        time.sleep(lasts * chance.random())
        os.kill(child, signal.SIGKILL)
        killed += ingests.end() == signal.SIGKILL
        try:
            record = Record.open(into)
        except NotFoundError:
            assert ingests.kept() == 0
            continue
        files = len(record.sources())
        assert files >= ingests.kept(), f"kill {kill}: a file that was reported as kept is gone"
        record.check()
        assert _events(record).equals(by_file[files]), f"kill {kill}: the record is of a part of a file"
        met.add(files)
        if files == len(exports):
            runs += 1
            into = tmp_path / f"r {runs}"
    # How many die at work depends on how busy the machine is; that some did, and at several places, does not.
    assert killed >= 5 and len(met) > 1, "too few ingests were killed at work"

    ingests.begin(exports, into, 1)
    assert ingests.end() == 0
    record = Record.open(into)
    assert _events(record).equals(by_file[-1])
    assert latest(record).files + latest(record).already == len(exports)
    assert sorted(p.name for p in into.iterdir()) == [".lock", "current", "data", "generations", "manifest.json", "metadata"]
    assert len({s.sha256 for s in record.sources()}) == len(exports)


def test_two_ingests_at_once_are_one_after_the_other_or_refused(
    ingests: Ingests, exports: list[Path], by_file: list[pa.Table], tmp_path: Path
) -> None:
    from consilium.record import writing

    with writing(tmp_path / "r"):
        ingests.begin(exports, tmp_path / "r")
        assert os.waitstatus_to_exitcode(ingests.end()) == 1
        assert "BusyError: Somebody else is writing the record" in ingests.said()
    ingests.begin(exports, tmp_path / "r")
    assert ingests.end() == 0
    assert _events(Record.open(tmp_path / "r")).equals(by_file[-1])


@pytest.mark.parametrize("checkpoint", [None, 1])
def test_a_file_system_that_takes_no_more_leaves_what_was_kept(
    ingests: Ingests, exports: list[Path], by_file: list[pa.Table], tmp_path: Path, checkpoint: int | None
) -> None:
    ward = len(exports) - SYNTHEA
    record = ingest(exports[:ward], tmp_path / "r")
    largest = max(p.stat().st_size for p in record.root.rglob("*") if p.is_file()) + 2_000
    ingests.begin(exports, tmp_path / "r", checkpoint, largest)
    assert os.waitstatus_to_exitcode(ingests.end()) == 1
    assert "RecordError: The record could not be written" in ingests.said()
    left = Record.open(tmp_path / "r")
    left.check()
    files = len(left.sources())
    assert ward <= files < len(exports) and (checkpoint or files == ward)
    assert _events(left).equals(by_file[files])
    assert _events(ingest(exports, tmp_path / "r")).equals(by_file[-1])


def test_what_was_kept_survives_an_error_of_a_later_file(exports: list[Path], by_file: list[pa.Table], tmp_path: Path) -> None:
    told = []

    def stop(progress: Progress) -> None:
        told.append((progress.files_done, progress.files_kept))
        if progress.files_done == 9:
            raise KeyboardInterrupt

    for name, checkpoint in (("steps", 1), ("at once", None)):
        told.clear()
        with pytest.raises(KeyboardInterrupt):
            ingest(exports, tmp_path / name, checkpoint=checkpoint, progress=stop)
        kept = told[-1][1]
        if checkpoint is None:
            assert kept == 0
            with pytest.raises(NotFoundError):
                Record.open(tmp_path / name)
            continue
        left = Record.open(tmp_path / name)
        assert 0 < kept == len(left.sources()) <= 9 and _events(left).equals(by_file[kept])
        assert latest(left).files == kept and latest(left).events == by_file[kept].num_rows
        done = ingest(exports, tmp_path / name)
        assert _events(done).equals(by_file[-1])
        assert (latest(done).already, latest(done).files) == (kept, len(exports) - kept)


def test_a_checkpoint_comes_after_something(exports: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one event"):
        ingest(exports, tmp_path / "r", checkpoint=0)


def test_a_large_input_makes_more_shards(tmp_path: Path, exports: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consilium.record.writer.SHARD_ROWS", 1)
    record = ingest(exports[:3], tmp_path / "large")
    assert record.manifest.shards > 8
    monkeypatch.undo()
    assert ingest(exports[:3], tmp_path / "small").manifest.shards == 8
    assert ingest(exports[:4], tmp_path / "large").manifest.shards == record.manifest.shards, "a record keeps its shards"
