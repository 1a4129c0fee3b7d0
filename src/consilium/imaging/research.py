"""Research sets: public image sets as arrays - images, outlines, answers, patients - read from the files in which they are handed on."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import FormatError, NotFoundError

READERS = 4
READ = {"subtlety": 5, "calcification": 6, "sphericity": 5, "margin": 5, "lobulation": 5, "spiculation": 5, "texture": 5}
"""What LIDC's readers rated besides malignancy, and the highest rating; the lowest is 1."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Images of a research set.

    Parameters
    ----------
    images : array of shape (n, channels, rows, columns) in [0, 1]
    y : array of shape (n,)
        The answer, NaN where not known.
    subjects : array of shape (n,)
        Patient, or the nearest to it that is known.
    part : array of shape (n,)
        `train`, `val` or `test`, where the set says so; else empty.
    outlines : array of shape (n, rows, columns), or None
        Share of readers who drew each pixel.
    spacing : array of shape (n,), or None
        Millimetres of a pixel.
    facts : mapping of str to array of shape (n,)
        What else is known of each.
    """

    images: NDArray[np.float32]
    y: NDArray[np.float32]
    subjects: NDArray[Any]
    part: NDArray[np.str_]
    outlines: NDArray[np.float32] | None = None
    spacing: NDArray[np.float64] | None = None
    facts: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def read_medmnist(path: Path) -> ImageSet:
    """One of MedMNIST's sets of 28 x 28 pictures (NPZ); `y` is its label as it stands there.

    Raises
    ------
    NotFoundError, FormatError
        When there is no such file, or it holds other arrays.
    """
    arrays = _arrays(path)
    parts = ("train", "val", "test")
    _expect(path, arrays, [f"{part}_{what}" for part in parts for what in ("images", "labels")])
    images = np.concatenate([arrays[f"{part}_images"] for part in parts]).astype(np.float32) / 255
    images = np.moveaxis(images, 3, 1) if images.ndim == 4 else images[:, None]
    y = np.concatenate([arrays[f"{part}_labels"][:, 0] for part in parts]).astype(np.float32)
    part = np.concatenate([np.full(len(arrays[f"{part}_images"]), part) for part in parts])
    return ImageSet(np.ascontiguousarray(images), y, np.arange(len(y)), part)


def read_lidc(folder: Path, side: int = 96) -> ImageSet:
    """Nodules of LIDC-IDRI, each by the slice in which it is largest: its middle, `side` (at most 96) pixels at the CT's own size.

    `y` is 1 where the mean of the readers' malignancy ratings is above 3, 0 where below, NaN at 3 or where the rating could not be
    matched with the picture. `facts`: `rating` (mean, 1 to 5), `readers`, `diameter` (mm, as the set states it), `thickness` (mm), and
    `read`, array of shape (n, 7): the readers' median for each of `READ`, from 0 (the lowest) to 1, NaN where not matched.

    Raises
    ------
    NotFoundError, FormatError
    """
    arrays = _arrays(folder / "lidc_nodules.npz")
    _expect(folder, arrays, ["images", "masks_bits", "patient", "nodule"])
    with (folder / "nodule_labels.csv").open(encoding="utf-8", newline="") as file:
        rows = {(int(row["patient"][-4:]), int(row["nodule"])): row for row in csv.DictReader(file)}
    found = [rows[int(p), int(n)] for p, n in zip(arrays["patient"], arrays["nodule"], strict=True)]

    def column(name: str) -> NDArray[np.float64]:
        return np.array([float(row[name]) if row[name] else np.nan for row in found])

    edge = (arrays["images"].shape[1] - side) // 2
    middle = (slice(None), slice(edge, edge + side), slice(edge, edge + side))
    readers = np.unpackbits(arrays["masks_bits"][middle][..., None], axis=3, bitorder="little")[..., :READERS].astype(np.float32)
    drew = readers.any((1, 2)).sum(1)
    matched = column("mapping_verified") == 1
    rating = np.where(matched, column("malignancy_mean"), np.nan)
    read = np.stack([np.where(matched, (column(f"median_{name}") - 1) / (most - 1), np.nan) for name, most in READ.items()], 1)
    y = np.where(np.isnan(rating) | (rating == 3), np.nan, rating > 3).astype(np.float32)
    return ImageSet(
        np.asarray(arrays["images"][middle][:, None] / np.float32(255), np.float32),
        y,
        arrays["patient"].astype(np.int64),
        np.full(len(y), "", dtype="<U5"),
        np.asarray(readers.sum(3) / np.maximum(drew, 1)[:, None, None], np.float32),
        column("pixel_spacing"),
        {
            "rating": rating,
            "readers": drew,
            "diameter": column("mean_diameter_mm"),
            "thickness": column("slice_thickness"),
            "read": read,
        },
    )


def read_breast_ultrasound(path: Path, side: int) -> ImageSet:
    """Breast ultrasound images with outlines (ZIP), each resized to a square of `side` pixels.

    `y` is 1 for malignant and 0 for benign or normal; `facts`: `kind` (benign, malignant, normal) and `name`. The set knows no
    patients: `subjects` joins images that look almost alike.

    Raises
    ------
    NotFoundError, FormatError
    """
    from PIL import Image

    images, outlines, kinds, names, prints = [], [], [], [], []
    with _zip(path) as whole:
        files = set(whole.namelist())
        for name in sorted(one for one in files if PurePosixPath(one).parent.name == "images"):
            folder, stem = PurePosixPath(name).parts[0], PurePosixPath(name).stem
            with Image.open(io.BytesIO(whole.read(name))) as picture:
                grey = picture.convert("L")
                prints.append(_print(grey))
                images.append(np.asarray(grey.resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255)
            drawn = np.zeros((side, side), np.float32)
            for mask in sorted(one for one in files if PurePosixPath(one).name.startswith(f"{stem}_mask") and one.startswith(f"{folder}/")):
                with Image.open(io.BytesIO(whole.read(mask))) as picture:
                    one = picture.convert("L").resize((side, side), Image.Resampling.BOX)
                drawn = np.maximum(drawn, np.asarray(one, np.float32) / 255)
            outlines.append(drawn)
            kinds.append(folder)
            names.append(name)
    if not images:
        raise FormatError("The file holds no images", where=str(path), expected="<kind>/images/<name>.jpg")
    kind: NDArray[np.str_] = np.array(kinds)
    return ImageSet(
        np.asarray(np.stack(images)[:, None], np.float32),
        (kind == "malignant").astype(np.float32),
        alike(np.stack(prints)),
        np.full(len(kind), "", dtype="<U5"),
        np.stack(outlines),
        None,
        {"kind": kind, "name": np.array(names)},
    )


def alike(prints: NDArray[np.bool_], most: int = 60) -> NDArray[np.int64]:
    """Groups of images whose fingerprints (n, bits) differ in `most` bits or fewer, joined through others too; each image's group.

    Of the 256 bits of `_print`, copies of breast ultrasound images differ in up to 60, and no other pair in fewer than 80.

    Examples
    --------
    >>> alike(np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1]], bool), most=1).tolist()
    [0, 0, 1]
    """
    from scipy.sparse.csgraph import connected_components

    bits = prints.astype(np.float32)
    apart = bits @ (1 - bits).T + (1 - bits) @ bits.T
    return np.asarray(connected_components(apart <= most, directed=False)[1], np.int64)


def fingerprint(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _print(grey: Any) -> NDArray[np.bool_]:
    """Difference hash of 16 x 16: whether brightness rises from each field to its right neighbour."""
    from PIL import Image

    small = np.asarray(grey.resize((17, 16), Image.Resampling.BOX), np.float32)
    rises: NDArray[np.bool_] = (small[:, 1:] > small[:, :-1]).ravel()
    return rises


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise NotFoundError("No such file", where=str(path))
    try:
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except (OSError, ValueError, zipfile.BadZipFile) as broken:
        raise FormatError("The arrays cannot be read", where=str(path), found=type(broken).__name__, expected="NPZ of numbers") from None


def _expect(path: Path, arrays: Mapping[str, NDArray[Any]], names: list[str]) -> None:
    lacking = sorted(set(names) - set(arrays))
    if lacking:
        raise FormatError("The file lacks arrays", where=str(path), found=sorted(arrays), expected=lacking)


def _zip(path: Path) -> zipfile.ZipFile:
    if not path.is_file():
        raise NotFoundError("No such file", where=str(path))
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise FormatError("The file is no ZIP archive", where=str(path)) from None
