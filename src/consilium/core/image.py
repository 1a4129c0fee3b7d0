"""Image: what a record holds of imaging - a series, and what was seen in it, by whom and how sure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from consilium.core.errors import LawError


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with its unit and interval; `name` is a key of `knowledge/imaging.csv`."""

    name: str
    value: float
    unit: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.unit:
            raise LawError("No number without a unit", where=f"measurement {self.name}", found=self.value)


@dataclass(frozen=True, slots=True)
class ImageFinding:
    """One thing seen.

    Parameters
    ----------
    label, code : str
        A key of `knowledge/imaging.csv`, and the event's code.
    standing : str
        `structure`, `candidate` (nobody has judged it) or `finding`.
    low, high : tuple of int
        Box in voxels of the series (slice, row, column), the end not included; empty where it is about the whole image.
    measured : tuple of Measured
    probability : (float, float, float) or None
        With its interval: value, low, high.
    because : tuple of str
    task : str
        Who saw it, with version.
    source : str
    picture : str
        A small PNG in base64, empty where there is none.
    event_ids : tuple of str
    name : str
        What it is called by whoever drew it; empty where the label says it.
    """

    label: str
    code: str
    standing: str
    low: tuple[int, ...] = ()
    high: tuple[int, ...] = ()
    measured: tuple[Measured, ...] = ()
    probability: tuple[float, float, float] | None = None
    because: tuple[str, ...] = ()
    task: str = ""
    source: str = ""
    picture: str = ""
    event_ids: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class ImageSeries:
    """One series of images.

    Parameters
    ----------
    uid, study : str
        Identifiers; the images themselves stay where they are.
    modality : str
        DICOM's word.
    description : str
        As sent.
    time : datetime or None
        When it was made (UTC).
    images : int
        How many; 0 where unknown.
    notes : tuple of str
        Missing slices and the like.
    findings : tuple of ImageFinding
        Findings first, then candidates, then structures.
    phantom : bool
        Whether its maker says that it shows a phantom: nobody's image.
    """

    uid: str
    study: str
    modality: str
    description: str = ""
    time: datetime | None = None
    images: int = 0
    notes: tuple[str, ...] = ()
    findings: tuple[ImageFinding, ...] = ()
    phantom: bool = False
