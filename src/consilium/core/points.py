"""Points: what a bedside score comes to for one patient, as a range where something is not known."""

from __future__ import annotations

from dataclasses import dataclass

from consilium.core.errors import LawError
from consilium.core.source import Source


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a score: its points (least and greatest possible), what they rest on, and what is not known."""

    name: str
    least: float
    greatest: float
    found: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Points:
    """A bedside score of one patient.

    Laws: a source; the least possible points never exceed the greatest; what is not known is named.

    Parameters
    ----------
    score, title : str
        The score's key, and its name for people.
    least, greatest : float
        Points that the patient has at least and can have at most, given all that is not known; equal when nothing is missing.
    lowest, highest : float
        Ends of the scale.
    parts : tuple of Part
        In the order of the published table.
    meaning : str
        What the publication says of so many points; of both ends, where they differ.
    source : Source
    """

    score: str
    title: str
    least: float
    greatest: float
    lowest: float
    highest: float
    parts: tuple[Part, ...]
    meaning: str
    source: Source

    def __post_init__(self) -> None:
        where = f"score {self.score}"
        if not self.lowest <= self.least <= self.greatest <= self.highest:
            raise LawError("Points lie on their scale, the least first", where=where, found=(self.least, self.greatest))
        if self.least != self.greatest and not any(part.missing for part in self.parts):
            raise LawError("A score that is a range names what is missing", where=where, found=(self.least, self.greatest))

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.least == self.greatest
