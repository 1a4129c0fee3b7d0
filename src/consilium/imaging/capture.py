"""Capture: an image with the outlines of what was found, as a picture to look at, a PNG, and a DICOM secondary capture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.derived import derived, instances, item
from consilium.imaging.finding import Finding
from consilium.imaging.region import Region
from consilium.imaging.series import Curve, Series, Stack
from consilium.imaging.volume import HOUNSFIELD, Volume

if TYPE_CHECKING:
    from pydicom import Dataset

COLOURS = {"structure": (70, 200, 190), "candidate": (250, 200, 60), "finding": (245, 95, 70)}
"""Red, green and blue of outlines, by what is claimed."""
SIDE = 448
"""Pixels of the longer side of a view."""
_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_NUMBER = 902
_LUNG = (-1350.0, 250.0)
_FULL = np.array((0.0, 1.0))
_LEAST = 0.1
"""Brightness, of 1, between the darkest and the brightest hundredth of a picture, below which nobody sees anything."""
_MM_MARGIN = 30.0


def views(
    volume: Volume, findings: Sequence[Finding] = (), *, at: tuple[float, ...] | None = None, curve: Curve | None = None
) -> NDArray[np.uint8]:
    """A slice, and for a stack the two views at right angles to it, each true to scale, with outlines.

    Parameters
    ----------
    volume : Volume
    findings : sequence of Finding
        Outlined in the colour of their standing.
    at : tuple of float, optional
        Index that the views pass through; by default the middle of the most telling finding, or of the image.
    curve : Curve, optional
        As what the sender shows values (`Frame.curve`); passed over for Hounsfield units, which are shown in the window of lungs, for
        colours, and where it leaves nothing to be told apart. Otherwise from the darkest to the brightest hundredth.

    Returns
    -------
    uint8 array of shape (height, width, 3)
        Slice, view from the front, view from the side, beside each other. Where slices are missing the view is black.
    """
    shape = volume.shape
    middle = at or _telling(findings) or tuple((n - 1) / 2 for n in shape)
    shown = _shown(volume, curve)
    drawn = sorted(findings, key=lambda f: list(COLOURS).index(f.standing))
    if len(shape) == 2:
        return _view(volume.array, [(f, f.region) for f in drawn], volume.spacing or (1.0, 1.0), shown, volume.colour)
    index = [int(np.clip(round(c), 0, n - 1)) for c, n in zip(middle, shape, strict=True)]
    spacing = volume.spacing or (1.0, 1.0, 1.0)
    made = []
    for axis in range(3):
        picture = np.take(volume.array, index[axis], axis)
        outlines = [(f, _cut(f.region, axis, index[axis])) for f in drawn]
        steps = tuple(s for k, s in enumerate(spacing) if k != axis)
        if axis:  # slices run from below upwards on the page
            rows = _rows(volume)
            picture = np.where(
                (rows >= 0)[(slice(None), *[None] * (picture.ndim - 1))], picture[rows], shown[0][0] if not volume.colour else 0
            )
            outlines = [(f, _through(o, rows)) for f, o in outlines]
            if _upwards(volume):
                picture = picture[::-1]
                outlines = [(f, _turned(o, len(rows))) for f, o in outlines]
        made.append(_view(picture, outlines, steps, shown, volume.colour))
    height = max(m.shape[0] for m in made)
    return np.concatenate([np.pad(m, ((0, height - m.shape[0]), (0, 6 if k < 2 else 0), (0, 0))) for k, m in enumerate(made)], 1)


def thumbnail(volume: Volume, finding: Finding, size: int = 128) -> NDArray[np.uint8]:
    """The surroundings of a finding in its middle slice with its outline, shape (size, size, 3) at most."""
    assert finding.region is not None
    region = finding.region
    shown = _shown(volume, None)
    spacing = (volume.spacing or (1.0, 1.0))[-2:]
    centre = [round(c) for c in region.centre]
    picture = volume.array if len(volume.shape) == 2 else volume.array[centre[0]]
    outline = region if len(volume.shape) == 2 else _cut(region, 0, centre[0])
    margin = [max(int(_MM_MARGIN / s), (h - b) // 3) for s, b, h in zip(spacing, region.low[-2:], region.high[-2:], strict=True)]
    box = tuple(slice(max(b - m, 0), h + m) for b, h, m in zip(region.low[-2:], region.high[-2:], margin, strict=True))
    moved = None if outline is None else Region(
        tuple(max(b - s.start, 0) for b, s in zip(outline.low, box, strict=True)),
        tuple(h - s.start for h, s in zip(outline.high, box, strict=True)), outline.mask,
    )  # fmt: skip
    return _view(picture[box], [(finding, moved)], spacing, shown, volume.colour, size)


def png(picture: NDArray[np.uint8]) -> bytes:
    """A picture as PNG."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", optimize=True)
    return out.getvalue()


