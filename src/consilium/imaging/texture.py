"""Texture: what classical image analysis says of a picture in numbers - edges by direction, local patterns, brightness - for the baseline.

Sources: Dalal & Triggs 2005, doi:10.1109/CVPR.2005.177 (histograms of oriented gradients); Ojala, Pietikäinen & Mäenpää 2002,
doi:10.1109/TPAMI.2002.1017623 (local binary patterns, rotation-invariant and uniform).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 9
CELLS = (3, 5)
SCALES = (1, 2, 3)
QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)


def texture(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Numbers of each image.

    Parameters
    ----------
    images : array of shape (n, channels, rows, columns) in [0, 1], at least 8 rows and columns

    Returns
    -------
    float32 array of shape (n, p): `directions` of the mean channel, `patterns` of it, `shades` of each channel

    Examples
    --------
    >>> flat = np.zeros((2, 1, 28, 28), np.float32)
    >>> texture(flat).shape[0], bool(np.isfinite(texture(flat)).all())
    (2, True)
    """
    grey = np.asarray(images.mean(1), np.float32)
    parts = [directions(grey, cells) for cells in CELLS] + [patterns(grey, scale) for scale in SCALES]
    return np.concatenate([*parts, shades(images)], 1).astype(np.float32)


def directions(grey: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Histogram of edge directions in each of `cells` x `cells` fields, (n, cells * cells * 9), each field of length 1."""
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, across)
    angle = np.mod(np.arctan2(down, across), np.pi) / np.pi * DIRECTIONS
    low = np.floor(angle).astype(np.int64) % DIRECTIONS
    share = angle - np.floor(angle)
    rows, columns = (np.minimum(np.arange(size) * cells // size, cells - 1) for size in grey.shape[1:])
    field = rows[:, None] * cells + columns[None, :]
    found = np.zeros((len(grey), cells * cells * DIRECTIONS))
    for number, (weight, bin_low, part) in enumerate(zip(strength, low, share, strict=True)):
        for which, amount in ((bin_low, weight * (1 - part)), ((bin_low + 1) % DIRECTIONS, weight * part)):
            found[number] += np.bincount((field * DIRECTIONS + which).ravel(), amount.ravel(), found.shape[1])
    fields = found.reshape(len(grey), -1, DIRECTIONS)
    return np.asarray((fields / (np.linalg.norm(fields, axis=2, keepdims=True) + 0.1)).reshape(len(grey), -1), np.float32)


def patterns(grey: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Share of each of the ten rotation-invariant uniform patterns of eight neighbours at a distance of `scale`, (n, 10)."""
    ring = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
    rows, columns = grey.shape[1] - 2 * scale, grey.shape[2] - 2 * scale
    middle = grey[:, scale : scale + rows, scale : scale + columns]
    bits = np.stack(
        [grey[:, scale * (1 + a) : scale * (1 + a) + rows, scale * (1 + b) : scale * (1 + b) + columns] >= middle for a, b in ring]
    )
    changes = (bits != np.roll(bits, 1, 0)).sum(0)
    kind = np.where(changes <= 2, bits.sum(0), 9)
    return np.stack([(kind == one).mean((1, 2)) for one in range(10)], 1).astype(np.float32)


def shades(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean, standard deviation, quantiles and a 5 x 5 picture of each channel, (n, channels * 36)."""
    n, channels = images.shape[:2]
    flat = images.reshape(n, channels, -1)
    told = [flat.mean(2), flat.std(2), *np.percentile(flat, QUANTILES, axis=2)]
    fields = [part.mean((2, 3)) for band in np.array_split(images, 5, axis=2) for part in np.array_split(band, 5, axis=3)]
    return np.stack([*told, *fields], 2).reshape(n, -1).astype(np.float32)
