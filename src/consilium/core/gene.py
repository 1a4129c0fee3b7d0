"""Gene: what is known of one gene of one person, whoever found it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Share:
    """One possibility and its probability."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class GeneResult:
    """What a record holds of one gene: a result, or that the gene was looked at and could not be called.

    Parameters
    ----------
    gene, code : str
        Symbol, and code as `HGNC//HGNC:2621`.
    diplotypes : tuple of str
        The best-fitting pairs of alleles; several where the data cannot tell them apart, none where nothing was called.
    phenotype, phenotype_code : str
        As guidelines look it up (`Poor Metabolizer`), and its code; empty where the pairs differ or no source says.
    score : float or None
        Activity score; a lower bound where `at_least`.
    distribution, phenotypes : tuple of Share
        All that stays possible, the most probable first; empty where nothing else is.
    positions : (int, int)
        How many defining positions were seen, and of how many; (0, 0) where that was not said.
    notes : tuple of str
        What a reader must know, as the laboratory's keys.
    time : datetime or None
        When the result was given (UTC).
    event_ids : tuple of str
        Events it rests on.
    """

    gene: str
    code: str
    diplotypes: tuple[str, ...] = ()
    phenotype: str = ""
    phenotype_code: str = ""
    score: float | None = None
    at_least: bool = False
    distribution: tuple[Share, ...] = ()
    phenotypes: tuple[Share, ...] = ()
    positions: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()
    time: datetime | None = None
    event_ids: tuple[str, ...] = ()

    @property
    def called(self) -> bool:
        """Whether there is a result."""
        return bool(self.diplotypes or self.phenotype)
