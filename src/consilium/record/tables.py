"""Tables: what was made of each shard, one Parquet file a shard, each there whole or not at all.

A folder of tables holds `<split>/<shard>.parquet` and `_plan.json`, which says of what it was made. A run that died is run again
with the same arguments: finished shards are skipped, and a folder of something else is refused.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from consilium.record import layout
from consilium.record.durable import sync
from consilium.record.engine import Progress, run
from consilium.record.placement import SPLITS, placed
from consilium.record.shard import parts
from consilium.record.store import Record, View

PLAN = "_plan.json"
COUNTS = b"consilium.counts"
"""Key under which a table (and a finished file) carries what it counted, as JSON."""
ROWS = pa.schema([pa.field("subject_id", pa.int64(), nullable=False), pa.field("as_of", pa.timestamp("us"), nullable=False)])
"""Who is asked about, and when (UTC without zone); further columns are carried along."""
GROUP_BYTES = 32 * 2**20

Make = Callable[[pa.Table, pa.Table | None], Iterator[pa.Table]]
"""From events of whole subjects, and the rows asked about them where they were given, to tables of one schema, at least one."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What was written.

    Parameters
    ----------
    folder : Path
    files : tuple of Path
        One a shard, in the order of shards.
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
        return pa.concat_tables([pq.read_table(file, partitioning=None).replace_schema_metadata() for file in self.files])


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
        Folder; made when there is none.
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
    _claimed(out, {**plan, "consilium": version("consilium"), "record": _fingerprint(record), "rows": None if rows is None else _sum(rows)})
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
        counts.update(orjson.loads((footer.metadata or {}).get(COUNTS, b"{}")))
    return Tables(out, files, written, already, dict(counts))


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
                counts.update(orjson.loads((table.schema.metadata or {}).get(COUNTS, b"{}")))
                waiting.append(table.replace_schema_metadata())
                held += table.nbytes
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
            worded = [f.name for f in waiting[0].schema if not pa.types.is_floating(f.type)]  # numbers seldom repeat
            writer = pq.ParquetWriter(aside, waiting[0].schema, compression="zstd", use_dictionary=worded)
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


def _claimed(out: Path, plan: Mapping[str, Any]) -> None:
    """Make the folder, or see that it was made for the same."""
    said = orjson.dumps(plan, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    with _on_disk(out):
        out.mkdir(parents=True, exist_ok=True)
        try:
            found = (out / PLAN).read_bytes()
        except FileNotFoundError:
            strangers = [p.name for p in out.iterdir() if not p.name.startswith(f".{PLAN}")]
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
    if found != said:
        before, now = (orjson.loads(x) for x in (found, said))
        apart = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        raise RecordError("The folder holds tables of something else", where=str(out), found=f"another {', '.join(apart)}",
                          do="name another folder, or remove this one")  # fmt: skip


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
