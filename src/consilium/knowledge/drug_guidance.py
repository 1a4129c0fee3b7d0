"""Drug guidance: what a guideline says to do with a drug when a gene is known, as structured rows."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consilium.knowledge.pharmacogenes import PGX
from consilium.knowledge.shelf import shelf
from consilium.knowledge.table import Row, read_table

ACTIONS = ("standard", "caution", "watch", "monitor", "test", "limit", "reduce", "increase", "alternative", "avoid", "none")
"""From nothing special to not at all; `none`: the guideline gives no recommendation."""
SILENT = ("standard", "none")
"""Actions that ask nothing of the prescriber."""
STRONG = "Strong"
"""The firmest recommendation in CPIC's words."""
NO_RESULT = "No Result"
_COLUMNS = (
    "drug", "gene", "keys", "gene2", "keys2", "population", "action", "least", "most", "limit", "unit", "monitor", "strength", "pmid",
    "source",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one gene: its phenotype, activity score (a lower bound where `at_least`) and diplotype."""

    phenotype: str = ""
    score: float | None = None
    at_least: bool = False
    diplotype: str = ""

    def answers(self, key: str) -> bool:
        """Whether a row's key describes it.

        Examples
        --------
        >>> Known("Poor Metabolizer", 0.5).answers("score=0.5"), Known(diplotype="*3/*1").answers("diplotype=*1/*3")
        (True, True)
        >>> Known("Ultrarapid Metabolizer", 3.0, at_least=True).answers("score=3.0")
        False
        """
        if key.startswith("score="):
            bound, number = key[6:].startswith("≥"), key[6:].removeprefix("≥")
            return self.score == float(number) and self.at_least == bound
        if key.startswith("diplotype="):
            return sorted(key[10:].split("/")) == sorted(self.diplotype.split("/"))
        return key == (self.phenotype or NO_RESULT)


@dataclass(frozen=True, slots=True)
class Guidance:
    """One row: for a drug, in a population, what to do when the gene (or both genes) answer one of the keys.

    Parameters
    ----------
    genes : tuple of (str, tuple of str)
        One gene or two, each with the keys that the row holds for.
    population : str
        As the guideline writes it; empty or `general` for everybody.
    action : str
        One of `ACTIONS`.
    dose : (float, float) or None
        Share of the usual dose, least and most (0.5: half of it).
    limit : (float, str) or None
        A dose not to be exceeded, with its UCUM unit.
    monitor : bool
        The guideline asks for a level, a count or a closer watch.
    strength : str
        In the guideline's own words; empty where it grades none.
    pmid : tuple of str
    source : str
        Key of the bibliography.
    """

    drug: str
    genes: tuple[tuple[str, tuple[str, ...]], ...]
    population: str
    action: str
    dose: tuple[float, float] | None
    limit: tuple[float, str] | None
    monitor: bool
    strength: str
    pmid: tuple[str, ...]
    source: str

    def holds(self, known: Mapping[str, Known]) -> bool:
        """Whether it holds for a person; a gene of which nothing is known answers `No Result` alone."""
        return all(any(known.get(gene, Known()).answers(key) for key in keys) for gene, keys in self.genes)

    def exact(self, known: Mapping[str, Known]) -> bool:
        """Whether it holds because it names the very diplotype."""
        return any(k.startswith("diplotype=") and known.get(gene, Known()).answers(k) for gene, keys in self.genes for k in keys)

    @property
    def subject(self) -> tuple[str, ...]:
        """Whom and what it speaks of: guideline, drug, population and genes."""
        return (self.source, self.drug, self.population, *(gene for gene, _ in self.genes))


@functools.cache
def drug_guidance() -> tuple[Guidance, ...]:
    """The rows of the shelf, opened once.

    Examples
    --------
    >>> known = {"CYP2C19": Known("Poor Metabolizer")}
    >>> {(row.source, row.action) for row in drug_guidance() if row.drug == "clopidogrel" and row.holds(known)} >= {("dpwg", "avoid")}
    True
    """
    return tuple(_row(row) for row in read_table(PGX / "guidance.csv", _COLUMNS, shelf().sources))


def holding(rows: Iterable[Guidance], known: Mapping[str, Known]) -> tuple[Guidance, ...]:
    """Rows that hold and ask something of the prescriber; those for which nothing at all is known of their genes do not count.

    Where a guideline speaks of the very diplotype, what it says of the phenotype in general does not hold.
    """
    found = [row for row in rows if any(gene in known for gene, _ in row.genes) and row.holds(known)]
    exact = {row.subject for row in found if row.exact(known)}
    return tuple(row for row in found if row.action not in SILENT and (row.subject not in exact or row.exact(known)))


def _row(row: Row) -> Guidance:
    action = row.text("action")
    if action not in ACTIONS:
        row.fail("A row has an unknown action", found=action, expected=ACTIONS)
    least, most, limit = row.number("least"), row.number("most"), row.number("limit")
    if (least is None) != (most is None) or (least is not None and most is not None and not 0 < least <= most <= 5):
        row.fail("A share of the usual dose is not between 0 and 5", found=(least, most))
    if (action == "reduce" and most is not None and most >= 1) or (action == "increase" and most is not None and most <= 1):
        row.fail("A dose goes the other way than the action", found=(action, least, most))
    if (limit is None) != (not row.cells["unit"]):
        row.fail("A limit needs its unit", found=(limit, row.cells["unit"]))
    genes = [(row.text("gene"), row.words("keys"))]
    if row.cells["gene2"]:
        genes.append((row.cells["gene2"], row.words("keys2")))
    if any(not keys for _, keys in genes):
        row.fail("A gene has no key")
    return Guidance(
        row.text("drug"), tuple(genes), row.cells["population"], action, None if least is None or most is None else (least, most),
        None if limit is None else (limit, row.cells["unit"]), row.cells["monitor"] == "yes", row.cells["strength"], row.words("pmid"),
        row.text("source"),
    )  # fmt: skip


__all__ = ["ACTIONS", "NO_RESULT", "SILENT", "STRONG", "Guidance", "Known", "drug_guidance", "holding"]
