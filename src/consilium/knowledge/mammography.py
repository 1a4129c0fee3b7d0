"""Mammography: the views and modifiers in which a breast is imaged, their names in both languages and their codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from consilium.core.source import Source
from consilium.knowledge.shelf import FOLDER, read_sources
from consilium.knowledge.table import read_table

COLUMNS = ("word", "kind", "name", "name_zh", "code", "former_code", "whole", "pectoral", "source")
KINDS = ("view", "modifier")


@dataclass(frozen=True, slots=True)
class View:
    """A view, or what modifies one.

    Parameters
    ----------
    word : str
        As a ward writes it: `MLO`.
    kind : str
        `view` or `modifier`.
    name, name_zh : str
    codes : tuple of str
        Of SNOMED CT, and of SNOMED RT, which older devices write.
    whole : bool
        Whether the whole breast is in such a picture.
    pectoral : bool
        Whether the pectoral muscle is looked for in it.
    """

    word: str
    kind: str
    name: str
    name_zh: str
    codes: tuple[str, str]
    whole: bool
    pectoral: bool


@cache
def views() -> Mapping[str, View]:
    """All rows by their word.

    Examples
    --------
    >>> views()["MLO"].name, views()["MLO"].codes
    ('medio-lateral oblique', ('399368009', 'R-10226'))
    """
    return read_views(FOLDER / "mammography_views.csv", read_sources(FOLDER / "sources.yaml"))


def read_views(path: Path, sources: Mapping[str, Source]) -> Mapping[str, View]:
    """Read a file of views.

    Raises
    ------
    KnowledgeError
        When the file breaks its rules: a word or a code twice, a kind that does not exist.
    """
    found: dict[str, View] = {}
    codes: set[str] = set()
    for row in read_table(path, COLUMNS, sources):
        one = View(
            row.text("word"), row.one_of("kind", KINDS), row.text("name"), row.text("name_zh"),
            (row.text("code"), row.text("former_code")), *(row.one_of(said, ("yes", "no")) == "yes" for said in ("whole", "pectoral")),
        )  # fmt: skip
        if one.word in found or codes.intersection(one.codes):
            row.fail("A word or code stands twice", found=one.word)
        codes.update(one.codes)
        found[one.word] = one
    return MappingProxyType(found)


def of_code(value: str) -> View | None:
    """The view or modifier of a code of SNOMED CT or SNOMED RT; None where it is not known.

    Examples
    --------
    >>> of_code("R-10242").word
    'CC'
    """
    return next((one for one in views().values() if value in one.codes), None)
