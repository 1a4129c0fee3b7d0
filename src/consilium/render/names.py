"""Names: what people call a code or a specialist, and what of a text may be shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

from consilium.core.code import concept
from consilium.core.consultation import Consultation
from consilium.council.pharmacogenetics import NAME
from consilium.render.words import words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf


def name(code: str, shelf: Shelf, language: str, sent: str = "") -> str:
    """What a code is called.

    Parameters
    ----------
    code : str
        Event code or bare concept.
    shelf : Shelf
        Whose `codes` name it.
    language : str
        `en` or `zh`; a concept without a Chinese name is called by its English one.
    sent : str
        The display as sent with the event, for a concept that the shelf does not know.

    Returns
    -------
    str
        The name; for an unnamed concept its vocabulary and code, never nothing.
    """
    for key in (code, concept(code)):
        known = shelf.codes.get(key)
        if known is not None:
            return plain((known.name_zh if language == "zh" else "") or known.name)
    return plain(sent) or plain(concept(code).replace("//", " "))


def title(specialist: str, titles: Mapping[str, str]) -> str:
    """A specialist's title as its card gives it, else its name in words.

    Examples
    --------
    >>> title("heart_disease", {})
    'heart disease'
    """
    return plain(titles.get(specialist, "")) or plain(specialist.replace("_", " "))


def titles_for(consultation: Consultation, shelf: Shelf, given: Mapping[str, str] | None) -> dict[str, str]:
    """Titles of a consultation's specialists: those given, else the condition that each answers for."""
    answered = {o.specialist: name(o.condition, shelf, consultation.language) for o in consultation.opinions}
    return {NAME: words(consultation.language).say("pharmacogenetics"), **answered, **(given or {})}


def plain(text: str) -> str:
    """Text without control and direction-changing characters, which could redraw a terminal or disguise a name.

    Examples
    --------
    >>> plain("Ann\\x1b[2Ja\\u202e")
    'Ann[2Ja'
    """
    kept = (" " if c in "\n\r\t" else c for c in text)
    return " ".join("".join(c for c in kept if unicodedata.category(c) not in ("Cc", "Cf", "Cs")).split())
