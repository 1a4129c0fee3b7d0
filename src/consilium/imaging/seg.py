"""SEG: the regions of a reading as a DICOM segmentation, written without copying a volume for each segment."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import InputError
from consilium.imaging import encode
from consilium.imaging.derived import code, derived, instances, item, new_uid
from consilium.imaging.encode import element, sequence
from consilium.imaging.finding import Finding, Reading
from consilium.imaging.series import Series, Stack
from consilium.knowledge.imaging import terms

if TYPE_CHECKING:
    from pydicom import Dataset

_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
_FOR_PROCESSING = ("121322", "DCM", "Source image for image processing operation")
_DERIVED = ("113076", "DCM", "Segmentation")
_NUMBER = 900


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The object, and which segment (from 1) each finding became; findings without an outline have none.

    `frames` says, for each segment, its frames from 1.
    """

    data: Dataset
    segments: dict[int, int]
    frames: dict[int, tuple[int, ...]]


def segmentation(series: Series, stack: Stack, reading: Reading) -> Segmentation:
    """Write the outlined findings of a reading.

    Parameters
    ----------
    series : Series
    stack : Stack
        The frames that were read; a segment has a frame for each of them on which it is.
    reading : Reading

    Raises
    ------
    InputError
        When no finding has an outline.

    Source: DICOM PS3.3 A.51 and C.8.20.2.
    """
    from pydicom.charset import convert_encodings
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    outlined = [(place, f) for place, f in enumerate(reading.findings) if f.region is not None and f.region.mask is not None]
    if not outlined:
        raise InputError("There is nothing to outline", where=reading.task)
    first = stack.frames[0]
    made = derived(series, _CLASS, "SEG", _NUMBER, f"{reading.task}: segmentation")
    flat: dict[int, Finding] = dict(outlined)
    segments = {place: number for number, place in enumerate(flat, start=1)}
    rows, columns = first.header.count("Rows"), first.header.count("Columns")
    made.SpecificCharacterSet = "ISO_IR 192"
    made.ImageType = ["DERIVED", "PRIMARY"]
    made.ContentLabel, made.ContentDescription, made.ContentCreatorName = "SEGMENTATION", reading.task[:64], ""
    made.Rows, made.Columns = rows, columns
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 1, 1, 0, 0
    made.LossyImageCompression, made.SegmentationType = "00", "BINARY"
    made.SegmentsOverlap = "YES" if _overlap(list(flat.values())) else "NO"
    made.SegmentSequence = [_segment(number, flat[place], reading) for place, number in segments.items()]
    made.ReferencedSeriesSequence = [
        item(SeriesInstanceUID=series.uid, ReferencedInstanceSequence=instances(f.header for f in stack.frames))
    ]
    placed = first.position is not None and first.orientation is not None
    if placed:
        made.FrameOfReferenceUID = first.header.text("FrameOfReferenceUID") or series.uid
        made.PositionReferenceIndicator = ""
    frames: dict[int, tuple[int, ...]] = {}
    groups: list[bytes] = []
    codes = sequence(0x0040A170, encode.code(_FOR_PROCESSING)), sequence(0x00089215, encode.code(_DERIVED))
    masks: list[NDArray[np.uint8]] = []
    for place, number in segments.items():
        start = len(groups) + 1
        for at, mask in _slices(flat[place], rows, columns):
            groups.append(_frame(stack, at, number, placed, codes))
            masks.append(mask)
        frames[number] = tuple(range(start, len(groups) + 1))
    made.NumberOfFrames = len(groups)
    told = encode.content(*groups)
    per_frame = Tag("PerFrameFunctionalGroupsSequence")
    made._dict[per_frame] = RawDataElement(per_frame, "SQ", len(told), told, 0, False, True)  # written as it is, parsed when asked
    made.set_original_encoding(False, True, made.original_character_set or convert_encodings(made.SpecificCharacterSet))
    made.SharedFunctionalGroupsSequence = [_shared(stack)]
    _dimensions(made, placed)
    made.PixelData = _packed(masks, rows * columns)
    made["PixelData"].VR = "OB"
    return Segmentation(made, segments, frames)


def _segment(number: int, finding: Finding, reading: Reading) -> Dataset:
    term = terms()[finding.label]
    learned = "sha256" in reading.source
    family = terms()["artificial_intelligence" if learned else "morphological_operations"]
    made = item(
        SegmentNumber=number,
        SegmentLabel=f"{finding.name or term.name} {'' if finding.standing == 'finding' else f'({finding.standing})'}".strip()[:64],
        SegmentedPropertyCategoryCodeSequence=[code(terms()[term.category].coded)],
        SegmentedPropertyTypeCodeSequence=[code(term.coded)],
        SegmentAlgorithmType="AUTOMATIC",
        SegmentAlgorithmName=f"consilium {reading.task}"[:64],
        SegmentationAlgorithmIdentificationSequence=[
            item(
                AlgorithmFamilyCodeSequence=[code(family.coded)], AlgorithmName=f"consilium {reading.task}"[:64],
                AlgorithmVersion=reading.version[:64], AlgorithmSource="consilium",
            )
        ],
        TrackingID=f"{finding.label} {number}"[:64],
        TrackingUID=new_uid(),
    )  # fmt: skip
    if term.side:
        made.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [code(terms()[term.side].coded)]
    if term.site:
        made.AnatomicRegionSequence = [code(terms()[term.site].coded)]
    return made


