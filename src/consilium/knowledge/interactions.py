"""Interactions: pairs of drugs, or of drug classes, that do harm together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from consilium.core.source import Source
from consilium.knowledge.drugs import Drugs
from consilium.knowledge.table import read_table

INTERACTIONS = ("left", "right", "severity", "effect", "effect_zh", "advice", "advice_zh", "source")
SEVERITIES = ("contraindicated", "major", "moderate")


@dataclass(frozen=True, slots=True)
class Interaction:
    """One interaction: `left` and `right` are ingredients or classes; the words are keyed by language (`en`, `zh`)."""

    left: str
    right: str
    severity: str
    effect: Mapping[str, str]
    advice: Mapping[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class Interactions:
    """All interactions, looked up by the two drugs that a patient takes.

    Examples
    --------
    >>> from consilium.knowledge import shelf
    >>> found = shelf().interactions.between("clarithromycin", "simvastatin")
    >>> found[0].severity
    'contraindicated'
    """

    rows: tuple[Interaction, ...]
    by_pair: Mapping[tuple[str, str], tuple[Interaction, ...]]
    drugs: Drugs

    def __iter__(self) -> Iterator[Interaction]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def between(self, a: str, b: str) -> tuple[Interaction, ...]:
        """The interactions of two ingredients, the gravest first; none for a drug with itself.

        Of rows about the same two drugs, those that name them come before those that name their classes.
        """
        if a == b:
            return ()
        keys_a, keys_b = ((drug, *sorted(self.drugs.classes(drug))) for drug in (a, b))
        pairs = dict.fromkeys(pair for x in keys_a for y in keys_b for pair in ((x, y), (y, x)))
        found = {id(row): row for pair in pairs for row in self.by_pair.get(pair, ())}

        def order(row: Interaction) -> tuple[int, int, str, str, str]:
            named = (row.left in (a, b)) + (row.right in (a, b))
            return SEVERITIES.index(row.severity), -named, row.source, row.left, row.right

        return tuple(sorted(found.values(), key=order))


def read_interactions(path: Path, sources: Mapping[str, Source], drugs: Drugs) -> Interactions:
    """Read `interactions.csv`.

    Raises
    ------
    KnowledgeError
        When a row names an unknown ingredient or class or an unknown severity, or a pair stands twice under one source.
    """
    rows: list[Interaction] = []
    by_pair: dict[tuple[str, str], tuple[Interaction, ...]] = {}
    for row in read_table(path, INTERACTIONS, sources):
        left, right = row.text("left"), row.text("right")
        for key in (left, right):
            if key not in drugs.known and key not in drugs.class_names:
                row.fail("An interaction names an unknown ingredient or class", found=key)
        effect = MappingProxyType({"en": row.text("effect"), "zh": row.text("effect_zh")})
        advice = MappingProxyType({"en": row.text("advice"), "zh": row.text("advice_zh")})
        one = Interaction(left, right, row.one_of("severity", SEVERITIES), effect, advice, row.cells["source"])
        if any(other.source == one.source for pair in ((left, right), (right, left)) for other in by_pair.get(pair, ())):
            row.fail("A pair stands twice under one source", found=(left, right))
        rows.append(one)
        by_pair[left, right] = (*by_pair.get((left, right), ()), one)
    return Interactions(tuple(rows), MappingProxyType(by_pair), drugs)
