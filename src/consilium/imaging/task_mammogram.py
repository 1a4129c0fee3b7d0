"""Mammogram tasks: which breast, which view, breast and muscle outlined; and masses, where a model was learned from a user's own folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from consilium.imaging.finding import Finding, Reading
from consilium.imaging.mammogram import NAME, mammogram, seen
from consilium.imaging.measure import measure
from consilium.imaging.projection import MAMMOGRAM, SIDES
from consilium.imaging.region import of_mask
from consilium.imaging.specialist import CARD, MODEL, folder_of, read_card, unproven
from consilium.imaging.task_outline import Masses
from consilium.imaging.volume import Projection, Volume
from consilium.knowledge.mammography import views


class ReadMammogram:
    """The task `mammogram`: what is stated of a mammogram, held against where the breast lies; nothing is looked for in it."""

    name = "mammogram"
    version = "1"
    title: Mapping[str, str] = MappingProxyType(
        {"en": "Mammogram: which breast, which view, and where it lies", "zh": "乳腺X线：侧别、体位与位置"}
    )
    modalities: tuple[str, ...] = (MAMMOGRAM,)
    limits = ("A classical outline, tested on drawn breasts alone; nothing is looked for in the breast.",)

    def __call__(self, volume: Volume) -> Reading:
        """Outline breast and pectoral muscle, and say what is stated and what contradicts it."""
        found = mammogram(volume)
        if isinstance(found, str):
            return Reading(self.name, self.version, refused=found, limits=self.limits)
        taken = volume.projection or Projection()
        view = views()[taken.view].name if taken.view else "not known"
        because = (f"view: {view}", f"chest at the {found.chest} edge", *(f"modified: {views()[one].name}" for one in taken.modifiers))
        label = f"{SIDES[taken.laterality]}_breast" if taken.laterality else "breast"
        findings = []
        for name, mask, reasons in ((label, found.breast, because), ("pectoral_muscle", found.pectoral, ())):
            region = None if mask is None else of_mask(mask)
            if region is not None:
                findings.append(Finding(name, "structure", region, measure(region, volume), because=reasons))
        return Reading(self.name, self.version, tuple(findings), None, (*found.notes, *self.limits), "karssemeijer_1998 (muscle)")


class Mammography(Masses):
    """The task `breast_mammography`: masses, and an answer about the surest; refused while nothing was learned."""

    @property
    def folder(self) -> Path:
        """The user's own, or the one that ships."""
        return folder_of(NAME)

    def look(self, volume: Volume) -> Reading:
        """Look at one mammogram."""
        found = mammogram(volume)
        if isinstance(found, str):
            return self.refused(found)
        if not (self.folder / MODEL).is_file():
            return self.refused(
                f"there is no model, because no open mammograms were at hand to learn from; run `consilium fit {NAME} --data DIR` on "
                "CBIS-DDSM or VinDr-Mammo (docs/imaging-models.md), then ask again"
            )
        if why := unproven(self.folder):
            return self.refused(f"its model may not speak: {why} (see report.html in {self.folder})")
        if volume.projection is not None and volume.projection.raw:
            return self.refused("it is raw data (FOR PROCESSING); give the picture that is made to be looked at (FOR PRESENTATION)")
        view = seen(volume, found, (self.card.image["rows"], self.card.image["columns"]))
        meta = self.meta
        reading = self.masses(volume, view.picture, view.back, meta["label"])
        learned = f"It was learned from data kept like {meta['shape']}."
        return Reading(
            reading.task, reading.version, reading.findings, None, (*found.notes, *reading.limits, learned, *meta["notes"]), reading.source
        )


TASKS = (ReadMammogram(), Mammography(read_card(folder_of(NAME) / CARD)))
"""What this file offers; see `imaging.tasks`."""
