"""Nodules: what guidelines advise after a lung nodule of a given size, kind and number on CT."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from consilium.knowledge.shelf import FOLDER, read_sources
from consilium.knowledge.table import Row, read_table

COLUMNS = (
    "guideline", "kind", "number", "risk", "from_mm", "below_mm", "solid_from_mm", "solid_below_mm", "category", "months_from",
    "months_to", "advice", "advice_zh", "source",
)  # fmt: skip
GUIDELINES = ("fleischner", "lung_rads")
KINDS = ("solid", "part_solid", "ground_glass", "subsolid")
NUMBERS = ("single", "multiple", "any")
RISKS = ("low", "high", "any")


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One row: for which nodule (mean diameter in mm, of its solid part too where that counts), what is advised, and by whom.

    `months` is None where no examination at a given time is advised.
    """

    guideline: str
    kind: str
    number: str
    risk: str
    size: tuple[float, float]
    solid: tuple[float, float]
    category: str
    months: tuple[float, float] | None
    advice: str
    advice_zh: str
    source: str


def follow_up(
    guideline: str, diameter: float, *, kind: str = "solid", number: str = "single", solid: float | None = None
) -> tuple[FollowUp, ...]:
    """The rows that hold for a nodule, one for each risk where the guideline tells risks apart.

    Parameters
    ----------
    guideline : str
        `fleischner` (found by chance, adults from 35 years, no cancer, no immunosuppression) or `lung_rads` (first screening).
    diameter : float
        Mean of long and short axis in mm, as the guideline rounds it.
    kind, number : str
    solid : float, optional
        Mean diameter of the solid part of a part-solid nodule, in mm; unknown leaves every row that it could be.

    Examples
    --------
    >>> [row.advice for row in follow_up("fleischner", 5)]
    ['no routine follow-up', 'optional CT at 12 months']
    >>> [row.category for row in follow_up("lung_rads", 9.3)]
    ['4A']
    """
    return tuple(
        row
        for row in rows()
        if row.guideline == guideline
        and row.kind == kind
        and row.number in (number, "any")
        and row.size[0] <= diameter < row.size[1]
        and (solid is None or row.solid[0] <= solid < row.solid[1])
    )


@cache
def rows() -> tuple[FollowUp, ...]:
    """All rows.

    Raises
    ------
    KnowledgeError
        When the file breaks its rules.
    """
    return read_rows(FOLDER / "nodule_follow_up.csv")


def read_rows(path: Path) -> tuple[FollowUp, ...]:
    """Read a file of rows; see `rows`."""
    return tuple(_row(row) for row in read_table(path, COLUMNS, read_sources(FOLDER / "sources.yaml")))


def _row(row: Row) -> FollowUp:
    def span(low: str, high: str) -> tuple[float, float]:
        ends = (float(row.cells[low] or 0), float(row.cells[high] or math.inf))
        if not 0 <= ends[0] < ends[1]:
            row.fail("A span does not rise", found=ends)
        return ends

    due = row.cells["months_from"]
    months = (float(due), float(row.text("months_to"))) if due else None
    if months and not 0 < months[0] <= months[1]:
        row.fail("The months do not rise", found=months)
    return FollowUp(
        row.one_of("guideline", GUIDELINES),
        row.one_of("kind", KINDS),
        row.one_of("number", NUMBERS),
        row.one_of("risk", RISKS),
        span("from_mm", "below_mm"),
        span("solid_from_mm", "solid_below_mm"),
        row.cells["category"],
        months,
        row.text("advice"),
        row.text("advice_zh"),
        row.text("source"),
    )
