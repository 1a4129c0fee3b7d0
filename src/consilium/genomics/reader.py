"""Reader: an instrument of the molecular laboratory - a card, a sealed model that reads DNA, a variant or expression, and its proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from consilium.core.card import Bar
from consilium.core.errors import CardError, ConsiliumError, LawError, NotFoundError
from consilium.core.report import Report
from consilium.models.served import ServedModel
from consilium.validation.report_file import read_report

HOME = Path(__file__).parent / "readers"
CARD, MODEL, REPORT, PAGE = "card.yaml", "model.onnx", "report.json", "report.html"
MATERIALS = {"dna": "window", "variant": "variant", "expression": "tumour"}
"""What a reader reads, and of what its report counts."""
KEYS = {
    "name", "version", "material", "title", "question", "intended", "not_for", "learner", "why", "bar", "sources", "limits",
    "parameters", "learns", "window", "before", "inward", "inputs", "context",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReaderCard:
    """What a reader is asked, how it reads, and how good it must be.

    Parameters
    ----------
    name, version : str
    material : str
        `dna`, `variant` or `expression`.
    title : mapping of str to str
        By language.
    question, intended, not_for, why : str
        What is asked, for whom, for whom not, and why this learner.
    learner : str
        A learner's name; `parameters` are its own.
    bar : Bar
        Below it the reader does not speak.
    sources, limits : tuples of str
        Where the data come from, and what the reader of an answer must know.
    learns : mapping
        Which published data it is made of, and how they are read; see `specialists.reader_data`.
    window, before : int
        Of DNA: bases in a window, and how many of them lie before the place that is asked about.
    inward : bool
        Of DNA: whether a window is read from both ends to its middle.
    inputs : tuple of str
        Of expression: gene symbols; of a variant: what is told of it; in the order of the model's columns.
    context : mapping
        Of a variant: its transcript and the exons that the reader knows.
    """

    name: str
    version: str
    material: str
    title: Mapping[str, str]
    question: str
    intended: str
    not_for: str
    learner: str
    why: str
    bar: Bar
    sources: tuple[str, ...]
    limits: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    learns: Mapping[str, Any] = field(default_factory=dict)
    window: int = 0
    before: int = 0
    inward: bool = False
    inputs: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.material not in MATERIALS:
            raise CardError("A reader reads another material", where=self.name, found=self.material, expected=tuple(MATERIALS))
        place = self.window > 0 and 0 <= self.before < self.window and not (self.inward and self.window % 2)
        if (self.material == "dna", self.material != "dna") != (place, bool(self.inputs)):
            raise CardError("A reader of DNA has a window and a place in it, others have inputs", where=self.name)

    @property
    def subject(self) -> str:
        """Of what its report counts: `window`, `variant` or `tumour`."""
        return MATERIALS[self.material]

    @property
    def channels(self) -> tuple[str, ...]:
        """What a network sees at each step of a window."""
        return ("A", "C", "G", "T", "A_after", "C_after", "G_after", "T_after") if self.inward else ("A", "C", "G", "T")

    @property
    def steps(self) -> int:
        """Steps in which a window is read."""
        return self.window // 2 if self.inward else self.window

    @property
    def names(self) -> tuple[str, ...]:
        """What the model's columns are called."""
        if self.material != "dna":
            return self.inputs
        return tuple(f"{channel}@{step}" for step in range(self.steps) for channel in self.channels)


@dataclass(frozen=True, slots=True)
class Reader:
    """A card, and the model that its report proves."""

    card: ReaderCard
    model: ServedModel
    report: Report

    def __post_init__(self) -> None:
        asked = (self.card.name, self.card.version, self.card.learner, self.model.sha256)
        proven = (self.report.card, self.report.version, self.report.learner, self.report.model_sha256)
        if asked != proven:
            raise LawError("The report is not about this reader", where=self.card.name, found=proven, expected=asked)
        short = self.card.bar.shortfalls(self.report)
        if short:
            raise LawError("A reader whose report does not meet its bar does not speak", where=self.card.name, found="; ".join(short))
        if self.model.names != self.card.names:
            raise CardError("The model reads other inputs than the card lists", where=self.card.name)


def read_reader_card(path: Path) -> ReaderCard:
    """Read a reader's card.

    Raises
    ------
    NotFoundError
        When there is no such file.
    CardError
        When a key is missing, unknown, or says something a card cannot say.
    """
    if not path.is_file():
        raise NotFoundError("There is no card", where=str(path), do="a reader is a folder with a card.yaml")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(raw, dict) or set(raw) - KEYS:
            found = sorted(set(raw) - KEYS) if isinstance(raw, dict) else type(raw).__name__
            raise CardError("A key is not known", where=str(path), found=found, expected=sorted(KEYS))
        if set(raw["title"]) != {"en", "zh"}:
            raise CardError("A title is given in both languages", where=str(path), found=raw["title"], expected="{en: ..., zh: ...}")
        bar = raw.pop("bar")
        low, high = bar["slope"]
        for name in ("sources", "limits", "inputs"):
            raw[name] = tuple(raw.get(name, ()))
        return ReaderCard(**{**raw, "version": str(raw["version"])}, bar=Bar(float(bar["auroc_low"]), (float(low), float(high)), 1.0))
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ConsiliumError):
            raise
        raise CardError("The card lacks something or says it in a form not understood", where=str(path), found=repr(error)) from error


@cache
def reader(name: str, home: Path = HOME) -> Reader:
    """A reader by name.

    Raises
    ------
    ConsiliumError
        When there is none of that name, a file of it is damaged, or its report does not meet its bar.

    Examples
    --------
    >>> reader("oracle")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    consilium.core.errors.NotFoundError: There is no such reader: found 'oracle', expected ...
    """
    if name not in names(home):
        raise NotFoundError("There is no such reader", found=name, expected=", ".join(names(home)) or "a folder with a card.yaml")
    folder = home / name
    card = read_reader_card(folder / CARD)
    return Reader(card, ServedModel.load(folder / MODEL), read_report(folder / REPORT))


def names(home: Path = HOME, material: str | None = None) -> tuple[str, ...]:
    """The names of all readers, or of those that read one material."""
    found = sorted(card.parent.name for card in home.glob(f"*/{CARD}"))
    return tuple(name for name in found if material in (None, read_reader_card(home / name / CARD).material))
