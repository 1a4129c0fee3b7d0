"""Merge: new events into one shard, sorted, each said once, holding a bounded part of it in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from consilium.core.errors import RecordError
from consilium.core.events import SCHEMA
from consilium.record import parquet
from consilium.record.manifest import MEND
from consilium.record.spill import append, pieces

ROWS_AT_ONCE = 500_000
ROWS_A_GROUP = 16_384  # small, so that one patient is read without the rest of the shard
_SAID = ["subject_id", "time", "available", "code", "numeric_value", "text_value", "unit"]
_SUBJECT = [SCHEMA.get_field_index("subject_id")]


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge: rows of the shard, rows that were new, and rows that had been said already."""

    rows: int
    added: int
    duplicates: int


def merge(old: Path | None, spill: Path, into: Path) -> Merged:
    """Write a shard from its former file and new events.

    Events are sorted by subject, then time (static ones first), availability, code and value. Of events that agree in every
    column but `source_id` one is kept: the one that the record already held, else the one whose `source_id` sorts first.

    Every event is read twice from the disk and held once, however large the shard: new events are first parted by ranges of
    subjects, each range is then merged in memory.

    Parameters
    ----------
    old : Path or None
        The shard as it was, if it was.
    spill : Path
        New events of this shard, at least one, as `spill.append` writes them; removed on the way.
    into : Path
        The file to write.

    Raises
    ------
    RecordError
        When the former file cannot be read.
    """
    import polars as pl  # not at the top: who only reads a record does without

    before = pq.read_metadata(old).num_rows if old else 0
    rows = seen = 0
    try:
        with pq.ParquetWriter(into, SCHEMA, compression="zstd") as writer:
            for low, high, new in _ranges(old, spill):
                said = pl.from_arrow(new).with_columns(new=pl.lit(True))  # type: ignore[union-attr]
                if old is not None:
                    held = pl.scan_parquet(old).filter(pl.col("subject_id").is_between(low, high)).with_columns(new=pl.lit(False))
                    said = pl.concat([said, held.collect()])
                kept = said.sort([*_SAID, "new", "source_id"]).unique(_SAID, keep="first", maintain_order=True)
                seen, rows = seen + len(said), rows + len(kept)
                writer.write_table(kept.select(SCHEMA.names).to_arrow().cast(SCHEMA), row_group_size=ROWS_A_GROUP)
    except pl.exceptions.PolarsError as error:
        raise RecordError("A shard of the record cannot be read", where=str(old or into), found=str(error), do=MEND) from error
    return Merged(rows, rows - before, seen - rows)


def _ranges(old: Path | None, spill: Path) -> Iterator[tuple[int, int, pa.Table]]:
    """Ranges of subjects, both ends included, with their new events; with the old ones about `ROWS_AT_ONCE` each."""
    firsts = _firsts(old, spill)
    lasts = [*(int(first) - 1 for first in firsts[1:]), int(np.iinfo(np.int64).max)]
    folder = spill.with_suffix("")
    if len(firsts) > 1:
        folder.mkdir()
        for piece in pieces(spill):
            part = np.searchsorted(firsts, piece["subject_id"].to_numpy(), side="right") - 1
            order = np.argsort(part, kind="stable")
            piece, part = piece.take(pa.array(order)), part[order]
            starts = np.flatnonzero(np.diff(part, prepend=-1))
            for start, end in zip(starts, np.append(starts[1:], len(part)), strict=True):
                append(folder / f"{part[start]}.arrows", piece.slice(start, end - start))
        spill.unlink()
    for n, (low, high) in enumerate(zip(firsts.tolist(), lasts, strict=True)):
        file = folder / f"{n}.arrows" if len(firsts) > 1 else spill
        yield low, high, pa.concat_tables(pieces(file)) if file.exists() else SCHEMA.empty_table()
        file.unlink(missing_ok=True)
    if folder.is_dir():
        folder.rmdir()


def _firsts(old: Path | None, spill: Path) -> NDArray[np.int64]:
    """The first subject of each range; a subject with more events than a range may hold has one to itself."""
    columns = [piece["subject_id"].to_numpy() for piece in pieces(spill, _SUBJECT)]
    if old is not None:
        columns.append(parquet.read(old, ["subject_id"])["subject_id"].to_numpy())
    subjects, counts = np.unique(np.concatenate(columns), return_counts=True)
    first = np.flatnonzero(np.diff(np.cumsum(counts) // ROWS_AT_ONCE, prepend=-1))
    starts: NDArray[np.int64] = subjects[first]
    starts[0] = np.iinfo(np.int64).min
    return starts
