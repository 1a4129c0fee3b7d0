"""Finding: what was seen in an image, where, how large, how sure; and Reading: all that one task says of one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from consilium.core.errors import LawError
from consilium.imaging.region import Region
from consilium.imaging.volume import Volume

STANDINGS = ("structure", "candidate", "finding")
"""What is claimed: anatomy, outlined; a place for a person to look at, with nothing claimed; something that the task says is there."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number with its unit and its uncertainty.

    Parameters
    ----------
    name : str
        A key of `knowledge/imaging.csv` (`volume`, `long_axis`); its words, code and scheme stand there.
    value : float
    unit : str
        UCUM.
    low, high : float
        Between which it lies, the uncertainty of the image's spacing counted in; equal to the value where it is a count.
    ends : tuple of tuple of float
        Of a length within a slice, the two indices (slice, row, column) between which it was measured; else none.
    """

    name: str
    value: float
    unit: str
    low: float
    high: float
    ends: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if not self.unit:
            raise LawError("No number without a unit", where=f"measurement {self.name}", found=self.value)
        if not self.low <= self.value <= self.high:
            raise LawError("A measurement lies inside its interval", where=self.name, found=(self.low, self.value, self.high))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing seen.

    Parameters
    ----------
    label : str
        A key of `knowledge/imaging.csv` (`lung_nodule`, `left_lung`); its words in both languages and its codes stand there.
    standing : str
        One of `STANDINGS`.
    region : Region or None
        Where; None where it is about the whole image.
    measurements : tuple of Measurement
    probability, low, high : float or None
        Calibrated probability with its interval; None where none is claimed. A candidate of a classical detector carries none.
    because : tuple of str
        What speaks for it, for people.
    name : str
        What it is called by whoever drew it, where that is not the label's own name.

    Raises
    ------
    LawError
        When it has a probability without an interval, or a standing that does not exist.
    """

    label: str
    standing: str
    region: Region | None = None
    measurements: tuple[Measurement, ...] = ()
    probability: float | None = None
    low: float | None = None
    high: float | None = None
    because: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if not self.label or self.standing not in STANDINGS:
            raise LawError("A finding says what it is, and what is claimed", found=(self.label, self.standing), expected=STANDINGS)
        given = (self.probability, self.low, self.high)
        if any(one is not None for one in given):
            low, p, high = self.low, self.probability, self.high
            if low is None or p is None or high is None or not 0.0 <= low <= p <= high <= 1.0:
                raise LawError("A probability lies in [0, 1] and inside its interval", where=self.label, found=(low, p, high))


@dataclass(frozen=True, slots=True)
class Reading:
    """What one task says of one image: findings (or that there are none), or why it says nothing.

    Parameters
    ----------
    task, version : str
        Who speaks.
    findings : tuple of Finding
        The most important first.
    refused : str or None
        Why the task says nothing of this image; then there are no findings.
    limits : tuple of str
        What must be known to use it: what it does not look for, what the image does not allow.
    source : str
        Model with checksum, or publication behind the method.
    """

    task: str
    version: str
    findings: tuple[Finding, ...] = ()
    refused: str | None = None
    limits: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if self.refused is not None and (not self.refused.strip() or self.findings):
            raise LawError("A refusal says why, and nothing else", where=f"task {self.task}", found=self.refused)
        if not self.task or not self.version:
            raise LawError("A reading says whose it is", found=(self.task, self.version))


class Task(Protocol):
    """Something that can be asked of an image: a function with a name, which answers or refuses in words and never raises for an image.

    `title` is what it looks for, in English and Chinese; `modalities` are DICOM's words for images it takes (empty: any).
    """

    name: str
    version: str
    title: Mapping[str, str]
    modalities: tuple[str, ...]

    def __call__(self, volume: Volume) -> Reading:
        """Look at an image."""
        ...
