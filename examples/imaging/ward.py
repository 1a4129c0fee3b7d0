"""Images of the example ward: what a breast ultrasound, a fundus photograph and a chest CT of its invented people could show.

    python examples/imaging/ward.py examples/ward/images

Each is drawn from formulas and a fixed seed, says so in its header, and bears the word SYNTHETIC in the picture. Nobody's images.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from phantom import MARKED, ROOT, phantom, write_series
from PIL import Image, ImageDraw, ImageFont

SEED = 20251101
WORD = "SYNTHETIC"
ULTRASOUND = (320, 360, 0.13)
"""Rows, columns, and mm of a pixel."""
FUNDUS = 880
VESSELS = ((0.9, -1.5, 0.007), (-0.9, 1.5, 0.007), (0.5, 0.9, 0.004), (-0.5, -0.9, 0.004), (1.6, -3, 0.004), (-1.6, 3, 0.004))
"""Turn, bend and width of each."""
CHEST = (3.0, 1.9, 1.9)
PLACE = "consilium, example ward (invented)"


def stamped(picture: NDArray[np.uint8], at: tuple[int, int] = (8, 8), size: int = 16) -> NDArray[np.uint8]:
    """A picture with the word burned in, its corner at (row, column)."""
    image, font = Image.fromarray(picture), ImageFont.load_default(size)
    pen, white = ImageDraw.Draw(image), 255 if picture.ndim == 2 else (255, 255, 255)
    pen.rectangle(pen.textbbox((at[1], at[0]), WORD, font=font), fill=0)
    pen.text((at[1], at[0]), WORD, fill=white, font=font)
    return np.asarray(image)


def ultrasound(*, wide: float, tall: float, rough: float, shadow: float, seed: int) -> NDArray[np.uint8]:
    """Layers of a breast in speckle, and a dark mass so many mm wide and tall; `rough` spikes its outline, `shadow` lies below it."""
    draw = np.random.default_rng(seed)
    rows, columns, mm = ULTRASOUND
    down, across = np.mgrid[:rows, :columns] * mm
    light = 0.34 + 0.1 * np.sin(0.5 * down + 1.2 * np.sin(0.11 * across)) + 0.1 * np.exp(-(((down - 30) / 2) ** 2))
    light[down < 2.5] = 0.62
    y, x = down - 17, across - 23
    around = np.arctan2(y, x)
    spikes = 1 + rough * (0.5 * np.sin(5 * around + 1) + 0.3 * np.sin(11 * around) + 0.2 * np.sin(17 * around + 2))
    away = np.hypot(2 * y / tall, 2 * x / wide) / spikes
    below = (np.abs(x) < 0.42 * wide) & (y > 0)
    light = light * np.where(below, 1 - shadow, 1.0)
    light = np.where(away < 1, 0.08, light + 0.18 * np.exp(-(((away - 1.08) / 0.06) ** 2)))
    speckle = draw.gamma(5.0, 0.2, light.shape)
    grey = np.clip(light * speckle * 255, 0, 255)
    return stamped((grey // 6 * 6).astype(np.uint8))


def fundus(seed: int) -> NDArray[np.uint8]:
    """A right eye: disc, vessels, and dots, blots and hard exudates."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:FUNDUS, :FUNDUS] / FUNDUS - 0.5
    away = np.hypot(rows, columns)
    disc = np.exp(-(((rows / 0.055) ** 2 + ((columns - 0.2) / 0.05) ** 2) ** 2))
    macula = np.exp(-((rows - 0.02) ** 2 + (columns + 0.12) ** 2) / 0.004)
    vessels = sum(
        np.exp(-(((rows - turn * (0.2 - columns) - bend * (0.2 - columns) ** 2) / width) ** 2))
        for turn, bend, width in VESSELS
    )  # fmt: skip
    shade = 0.72 - 0.25 * away - 0.1 * macula - 0.22 * np.clip(vessels, 0, 1.2) * (columns < 0.2) * (1 - disc)
    light = np.stack([shade + 0.3 * disc, 0.5 * shade + 0.45 * disc, 0.22 * shade + 0.25 * disc], 2)
    for count, width, depth, spread in ((14, 0.0028, -0.3, 0.3), (9, 0.010, -0.32, 0.28), (30, 0.004, 0.5, 0.16)):
        for row, column in draw.uniform(-spread, spread, (count, 2)):
            spot = np.exp(-((((rows - row) / width) ** 2 + ((columns - column) / width) ** 2) ** 1.5))
            light += depth * spot[..., None] * np.array([0.6, 1.0, 0.5])
    light = np.round(np.clip(light, 0, 1) * 48) / 48 * (away < 0.47)[..., None]
    return stamped((light * 255).astype(np.uint8), (12, 12), 22)


