"""Card: the question a specialist answers, what it needs, for whom, and how good it must be to sit on the council."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from consilium.core.errors import CardError
from consilium.core.question import Question

if TYPE_CHECKING:
    from consilium.core.report import Report

__all__ = ["TAKES", "Bar", "Card", "Input", "Population", "Proof", "Question", "Series", "Tuning"]

CHANGES = ("", "up", "down", "either")
TAKES = ("last", "first", "max", "min", "mean", "count", "age")
PROOFS = ("cross", "site", "held_out")


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a specialist: which events, in which unit, from which window, and which summary of them.

    Parameters
    ----------
    name : str
        Name of the feature.
    codes : tuple of str
        Event codes that carry it.
    unit : str
        UCUM unit the model was trained in; `1` for a yes/no or a count.
    take : str
        `last`, `first`, `max`, `min`, `mean`, `count`, or `age` (completed years since birth).
    window : timedelta or None
        How far back from the moment of asking; None for the whole life.
    required : bool
        Without it the specialist abstains.
    of_code : mapping of str to float
        Value that each code stands for, where the code itself is the answer (`{GENDER//M: 1, GENDER//F: 0}`).
    of_text : mapping of str to float
        Value that each coded answer stands for (`{SNOMED//429559004: 1}`; `stem*` for all answers that begin so, the longest stem that
        fits counting); an answer not listed is not observed.
    label : mapping of str to str
        Name for people, by language; empty to use the code's own.
    changeable : str
        Which way it can be made to change, so that "what would change this" may speak of it: `up`, `down`, `either`, or empty.
    """

    name: str
    codes: tuple[str, ...]
    unit: str
    take: str = "last"
    window: timedelta | None = None
    required: bool = False
    of_code: Mapping[str, float] = field(default_factory=dict)
    of_text: Mapping[str, float] = field(default_factory=dict)
    label: Mapping[str, str] = field(default_factory=dict)
    changeable: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.codes:
            raise CardError("An input needs a name and at least one code", found=(self.name, self.codes))
        if not self.unit:
            raise CardError("An input needs a unit", where=f"input {self.name}", do="write the UCUM unit, or '1' for a yes/no")
        if self.take not in TAKES:
            raise CardError("An input takes something unknown", where=f"input {self.name}", found=self.take, expected=TAKES)
        if self.changeable not in CHANGES:
            raise CardError("An input changes in an unknown direction", where=f"input {self.name}", found=self.changeable, expected=CHANGES)
        if self.changeable and (self.take == "age" or self.of_code or self.of_text):
            raise CardError("Only a measured number can be changeable", where=f"input {self.name}")
        if self.of_code and set(self.of_code) != set(self.codes):
            raise CardError("A coded input must give a value to each of its codes", where=f"input {self.name}")


