"""Report of leaks: findings with their evidence, and what could not be checked."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from consilium.core.errors import KnowledgeError, LawError


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which the future, or the answer, reaches what is asked.

    Parameters
    ----------
    kind : str
        A key of `leak_kinds.yaml`.
    where : str
        The code, the input, the source, the split or the rows it was found in.
    count : int
        Events, rows or pairs that show it.
    examples : tuple of str
        A few of them, for a person to look up.
    evidence : float
        The number that decided; what it measures is said under `kind`.
    detail : str
        What was seen, in one sentence of numbers.
    """

    kind: str
    where: str
    count: int
    examples: tuple[str, ...]
    evidence: float
    detail: str = ""

    def __post_init__(self) -> None:
        if self.kind not in kinds():
            raise LawError("A finding is of a kind that nobody has described", found=self.kind, expected=sorted(kinds()))

    def means(self, language: str = "en") -> str:
        """What the kind means, in `en` or `zh`."""
        return kinds()[self.kind]["means"][language]

    def do(self, language: str = "en") -> str:
        """What to do about it, in `en` or `zh`."""
        return kinds()[self.kind]["do"][language]


@dataclass(frozen=True, slots=True)
class LeakReport:
    """What was found, in a settled order; `notes` say what could not be checked and why."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    events: int
    rows: int

    @property
    def passes(self) -> bool:
        """Whether nothing was found. It does not prove that nothing is there."""
        return not self.findings

    def text(self, language: str = "en") -> str:
        """The report for a terminal."""
        lines = [f"{self.rows} rows, {self.events} events: {len(self.findings)} findings"]
        for f in self.findings:
            lines += [f"- {f.kind} in {f.where}: {f.detail}", f"  {f.means(language)}", f"  {f.do(language)}"]
            if f.examples:
                lines.append("  " + "; ".join(f.examples))
        return "\n".join([*lines, *(f"* {note}" for note in self.notes)])


@functools.cache
def kinds() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """What each kind means and what to do about it, by kind, part (`means`, `evidence`, `do`) and language.

    Raises
    ------
    KnowledgeError
        When a kind lacks a part or a language.
    """
    path = Path(__file__).parent / "leak_kinds.yaml"
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for kind, parts in found.items():
        if set(parts) != {"means", "evidence", "do"} or any(set(text) != {"en", "zh"} or not all(text.values()) for text in parts.values()):
            raise KnowledgeError("A kind of leak is not fully described", where=f"{path.name} {kind}", found=dict(parts))
    return found
