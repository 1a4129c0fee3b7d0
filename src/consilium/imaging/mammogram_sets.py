"""Mammogram sets: folders of mammograms with outlined masses, kept as CBIS-DDSM or VinDr-Mammo are, read as arrays with named rejects.

CBIS-DDSM: `mass_case_description_train_set.csv` and `..._test_set.csv`, masks as images of their own, pathology known. The images are found
by their published paths, by folders of the series' identifier (as exports to JPEG have), or by the series that a DICOM header states.
VinDr-Mammo: `breast-level_annotations.csv` and `finding_annotations.csv`, boxes with BI-RADS, images at `images/<study>/<image>`.
"""

from __future__ import annotations

import ast
import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core import Reject
from consilium.core.errors import ConsiliumError, FormatError, InputError, NotFoundError
from consilium.imaging.dicom import is_dicom, read_header
from consilium.imaging.mammogram import mammogram, seen
from consilium.imaging.picture import SUFFIXES, read_picture
from consilium.imaging.projection import MAMMOGRAM
from consilium.imaging.research import ImageSet
from consilium.imaging.series import read_series
from consilium.imaging.volume import Projection, Volume
from consilium.knowledge.imaging import methods

CBIS = {"train": "mass_case_description_train_set.csv", "test": "mass_case_description_test_set.csv"}
BREASTS, FINDINGS = "breast-level_annotations.csv", "finding_annotations.csv"
MALIGNANT, SUSPICIOUS = "breast_malignancy", "mass_rated_suspicious"
"""What the answer is about: what tissue was found, or how readers rated what they saw. Keys of `knowledge/imaging.csv`."""
_CBIS_COLUMNS = ("patient_id", "left or right breast", "image view", "pathology", "image file path", "ROI mask file path")
_CROPPED = "cropped image file path"
_BREAST_COLUMNS = ("study_id", "image_id", "laterality", "view_position", "height", "width", "split")
_FINDING_COLUMNS = ("image_id", "finding_categories", "finding_birads", "xmin", "ymin", "xmax", "ymax")
_PATHOLOGY = {"MALIGNANT": 1.0, "BENIGN": 0.0, "BENIGN_WITHOUT_CALLBACK": 0.0}
_PARTS = {"training": "train", "test": "test"}
_MASS = "Mass"
SEED = 20260101


@dataclass(frozen=True, slots=True, eq=False)
class Mammograms:
    """A folder that was read.

    Parameters
    ----------
    set : ImageSet
        Pictures as `mammogram.seen` makes them; `outlines` of masses; `y` the answer, NaN where not known or where there is no mass.
    label : str
        What the answer is about: `MALIGNANT` or `SUSPICIOUS`.
    shape : str
        Which set it is kept like.
    rejects : tuple of Reject
        Rows that could not be used, each with file, row and reason.
    notes : tuple of str
        What the reader of a report must know of these data.
    phantoms : int
        How many images are declared phantoms: nobody's.
    fingerprint : str
        sha256 over pictures, outlines, answers, patients and parts.
    """

    set: ImageSet
    label: str
    shape: str
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]
    phantoms: int
    fingerprint: str


@dataclass(slots=True)
class _Wanted:
    """One image as its table tells of it: where, of whom, and what is outlined in it."""

    file: str
    row: str
    patient: str
    part: str
    laterality: str
    view: str
    image: Callable[[], list[Path]]
    masks: list[tuple[str, Callable[[], list[Path]]]] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    size: tuple[int, int] | None = None
    y: float = float("nan")


def read_mammograms(
    folder: Path, size: tuple[int, int], *, without_per_with: float = 2.0, progress: Callable[[str], None] = lambda _: None
) -> Mammograms:
    """Read a folder of either shape.

    Parameters
    ----------
    folder : path
    size : (rows, columns)
        Of the pictures.
    without_per_with : float
        Images without a mass for each one with a mass, of each part, at most; which ones is drawn once and for all.
    progress : callable

    Raises
    ------
    NotFoundError
        When there is no such folder.
    InputError
        When it is kept like neither set or like both, or nothing of it can be used.
    FormatError
        When a table lacks columns or is no table.
    """
    if not folder.is_dir():
        raise NotFoundError("No such folder", where=str(folder), do="give the folder of CBIS-DDSM or VinDr-Mammo, or one kept like them")
    files = _Files(folder)
    tables = {part: files.named(name) for part, name in CBIS.items() if files.named(name)}
    boxes = files.named(FINDINGS)
    if bool(tables) == bool(boxes):
        both = "both kinds of tables" if boxes else "neither kind of table"
        raise InputError(
            "The folder is not kept like one set of mammograms", where=str(folder), found=both,
            expected=f"{CBIS['train']}, or {FINDINGS} and {BREASTS}", do="give the folder that holds the tables of one set",
        )  # fmt: skip
    rejects: list[Reject] = []
    if tables:
        wanted, label, shape, notes = _cbis(files, tables, rejects), MALIGNANT, "CBIS-DDSM", []
    else:
        breasts = files.named(BREASTS)
        if not breasts:
            raise NotFoundError("The folder lacks a table", where=str(folder), expected=BREASTS)
        wanted, label, shape = _vindr(files, breasts[0], boxes[0], rejects), SUSPICIOUS, "VinDr-Mammo"
        notes = ["Its masses are known by their boxes; the ellipse inside a box was taken for the outline."]
    wanted = _one_part_each(wanted, rejects)
    wanted, left = _thinned(wanted, without_per_with)
    if left:
        notes.append(f"{left} of its images without a mass were left out by a fixed draw, so that masses are commoner than in a clinic.")
    found, phantoms = _images(wanted, size, rejects, notes, progress)
    return Mammograms(found, label, shape, tuple(rejects), tuple(notes), phantoms, _fingerprint(found))