@dataclass(frozen=True, slots=True)
class Series:
    """What is asked at each moment of a grid that ends at the moment of asking.

    An input's window looks back from each of these moments at what became known in it, not at what happened in it: a result that
    comes late stands where it came, so that nothing is lost and nothing is known too early.

    Parameters
    ----------
    step : timedelta
        Between two moments.
    length : int
        Moments; the last is the moment of asking.
    inputs : tuple of Input
        What is asked at each; by default with a window of one step.
    """

    step: timedelta
    length: int
    inputs: tuple[Input, ...]

    def __post_init__(self) -> None:
        if self.step <= timedelta(0) or self.length < 1 or not self.inputs:
            found = (str(self.step), self.length, len(self.inputs))
            raise CardError("A series needs a step, a length and inputs", found=found, do="write {step: 1h, length: 48, inputs: [...]}")
        required = [i.name for i in self.inputs if i.required]
        if required:
            raise CardError("An input of a series cannot be required", found=required, do="require it under `inputs`")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cells, oldest moment first: `lactate@-47` was 47 steps before the moment of asking."""
        return tuple(f"{i.name}@-{back}" for back in range(self.length - 1, -1, -1) for i in self.inputs)


@dataclass(frozen=True, slots=True)
class Population:
    """For whom the model may speak: ages in completed years, and sexes (`F`, `M`)."""

    age: tuple[float, float] = (0.0, 150.0)
    sexes: tuple[str, ...] = ("F", "M")


@dataclass(frozen=True, slots=True)
class Proof:
    """How a specialist is validated.

    Parameters
    ----------
    kind : str
        `cross`: k folds by patient. `site`: each value of `site` held out in turn. `held_out`: developed on some patients, where
        learners are compared by k folds; the others are shown once, to the seated learner alone. Who is held out is said by one
        of `since`, `by` and `share`. A patient who would stand on both sides is held out.
    folds : int
        Folds of `cross`, and of the comparison inside the development part of `held_out`.
    site : str
        Code whose text names the site.
    subgroups : tuple of str
        Groupings that are reported: `site`, `sex`, `age`, `part`.
    since : datetime or None
        Held out is what was asked from this moment on (UTC without zone): forward in time.
    by : str
        Code whose text names the part of the data that a patient is in (a year, a site, the author's own split), the grouping `part`.
    held : tuple of str
        The parts held out.
    person : str
        Code whose text names the person, where the record's subjects are visits: nobody stands on both sides then by another visit.
    share : float
        Between 0 and 1: the share of patients drawn by a fixed draw of their numbers.
    """

    kind: str = "cross"
    folds: int = 5
    site: str = ""
    subgroups: tuple[str, ...] = ()
    since: datetime | None = None
    by: str = ""
    held: tuple[str, ...] = ()
    share: float = 0.0
    person: str = ""

    def __post_init__(self) -> None:
        if self.kind not in PROOFS:
            raise CardError("A proof is of an unknown kind", found=self.kind, expected=PROOFS)
        if self.kind == "site" and not self.site:
            raise CardError("A proof by site needs the code that names the site")
        said = [name for name in ("since", "by", "share") if getattr(self, name)]
        if len(said) != (1 if self.kind == "held_out" else 0):
            expected = "since, by or share with held_out, none of them otherwise"
            raise CardError("Who is held out is said once, and only where somebody is", found=(self.kind, said), expected=expected)
        if bool(self.by) != bool(self.held):
            raise CardError("A proof by part names its code and the parts held out", found=(self.by, self.held))
        if not 0.0 <= self.share < 1.0:
            raise CardError("The share held out lies between 0 and 1", found=self.share)
        if self.since is not None and self.since.tzinfo is not None:
            raise CardError("A date of a proof is UTC without zone", found=self.since.isoformat())


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the seated learner's parameters are chosen anew inside each training part: by so many trials, each over so many folds of it.

    No trials: the learner's defaults, and the card's `parameters`.
    """

    trials: int = 0
    folds: int = 5

    def __post_init__(self) -> None:
        if self.trials < 0 or self.folds < 2:
            raise CardError("Tuning needs trials and at least two folds", found=(self.trials, self.folds))


@dataclass(frozen=True, slots=True)
class Bar:
    """How good a report must be.

    Parameters
    ----------
    auroc_low : float
        Least lower bound of the AUROC.
    slope : (float, float)
        Range of the calibration slope.
    subgroup_gap : float
        How far the AUROC of a subgroup may lie below the whole.
    groups : tuple of str
        Groupings whose gap counts (`sex`, `age`, `site`); empty for all that the report has.
    """

    auroc_low: float
    slope: tuple[float, float]
    subgroup_gap: float
    groups: tuple[str, ...] = ()

    def shortfalls(self, report: Report) -> tuple[str, ...]:
        """Where the report falls short of the bar, in words; empty when it passes."""
        short = []
        if report.auroc.low is None:
            short.append("the AUROC has no interval, so its lower bound is not known")
        elif not report.auroc.low >= self.auroc_low:
            short.append(f"lower bound of AUROC {report.auroc.low:.3f} is below {self.auroc_low:.3f}")
        if not self.slope[0] <= report.slope.value <= self.slope[1]:
            short.append(f"calibration slope {report.slope.value:.2f} is outside {self.slope[0]:.2f} to {self.slope[1]:.2f}")
        for group in report.subgroups:
            if self.groups and group.name.partition(":")[0] not in self.groups:
                continue
            if group.gap is not None and not group.gap <= self.subgroup_gap:
                short.append(f"AUROC in {group.name} is {group.gap:.3f} below the whole, more than {self.subgroup_gap:.3f}")
        return tuple(short)


@dataclass(frozen=True, slots=True)
class Card:
    """What a specialist is: the folder's `card.yaml`, read and checked.

    `parameters` are the seated learner's, chosen on development patients; the other learners are compared with their defaults.
    `series` is what a learner of series sees beside the inputs; other learners see the inputs alone. `compare` names the learners that
    are compared, where all of them would take too long.
    `comparators` are bedside scores that the report holds the model against, on the same patients.
    """

    name: str
    version: str
    title: Mapping[str, str]
    condition: str
    question: Question
    inputs: tuple[Input, ...]
    learner: str
    why: str
    intended: str
    not_for: str
    bar: Bar
    sources: tuple[str, ...]
    horizon: str = ""
    population: Population = field(default_factory=Population)
    proof: Proof = field(default_factory=Proof)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tuning: Tuning = field(default_factory=Tuning)
    comparators: tuple[str, ...] = ()
    threshold: float | None = None
    """The risk from which one acts; groups are compared there."""
    series: Series | None = None
    compare: tuple[str, ...] = ()

    @property
    def ages(self) -> tuple[float, float]:
        """Completed years that the population and the question both allow."""
        low, high = self.question.age or self.population.age
        return max(low, self.population.age[0]), min(high, self.population.age[1])

    def __post_init__(self) -> None:
        names = [i.name for i in (*self.inputs, *(self.series.inputs if self.series else ()))]
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise CardError("The risk from which one acts lies between 0 and 1", where=f"card {self.name}", found=self.threshold)
        if not self.inputs:
            raise CardError("A card needs inputs", where=f"card {self.name}")
        if len(names) != len(set(names)):
            raise CardError("Two inputs of a card share a name", where=f"card {self.name}", found=names)
        for i in self.inputs:
            if i.changeable and any(set(i.codes) & set(other.codes) for other in self.inputs if other is not i):
                raise CardError(
                    "A changeable input shares its code with another, which would have to change with it", where=f"input {i.name}"
                )
        if not self.sources:
            raise CardError("A card needs sources", where=f"card {self.name}", do="cite the publication or data set it rests on")
        if self.tuning.trials and self.parameters:
            raise CardError("Parameters are either given or tuned", where=f"card {self.name}", found=dict(self.parameters))
        if self.question.censor and (self.comparators or self.series):
            raise CardError("A question about time takes neither scores nor series yet", where=f"card {self.name}")
        for text, value in (
            ("intended", self.intended),
            ("not_for", self.not_for),
            ("version", self.version),
            ("condition", self.condition),
        ):
            if not value.strip():
                raise CardError(f"A card needs '{text}'", where=f"card {self.name}")
