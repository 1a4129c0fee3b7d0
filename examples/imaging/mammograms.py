"""Synthetic mammograms, kept as CBIS-DDSM and as VinDr-Mammo keep theirs; nobody's images.

    python examples/imaging/mammograms.py cbis FOLDER
    python examples/imaging/mammograms.py vindr FOLDER
    consilium fit breast_mammography --data FOLDER

Each breast is drawn from formulas and a seed: a half ellipse at the edge of the picture, glands, in an oblique view the muscle, and masses
that are smooth and faint (benign) or bright and spiked (malignant). They show how a folder is read; what is learned from them means
nothing.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from phantom import MARKED, ROOT

SIZE = (288, 200)
MM = 0.7
VIEWS = ("CC", "MLO")
CBIS = ("patient_id", "breast_density", "left or right breast", "image view", "abnormality id", "abnormality type", "mass shape",
        "mass margins", "assessment", "pathology", "subtlety", "image file path", "cropped image file path",
        "ROI mask file path")  # fmt: skip
BREASTS = ("study_id", "series_id", "image_id", "laterality", "view_position", "height", "width", "breast_birads", "breast_density",
           "split")  # fmt: skip
FINDINGS = ("image_id", "study_id", "series_id", "laterality", "view_position", "height", "width", "breast_birads", "breast_density",
            "finding_categories", "finding_birads", "xmin", "ymin", "xmax", "ymax", "split")  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A picture (rows, columns) from 0 to 4095, and the masks of its mass, its breast with the muscle, and the muscle."""

    picture: NDArray[np.uint16]
    mass: NDArray[np.bool_]
    breast: NDArray[np.bool_]
    muscle: NDArray[np.bool_]


def breast(draw: np.random.Generator, side: str, view: str, mass: str = "", size: tuple[int, int] = SIZE, air: float = 0.02) -> Drawn:
    """A breast of one side in one view, with a mass that is `benign`, `malignant`, or none."""
    rows, columns = size
    y, x = np.mgrid[:rows, :columns].astype(np.float64)
    middle, tall, wide = rows * draw.uniform(0.46, 0.54), rows * draw.uniform(0.34, 0.42), columns * draw.uniform(0.6, 0.78)
    away = np.hypot((y - middle) / tall, x / wide)
    inside = away < 1
    light = 0.28 + 0.1 * (1 - away) + 0.05 * np.sin(x / 9 + draw.uniform(0, 6)) * np.sin(y / 11 + draw.uniform(0, 6))
    for _ in range(5):
        row, column = middle + draw.uniform(-0.5, 0.5) * tall, draw.uniform(0.2, 0.7) * wide
        light += draw.uniform(0.02, 0.07) * np.exp(-(((y - row) / draw.uniform(9, 20)) ** 2 + ((x - column) / draw.uniform(9, 20)) ** 2))
    muscle = np.zeros(size, bool)
    if view == "MLO":
        muscle = (x / (0.5 * wide) + (y - (middle - tall)) / (0.75 * tall) < 1) & (y > 0.03 * rows)
        inside |= muscle
        light[muscle] += 0.25
    found = np.zeros(size, bool)
    if mass:
        hard = mass == "malignant"
        radius = draw.uniform(8, 12)
        row, column = middle + draw.uniform(-0.35, 0.45) * tall, draw.uniform(0.35, 0.62) * wide
        around = np.arctan2(y - row, x - column)
        spikes = 1 + (0.22 * np.sin(7 * around) + 0.12 * np.sin(13 * around) if hard else 0)
        distance = np.hypot(y - row, x - column) / (radius * spikes)
        light += (0.5 if hard else 0.3) / (1 + np.exp(np.minimum((distance - 1) / (0.05 if hard else 0.12), 50)))
        found = distance < 1
    light = np.where(inside, light, air) + draw.normal(0, 0.008, size)
    turn = -1 if side == "R" else 1
    masks = (np.ascontiguousarray(mask[:, ::turn]) for mask in (found, inside, muscle))
    return Drawn(np.round(np.clip(light[:, ::turn], 0, 1) * 4095).astype(np.uint16), *masks)


