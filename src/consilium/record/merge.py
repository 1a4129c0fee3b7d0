"""Merge: new events into one shard, sorted, each said once, holding a bounded part of it in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from consilium.core.errors import RecordError
from consilium.core.events import SCHEMA
from consilium.record.manifest import MEND

ROWS_AT_ONCE = 500_000
ROWS_A_GROUP = 16_384  # small, so that one patient is read without the rest of the shard
_SAID = ["subject_id", "time", "available", "code", "numeric_value", "text_value", "unit"]


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge: rows of the shard, rows that were new, and rows that had been said already."""

    rows: int
    added: int
    duplicates: int


def merge(old: Path | None, spills: Sequence[Path], into: Path) -> Merged:
    """Write a shard from its former file and new events.

    Events are sorted by subject, then time (static ones first), availability, code and value. Of events that agree in every
    column but `source_id` one is kept: the one that the record already held, else the one whose `source_id` sorts first.

    Parameters
    ----------
    old : Path or None
        The shard as it was, if it was.
    spills : sequence of Path
        Parquet files of new events of this shard; at least one.
    into : Path
        The file to write.

    Raises
    ------
    RecordError
        When the former file cannot be read.
    """
    parts = [pl.scan_parquet(list(spills)).with_columns(new=pl.lit(True))]
    before = 0
    if old is not None:
        parts.append(pl.scan_parquet(old).with_columns(new=pl.lit(False)))
        before = pq.read_metadata(old).num_rows
    events = pl.concat(parts)
    rows = seen = 0
    try:
        with pq.ParquetWriter(into, SCHEMA, compression="zstd") as writer:
            for low, high in _ranges([*spills, *([old] if old else [])]):
                said = events.filter(pl.col("subject_id").is_between(low, high)).collect()
                kept = said.sort([*_SAID, "new", "source_id"]).unique(_SAID, keep="first", maintain_order=True)
                seen, rows = seen + len(said), rows + len(kept)
                writer.write_table(kept.select(SCHEMA.names).to_arrow().cast(SCHEMA), row_group_size=ROWS_A_GROUP)
    except pl.exceptions.PolarsError as error:
        raise RecordError("A shard of the record cannot be read", where=str(old or into), found=str(error), do=MEND) from error
    return Merged(rows, rows - before, seen - rows)


def _ranges(files: Sequence[Path]) -> list[tuple[int, int]]:
    """Ranges of subjects, both ends included, that hold about `ROWS_AT_ONCE` events each (more only where one subject has more)."""
    columns = [pq.read_table(file, columns=["subject_id"])["subject_id"].to_numpy() for file in files]
    subjects, counts = np.unique(np.concatenate(columns), return_counts=True)
    part = np.cumsum(counts) // ROWS_AT_ONCE
    first = np.flatnonzero(np.diff(part, prepend=-1))
    last = np.append(first[1:], len(subjects)) - 1
    return [(int(subjects[a]), int(subjects[b])) for a, b in zip(first, last, strict=True)]