def secondary_capture(series: Series, stack: Stack, picture: NDArray[np.uint8], description: str) -> Dataset:
    """A picture as a DICOM secondary capture of the same study; its outlines are drawn into it; it holds no text.

    Source: DICOM PS3.3 A.8.1.
    """
    made = derived(series, _CLASS, "OT", _NUMBER, description)
    made.ConversionType, made.ImageType, made.BurnedInAnnotation = "WSD", ["DERIVED", "SECONDARY"], "NO"
    made.DerivationDescription = "Outlines drawn over the image; no text"
    made.Rows, made.Columns, made.SamplesPerPixel, made.PlanarConfiguration = *picture.shape[:2], 3, 0
    made.PhotometricInterpretation, made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = "RGB", 8, 8, 7, 0
    made.PatientOrientation, made.LossyImageCompression = "", "00"
    made.ReferencedSeriesSequence = [
        item(SeriesInstanceUID=series.uid, ReferencedInstanceSequence=instances(f.header for f in stack.frames))
    ]
    data = picture.tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OB"
    return made


def _telling(findings: Sequence[Finding]) -> tuple[float, ...] | None:
    placed = [f for f in findings if f.region is not None]
    most = max(placed, key=lambda f: list(COLOURS).index(f.standing), default=None)
    return most.region.centre if most is not None and most.region is not None else None


def _shown(volume: Volume, curve: Curve | None) -> Curve:
    """Values, rising, and how bright each is shown, from 0 to 1."""
    if volume.unit == HOUNSFIELD:
        return np.array(_LUNG), _FULL
    if volume.colour:
        return np.array((0.0, 255.0)), _FULL
    some = volume.array[..., ::4, ::4].astype(np.float32)
    low, high = np.percentile(some, (1, 99))
    if curve is not None and np.ptp(np.percentile(np.interp(some, *curve), (1, 99))) > _LEAST:
        return curve
    return np.array((low, max(high, low + 1e-6))), _FULL


def _cut(region: Region | None, axis: int, number: int) -> Region | None:
    """Where a region crosses a plane, as a region of two axes."""
    if region is None or not region.low[axis] <= number < region.high[axis]:
        return None
    low, high = (tuple(v for k, v in enumerate(ends) if k != axis) for ends in (region.low, region.high))
    if region.mask is None:
        return Region(low, high)
    mask = np.take(region.mask, number - region.low[axis], axis)
    return Region(low, high, np.ascontiguousarray(mask)) if mask.any() else None


def _rows(volume: Volume) -> NDArray[np.int64]:
    """For each row of a view across slices the slice it shows, -1 where there is none."""
    if volume.places is None:
        return np.arange(volume.shape[0])
    places = np.array(volume.places)
    grid = np.arange(round(places[-1]) + 1)
    nearest = np.abs(grid[:, None] - places[None]).argmin(1)
    return np.where(np.abs(places[nearest] - grid) <= 0.5, nearest, -1)


def _through(region: Region | None, rows: NDArray[np.int64]) -> Region | None:
    if region is None or np.array_equal(rows, np.arange(len(rows))):
        return region
    whole = np.zeros((int(rows.max()) + 1, region.high[1]), bool)
    whole[region.slices] = True if region.mask is None else region.mask
    spread = np.where((rows >= 0)[:, None], whole[rows], False)
    return Region((0, 0), spread.shape, spread) if spread.any() else None


def _upwards(volume: Volume) -> bool:
    return volume.affine is None or volume.affine[2, 0] >= 0


def _turned(region: Region | None, count: int) -> Region | None:
    if region is None:
        return None
    mask = None if region.mask is None else np.ascontiguousarray(region.mask[::-1])
    return Region((count - region.high[0], region.low[1]), (count - region.low[0], region.high[1]), mask)


def _view(
    picture: NDArray[Any], outlines: list[tuple[Finding, Region | None]], spacing: tuple[float, ...], brightness: Curve,
    colour: bool, side: int = SIDE,
) -> NDArray[np.uint8]:  # fmt: skip
    """A picture true to scale, its longer side `side` pixels, with outlines one pixel wide."""
    from PIL import Image

    rows, columns = picture.shape[:2]
    scale = side / max(rows * spacing[0], columns * spacing[1])
    size = (max(round(columns * spacing[1] * scale), 1), max(round(rows * spacing[0] * scale), 1))
    if colour:
        shown = np.array(Image.fromarray(picture.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR))
    else:
        grey = (np.interp(picture, *brightness) * 255).astype(np.uint8)
        shown = np.array(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))[..., None].repeat(3, -1)
    for finding, region in outlines:
        if region is None:
            continue
        whole = np.zeros((rows, columns), np.uint8)
        whole[region.slices] = 255 if region.mask is None else region.mask.astype(np.uint8) * 255
        large = np.array(Image.fromarray(whole).resize(size, Image.Resampling.BILINEAR)) > 127
        inner = large.copy()
        for axis in (0, 1):
            for step in (1, -1):
                inner &= np.roll(large, step, axis)
        shown[large & ~inner] = COLOURS[finding.standing]
    return shown
