"""Phrase: how the council says things, in the language of the ward; the sentences themselves are in `phrases.yaml`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from consilium.core.code import concept
from consilium.core.errors import InputError
from consilium.council.quantity import quantity
from consilium.knowledge import Shelf

FILE = Path(__file__).with_name("phrases.yaml")


@dataclass(frozen=True, slots=True)
class Phrases:
    """Sentences of one language, and names from the shelf.

    Examples
    --------
    >>> from consilium.knowledge import shelf
    >>> phrases("en", shelf()).number(2.0, "mmol/L")
    '2 mmol/L'
    """

    language: str
    sentences: Mapping[str, str]
    shelf: Shelf

    def say(self, key: str, **facts: object) -> str:
        """The sentence `key` with its facts filled in."""
        return self.sentences[key].format(**facts)

    def name(self, code: str, sent: str = "") -> str:
        """The name of a code; where the shelf has none, the words it was `sent` with, or else the code itself."""
        known = self.shelf.codes.get(code) or self.shelf.codes.get(concept(code))
        if known is None:
            return sent or concept(code).removeprefix("TEXT//")
        return (known.name_zh if self.language == "zh" else known.name) or known.name

    def number(self, value: float, unit: str) -> str:
        """A value and its unit, as the language writes it."""
        return quantity(value, unit, self.language)


def phrases(language: str, shelf: Shelf) -> Phrases:
    """The sentences of a language.

    Raises
    ------
    InputError
        When the language is not spoken here.
    """
    book = _book()
    if language not in book:
        raise InputError("The language is not spoken here", found=language, expected=" or ".join(book))
    return Phrases(language, book[language], shelf)


@functools.lru_cache(maxsize=1)
def _book() -> dict[str, dict[str, str]]:
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {language: {key: both[language] for key, both in raw.items()} for language in ("en", "zh")}
