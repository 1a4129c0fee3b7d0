"""DICOM: one file's header and frames, with what it declares held against what it holds before anything is unpacked."""

from __future__ import annotations

import mmap
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import ConsiliumError, ExtraError, FormatError, NotFoundError

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_PIXELS = 100_000_000
"""Pixels of one frame; a mammogram has 15 million."""
MAX_FRAMES = 20_000
"""Frames of one file."""
MAX_BYTES = 2 * 1024**3
"""Bytes of one image or stack, unpacked."""
MAX_HEADER = 256 * 1024**2
"""Bytes of a file whose whole data set is deflated, inflated."""
_KEYWORDS = (
    "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "AcquisitionDateTime",
    "StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime", "AccessionNumber", "Modality", "Manufacturer",
    "ReferringPhysicianName", "StudyDescription", "SeriesDescription", "TimezoneOffsetFromUTC", "PatientName", "PatientID",
    "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "BodyPartExamined", "SliceThickness", "SpacingBetweenSlices",
    "ImagerPixelSpacing", "EstimatedRadiographicMagnificationFactor", "StudyInstanceUID", "SeriesInstanceUID", "StudyID",
    "SeriesNumber", "AcquisitionNumber", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID",
    "QualityControlImage", "QualityControlSubject", "ImageLaterality", "Laterality", "ViewPosition", "ViewCodeSequence",
    "PatientOrientation", "PresentationIntentType", "PixelSpacingCalibrationType",
    "PositionReferenceIndicator", "TemporalPositionIdentifier", "EchoNumbers", "SamplesPerPixel", "PhotometricInterpretation",
    "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "PixelAspectRatio", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "BurnedInAnnotation", "WindowCenter",
    "WindowWidth", "RescaleIntercept", "RescaleSlope", "RescaleType", "Units", "NominalScannedPixelSpacing",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData", "ModalityLUTSequence", "VOILUTSequence", "SequenceOfUltrasoundRegions",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
_PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
_BROKEN = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError, RuntimeError,
    TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""How a file that is not well formed shows itself in the libraries that read it; pydicom has exceptions of its own (`broken`)."""
_BY_ITK = frozenset({"1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"})
"""JPEG of twelve bits and lossless JPEG, which GDCM within SimpleITK decodes."""
_PLUGINS = {"1.2.840.10008.1.2.4.50": "pillow", "1.2.840.10008.1.2.4.80": "pyjpegls", "1.2.840.10008.1.2.4.81": "pyjpegls",
            "1.2.840.10008.1.2.5": "pydicom"}  # fmt: skip
"""Who decodes what. RLE is left to pydicom: pylibjpeg-rle ends the whole process on streams that are cut."""
_DEFLATED = "1.2.840.10008.1.2.1.99"
_PREAMBLE = 128


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """What a DICOM file says before its pixels: `data` holds the elements that are used here, `syntax` the transfer syntax,
    `pixels_at` the byte at which the pixel element begins (None where there is none), `pixels` its keyword.
    """

    path: Path
    data: Dataset
    syntax: str
    pixels_at: int | None
    pixels: str

    def text(self, keyword: str) -> str:
        """An element as text; empty where it is absent or not readable."""
        try:  # asked for every frame, and decoded already: no need to silence warnings
            value = self.data.get(keyword)
            return "" if value is None else str(value).strip()
        except broken():
            return ""

    def numbers(self, keyword: str, of: Dataset | None = None) -> tuple[float, ...] | None:
        """An element of decimals; None where it is absent or one of them is no finite number."""
        try:
            value = (self.data if of is None else of).get(keyword)
            if value is None or value == "":
                return None
            found = tuple(float(one) for one in (value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]))
        except broken():
            return None
        return found if found and np.isfinite(found).all() else None

    def count(self, keyword: str, default: int | None = None) -> int:
        """An element that counts.

        Raises
        ------
        FormatError
            When it is absent (and there is no default), or no whole number.
        """
        found = self.numbers(keyword)
        if found is None and default is not None and not self.text(keyword):
            return default
        if found is None or len(found) != 1 or found[0] != int(found[0]) or found[0] < 0:
            raise FormatError(
                "A DICOM element is missing or no whole number", where=f"{self.path.name}, {keyword}", found=self.text(keyword)
            )
        return int(found[0])


def need_imaging() -> None:
    """Say at once, and in words, that the imaging extra is needed.

    Raises
    ------
    ExtraError
        When a library that reads images is not installed.
    """
    lacking = [package for package in ("pydicom", "highdicom", "SimpleITK", "PIL") if find_spec(package) is None]
    if lacking:
        raise ExtraError("Images need the imaging extra", found=f"no {', '.join(lacking)}", do="run `pip install 'consilium[imaging]'`")


@cache
def broken() -> tuple[type[Exception], ...]:
    """Every exception by which a file that is not well formed shows itself."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (*_BROKEN, BytesLengthException, InvalidDicomError)


@contextmanager
def worded(name: str) -> Iterator[None]:
    """Within it, what a library says of a broken file becomes one sentence, and its warnings, which quote values, nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except ConsiliumError:
            raise
        except RecursionError:
            raise FormatError("The DICOM file is nested too deeply", where=name) from None
        except broken() as found:
            raise FormatError(
                "The DICOM file cannot be read", where=name, found=type(found).__name__, do="copy or export it again"
            ) from None


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does: `DICM` after the preamble, or, without one, an element of its first groups."""
    try:
        with path.open("rb") as stream:
            start = stream.read(_PREAMBLE + 4)
    except OSError:
        return False
    return start[_PREAMBLE:] == b"DICM" or _bare(start)


def _bare(start: bytes) -> bool:
    if len(start) < 8:
        return False
    group, element = struct.unpack("<HH", start[:4])
    return bool((group == 0x0002 and element <= 0x0010) or (group == 0x0008 and element <= 0x0018))


def read_header(path: Path) -> Header:
    """Read what a file says before its pixels.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is not DICOM, is broken, or unpacks to more than it may.
    ExtraError
        When the imaging extra is not installed.
    """
    need_imaging()
    from pydicom import dcmread
    from pydicom.tag import Tag

    if not path.is_file():
        raise NotFoundError("No such file", where=str(path))
    if not is_dicom(path):
        raise FormatError("Not a DICOM file", where=path.name, found="no DICM after the preamble")
    with worded(path.name), path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as held:
        syntax = _syntax(held)
        source: Any = BytesIO(_inflated(held, path)) if syntax == _DEFLATED else held
        data = dcmread(source, stop_before_pixels=True, force=True, specific_tags=[Tag(k) for k in _KEYWORDS], defer_size=MAX_HEADER)
        at = source.tell()
        tag = source.read(4)
        little = data.original_encoding[1] is not False
        group, element = struct.unpack("<HH" if little else ">HH", tag) if len(tag) == 4 else (0, 0)
        pixels = _PIXELS.get(group << 16 | element, "")
        stated = str(data.file_meta.get("TransferSyntaxUID", "")) if hasattr(data, "file_meta") else ""
        if not stated:
            implicit, _ = data.original_encoding
            stated = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
        for _ in (one.value for one in data):  # decoded now, while the file is open
            pass
        header = Header(path, data, syntax if syntax == _DEFLATED else stated, at if pixels else None, pixels)
    if not header.text("SOPInstanceUID") or not header.text("SOPClassUID"):
        raise FormatError("The DICOM file says not what it is", where=path.name, found="no SOPClassUID or SOPInstanceUID")
    return header


def _syntax(held: Any) -> str:
    from pydicom.filereader import _read_file_meta_info, read_preamble

    if held[_PREAMBLE : _PREAMBLE + 4] != b"DICM":
        return ""
    read_preamble(held, False)
    found = str(_read_file_meta_info(held).get("TransferSyntaxUID", ""))
    held.seek(0)
    return found


def _inflated(held: Any, path: Path) -> bytes:
    """The whole of a deflated file as an explicit one, unpacked to no more than it may be."""
    from pydicom.filereader import _read_file_meta_info, read_preamble

    read_preamble(held, False)
    _read_file_meta_info(held)
    at = held.tell()
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    data = inflater.decompress(held[at:], MAX_HEADER)
    if inflater.unconsumed_tail:
        raise FormatError("The deflated DICOM file unpacks to more than is read", where=path.name, expected=f"at most {MAX_HEADER} bytes")
    head = held[:at].replace(_DEFLATED.encode(), b"1.2.840.10008.1.2.1\0\0\0")
    return bytes(head) + data


def extent(header: Header) -> tuple[int, int, int, int]:
    """(frames, rows, columns, samples) as declared, within what may be.

    Raises
    ------
    FormatError
        When there are no pixels, an element is missing, the image is larger than is read, or the file is shorter than it says.
    """
    name = header.path.name
    if header.pixels_at is None:
        what = _class_name(header.text("SOPClassUID"))
        raise FormatError("The DICOM file holds no image", where=name, found=what)
    rows, columns = header.count("Rows"), header.count("Columns")
    samples, frames = header.count("SamplesPerPixel", 1), header.count("NumberOfFrames", 1) or 1
    bits = header.count("BitsAllocated")
    if not rows or not columns or samples not in (1, 3, 4) or bits not in (1, 8, 16, 32, 64):
        raise FormatError("The image cannot be what it declares", where=name, found=f"{rows} x {columns}, {samples} samples, {bits} bits")
    if rows * columns > MAX_PIXELS or frames > MAX_FRAMES:
        raise FormatError(
            "The image is larger than is read", where=name, found=f"{frames} frames of {rows} x {columns}",
            expected=f"at most {MAX_FRAMES} frames of {MAX_PIXELS} pixels",
        )  # fmt: skip
    if not _encapsulated(header):
        needed = (frames * rows * columns * samples * bits + 7) // 8
        if header.text("PhotometricInterpretation") == "YBR_FULL_422":
            needed = needed * 2 // 3
        held = header.path.stat().st_size - header.pixels_at
        if header.syntax != _DEFLATED and held < needed:
            raise FormatError(
                "The pixels are cut off", where=name, found=f"{max(held - 12, 0)} bytes", expected=f"{needed} bytes", do="copy it again"
            )
    return frames, rows, columns, samples


def frames(header: Header, numbers: Iterable[int] | None = None) -> Iterator[NDArray[np.generic]]:
    """Decode frames one by one: one frame is in memory at a time.

    Parameters
    ----------
    header : Header
    numbers : iterable of int, optional
        Which frames, from 0, in ascending order; all by default.

    Yields
    ------
    array of shape (rows, columns), or (rows, columns, 3) in red, green, blue
        Values as stored; MONOCHROME1 is not yet turned, nothing is rescaled.

    Raises
    ------
    FormatError
        When a frame cannot be decoded, or its code stream holds another size than the header declares.
    """
    from pydicom.pixels import apply_color_lut, iter_pixels

    _, rows, columns, samples = extent(header)
    wanted = None if numbers is None else list(numbers)
    name = header.path.name
    palette = header.text("PhotometricInterpretation") == "PALETTE COLOR"
    with worded(name):
        if _encapsulated(header):
            _hold_streams(header, wanted, rows, columns)
        if header.syntax in _BY_ITK:
            decoded: Iterable[Any] = _by_itk(header, wanted)
        else:
            plugin = _PLUGINS.get(header.syntax, "")
            decoded = iter_pixels(_source(header), indices=wanted, decoding_plugin=plugin, transfer_syntax_uid=_decoded_as(header))
        for frame in decoded:
            array = frame if samples != 1 or header.pixels != "PixelData" else _masked(frame, header)
            if palette:
                array = apply_color_lut(array, header.data)
            if array.shape[:2] != (rows, columns):
                found = array.shape[:2]
                raise FormatError("A frame has another size than the header says", where=name, found=found, expected=(rows, columns))
            yield array.astype(array.dtype.newbyteorder("="), copy=False)


def _source(header: Header) -> Any:
    if header.syntax != _DEFLATED:
        return header.path
    with header.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as held:
        return BytesIO(_inflated(held, header.path))


def _decoded_as(header: Header) -> str:
    return "1.2.840.10008.1.2.1" if header.syntax == _DEFLATED else header.syntax


def _encapsulated(header: Header) -> bool:
    from pydicom.config import IGNORE
    from pydicom.uid import UID

    uid = UID(header.syntax, validation_mode=IGNORE)  # a warning would quote a value
    return bool(uid.is_transfer_syntax and uid.is_compressed and not uid.is_deflated)


def _masked(array: NDArray[Any], header: Header) -> NDArray[Any]:
    """Stored bits alone: what old writers keep beside them (overlays) is no part of the image."""
    bits, stored = header.count("BitsAllocated"), header.count("BitsStored", header.count("BitsAllocated"))
    if array.dtype.kind not in "iu" or not 0 < stored < bits or _encapsulated(header):
        return array
    shift = max(header.count("HighBit", stored - 1) + 1 - stored, 0)
    if array.dtype.kind == "u":
        unsigned: NDArray[Any] = (array >> shift) & np.array((1 << stored) - 1, array.dtype)
        return unsigned
    signed: NDArray[Any] = (array << (bits - stored - shift)) >> (bits - stored)
    return signed


def _hold_streams(header: Header, wanted: list[int] | None, rows: int, columns: int) -> None:
    """Refuse a code stream that would unpack to another size than declared, before it is unpacked."""
    for stream in _streams(header, wanted):
        size = stream_size(stream)
        if size is not None and size != (rows, columns):
            raise FormatError(
                "A frame unpacks to another size than the header says", where=header.path.name, found=size, expected=(rows, columns),
                do="distrust the file",
            )  # fmt: skip


def _streams(header: Header, wanted: list[int] | None) -> Iterator[bytes]:
    from pydicom.encaps import generate_frames, get_frame

    count = header.count("NumberOfFrames", 1) or 1
    assert header.pixels_at is not None
    with header.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as held:
        start = header.pixels_at + 12  # tag, VR, reserved, length
        held.seek(start)
        if wanted is None:
            yield from generate_frames(held, number_of_frames=count)
            return
        for number in wanted:
            held.seek(start)
            yield get_frame(held, number, number_of_frames=count)


def stream_size(stream: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 code stream declares; None where it is none of these.

    Examples
    --------
    >>> stream_size(bytes.fromhex("ffd8ffc0000b08001000200101110000"))
    (16, 32)
    >>> stream_size(b"RLE") is None
    True
    """
    at = stream.find(b"\xff\x4f\xff\x51")
    if at >= 0 and len(stream) >= at + 24:
        width, height, left, top = struct.unpack(">4I", stream[at + 8 : at + 24])
        return height - top, width - left
    if stream[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(stream):
        if stream[at] != 0xFF:
            return None
        marker = stream[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows, columns = struct.unpack(">HH", stream[at + 5 : at + 9])
            return rows, columns
        at += 2 + struct.unpack(">H", stream[at + 2 : at + 4])[0]
    return None


def _by_itk(header: Header, wanted: list[int] | None) -> Iterator[NDArray[np.generic]]:
    """Decode with GDCM: each code stream in a small file of its own, which says nothing but what its pixels are."""
    import tempfile

    import SimpleITK as sitk
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import SecondaryCaptureImageStorage

    with tempfile.TemporaryDirectory(prefix="consilium-") as folder:
        file = Path(folder) / "frame.dcm"
        for stream in _streams(header, wanted):
            alone = Dataset()
            alone.file_meta = FileMetaDataset()
            alone.file_meta.TransferSyntaxUID = header.syntax
            alone.file_meta.MediaStorageSOPClassUID = alone.SOPClassUID = SecondaryCaptureImageStorage
            alone.file_meta.MediaStorageSOPInstanceUID = alone.SOPInstanceUID = "1.2.3"
            for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
                            "PhotometricInterpretation", "PlanarConfiguration"):  # fmt: skip
                if keyword in header.data:
                    setattr(alone, keyword, header.data[keyword].value)
            if alone.PhotometricInterpretation == "MONOCHROME1":
                alone.PhotometricInterpretation = "MONOCHROME2"  # nothing is turned here
            alone.PixelData = encapsulate([stream])
            alone["PixelData"].is_undefined_length = True
            alone.save_as(file, enforce_file_format=True)
            yield np.squeeze(sitk.GetArrayFromImage(sitk.ReadImage(str(file), imageIO="GDCMImageIO")), 0)


def _class_name(uid: str) -> str:
    from pydicom.config import IGNORE
    from pydicom.uid import UID

    return str(UID(uid, validation_mode=IGNORE).name)
