"""Series: DICOM files put in order - which frames make a stack, where it lies, what is missing - and read as volumes, one at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.core import Reject
from consilium.core.errors import ConsiliumError, FormatError, InputError
from consilium.imaging.dicom import MAX_BYTES, Header, extent, frames, need_imaging, read_header, worded
from consilium.imaging.projection import MAMMOGRAM, projection
from consilium.imaging.volume import HOUNSFIELD, Identity, Volume

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_FILES = 20_000
"""Files of one request; their headers are in memory together."""
GAP = 1.5
"""A step this many times the usual one means that slices are missing."""
EVEN = 0.05
"""Steps that differ from the usual one by more than this share of it are said to be uneven."""
ODD = 0.1
"""How far steps may be from whole multiples of the smallest, in such steps."""
DERIVED = frozenset({"SEG", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "REG", "DOC"})
"""Modalities whose files are about images and are none, or hold what a person or program drew."""
_CT_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"})
_UNITS = {"HU": HOUNSFIELD, "BQML": "Bq/mL"}
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
_CALIBRATED = {
    "GEOMETRY": "millimetres were corrected by the sender for magnification at an assumed depth",
    "FIDUCIAL": "millimetres were calibrated by the sender on an object of known size",
    "": "the sender states two spacings and not how one was made of the other: millimetres are those of the pixel spacing",
}
"""What a pixel spacing beside that of the detector means, by (0028,0A02), PS3.3 10.7.1.3."""
_CENTIMETRES = 3
"""Code of cm in (0018,6024) and (0018,6026), PS3.3 C.8.5.5."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture within a file: its number from 0, where its first pixel lies (mm, LPS), along which directions columns and rows
    grow, the spacing (between rows, between columns) in mm, what turns stored values into `unit` (slope and intercept, or the sender's
    table, which stands before them), and as what the sender shows them.
    """

    header: Header
    number: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    slope: float
    intercept: float
    unit: str
    notes: tuple[str, ...] = ()
    window: tuple[float, float] | None = None

    @property
    def table(self) -> Dataset | None:
        """The sender's table of values (Modality LUT), where there is one."""
        found = self.header.data.get("ModalityLUTSequence")
        return found[0] if found else None

    @property
    def turned(self) -> bool:
        """Whether darker and brighter are exchanged when it is read."""
        return self.header.text("PhotometricInterpretation") == "MONOCHROME1" and self.unit == "1"

    @property
    def plain(self) -> bool:
        """Whether its stored values are brightness from 0 to 255 and nothing else."""
        rescaled = self.table is not None or (self.slope, self.intercept, self.unit) != (1.0, 0.0, "1")
        bits, signed = self.header.count("BitsStored", self.header.count("BitsAllocated")), self.header.count("PixelRepresentation", 0)
        return self.header.pixels == "PixelData" and bits == 8 and not signed and not rescaled

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest that its values can be."""
        if self.table is not None:
            return 0.0, float((1 << int(self.table.LUTDescriptor[2])) - 1)
        bits = self.header.count("BitsStored", self.header.count("BitsAllocated"))
        signed = self.header.count("PixelRepresentation", 0) == 1
        stored = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        low, high = sorted(end * self.slope + self.intercept for end in stored)
        return low, high

    @property
    def curve(self) -> Curve | None:
        """As what the sender shows its values: values, rising, and how bright each is, from 0 to 1; None where it does not say."""
        found: Curve | None = None
        if voi := self.header.data.get("VOILUTSequence"):
            found = _bright(voi[0], self.header.path.name)
        if found is None and self.window is not None:
            centre, width = self.window
            found = np.array((centre - width / 2, centre + width / 2)), np.array((0.0, 1.0))
        if found is None:
            return None
        return (sum(self.ends) - found[0][::-1], 1 - found[1][::-1]) if self.turned else found


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Frames that make one volume, in order, with its affine and what a reader must know of it."""

    frames: tuple[Frame, ...]
    affine: NDArray[np.float64] | None
    notes: tuple[str, ...] = ()
    places: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One DICOM series: identifiers, modality, and its stacks (a volume each), the largest first."""

    uid: str
    study: str
    patient: str
    modality: str
    description: str
    stacks: tuple[Stack, ...]
    headers: tuple[Header, ...] = field(repr=False)

    @property
    def phantom(self) -> bool:
        """Whether any file says that it shows a phantom, or was made to control quality (0028,0300 and 0010,0200)."""
        return any(header.text(keyword) == "YES" for header in self.headers for keyword in ("QualityControlImage", "QualityControlSubject"))

    def volumes(self) -> Iterator[Volume]:
        """Every stack as a volume; one is in memory at a time, if the caller lets the last one go."""
        return (volume(self, stack) for stack in self.stacks)


def read_series(
    paths: Iterable[str | Path], progress: Callable[[int], None] | None = None
) -> tuple[tuple[Series, ...], tuple[Reject, ...]]:
    """Sort DICOM files into series; pixels are not read yet.

    Parameters
    ----------
    paths : iterable of path
        Files, or folders (walked; hidden entries are skipped, links that lead out of a folder are not followed).
    progress : callable, optional
        Told how many files were looked at.

    Returns
    -------
    (tuple of Series, tuple of Reject)
        In order of study, series number and identifier; and by name what could not be used.

    Raises
    ------
    InputError
        When there are more than `MAX_FILES` files.
    """
    need_imaging()
    held: dict[str, list[Header]] = defaultdict(list)
    rejects: list[Reject] = []
    seen: set[str] = set()
    for number, path in enumerate(_files(paths), start=1):
        if number > MAX_FILES:
            raise InputError("There are more files than are read at once", found=f"more than {MAX_FILES}", do="read series by series")
        try:
            header = read_header(path)
            with worded(path.name):
                if header.text("Modality") in DERIVED:
                    raise FormatError("The file is about images and is none", where=path.name, found=header.text("Modality"))
                extent(header)
                if header.text("SOPInstanceUID") in seen:
                    raise FormatError("The same image stands twice", where=path.name)
        except ConsiliumError as refusal:
            rejects.append(_reject(path, refusal))
            continue
        seen.add(header.text("SOPInstanceUID"))
        held[header.text("SeriesInstanceUID") or header.text("SOPInstanceUID")].append(header)
        if progress is not None:
            progress(number)
    made = []
    for uid, headers in held.items():
        people = {(h.text("PatientID"), h.text("StudyInstanceUID")) for h in headers}
        if len(people) > 1:  # never one volume of two persons
            rejects += [Reject(h.path.name, "", "one series is said to be of several patients or studies") for h in headers]
            continue
        one = _series(uid, headers, rejects)
        if one is not None:
            made.append(one)
    return tuple(sorted(made, key=lambda s: (s.study, s.headers[0].numbers("SeriesNumber") or (0.0,), s.uid))), tuple(rejects)


def volume(series: Series, stack: Stack) -> Volume:
    """Decode a stack; its numbers are in the unit of the modality.

    Values are uint8 for brightness of 8 bits, int16 where that holds them exactly, else float32. MONOCHROME1 is turned, so that more is
    brighter. Pixels that pad the image take the lowest value of the others.

    Raises
    ------
    FormatError
        When a frame cannot be decoded, or the whole is larger than is read.
    """
    first = stack.frames[0]
    _, rows, columns, _ = extent(first.header)
    colour = _colour(first.header)
    size = len(stack.frames) * rows * columns * (3 if colour else 1) * (1 if colour else 4)
    if size > MAX_BYTES:
        raise FormatError("The image is larger than is read", where=series.description or series.uid, found=size, expected=MAX_BYTES)
    whole: NDArray[Any] | None = None
    wanted: dict[int, list[tuple[int, Frame]]] = defaultdict(list)
    for place, frame in enumerate(stack.frames):
        wanted[id(frame.header)].append((place, frame))
    notes = list(dict.fromkeys([*stack.notes, *(note for frame in stack.frames for note in frame.notes)]))
    dtype = _kind(stack, colour)
    for group in wanted.values():
        group.sort(key=lambda one: one[1].number)
        header = group[0][1].header
        for (place, frame), stored in zip(group, frames(header, [f.number for _, f in group]), strict=True):
            values = _values(stored, frame, colour)
            if whole is None:
                dtype = values.dtype if colour else dtype
                whole = np.empty((len(stack.frames), *values.shape), dtype)
            whole[place] = values
    assert whole is not None
    if first.turned:
        notes.append("darker and brighter were exchanged: it was stored as MONOCHROME1")
    array = whole[0] if len(stack.frames) == 1 else whole
    instances = tuple(f.header.text("SOPInstanceUID") + (f"#{f.number + 1}" if _many(f.header) else "") for f in stack.frames)
    identity = Identity(series.patient, series.study, series.uid, instances)
    frame_uid = first.header.text("FrameOfReferenceUID") if stack.affine is not None and first.orientation is not None else ""
    source = series.description or series.modality or "series"
    taken = projection(first.header) if series.modality == MAMMOGRAM else None
    return Volume(
        array, stack.affine, first.unit, series.modality, source, frame_uid, colour, identity, stack.places, tuple(notes), series.phantom,
        taken,
    )  # fmt: skip


def _files(paths: Iterable[str | Path]) -> Iterator[Path]:
    for one in paths:
        path = Path(one)
        if not path.is_dir():
            yield path
            continue
        root = path.resolve()
        for found in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            if found.is_file() and not hidden and found.name != "DICOMDIR" and found.resolve().is_relative_to(root):
                yield found


def _reject(path: Path, refusal: ConsiliumError) -> Reject:
    reason = refusal.what if refusal.found is None else f"{refusal.what} ({refusal.found})"
    return Reject(path.name, "", reason)


def _series(uid: str, headers: list[Header], rejects: list[Reject]) -> Series | None:
    found: list[Frame] = []
    for header in headers:
        try:
            with worded(header.path.name):
                found += _frames(header)
        except ConsiliumError as refusal:
            rejects.append(_reject(header.path, refusal))
    if not found:
        return None
    first = found[0].header
    stacks = sorted(_stacks(found, rejects), key=lambda stack: -len(stack.frames))
    used = {id(f.header): f.header for stack in stacks for f in stack.frames}
    return Series(
        uid, first.text("StudyInstanceUID"), first.text("PatientID"), first.text("Modality"), first.text("SeriesDescription"),
        tuple(stacks), tuple(used.values()),
    )  # fmt: skip


def _frames(header: Header) -> list[Frame]:
    count, _, _, _ = extent(header)
    groups = header.data.get("PerFrameFunctionalGroupsSequence")
    shared = header.data.get("SharedFunctionalGroupsSequence")
    if groups is not None and len(groups) not in (0, count):
        raise FormatError("The frames and what is said of them differ in number", where=header.path.name, found=len(groups), expected=count)
    from pydicom.pixels import apply_modality_lut

    made = []
    for number in range(count):
        parts = [*([groups[number]] if groups else []), *(shared or [])]
        if parts:
            position = _within(header, parts, "PlanePositionSequence", "ImagePositionPatient")
            orientation = _within(header, parts, "PlaneOrientationSequence", "ImageOrientationPatient")
            spacing = _within(header, parts, "PixelMeasuresSequence", "PixelSpacing")
            slope = _within(header, parts, "PixelValueTransformationSequence", "RescaleSlope") or (1.0,)
            intercept = _within(header, parts, "PixelValueTransformationSequence", "RescaleIntercept") or (0.0,)
            notes: tuple[str, ...] = ()
            centre = _within(header, parts, "FrameVOILUTSequence", "WindowCenter")
            width = _within(header, parts, "FrameVOILUTSequence", "WindowWidth")
        else:
            position, orientation = header.numbers("ImagePositionPatient"), header.numbers("ImageOrientationPatient")
            spacing, notes = _spacing(header)
            slope, intercept = header.numbers("RescaleSlope") or (1.0,), header.numbers("RescaleIntercept") or (0.0,)
            centre, width = header.numbers("WindowCenter"), header.numbers("WindowWidth")
        if count > 1 and not parts:
            position = None  # a film: its frames follow in time
        if header.data.get("ModalityLUTSequence"):  # tried before anything stands on it
            apply_modality_lut(np.zeros(1, np.int64), header.data)
        window = (centre[0], width[0]) if centre and width and width[0] > 0 else None
        flat = spacing if spacing and len(spacing) == 2 and min(spacing) > 0 else None
        placed = position if position and len(position) == 3 and flat else None
        made.append(
            Frame(header, number, placed, _directions(orientation) if placed else None, flat,
                  slope[0] or 1.0, intercept[0], _unit(header), notes, window)
        )  # fmt: skip
    return made


def _bright(voi: Dataset, name: str) -> Curve | None:
    """A VOI LUT as values and how bright they are; None where it is broken: then the sender does not say."""
    try:
        with worded(name):
            count, first, bits = (int(one) for one in voi.LUTDescriptor)
            bright = np.frombuffer(voi.LUTData, np.uint16) if isinstance(voi.LUTData, bytes) else np.array(voi.LUTData)
            values = first + np.arange(count or 1 << 16, dtype=np.float64)
            return (values, bright / ((1 << bits) - 1)) if len(bright) == len(values) else None
    except FormatError:
        return None


def _within(header: Header, parts: list[Any], sequence: str, keyword: str) -> tuple[float, ...] | None:
    for part in parts:
        items = part.get(sequence)
        if items:
            return header.numbers(keyword, items[0])
    return None


def _directions(orientation: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """Six direction cosines; None where they are not two unit vectors at a right angle."""
    if orientation is None or len(orientation) != 6:
        return None
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    right = abs(row @ column) < 1e-2 and abs(row @ row - 1) < 1e-2 and abs(column @ column - 1) < 1e-2
    return orientation if right else None


def _spacing(header: Header) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    """Spacing between rows and between columns in mm, and how far it can be trusted."""
    found, detector = header.numbers("PixelSpacing"), header.numbers("ImagerPixelSpacing")
    calibrated = header.text("PixelSpacingCalibrationType")
    if found and (detector is None or calibrated or len(found) != len(detector) or not np.allclose(found, detector, rtol=1e-3)):
        return found, () if detector is None else (_CALIBRATED.get(calibrated, _CALIBRATED[""]),)
    if detector:  # alone, or as a pixel spacing that nobody corrected (PS3.3 10.7.1.3)
        magnified = header.numbers("EstimatedRadiographicMagnificationFactor")
        if magnified and magnified[0] >= 1:
            return tuple(one / magnified[0] for one in detector), ("millimetres are reckoned from the sender's estimated magnification",)
        return detector, ("millimetres are those on the detector: in the body things are smaller",)
    if found := header.numbers("NominalScannedPixelSpacing"):
        return found, ("millimetres are those of the scanned film",)
    regions = header.data.get("SequenceOfUltrasoundRegions") or []
    if len(regions) == 1:
        region = regions[0]
        units = [region.get(k) for k in ("PhysicalUnitsXDirection", "PhysicalUnitsYDirection")]
        deltas = [header.numbers(k, region) for k in ("PhysicalDeltaY", "PhysicalDeltaX")]
        if units == [_CENTIMETRES, _CENTIMETRES] and all(deltas):
            return tuple(abs(d[0]) * 10 for d in deltas if d), ("millimetres hold within the ultrasound region",)
    return None, ()


def _unit(header: Header) -> str:
    if table := header.data.get("ModalityLUTSequence"):
        return _UNITS.get(str(table[0].get("ModalityLUTType", "")), "1")
    stated = header.text("RescaleType") or header.text("Units")
    if stated in _UNITS:
        return _UNITS[stated]
    calibrated = header.text("SOPClassUID") in _CT_CLASSES and stated in ("", "US")
    return HOUNSFIELD if calibrated and "LOCALIZER" not in header.text("ImageType") else "1"


def _colour(header: Header) -> bool:
    return header.count("SamplesPerPixel", 1) == 3 or header.text("PhotometricInterpretation") == "PALETTE COLOR"


def _many(header: Header) -> bool:
    return header.count("NumberOfFrames", 1) > 1


def _stacks(found: list[Frame], rejects: list[Reject]) -> Iterator[Stack]:
    alike: dict[Any, list[Frame]] = defaultdict(list)
    for frame in found:
        size = extent(frame.header)[1:]
        if frame.position is None or frame.orientation is None:
            yield Stack((frame,), _flat(frame), ())
        else:
            turned = tuple(np.round(frame.orientation, 3) + 0.0)
            alike[(size, turned, frame.spacing, frame.unit, frame.header.text("FrameOfReferenceUID"))].append(frame)
    for group in alike.values():
        for layer in _layers(group, rejects):
            yield _stack(layer)


def _flat(frame: Frame) -> NDArray[np.float64] | None:
    if frame.spacing is None:
        return None
    affine = np.eye(4)
    affine[:3, :3] = np.array(((0, 0, frame.spacing[1]), (0, frame.spacing[0], 0), (1.0, 0, 0)))
    return affine


def _along(frame: Frame) -> float:
    assert frame.orientation is not None and frame.position is not None
    normal = np.cross(frame.orientation[:3], frame.orientation[3:])
    return float(normal @ np.array(frame.position))


def _layers(group: list[Frame], rejects: list[Reject]) -> list[list[Frame]]:
    """Frames at one place twice are of several times, echoes or phases: the first of each place makes one stack, and so on."""
    at: dict[float, list[Frame]] = defaultdict(list)
    for frame in sorted(group, key=_order):
        at[round(_along(frame), 2)].append(frame)
    counts = {len(here) for here in at.values()}
    if len(counts) == 1:
        return [[at[place][layer] for place in sorted(at)] for layer in range(counts.pop())]
    for here in at.values():
        for extra in here[1:]:
            reason = "a second slice at the same place, and not at every place"
            rejects.append(Reject(extra.header.path.name, str(extra.number + 1), reason))
    return [[at[place][0] for place in sorted(at)]]


def _order(frame: Frame) -> tuple[float, ...]:
    told = [frame.header.numbers(k) for k in ("TemporalPositionIdentifier", "EchoNumbers", "AcquisitionNumber", "InstanceNumber")]
    return (*(one[0] if one else 0.0 for one in told), frame.number)


def _stack(layer: list[Frame]) -> Stack:
    """Slices in order, on an even grid: a step of several spacings means that slices are missing."""
    if len(layer) == 1:
        return Stack((layer[0],), _affine(layer, _thickness(layer[0])))
    along = np.array([_along(frame) for frame in layer])
    steps = np.diff(along)
    usual = float(np.median(steps))
    least = float(steps.min())
    counts = steps / least
    if np.abs(counts - np.round(counts)).max() < ODD:  # all steps are multiples of the smallest one
        usual = float(np.sum(steps) / np.round(counts).sum())
        places = np.concatenate(([0.0], np.cumsum(np.round(counts))))
    else:
        places = np.concatenate(([0.0], np.cumsum(steps / usual)))
    notes = []
    missing = round(places[-1]) + 1 - len(layer)
    if missing > 0:
        gaps = [f"{along[b]:.1f} to {along[b + 1]:.1f} mm" for b in np.flatnonzero(steps > GAP * usual)]
        notes.append(f"{missing} of {len(layer) + missing} slices are missing: {', '.join(gaps[:5])}" + (" ..." if len(gaps) > 5 else ""))
    elif np.abs(steps - usual).max() > EVEN * usual:
        notes.append(f"slices are not evenly spaced: {steps.min():.2f} to {steps.max():.2f} mm")
    else:
        return Stack(tuple(layer), _affine(layer, usual))
    return Stack(tuple(layer), _affine(layer, usual, places[-1]), tuple(notes), tuple(places.tolist()))


def _thickness(frame: Frame) -> float:
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        found = frame.header.numbers(keyword)
        if found and found[0] > 0:
            return found[0]
    return 1.0


def _affine(part: list[Frame], step: float, last_place: float | None = None) -> NDArray[np.float64]:
    first, last = part[0], part[-1]
    assert first.orientation is not None and first.spacing is not None and first.position is not None and last.position is not None
    row, column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    along = np.cross(row, column) * step
    if len(part) > 1:  # a tilted gantry shears the stack
        along = (np.array(last.position) - np.array(first.position)) / (last_place or len(part) - 1)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = along, column * first.spacing[0], row * first.spacing[1]
    affine[:3, 3] = first.position
    return affine


def _kind(stack: Stack, colour: bool) -> Any:
    """int16 where every value is a whole number within it, else float32; uint8 for brightness of 8 bits that means nothing else."""
    if colour or all(frame.plain for frame in stack.frames):
        return np.uint8
    for frame in {id(f.header): f for f in stack.frames}.values():
        whole = frame.slope == int(frame.slope) and frame.intercept == int(frame.intercept)
        low, high = frame.ends
        if frame.header.pixels != "PixelData" or not (whole or frame.table) or low < -32768 or high > 32767:
            return np.float32
    return np.int16


def _values(stored: NDArray[Any], frame: Frame, colour: bool) -> NDArray[Any]:
    if colour:
        if stored.dtype == np.uint8:
            return stored
        bits = 8 * stored.dtype.itemsize
        return (stored >> (bits - 8)).astype(np.uint8)
    from pydicom.pixels import apply_modality_lut

    header = frame.header
    padded = None
    if (pad := header.numbers("PixelPaddingValue")) is not None:
        other = header.numbers("PixelPaddingRangeLimit") or pad
        padded = (stored >= min(pad[0], other[0])) & (stored <= max(pad[0], other[0]))
        if padded.all() or not padded.any():
            padded = None
    if frame.table is not None:
        with worded(header.path.name):
            values: NDArray[Any] = apply_modality_lut(stored.astype(np.int64), header.data).astype(np.float32)
    else:
        wide: NDArray[Any] = stored.astype(np.float64 if stored.dtype.itemsize > 2 else np.float32)
        values = wide * frame.slope + frame.intercept
    if frame.turned:
        values = sum(frame.ends) - values
    if padded is not None:
        values[padded] = values[~padded].min()
    return values
