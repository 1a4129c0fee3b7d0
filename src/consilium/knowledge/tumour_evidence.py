"""Tumour evidence: what a somatic variant is known to mean for treatment, with level, disease and citation."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from consilium.knowledge.shelf import FOLDER, shelf
from consilium.knowledge.table import Row, read_table

LEVELS = ("A", "B", "C", "D", "E")
"""CIViC: A validated, B clinical, C case study, D preclinical, E inferential."""
EFFECTS = ("Sensitivity/Response", "Resistance", "Reduced Sensitivity")
_COLUMNS = (
    "gene", "variant", "disease", "drugs", "combination", "supports", "effect", "level", "rating", "origin", "chromosome", "start", "stop",
    "ref", "alt", "citation", "citation_kind", "evidence", "reviewed", "source",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a variant lies on GRCh37; `ref` and `alt` are empty where it stands for a kind of change in a region."""

    chromosome: str
    start: int
    stop: int
    ref: str
    alt: str


@dataclass(frozen=True, slots=True)
class TumourEvidence:
    """One accepted evidence item.

    `supports` is False where the study spoke against the effect; `rating` is 1 to 5 stars, None where nobody rated it; `combination` says
    whether several drugs were given together, one after the other, or stand for each other.
    """

    gene: str
    variant: str
    disease: str
    drugs: tuple[str, ...]
    combination: str
    supports: bool
    effect: str
    level: str
    rating: int | None
    origin: str
    place: Place | None
    citation: str
    evidence: str
    reviewed: str
    source: str


@functools.cache
def tumour_evidence() -> tuple[TumourEvidence, ...]:
    """The items of the shelf, opened once.

    Examples
    --------
    >>> {e.drugs for e in tumour_evidence() if (e.gene, e.variant, e.level, e.effect) == ("EGFR", "T790M", "A", "Resistance")}
    {('Erlotinib',)}
    """
    return tuple(_item(row) for row in read_table(FOLDER / "tumour_evidence.csv", _COLUMNS, shelf().sources))


@functools.cache
def tumour_diseases() -> Mapping[str, tuple[str, str]]:
    """Each kind of tumour: the one it is a kind of (empty at the top), and its name in Chinese."""
    rows = read_table(FOLDER / "tumour_diseases.csv", ("disease", "is_a", "name_zh", "source"), shelf().sources)
    found = {row.text("disease"): (row.cells["is_a"], row.text("name_zh")) for row in rows}
    for row in rows:
        if row.cells["is_a"] and row.cells["is_a"] not in found:
            row.fail("A disease is a kind of one that is not there", found=row.cells["is_a"])
    return MappingProxyType(found)


def kinds_above(disease: str) -> tuple[str, ...]:
    """The disease and those it is a kind of, nearest first.

    Examples
    --------
    >>> kinds_above("Lung Adenocarcinoma")[:2]
    ('Lung Adenocarcinoma', 'Lung Non-small Cell Carcinoma')
    """
    found = [disease]
    while above := tumour_diseases().get(found[-1], ("", ""))[0]:
        found.append(above)
    return tuple(found)


def _item(row: Row) -> TumourEvidence:
    level, effect, supports = row.text("level"), row.text("effect"), row.text("supports")
    if level not in LEVELS:
        row.fail("A level of evidence is unknown", found=level, expected=LEVELS)
    if effect not in EFFECTS:
        row.fail("An effect is unknown", found=effect, expected=EFFECTS)
    if row.text("disease") not in tumour_diseases():
        row.fail("A disease is not among tumour_diseases.csv", found=row.cells["disease"])
    start, stop, rating = row.number("start"), row.number("stop"), row.number("rating")
    place = None
    if row.cells["chromosome"] and start is not None and stop is not None:
        place = Place(row.cells["chromosome"], int(start), int(stop), row.cells["ref"], row.cells["alt"])
    kind = "PMID" if row.cells["citation_kind"] == "PubMed" else row.cells["citation_kind"]
    return TumourEvidence(
        row.text("gene"), row.text("variant"), row.cells["disease"], row.words("drugs"), row.cells["combination"], supports == "Supports",
        effect, level, None if rating is None else int(rating), row.cells["origin"], place, f"{kind} {row.text('citation')}",
        row.text("evidence"), row.cells["reviewed"], row.text("source"),
    )  # fmt: skip