class _Files:
    """The files under a folder, found by what tables say of them; never one outside it."""

    def __init__(self, folder: Path) -> None:
        root = folder.resolve()
        self.folder = folder
        self.all = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.resolve().is_relative_to(root)]

    def named(self, name: str) -> list[Path]:
        """Files of a name."""
        return [path for path in self.all if path.name == name]

    @cached_property
    def by_place(self) -> Mapping[tuple[str, str], list[Path]]:
        """Images by the name of their folder and their own, without its suffix."""
        found: dict[tuple[str, str], list[Path]] = defaultdict(list)
        for path in self.all:
            found[path.parent.name, path.stem].append(path)
        return found

    def at(self, folder: str, name: str) -> list[Path]:
        """Images of that name, without its suffix, in a folder of that name."""
        return self.by_place.get((folder, name), [])

    @cached_property
    def by_folder(self) -> Mapping[str, list[Path]]:
        """Files by the name of their folder."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.all:
            found[path.parent.name].append(path)
        return found

    @cached_property
    def by_series(self) -> Mapping[str, list[Path]]:
        """DICOM files by the series that their headers state; read once, and only if other ways fail."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.all:
            if path.suffix.lower() not in (*SUFFIXES, ".csv") and is_dicom(path):
                try:
                    found[read_header(path).text("SeriesInstanceUID")].append(path)
                except ConsiliumError:  # named when a row asks for it
                    continue
        return found

    def of(self, published: str) -> list[Path]:
        """Files that a published path (`.../<series>/000000.dcm`) can mean."""
        path = PurePosixPath(published.strip().replace("\\", "/"))
        series = path.parent.name
        return self.at(series, path.stem) or self.by_folder.get(series) or self.by_series.get(series, [])


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Number (as a spreadsheet shows it) and cells of each row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in columns if name not in (reader.fieldnames or ())]
            if lacking:
                raise FormatError(
                    "The table lacks columns", where=path.name, found=list(reader.fieldnames or ()), expected=lacking,
                    do="take the table as it is published",
                )  # fmt: skip
            for number, row in enumerate(reader, start=2):
                yield str(number), {name: (row[name] or "").strip() for name in row if isinstance(name, str)}
    except (UnicodeDecodeError, csv.Error) as broken:
        raise FormatError("The table cannot be read", where=path.name, found=type(broken).__name__, expected="CSV in UTF-8") from None


def _cbis(files: _Files, tables: Mapping[str, list[Path]], rejects: list[Reject]) -> list[_Wanted]:
    found: dict[str, _Wanted] = {}
    for part, paths in tables.items():
        for number, row in _rows(paths[0], _CBIS_COLUMNS):
            name, image = paths[0].name, row["image file path"]
            if row["pathology"] not in _PATHOLOGY or not row["patient_id"] or not image:
                known = f"pathology is none of {', '.join(_PATHOLOGY)}, or patient or image is not named"
                rejects.append(Reject(name, number, known, found=row["pathology"], patient_id=row["patient_id"]))
                continue
            one = found.get(f"{part} {image}")
            if one is None:
                one = found[f"{part} {image}"] = _Wanted(
                    name, number, row["patient_id"], part, row["left or right breast"][:1].upper(), row["image view"].upper(),
                    _finding(files, image),
                )  # fmt: skip
            # in the published tables mask and crop of some rows stand in each other's place: the one of the image's size is the mask
            one.masks.append((number, _finding(files, row["ROI mask file path"], row.get(_CROPPED, ""))))
            one.y = float(np.nanmax([one.y, _PATHOLOGY[row["pathology"]]]))
    return list(found.values())


