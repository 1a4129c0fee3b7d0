"""Fundus: a photograph of the retina with its round field found, its light made even, and its scale brought to one that was learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.volume import Volume

WIDE = 820
"""Pixels across the field at the scale that was learned: IDRiD's photographs at 1,024 pixels have 815 to 908."""
DARK = 20
"""Brightness of the brightest channel, of 255, below which a pixel is outside the field."""
STEP = 8
LEAST = 0.2
"""Share of the picture that a field takes up at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Fundus:
    """A prepared photograph.

    Parameters
    ----------
    planes : float32 array of shape (4, rows, columns)
        Red, green and blue against their surroundings, in units of their spread there; and green as it is, from -1 to 1. 0 outside.
    field : bool array of shape (rows, columns)
    scale : float
        Pixels here for one of the photograph.
    """

    planes: NDArray[np.float32]
    field: NDArray[np.bool_]
    scale: float


def fundus(volume: Volume) -> Fundus | str:
    """Prepare a photograph, or say why it cannot be looked at."""
    if len(volume.shape) != 2 or not volume.colour:
        return "it looks at one colour photograph of the retina"
    if volume.array.dtype != np.uint8:
        return f"it needs brightness from 0 to 255, 8 bits; this is {volume.array.dtype}"
    found = field_of(np.asarray(volume.array, np.uint8))
    if found is None:
        return "no round, lit field of a retinal photograph was found"
    return prepared(np.asarray(volume.array, np.uint8), found)


def field_of(photograph: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """The lit field (rows, columns) of a photograph (rows, columns, 3); None where there is none of a photograph's shape.

    A field is one patch, wider than two thirds of its height, with corners of the picture outside it.
    """
    from scipy import ndimage

    bright = photograph.max(axis=2) > DARK
    lit = ndimage.binary_opening(bright, iterations=2)
    label, n = ndimage.label(lit)
    if not n:
        return None
    whole = ndimage.binary_fill_holes(label == 1 + np.argmax(ndimage.sum(lit, label, range(1, n + 1))))
    rows, columns = whole.sum(1).max(), whole.sum(0).max()
    ends = [slice(0, max(n // 32, 1)) for n in bright.shape], [slice(-max(n // 32, 1), None) for n in bright.shape]
    corners = [bright[ends[down][0], ends[across][1]].mean() > 0.5 for down in (0, 1) for across in (0, 1)]
    if whole.mean() < LEAST or any(corners) or not 2 / 3 < rows / columns < 3 / 2:
        return None
    return np.asarray(whole, bool)


def prepared(photograph: NDArray[np.uint8], field: NDArray[np.bool_]) -> Fundus:
    """Bring a photograph (rows, columns, 3) to the learned scale and make its light even."""
    from PIL import Image

    scale = WIDE / float(field.sum(1).max())
    if abs(scale - 1) > 0.01:
        size = (round(photograph.shape[1] * scale), round(photograph.shape[0] * scale))
        photograph = np.asarray(Image.fromarray(photograph).resize(size, Image.Resampling.BICUBIC))
        field = np.asarray(Image.fromarray(field).resize(size, Image.Resampling.NEAREST))
    else:
        scale = 1.0
    inside = field.astype(np.float32)
    near = float(field.sum(1).max()) / 24
    light = np.asarray(photograph / np.float32(255), np.float32)
    around, far = _blurred(inside, near) + 1e-3, _blurred(inside, 3 * near) + 1e-3
    planes: list[NDArray[np.floating]] = []
    for channel in range(3):
        lit = np.asarray(light[..., channel] * inside, np.float32)
        apart = np.asarray((light[..., channel] - _blurred(lit, near) / around) * inside, np.float32)
        spread = np.sqrt(_blurred(np.square(apart), 3 * near) / far)
        planes.append(np.clip(apart / (spread + 0.01) * 0.5, -8, 8))
    planes.append((light[..., 1] * 2 - 1) * inside)
    return Fundus(np.stack(planes).astype(np.float32), field, scale)


def _blurred(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """A wide Gaussian, made on a grid eight times coarser and read off between its points."""
    from scipy import ndimage

    rows, columns = plane.shape
    down, across = -(-rows // STEP), -(-columns // STEP)
    padded = np.zeros((down * STEP, across * STEP), np.float32)
    padded[:rows, :columns] = plane
    coarse = padded.reshape(down, STEP, across, STEP).mean((1, 3))
    coarse = ndimage.gaussian_filter(coarse, sigma / STEP, mode="constant", truncate=3)
    (r, fr), (c, fc) = (_between(size, n) for size, n in ((rows, down), (columns, across)))
    top = coarse[r] * (1 - fr[:, None]) + coarse[r + 1] * fr[:, None]
    return np.asarray(top[:, c] * (1 - fc) + top[:, c + 1] * fc, np.float32)


def _between(size: int, coarse: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each fine place the coarse one before it, and how far it lies on the way to the next."""
    at = (np.arange(size) + 0.5) / STEP - 0.5
    before = np.clip(np.floor(at).astype(np.int64), 0, coarse - 2)
    return before, np.clip(at - before, 0, 1).astype(np.float32)
