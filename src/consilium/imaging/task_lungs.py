"""Lungs: on a chest CT both lungs are outlined, and round dense places in them proposed as candidates, by classical means."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.finding import Finding, Reading
from consilium.imaging.measure import measure
from consilium.imaging.region import Region, of_mask
from consilium.imaging.volume import HOUNSFIELD, Volume
from consilium.knowledge.imaging import methods

_MM3_PER_ML = 1000.0


class Lungs:
    """The task `lungs`: both lungs with their volume, and candidates for nodules, which nobody has judged.

    Examples
    --------
    >>> Lungs()(Volume(np.zeros((4, 5), np.float32), None, "1", "DX")).refused
    'it needs a CT in Hounsfield units with three axes; this is DX in unit 1 with 2'
    """

    name = "lungs"
    version = "1"
    title = {"en": "Lungs outlined, and candidates for nodules", "zh": "肺分割与结节候选"}  # noqa: RUF012 - read only
    modalities = ("CT",)
    limits = (
        "A classical outline: consolidation, effusion and large masses at the pleura are left out of the lung.",
        "Candidates are round dense places, vessels among them; none has been judged, and small or ground-glass nodules are missed.",
    )

    def __call__(self, volume: Volume) -> Reading:
        """Outline the lungs of a CT."""
        if volume.unit != HOUNSFIELD or len(volume.shape) != 3:
            what = f"this is {volume.modality or 'an image'} in unit {volume.unit} with {len(volume.shape)}"
            return self._refuse(f"it needs a CT in Hounsfield units with three axes; {what}")
        if volume.spacing is None or not volume.frame:
            return self._refuse("it needs the spacing, and directions that refer to the patient")
        lungs = outlined(volume)
        if not lungs:
            return self._refuse(
                f"no lung was found: nothing filled with air inside the body of {methods()['lungs']['least_ml']} mL or more"
            )
        findings: list[Finding] = []
        more: tuple[str, ...] = ()
        for side, mask in lungs.items():
            region = of_mask(mask)
            assert region is not None
            findings.append(Finding(side, "structure", region, measure(region, volume)))
        places, left = candidates(volume, np.logical_or.reduce(list(lungs.values())))
        structures = [f.region for f in findings if f.region is not None]
        for region, reason in places:
            edge = _to_edge(region, structures, volume)
            because = (reason, *([f"{edge:.0f} mm from the outline of the lung"] if edge is not None else []))
            findings.append(Finding("lung_nodule", "candidate", region, measure(region, volume), because=because))
        if left:
            more = (f"{left} more candidates are not listed.",)
        if volume.places is not None:
            more = (*more, "Slices are missing: what lies in them is not seen, and a vessel can look round.")
        return Reading(self.name, self.version, tuple(findings), None, (*self.limits, *more), f"consilium {version('consilium')}; hu_2001")

    def _refuse(self, why: str) -> Reading:
        return Reading(self.name, self.version, refused=why, limits=self.limits)


def outlined(volume: Volume) -> dict[str, NDArray[np.bool_]]:
    """Masks of the lungs, shape (slices, rows, columns), by label: `left_lung` and `right_lung`, or `lung` where they are one.

    Air inside the body, without what is open to the sides of the picture and without the trachea where it stands alone in a slice;
    each lung closed within slices, so that vessels belong to it.
    """
    from scipy import ndimage

    assert volume.spacing is not None and volume.affine is not None
    said = methods()["lungs"]
    dark = volume.array < said["below_hu"]
    labels, _ = ndimage.label(dark)
    sides = (labels[:, [0, -1]].ravel(), labels[:, :, [0, -1]].ravel())
    open_ = np.unique(np.concatenate(sides))
    voxel = float(np.prod(volume.spacing))
    sizes = np.bincount(labels.ravel()) * voxel / _MM3_PER_ML
    sizes[0] = sizes[open_] = 0
    kept = sizes >= said["least_ml"] * (1 if volume.places is None else len(volume.places) / (volume.places[-1] + 1) / 4)
    inside = kept[labels]
    del labels
    _without_airways(inside, volume, said)
    whole = float(inside.sum()) * voxel / _MM3_PER_ML
    if not inside.any() or whole < said["least_ml"] * (1 if volume.places is None else len(volume.places) / (volume.places[-1] + 1)):
        return {}
    every = max(int(said["coarse_mm"] // min(volume.spacing[1:])), 1)
    sampling = (volume.spacing[0], volume.spacing[1] * every, volume.spacing[2] * every)
    cores = _cores(inside[:, ::every, ::every], sampling, said)
    if len(cores) == 1:
        return {"lung": _closed(inside, volume, said)}
    near = [ndimage.distance_transform_edt(~core, sampling=sampling) for core in cores]
    x = [volume.to_mm(np.argwhere(core)[::97] * (1, every, every))[:, 0].mean() for core in cores]
    nearer = (near[0] <= near[1]).repeat(every, 1).repeat(every, 2)[:, : inside.shape[1], : inside.shape[2]]
    parts = (inside & nearer, inside & ~nearer)
    names = ("left_lung", "right_lung") if x[0] > x[1] else ("right_lung", "left_lung")  # x grows towards the patient's left
    closed = {name: _closed(part, volume, said) for name, part in zip(names, parts, strict=True)}
    closed["right_lung"] &= ~closed["left_lung"]
    return {name: closed[name] for name in ("left_lung", "right_lung")}


def candidates(volume: Volume, lung: NDArray[np.bool_]) -> tuple[list[tuple[Region, str]], int]:
    """Round dense places within lungs, the largest first, each with what speaks for it; and how many more there are.

    Slice by slice: what is dense, wider than a vessel and round; parts that lie on each other in neighbouring slices are one; what
    goes on through more slices than it is wide is a vessel.
    """
    from scipy import ndimage

    assert volume.spacing is not None
    said = methods()["candidates"]
    rows, columns = volume.spacing[1:]
    disc = _disc(said["open_mm"], rows, columns)
    dense = (volume.array > said["above_hu"]) & lung
    round_ = np.zeros(dense.shape, bool)
    for number, slice_ in enumerate(dense):
        if not slice_.any():
            continue
        opened = ndimage.binary_opening(slice_, disc)
        labels, n = ndimage.label(opened, np.ones((3, 3)))
        for box, label in zip(ndimage.find_objects(labels), range(1, n + 1), strict=True):
            part = labels[box] == label
            area = part.sum() * rows * columns
            wide = max(part.shape[0] * rows, part.shape[1] * columns)
            if area / (np.pi / 4 * wide**2) >= said["round"] and said["least_mm"] <= wide <= said["most_mm"]:
                round_[number][box] |= part
    found = []
    for box, mask in _parts(round_, volume):
        wide = max(mask.shape[1] * rows, mask.shape[2] * columns)
        through = mask.shape[0] * volume.spacing[0]
        if through > max(said["through"] * wide, volume.spacing[0] * 1.5) or _goes_on(dense, mask, box):
            continue
        region = Region(tuple(s.start for s in box), tuple(s.stop for s in box), mask)
        value = float(volume.array[box][mask].mean())
        words = f"round and dense: {wide:.0f} mm wide, {through:.0f} mm through slices, mean {value:.0f} HU"
        found.append((float(mask.sum()), region, words))
    found.sort(key=lambda one: (-one[0], one[1].low))
    return [(region, words) for _, region, words in found[: said["most"]]], max(len(found) - said["most"], 0)


def _parts(mask: NDArray[np.bool_], volume: Volume) -> Iterator[tuple[tuple[slice, ...], NDArray[np.bool_]]]:
    """Connected parts with their boxes; slices between which others are missing are no neighbours."""
    from scipy import ndimage

    places = np.arange(len(mask)) if volume.places is None else np.array(volume.places)
    starts = [0, *(np.flatnonzero(np.diff(places) > 1.5) + 1).tolist(), len(mask)]
    for start, end in pairwise(starts):
        labels, _ = ndimage.label(mask[start:end])
        for label, box in enumerate(ndimage.find_objects(labels), start=1):
            yield (slice(box[0].start + start, box[0].stop + start), *box[1:]), labels[box] == label


def _goes_on(dense: NDArray[np.bool_], mask: NDArray[np.bool_], box: tuple[slice, ...]) -> bool:
    """Whether most of the first or last outline is dense in the slice beyond it too, on both sides: a vessel that passes through."""
    beyond = 0
    for edge, number in ((mask[0], box[0].start - 1), (mask[-1], box[0].stop)):
        if 0 <= number < dense.shape[0] and (dense[number][box[1:]] & edge).sum() > 0.5 * edge.sum():
            beyond += 1
    return beyond == 2


def _to_edge(region: Region, lungs: list[Region], volume: Volume) -> float | None:
    """Millimetres from the centre of a region to the outside of the lung that holds it, within its slices."""
    from scipy import ndimage

    assert volume.spacing is not None
    middle = round(region.centre[0])
    at = (round(region.centre[1]), round(region.centre[2]))
    for lung in lungs:
        if lung.mask is not None and all(low <= c < high for low, c, high in zip(lung.low, region.centre, lung.high, strict=True)):
            slice_ = np.pad(lung.mask[middle - lung.low[0]], 1)
            away = ndimage.distance_transform_edt(slice_, sampling=volume.spacing[1:])
            found = float(away[at[0] - lung.low[1] + 1, at[1] - lung.low[2] + 1])
            if found:
                return found
    return None


def _without_airways(inside: NDArray[np.bool_], volume: Volume, said: Any) -> None:
    from scipy import ndimage

    assert volume.spacing is not None
    flat = volume.spacing[1] * volume.spacing[2]
    for number, slice_ in enumerate(inside):
        labels, n = ndimage.label(slice_)
        if not n:
            continue
        areas = np.bincount(labels.ravel())[1:] * flat
        means = ndimage.mean(volume.array[number], labels, range(1, n + 1))
        airway = (areas < said["airway_below_mm2"]) & (means < said["airway_below_hu"])
        slice_[np.concatenate(([False], airway))[labels]] = False


def _cores(inside: NDArray[np.bool_], sampling: tuple[float, ...], said: Any) -> list[NDArray[np.bool_]]:
    """The two lungs apart, eroded until they are; one mask where they never are."""
    from scipy import ndimage

    total = inside.sum()
    depth = ndimage.distance_transform_edt(inside, sampling=sampling)
    for away in said["erode_mm"]:
        labels, n = ndimage.label(depth > away)
        if n < 2:
            continue
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        second, largest = np.argsort(sizes)[-2:]
        if sizes[second] >= said["part"] * total:
            return [labels == largest, labels == second]
    return [inside]


def _closed(mask: NDArray[np.bool_], volume: Volume, said: Any) -> NDArray[np.bool_]:
    from scipy import ndimage

    assert volume.spacing is not None
    rows, columns = volume.spacing[1:]
    closed = np.zeros(mask.shape, bool)
    reach = int(np.ceil(said["close_mm"] / min(rows, columns))) + 1
    for number, slice_ in enumerate(mask):
        if not slice_.any():
            continue
        region = of_mask(slice_)
        assert region is not None
        box = tuple(slice(max(low - reach, 0), high + reach) for low, high in zip(region.low, region.high, strict=True))
        part = np.pad(slice_[box], reach)
        grown = ndimage.distance_transform_edt(~part, sampling=(rows, columns)) <= said["close_mm"]
        shrunk = ndimage.distance_transform_edt(grown, sampling=(rows, columns)) > said["close_mm"]
        whole = ndimage.binary_fill_holes(shrunk | part)
        closed[number][box] = whole[reach:-reach, reach:-reach]
    return closed


def _disc(radius: float, rows: float, columns: float) -> NDArray[np.bool_]:
    y, x = (np.arange(-int(radius / step) - 1, int(radius / step) + 2) * step for step in (rows, columns))
    return y[:, None] ** 2 + x[None, :] ** 2 <= radius**2


TASKS = (Lungs(),)
"""What this file offers; see `imaging.tasks`."""