def _finding(files: _Files, *published: str) -> Callable[[], list[Path]]:
    return lambda: list(dict.fromkeys(path for one in published if one for path in files.of(one)))


def _vindr(files: _Files, breasts: Path, findings: Path, rejects: list[Reject]) -> list[_Wanted]:
    found: dict[str, _Wanted] = {}
    for number, row in _rows(breasts, _BREAST_COLUMNS):
        try:
            part, size = _PARTS[row["split"]], (int(float(row["height"])), int(float(row["width"])))
        except (KeyError, ValueError):
            reason = f"split is none of {', '.join(_PARTS)}, or the size is no number"
            rejects.append(Reject(breasts.name, number, reason, found=row["split"], patient_id=row["study_id"]))
            continue
        found[row["image_id"]] = _Wanted(
            breasts.name, number, row["study_id"], part, row["laterality"].upper(), row["view_position"].upper(),
            partial(files.at, row["study_id"], row["image_id"]), size=size,
        )  # fmt: skip
    dropped: set[str] = set()
    for number, row in _rows(findings, _FINDING_COLUMNS):
        one = found.get(row["image_id"])
        try:
            masses = _MASS in ast.literal_eval(row["finding_categories"] or "[]")
            left, top, right, bottom = (float(row[name]) if masses else float("nan") for name in ("xmin", "ymin", "xmax", "ymax"))
        except (ValueError, SyntaxError, TypeError):
            rejects.append(Reject(findings.name, number, "the finding cannot be read", found=row["finding_categories"][:60]))
            found.pop(row["image_id"], None)  # with a mass of which nothing is known it would be learned as without
            dropped.add(row["image_id"])
            continue
        if not masses or row["image_id"] in dropped:
            continue
        if one is None:
            rejects.append(Reject(findings.name, number, f"the image is not in {BREASTS}", found=row["image_id"]))
            continue
        assert one.size is not None
        box = (left, top, right, bottom)
        if not (0 <= left < right <= one.size[1] + 1 and 0 <= top < bottom <= one.size[0] + 1):
            rejects.append(Reject(findings.name, number, "the box does not lie in the image", found=str(box), patient_id=one.patient))
            found.pop(row["image_id"])
            dropped.add(row["image_id"])
            continue
        one.boxes.append(box)
        category = row["finding_birads"].removeprefix("BI-RADS").strip()
        rated = float(category[:1] in methods()["assessment"]["suspicious"]) if category else float("nan")
        one.y = rated if np.isnan(one.y) else float(np.nanmax([one.y, rated]))
    return list(found.values())


def _one_part_each(wanted: list[_Wanted], rejects: list[Reject]) -> list[_Wanted]:
    """Images whose patient stands in one part; of a patient in both, those of the test part, which stays as published."""
    parts: dict[str, set[str]] = defaultdict(set)
    for one in wanted:
        parts[one.patient].add(one.part)
    kept = []
    for one in wanted:
        if len(parts[one.patient]) > 1 and one.part != "test":
            reason = "the patient stands in the training part and in the test part: not learned from"
            rejects.append(Reject(one.file, one.row, reason, patient_id=one.patient))
        else:
            kept.append(one)
    return kept


def _thinned(wanted: list[_Wanted], ratio: float) -> tuple[list[_Wanted], int]:
    draw, kept = np.random.default_rng(SEED), []
    for part in ("train", "test"):
        there = [one for one in wanted if one.part == part and (one.masks or one.boxes)]
        rest = [one for one in wanted if one.part == part and not (one.masks or one.boxes)]
        most = round(ratio * len(there))
        picked = sorted(draw.permutation(len(rest))[:most].tolist())
        kept += [*there, *(rest[k] for k in picked)]
    return kept, len(wanted) - len(kept)


def _images(
    wanted: list[_Wanted], size: tuple[int, int], rejects: list[Reject], notes: list[str], progress: Callable[[str], None]
) -> tuple[ImageSet, int]:
    """The images that can be used, and how many of them are phantoms."""
    pictures, outlines, kept = [], [], []
    turned = phantoms = 0
    for number, one in enumerate(wanted, start=1):
        if number % 20 == 1:
            progress(f"reading image {number} of {len(wanted)}")
        try:
            picture, outline, odd, phantom = _read(one, size)
        except ConsiliumError as refusal:
            reason = refusal.what if refusal.found is None else f"{refusal.what} ({refusal.found})"
            rejects.append(Reject(one.file, one.row, reason, patient_id=one.patient))
            continue
        pictures.append(picture)
        outlines.append(outline)
        kept.append(one)
        turned += odd
        phantoms += phantom
    if not kept:
        first = f"; the first: {rejects[0].file} row {rejects[0].row}: {rejects[0].reason}" if rejects else ""
        raise InputError("No image of the set can be used", found=f"{len(rejects)} rows were rejected{first}")
    if turned:
        notes.append(f"In {turned} of its images the breast lies on the other side than usual for its stated laterality.")
    people = {name: place for place, name in enumerate(sorted({one.patient for one in kept}))}
    found = ImageSet(
        np.stack(pictures), np.array([one.y for one in kept], np.float32), np.array([people[one.patient] for one in kept], np.int64),
        np.array([one.part for one in kept], dtype="<U5"), np.stack(outlines), None,
        {"laterality": np.array([one.laterality for one in kept]), "view": np.array([one.view for one in kept])},
    )  # fmt: skip
    return found, phantoms


