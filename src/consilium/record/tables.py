"""Tables: what was made of each shard, one Parquet file a shard, each there whole or not at all; or all of it in one file.

A folder of tables holds `<split>/<shard>.parquet` and `_plan.json`, which says of what it was made. One file (`scores.parquet`) is put
together from such a folder (`scores.parquet.parts`), which is then removed, and says of what it was made in its own metadata. A run
that died is run again with the same arguments: finished shards are skipped, and a folder or file of something else is refused.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from consilium.core.errors import FormatError, LawError, RecordError
from consilium.core.events import SCHEMA
from consilium.record import layout, parquet
from consilium.record.durable import sync
from consilium.record.engine import Progress, run
from consilium.record.layout import LOCK
from consilium.record.lock import exclusive
from consilium.record.placement import SPLITS, placed
from consilium.record.shard import parts
from consilium.record.store import Record, View

PLAN = "_plan.json"
ONE_FILE, PARTS = ".parquet", ".parts"
"""How the name of a single file ends, and what is added to it for the folder that it is put together from."""
MADE_OF = b"consilium.plan"
"""Key under which a single file carries its plan, as JSON."""
COUNTS = b"consilium.counts"
"""Key under which a table (and a finished file) carries what it counted, as JSON."""
ROWS = pa.schema([pa.field("subject_id", pa.int64(), nullable=False), pa.field("as_of", pa.timestamp("us"), nullable=False)])
"""Who is asked about, and when (UTC without zone); further columns are carried along."""
GROUP_BYTES = 8 * 2**20
TABLES_AT_ONCE = 16
"""Tables that wait to be written, before they become one: a column weighs a kilobyte before its first number."""
GATHERED_ROWS = 16_384

Make = Callable[[pa.Table, pa.Table | None], Iterator[pa.Table]]
"""From events of whole subjects, and the rows asked about them where they were given, to tables of one schema, at least one."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What was written.

    Parameters
    ----------
    folder : Path
    files : tuple of Path
        One a shard, in the order of shards; or the single file.
    rows : int
    already : int
        Files that an earlier run had finished.
    counts : mapping of str to int
        What the shards counted, together.
    """

    folder: Path
    files: tuple[Path, ...]
    rows: int = 0
    already: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    def read(self) -> pa.Table:
        """All of it in memory, in the order of shards."""
        return pa.concat_tables([parquet.read(file).replace_schema_metadata() for file in self.files])


def write_tables(
    make: Make,
    record: Record | View,
    out: Path | str,
    *,
    plan: Mapping[str, Any],
    rows: pa.Table | None = None,
    workers: int = 1,
    engine: str = "local",
    progress: Progress | None = None,
) -> Tables:
    """Make a table of each shard; memory holds one part of a shard per worker.

    Parameters
    ----------
    make : callable
        What makes the table; sent to other processes when there are any, see `over_shards`.
    record : Record or View
    out : path
        Folder, made when there is none; or one file, whose name ends in `.parquet` and which has the sender's identifier of each
        subject (`patient_id`) as its first column.
    plan : mapping
        What is made, in JSON values: a folder with another plan, or of another record, is refused.
    rows : pyarrow.Table, optional
        With the columns of `ROWS`: each part gets those of its subjects; shards without any are left out.
    workers, engine, progress
        As in `over_shards`; on Spark the executors must be able to write to `out`. Progress counts shards that were finished
        earlier too.

    Raises
    ------
    RecordError
        When the folder holds something else, the disk refuses, or as `over_shards` says.
    LawError
        When a row is about a patient of another split than the view's.
    """
    out = Path(out)
    said = orjson.dumps(
        {**plan, "consilium": version("consilium"), "record": _fingerprint(record), "rows": None if rows is None else _sum(rows)},
        option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS,
    )
    folder = out.with_name(out.name + PARTS) if out.suffix == ONE_FILE and not out.is_dir() else out
    if out.is_file():
        done = _finished(out, said)
        shutil.rmtree(folder, ignore_errors=True)  # what a run that died last of all left
        return done
    with _alone(folder):
        _claimed(folder, said)
        made = _filled(make, record, folder, rows, workers=workers, engine=engine, progress=progress)
        if folder == out:
            return made
        _gathered(made, record, out, said)
        shutil.rmtree(folder, ignore_errors=True)
    return replace(made, folder=out.parent, files=(out,))


def _filled(
    make: Make, record: Record | View, out: Path, rows: pa.Table | None, *, workers: int, engine: str, progress: Progress | None
) -> Tables:
    jobs = _jobs(record, rows)
    files = tuple(out / job[0] for job in jobs)
    waiting = [(file, job) for file, job in zip(files, jobs, strict=True) if not file.exists()]
    already = len(files) - len(waiting)
    if progress is not None and already:
        progress(already, len(files))
    tasks = [partial(_write, make, shard, asked, file) for file, (_, shard, asked) in waiting]
    told = None if progress is None else lambda done, _: progress(already + done, len(files))
    for _ in run(tasks, workers, told, engine):
        pass
    counts: Counter[str] = Counter()
    written = 0
    for file in files:
        footer = pq.read_metadata(file)
        written += footer.num_rows
        counts.update(_told(footer.metadata))
    return Tables(out, files, written, already, dict(counts))


def _gathered(made: Tables, record: Record | View, into: Path, said: bytes) -> None:
    """Put the tables of shards into one file, whole or not at all, holding one group of rows at a time."""
    whole = record.record if isinstance(record, View) else record
    people = whole.patients()
    subjects = np.array([subject for _, subject in people], dtype=np.int64)
    order = np.argsort(subjects)
    subjects, names = subjects[order], pa.array([patient for patient, _ in people], pa.string()).take(pa.array(order))
    aside = into.with_name(f".{into.name}-{secrets.token_hex(4)}")
    try:
        with _on_disk(into):
            fields = pq.read_schema(made.files[0]) if made.files else ROWS
            schema = pa.schema([pa.field("patient_id", pa.string()), *(f for f in fields)])
            with pq.ParquetWriter(aside, schema, compression="zstd", use_dictionary=_worded(schema)) as writer:
                for file in made.files:
                    with pq.ParquetFile(file) as part:
                        for batch in part.iter_batches(GATHERED_ROWS):
                            who = batch["subject_id"].to_numpy()
                            at = np.minimum(np.searchsorted(subjects, who), max(0, len(subjects) - 1))
                            known = subjects[at] == who if len(subjects) else np.zeros(len(who), dtype=np.bool_)
                            patient = names.take(pa.array(at, mask=~known))
                            writer.write_table(pa.Table.from_arrays([patient, *batch.columns], schema=schema))
                writer.add_key_value_metadata({COUNTS: orjson.dumps(made.counts), MADE_OF: said})
            sync(aside)
            aside.replace(into)
            sync(into.parent)
    finally:
        with _on_disk(into):
            aside.unlink(missing_ok=True)


def _finished(out: Path, said: bytes) -> Tables:
    """What a former run wrote into one file, if it is what is wanted."""
    try:
        footer = pq.read_metadata(out)
    except (OSError, pa.ArrowException) as error:
        do = "name another file, or remove this one"
        raise FormatError("The file holds something else", where=str(out), found=str(error).splitlines()[0], do=do) from error
    kept = footer.metadata or {}
    if MADE_OF not in kept:
        do = "name another file, or remove this one"
        raise FormatError("The file holds something else", where=str(out), found="no plan of what it was made of", do=do)
    _same(kept[MADE_OF], said, out)
    return Tables(out.parent, (out,), footer.num_rows, 1, _told(kept))


def _told(metadata: Mapping[bytes, bytes] | None) -> dict[str, int]:
    counts: dict[str, int] = orjson.loads((metadata or {}).get(COUNTS, b"{}"))
    return counts


def _worded(schema: pa.Schema) -> list[str]:
    """Columns that are worth a dictionary: numbers seldom repeat."""
    return [f.name for f in schema if not pa.types.is_floating(f.type)]


def counted(table: pa.Table, counts: Mapping[str, int]) -> pa.Table:
    """A table that carries what was counted while it was made."""
    return table.replace_schema_metadata({COUNTS: orjson.dumps(dict(counts))})


def _jobs(record: Record | View, rows: pa.Table | None) -> list[tuple[str, Path | None, pa.Table | None]]:
    """Name of each file to make, its shard (None where no event is), and the rows asked about it."""
    held = {f"{path.parent.name}/{path.name}": path for path in record.shards()}
    if rows is None:
        return [(name, path, None) for name, path in held.items()]
    whole = record.record if isinstance(record, View) else record
    split, shard = placed(rows["subject_id"].to_numpy(), whole.manifest.shards)
    if isinstance(record, View) and (split != SPLITS.index(record.split)).any():
        stray = rows["subject_id"][int(np.flatnonzero(split != SPLITS.index(record.split))[0])].as_py()
        raise LawError("A row is about a patient of another split", found=f"subject {stray}", expected=record.split)
    bucket = split * whole.manifest.shards + shard
    order = np.lexsort((rows["as_of"].to_numpy().astype(np.int64), rows["subject_id"].to_numpy(), bucket))
    rows, bucket = rows.take(pa.array(order)), bucket[order]
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    jobs = []
    for start, end in zip(starts, np.append(starts[1:], len(bucket)), strict=True):
        place = divmod(int(bucket[start]), whole.manifest.shards)
        name = layout.shard_path(SPLITS[place[0]], place[1]).removeprefix(f"{layout.DATA}/")
        jobs.append((name, held.get(name), rows.slice(start, end - start)))
    return jobs


def _write(make: Make, shard: Path | None, asked: pa.Table | None, into: Path) -> pa.Table:
    aside = into.with_name(f".{into.name}-{secrets.token_hex(4)}")
    counts: Counter[str] = Counter()
    waiting: list[pa.Table] = []
    writer: pq.ParquetWriter | None = None
    held = 0
    try:
        with _on_disk(into):
            into.parent.mkdir(parents=True, exist_ok=True)
        for events, rows in _paired(shard, asked):
            for table in make(events, rows):
                counts.update(_told(table.schema.metadata))
                waiting.append(table.replace_schema_metadata())
                held += table.nbytes
                if len(waiting) == TABLES_AT_ONCE:
                    waiting = [pa.concat_tables(waiting).combine_chunks()]
                if held >= GROUP_BYTES:
                    writer, held = _flushed(writer, aside, waiting), 0
        writer = _flushed(writer, aside, waiting)
        with _on_disk(into):
            writer.add_key_value_metadata({COUNTS: orjson.dumps(counts)})
            writer.close()
            sync(aside)
            aside.replace(into)
            sync(into.parent)
    finally:
        with _on_disk(into):
            if writer is not None:
                writer.close()
            aside.unlink(missing_ok=True)
    return pa.table({"file": [str(into)]})


def _flushed(writer: pq.ParquetWriter | None, aside: Path, waiting: list[pa.Table]) -> pq.ParquetWriter:
    with _on_disk(aside):
        if writer is None:
            schema = waiting[0].schema
            writer = pq.ParquetWriter(aside, schema, compression="zstd", use_dictionary=_worded(schema))
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
            waiting.clear()
        return writer


def _paired(shard: Path | None, asked: pa.Table | None) -> Iterator[tuple[pa.Table, pa.Table | None]]:
    """Parts of a shard with the rows asked about their subjects; rows about whom nothing is known come with no events."""
    told = False
    done = 0
    for events in parts(shard) if shard is not None else ():
        if asked is None:
            yield events, None
        else:
            end = int(np.searchsorted(asked["subject_id"].to_numpy(), events["subject_id"][-1].as_py(), side="right"))
            if end == done:
                continue
            yield events, asked.slice(done, end - done)
            done = end
        told = True
    if asked is not None and done < asked.num_rows:
        yield SCHEMA.empty_table(), asked.slice(done)
    elif not told:
        yield SCHEMA.empty_table(), asked


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make the folder and keep others from writing to it."""
    with ExitStack() as stack:
        with _on_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(exclusive(folder, "these tables"))
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _claimed(out: Path, said: bytes) -> None:
    """Say what the folder is made of, or see that it was made of the same; and clear away what runs that died left half-written."""
    with _on_disk(out):
        try:
            found = (out / PLAN).read_bytes()
        except FileNotFoundError:
            strangers = [p.name for p in out.iterdir() if p.name != LOCK and not p.name.startswith(f".{PLAN}")]
            if strangers:
                raise FormatError(
                    "The folder holds something else", where=str(out), found=sorted(strangers)[:5], do="name an empty or a new folder"
                ) from None
            aside = out / f".{PLAN}-{secrets.token_hex(4)}"
            aside.write_bytes(said)
            sync(aside)
            aside.replace(out / PLAN)
            sync(out)
            return
        _same(found, said, out)
        for path in out.rglob(".*.parquet-*"):
            path.unlink(missing_ok=True)


def _same(found: bytes, said: bytes, out: Path) -> None:
    if found != said:
        before, now = (orjson.loads(x) for x in (found, said))
        apart = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        raise RecordError("Tables of something else are there already", where=str(out), found=f"another {', '.join(apart)}",
                          do="name another one, or remove it")  # fmt: skip


def _fingerprint(record: Record | View) -> str:
    """What the shards hold, whatever the record's folder is called and whatever else was ingested since."""
    whole = record.record if isinstance(record, View) else record
    digest = hashlib.sha256(f"{record.split if isinstance(record, View) else ''}/{whole.manifest.shards}".encode())
    for file in whole.manifest.below(layout.DATA):
        digest.update(f"{file.path} {file.sha256}\n".encode())
    return digest.hexdigest()


def _sum(rows: pa.Table) -> str:
    digest = hashlib.sha256(str(rows.schema.names).encode())
    for column in rows.columns:
        values = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        digest.update(pc.fill_null(values, 0).to_numpy().tobytes() + pc.is_valid(values).to_numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        do = "free space on that disk or mend its permissions, then run again: finished shards are kept"
        raise RecordError(
            "A table could not be written", where=str(path), found=error.strerror or os.strerror(error.errno or 0), do=do
        ) from error
