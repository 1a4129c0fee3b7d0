"""Opinion: what one specialist thinks of one patient, with its evidence, its uncertainty, or why it abstains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from consilium.core.errors import LawError


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for or against.

    Parameters
    ----------
    kind : str
        `input` (a value seen), `missing` (an input that was not seen and how the model takes that), `base` (before anything is known).
    statement : str
        For people; never empty.
    code : str
        Event code it rests on, empty for the base.
    value, unit : float and str
        The value in its UCUM unit. Law: no number without a unit.
    answer : str
        The coded answer, where the input is a question with answers rather than a number.
    time : datetime or None
        When it was observed.
    weight : float or None
        Signed contribution to the log-odds (natural logarithm); positive speaks for the condition.
    region : str
        Where in an image, sequence or text, empty when it is none of these.
    event_ids : tuple of str
        `source_id` of the events it rests on.
    source : str
        Key or name of the source behind it.
    name : str
        The input's short name for people, in the consultation's language.
    """

    kind: str
    statement: str
    code: str = ""
    value: float | None = None
    unit: str = ""
    time: datetime | None = None
    weight: float | None = None
    region: str = ""
    event_ids: tuple[str, ...] = ()
    source: str = ""
    name: str = ""
    answer: str = ""

    def __post_init__(self) -> None:
        if not self.statement.strip():
            raise LawError("Evidence needs a statement", where=f"code {self.code}")
        if self.value is not None and not self.unit:
            raise LawError("No number without a unit", where=f"evidence {self.statement!r}", found=self.value)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which answers to the yes/no question stand at a declared confidence (a conformal set).

    Parameters
    ----------
    level : float
        In (0, 1): of patients with the condition at least this share keep `yes`, of those without it `no`.
    answers : tuple of str
        `("yes",)`, `("no",)`, `("no", "yes")` when it is not decided, `()` when neither fits.
    groups : tuple of str
        Groups of patients (`sex: women`, `age: 60-69`) for which this was calibrated apart; empty when only on all patients.
    statement : str
        For people; says also which groups were too small.
    """

    level: float
    answers: tuple[str, ...]
    groups: tuple[str, ...]
    statement: str

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0 or self.answers not in ((), ("no",), ("yes",), ("no", "yes")) or not self.statement.strip():
            raise LawError("A verdict says which answers stand, at which confidence, in words", found=(self.level, self.answers))


@dataclass(frozen=True, slots=True)
class Shift:
    """One input at another value, in its UCUM unit."""

    name: str
    code: str
    unit: str
    value: float
    to: float

    def __post_init__(self) -> None:
        if not self.unit:
            raise LawError("No number without a unit", where=f"shift of {self.name}", found=self.to)


@dataclass(frozen=True, slots=True)
class Change:
    """What the model would say were a few changeable inputs different and all else the same: an association, never advice."""

    shifts: tuple[Shift, ...]
    probability: float
    statement: str

    def __post_init__(self) -> None:
        if not self.shifts or not 0.0 <= self.probability <= 1.0 or not self.statement.strip():
            raise LawError("A change says what differs, what the model would say then, and in words", found=self.probability)


@dataclass(frozen=True, slots=True)
class Similar:
    """Past patients most like this one, as a group that names nobody: how many they were, and how many had the condition."""

    n: int
    events: int
    statement: str

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.n or not self.n or not self.statement.strip():
            raise LawError("A group of similar patients has a size, and events within it", found=(self.events, self.n))


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one specialist thinks.

    Laws: evidence or a stated abstention; a probability in [0, 1] inside its interval; an abstention carries no probability.

    Parameters
    ----------
    specialist, condition : str
        Who speaks, and of which condition (a code).
    probability, low, high : float or None
        Calibrated probability and its 95 % interval.
    horizon : str
        Over which time, empty for "now".
    evidence : tuple of Evidence
        Base first; the weights and the base add up to the log-odds of `probability`.
    abstained : str or None
        Why the specialist gives no probability.
    source : str
        The specialist's model: name, version and checksum.
    verdict : Verdict or None
        Which answers stand at 90 % confidence; None where the model carries no conformal sets.
    changes : tuple of Change
        What would change this; empty where nothing that can change does.
    similar : Similar or None
        Past patients like this one.
    """

    specialist: str
    condition: str
    probability: float | None = None
    low: float | None = None
    high: float | None = None
    horizon: str = ""
    evidence: tuple[Evidence, ...] = ()
    abstained: str | None = None
    source: str = ""
    verdict: Verdict | None = None
    changes: tuple[Change, ...] = ()
    similar: Similar | None = None

    def __post_init__(self) -> None:
        where = f"opinion of {self.specialist}"
        if self.abstained is not None:
            if not self.abstained.strip():
                raise LawError("An abstention needs its reason", where=where)
            if self.probability is not None:
                raise LawError("An abstention carries no probability", where=where, found=self.probability)
            if self.verdict is not None or self.changes or self.similar is not None:
                raise LawError("An abstention carries no verdict, no change and no similar patients", where=where)
            return
        if not self.evidence:
            raise LawError("No opinion without evidence or a stated abstention", where=where)
        if self.probability is None or self.low is None or self.high is None:
            raise LawError("An opinion needs a probability and its interval", where=where)
        if not 0.0 <= self.low <= self.probability <= self.high <= 1.0:
            raise LawError(
                "A probability must lie in [0, 1] and inside its interval", where=where, found=(self.low, self.probability, self.high)
            )
