"""Phantom: an invented chest CT whose lungs and nodules have known sizes, written as a DICOM series.

python examples/imaging/phantom.py phantom/
consilium image phantom/
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NODULES = (((40.0, -62.0, 10.0), 6.0), ((-5.0, 70.0, -15.0), 4.0))
"""Centres (z, x, y from the middle, mm) and radii (mm)."""
AIR, FAT, BLOOD, BONE, LUNG, NODULE = -1000, -90, 45, 450, -860, 30
ROOT = "1.2.826.0.1.3680043.8.498.2026"
"""Of the phantom's identifiers."""
MARKED = {"QualityControlImage": "YES", "QualityControlSubject": "YES", "BurnedInAnnotation": "NO",
          "ImageComments": "Synthetic: drawn by a program, nobody's image"}  # fmt: skip
"""How DICOM says that an image is of nobody (0028,0300 and 0010,0200)."""
Ball = tuple[tuple[float, float, float], float]
LUNG_RADII = (70.0, 45.0, 65.0)
"""Half axes of each lung, an ellipsoid: along z, x and y, in mm."""


def phantom(
    slices: int = 60,
    size: int = 192,
    spacing: tuple[float, float, float] = (3.0, 1.8, 1.8),
    seed: int = 3,
    nodules: Sequence[Ball] = NODULES,
) -> NDArray[np.int16]:
    """An invented chest in Hounsfield units, shape (slices, size, size)."""
    z, y, x = ((np.arange(n, dtype=np.float32) - (n - 1) / 2) * step for n, step in zip((slices, size, size), spacing, strict=True))
    z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
    shape = (slices, size, size)
    body = np.full(shape, AIR, np.float32)
    body[np.broadcast_to((x / 155) ** 2 + (y / 105) ** 2 < 1, shape)] = FAT
    body[np.broadcast_to((x / 145) ** 2 + (y / 95) ** 2 < 1, shape)] = BLOOD
    for side in (-1, 1):
        inside = (z / LUNG_RADII[0]) ** 2 + ((x - side * 65) / LUNG_RADII[1]) ** 2 + (y / LUNG_RADII[2]) ** 2 < 1
        body[inside] = LUNG
        for turn in np.linspace(-0.9, 0.9, 7):  # vessels, straight from the middle outwards
            along = side * x
            off = (y - turn * (along - 25) * 0.6) ** 2 + (z - 18 * turn) ** 2
            body[inside & (off < (2.6 - along / 60) ** 2) & (along < 95)] = BLOOD
    body[np.broadcast_to((x**2 + (y - 72) ** 2 < 16**2), shape)] = BONE
    body[np.broadcast_to((x**2 + (y + 20) ** 2 < 8**2), shape) & np.broadcast_to(z > -10, shape)] = AIR
    for (cz, cx, cy), radius in nodules:
        body[(z - cz) ** 2 + (x - cx) ** 2 + (y - cy) ** 2 < radius**2] = NODULE
    body += np.random.default_rng(seed).normal(0, 12, shape)
    return body.round().astype(np.int16)


def write_series(
    folder: Path,
    array: NDArray[np.int16],
    spacing: tuple[float, float, float] = (3.0, 1.8, 1.8),
    leave_out: tuple[int, ...] = (),
    root: str = ROOT,
    deflated: bool = False,
    **said: Any,
) -> list[Path]:
    """Write an array of Hounsfield units as CT slices, the lowest first; those of `leave_out` are not written.

    `root` begins every identifier; `said` are further elements, or other values of those that are written.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, slice_ in enumerate(array):
        if number in leave_out:
            continue
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian if deflated else ExplicitVRLittleEndian
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = CTImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = f"{root}.3.{number + 1}"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = f"{root}.1", f"{root}.2", f"{root}.4"
        one.PatientID, one.PatientName, one.PatientSex, one.PatientBirthDate = "phantom-1", "Phantom^Invented", "O", "19600101"
        one.StudyDate = one.SeriesDate = one.AcquisitionDate = one.ContentDate = "20260105"
        one.StudyTime, one.SeriesTime = "091500", "091700"
        one.AcquisitionTime = one.ContentTime = "091812"
        one.TimezoneOffsetFromUTC = "+0100"
        one.StudyID, one.AccessionNumber, one.ReferringPhysicianName = "1", "A1", ""
        one.Modality, one.Manufacturer, one.StudyDescription, one.SeriesDescription = "CT", "consilium", "Invented chest", "PHANTOM"
        one.BodyPartExamined, one.PatientPosition, one.ImageType = "CHEST", "HFS", ["ORIGINAL", "PRIMARY", "AXIAL"]
        one.SeriesNumber, one.AcquisitionNumber, one.InstanceNumber = 2, 1, number + 1
        one.SliceThickness, one.KVP = spacing[0], "120"
        one.PixelSpacing = [spacing[1], spacing[2]]
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        edges = [-(n - 1) / 2 * step for n, step in zip(array.shape[::-1], spacing[::-1], strict=True)]
        one.ImagePositionPatient = [edges[0], edges[1], edges[2] + number * spacing[0]]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.Rows, one.Columns = slice_.shape
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        one.RescaleIntercept, one.RescaleSlope, one.RescaleType = -1024, 1, "HU"
        one.WindowCenter, one.WindowWidth = -500, 1500
        one.PixelData = (slice_.astype(np.int32) + 1024).clip(0, 65535).astype("<u2").tobytes()
        for keyword, value in {**MARKED, **said}.items():
            setattr(one, keyword, value)
        path = folder / f"{number + 1:04d}.dcm"
        one.save_as(path, enforce_file_format=True)
        files.append(path)
    return files


if __name__ == "__main__":
    into = Path(sys.argv[1] if len(sys.argv) > 1 else "phantom")
    print(f"{len(write_series(into, phantom()))} slices in {into}")
