"""IDRiD: photographs of the retina, outlines of lesions, and grades, as the data set is published - a folder, or the zip of it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import FormatError, NotFoundError

OUTLINES = {
    "microaneurysms": ("1. Microaneurysms", "MA"),
    "haemorrhages": ("2. Haemorrhages", "HE"),
    "hard_exudates": ("3. Hard Exudates", "EX"),
    "soft_exudates": ("4. Soft Exudates", "SE"),
    "optic_disc": ("5. Optic Disc", "OD"),
}
"""Folder and suffix of each outline; where a photograph has none, there is nothing of the kind in it."""
PARTS = {"train": "a. Training Set", "test": "b. Testing Set"}
_OUTLINED, _GRADED = "A. Segmentation", "B. Disease Grading"
_TABLES = {"train": "a. IDRiD_Disease Grading_Training Labels.csv", "test": "b. IDRiD_Disease Grading_Testing Labels.csv"}
MOST = 64 * 1024**2
"""Bytes of one member."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlined:
    """A photograph (rows, columns, 3) and its outlines (5, rows, columns) in the order of `OUTLINES`."""

    name: str
    photograph: NDArray[np.uint8]
    outlines: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """A photograph (rows, columns, 3), its grade of retinopathy 0 to 4 and its risk of macular oedema 0 to 2."""

    name: str
    photograph: NDArray[np.uint8]
    grade: int
    oedema: int


def outlined(data: Path, part: str) -> Iterator[Outlined]:
    """Photographs with outlines of the part `train` (54) or `test` (27); errors as for `graded`."""
    with _members(data) as read:
        for name in read.names(f"{_OUTLINED}/1. Original Images/{PARTS[part]}", ".jpg"):
            photograph = read.photograph(f"{_OUTLINED}/1. Original Images/{PARTS[part]}/{name}.jpg")
            found = np.zeros((len(OUTLINES), *photograph.shape[:2]), bool)
            for k, (folder, suffix) in enumerate(OUTLINES.values()):
                path = f"{_OUTLINED}/2. All Segmentation Groundtruths/{PARTS[part]}/{folder}/{name}_{suffix}.png"
                if read.has(path):
                    found[k] = read.outline(path, photograph.shape[:2])
            yield Outlined(name, photograph, found)


def graded(data: Path, part: str) -> Iterator[Graded]:
    """Photographs with grades of the part `train` (413) or `test` (103).

    Raises
    ------
    NotFoundError
        When the folder or zip is not there, or lacks the part.
    FormatError
        When a file of it cannot be read.
    """
    with _members(data) as read:
        path = f"{_GRADED}/2. Groundtruths/{_TABLES[part]}"
        rows = csv.reader(io.StringIO(read.bytes(path).decode("utf-8-sig")))
        next(rows)
        for row in rows:
            if row and row[0].strip():
                name = row[0].strip()
                photograph = read.photograph(f"{_GRADED}/1. Original Images/{PARTS[part]}/{name}.jpg")
                try:
                    yield Graded(name, photograph, int(row[1]), int(row[2]))
                except (ValueError, IndexError):
                    raise FormatError("A grade is no whole number", where=f"{path}, {name}", found=row[1:3]) from None


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """Files of a folder or of a zip, by their published paths."""

    root: Path
    archive: zipfile.ZipFile | None

    def has(self, path: str) -> bool:
        if self.archive is None:
            return (self.root / path).is_file()
        return path in self.archive.NameToInfo

    def names(self, folder: str, suffix: str) -> list[str]:
        if self.archive is None:
            found = [p.stem for p in (self.root / folder).glob(f"*{suffix}")]
        else:
            held = [p for p in self.archive.NameToInfo if p.startswith(f"{folder}/") and p.endswith(suffix)]
            found = [p.rsplit("/", 1)[1].removesuffix(suffix) for p in held]
        if not found:
            raise NotFoundError("The data set lacks a part", where=str(self.root), expected=folder)
        return sorted(found)

    def bytes(self, path: str) -> bytes:
        if not self.has(path):
            raise NotFoundError("The data set lacks a file", where=str(self.root), expected=path)
        if self.archive is None:
            return (self.root / path).read_bytes()
        if self.archive.NameToInfo[path].file_size > MOST:
            raise FormatError("A file of the data set is larger than is read", where=path, expected=f"at most {MOST} bytes")
        return self.archive.read(path)

    def photograph(self, path: str) -> NDArray[np.uint8]:
        return np.asarray(self._image(path, "RGB"))

    def outline(self, path: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        mask = np.asarray(self._image(path, "1"), bool)
        if mask.shape != shape:
            raise FormatError("An outline has another size than its photograph", where=path, found=mask.shape, expected=shape)
        return mask

    def _image(self, path: str, mode: str) -> NDArray[np.generic]:
        from PIL import Image, UnidentifiedImageError

        try:
            return np.asarray(Image.open(io.BytesIO(self.bytes(path))).convert(mode))
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as broken:
            raise FormatError("An image of the data set cannot be read", where=path, found=type(broken).__name__) from None


@contextmanager
def _members(data: Path) -> Iterator[_Members]:
    zipped = data if data.suffix == ".zip" else data / "idrid.zip"
    if zipped.is_file():
        with zipfile.ZipFile(zipped) as archive:
            yield _Members(zipped, archive)
    elif data.is_dir():
        yield _Members(data, None)
    else:
        raise NotFoundError("No such data set", where=str(data), do="give the folder of IDRiD, or its zip")


def alike(photographs: list[NDArray[np.uint8]], others: list[NDArray[np.uint8]], least: float = 0.998) -> NDArray[np.bool_]:
    """Which photographs (n,) stand among others too, by the correlation of their thumbnails.

    In IDRiD the outlined and the graded photographs overlap under other names: true copies correlate above 0.9999, two photographs of
    different eyes below 0.996.
    """
    one, other = (np.stack([_thumbnail(photograph) for photograph in many]) for many in (photographs, others))
    return np.asarray((one @ other.T).max(1) > least)


def copies(photographs: list[NDArray[np.uint8]], least: float = 0.998) -> NDArray[np.int64]:
    """A number for each photograph (n,), the same for copies of one, as `alike` knows them."""
    one = np.stack([_thumbnail(photograph) for photograph in photographs])
    same = one @ one.T > least
    return np.asarray(same.argmax(1), np.int64)


def _thumbnail(photograph: NDArray[np.uint8]) -> NDArray[np.float64]:
    from PIL import Image

    grey = np.asarray(Image.fromarray(photograph).convert("L").resize((48, 32)), np.float64)
    grey = grey - grey.mean()
    return np.asarray((grey / np.linalg.norm(grey)).ravel())
