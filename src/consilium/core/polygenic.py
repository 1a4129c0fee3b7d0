"""Polygenic: what is known of one polygenic score of one person, and what it says of the risk of a disease."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from consilium.core.errors import LawError


@dataclass(frozen=True, slots=True)
class AbsoluteRisk:
    """How probable it is that a disease begins between two ages, other causes of death counted.

    Parameters
    ----------
    from_age, to_age : int
        Completed years; the person is free of the disease at the first.
    probability, low, high : float
        With its interval.
    average : float
        The same for the average of the population that the rates come from.

    Raises
    ------
    LawError
        When probability and interval are not in order within [0, 1], or the ages are not in order.
    """

    from_age: int
    to_age: int
    probability: float
    low: float
    high: float
    average: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.probability <= self.high <= 1 or not 0 <= self.average <= 1:
            raise LawError("A risk lies within its interval, and both within 0 and 1", found=(self.low, self.probability, self.high))
        if not 0 <= self.from_age < self.to_age:
            raise LawError("A risk is of an age and a later one", found=(self.from_age, self.to_age))


@dataclass(frozen=True, slots=True)
class PolygenicResult:
    """A polygenic score in a record.

    Parameters
    ----------
    score, condition : str
        Id of the PGS Catalog, and the code of the disease (empty where we hold nothing about the score).
    value : float or None
        The sum; None where too few variants were read.
    called, total : int
        Variants read, of all; `assumed` of those read are not mentioned by the file and were taken as the reference.
    percentile : (float, float, float) or None
        Share of the reference genomes with a lower score, in per cent: best, low, high (what was not read counted).
    risks : tuple of AbsoluteRisk
    withheld : tuple of str
        Why no risk is given, as keys; empty where one is.
    time : datetime or None
        When the score was computed (UTC).
    event_ids : tuple of str
    """

    score: str
    condition: str = ""
    value: float | None = None
    called: int = 0
    total: int = 0
    percentile: tuple[float, float, float] | None = None
    risks: tuple[AbsoluteRisk, ...] = ()
    withheld: tuple[str, ...] = ()
    time: datetime | None = None
    event_ids: tuple[str, ...] = ()
    assumed: int = 0
