"""Outlines: masses in breast ultrasound and lung nodules on CT, outlined by a sealed U-Net, measured first, and then judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.detect import places
from consilium.imaging.finding import Finding, Measurement, Reading
from consilium.imaging.measure import measure
from consilium.imaging.network_unet import OUTPUTS
from consilium.imaging.reasons import resting_on
from consilium.imaging.region import Region, of_mask
from consilium.imaging.seated import Seated, judged
from consilium.imaging.segment import measured, numbers_of, segment, weighed
from consilium.imaging.specialist import FOLDER, cards, model
from consilium.imaging.task_lungs import candidates, outlined
from consilium.imaging.task_picture import prepared
from consilium.imaging.traits import largest
from consilium.imaging.volume import HOUNSFIELD, Volume
from consilium.knowledge.nodules import follow_up

CROP, SEEN = 128, 64
"""Pixels around a nodule whose darkest and brightest become 0 and 1, as in the training set, and the middle that the network sees."""
NODULES = 10


class Outline(Seated):
    """What the tasks of this file share."""

    @property
    def folder(self) -> Path:
        """Where the model lies."""
        return FOLDER / self.name

    @property
    def meta(self) -> Mapping[str, Any]:
        """What was sealed with the model."""
        return model(self.folder, ("X",), OUTPUTS)[1]


class Masses(Outline):
    """What tasks that look for masses share: places above the sealed threshold, measured, and an answer about the surest."""

    def masses(
        self, volume: Volume, image: NDArray[np.float32], back: Callable[[NDArray[np.bool_]], NDArray[np.bool_]], label: str
    ) -> Reading:
        """What is seen in a prepared image (1, rows, columns); `back` takes a mask of it to the volume; `label` is what is answered."""
        probability, told = segment(self.folder, image[None])
        threshold = float(self.meta["threshold"])
        found = [one for one in places(probability[0]) if one.score >= threshold]
        more = self.card.more
        cap = f"at most {more['false_positives_per_image']:g} false places per image, with {more['confidence']:.0%} confidence"
        if not found:
            return self.reading((), (f"No place reaches the threshold of {threshold:.2f} ({cap}); a mass can still be there.",))
        said = weighed(self.folder, told, measured(image, found[0].mask[None], np.ones(1)))
        regions = [of_mask(back(one.mask)) for one in found]
        masses = [
            Finding(self.card.label, "finding", region, measure(region, volume), because=(f"score {one.score:.2f} of its outline",))
            for one, region in zip(found, regions, strict=True)
            if region is not None
        ]
        findings = (*masses, judged(label, regions[0], (), said, because=self.where(image)))
        return self.reading(findings, (f"Places are shown from a score of {threshold:.2f}: {cap}.",))

    def where(self, image: NDArray[np.float32]) -> tuple[str, ...]:
        """In words, where in a prepared image the answer looked; nothing where it is not the picture as people see it."""
        return ()


class BreastUltrasound(Masses):
    """The task `breast_ultrasound`: masses, and how likely the surest is malignant."""

    def look(self, volume: Volume) -> Reading:
        """Look at one picture."""
        image = prepared(volume, self.card.image)
        if isinstance(image, str):
            return self.refused(image)
        return self.masses(volume, image, lambda mask: stretched(mask, volume.shape), "breast_malignancy")

    def where(self, image: NDArray[np.float32]) -> tuple[str, ...]:
        """By the best method that passed its check."""
        return resting_on(self.folder, self.card.learner, image, lambda views: segment(self.folder, views)[1][:, 0])


class LungNodule(Outline):
    """The task `lung_nodule`: a nodule in the middle of a picture, or each candidate of a CT of the chest."""

    def look(self, volume: Volume) -> Reading:
        """Look at one picture of a nodule, or at a CT."""
        if volume.spacing is None:
            return self.refused("it needs the spacing in millimetres: the size of a nodule decides")
        if volume.colour or abs(volume.spacing[-1] - volume.spacing[-2]) > 0.01 * volume.spacing[-1]:
            return self.refused("it needs a grey image with square pixels")
        if min(volume.shape[-2:]) < SEEN:
            return self.refused(f"it needs {SEEN} x {SEEN} pixels around a nodule; this has {volume.shape[-2]} x {volume.shape[-1]}")
        return self._one(volume) if len(volume.shape) == 2 else self._stack(volume)

    def _one(self, volume: Volume) -> Reading:
        middle = (volume.shape[0] // 2, volume.shape[1] // 2)
        image, corner = cropped(volume.array, middle)
        mask, told = self._outlined(image, (SEEN // 2, SEEN // 2))
        region = of_mask(whole(mask, corner, volume.shape))
        if region is None:
            return self.reading((), ("Nothing was outlined in the middle of the picture, where the nodule is expected.",))
        return self.reading(self._judged(volume, region, image, mask, told))

    def _outlined(self, image: NDArray[np.float32], at: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """The mask of the place at a pixel, and what the network answered."""
        probability, told = segment(self.folder, image[None, None])
        return largest(probability[0] > 0.5, at), told

    def _stack(self, volume: Volume) -> Reading:
        if volume.unit != HOUNSFIELD or not volume.frame:
            return self.refused("a stack must be a CT in Hounsfield units whose directions refer to the patient")
        lungs = outlined(volume)
        if not lungs:
            return self.refused("no lung was found in which to look for candidates")
        asked, left = candidates(volume, np.logical_or.reduce(list(lungs.values())))
        findings: list[Finding] = []
        for region, _ in asked[:NODULES]:
            at = tuple(round(one) for one in region.centre)
            masks = np.zeros(volume.shape, bool)
            middle: tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]] | None = None
            for number in range(region.low[0], region.high[0]):
                image, corner = cropped(volume.array[number], (at[1], at[2]))
                mask, told = self._outlined(image, (at[1] - corner[0], at[2] - corner[1]))
                masks[number] = whole(mask, corner, volume.shape[1:])
                if mask.any() and (middle is None or mask.sum() > middle[1].sum()):
                    middle = image, mask, told
            found = of_mask(masks)
            if found is not None and middle is not None:
                findings += self._judged(volume, found, *middle)
        kept = sorted(findings, key=lambda one: -(one.probability or 0.0))
        left += max(len(asked) - NODULES, 0)
        more = ["Candidates are those of the task `lungs`, vessels among them; each is judged as if it were a nodule."]
        more += [f"{left} more candidates were not judged."] if left else []
        more += ["Slices are missing: what lies in them is not seen."] if volume.places is not None else []
        return self.reading(tuple(kept), tuple(more))

    def _judged(
        self, volume: Volume, region: Region, image: NDArray[np.float32], mask: NDArray[np.bool_], told: NDArray[np.float64]
    ) -> tuple[Finding, ...]:
        assert volume.spacing is not None
        step = np.array(volume.spacing[-1:])
        said = weighed(self.folder, told, numbers_of(image[None], mask[None], step))
        sizes = measure(region, volume)
        mean = mean_diameter(sizes)
        found = judged(self.card.label, region, (mean, *sizes), said, because=advised(mean, self.card.more["mass_above_mm"]))
        return (replace(found, standing="candidate"),)


def mean_diameter(sizes: tuple[Measurement, ...]) -> Measurement:
    """The mean of long and short axis, with its interval."""
    long, short = (next(one for one in sizes if one.name == name) for name in ("long_axis", "short_axis"))
    value, low, high = ((getattr(long, end) + getattr(short, end)) / 2 for end in ("value", "low", "high"))
    return Measurement("mean_diameter", value, "mm", low, high)


def advised(mean: Measurement, mass_above: float) -> tuple[str, ...]:
    """What the guidelines say of a solid nodule of this size, one line for each row; no row of what is too large (in mm) for a nodule."""
    if mean.value > mass_above:
        return (
            f"larger than {mass_above:g} mm: a mass and no nodule (Hansell 2008), of which rows for the follow-up of nodules say nothing",
        )
    found = [(f"Fleischner 2017, solid, single, {row.risk} risk", row.advice) for row in follow_up("fleischner", round(mean.value))]
    found += [
        (f"Lung-RADS v2022 {row.category}, solid, first screening", row.advice) for row in follow_up("lung_rads", round(mean.value, 1))
    ]
    return tuple(f"{who}: {what}" for who, what in found)


def cropped(image: NDArray[np.generic], at: tuple[int, int]) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The 64 x 64 pixels around a point, darkest 0 and brightest 1 of the 128 x 128 around it, and the corner they begin at.

    Brightness of 8 bits is taken as it is, as 0 to 255. A point near the edge gets the pixels that are there.
    """

    def window(size: int) -> tuple[slice, slice]:
        first = [min(max(point - size // 2, 0), max(whole - size, 0)) for point, whole in zip(at, image.shape, strict=True)]
        return slice(first[0], first[0] + size), slice(first[1], first[1] + size)

    seen = window(SEEN)
    corner = (seen[0].start, seen[1].start)
    if image.dtype == np.uint8:
        return np.asarray(image[seen].astype(np.float32) / 255, np.float32), corner
    around = image[window(CROP)].astype(np.float32)
    low, high = float(around.min()), float(around.max())
    return np.clip((image[seen].astype(np.float32) - low) / max(high - low, 1e-6), 0, 1), corner


def whole(mask: NDArray[np.bool_], corner: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A crop's mask in the whole picture."""
    found = np.zeros(shape, bool)
    found[corner[0] : corner[0] + mask.shape[0], corner[1] : corner[1] + mask.shape[1]] = mask
    return found


def stretched(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask at another size."""
    from PIL import Image

    picture = Image.fromarray(mask.astype(np.uint8) * 255).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture) > 127


KINDS = {"breast_ultrasound": BreastUltrasound, "lung_nodule": LungNodule}
TASKS = tuple(KINDS[card.name](card) for card in cards().values() if card.name in KINDS)
"""What this file offers; see `imaging.tasks`."""
