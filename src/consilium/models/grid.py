"""Grid: how one flat row holds what stands still and what moves: fixed columns first, then each step's channels, oldest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import ModelError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """The shape of a row.

    Parameters
    ----------
    fixed : int
        Columns that are asked once, at the moment of asking.
    steps : int
        Moments on the grid; the last is the moment of asking.
    channels : int
        What is asked at each of them.

    Examples
    --------
    >>> fixed, series = Grid(1, 2, 2).split(np.array([[9.0, 1, 2, 3, 4]]))
    >>> fixed.tolist(), series.tolist()
    ([[9.0]], [[[1.0, 2.0], [3.0, 4.0]]])
    """

    fixed: int
    steps: int
    channels: int

    @classmethod
    def of_width(cls, width: int, *, steps: int, fixed: int) -> Grid:
        """The grid of rows with so many columns.

        Raises
        ------
        ModelError
            When the columns left for the series are not a whole number of channels, at least one.
        """
        if steps < 1 or not 0 <= fixed < width or (width - fixed) % steps:
            raise ModelError("Rows are not as wide as the grid", found=(width, fixed, steps), expected="width = fixed + steps * channels")
        return cls(fixed, steps, (width - fixed) // steps)

    @property
    def width(self) -> int:
        """Columns of a row."""
        return self.fixed + self.steps * self.channels

    def split(self, X: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Fixed part of shape (n, fixed) and series of shape (n, steps, channels)."""
        return X[:, : self.fixed], X[:, self.fixed :].reshape(len(X), self.steps, self.channels)
