"""Volume: the numbers of one image or stack of slices, where they lie in millimetres, and in which unit they are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import LawError

HOUNSFIELD = "[hnsf'U]"
"""UCUM's name of the Hounsfield unit."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an image is of, by its sender's identifiers; empty where unknown. `instances` has one for each slice (or one for an image)."""

    patient: str = ""
    study: str = ""
    series: str = ""
    instances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Projection:
    """How an X-ray of a breast was taken, as its sender says it; empty where that is missing or contradicts itself.

    Parameters
    ----------
    laterality : str
        `L` or `R`.
    view : str
        A word of `knowledge/mammography_views.csv` (`MLO`).
    modifiers : tuple of str
        Words of the same table.
    front : str
        The side of the picture, `left` or `right`, towards which the patient's front is said to lie.
    raw : bool
        Whether it is raw data, made to be processed and not to be looked at.
    notes : tuple of str
        What is missing, and what contradicts.
    """

    laterality: str = ""
    view: str = ""
    modifiers: tuple[str, ...] = ()
    front: str = ""
    raw: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """An image, apart from the format it came in.

    Parameters
    ----------
    array : array of shape (rows, columns) or (slices, rows, columns), with a last axis of channels where `colour`
        float32 or integer; made read-only. Channels are red, green, blue.
    affine : float64 array of shape (4, 4), or None
        Takes an index (slice, row, column, 1) of a voxel's centre to millimetres, in the patient's axes (left, posterior, superior; DICOM's
        LPS) where `frame` is given, in the image's own axes where it is empty. An image of two axes has slice 0. None where the
        spacing is unknown: then nothing can be said in millimetres.
    unit : str
        UCUM: `[hnsf'U]` where values are calibrated, `1` where they only mean darker and brighter.
    modality : str
        DICOM's word (CT, MR, US, DX, OP ...), empty where unknown.
    source : str
        File, folder or series it was read from, for messages.
    frame : str
        DICOM's frame of reference; empty where directions do not refer to a patient.
    colour : bool
        Whether the last axis is one of channels.
    identity : Identity
    places : tuple of float or None
        Where slices are missing or uneven: on which slice of the even grid of `affine` each one lies, from 0 upwards. None where
        every slice is there; a task that reads neighbours as neighbours refuses the others.
    notes : tuple of str
        What a reader must know: gaps, missing slices, a spacing that is a projection's.
    phantom : bool
        Whether its maker says that it shows a phantom, or was made to control quality: nobody's image.
    projection : Projection or None
        Of a mammogram.

    Raises
    ------
    LawError
        When shapes, types, unit and affine do not fit together.

    Examples
    --------
    >>> ct = Volume(np.zeros((3, 4, 5), np.float32), placed((2.5, 0.7, 0.7)), HOUNSFIELD, "CT")
    >>> ct.spacing
    (2.5, 0.7, 0.7)
    >>> ct.to_mm([[1, 0, 2]]).tolist()
    [[1.4, 0.0, 2.5]]
    >>> Volume(np.zeros((4, 5), np.uint8), None, "1").spacing is None
    True
    """

    array: NDArray[np.generic]
    affine: NDArray[np.float64] | None
    unit: str
    modality: str = ""
    source: str = ""
    frame: str = ""
    colour: bool = False
    identity: Identity = field(default_factory=Identity)
    places: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()
    phantom: bool = False
    projection: Projection | None = None

    def __post_init__(self) -> None:
        where = self.source or "an image"
        axes = self.array.ndim - self.colour
        if axes not in (2, 3) or not self.array.size:
            raise LawError("An image has rows and columns, or slices, rows and columns", where=where, found=self.array.shape)
        if self.colour and self.array.shape[-1] != 3:
            raise LawError("A colour image has three channels", where=where, found=self.array.shape[-1])
        if self.array.dtype != np.float32 and self.array.dtype.kind not in "iu":
            raise LawError("An image is float32 or integer", where=where, found=str(self.array.dtype))
        if not self.unit:
            raise LawError("No number without a unit", where=where)
        if self.affine is not None:
            fits = self.affine.shape == (4, 4) and np.isfinite(self.affine).all() and (self.affine[3] == (0, 0, 0, 1)).all()
            if not fits or abs(np.linalg.det(self.affine[:3, :3])) < 1e-12:
                raise LawError("The affine of an image cannot be inverted", where=where, found=np.asarray(self.affine).tolist())
        if self.affine is None and self.frame:
            raise LawError("An image without spacing cannot lie in a patient", where=where, found=self.frame)
        if axes == 3 and self.identity.instances and len(self.identity.instances) not in (1, self.array.shape[0]):
            found = len(self.identity.instances)
            raise LawError("Slices and their identifiers differ in number", where=where, found=found, expected=self.array.shape[0])
        if self.places is not None:
            rising = self.places[0] == 0 and (np.diff(self.places) > 0).all() if self.places else False
            if not rising or axes != 3 or len(self.places) != self.array.shape[0] or self.affine is None:
                raise LawError("The places of slices rise from 0, one for each slice", where=where, found=self.places[:5])
        self.array.flags.writeable = False
        if self.affine is not None:
            self.affine.flags.writeable = False

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns) or (slices, rows, columns)."""
        return self.array.shape[: self.array.ndim - self.colour]

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Millimetres from one voxel to the next along each axis of `shape`; None where unknown."""
        if self.affine is None:
            return None
        return tuple(float(np.linalg.norm(self.affine[:3, axis])) for axis in range(3))[3 - len(self.shape) :]

    @property
    def voxel(self) -> float | None:
        """Cubic millimetres of a voxel (square ones of an image of two axes); None where unknown."""
        return None if self.spacing is None else float(np.prod(self.spacing))

    @property
    def thickness(self) -> NDArray[np.float64] | None:
        """Millimetres that each slice stands for, shape (slices,): half of the way to each neighbour; None where the spacing is unknown."""
        if self.spacing is None or len(self.shape) != 3:
            return None
        places = np.arange(self.shape[0], dtype=np.float64) if self.places is None else np.array(self.places)
        steps = np.concatenate(([1.0], np.diff(places), [1.0]))
        return (steps[:-1] + steps[1:]) / 2 * self.spacing[0]

    def to_mm(self, index: ArrayLike) -> NDArray[np.float64]:
        """Millimetres (x, y, z) of indices (slice, row, column), which may lie between voxels.

        Parameters
        ----------
        index : array-like of shape (n, 3), or (n, 2) for (row, column)

        Raises
        ------
        LawError
            When the spacing is unknown.
        """
        affine = self._placed()
        points = _three(index)
        if self.places is not None:
            points[:, 0] = np.interp(points[:, 0], range(len(self.places)), self.places)
        return points @ affine[:3, :3].T + affine[:3, 3]

    def to_index(self, mm: ArrayLike) -> NDArray[np.float64]:
        """Indices (slice, row, column) of points in millimetres (x, y, z), shape (n, 3); the inverse of `to_mm` within the stack."""
        affine = self._placed()
        inverse = np.asarray(np.linalg.inv(affine[:3, :3]), np.float64)
        points = (np.asarray(mm, np.float64) - affine[:3, 3]) @ inverse.T
        if self.places is not None:
            points[:, 0] = np.interp(points[:, 0], self.places, range(len(self.places)))
        return points

    def _placed(self) -> NDArray[np.float64]:
        if self.affine is None:
            raise LawError("The spacing of the image is unknown", where=self.source or "an image", do="give the spacing in millimetres")
        return self.affine


def placed(
    spacing: tuple[float, ...],
    directions: ArrayLike = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    origin: ArrayLike = (0.0, 0.0, 0.0),
) -> NDArray[np.float64]:
    """The affine of a regular grid.

    Parameters
    ----------
    spacing : tuple of float
        Millimetres between slices, rows and columns; for (rows, columns) alone the slice counts 1.
    directions : array-like of shape (3, 3)
        Unit vectors (x, y, z) in which slice, row and column indices grow; by default an axial stack from below upwards.
    origin : array-like of shape (3,)
        Centre of the first voxel, in millimetres.

    Returns
    -------
    float64 array of shape (4, 4)
    """
    affine = np.eye(4)
    affine[:3, :3] = (np.asarray(directions, np.float64) * np.array((1.0, *spacing)[-3:])[:, None]).T
    affine[:3, 3] = origin
    return affine


def _three(index: ArrayLike) -> NDArray[np.float64]:
    points = np.array(index, np.float64, ndmin=2)
    return points if points.shape[1] == 3 else np.column_stack((np.zeros(len(points)), points))
