"""Measure: how large a region is and how far from another, in millimetres, with what the spacing leaves uncertain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import InputError
from consilium.imaging.finding import Measurement
from consilium.imaging.region import Region
from consilium.imaging.volume import Volume

_DIRECTIONS = 360
_AXES = ("extent_left_right", "extent_front_back", "extent_up_down")
_MM3_PER_ML = 1000.0


def measure(region: Region, volume: Volume) -> tuple[Measurement, ...]:
    """Volume (or area), long and short axis in one slice, and extent along the patient's axes.

    The interval of each holds if the outline is right to half a voxel; where slices are missing, that of the volume also holds
    whatever lies in them between nothing and as much as in the larger neighbour.

    Parameters
    ----------
    region : Region
    volume : Volume
        With spacing.

    Returns
    -------
    tuple of Measurement
        Millimetres, square millimetres, millilitres. Empty where the spacing is unknown.
    """
    if volume.spacing is None:
        return ()
    mask = _mask(region)
    found = [_volume(mask, region, volume)] if mask.ndim == 3 else [_area(mask, volume)]
    found += _axes(mask, region, volume)
    if volume.frame:
        box = region.box_mm(volume)
        assert box is not None
        steps = np.abs(volume.affine[:3, :3]).sum(1) if volume.affine is not None else np.zeros(3)
        found += [_length(name, float(box[1, k] - box[0, k]), float(steps[k])) for k, name in enumerate(_AXES) if mask.ndim == 3]
    return tuple(found)


def distance(one: Region, other: Region, volume: Volume) -> Measurement:
    """Least distance between two regions, from outline to outline: 0 where they touch, and of one inside the other to that one's outline.

    Parameters
    ----------
    one, other : Region
    volume : Volume
        With spacing. The interval is one voxel along the way, for each outline is right to half a voxel.

    Raises
    ------
    InputError
        When the spacing is unknown.
    """
    if volume.spacing is None or volume.affine is None:
        raise InputError("A distance needs the spacing of the image", where=volume.source, do="give the spacing in millimetres")
    from scipy.spatial import cKDTree

    ours, theirs = (_edge(_mask(r)) + np.array(r.low) for r in (one, other))
    away, at = cKDTree(volume.to_mm(theirs)).query(volume.to_mm(ours))
    nearest = int(away.argmin())
    between = volume.to_mm(ours[nearest : nearest + 1])[0] - volume.to_mm(theirs[at[nearest] : at[nearest] + 1])[0]
    length = float(away[nearest])
    along = float(np.abs(volume.affine[:3, :3].T @ (between / length)).max()) if length else max(volume.spacing)
    value = max(length - along, 0.0)  # from centre to centre there are two halves of a voxel more
    return Measurement("distance", value, "mm", max(value - along, 0.0), value + along)


def _mask(region: Region) -> NDArray[np.bool_]:
    return region.mask if region.mask is not None else np.ones(np.subtract(region.high, region.low), bool)


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Indices of voxels with a neighbour outside, shape (n, axes)."""
    return np.argwhere(mask & ~_inner(mask)).astype(np.float64)


def _inner(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    inner = mask.copy()
    centre = (slice(1, -1),) * mask.ndim
    for axis in range(mask.ndim):
        for step in (slice(None, -2), slice(2, None)):
            inner &= padded[(*centre[:axis], step, *centre[axis + 1 :])]
    return inner


def _outer(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    grown = np.zeros(padded.shape, bool)
    for axis in range(mask.ndim):
        for step in (1, -1):
            grown |= np.roll(padded, step, axis)
    return grown & ~padded


def _volume(mask: NDArray[np.bool_], region: Region, volume: Volume) -> Measurement:
    thickness = volume.thickness
    assert thickness is not None and volume.spacing is not None
    flat = volume.spacing[1] * volume.spacing[2]
    own = thickness[region.low[0] : region.high[0]]
    areas = mask.sum((1, 2)) * flat
    value = float(areas @ own)
    edge, outside = ((m.sum((1, 2)) * flat) for m in (mask & ~_inner(mask), _outer(mask)))
    low = value - float(edge @ own) / 2
    high = value + float(outside[1:-1] @ own + (outside[0] * own[0] + outside[-1] * own[-1])) / 2
    if volume.places is not None:
        steps = np.diff(volume.places)[region.low[0] : region.high[0] - 1] * volume.spacing[0]
        empty = np.maximum(steps - volume.spacing[0], 0.0)
        low -= float((areas[:-1] + areas[1:]) / 2 @ empty)
        high += float((np.maximum(areas[:-1], areas[1:]) - (areas[:-1] + areas[1:]) / 2) @ empty)
    return Measurement("volume", value / _MM3_PER_ML, "mL", max(low, 0.0) / _MM3_PER_ML, high / _MM3_PER_ML)


def _area(mask: NDArray[np.bool_], volume: Volume) -> Measurement:
    assert volume.voxel is not None
    value, edge, outside = (float(m.sum()) * volume.voxel for m in (mask, mask & ~_inner(mask), _outer(mask)))
    return Measurement("area", value, "mm2", value - edge / 2, value + outside / 2)


def _axes(mask: NDArray[np.bool_], region: Region, volume: Volume) -> list[Measurement]:
    """The largest diameter within a slice, and the largest at a right angle to it in the same slice, each with where it ends."""
    assert volume.spacing is not None
    spacing = np.array(volume.spacing[-2:])
    angles = np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS
    ways = np.stack((np.sin(angles), np.cos(angles)))
    step = np.hypot(ways[0] * spacing[0], ways[1] * spacing[1])  # from the centres of the outermost voxels to the outline
    best: tuple[float, int, int, NDArray[np.float64]] | None = None
    for number, slice_ in enumerate(mask if mask.ndim == 3 else mask[None]):
        points = _edge(slice_) * spacing
        if not len(points):
            continue
        width = np.ptp(points @ ways, axis=0) + step
        longest = int(width.argmax())
        if best is None or width[longest] > best[0]:
            best = (float(width[longest]), longest, number, points)
    assert best is not None
    _, longest, number, points = best

    def axis(name: str, which: int, most: float) -> Measurement:
        along = points @ ways[:, which]
        outer = points[[int(along.argmin()), int(along.argmax())]]
        value = min(float(np.ptp(along) + step[which]), most)
        half = ways[:, which] * value / 2
        ends = (outer.mean(0) + np.stack((-half, half))) / spacing + region.low[-2:]
        within = (float(number + region.low[0]),) if mask.ndim == 3 else ()
        return _length(name, value, float(step[which]), tuple((*within, *map(float, end)) for end in ends))

    long = axis("long_axis", longest, np.inf)
    return [long, axis("short_axis", (longest + _DIRECTIONS // 2) % _DIRECTIONS, long.value)]


def _length(name: str, value: float, step: float, ends: tuple[tuple[float, ...], ...] = ()) -> Measurement:
    return Measurement(name, value, "mm", max(value - step, 0.0), value + step, ends)