def dicom(path: Path, picture: NDArray[np.unsignedinteger], number: str, **said: Any) -> Path:
    """Write a picture as a digital mammogram."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ExplicitVRLittleEndian

    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.900.{number}.3"
    one.StudyInstanceUID, one.SeriesInstanceUID = f"{ROOT}.900.{number}.1", f"{ROOT}.900.{number}.2"
    one.Modality, one.PatientID, one.PatientName, one.SeriesDescription = "MG", "phantom", "Phantom^Invented", "SYNTHETIC"
    one.StudyDate, one.StudyTime, one.PresentationIntentType = "20260105", "091500", "FOR PRESENTATION"
    one.Rows, one.Columns = picture.shape
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * picture.dtype.itemsize
    one.BitsAllocated, one.BitsStored, one.PixelRepresentation = bits, 12 if bits == 16 else 8, 0
    one.HighBit, one.ImagerPixelSpacing = one.BitsStored - 1, [MM, MM]
    for keyword, value in {**MARKED, **said}.items():
        if value is not None:
            setattr(one, keyword, value)
        elif keyword in one:
            del one[keyword]
    one.PixelData = picture.tobytes()
    one["PixelData"].VR = "OW" if bits == 16 else "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    one.save_as(path, enforce_file_format=True)
    return path


def cbis(folder: Path, patients: int = 60, seed: int = 5, size: tuple[int, int] = SIZE, **said: Any) -> Path:
    """A folder as CBIS-DDSM's, a third of the patients in its test set: each with a mass, seen in two views, with masks as DICOM.

    `said` are further elements of the headers, or other values of those that are written (None: not written).
    """
    draw = np.random.default_rng(seed)
    for part, count in (("train", patients - patients // 3), ("test", patients // 3)):
        rows = []
        for k in range(count):
            number = k + (0 if part == "train" else patients)
            kind, side = ("malignant", "benign")[k % 2], "LR"[int(draw.integers(2))]
            for v, view in enumerate(VIEWS):
                drawn = breast(draw, side, view, kind, size)
                whole = f"Mass-{'Training' if part == 'train' else 'Test'}_P_{number:05}_{'LEFT' if side == 'L' else 'RIGHT'}_{view}"
                image, mask = f"{whole}/{number}.{v}.1/{number}.{v}.2/000000.dcm", f"{whole}_1/{number}.{v}.3/{number}.{v}.4/000001.dcm"
                film = {
                    "PatientOrientation": view, "Laterality": side, "ImagerPixelSpacing": None, "PresentationIntentType": None, **said,
                }  # fmt: skip
                dicom(folder / image, drawn.picture, f"1.{number}.{v}", **film, SeriesDescription="full mammogram images")
                dicom(
                    folder / mask, drawn.mass.astype(np.uint8) * 255, f"2.{number}.{v}", **film, SeriesDescription="ROI mask images"
                )  # fmt: skip
                rows.append(
                    [f"P_{number:05}", 2, whole.split("_")[3], view, 1, "mass", "IRREGULAR" if kind == "malignant" else "OVAL",
                     "SPICULATED" if kind == "malignant" else "CIRCUMSCRIBED", 5 if kind == "malignant" else 3,
                     "MALIGNANT" if kind == "malignant" else ("BENIGN", "BENIGN_WITHOUT_CALLBACK")[k % 4 // 2], 4, image,
                     mask.replace("000001", "000000"), mask + "\n"]
                )  # fmt: skip
        _table(folder / f"mass_case_description_{part}_set.csv", CBIS, rows)
    return folder


def vindr(folder: Path, studies: int = 60, seed: int = 6, size: tuple[int, int] = SIZE, **said: Any) -> Path:
    """A folder as VinDr-Mammo's, a third of the studies in its test split: four views each, in two thirds a mass; `said` as in `cbis`."""
    draw = np.random.default_rng(seed)
    breasts, findings = [], []
    for k in range(studies):
        study, split, sick = f"study{k:04}", "test" if k % 3 == 0 else "training", (k // 3) % 3
        kind = ("", "benign", "malignant")[sick]
        ill = "LR"[int(draw.integers(2))]
        for side in "LR":
            for view in VIEWS:
                here = kind if side == ill else ""
                drawn, image = breast(draw, side, view, here, size), f"image{k:04}{side}{view}"
                orientation = ["A", "R"] if side == "L" else ["P", "L"]
                dicom(
                    folder / "images" / study / f"{image}.dicom", drawn.picture, f"3.{k}.{'LR'.index(side)}.{VIEWS.index(view)}",
                    ImageLaterality=side, ViewPosition=view, PatientOrientation=orientation, **said,
                )  # fmt: skip
                birads = {"": "BI-RADS 1", "benign": "BI-RADS 3", "malignant": "BI-RADS 5"}[here]
                told = [side, view, *size, birads, "DENSITY B"]
                breasts.append([study, f"series{k:04}", image, *told, split])
                down, across = (np.flatnonzero(drawn.mass.any(axis)) for axis in (1, 0))
                box = [across[0], down[0], across[-1] + 1, down[-1] + 1] if here else ["", "", "", ""]
                findings.append(
                    [image, study, f"series{k:04}", *told, "['Mass']" if here else "['No Finding']", birads if here else "", *box, split]
                )
    _table(folder / "breast-level_annotations.csv", BREASTS, breasts)
    _table(folder / "finding_annotations.csv", FINDINGS, findings)
    return folder


def _table(path: Path, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


if __name__ == "__main__":
    shape, into = sys.argv[1], Path(sys.argv[2])
    {"cbis": cbis, "vindr": vindr}[shape](into)
    print(f"{len(list(into.rglob('*.dcm')) + list(into.rglob('*.dicom')))} images in {into}")
