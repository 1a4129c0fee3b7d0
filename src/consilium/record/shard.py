"""Shard: one file of the record's events, read whole or in parts that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from consilium.core.errors import RecordError
from consilium.record import parquet
from consilium.record.manifest import MEND

PART_ROWS = 100_000
"""Events in one part of a shard, about: with all that is computed beside them some 200 MB at most."""


def read_shard(path: Path) -> pa.Table:
    """Read a whole shard, in `SCHEMA` columns.

    Raises
    ------
    RecordError
        When it is gone or damaged.
    """
    with reading(path):
        return parquet.read(path)


def parts(path: Path, rows: int = PART_ROWS) -> Iterator[pa.Table]:
    """Read a shard in parts, each subject whole in one of them.

    Parameters
    ----------
    path : Path
    rows : int
        Events in one part, about; more only where one subject has more.

    Yields
    ------
    pyarrow.Table
        In `SCHEMA` columns, in the order of the shard.

    Raises
    ------
    RecordError
        When the shard is gone or damaged.
    """
    waiting: list[pa.Table] = []
    held = 0
    with reading(path):
        file = pq.ParquetFile(path)
    with file:
        for group in range(file.num_row_groups):
            with reading(path):
                waiting.append(file.read_row_group(group, use_threads=False))  # a worker is one thread of work
            held += waiting[-1].num_rows
            if held < rows:
                continue
            whole = pa.concat_tables(waiting)
            subjects = whole["subject_id"].to_numpy()
            last = int(np.searchsorted(subjects, subjects[-1]))  # where the last subject begins: more of it may follow
            if last:
                yield whole.slice(0, last)
                waiting, held = [whole.slice(last)], whole.num_rows - last
    if held:
        yield pa.concat_tables(waiting)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say in words what went wrong while a file of the record was read.

    Raises
    ------
    RecordError
        In place of what the file system, Arrow or JSON raised.
    """
    try:
        yield
    except FileNotFoundError as error:
        do = "open the record again: two ingests have begun since it was opened"
        raise RecordError("A file of the record is gone", where=str(path), do=do) from error
    except (OSError, pa.ArrowException, orjson.JSONDecodeError) as error:
        raise RecordError("A file of the record cannot be read", where=str(path), found=str(error), do=MEND) from error
