"""Writer: one ingest into the record, which becomes visible whole or not at all."""

from __future__ import annotations

import math
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from consilium.core.errors import FormatError, LawError, RecordError
from consilium.core.events import SCHEMA, Reject
from consilium.core.source import Source
from consilium.record import layout, metadata
from consilium.record import manifest as manifests
from consilium.record.durable import on_disk, point, sync, sync_folders
from consilium.record.lock import exclusive
from consilium.record.manifest import File, Manifest
from consilium.record.merge import merge
from consilium.record.placement import SPLITS
from consilium.record.rejects import RejectFile
from consilium.record.spill import Spill
from consilium.record.store import Record

SHARDS, MOST_SHARDS = 8, 1024
SHARD_ROWS = 1_000_000
"""Events in a shard of the greatest split, about, when their number is known beforehand."""


def shards_for(events: int) -> int:
    """Shards per split for a record that will hold about so many events: a power of two, 8 to 1024.

    Examples
    --------
    >>> [shards_for(n) for n in (0, 5_000_000, 124_000_000, 10**9, 10**12)]
    [8, 8, 128, 1024, 1024]
    """
    wanted = max(1, math.ceil(0.8 * events / SHARD_ROWS))
    return min(MOST_SHARDS, max(SHARDS, 1 << (wanted - 1).bit_length()))


@contextmanager
def writing(into: Path | str, *, shards: int | None = None) -> Iterator[Writer]:
    """Write to a record, making it when there is none; what is not committed leaves no trace.

    Parameters
    ----------
    into : Path or str
        The record's folder.
    shards : int, optional
        Shards per split, when the record is made (8 unless told; `shards_for` says how many). They are what processes work on
        side by side; memory does not depend on them.

    Raises
    ------
    BusyError
        When somebody else is writing.
    FormatError
        When the folder holds something else.
    RecordError
        When the disk refuses, the record is damaged, or it has another number of shards.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from consilium.core.events import table
    >>> from consilium.record import subject_id, writing
    >>> ann = subject_id("ann")
    >>> with TemporaryDirectory() as folder, writing(folder) as w:
    ...     w.add(table([{"subject_id": ann, "code": "GENDER//F"}]), {ann: "ann"})
    ...     w.commit({"from": "an example"}).patients() == [("ann", ann)]
    True
    """
    into = Path(into)
    foreign = [into.name] if into.is_file() else layout.foreign(into) if into.is_dir() and not layout.committed(into) else []
    if foreign:
        raise FormatError(
            "The folder holds something else than a record", where=str(into), found=foreign[:5], do="name an empty or a new folder"
        )
    with ExitStack() as stack:
        made = not into.exists()
        with on_disk(into):
            into.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(exclusive(into))
            _clean(into)
            stage = into / f"{layout.STAGING}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            with on_disk(into):
                stage.mkdir()
                writer = Writer(into, stage, shards)
            yield writer
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            if not layout.committed(into):
                lock.unlink(missing_ok=True)
                if made:
                    shutil.rmtree(into, ignore_errors=True)


