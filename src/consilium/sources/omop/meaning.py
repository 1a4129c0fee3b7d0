"""Meaning: what OMOP's own names and concepts stand for, as the knowledge files say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from consilium.core.code import KINDS
from consilium.knowledge.shelf import FOLDER, read_sources
from consilium.knowledge.table import Row, read_table

USES = ("sex", "visit", "operator", "drug")
"""What a concept can decide."""


class Vocabulary(NamedTuple):
    """A vocabulary: our name for it, whether its codes say nothing without an answer, and the kind that overrules the table's."""

    name: str
    asks: bool
    kind: str


@cache
def vocabularies() -> Mapping[str, Vocabulary]:
    """Vocabularies that we know, by OMOP's `vocabulary_id`, as `knowledge/omop_vocabularies.csv` lists them.

    Raises
    ------
    KnowledgeError
        When the file breaks the rules of knowledge files, or lists a vocabulary twice.

    Examples
    --------
    >>> vocabularies()["CPT4"].name
    'CPT'
    """
    found: dict[str, Vocabulary] = {}
    for row in _rows("omop_vocabularies.csv", ("vocabulary_id", "vocabulary", "asks", "kind", "source")):
        if row.text("vocabulary_id") in found:
            row.fail("A vocabulary stands twice", found=row.text("vocabulary_id"))
        asks = row.one_of("asks", ("", "yes")) == "yes"
        found[row.text("vocabulary_id")] = Vocabulary(row.text("vocabulary"), asks, row.one_of("kind", ("", *KINDS)))
    return MappingProxyType(found)


@cache
def deciding(use: str) -> Mapping[int, tuple[str, ...]]:
    """What concepts mean in one use, by `concept_id`, as `knowledge/omop_concepts.csv` lists them.

    Raises
    ------
    KnowledgeError
        When the file breaks the rules of knowledge files, or gives a concept two meanings in one use.

    Examples
    --------
    >>> deciding("visit")[262]
    ('EMER', 'IMP')
    """
    found: dict[int, tuple[str, ...]] = {}
    for row in _rows("omop_concepts.csv", ("concept_id", "name", "use", "means", "source")):
        if row.one_of("use", USES) != use:
            continue
        number = row.fraction("concept_id")
        if number.denominator != 1 or number <= 0 or int(number) in found:
            row.fail("Not a concept id, or one that stands twice", found=row.text("concept_id"))
        found[int(number)] = row.words("means") or (row.text("means"),)
    return MappingProxyType(found)


def _rows(name: str, columns: tuple[str, ...]) -> tuple[Row, ...]:
    return read_table(FOLDER / name, columns, read_sources(FOLDER / "sources.yaml"))
