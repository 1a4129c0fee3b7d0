"""Charts: the events of one subject out of a shard, with the parts of shards that were read last kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from consilium.core.events import SCHEMA

LIMIT = 256 * 2**20


class _Shard:
    """Footer of a shard: which subjects each of its row groups spans."""

    def __init__(self, path: Path) -> None:
        self.footer = pq.read_metadata(path)
        at = self.footer.schema.to_arrow_schema().get_field_index("subject_id")
        spans = [self.footer.row_group(g).column(at).statistics for g in range(self.footer.num_row_groups)]
        self.low = np.array([s.min for s in spans], dtype=np.int64)
        self.high = np.array([s.max for s in spans], dtype=np.int64)

    def groups(self, subject: int) -> range:
        """Row groups that may hold the subject."""
        return range(int(np.searchsorted(self.high, subject, side="left")), int(np.searchsorted(self.low, subject, side="right")))


class Charts:
    """Reads subjects from the files of one generation; files never change, so what was read stays true.

    Parameters
    ----------
    limit : int
        Bytes of events kept in memory, the least recently asked for let go first.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._held = limit, 0
        self._shards: dict[Path, _Shard] = {}
        self._parts: OrderedDict[tuple[Path, int], tuple[NDArray[np.int64], pa.Table]] = OrderedDict()
        self._lock = Lock()

    def events(self, path: Path, subject: int) -> pa.Table:
        """Events of one subject, in the order of the shard.

        Parameters
        ----------
        path : Path
            The shard that the subject is placed in.
        subject : int

        Returns
        -------
        pyarrow.Table in `SCHEMA` columns
        """
        found = []
        with self._lock:
            if path not in self._shards:
                self._shards[path] = _Shard(path)
            for group in self._shards[path].groups(subject):
                subjects, events = self._part(path, group)
                start, end = np.searchsorted(subjects, [subject, subject + 1])
                found.append(events.slice(start, end - start))
        return pa.concat_tables(found) if found else SCHEMA.empty_table()

    def _part(self, path: Path, group: int) -> tuple[NDArray[np.int64], pa.Table]:
        key = (path, group)
        if key in self._parts:
            self._parts.move_to_end(key)
            return self._parts[key]
        with pq.ParquetFile(path, metadata=self._shards[path].footer) as file:
            events = file.read_row_group(group)
        self._parts[key] = (events["subject_id"].to_numpy(), events)
        self._held += events.nbytes
        while self._held > self._limit and len(self._parts) > 1:
            _, (_, dropped) = self._parts.popitem(last=False)
            self._held -= dropped.nbytes
        return self._parts[key]