class Writer:
    """One ingest: events, patients, rejects, sources and displays are gathered, then committed together; see `writing`."""

    def __init__(self, into: Path, stage: Path, shards: int | None) -> None:
        self._into, self._stage = into, stage
        self._before = Record.open(into) if layout.committed(into) else None
        self._told = list(self._before.summaries()) if self._before else []
        self._counts: Counter[str] = Counter()
        held = self._before.manifest.shards if self._before else None
        if held and shards and shards != held:
            raise RecordError("A record keeps its number of shards", where=str(into), found=shards, expected=held, do="leave `shards` out")
        self._shards = held or shards or SHARDS
        if self._shards < 1:
            raise RecordError("A record has at least one shard", where=str(into), found=shards)
        (stage / "spill").mkdir()
        self._begin()
        self._ids: dict[int, str] = {s: p for p, s in self._before.patients()} if self._before else {}
        self._subjects: dict[str, int] = {p: s for s, p in self._ids.items()}
        self._sources: dict[str, Source] = {s.sha256: s for s in self._before.sources()} if self._before else {}
        self._known = frozenset(self._sources)
        self._codes: dict[str, str | None] = dict(metadata.read_codes(self._before.root)) if self._before else {}
        self._state = "open"

    def _begin(self) -> None:
        self._root = self._stage / "generation"
        self._root.mkdir()
        self._generation = self._before.generation + 1 if self._before else 1
        self._spill = Spill(self._stage / "spill", self._shards)
        self._rejects = RejectFile(self._root / metadata.REJECTS / f"{layout.generation_name(self._generation)}.parquet")

    @property
    def waiting(self) -> int:
        """Events added since the last commit."""
        return self._spill.rows

    def known(self, sha256: str) -> bool:
        """Whether a file with this checksum was committed before."""
        return sha256 in self._known

    def add(self, events: pa.Table, patients: Mapping[int, str]) -> None:
        """Add events.

        Parameters
        ----------
        events : pyarrow.Table
            In `SCHEMA` columns, any subjects, any order.
        patients : mapping of int to str
            Sender's identifier of each subject; every subject of the events must be named here or earlier.

        Raises
        ------
        LawError
            When columns differ, a dated event has no availability, a value is not finite, or a subject is not named.
        RecordError
            When two identifiers share a number or one identifier has two, or the disk refuses.
        """
        with self._working():
            for subject, patient in patients.items():
                self._name(int(subject), patient)
            events = _lawful(events)
            self._unnamed(events)
            for code in pc.unique(events["code"]).to_pylist():
                self._codes.setdefault(code, None)
            self._spill.add(events)

    def reject(self, rejects: Iterable[Reject]) -> None:
        """Keep what could not be read."""
        with self._working():
            self._rejects.add(rejects)

    def source(self, source: Source) -> None:
        """Keep where the events come from.

        Raises
        ------
        LawError
            When the source has no checksum.
        """
        if not source.sha256:
            raise LawError("A source of a record needs its checksum", where=source.name, do="give the sha256 of the file")
        with self._working():
            self._sources[source.sha256] = source

    def describe(self, codes: Mapping[str, str]) -> None:
        """Keep displays of codes, of events and of coded answers alike; the latest non-empty one stands."""
        with self._working():
            for code, display in codes.items():
                self._codes[code] = display or self._codes.get(code)

    def checkpoint(self, summary: Mapping[str, Any]) -> Record:
        """Make everything added so far visible, in one step, and go on: what is killed later does not take it back.

        Parameters and errors are those of `commit`. The summary stands for the whole ingest up to here: the next checkpoint, or
        the commit, puts its own in the place of this one.
        """
        with self._working():
            self._write(summary)
            former = self._before.root if self._before else None
            self._before = Record.open(self._into)
            for path in layout.superseded(self._into):
                if path.resolve() != former:  # which somebody may still be reading
                    shutil.rmtree(path, ignore_errors=True)
            self._begin()
        return self._before

    def commit(self, summary: Mapping[str, Any]) -> Record:
        """Make everything added visible, in one step; the writer is done after it.

        Parameters
        ----------
        summary : mapping
            What the ingest has to say of itself, in JSON values; `Record.summaries` gives it back with the record's own
            counts under `record`.

        Raises
        ------
        RecordError
            When the disk refuses, or a shard is damaged; the record is then as it was.
        """
        with self._working():
            self._write(summary)
        self._state = "committed"
        return Record.open(self._into)

    def _write(self, summary: Mapping[str, Any]) -> None:
        files = self._merged()
        rejected = self._rejects.close()
        self._counts["rejects"] += rejected
        committed = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        own = {"generation": self._generation, "committed": committed.isoformat()} | self._counts
        files += metadata.write(
            self._root,
            generation=self._generation,
            shards=self._shards,
            committed=committed,
            codes=self._codes,
            patients=self._ids,
            sources=list(self._sources.values()),
            summaries=[*self._told, {**summary, "record": own}],
        )
        files += self._carried(files)
        if rejected:
            files.append(manifests.described(self._root, self._rejects.path, rejected))
        for file in files:
            sync(self._root / file.path)
        sync(manifests.write(self._root, Manifest(self._generation, committed, self._shards, tuple(files))))
        self._publish()

    def _merged(self) -> list[File]:
        files = []
        counts = Counter(events=0, duplicates=0)
        for (split, shard), (spill, _) in sorted(self._spill.files().items()):
            name = layout.shard_path(SPLITS[split], shard)
            old = [f for f in self._before.manifest.files if f.path == name] if self._before else []
            if self._before:
                manifests.check_sums(self._before.root, old)
            path = self._root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            result = merge(self._before.root / name if self._before and old else None, spill, path)
            files.append(manifests.described(self._root, path, result.rows))
            counts.update(events=result.added, duplicates=result.duplicates)
        self._counts.update(counts)
        return files

    def _carried(self, rewritten: Iterable[File]) -> list[File]:
        """Files of the former generation that did not change, without copying their bytes where the file system can."""
        if not self._before:
            return []
        fresh = {f.path for f in rewritten}
        same = [f for f in self._before.manifest.files if f.path not in fresh]
        for file in same:
            old, new = self._before.root / file.path, self._root / file.path
            new.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(old, new)
            except OSError:  # exFAT and some network disks have no hard links
                shutil.copyfile(old, new)
        return same

    def _publish(self) -> None:
        name = layout.generation_name(self._generation)
        generations = self._into / layout.GENERATIONS
        generations.mkdir(exist_ok=True)
        sync_folders(self._root)
        self._root.rename(generations / name)
        sync(generations)
        for entry in layout.LINKED:
            if not (self._into / entry).is_symlink():
                point(self._into / entry, f"{layout.CURRENT}/{entry}")
        sync(self._into)
        point(self._into / layout.CURRENT, f"{layout.GENERATIONS}/{name}")  # the commit: before it nothing shows, after it everything
        sync(self._into)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """One step; a step that fails ends the ingest, so that a part of it can never be committed."""
        if self._state != "open":
            raise RecordError("This ingest has ended", where=str(self._into), found=self._state, do="start another one with `writing`")
        self._state = "failed"
        with on_disk(self._into):
            yield
        self._state = "open"

    def _name(self, subject: int, patient: str) -> None:
        held, number = self._ids.setdefault(subject, patient), self._subjects.setdefault(patient, subject)
        if (held, number) != (patient, subject):
            raise RecordError(
                "Two patients would become one, or one two",
                where=str(self._into),
                found={"patient": patient, "subject": subject},
                expected={"patient": held, "subject": number},
                do="give one of them another identifier at the source",
            )

    def _unnamed(self, events: pa.Table) -> None:
        strangers = [s for s in pc.unique(events["subject_id"]).to_pylist() if s not in self._ids]
        if strangers:
            raise LawError("A subject has events but no patient", where=str(self._into), found=strangers[:3], do="name it in `patients`")


