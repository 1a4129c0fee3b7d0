"""Read the `question` of a specialist's card: in its short form, or with predicates and criteria."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from consilium.core.duration import duration
from consilium.core.errors import CardError
from consilium.core.question import EVER, FOREVER, Criterion, Question
from consilium.record.aces import read_predicate

QUESTION = {
    "trigger",
    "label",
    "target",
    "values",
    "positive_from",
    "predicates",
    "occurrence",
    "delay",
    "after",
    "include",
    "exclude",
    "age",
    "followed",
    "censor",
    "competing",
}


def read_question(raw: Any, where: str) -> Question:
    """Read a question.

    Parameters
    ----------
    raw : mapping
        As the card says it.
    where : str
        The card's file, for messages.

    Raises
    ------
    CardError
        When a key is not known, or says something a question cannot say.
    TimeError
        When a duration cannot be read.
    """
    if not isinstance(raw, Mapping) or set(raw) - QUESTION:
        found = sorted(set(raw) - QUESTION) if isinstance(raw, Mapping) else type(raw).__name__
        raise CardError("A question's keys are not those of a question", where=where, found=found, expected=sorted(QUESTION))
    predicates = {str(name): read_predicate(entry, f"{where}, predicate {name}") for name, entry in raw.get("predicates", {}).items()}
    start, end = raw["target"]
    until = str(end) if end in predicates or not str(end)[:1].isdigit() else ""
    return Question(
        trigger=raw["trigger"],
        label=raw["label"],
        target=(duration(start), FOREVER if until else duration(end)),
        of_text={str(k): float(v) for k, v in raw.get("values", {}).items()},
        positive_from=raw.get("positive_from"),
        predicates=predicates,
        occurrence=raw.get("occurrence", "first"),
        delay=duration(raw.get("delay", "0d")),
        after=raw.get("after", ""),
        until=until,
        criteria=(
            *(_criterion(reason, said, where) for reason, said in raw.get("include", {}).items()),
            *(_without(_criterion(reason, said, where)) for reason, said in raw.get("exclude", {}).items()),
        ),
        age=(float(raw["age"][0]), float(raw["age"][1])) if "age" in raw else None,
        followed=bool(raw.get("followed", True)),
        censor=str(raw.get("censor", "")),
        competing=str(raw.get("competing", "")),
    )


def _criterion(reason: str, said: Mapping[str, Any], where: str) -> Criterion:
    unknown = set(said) - {"has", "at_least", "at_most", "window"}
    if unknown or "has" not in said:
        raise CardError(
            "A criterion cannot be read", where=f"{where}, {reason}", found=dict(said), expected="has, at_least, at_most, window"
        )
    window = said.get("window", [None, "0d"])
    start, end = window if isinstance(window, list) else (f"-{window}", "0d")
    return Criterion(
        str(reason),
        str(said["has"]),
        least=said.get("at_least", None if "at_most" in said else 1),
        most=said.get("at_most"),
        window=(EVER if start in (None, "ever") else _signed(start), _signed(end)),
    )


def _without(wanted: Criterion) -> Criterion:
    """Who is kept, where the card says who is left out."""
    if wanted.most is not None or not wanted.least:
        raise CardError("Those to leave out are said by at_least", where=f"criterion {wanted.reason!r}", do="write it under `include`")
    return Criterion(wanted.reason, wanted.event, None, wanted.least - 1, wanted.window)


def _signed(text: str) -> timedelta:
    said = str(text).strip()
    return -duration(said[1:]) if said.startswith("-") else duration(said)
