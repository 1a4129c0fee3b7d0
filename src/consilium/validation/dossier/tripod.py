"""TRIPOD+AI: every item filled from facts, said by the author, or marked as what the author must say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consilium.validation.dossier.checklist import checklist, filled
from consilium.validation.dossier.facts import Facts

FILLED, SAID, PARTLY, OPEN, NOT_APPLICABLE = "filled", "said", "partly", "open", "not applicable"


@dataclass(frozen=True, slots=True)
class Item:
    """One item.

    Parameters
    ----------
    number, section, topic, asks : str
        As the checklist has them; `topic` in English, `topic_zh` in Chinese.
    status : str
        `filled` from facts, `said` by the author (alone or beside facts), `partly` (facts, and the author must add), `open` (the
        author must say), or `not applicable` (to a study of this kind).
    facts : tuple of str
        Sentences made of facts.
    author : str
        What the author said; empty when nothing.
    must : str
        What the author must say; empty when nothing.
    """

    number: str
    section: str
    topic: str
    topic_zh: str
    asks: str
    status: str
    facts: tuple[str, ...]
    author: str
    must: str


def items(facts: Facts, words: Mapping[str, str]) -> tuple[Item, ...]:
    """All items in the order of the checklist.

    Parameters
    ----------
    facts : Facts
    words : mapping of str to str
        As `words_of` makes them.
    """
    letter = "D" if facts.study == "development" else "E"
    found = []
    for number, said in checklist("tripod_ai")["items"].items():
        sentences = tuple(s for s in (filled(text, words) for text in said["says"]) if s)
        author = facts.said.tripod.get(number, "")
        must = "" if author else said.get("author", "") or ("" if sentences else said["asks"])
        if letter not in said["for"]:
            sentences, must = (sentences, "") if author else ((), "")
            status = SAID if author else NOT_APPLICABLE
        elif author:
            status = SAID
        elif must:
            status = PARTLY if sentences else OPEN
        else:
            status = FILLED
        topic = said["topic"]
        found.append(Item(number, said["section"], topic["en"], topic["zh"], said["asks"], status, sentences, author, must))
    return tuple(found)