def _read(one: _Wanted, size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32], bool, bool]:
    """Picture and outlines of an image, whether the breast lies on the unusual side, and whether it is a phantom."""
    image = _volume(one.image())
    stated = Projection(one.laterality)  # without a view no muscle is looked for
    said = image.projection
    if said is not None and said.laterality and said.laterality != one.laterality:
        raise InputError("The table and the image's header state two sides", found=f"{one.laterality} and {said.laterality}")
    found = mammogram(replace(image, projection=replace(stated, front=said.front if said else "")))
    if isinstance(found, str):
        raise InputError("The image cannot be used", found=found)
    view = seen(image, found, size)
    whole = np.zeros(image.shape, bool)
    for row, paths in one.masks:
        whole |= _mask(paths(), image.shape, row)
    for box in one.boxes:
        whole |= _ellipse(box, image.shape, one.size or (image.shape[0], image.shape[1]))
    return view.picture, view.forth(whole), found.turned, image.phantom


def _volume(paths: list[Path]) -> Volume:
    if not paths:
        raise NotFoundError("The image is not in the folder")
    if len(paths) > 1:
        raise InputError("Which file is the image cannot be told", found=", ".join(path.name for path in paths[:4]))
    return _opened(paths[0])


def _opened(path: Path) -> Volume:
    if path.suffix.lower() in SUFFIXES:
        return read_picture(path, modality=MAMMOGRAM)
    found, unread = read_series([path])
    if not found:
        raise FormatError(unread[0].reason if unread else "The file holds no image", where=path.name)
    return next(found[0].volumes())


def _mask(paths: list[Path], shape: tuple[int, ...], row: str) -> NDArray[np.bool_]:
    """The one of some files that has the image's size, above half of its greatest value."""
    if not paths:
        raise NotFoundError("The mask is not in the folder", found=f"row {row}")
    read = [_opened(path).array for path in paths]
    fitting = [array if array.ndim == 2 else array[..., 0] for array in read if array.shape[:2] == shape]
    if not fitting:
        sizes = ", ".join(" x ".join(str(n) for n in array.shape[:2]) for array in read)
        raise FormatError("The mask is not of the image's size", found=f"{sizes}; the image is {shape[0]} x {shape[1]}, row {row}")
    mask = fitting[0]
    if mask.max() == mask.min():
        raise FormatError("The mask outlines nothing", found=f"row {row}")
    return np.asarray(mask.astype(np.float32) > (float(mask.max()) + float(mask.min())) / 2)


def _ellipse(box: tuple[float, ...], shape: tuple[int, ...], stated: tuple[int, int]) -> NDArray[np.bool_]:
    """The ellipse inside a box (x0, y0, x1, y1) that is told in pixels of the stated size, which an export may have scaled evenly."""
    scale = shape[0] / stated[0]
    if abs(shape[1] / stated[1] / scale - 1) > 0.01:
        raise FormatError("The image is not of the size that the table states", found=f"{shape}, stated {stated}")
    left, top, right, bottom = (one * scale for one in box)
    y, x = np.mgrid[: shape[0], : shape[1]]
    middle = (top + bottom - 1) / 2, (left + right - 1) / 2
    half = max((bottom - top) / 2, 0.5), max((right - left) / 2, 0.5)
    return np.asarray(((y - middle[0]) / half[0]) ** 2 + ((x - middle[1]) / half[1]) ** 2 <= 1)


def write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    """Rows that could not be used, as a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "row", "patient", "reason", "found"))
        writer.writerows((one.file, one.row, one.patient_id, one.reason, one.found) for one in rejects)


def _fingerprint(found: ImageSet) -> str:
    digest = hashlib.sha256()
    parts: list[NDArray[Any]] = [found.images, found.y, found.subjects, found.part]
    for array in (*parts, *([] if found.outlines is None else [found.outlines])):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
