"""Region: a part of an image as a box, and as a mask within it; where it lies in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import LawError
from consilium.imaging.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A part of an image.

    Parameters
    ----------
    low, high : tuple of int
        First index inside and first index outside, along each axis of the volume's `shape`.
    mask : bool array of shape (high - low), or None
        Which voxels of the box belong to it; None where only the box is known.

    Raises
    ------
    LawError
        When the box is empty, or the mask does not fill it.

    Examples
    --------
    >>> mask = np.zeros((4, 6), bool)
    >>> mask[1:3, 2:5] = True
    >>> found = of_mask(mask)
    >>> found.low, found.high, found.voxels
    ((1, 2), (3, 5), 6)
    >>> str(found)
    'rows 2-3, columns 3-5'
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    mask: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        size = tuple(end - start for start, end in zip(self.low, self.high, strict=True))
        if len(size) not in (2, 3) or min(size) < 1 or min(self.low) < 0:
            raise LawError("A region has at least one voxel, inside the image", found=(self.low, self.high))
        if self.mask is not None:
            if self.mask.dtype != np.bool_ or self.mask.shape != size or not self.mask.any():
                raise LawError("The mask does not fill the region's box", found=(str(self.mask.dtype), self.mask.shape), expected=size)
            self.mask.flags.writeable = False

    @property
    def voxels(self) -> int:
        """How many voxels belong to it."""
        return int(self.mask.sum()) if self.mask is not None else int(np.prod(np.subtract(self.high, self.low)))

    @property
    def slices(self) -> tuple[slice, ...]:
        """What cuts the box out of an array."""
        return tuple(slice(start, end) for start, end in zip(self.low, self.high, strict=True))

    @property
    def centre(self) -> tuple[float, ...]:
        """Index of the middle: of the mask's voxels, or of the box."""
        if self.mask is None:
            return tuple((start + end - 1) / 2 for start, end in zip(self.low, self.high, strict=True))
        return tuple(float(at.mean() + start) for at, start in zip(np.nonzero(self.mask), self.low, strict=True))

    def filled(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """The region in an array of the whole image."""
        whole = np.zeros(shape, bool)
        whole[self.slices] = True if self.mask is None else self.mask
        return whole

    def cut(self, low: tuple[int, ...], high: tuple[int, ...]) -> NDArray[np.bool_]:
        """The part of the region in a box that lies within its own."""
        inside = tuple(slice(lo - s, hi - s) for lo, hi, s in zip(low, high, self.low, strict=True))
        return np.ones(np.subtract(high, low), bool) if self.mask is None else self.mask[inside]

    def box_mm(self, volume: Volume) -> NDArray[np.float64] | None:
        """Least and greatest x, y, z of the box's corners in millimetres, shape (2, 3); None where the spacing is unknown."""
        if volume.affine is None:
            return None
        low, high = np.subtract(self.low, 0.5), np.subtract(self.high, 0.5)
        corners = volume.to_mm(np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), -1).reshape(-1, len(low)))
        return np.stack((corners.min(0), corners.max(0)))

    def __str__(self) -> str:
        """For people, who count from 1."""
        names = ("slices", "rows", "columns")[-len(self.low) :]
        return ", ".join(f"{n} {start + 1}-{end}" for n, start, end in zip(names, self.low, self.high, strict=True))


def of_mask(mask: NDArray[np.bool_]) -> Region | None:
    """The region of a mask of the whole image, cut to its box; None where the mask is empty."""
    low, high = [], []
    for axis in range(mask.ndim):
        at = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        if not len(at):
            return None
        low.append(int(at[0]))
        high.append(int(at[-1]) + 1)
    cut = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    return Region(tuple(low), tuple(high), mask[cut].copy())
