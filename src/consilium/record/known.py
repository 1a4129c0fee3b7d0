"""Known: when an event could first be taken into account, the one rule that keeps the future out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

UNDATED = np.iinfo(np.int64).min
"""Stands for a time that is null: before every moment."""
NEVER = np.iinfo(np.int64).max


def microseconds(times: pa.ChunkedArray) -> NDArray[np.int64]:
    """Times as microseconds since 1970, `UNDATED` where null."""
    numbers: NDArray[np.int64] = pc.fill_null(pc.cast(times, pa.int64()), int(UNDATED)).to_numpy()
    return numbers


def known_from(time: NDArray[np.int64], available: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first moment at which each event had happened and was known; all arrays of shape (n,), in microseconds.

    An undated event has always happened; one without availability was always known. A dated event without availability is
    never known: the record refuses those, and a table from elsewhere must not leak through one.
    """
    never = (time != UNDATED) & (available == UNDATED)
    return np.where(never, NEVER, np.maximum(time, available))
