"""Finding: one thing that is wrong with the data, how often, where to look and what to do; and the report of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from consilium.core.errors import LawError
from consilium.quality.rules import SEVERITIES, checks


@dataclass(frozen=True, slots=True)
class Example:
    """Where to look: a patient and the event, by the sender's identifiers."""

    patient_id: str
    source_id: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Laws: a known severity; 0 <= count <= of; something to do, in both languages.

    Parameters
    ----------
    check : str
        Key of `checks.yaml`.
    severity : str
        `error` (cannot be as it stands), `warning` (look at it) or `note` (know it).
    code : str
        The code it is about; empty when it is about patients or the whole record.
    count, of : int
        How many of how many (events, patients, pairs or codes, as the check counts).
    examples : tuple of Example
        A few places to look, the same ones whatever the order of rows and shards.
    do : mapping of str to str
        What to do, by language (`en`, `zh`).
    facts : mapping of str to object
        What else was measured (`unit`, `factor`, `psi`, `relation` ...).
    """

    check: str
    severity: str
    code: str
    count: int
    of: int
    do: Mapping[str, str]
    examples: tuple[Example, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"finding {self.check} {self.code}"
        if self.severity not in SEVERITIES:
            raise LawError("A finding has an unknown severity", where=where, found=self.severity, expected=SEVERITIES)
        if not 0 <= self.count <= self.of:
            raise LawError("A finding counts more than there is", where=where, found=(self.count, self.of))
        if not all(self.do.get(language) for language in ("en", "zh")):
            raise LawError("A finding says what to do in both languages", where=where)

    @property
    def share(self) -> float:
        """`count` of `of`, 0 when there is nothing."""
        return self.count / self.of if self.of else 0.0


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings, worst first; within a severity by check, share and code."""
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), list(checks()).index(f.check), -f.share, f.code)))


@dataclass(frozen=True, slots=True)
class CodeProfile:
    """What one measurement looks like: how many have it, how it is distributed, and how many of its values are under suspicion.

    `quantiles` are the 1st, 5th, 25th, 50th, 75th, 95th and 99th percentile at three significant digits, in `unit`; `histogram` holds
    `(low, high, count)`; `score` is 1 minus the share of its values that some error or warning is about.
    """

    code: str
    unit: str
    events: int
    patients: int
    first: str
    last: str
    quantiles: tuple[float, ...]
    histogram: tuple[tuple[float, float, int], ...]
    score: float


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What is wrong with a record.

    Parameters
    ----------
    record : str
        Its folder.
    generation : int
    committed : datetime
        When it was last written, UTC without zone; "future" means after this.
    patients, events : int
    findings : tuple of Finding
        Worst first; within a severity by check, share and code.
    codes : tuple of CodeProfile
        Every measurement with numbers, the commonest first.
    refused : int
        Values and rows that the record refused at intake.
    """

    record: str
    generation: int
    committed: datetime
    patients: int
    events: int
    findings: tuple[Finding, ...]
    codes: tuple[CodeProfile, ...]
    refused: int

    def having(self, *findings: Finding) -> QualityReport:
        """This report with further findings among its own, in their places."""
        return replace(self, findings=ranked((*self.findings, *findings)))

    def of(self, check: str) -> tuple[Finding, ...]:
        """The findings of one check."""
        return tuple(f for f in self.findings if f.check == check)
