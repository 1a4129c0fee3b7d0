"""Lesion traits: what outlines of a retina's lesions amount to, in numbers - how many, how large, how sure, and how near the macula."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LESIONS = ("microaneurysms", "haemorrhages", "hard_exudates", "soft_exudates")
DISC = "optic_disc"
EACH = ("amount", "greatest", "high", "number", "area", "quarters", "near_macula")
NAMES = (*(f"{kind}_{name}" for kind in LESIONS for name in EACH), "disc_seen", "scale")
MACULA = 2.5
"""How far the macula's middle lies from that of the disc, in diameters of the disc, away from the nearer edge of the field."""
DISC_SHARE = 0.13
"""Diameter of a disc as a share of that of a field of about 45 degrees; used where no disc is seen."""


def lesion_traits(
    planes: NDArray[np.float32], masks: Sequence[NDArray[np.bool_]], field: NDArray[np.bool_], scale: float, outlines: Sequence[str]
) -> NDArray[np.float64]:
    """Numbers of one photograph, shape (30,), in the order of `NAMES`.

    Parameters
    ----------
    planes : array of shape (outlines, rows, columns)
        Probability of each pixel.
    masks : sequence of bool arrays of shape (rows, columns)
        What stands of each outline.
    field : bool array of shape (rows, columns)
    scale : float
        Pixels here for one of the photograph.
    outlines : sequence of str
        What each plane is of.
    """
    from scipy import ndimage

    whole = float(field.sum())
    wide = float(field.sum(1).max())
    where = {kind: k for k, kind in enumerate(outlines)}
    disc = masks[where[DISC]]
    middle = np.argwhere(field).mean(0)
    near = _macula(disc, middle, wide)
    rows, columns = np.arange(field.shape[0])[:, None], np.arange(field.shape[1])[None]
    within = np.hypot(rows - near[0], columns - near[1]) < DISC_SHARE * wide
    quarter = 2 * (rows > middle[0]) + (columns > middle[1])
    numbers: list[float] = []
    for kind in LESIONS:
        p, mask = planes[where[kind]] * field, masks[where[kind]]
        inside = p[field]
        n = ndimage.label(mask, np.ones((3, 3)))[1]
        numbers += [
            float(np.log1p(1e4 * inside[inside > 0.02].sum() / whole)),
            float(inside.max(initial=0.0)),
            float(np.sort(inside)[-max(int(whole * 1e-4), 1)]),
            float(np.log1p(n)),
            float(np.log1p(1e4 * mask.sum() / whole)),
            float(len(np.unique(quarter[mask]))),
            float(np.log1p(1e4 * (p * within).sum() / whole)),
        ]
    return np.array([*numbers, float(disc.any()), np.log(scale)])


def _macula(disc: NDArray[np.bool_], middle: NDArray[np.float64], wide: float) -> NDArray[np.float64]:
    """Row and column of the macula's middle: beside the disc, towards the middle of the field; the field's middle where no disc is seen."""
    if not disc.any():
        return middle
    at = np.argwhere(disc).mean(0)
    across = MACULA * DISC_SHARE * wide * np.sign(middle[1] - at[1])
    return np.array([at[0] + 0.3 * DISC_SHARE * wide, at[1] + across])
