"""Report of leaks: findings with their evidence, and what could not be checked."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from consilium.core.errors import KnowledgeError, LawError


class Said(str):
    """A sentence: English as it stands, and in Chinese.

    Examples
    --------
    >>> told = said("of_rows", share=0.25)
    >>> print(told, "/", told.text("zh"))
    25% of rows / 25% 的行
    """

    chinese: str

    def __new__(cls, english: str, chinese: str = "") -> Said:
        """A sentence in both languages; one without Chinese (a code, a name) is the same in both."""
        made = super().__new__(cls, english)
        made.chinese = chinese or english
        return made

    def text(self, language: str = "en") -> str:
        """The sentence in `en` or `zh`."""
        return self.chinese if language == "zh" else str(self)


def said(sentence: str, **facts: Any) -> Said:
    """A sentence of `leak_words.yaml` with its facts filled in; a fact may be said in both languages itself."""
    book = _words()["sentences"][sentence]
    chinese = {name: fact.chinese if isinstance(fact, Said) else fact for name, fact in facts.items()}
    return Said(book["en"].format(**facts), book["zh"].format(**chinese))


def phrase(words: str) -> Said:
    """A phrase that stands inside of a sentence; codes and names are the same in both languages."""
    return Said(words, _words()["phrases"].get(words, words))


@functools.cache
def _words() -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = yaml.safe_load((Path(__file__).parent / "leak_words.yaml").read_text(encoding="utf-8"))
    return found


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
    detail : Said
        What was seen, in one sentence of numbers: English as it stands, and in other languages by `text`.
    """

    kind: str
    where: str
    count: int
    examples: tuple[str, ...]
    evidence: float
    detail: Said = field(default_factory=lambda: Said(""))

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
    notes: tuple[Said, ...]
    events: int
    rows: int

    @property
    def passes(self) -> bool:
        """Whether nothing was found. It does not prove that nothing is there."""
        return not self.findings

    def text(self, language: str = "en") -> str:
        """The report for a terminal."""
        lines = [f"{self.rows} rows, {self.events} events: {len(self.findings)} findings"]
        for kind, own in groupby(self.findings, key=lambda f: f.kind):
            places = list(own)
            for f in places:
                lines.append(f"- {kind} in {f.where}: {f.detail.text(language)}")
                lines += ["  " + "; ".join(f.examples)] * bool(f.examples)
            lines += [f"  {places[0].means(language)}", f"  {places[0].do(language)}"]
        return "\n".join([*lines, *(f"* {note.text(language)}" for note in self.notes)])


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
