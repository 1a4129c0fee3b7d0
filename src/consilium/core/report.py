"""Report: what the proof of a specialist found, measured, with intervals and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from consilium.core.errors import LawError

ALIKE = 0.5
"""Rank correlation from which on two maps are too alike."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured number and its 95 % interval (None where no interval could be had)."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class CalibrationPoint:
    """One group of similar predictions: mean predicted risk, observed share with interval, and size."""

    predicted: float
    observed: Estimate
    n: int


@dataclass(frozen=True, slots=True)
class NetBenefitPoint:
    """Net benefit per patient at one threshold: of the model, and of treating everybody (treating nobody is 0)."""

    threshold: float
    model: Estimate
    treat_all: float


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One subgroup: size, events, discrimination and calibration, and how far its AUROC lies below the whole (`gap`).

    Measures are None where the group is too small to say, and `note` says so.
    """

    name: str
    n: int
    events: int
    auroc: Estimate | None
    observed_over_expected: Estimate | None
    gap: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class IncidencePoint:
    """Cumulative incidence of the event by a time where others can come first, and what one minus Kaplan-Meier would say.

    `time` is in the unit of the horizon; `at_risk` are the patients followed up to it without any event.
    """

    time: float
    incidence: Estimate
    one_minus_km: float
    at_risk: int


@dataclass(frozen=True, slots=True)
class SurvivalProof:
    """What the proof of a question about time adds.

    Parameters
    ----------
    horizon : float
        By when, in years; all measures of the report are at that time, weighted for those not followed so long.
    follow_up : float or None
        Median follow-up in years (reverse Kaplan-Meier).
    unknown : int
        Patients of whom nobody knows whether the event came by the horizon.
    competing : str
        What competes with the event, in words; empty where nothing does.
    competing_events : int
        Patients in whom that came first, by the horizon.
    harrell, uno : Estimate
        Concordance; Uno's up to the horizon.
    incidence : tuple of IncidencePoint
        The course in these patients.
    """

    horizon: float
    follow_up: float | None
    unknown: int
    competing: str
    competing_events: int
    harrell: Estimate
    uno: Estimate
    incidence: tuple[IncidencePoint, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often a conformal set held the truth among unseen patients, and how often it decided nothing.

    Parameters
    ----------
    name : str
        `all`, `with the condition`, `without the condition`, or a subgroup (`sex: women`).
    n : int
        Patients.
    covered : Estimate
        Share whose set held the truth.
    undecided, neither : float
        Share with both answers, and with none.
    """

    name: str
    n: int
    covered: Estimate
    undecided: float
    neither: float


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Whether the reasons are the model's own: how fast its answer goes (comes) when the inputs are taken away (put in) as they rank.

    Parameters
    ----------
    n : int
        Unseen patients.
    shares : tuple of float
        Share of the inputs taken away or put in, from 0 to 1.
    deletion, deletion_random, insertion, insertion_random : tuples of float, as long as `shares`
        Mean share of the answer's distance (in log-odds, from the reference patient) that is left, by rank and in random order.
    deletion_gain, insertion_gain : Estimate
        Area between the two curves; positive when the ranking is better than chance.
    """

    n: int
    shares: tuple[float, ...]
    deletion: tuple[float, ...]
    deletion_random: tuple[float, ...]
    insertion: tuple[float, ...]
    insertion_random: tuple[float, ...]
    deletion_gain: Estimate
    insertion_gain: Estimate


@dataclass(frozen=True, slots=True)
class MapCheck:
    """Whether a way to show where in a picture a model looked shows the model (sanity check of Adebayo et al. 2018).

    Parameters
    ----------
    method : str
        `occlusion`, `integrated` (gradients) or `activation` (Grad-CAM).
    n : int
        Pictures; their labels are not looked at.
    alike, alike_size : Estimate
        Rank correlation of the map with that of the same model with its weights drawn anew; the same without signs. A map that shows what
        was learned has neither near 1.
    deletion_gain : Estimate
        By how much more the answer moves, in log-odds, on average while parts are hidden, when those go first that the map names
        strongest, than in random order.
    """

    method: str
    n: int
    alike: Estimate
    alike_size: Estimate
    deletion_gain: Estimate

    @property
    def passes(self) -> bool:
        """Whether both correlations lie below `ALIKE` with their intervals, and what it names moves the answer more than chance."""
        ends = (self.alike.high, self.alike_size.high)
        return all(end is not None and end < ALIKE for end in ends) and (self.deletion_gain.low or 0.0) > 0


@dataclass(frozen=True, slots=True)
class LearnerResult:
    """One learner under the same proof as the seated one.

    `most_rows` is how many rows of each training part it was given at most, where its cost grows faster than its rows; None for all.
    `concordance` is Uno's C, where the question is about time.
    """

    learner: str
    auroc: Estimate
    auprc: Estimate
    slope: Estimate
    intercept: Estimate
    brier: Estimate
    seconds: float
    most_rows: int | None = None
    concordance: Estimate | None = None


@dataclass(frozen=True, slots=True)
class ComparatorResult:
    """A bedside score beside the model, on the same patients.

    Parameters
    ----------
    score : str
        Its key on the shelf.
    n, events : int
        Patients of whom enough of the score is known, and those of them with the condition.
    complete : int
        Patients of whom all of it is known; of the others what is not known counts as its fewest points.
    auroc, model, difference : Estimate
        AUROC of the score and of the model, and model minus score (paired, DeLong).
    """

    score: str
    n: int
    events: int
    complete: int
    auroc: Estimate
    model: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Development:
    """What a model was made of, where others were held out: its patients, events and period, and how learners were compared there."""

    n: int
    events: int
    period: str
    fingerprint: str
    proof: str


@dataclass(frozen=True, slots=True)
class Report:
    """The proof of a specialist.

    Parameters
    ----------
    card, version, learner : str
        What was proven.
    why : str
        Why this learner sits.
    model_sha256 : str
        Checksum of the model file the report belongs to.
    data : str
        Name of the data; `data_fingerprint` its sha256; `period` first and last date as sent, or why there is none.
    proof : str
        How predictions were made for patients the model had not seen.
    n, events : int
        Patients, and patients with the condition.
    auroc, auprc, slope, intercept, brier : Estimate
        Discrimination and calibration of the seated learner.
    calibration, net_benefit, subgroups, comparisons : tuples
        Curves, groups, and all learners under the same proof (inside `development`, where there is one).
    missing : mapping of str to float
        Share of patients without each input.
    limits : tuple of str
        What the reader must know.
    survival : SurvivalProof or None
        Where the question is about time; `events` are then those known to have come by the horizon.
    shortfalls : tuple of str
        Where the bar is not met; empty when the specialist may sit.
    development : Development or None
        Where patients were held out: the others, of whom the model was made. All else in the report is of those held out.
    comparators : tuple of ComparatorResult
        Bedside scores on the same patients.
    coverage_at_90 : tuple of Coverage
        Of the conformal sets at 90 % confidence, all patients first; empty where the model carries none.
    faithfulness : Faithfulness or None
        Of the reasons; None where it was not measured.
    maps : tuple of MapCheck
        Of the ways to show where in a picture it looked; empty where it sees none, or it was not measured.
    """

    card: str
    version: str
    learner: str
    why: str
    model_sha256: str
    data: str
    data_fingerprint: str
    period: str
    proof: str
    n: int
    events: int
    auroc: Estimate
    auprc: Estimate
    slope: Estimate
    intercept: Estimate
    brier: Estimate
    calibration: tuple[CalibrationPoint, ...]
    net_benefit: tuple[NetBenefitPoint, ...]
    subgroups: tuple[Subgroup, ...]
    comparisons: tuple[LearnerResult, ...]
    missing: Mapping[str, float]
    limits: tuple[str, ...]
    shortfalls: tuple[str, ...]
    made_with: Mapping[str, str] = field(default_factory=dict)
    development: Development | None = None
    comparators: tuple[ComparatorResult, ...] = ()
    survival: SurvivalProof | None = None
    coverage_at_90: tuple[Coverage, ...] = ()
    faithfulness: Faithfulness | None = None
    maps: tuple[MapCheck, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.events < self.n:
            raise LawError(
                "A report needs patients with and without the condition", where=f"report of {self.card}", found=(self.events, self.n)
            )

    @property
    def passes(self) -> bool:
        """Whether the bar was met."""
        return not self.shortfalls
