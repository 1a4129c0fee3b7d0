"""Facts: what is known of a study when its dossier is written; nothing in it is an opinion but what the author said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from consilium.core import Card, Estimate, Report
from consilium.validation.clusters import Clusters
from consilium.validation.fairness import Group
from consilium.validation.sample_size import SampleSize


@dataclass(frozen=True, slots=True)
class Leak:
    """One finding of the leak check: its kind, where, how often, what was seen, what it means."""

    kind: str
    where: str
    count: int
    detail: str
    means: str


@dataclass(frozen=True, slots=True)
class Split:
    """One part of the proof: rows and events learned from and proven on, and patients who stand on both sides."""

    train: int
    train_events: int
    test: int
    test_events: int
    straddling: int


@dataclass(frozen=True, slots=True)
class Predictor:
    """One input as the data hold it.

    `quartiles` (25, 50, 75 %) are of all rows; of a yes-or-no `quartiles` is None and `share` the share of yes. `missing` is the
    share of rows without it, `missing_with` and `missing_without` of those with and without the condition. `distinct` counts values.
    """

    name: str
    unit: str
    required: bool
    quartiles: tuple[float, float, float] | None
    share: float | None
    with_condition: float | None
    without_condition: float | None
    missing: float
    missing_with: float
    missing_without: float
    distinct: int
    missing_by_site: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forward:
    """The seated learner trained before a date and proven on what was asked from then on."""

    date: str
    train: int
    test: int
    events: int
    auroc: Estimate
    slope: Estimate
    observed_over_expected: Estimate


@dataclass(frozen=True, slots=True)
class Said:
    """What the author says, from `dossier.yaml` beside the card.

    Parameters
    ----------
    tripod : mapping of str to str
        By item (`18a`).
    probast : mapping of str to (str, str)
        By question (`3.5`): `yes`, `probably yes`, `probably no` or `no`, and why.
    chai : mapping of str to str
        By the last name of the field (`ModelDeveloper`).
    """

    tripod: Mapping[str, str] = field(default_factory=dict)
    probast: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    chai: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """All of them.

    Parameters
    ----------
    card, report
        The question, and its proof.
    study : str
        `development`, `evaluation` (of a model made elsewhere or before), or `adoption` (the same, recalibrated).
    dated : bool
        Whether moments of asking are real dates.
    patients : int
        Distinct patients; the report's `n` are rows.
    excluded : mapping of str to int
        Moments of asking left out, by reason.
    unanswered : int
        Of those, the ones whose truth nobody knows (not those who were not eligible).
    ages : (float, float) or None
        Lowest and highest age.
    outside_population : float
        Share of rows whose age or sex is outside the card's population, or not known.
    sexes : tuple of str
        Sexes in the data.
    splits, predictors, leaks, leak_notes
        `leaks` is None where nothing was looked for.
    threshold : float
        The risk from which one acts; `threshold_from` says where it comes from (`card`, or `events`: the share of events).
    groups, sites, periods, forward, sample
        What was measured; None where the data do not have it.
    developed_on : str
        The data the model was made from.
    drift : tuple of str
        How these patients differ from those of the development, in sentences; None where there is nothing to compare with.
    said : Said
        The author's statements.
    bibliography : str
        BibTeX of the card's sources.
    """

    card: Card
    report: Report
    study: str
    dated: bool
    patients: int
    excluded: Mapping[str, int]
    unanswered: int
    ages: tuple[float, float] | None
    outside_population: float
    sexes: tuple[str, ...]
    splits: tuple[Split, ...]
    predictors: tuple[Predictor, ...]
    leaks: tuple[Leak, ...] | None
    leak_notes: tuple[str, ...]
    threshold: float
    threshold_from: str
    groups: tuple[Group, ...] = ()
    sites: Clusters | None = None
    periods: Clusters | None = None
    forward: Forward | None = None
    sample: SampleSize | None = None
    developed_on: str = ""
    drift: tuple[str, ...] | None = None
    said: Said = field(default_factory=Said)
    bibliography: str = ""
