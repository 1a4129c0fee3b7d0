"""Parquet: one file read whole, without the engine for data sets that `pyarrow.parquet.read_table` loads, some 45 MB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one file.

    Parameters
    ----------
    path : Path
    columns : sequence of str, optional
        Which; all without it.

    Raises
    ------
    OSError, pyarrow.ArrowException
        As `pyarrow.parquet.read_table` does.
    """
    with pq.ParquetFile(path) as file:
        return file.read(None if columns is None else list(columns))
