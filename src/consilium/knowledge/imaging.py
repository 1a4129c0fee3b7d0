"""Imaging: what can be seen and measured in images - its names in both languages and its codes - and the limits of classical methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from consilium.core.code import split
from consilium.core.source import Source
from consilium.knowledge.shelf import FOLDER, read_sources
from consilium.knowledge.table import read_table

TERMS = ("key", "kind", "name", "name_zh", "meaning", "code", "category", "site", "side", "source")
KINDS = ("category", "side", "label", "measurement", "family")
_SCHEMES = {"SNOMED": "SCT", "CONSILIUM": "99CONSILIUM"}


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that is seen or measured: `meaning` is the code's own wording; `category`, `site` and `side` are keys of other rows."""

    key: str
    kind: str
    name: str
    name_zh: str
    meaning: str
    code: str
    category: str
    site: str
    side: str

    @property
    def coded(self) -> tuple[str, str, str]:
        """(value, scheme designator, meaning), as DICOM writes a code."""
        parts = split(self.code)
        return parts.code, _SCHEMES.get(parts.vocabulary, parts.vocabulary), self.meaning

    def named(self, language: str) -> str:
        """Its name in `en` or `zh`."""
        return self.name_zh if language == "zh" else self.name


@cache
def terms() -> Mapping[str, Term]:
    """All rows of `imaging.csv` by key.

    Raises
    ------
    KnowledgeError
        When the file breaks its rules: a key twice, a kind or reference that does not exist, a label without a category.

    Examples
    --------
    >>> terms()["left_lung"].coded, terms()["left_lung"].named("zh")
    (('39607008', 'SCT', 'Lung'), '左肺')
    """
    return read_terms(FOLDER / "imaging.csv", read_sources(FOLDER / "sources.yaml"))


def read_terms(path: Path, sources: Mapping[str, Source]) -> Mapping[str, Term]:
    """Read a file of terms; see `terms`."""
    found: dict[str, Term] = {}
    rows = read_table(path, TERMS, sources)
    for row in rows:
        if row.text("key") in found:
            row.fail("A key stands twice", found=row.text("key"))
        kind = row.one_of("kind", KINDS)
        told = (row.text(k) for k in ("name", "name_zh", "meaning", "code"))
        found[row.text("key")] = Term(row.text("key"), kind, *told, *(row.cells[k] for k in ("category", "site", "side")))
    for row in rows:
        one = found[row.text("key")]
        for column, kind in (("category", "category"), ("site", "label"), ("side", "side")):
            key = getattr(one, column)
            if key and (key not in found or found[key].kind != kind):
                row.fail(f"The column '{column}' names no {kind}", found=key)
        if (one.kind == "label") != bool(one.category):
            row.fail("A label has a category, and nothing else has one", found=one.category)
    return MappingProxyType(found)


@cache
def methods() -> Mapping[str, Mapping[str, Any]]:
    """The limits of classical methods, as `imaging_methods.yaml` states them."""
    read: dict[str, Mapping[str, Any]] = yaml.safe_load((FOLDER / "imaging_methods.yaml").read_text(encoding="utf-8"))
    return MappingProxyType({key: MappingProxyType(told) for key, told in read.items() if key != "header"})
