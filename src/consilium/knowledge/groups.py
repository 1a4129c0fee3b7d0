"""Groups: codes that mean the same to a clinician's question, so that a card names one group instead of hundreds of codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from consilium.core.errors import KnowledgeError
from consilium.core.source import Source
from consilium.knowledge.table import read_yaml


@dataclass(frozen=True, slots=True)
class Group:
    """Coded answers that are one thing: a code, or `stem*` for all that begin so; and the thing's name by language."""

    label: Mapping[str, str]
    codes: tuple[str, ...]


def read_groups(folder: Path, sources: Mapping[str, Source]) -> Mapping[str, Mapping[str, Group]]:
    """Read every `*.yaml` of a folder: groupings by the file's name, each with its groups by name.

    Raises
    ------
    KnowledgeError
        When a group has no codes or no name in both languages, or a code stands in two groups of one grouping.
    """
    found: dict[str, Mapping[str, Group]] = {}
    for path in sorted(folder.glob("*.yaml")):
        groups: dict[str, Group] = {}
        owner: dict[str, str] = {}
        for name, raw in (read_yaml(path, sources).get("groups") or {}).items():
            where = f"{path.name} {name}"
            if not isinstance(raw, dict) or set(raw) != {"label", "codes"} or set(raw["label"]) != {"en", "zh"} or not raw["codes"]:
                raise KnowledgeError("A group needs its name in both languages and its codes", where=where, found=raw)
            for code in map(str, raw["codes"]):
                if code in owner:
                    raise KnowledgeError("A code stands in two groups", where=where, found=code, expected=f"only in {owner[code]}")
                owner[code] = name
            groups[name] = Group(MappingProxyType(dict(raw["label"])), tuple(map(str, raw["codes"])))
        found[path.stem] = MappingProxyType(groups)
    return MappingProxyType(found)
