"""Task of: lay a card's question out as a task, so that one engine answers cards and ACES files alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from consilium.core.errors import CardError
from consilium.core.question import FOREVER, Joined, Predicate, Question
from consilium.record.task import SPECIAL, TRIGGER, Edge, Task, Window

TARGET, ASKED = "target", "asked.end"
LABEL, SAID, TOLD = "label", "label said", "label told"
"""Predicates: a positive label, a label that says yes or no, and any label at all."""

_KNOWN = " when known"
_ALL_NUMBERS = float("-inf")


def task_of(question: Question) -> Task:
    """Lay a question out.

    Raises
    ------
    CardError
        When it does not say what a positive label is, or looks for the truth before the moment of asking.
    """
    _answerable(question)
    events = {
        question.trigger,
        question.label,
        question.after,
        question.until,
        question.censor,
        question.competing,
        *(c.event for c in question.criteria),
    }
    codes = events - {*question.predicates, *SPECIAL, ""}
    happened: dict[str, Predicate | Joined] = {**{code: Predicate((code,)) for code in codes}, **question.predicates}
    known = {name + _KNOWN: _known(predicate) for name, predicate in happened.items()}
    windows = {"asked": Window(Edge(TRIGGER), Edge("asked.start", question.delay), True, True)}
    for n, criterion in enumerate(question.criteria):
        past = criterion.window[1] <= timedelta(0)
        start, end = (Edge(ASKED, side) for side in criterion.window)
        has = {known_name(criterion.event) if past else criterion.event: (criterion.least, criterion.most)}
        windows[f"criterion {n}"] = Window(start, end, False, True, has, criterion.reason, criterion.ever)
    root = ASKED
    if question.after:
        reason, root = f"no {question.after} after the moment of asking", "after.end"
        windows["after"] = Window(Edge(ASKED), Edge(ASKED, event=question.after, strict=True), False, True, {}, reason)
    until = Edge("target.start", event=question.until, strict=True) if question.until else Edge(root, question.target[1])
    told = (LABEL,) if by_count(question) else (LABEL, SAID, TOLD)
    windows[TARGET] = Window(
        Edge(root, question.target[0]), until, False, True, dict.fromkeys(told, (0, None)), f"no {question.until} ends the target window"
    )
    return Task(
        {**happened, **known, **_labels(question, happened)},
        known_name(question.trigger),
        windows,
        ASKED,
        (TARGET, LABEL),
        first=question.occurrence == "first",
        outcomes={
            name: name == question.censor for name in (question.label, question.competing, question.censor) if name and question.censor
        },
    )


def by_count(question: Question) -> bool:
    """Whether the label is an event, positive when it comes at all, and not a code that says yes or no."""
    if question.censor:
        return True
    return question.label in question.predicates and not question.of_text and question.positive_from is None


def known_name(event: str) -> str:
    """The task's predicate for a question's event, counted when it was known; the special ones are known when they happen."""
    return event if event in SPECIAL else event + _KNOWN


def _known(predicate: Predicate | Joined) -> Predicate | Joined:
    if isinstance(predicate, Predicate):
        return replace(predicate, known=True)
    return replace(predicate, of=tuple(known_name(part) for part in predicate.of))


def _labels(question: Question, happened: Mapping[str, Predicate | Joined]) -> dict[str, Predicate | Joined]:
    label = happened[question.label]
    if by_count(question):
        return {LABEL: label}
    if not isinstance(label, Predicate):
        raise CardError("A label that is read for its value is one event", where=_where(question), found=question.label)
    if question.positive_from is not None:
        return {LABEL: replace(label, low=question.positive_from), SAID: replace(label, low=_ALL_NUMBERS), TOLD: label}
    positive = tuple(text for text, value in question.of_text.items() if value)
    said = {"text_value": tuple(question.of_text)}
    told = {LABEL: replace(label, columns={"text_value": positive or (None,)}), SAID: replace(label, columns=said), TOLD: label}
    return dict(told)


def _answerable(question: Question) -> None:
    where, (start, end) = _where(question), question.target
    if not by_count(question) and bool(question.of_text) == (question.positive_from is not None):
        raise CardError(
            "A question says what a positive label is, by `of_text` or by `positive_from`, or its label is a predicate",
            where=where,
            found=(dict(question.of_text), question.positive_from),
        )
    if not set(question.of_text.values()) <= {0, 1}:
        raise CardError("A label is 0 or 1", where=where, found=dict(question.of_text))
    if question.until and end != FOREVER:
        raise CardError("A target window that an event ends has no other end", where=where, found=(question.until, str(end)))
    if not timedelta(0) <= start < end:
        found = tuple(str(edge) for edge in question.target)
        raise CardError("The truth is looked for after the moment of asking", where=where, found=found, expected="0 <= start < end")


def _where(question: Question) -> str:
    return f"the question of {question.trigger}"
