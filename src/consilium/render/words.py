"""Words: the labels that render adds, in the language of the consultation."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from consilium.core.errors import InputError

LANGUAGES = ("en", "zh")
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Words:
    """Labels of one language."""

    language: str
    labels: Mapping[str, str]

    def say(self, key: str, **facts: object) -> str:
        """The label `key` with its facts filled in.

        Examples
        --------
        >>> words("zh").say("years", n=64)
        '64 岁'
        """
        return self.labels[key].format(**facts)


@functools.cache
def words(language: str, book: str = "words") -> Words:
    """The words of a language, from one of the books beside this file (`words`, `genome`, `tumour`).

    Raises
    ------
    InputError
        When the language is neither `en` nor `zh`.
    """
    if language not in LANGUAGES:
        raise InputError("The language is not spoken here", found=language, expected=LANGUAGES)
    labels = yaml.safe_load((HERE / f"{book}.yaml").read_text(encoding="utf-8"))
    return Words(language, {key: both[language] for key, both in labels.items()})
