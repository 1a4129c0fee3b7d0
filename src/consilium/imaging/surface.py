"""Surface: the outline of a region in space as triangles in millimetres, and its STL file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import InputError, LawError
from consilium.imaging.region import Region
from consilium.imaging.volume import Volume

_CORNERS = np.array([(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)])
_EDGES = [(i, j) for i in range(8) for j in range(i + 1, 8) if np.abs(_CORNERS[i] - _CORNERS[j]).sum() == 1]


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Triangles, outside on the side from which their corners turn anticlockwise.

    Parameters
    ----------
    points : float64 array of shape (n, 3)
        In millimetres, axes of the volume.
    triangles : int64 array of shape (m, 3)
        Places in `points`.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int64]

    @property
    def enclosed(self) -> float:
        """Cubic millimetres inside."""
        a, b, c = (self.points[self.triangles[:, k]] for k in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def surface(region: Region, volume: Volume) -> Surface:
    """The surface of a region, by surface nets: one point in each cell that the outline crosses, in the middle of the crossings.

    Parameters
    ----------
    region : Region
        Of three axes.
    volume : Volume
        With spacing; where slices are missing the surface is drawn straight from one slice to the next.

    Raises
    ------
    InputError
        When the image has no third axis or no spacing.

    Source: Gibson SFF. Constrained elastic surface nets. MICCAI 1998. doi:10.1007/BFb0056277.
    """
    if len(region.low) != 3 or volume.affine is None:
        raise InputError("A surface needs three axes and the spacing of the image", where=volume.source)
    mask = region.mask if region.mask is not None else np.ones(np.subtract(region.high, region.low), bool)
    inside = np.pad(mask, 1)
    cells = tuple(n - 1 for n in inside.shape)
    corners = [inside[a : a + cells[0], b : b + cells[1], c : c + cells[2]] for a, b, c in _CORNERS]
    count = np.sum(corners, axis=0, dtype=np.int8)
    at = np.nonzero((count > 0) & (count < 8))
    held = np.stack([corner[at] for corner in corners], -1)
    middle, crossings = np.zeros((len(at[0]), 3)), np.zeros(len(at[0]))
    for i, j in _EDGES:
        crossed = held[:, i] != held[:, j]
        middle[crossed] += (_CORNERS[i] + _CORNERS[j]) / 2
        crossings += crossed
    index = np.stack(at, -1) + middle / crossings[:, None] + np.array(region.low) - 1
    number = np.full(cells, -1, np.int64)
    number[at] = np.arange(len(at[0]))
    quads = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        here = inside[tuple(slice(None, -1) if k == axis else slice(1, -1) for k in range(3))]
        there = inside[tuple(slice(1, None) if k == axis else slice(1, -1) for k in range(3))]
        start = np.argwhere(here != there)
        leaving = here[tuple(start.T)]
        around = []
        for du, dv in ((0, 0), (1, 0), (1, 1), (0, 1)):
            shift = np.zeros(3, np.int64)
            shift[u], shift[v] = du, dv
            around.append(number[tuple((start + shift).T)])
        faces = np.stack(around, -1)
        faces[~leaving] = faces[~leaving][:, ::-1]
        quads.append(faces)
    every = np.concatenate(quads)
    triangles = np.concatenate((every[:, [0, 1, 2]], every[:, [0, 2, 3]]))
    if np.linalg.det(volume.affine[:3, :3]) < 0:
        triangles = triangles[:, ::-1]
    return Surface(volume.to_mm(np.clip(index, 0, np.array(volume.shape) - 1) if volume.places is not None else index), triangles)


def write_stl(found: Surface, path: str | Path, name: str = "consilium") -> None:
    """Write a binary STL file; its units are millimetres, which the format itself does not say, so its header does.

    Raises
    ------
    LawError
        When there is no triangle.
    """
    if not len(found.triangles):
        raise LawError("A surface has triangles", where=str(path))
    corners = found.points[found.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    record = np.zeros(len(corners), np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")]))
    record["normal"] = normal / np.where(length > 0, length, 1)
    record["corners"] = corners
    head = f"consilium {name}; mm; LPS".encode("ascii", "replace")[:80].ljust(80)
    target = Path(path)
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(head + np.uint32(len(corners)).astype("<u4").tobytes() + record.tobytes())
    partial.replace(target)
