"""Traits: size, shape and brightness of an outlined place in numbers, in millimetres where the size of a pixel is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NAMES = (
    "log_long", "log_short", "log_area", "ratio", "filled", "edge", "inside", "spread", "darkest", "brightest", "ring", "contrast",
    "sharpness", "roughness",
)  # fmt: skip
RING = 3
SMOOTH, CORE, REACH, NEAR, STRETCH = 0.7, 3, 20, 6, 2.2
OPENINGS = (0, 1, 2, 3, 4, 6, 8)
_DIRECTIONS = 36


def traits(image: NDArray[np.floating], mask: NDArray[np.bool_], spacing: float) -> NDArray[np.float64]:
    """Numbers of one place, shape (14,), in the order of `NAMES`; NaN throughout where the mask is empty.

    Parameters
    ----------
    image, mask : arrays of shape (rows, columns)
        Brightness in [0, 1], and the place.
    spacing : float
        Millimetres of a pixel (square); 1 where it is unknown and the picture has one scale.

    Examples
    --------
    >>> mask = np.zeros((9, 9), bool); mask[2:7, 2:7] = True
    >>> round(float(np.exp(traits(mask * 1.0, mask, 2.0)[0])), 1)
    14.1
    """
    from scipy import ndimage

    if not mask.any():
        return np.full(len(NAMES), np.nan)
    points = np.argwhere(mask).astype(np.float64)
    angles = np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS
    ways = np.stack((np.sin(angles), np.cos(angles)))
    width = np.ptp(points @ ways, axis=0) + np.abs(ways).sum(0)
    longest = int(width.argmax())
    long, short = width[longest], width[(longest + _DIRECTIONS // 2) % _DIRECTIONS]
    area = float(mask.sum())
    inner = ndimage.binary_erosion(mask)
    edge = mask & ~inner
    ring = ndimage.binary_dilation(mask, iterations=RING) & ~mask
    inside, around = image[mask], image[ring] if ring.any() else image[mask]
    slope = np.hypot(*np.gradient(image.astype(np.float64)))
    dark, bright = np.percentile(inside, (10, 90))
    return np.array(
        [
            np.log(long * spacing),
            np.log(short * spacing),
            np.log(area * spacing**2),
            short / long,
            area / (np.pi / 4 * long * short),
            edge.sum() / np.sqrt(area),
            inside.mean(),
            inside.std(),
            dark,
            bright,
            around.mean(),
            inside.mean() - around.mean(),
            slope[edge].mean(),
            slope[inner].mean() if inner.any() else slope[mask].mean(),
        ]
    )


def grown(image: NDArray[np.floating], at: tuple[int, int]) -> NDArray[np.bool_]:
    """A bright round place around a pixel, outlined by classical means: brighter than half way from what is around it to its middle.

    What hangs on to it (vessels, pleura) is cut off by opening with ever larger discs, until no part of the place lies much farther from
    the pixel than a disc of its area would. Shape (rows, columns); empty where nothing bright is near.
    """
    from scipy import ndimage

    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    away = np.hypot(rows - at[0], columns - at[1])
    smooth = ndimage.gaussian_filter(image.astype(np.float64), SMOOTH)
    middle, around = np.percentile(smooth[away <= CORE], 90), np.percentile(image[away < REACH], 15)
    bright = smooth > (middle + around) / 2
    found = np.zeros(image.shape, bool)
    for radius in OPENINGS:
        disc = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
        part = largest(ndimage.binary_opening(bright, disc) if radius else bright, at, NEAR)
        if not part.any():
            break
        found = part
        if away[part].max() <= STRETCH * np.sqrt(part.sum() / np.pi) + 2:
            break
    return found


def largest(mask: NDArray[np.bool_], at: tuple[int, int] | None = None, reach: int = 8) -> NDArray[np.bool_]:
    """The largest connected part of a mask; with `at`, the one nearest to that pixel, no farther than `reach` pixels. Empty where none is.

    Examples
    --------
    >>> mask = np.zeros((5, 9), bool); mask[1:4, 1:4] = mask[2, 6:8] = True
    >>> int(largest(mask).sum()), int(largest(mask, (2, 7)).sum())
    (9, 2)
    """
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    if not count:
        return mask
    if at is None:
        return np.asarray(labels == 1 + int(np.bincount(labels.ravel())[1:].argmax()))
    rows, columns = np.nonzero(labels)
    away = np.hypot(rows - at[0], columns - at[1])
    nearest = int(away.argmin())
    return np.asarray(labels == labels[rows[nearest], columns[nearest]]) if away[nearest] <= reach else np.zeros_like(mask)
