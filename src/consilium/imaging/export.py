"""Export: what was found in an image as files - DICOM SEG, SR and secondary capture, a picture, surfaces - whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from consilium.imaging.capture import png, secondary_capture, views
from consilium.imaging.derived import write
from consilium.imaging.finding import Reading
from consilium.imaging.look import Seen
from consilium.imaging.report_sr import structured_report
from consilium.imaging.seg import segmentation
from consilium.imaging.surface import surface, write_stl

if TYPE_CHECKING:
    from pydicom import Dataset

SURFACES = 20
"""Findings of a reading that get a surface, the first ones."""


@dataclass(frozen=True, slots=True)
class Made:
    """A DICOM object that was written: where, and by what it is referred to."""

    path: Path
    modality: str
    series: str
    instance: str
    kind: str


def export(seen: Seen, reading: Reading, into: Path, prefix: str) -> tuple[tuple[Made, ...], tuple[Path, ...]]:
    """Write a reading.

    Parameters
    ----------
    seen : Seen
    reading : Reading
        One of `seen.readings`, with findings.
    into : Path
        A folder that exists.
    prefix : str
        Of file names.

    Returns
    -------
    (tuple of Made, tuple of Path)
        DICOM objects (none for a picture that is no DICOM: it belongs to no study), and other files.
    """
    picture = views(seen.volume, reading.findings, curve=None if seen.stack is None else seen.stack.frames[0].curve)
    others = [into / f"{prefix}-{reading.task}.png"]
    others[0].write_bytes(png(picture))
    if len(seen.volume.shape) == 3 and seen.volume.affine is not None:
        outlined = [f for f in reading.findings if f.region is not None and f.region.mask is not None]
        for number, finding in enumerate(outlined[:SURFACES], start=1):
            assert finding.region is not None
            path = into / f"{prefix}-{reading.task}-{number:02d}-{finding.label}.stl"
            write_stl(surface(finding.region, seen.volume), path, finding.label)
            others.append(path)
    made: list[Made] = []
    if seen.series is not None and seen.stack is not None:
        has_outline = any(f.region is not None and f.region.mask is not None for f in reading.findings)
        outlines = segmentation(seen.series, seen.stack, reading) if has_outline else None
        if outlines is not None:
            made.append(_written(outlines.data, into / f"{prefix}-{reading.task}-seg.dcm"))
        made.append(_written(structured_report(seen.series, seen.stack, reading, outlines), into / f"{prefix}-{reading.task}-sr.dcm"))
        shot = secondary_capture(seen.series, seen.stack, picture, f"{reading.task}: outlines")
        made.append(_written(shot, into / f"{prefix}-{reading.task}-capture.dcm"))
    return tuple(made), tuple(others)


def _written(data: Dataset, path: Path) -> Made:
    write(data, path)
    return Made(path, str(data.Modality), str(data.SeriesInstanceUID), str(data.SOPInstanceUID), str(data.SOPClassUID))