def chest(seed: int) -> NDArray[np.int16]:
    """A chest with a spiculated nodule of 8 mm in the right upper lobe, in steps of 10 HU, and the word beside the body."""
    centre = (36.0, -68.0, 8.0)
    spikes = [(tuple(c + 4.4 * d for c, d in zip(centre, way, strict=True)), 1.3) for way in ((0, 1, 0.3), (0, -0.8, 0.7), (0, 0.1, -1))]
    array = phantom(52, 168, CHEST, seed, ((centre, 4.0), *spikes))
    array = np.where(array < -950, -1000, array // 10 * 10).astype(np.int16)
    word = stamped(np.zeros(array.shape[1:], np.uint8), (1, 1), 12) > 127
    array[:, word] = 400
    return array


def picture_file(path: Path, picture: NDArray[np.uint8], root: str, **said: Any) -> Path:
    """Write a grey or colour picture as DICOM, deflated."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID, one.file_meta.MediaStorageSOPInstanceUID = said["SOPClassUID"], f"{root}.3.1"
    one.SOPInstanceUID, one.StudyInstanceUID, one.SeriesInstanceUID = f"{root}.3.1", f"{root}.1", f"{root}.2"
    one.StudyID, one.SeriesNumber, one.InstanceNumber, one.AccessionNumber, one.Manufacturer = "1", 1, 1, "", "consilium"
    one.ImageType, one.PatientOrientation = ["DERIVED", "SECONDARY"], ""
    one.Rows, one.Columns = picture.shape[:2]
    one.SamplesPerPixel, one.PhotometricInterpretation = (3, "RGB") if picture.ndim == 3 else (1, "MONOCHROME2")
    if picture.ndim == 3:
        one.PlanarConfiguration = 0
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 8, 8, 7, 0
    for keyword, value in {**MARKED, **said}.items():
        setattr(one, keyword, value)
    data = picture.tobytes()
    one.PixelData = data + b"\0" * (len(data) % 2)
    one["PixelData"].VR = "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    one.save_as(path, enforce_file_format=True)
    return path


def ultrasound_region() -> list[Any]:
    """What says of an ultrasound picture how large its pixels are."""
    from pydicom.dataset import Dataset

    rows, columns, mm = ULTRASOUND
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = columns - 1, rows - 1
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = 3, 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = mm / 10, mm / 10
    return [region]


def who(patient: str, date: str, time: str, zone: str, study: str, series: str) -> dict[str, Any]:
    """Whose image it is said to be, and when it was made."""
    dates = dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"), date)
    times = dict.fromkeys(("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"), time)
    return {
        "PatientID": patient, "PatientName": patient.replace("-", "^"), "PatientSex": "", "PatientBirthDate": "",
        "ReferringPhysicianName": "", "TimezoneOffsetFromUTC": zone, "InstitutionName": PLACE,
        "StudyDescription": study, "SeriesDescription": f"{WORD}: {series}",
        **dates, **times,
    }  # fmt: skip


def write(into: Path) -> list[Path]:
    """Write every image of the ward, a folder for each of its people."""
    from pydicom.uid import OphthalmicPhotography8BitImageStorage, UltrasoundImageStorage

    us = {"SOPClassUID": UltrasoundImageStorage, "Modality": "US", "SequenceOfUltrasoundRegions": ultrasound_region()}
    op = {"SOPClassUID": OphthalmicPhotography8BitImageStorage, "Modality": "OP", "ImageLaterality": "R"}
    hard = ultrasound(wide=19, tall=21, rough=0.22, shadow=0.6, seed=SEED)
    smooth = ultrasound(wide=13, tall=7, rough=0.0, shadow=0.0, seed=SEED + 1)
    return [
        picture_file(
            into / "01-amara-okafor" / "ultrasound.dcm", hard, f"{ROOT}.101",
            **who("amara-okafor", "20250513", "110500", "+0100", "Breast ultrasound", "left breast, 2 o'clock"), **us, Laterality="L",
        ),
        picture_file(
            into / "02-ravi-iyer" / "fundus.dcm", fundus(SEED + 2), f"{ROOT}.102",
            **who("ravi-iyer", "20250909", "095000", "+0530", "Fundus photograph", "right eye"), **op,
        ),
        *write_series(
            into / "03-tomasz-wysocki", chest(SEED + 3), CHEST, root=f"{ROOT}.103", deflated=True,
            **who("tomasz-wysocki", "20250624", "142000", "+0200", "Chest CT", "chest, low dose"),
        ),
        picture_file(
            into / "11-saoirse-brennan" / "ultrasound.dcm", smooth, f"{ROOT}.111",
            **who("saoirse-brennan", "20250819", "113000", "+0100", "Breast ultrasound", "right breast, 10 o'clock"), **us, Laterality="R",
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "ward" / "images"
    print(f"{len(write(target))} files in {target}")
