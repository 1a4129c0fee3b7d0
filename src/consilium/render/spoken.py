"""Spoken: what a task says of an image, in the reader's language - tasks speak English, and a record keeps what they said."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import yaml

from consilium.knowledge.nodules import rows
from consilium.render.words import words

BOOK = Path(__file__).with_name("task_words.yaml")
_SLOT = re.compile(r"\{(\w+)\}")


def spoken(text: str, language: str) -> str:
    """The sentence in a language; as it is where nobody has put it into that language.

    Examples
    --------
    >>> spoken("it looks at one picture; this has 3 slices", "zh")
    '仅适用于单张图片；此图有 3 层'
    """
    if words(language).language == "en":
        return text
    whole, patterns = _book()
    if text in whole:
        return whole[text]
    for pattern, said in patterns:
        if match := pattern.fullmatch(text):
            return said.format(**{slot: _listed(value, language) for slot, value in match.groupdict().items()})
    return text


def _listed(text: str, language: str) -> str:
    """What stands in a slot: a list of things that are each put into the language, or a sentence of its own."""
    parts = text.split(", ")
    said = [spoken(part, language) for part in parts]
    if any(one == part for one, part in zip(said, parts, strict=True)):
        return spoken(text, language)
    return words(language, "image").say("comma").join(said)


@functools.cache
def _book() -> tuple[dict[str, str], tuple[tuple[re.Pattern[str], str], ...]]:
    """Sentences without slots, and patterns of those with."""
    whole = {row.advice: row.advice_zh for row in rows()}
    patterns = []
    for one in yaml.safe_load(BOOK.read_text(encoding="utf-8")):
        if not _SLOT.search(one["en"]):
            whole[one["en"]] = one["zh"]
            continue
        parts = _SLOT.split(one["en"])
        found = "".join(f"(?P<{part}>.+?)" if number % 2 else re.escape(part) for number, part in enumerate(parts))
        patterns.append((re.compile(found), one["zh"]))
    return whole, tuple(patterns)
