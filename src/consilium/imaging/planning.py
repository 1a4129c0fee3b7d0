"""Planning: masks that somebody or something drew on a series, measured before an operation - size, axes, extent, and how far from what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.imaging.dicom import is_dicom, worded
from consilium.imaging.finding import Finding, Reading
from consilium.imaging.measure import distance, measure
from consilium.imaging.picture import read_arrays
from consilium.imaging.region import Region, of_mask
from consilium.imaging.volume import Volume

_LABEL = "outlined"


class Planning:
    """The task `planning`, for one file of masks.

    Parameters
    ----------
    masks : path
        A DICOM SEG of the series, or an NPZ with a boolean array of the image's shape for each structure, by its name.
    to : tuple of str
        Structures to which the distance of each other is measured.
    """

    name = "planning"
    version = "1"
    title: Mapping[str, str] = MappingProxyType({"en": "Outlined structures, measured", "zh": "已勾画结构的测量"})
    modalities: tuple[str, ...] = ()
    limits = ("Measured is what was drawn: the intervals hold if the outlines are right to half a voxel.",)

    def __init__(self, masks: Path, to: tuple[str, ...] = ()) -> None:
        if not masks.is_file():
            raise NotFoundError("No such file", where=str(masks))
        self.masks, self.to = masks, to

    def __call__(self, volume: Volume) -> Reading:
        """Measure the masks on the image they were drawn on; refused where they belong to another, or it has no spacing."""
        if volume.spacing is None:
            return self._refuse("it needs the spacing of the image")
        try:
            regions = read_masks(self.masks, volume)
            unknown = [one for one in self.to if one not in regions]
            if unknown:
                raise InputError("No such structure among the masks", found=unknown[0], expected=sorted(regions))
        except InputError as refusal:
            return self._refuse(str(refusal))
        findings = []
        for name, region in regions.items():
            away = [(one, distance(region, regions[one], volume)) for one in self.to if one != name]
            because = tuple(f"{d.value:.1f} mm ({d.low:.1f} to {d.high:.1f}) from the outline of {one}" for one, d in away)
            nearest = min((d for _, d in away), key=lambda d: d.value, default=None)
            measured = (*measure(region, volume), *([nearest] if nearest is not None else []))
            findings.append(Finding(_LABEL, "structure", region, measured, because=because, name=name))
        return Reading(self.name, self.version, tuple(findings), None, self.limits, self.masks.name)

    def _refuse(self, why: str) -> Reading:
        return Reading(self.name, self.version, refused=why, limits=self.limits)


def read_masks(path: Path, volume: Volume) -> Mapping[str, Region]:
    """Regions by name, from a DICOM SEG or an NPZ.

    Raises
    ------
    FormatError
        When the file is neither, its masks are of another shape, or the SEG was drawn on other slices.
    """
    masks = _of_seg(path, volume) if is_dicom(path) else {name: array.astype(bool) for name, array in read_arrays(path).items()}
    found: dict[str, Region] = {}
    for name, mask in masks.items():
        if mask.shape != volume.shape:
            raise FormatError("A mask is of another shape than the image", where=path.name, found=mask.shape, expected=volume.shape)
        region = of_mask(mask)
        if region is not None:
            found[name] = region
    if not found:
        raise FormatError("No mask holds anything", where=path.name)
    return found


def _of_seg(path: Path, volume: Volume) -> dict[str, NDArray[np.bool_]]:
    import highdicom

    with worded(path.name):
        seg = highdicom.seg.segread(path)
        known = {uid for _, _, uid in seg.get_source_image_uids()}
        ours = list(volume.identity.instances)
        if not known.intersection(ours):
            raise FormatError("The segmentation was drawn on other images", where=path.name)
        theirs = [uid for uid in ours if uid in known]
        shape = volume.shape if len(volume.shape) == 3 else (1, *volume.shape)
        names: dict[str, NDArray[np.bool_]] = {}
        for number in seg.segment_numbers:
            label = seg.get_segment_description(number).segment_label
            held = seg.get_pixels_by_source_instance(
                theirs, segment_numbers=[number], combine_segments=False, assert_missing_frames_are_empty=True
            )
            whole = np.zeros(shape, bool)
            whole[[place for place, uid in enumerate(ours) if uid in known]] = held[..., 0] > 0
            names[label if label not in names else f"{label} {number}"] = whole.reshape(volume.shape)
    return names
