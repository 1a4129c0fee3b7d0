"""Mammogram: breast and pectoral muscle outlined by classical means, which way round it lies, and the picture that a network sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.projection import SIDES
from consilium.imaging.volume import Projection, Volume
from consilium.knowledge.imaging import methods
from consilium.knowledge.mammography import views

NAME = "breast_mammography"
"""The specialist that looks for masses."""


@dataclass(frozen=True, slots=True, eq=False)
class Mammogram:
    """A mammogram that was looked at.

    Parameters
    ----------
    breast : bool array of shape (rows, columns)
        The breast, and in an oblique view the muscle behind it.
    pectoral : bool array of shape (rows, columns), or None
        None where it was not looked for, or no straight edge of one was found.
    chest : str
        The edge of the picture, `left` or `right`, at which the breast meets the chest.
    notes : tuple of str
        What is missing, and what contradicts.
    turned : bool
        Whether it lies otherwise than is stated.
    """

    breast: NDArray[np.bool_]
    pectoral: NDArray[np.bool_] | None
    chest: str
    notes: tuple[str, ...] = ()
    turned: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a network is given of a mammogram, and the way back.

    Parameters
    ----------
    picture : float32 array of shape (1, rows, columns), in [0, 1]
        The breast alone, its chest at the left, scaled to fit; 0 outside.
    box : (top, left, bottom, right)
        What of the image is in it, with the chest at the left.
    inside : (rows, columns)
        How much of the picture that box takes up, from its first corner.
    shape : (rows, columns)
        Of the image.
    mirrored : bool
        Whether the image lies the other way round.
    """

    picture: NDArray[np.float32]
    box: tuple[int, int, int, int]
    inside: tuple[int, int]
    shape: tuple[int, int]
    mirrored: bool

    def forth(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """A mask of the image, as shares (rows, columns) of the picture's pixels."""
        top, left, bottom, right = self.box
        turned = mask[:, ::-1] if self.mirrored else mask
        found = np.zeros(self.picture.shape[1:], np.float32)
        found[: self.inside[0], : self.inside[1]] = _resized(turned[top:bottom, left:right].astype(np.float32), self.inside)
        return np.clip(found, 0, 1)

    def back(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask of the picture, in the image."""
        top, left, bottom, right = self.box
        cut = mask[: self.inside[0], : self.inside[1]].astype(np.float32)
        found = np.zeros(self.shape, bool)
        found[top:bottom, left:right] = _resized(cut, (bottom - top, right - left)) > 0.5
        return found[:, ::-1] if self.mirrored else found


def mammogram(volume: Volume) -> Mammogram | str:
    """Outline the breast and say which way round it lies, or why that cannot be done."""
    if len(volume.shape) != 2:
        return f"it looks at one picture; this has {volume.shape[0]} slices (tomosynthesis is not read)"
    if volume.colour:
        return "it looks at a grey picture; this has colours"
    limits = methods()["breast"]
    coarse = _coarse(volume.array, limits["rows"])
    if coarse.max() <= coarse.min():
        return "nothing is in the picture: all of it has one brightness"
    found = _breast(coarse, limits)
    if isinstance(found, str):
        return found
    small, chest = found
    taken = volume.projection or Projection(notes=("laterality and view are not stated",))
    turned = _turned(taken, chest)
    notes = [*taken.notes, *turned]
    muscle = None
    if taken.view and views()[taken.view].pectoral:
        muscle = _pectoral(coarse, small, chest)
        if muscle is None:
            notes.append("no straight edge of the pectoral muscle was found")
    rows, columns = volume.shape
    full = None if muscle is None else _enlarged(muscle, (rows, columns))
    return Mammogram(_enlarged(small, (rows, columns)), full, chest, tuple(notes), bool(turned))


def seen(volume: Volume, found: Mammogram, size: tuple[int, int]) -> Seen:
    """What a network is given of a mammogram: pictures of `size` (rows, columns)."""
    mirrored = found.chest == "right"
    breast = found.breast[:, ::-1] if mirrored else found.breast
    array = volume.array[:, ::-1] if mirrored else volume.array
    down, across = (np.flatnonzero(breast.any(axis)) for axis in (1, 0))
    box = int(down[0]), int(across[0]), int(down[-1]) + 1, int(across[-1]) + 1
    cut = (slice(box[0], box[2]), slice(box[1], box[3]))
    tall, wide = box[2] - box[0], box[3] - box[1]
    scale = min(size[0] / tall, size[1] / wide)
    inside = max(min(round(tall * scale), size[0]), 1), max(min(round(wide * scale), size[1]), 1)
    light, mask = array[cut].astype(np.float32), breast[cut]
    low, high = np.percentile(light[mask][:: max(int(mask.sum()) // 200_000, 1)], (1, 99.8))
    light = np.clip((light - low) / max(float(high - low), 1e-6), 0, 1) * mask
    picture = np.zeros((1, *size), np.float32)
    picture[0, : inside[0], : inside[1]] = np.clip(_resized(light, inside), 0, 1)
    return Seen(picture, box, inside, (volume.shape[0], volume.shape[1]), mirrored)


def _turned(taken: Projection, chest: str) -> list[str]:
    """Where the breast lies, held against what is stated: columns towards the front, and the usual way of showing each side."""
    if taken.front:
        if taken.front == chest:
            return [f"the breast meets the chest at the {chest} edge, where PatientOrientation says that the front is"]
        return []
    if taken.laterality and SIDES[taken.laterality] != chest:
        return [
            f"the chest lies at the {chest} edge, where that of a {SIDES[taken.laterality]} breast usually does not: "
            "the picture is mirrored, or the laterality is wrong"
        ]
    return []


def _coarse(array: NDArray[np.generic], rows: int) -> NDArray[np.float32]:
    """A picture at most so high, from 0 (its darkest two-hundredth) to 1 (its brightest)."""
    scale = min(rows / array.shape[0], 1.0)
    size = max(round(array.shape[0] * scale), 8), max(round(array.shape[1] * scale), 8)
    small = _resized(array.astype(np.float32), size)
    low, high = np.percentile(small, (0.5, 99.5))
    if high <= low:
        low, high = small.min(), small.max()
    return np.asarray(np.clip((small - low) / max(float(high - low), 1e-6), 0, 1), np.float32)


def _breast(coarse: NDArray[np.float32], limits: Mapping[str, float]) -> tuple[NDArray[np.bool_], str] | str:
    """The breast in a coarse picture and the edge at which it meets the chest."""
    from scipy import ndimage

    edge = [max(round(size * limits["frame"]), 1) for size in coarse.shape]
    inner = coarse[edge[0] : -edge[0], edge[1] : -edge[1]]
    level = _air(inner, limits["peak"])
    below = inner[inner <= level]
    spread = float(np.sqrt(np.mean((below - level) ** 2))) if below.size else 0.0
    smooth = ndimage.gaussian_filter(inner, 1.5)
    bright = smooth > level + max(limits["spreads"] * spread, limits["above_air"])
    opened = ndimage.binary_opening(bright, iterations=int(limits["open_px"]))
    label, n = ndimage.label(opened)
    if not n:
        return "no breast was found: nothing in the picture is brighter than air"
    mask = ndimage.binary_fill_holes(label == 1 + int(np.argmax(ndimage.sum(opened, label, range(1, n + 1)))))
    share = float(mask.mean())
    if not limits["least"] <= share <= limits["most"]:
        return f"no breast was found: the largest bright place takes up {share:.0%} of the picture"
    margin = max(edge[1], 2)
    left, right = float(mask[:, :margin].any(1).mean()), float(mask[:, -margin:].any(1).mean())
    if max(left, right) < limits["edge"]:
        return "no breast was found that meets the left or right edge of the picture"
    if max(left, right) < limits["twice"] * min(left, right):
        return "the breast meets both edges of the picture: which one is the chest cannot be told"
    whole = np.pad(mask, ((edge[0], edge[0]), (edge[1], edge[1])), mode="edge")
    return whole, "left" if left > right else "right"


def _air(picture: NDArray[np.float32], peak: float) -> float:
    """How bright air is: the darkest peak of the histogram's darker half that is at least `peak` as high as its highest.

    Where the breast fills most of the picture its own peak is the highest, and air's is still the darkest.
    """
    counts, ends = np.histogram(picture, 128, (0, 1))
    at = int(np.flatnonzero(counts[:64] >= peak * counts[:64].max())[0])
    while at < 63 and counts[at + 1] > counts[at]:
        at += 1
    return float(ends[at] + ends[at + 1]) / 2


def _pectoral(coarse: NDArray[np.float32], breast: NDArray[np.bool_], chest: str) -> NDArray[np.bool_] | None:
    """The corner between the chest and the straightest bright edge that cuts it off from the breast."""
    limits = methods()["pectoral"]
    turn = -1 if chest == "right" else 1
    scale = min(limits["rows"] / coarse.shape[0], 1.0)
    size = max(round(coarse.shape[0] * scale), 8), max(round(coarse.shape[1] * scale), 8)
    light = _resized(coarse[:, ::turn], size)
    inside = _resized(breast[:, ::turn].astype(np.float32), size) > 0.5
    down, across = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    top, tall, wide = int(down[0]), len(down), int(across[-1]) + 1
    y, x = np.mgrid[: size[0], : size[1]]
    best, found = limits["contrast"], None
    steps = int(limits["steps"])
    for right in np.linspace(limits["top"][0], limits["top"][1], steps) * wide:
        for low in np.linspace(limits["down"][0], limits["down"][1], steps) * tall:
            away = (x / right + (y - top) / low - 1) / np.hypot(1 / right, 1 / low)
            near, far = inside & (away < 0) & (away >= -limits["band"]), inside & (away > 0) & (away <= limits["band"])
            if near.sum() < 8 or far.sum() < 8:
                continue
            apart = float(light[near].mean() - light[far].mean())
            if apart > best:
                best, found = apart, inside & (away < 0)
    if found is None or not found.any():
        return None
    return _enlarged(np.asarray(found), coarse.shape)[:, ::turn]


def _resized(picture: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    from PIL import Image

    if picture.shape == size:
        return picture
    shrinks = size[0] <= picture.shape[0]
    how = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize(size[::-1], how), np.float32)


def _enlarged(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return _resized(mask.astype(np.float32), (shape[0], shape[1])) > 0.5