def _slices(finding: Finding, rows: int, columns: int) -> list[tuple[int, NDArray[np.uint8]]]:
    """The slices on which a finding is, each as a whole flat picture of zeros and ones."""
    region = finding.region
    assert region is not None and region.mask is not None
    parts = region.mask if region.mask.ndim == 3 else region.mask[None]
    start = region.low[0] if region.mask.ndim == 3 else 0
    box = region.slices[-2:]
    found = []
    for offset, part in enumerate(parts):
        if part.any():
            whole = np.zeros((rows, columns), np.uint8)
            whole[box] = part
            found.append((start + offset, whole.ravel()))
    return found


def _packed(masks: list[NDArray[np.uint8]], size: int) -> bytes:
    """Bits of all frames one after another, the first in the lowest place of a byte, padded to an even length."""
    if size % 8 == 0:
        data = b"".join(np.packbits(mask, bitorder="little").tobytes() for mask in masks)
    else:
        data = np.packbits(np.concatenate(masks), bitorder="little").tobytes()
    return data + b"\0" * (len(data) % 2)


def _frame(stack: Stack, at: int, number: int, placed: bool, codes: tuple[bytes, bytes]) -> bytes:
    """What is said of one frame, as the content of an item: its source image, its place among the dimensions and in space, its segment."""
    frame = stack.frames[at]
    purpose, derivation = codes
    source = element(0x00081150, "UI", frame.header.text("SOPClassUID").encode())
    source += element(0x00081155, "UI", frame.header.text("SOPInstanceUID").encode())
    if frame.header.count("NumberOfFrames", 1) > 1:
        source += element(0x00081160, "IS", str(frame.number + 1).encode())
    if placed:
        source += element(0x0028135A, "CS", b"YES")  # spatial locations preserved
    source += purpose
    index = struct.pack("<II", number, at + 1) if placed else struct.pack("<I", number)
    made = sequence(0x00089124, sequence(0x00082112, source) + derivation)
    made += sequence(0x00209111, element(0x00209157, "UL", index))
    if placed:
        where = "\\".join(str(one) for one in _decimals(frame.position))
        made += sequence(0x00209113, element(0x00200032, "DS", where.encode()))
    return made + sequence(0x0062000A, element(0x0062000B, "US", struct.pack("<H", number)))


def _shared(stack: Stack) -> Dataset:
    first = stack.frames[0]
    made = item()
    if first.spacing is not None:
        measures = item(PixelSpacing=_decimals(first.spacing))
        if stack.affine is not None and len(stack.frames) > 1:
            normal = np.cross(first.orientation[:3], first.orientation[3:]) if first.orientation else np.array((0, 0, 1))
            step = abs(float(normal @ stack.affine[:3, 0]))
            measures.SpacingBetweenSlices = _decimals([step])[0]
            measures.SliceThickness = _decimals(first.header.numbers("SliceThickness") or [step])[0]
        elif thickness := first.header.numbers("SliceThickness"):
            measures.SliceThickness = _decimals(thickness)[0]
        if "SliceThickness" in measures:  # a film has none, and readers expect it beside the spacing
            made.PixelMeasuresSequence = [measures]
    if first.orientation is not None and first.position is not None:
        made.PlaneOrientationSequence = [item(ImageOrientationPatient=_decimals(first.orientation))]
    return made


def _dimensions(made: Dataset, placed: bool) -> None:
    from pydicom.tag import Tag
    from pydicom.uid import generate_uid

    uid = generate_uid(prefix=None)
    position = ("ImagePositionPatient", "PlanePositionSequence") if placed else ("ReferencedSegmentNumber", "SegmentIdentificationSequence")
    made.DimensionOrganizationSequence = [item(DimensionOrganizationUID=uid)]
    made.DimensionIndexSequence = [
        item(
            DimensionOrganizationUID=uid, DimensionIndexPointer=Tag(pointer), FunctionalGroupPointer=Tag(group),
            DimensionDescriptionLabel=pointer,
        )
        for pointer, group in (("ReferencedSegmentNumber", "SegmentIdentificationSequence"), position)
    ]  # fmt: skip
    if not placed:
        made.DimensionIndexSequence = made.DimensionIndexSequence[:1]


def _decimals(values: Any) -> list[Any]:
    """Decimal strings of at most 16 characters."""
    from pydicom.valuerep import DSfloat, format_number_as_ds

    return [DSfloat(format_number_as_ds(float(v))) for v in values]


def _overlap(findings: list[Finding]) -> bool:
    for place, one in enumerate(findings):
        for other in findings[place + 1 :]:
            a, b = one.region, other.region
            assert a is not None and b is not None
            low = tuple(max(ends) for ends in zip(a.low, b.low, strict=True))
            high = tuple(min(ends) for ends in zip(a.high, b.high, strict=True))
            if all(lo < hi for lo, hi in zip(low, high, strict=True)) and (a.cut(low, high) & b.cut(low, high)).any():
                return True
    return False