def _lawful(events: pa.Table) -> pa.Table:
    if events.schema.names != SCHEMA.names:
        raise LawError("Events have other columns than the record's", found=events.schema.names, expected=SCHEMA.names)
    try:
        events = events.cast(SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise LawError("Events do not fit the record's columns", found=str(error), expected=str(SCHEMA)) from error
    nameless = events["subject_id"].null_count + events["code"].null_count
    undated = pc.and_(pc.is_valid(events["time"]), pc.is_null(events["available"]))
    endless = pc.invert(pc.fill_null(pc.is_finite(events["numeric_value"]), True))
    for broken, law in (
        (undated, "A dated event says when it could be known"),
        (endless, "A value is a finite number or absent"),
    ):
        if pc.any(broken).as_py():
            raise LawError(law, found=events.filter(broken).slice(0, 1).to_pylist()[0])
    if nameless:
        raise LawError("An event needs a subject and a code", found=f"{nameless} without")
    return events


def _clean(into: Path) -> None:
    """Remove what crashed ingests left and what is superseded; the lock is held."""
    current = into / layout.CURRENT
    if current.is_dir() and not current.is_symlink():
        raise FormatError(
            "The record was copied without its symbolic links and can only be read", where=str(into), do="copy it with `cp -a`, then write"
        )
    for path in layout.stale(into):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
