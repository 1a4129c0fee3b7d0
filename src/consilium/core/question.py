"""Question: when a specialist is asked, who is asked, and what the truth turns out to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from consilium.core.errors import CardError

OCCURRENCES = ("first", "every")
EVER = timedelta(days=-400_000)
"""So far back that no life is older; the start of a window that has none."""
FOREVER = -EVER
"""The end of a window that has none."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """What must be true of one event.

    Parameters
    ----------
    codes, prefixes : tuple of str
        The code is one of these, or begins with one of these.
    pattern : str
        Or a regular expression is found in it (Rust's syntax, as polars searches).
    low, high : float or None
        Limits of `numeric_value`; an event without a number is within no limits.
    low_inclusive, high_inclusive : bool
        Whether the limit itself counts.
    columns : mapping of str to tuple
        Other columns, and the values of which one must stand there (`{text_value: (SNOMED//373066001,)}`).
    known : bool
        Count the event at the time at which it was known (the later of `time` and `available`), not at which it happened.
    """

    codes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    pattern: str = ""
    low: float | None = None
    high: float | None = None
    low_inclusive: bool = True
    high_inclusive: bool = True
    columns: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    known: bool = False

    def __post_init__(self) -> None:
        if not (self.codes or self.prefixes or self.pattern):
            raise CardError("A predicate needs a code", found=self)
        if any(not columns for columns in self.columns.values()):
            raise CardError("A predicate names a column and no value for it", found=dict(self.columns))


@dataclass(frozen=True, slots=True)
class Joined:
    """Predicates that hold at the same moment: `every` one of them, or any."""

    of: tuple[str, ...]
    every: bool

    def __post_init__(self) -> None:
        if len(self.of) < 2:
            raise CardError("Two predicates or more are joined", found=self.of)


@dataclass(frozen=True, slots=True)
class Criterion:
    """Who is kept: those with between `least` and `most` events of a kind in a window about the moment of asking.

    Parameters
    ----------
    reason : str
        What those left out are counted under.
    event : str
        A predicate's name, or a code.
    least, most : int or None
        How many events, both included.
    window : (timedelta, timedelta)
        Relative to the moment of asking; start excluded, end included. A window that ends by then counts what was known by
        then; one that reaches into the future counts what happened, and so describes the cohort but cannot be checked at the
        bedside. A window over the whole past holds undated facts as well, which count as one event.
    """

    reason: str
    event: str
    least: int | None = 1
    most: int | None = None
    window: tuple[timedelta, timedelta] = (EVER, timedelta(0))

    def __post_init__(self) -> None:
        where = f"criterion {self.reason!r}"
        if not self.reason or not self.event:
            raise CardError("A criterion has a reason and an event", found=(self.reason, self.event))
        if self.least is None and self.most is None:
            raise CardError("A criterion limits nothing", where=where, do="give at_least or at_most")
        if (self.least or 0) < 0 or (self.most is not None and self.most < (self.least or 0)):
            raise CardError("A criterion cannot be met", where=where, found=(self.least, self.most))
        if not self.window[0] < self.window[1]:
            raise CardError("A window ends after it starts", where=where, found=tuple(str(edge) for edge in self.window))

    @property
    def ever(self) -> bool:
        """Whether the window is the whole past."""
        return self.window == (EVER, timedelta(0))


@dataclass(frozen=True, slots=True)
class Question:
    """When the question is asked and what the truth is, for training and validation.

    Parameters
    ----------
    trigger : str
        The code, or the predicate, whose time is the moment of asking.
    label : str
        The code that carries the truth, with `of_text` or `positive_from`; or a predicate, and then the label is positive when it
        is met in the target window at all.
    target : (timedelta, timedelta)
        The window after the moment of asking in which the truth is looked for (start excluded, end included).
    of_text : mapping of str to float
        The value (0 or 1) of each coded truth; empty where the label's `numeric_value` counts.
    positive_from : float or None
        The least `numeric_value` that is positive.
    predicates : mapping of str to Predicate or Joined
        Names for kinds of events.
    occurrence : str
        `first`: a patient is asked once, at the first trigger; `every`: at every moment with a trigger.
    delay : timedelta
        How long after the trigger the question is asked.
    after : str
        The code or predicate whose first event after the moment of asking the target window is counted from, instead of that
        moment itself (a discharge, for readmission).
    until : str
        The code or predicate whose first event after the window's start ends it; the target's own end is then `FOREVER`.
    criteria : tuple of Criterion
        Who is kept; those who are not are counted under the first criterion that they fail.
    age : (float, float) or None
        Completed years at the moment of asking, both included.
    censor : str
        Makes the question one about time (how soon the label's event comes, and how likely by the end of the target window): the code,
        predicate or `_RECORD_END` whose last event is the end of a patient's follow-up, where the event itself did not come. The
        label is then a code or predicate that stands for the event; `of_text`, `positive_from`, `after` and `until` are not used.
    competing : str
        In a question about time, the code or predicate of another event after which this one can no longer come, or no longer counts.
    followed : bool
        Where the label is a predicate: leave out those whose record ends before the target window does without a positive label,
        since nobody knows what became of them.
    """

    trigger: str
    label: str
    target: tuple[timedelta, timedelta]
    of_text: Mapping[str, float] = field(default_factory=dict)
    positive_from: float | None = None
    predicates: Mapping[str, Predicate | Joined] = field(default_factory=dict)
    occurrence: str = "first"
    delay: timedelta = timedelta(0)
    after: str = ""
    until: str = ""
    criteria: tuple[Criterion, ...] = ()
    age: tuple[float, float] | None = None
    followed: bool = True
    censor: str = ""
    competing: str = ""

    def __post_init__(self) -> None:
        where = f"the question of {self.trigger}"
        if self.occurrence not in OCCURRENCES:
            raise CardError("A question is asked at an unknown occurrence", where=where, found=self.occurrence, expected=OCCURRENCES)
        if self.delay < timedelta(0):
            raise CardError("A question is not asked before its trigger", where=where, found=str(self.delay))
        if self.competing and not self.censor:
            raise CardError("An event competes only in a question about time", where=where, do="say by `censor` what ends follow-up")
        if self.censor and (self.of_text or self.positive_from is not None or self.after or self.until or self.target[0]):
            raise CardError(
                "A question about time counts from the moment of asking to an event",
                where=where,
                found=(dict(self.of_text), self.positive_from, self.after, self.until, str(self.target[0])),
                expected="a label that is an event, and a target [0d, horizon]",
            )
        reasons = [criterion.reason for criterion in self.criteria]
        if len(reasons) != len(set(reasons)):
            raise CardError("Two criteria share a reason", where=where, found=reasons)
