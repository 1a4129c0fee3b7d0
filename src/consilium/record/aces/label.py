"""Label: a task's answers as a MEDS label table, a shard at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from meds import LabelSchema

from consilium.core.errors import NotFoundError, RecordError
from consilium.core.question import Predicate
from consilium.record.durable import on_disk
from consilium.record.realise import realise
from consilium.record.task import Task

ROWS = 250_000
"""About how many rows are held at once; a subject is never split."""


def labels(events: pa.Table, task: Task) -> pa.Table:
    """Answer a task.

    Parameters
    ----------
    events : pyarrow.Table
        In MEDS columns; whole subjects, in any order.
    task : Task

    Returns
    -------
    pyarrow.Table
        MEDS labels, by subject and trigger: `boolean_value` whether the label's predicate is met in its window, `integer_value`
        how often; both null for a task without a label.

    Raises
    ------
    LawError
        When a column is missing that the task asks for.
    """
    found = realise(events, task)
    kept = found.kept
    number = None if task.label is None else found.counts[task.label][kept]
    empty = pa.nulls(len(kept))
    return pa.table(
        [
            pa.array(found.subject[kept]),
            pa.array(found.asked[kept], pa.timestamp("us")),
            empty.cast(pa.bool_()) if number is None else pa.array(number > 0),
            empty.cast(pa.int64()) if number is None else pa.array(number),
            empty.cast(pa.float32()),
            empty.cast(pa.string()),
        ],
        schema=LabelSchema.schema(),
    )


def label_shards(data: str | Path, task: Task, rows: int = ROWS) -> Iterator[tuple[str, pa.Table]]:
    """Answer a task over a MEDS data set, holding about `rows` rows at once.

    Parameters
    ----------
    data : path
        A parquet file, or a folder of them (with or without `data/` in it).
    task : Task
    rows : int
        A subject's rows stand together in one file, as MEDS says; they are never split.

    Yields
    ------
    (str, pyarrow.Table)
        The shard's name (`train/0`) and its labels.

    Raises
    ------
    NotFoundError
        When there is no parquet file.
    RecordError
        When a subject's rows do not stand together.
    """
    root = Path(data)
    root = root / "data" if (root / "data").is_dir() else root
    shards = [root] if root.is_file() else sorted(root.rglob("*.parquet"))
    if not shards:
        raise NotFoundError("There is no MEDS data", where=str(data), do="name a folder with data/<split>/<shard>.parquet")
    wanted = {"subject_id", "time", "code"}
    for predicate in task.predicates.values():
        if isinstance(predicate, Predicate):
            wanted |= {*predicate.columns, *(["available"] if predicate.known else [])}
            wanted |= {"numeric_value"} if predicate.low is not None or predicate.high is not None else set()
    for shard in shards:
        name = shard.name if root.is_file() else shard.relative_to(root).with_suffix("").as_posix()
        yield name, pa.concat_tables([LabelSchema.schema().empty_table(), *(labels(part, task) for part in _parts(shard, wanted, rows))])


def label(data: str | Path, task: Task, into: str | Path) -> dict[str, int]:
    """Write a task's labels, `<shard>.parquet` for each shard of a MEDS data set; returns the number of labels of each."""
    written = {}
    for name, table in label_shards(data, task):
        target = (Path(into) / name).with_suffix(".parquet")
        aside = target.with_name(f".{target.name}")
        with on_disk(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, aside)
            aside.replace(target)
        written[name] = table.num_rows
    return written


def _parts(shard: Path, wanted: set[str], rows: int) -> Iterator[pa.Table]:
    """Whole subjects of a shard, about `rows` rows of them at once."""
    held: list[pa.RecordBatch] = []
    number, done = 0, set[int]()
    with pq.ParquetFile(shard, read_dictionary=["code"]) as file:
        names = [name for name in file.schema_arrow.names if name in wanted]
        for batch in file.iter_batches(min(rows, 65_536), columns=names):
            cut = _last_begins(batch) if number + batch.num_rows >= rows else 0
            if cut:
                yield _whole([*held, batch.slice(0, cut)], done, shard)
                held, number = [], 0
            held.append(batch.slice(cut))
            number += batch.num_rows - cut
        if held:
            yield _whole(held, done, shard)


def _last_begins(batch: pa.RecordBatch) -> int:
    """Where the batch's last subject begins."""
    changes = np.flatnonzero(np.diff(batch["subject_id"].to_numpy()))
    return int(changes[-1]) + 1 if len(changes) else 0


def _whole(batches: list[pa.RecordBatch], done: set[int], shard: Path) -> pa.Table:
    part = pa.Table.from_batches(batches)
    subject = part["subject_id"].to_numpy()
    subjects = set(subject[np.flatnonzero(np.diff(subject, prepend=subject[0] - 1))].tolist())
    if subjects & done:
        raise RecordError("A subject's rows do not stand together", where=str(shard), found=min(subjects & done), do="sort it by subject")
    done |= subjects
    return part
