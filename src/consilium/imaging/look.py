"""Look: tasks are asked of every image under some paths, one image in memory at a time, without a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from consilium.core import Reject
from consilium.core.errors import ConsiliumError, NotFoundError
from consilium.imaging.finding import Reading, Task
from consilium.imaging.picture import SUFFIXES, read_picture
from consilium.imaging.series import Series, Stack, read_series, volume
from consilium.imaging.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """An image and what the tasks say of it; `series` and `stack` are None for a picture that is no DICOM."""

    volume: Volume
    readings: tuple[Reading, ...]
    series: Series | None = None
    stack: Stack | None = None


def look(
    paths: Iterable[str | Path],
    tasks: Iterable[Task],
    *,
    spacing: tuple[float, ...] | None = None,
    modality: str = "",
    asked: bool = False,
    rejects: list[Reject] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Seen]:
    """Ask tasks of images.

    Parameters
    ----------
    paths : iterable of path
        DICOM files or folders of them; PNG, JPEG and NPZ.
    tasks : iterable of Task
    spacing, modality
        Of pictures that are no DICOM; see `read_picture`.
    asked : bool
        Whether the user named the tasks: then each answers of every image; otherwise those answer whose modality it is.
    rejects : list of Reject, optional
        Grows by what could not be read.
    progress : callable
        Told what is being done.

    Yields
    ------
    Seen
    """
    offered = tuple(tasks)
    refused: list[Reject] = [] if rejects is None else rejects
    dicom: list[Path] = []
    for path in (Path(one) for one in paths):
        if not path.exists():
            raise NotFoundError("No such file or folder", where=str(path), do="check the path")
        if path.suffix.lower() not in SUFFIXES:
            dicom.append(path)
            continue
        progress(path.name)
        try:
            picture = read_picture(path, spacing=spacing, modality=modality)
        except ConsiliumError as refusal:
            refused.append(Reject(path.name, "", str(refusal)))
            continue
        yield Seen(picture, _asked(picture, offered, asked))
    if not dicom:
        return
    found, unread = read_series(dicom, lambda n: progress(f"headers of {n} files"))
    refused += unread
    for series in found:
        for stack in series.stacks:
            progress(f"{series.modality} {len(stack.frames)} slices")
            try:
                image = volume(series, stack)
            except ConsiliumError as refusal:
                refused.append(Reject(series.headers[0].path.name, "", str(refusal)))
                continue
            yield Seen(image, _asked(image, offered, asked), series, stack)


def _asked(image: Volume, tasks: tuple[Task, ...], asked: bool) -> tuple[Reading, ...]:
    fitting = [t for t in tasks if asked or not t.modalities or image.modality in t.modalities]
    return tuple(task(image) for task in fitting)
