"""Vocabulary: which of our vocabularies a sender's code system is, and which comes first when a thing is coded several ways."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from consilium.knowledge.shelf import FOLDER, read_sources
from consilium.knowledge.table import Row, read_table


class System(NamedTuple):
    """A code system: our name for it, its rank in the file, and the kinds for which it is preferred."""

    vocabulary: str
    rank: int
    first_for: frozenset[str]


@cache
def systems() -> Mapping[str, System]:
    """Code systems by URI, as `knowledge/systems.csv` lists them.

    Raises
    ------
    KnowledgeError
        When the file breaks the rules of knowledge files, or lists a URI twice.

    Examples
    --------
    >>> systems()["http://snomed.info/sct"].vocabulary
    'SNOMED'
    """
    found: dict[str, System] = {}
    for rank, row in enumerate(_rows("systems.csv", ("system", "vocabulary", "first_for", "source"))):
        if row.text("system") in found:
            row.fail("A code system stands twice", found=row.text("system"))
        found[row.text("system")] = System(row.text("vocabulary"), rank, frozenset(row.cells["first_for"].split()))
    return MappingProxyType(found)


@cache
def none_known() -> frozenset[str]:
    """Concepts that say that no allergy is known, as `knowledge/none_known.csv` lists them.

    Raises
    ------
    KnowledgeError
        When the file breaks the rules of knowledge files.

    Examples
    --------
    >>> "SNOMED//716186003" in none_known()
    True
    """
    return frozenset(row.text("code") for row in _rows("none_known.csv", ("code", "name", "source")))


def _rows(name: str, columns: tuple[str, ...]) -> tuple[Row, ...]:
    return read_table(FOLDER / name, columns, read_sources(FOLDER / "sources.yaml"))
