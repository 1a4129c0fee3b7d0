"""Rejects: what could not be read, kept beside the events, one row each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from consilium.core.events import Reject
from consilium.record import parquet

COLUMNS = pa.schema([(f.name, pa.string()) for f in fields(Reject)])
ROWS_AT_ONCE = 50_000


class RejectFile:
    """A growing file of rejects that holds only the latest in memory, and does not exist while there are none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[dict[str, str]] = []
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0

    def add(self, rejects: Iterable[Reject]) -> None:
        """Take rejects."""
        for reject in rejects:
            self._waiting.append(asdict(reject))
            if len(self._waiting) >= ROWS_AT_ONCE:
                self._flush()

    def close(self) -> int:
        """Finish the file; says how many rejects it holds."""
        if self._waiting:
            self._flush()
        if self._writer is not None:
            self._writer.close()
        return self._rows

    def _flush(self) -> None:
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self.path, COLUMNS, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=COLUMNS))
        self._rows += len(self._waiting)
        self._waiting = []


def read(path: Path) -> list[Reject]:
    """Read a file of rejects."""
    return [Reject(**row) for row in parquet.read(path).to_pylist()]
