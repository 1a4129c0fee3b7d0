"""Spill: new events set aside by shard, so that an ingest of any size holds only its latest events in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from consilium.record.placement import placed

ROWS_AT_ONCE = 500_000
BYTES_AT_ONCE = 128 * 2**20
"""Memory that waiting events may take, whichever of the two is reached first; setting them aside takes as much again, twice."""
Bucket = tuple[int, int]
"""Position of the split in `SPLITS`, and shard within it."""
_COMPRESSED = ipc.IpcWriteOptions(compression="lz4")


class Spill:
    """Events waiting to be merged, in memory up to `ROWS_AT_ONCE` rows and in one growing file a shard from there on.

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
        self._rows = self._bytes = 0
        self._files: Counter[Bucket] = Counter()
        self.rows = 0

    def add(self, events: pa.Table) -> None:
        """Take events in `SCHEMA` columns."""
        if not events.num_rows:
            return
        self._waiting.append(events)
        self._rows += events.num_rows
        self._bytes += events.nbytes
        self.rows += events.num_rows
        if self._rows >= ROWS_AT_ONCE or self._bytes >= BYTES_AT_ONCE:
            self._flush()

    def files(self) -> dict[Bucket, tuple[Path, int]]:
        """Everything taken so far: by bucket, a file that `pieces` reads, and its rows."""
        if self._waiting:
            self._flush()
        return {bucket: (self._path(bucket), rows) for bucket, rows in self._files.items()}

    def _path(self, bucket: Bucket) -> Path:
        return self._folder / f"{bucket[0]}-{bucket[1]}.arrows"

    def _flush(self) -> None:
        events = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._rows, self._bytes = [], 0, 0
        split, shard = placed(events["subject_id"].to_numpy(), self._shards)
        bucket = split * self._shards + shard
        order = np.argsort(bucket, kind="stable")
        events, bucket = events.take(pa.array(order)), bucket[order]
        starts = np.flatnonzero(np.diff(bucket, prepend=-1))
        for start, end in zip(starts, np.append(starts[1:], len(bucket)), strict=True):
            place = divmod(int(bucket[start]), self._shards)
            append(self._path(place), events.slice(start, end - start))
            self._files[place] += int(end - start)


def append(path: Path, events: pa.Table) -> None:
    """Add events to the end of a file, which is a row of Arrow streams, one for each time."""
    with path.open("ab") as sink, ipc.new_stream(sink, events.schema, options=_COMPRESSED) as writer:
        writer.write_table(events)


def pieces(path: Path, columns: list[int] | None = None) -> Iterator[pa.Table]:
    """What was appended to a file, one table for each time, with all its columns or only those at some positions."""
    options = ipc.IpcReadOptions(included_fields=columns)
    with pa.OSFile(str(path)) as source:
        end = source.size()
        while source.tell() < end:
            with ipc.open_stream(source, options=options) as stream:
                yield stream.read_all()
