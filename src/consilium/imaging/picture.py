"""Picture: a PNG, JPEG or NPZ file as a volume; its spacing is given by the user or declared unknown, never guessed."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from consilium.core.errors import ConsiliumError, FormatError, NotFoundError
from consilium.imaging.dicom import MAX_BYTES, MAX_PIXELS, need_imaging
from consilium.imaging.volume import Volume, placed

SUFFIXES = (".png", ".jpg", ".jpeg", ".npz")
_IMAGE, _SPACING, _UNIT = "image", "spacing", "unit"
_BROKEN = (
    OSError, ValueError, TypeError, LookupError, EOFError, MemoryError, SyntaxError, NotImplementedError, RuntimeError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
"""How an NPZ that is not well formed shows itself."""
_GREY = frozenset({"1", "L", "I", "I;16", "I;16B", "F"})


def read_picture(path: str | Path, *, spacing: tuple[float, ...] | None = None, modality: str = "", unit: str = "") -> Volume:
    """Read a picture.

    Parameters
    ----------
    path : path
        PNG or JPEG (grey or colour; transparency is dropped), or NPZ with one array, or with an array `image`, of shape (rows, columns),
        (slices, rows, columns) or (rows, columns, 3), and if wished `spacing` (mm) and `unit` (UCUM).
    spacing : tuple of float, optional
        Millimetres between rows and columns, or between slices, rows and columns; before what the file says.
    modality : str
        DICOM's word, for tasks that ask for it; a picture does not say it.
    unit : str
        UCUM; `1` where nobody says.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is broken, of another form, or unpacks to more than is read.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError("No such file", where=str(path))
    if path.suffix.lower() == ".npz":
        array, said = _numbers(path)
    else:
        array, said = _pixels(path), {}
    colour = array.ndim > 2 and array.shape[-1] == 3
    axes = array.ndim - colour
    if axes not in (2, 3) or not array.size:
        raise FormatError("Not an image", where=path.name, found=array.shape, expected="rows and columns, or slices, rows and columns")
    steps = spacing or said.get(_SPACING)
    if steps is not None and (len(steps) not in (2, 3) or len(steps) != axes or not all(0 < one < 1000 for one in steps)):
        raise FormatError("The spacing does not fit the image", where=path.name, found=steps, expected=f"{axes} numbers, in mm")
    notes = () if steps else ("the spacing is unknown: nothing is said in millimetres",)
    affine = placed(tuple(steps)) if steps else None
    return Volume(array, affine, unit or said.get(_UNIT, "1"), modality, path.name, colour=colour, notes=notes)


def _pixels(path: Path) -> NDArray[Any]:
    need_imaging()
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise FormatError(
                    "The picture is larger than is read",
                    where=path.name,
                    found=f"{height} x {width}",
                    expected=f"at most {MAX_PIXELS} pixels",
                )
            turned = ImageOps.exif_transpose(picture)
            if turned.mode == "1":
                turned = turned.convert("L")
            array = np.array(turned if turned.mode in _GREY else turned.convert("RGB"))
    except ConsiliumError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, ArithmeticError, LookupError, Image.DecompressionBombError) as broken:
        what = type(broken).__name__
        raise FormatError("The picture cannot be read", where=path.name, found=what, expected="PNG or JPEG", do="copy it again") from None
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _numbers(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    try:
        with zipfile.ZipFile(path) as whole:
            names = {Path(info.filename).stem: info for info in whole.infolist()}
            key = _IMAGE if _IMAGE in names else next(iter(names), "")
            others = set(names) - {_IMAGE, _SPACING, _UNIT}
            if key != _IMAGE and len(names) != 1:
                raise FormatError("Which array is the image is not said", where=path.name, found=sorted(others)[:5], expected=_IMAGE)
            array = _array(whole, names[key], path)
            said: dict[str, Any] = {}
            if _SPACING in names and key != _SPACING:
                said[_SPACING] = tuple(float(one) for one in _array(whole, names[_SPACING], path).ravel()[:4])
            if _UNIT in names and key != _UNIT:
                said[_UNIT] = str(_array(whole, names[_UNIT], path).ravel()[0])
    except ConsiliumError:
        raise
    except _BROKEN as broken:
        what = type(broken).__name__
        raise FormatError(
            "The arrays cannot be read", where=path.name, found=what, expected="NPZ of numbers", do="write it again"
        ) from None
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind not in "iuf":
        raise FormatError("The image is not one of numbers", where=path.name, found=str(array.dtype))
    return (array.astype(np.float32) if array.dtype.kind == "f" else array), said


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an NPZ by name.

    Raises
    ------
    FormatError
        When it is broken, holds objects, or unpacks to more than is read.
    """
    try:
        with zipfile.ZipFile(path) as whole:
            if sum(info.file_size for info in whole.infolist()) > MAX_BYTES:
                raise FormatError("The arrays are larger than is read", where=path.name, expected=f"{MAX_BYTES} bytes")
            return {Path(info.filename).stem: _array(whole, info, path) for info in whole.infolist()}
    except ConsiliumError:
        raise
    except _BROKEN as broken:
        raise FormatError("The arrays cannot be read", where=path.name, found=type(broken).__name__, expected="NPZ of numbers") from None


def _array(whole: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> NDArray[Any]:
    """One array of the file, after its own header was held against what may be unpacked; objects, which would run code, are refused."""
    with whole.open(info) as stream:
        major, _ = npy.read_magic(stream)
        shape, fortran, dtype = (npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0)(stream)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize if shape else dtype.itemsize
        if dtype.hasobject or size > MAX_BYTES:
            raise FormatError("The array is not one that is read", where=path.name, found=f"{dtype}, {size} bytes", expected="numbers")
        data = stream.read(size + 1)
    if len(data) != size:
        raise FormatError("The array is cut off or longer than it says", where=path.name, found=len(data), expected=size)
    array = np.frombuffer(data, dtype)
    return array.reshape(shape, order="F" if fortran else "C").copy()
