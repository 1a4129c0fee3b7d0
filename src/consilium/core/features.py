"""Features: the numbers a model sees, with what was and was not observed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import LawError


@dataclass(frozen=True, slots=True)
class Features:
    """A matrix that never holds a silent zero.

    Parameters
    ----------
    X : float32 array of shape (n, p)
        NaN exactly where nothing was observed.
    names, units : tuple of str, length p
        Feature names and their UCUM units.
    rows : tuple of (int, datetime), length n
        Subject and moment of asking of each row.
    observed : bool array of shape (n, p)
        Where a value was seen.
    times : datetime64[us] array of shape (n, p), optional
        Time of the event the value was taken from (NaT where static, counted, averaged or unseen).
    event_ids : object array of shape (n, p), optional
        `source_id` of that event, or None.

    Raises
    ------
    LawError
        When shapes disagree, or X is finite exactly where `observed` does not say so.
    """

    X: NDArray[np.float32]
    names: tuple[str, ...]
    units: tuple[str, ...]
    rows: tuple[tuple[int, datetime], ...]
    observed: NDArray[np.bool_]
    times: NDArray[np.datetime64] | None = None
    event_ids: NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.rows), len(self.names))
        if self.X.shape != shape or self.observed.shape != shape or len(self.units) != len(self.names):
            raise LawError(
                "Features disagree about their shape", found=(self.X.shape, self.observed.shape, len(self.units)), expected=shape
            )
        if self.X.dtype != np.float32:
            raise LawError("Features are float32", found=str(self.X.dtype))
        if not all(self.units):
            raise LawError("No number without a unit", found=[n for n, u in zip(self.names, self.units, strict=True) if not u])
        if not np.array_equal(np.isfinite(self.X), self.observed):
            raise LawError("A value stands where nothing was observed, or is missing where something was")
