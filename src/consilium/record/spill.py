"""Spill: new events set aside by shard, so that an ingest of any size holds only its latest events in memory."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from consilium.record.placement import placed

ROWS_AT_ONCE = 500_000
Bucket = tuple[int, int]
"""Position of the split in `SPLITS`, and shard within it."""


class Spill:
    """Events waiting to be merged, in memory up to `ROWS_AT_ONCE` rows and in parquet files from there on.

    Parameters
    ----------
    folder : Path
        Where to put the files.
    shards : int
        Shards per split.
    """

    def __init__(self, folder: Path, shards: int) -> None:
        self._folder, self._shards = folder, shards
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._files: dict[Bucket, list[Path]] = defaultdict(list)
        self.rows = 0

    def add(self, events: pa.Table) -> None:
        """Take events in `SCHEMA` columns."""
        if not events.num_rows:
            return
        self._waiting.append(events)
        self._rows += events.num_rows
        self.rows += events.num_rows
        if self._rows >= ROWS_AT_ONCE:
            self._flush()

    def files(self) -> dict[Bucket, list[Path]]:
        """Everything taken so far, as parquet files by bucket."""
        if self._waiting:
            self._flush()
        return dict(self._files)

    def _flush(self) -> None:
        events = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._rows = [], 0
        split, shard = placed(events["subject_id"].to_numpy(), self._shards)
        bucket = split * self._shards + shard
        order = np.lexsort((events["subject_id"].to_numpy(), bucket))  # by subject, so that a range of subjects is few row groups
        events, bucket = events.take(pa.array(order)), bucket[order]
        starts = np.flatnonzero(np.diff(bucket, prepend=-1))
        for start, end in zip(starts, np.append(starts[1:], len(bucket)), strict=True):
            place = divmod(int(bucket[start]), self._shards)
            path = self._folder / f"{place[0]}-{place[1]}-{len(self._files[place])}.parquet"
            pq.write_table(events.slice(start, end - start), path, compression="lz4", row_group_size=65_536)
            self._files[place].append(path)
