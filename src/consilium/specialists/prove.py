"""Prove: predictions for patients that the model had not seen, for every learner, and the report that decides the seat."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.card import Card, Tuning
from consilium.core.features import Features
from consilium.core.report import ComparatorResult, Development, Faithfulness, LearnerResult, Report, SurvivalProof
from consilium.models import HAZARDS, LEARNERS, MOST_ROWS, SERIES_LEARNERS
from consilium.models.calibration import Calibration, fit_calibration
from consilium.models.conformal import Sets, fit_sets
from consilium.models.odds import probability_of
from consilium.record import Fold, drawn, folds, forward, held_out, site_folds
from consilium.specialists.cases import Cases, bedside_groups, some
from consilium.specialists.scrutiny import FAITHFUL_ROWS, a_few, faithfulness, reasons_of, scrutinised
from consilium.specialists.sight import grid
from consilium.specialists.truth import Truth
from consilium.specialists.tune import tuned
from consilium.validation import Measures, auroc, auroc_difference, missing_share

if TYPE_CHECKING:
    from consilium.models.estimator import Estimator
    from consilium.models.hazard import Hazards
    from consilium.models.onnx import Onnx

INNER_FOLDS = 5
SERIES_INNER_FOLDS = 2
SEED = 20260101
MADE_WITH = ("numpy", "scikit-learn", "lightgbm", "interpret-core")
MADE_WITH_TIME = ("numpy", "scikit-learn", "lightgbm", "lifelines", "torch")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted learner, its calibration and conformal sets fitted apart, the out-of-fold log-odds for both, and its parameters."""

    learner: Estimator | Hazards | Onnx
    calibration: Calibration
    out_of_fold: NDArray[np.float64]
    sets: Sets
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """All learners under one proof: probabilities for unseen patients, and their measures.

    Of the seated learner also which answers stood (n, 2), and whether its reasons were faithful.
    """

    probabilities: dict[str, NDArray[np.float64]]
    results: tuple[LearnerResult, ...]
    words: str
    answers: NDArray[np.bool_] | None = None
    faithfulness: Faithfulness | None = None


def train(
    name: str,
    X: NDArray[np.float32],
    y: NDArray[np.int8] | Truth,
    subjects: NDArray[np.int64] | None = None,
    parameters: Mapping[str, Any] | None = None,
    groups: Mapping[str, NDArray[np.object_]] | None = None,
    progress: Progress = lambda _: None,
    tuning: Tuning | None = None,
) -> Trained:
    """Fit a learner on everything given, its calibration and conformal sets on predictions for folds the learner had not seen.

    Parameters
    ----------
    name : str
        The learner.
    X : float32 array of shape (n, p)
    y : int8 array of shape (n,), or Truth
    subjects : int64 array of shape (n,), optional
        Patient of each row, so that none straddles a fold.
    parameters : mapping, optional
        The learner's, where its defaults are not meant.
    groups : mapping of str to object array of shape (n,), optional
        Groups, by kind, in each of which the sets are to cover.
    progress : callable
        Told how far it is, by learners that take long and by tuning.
    tuning : Tuning, optional
        Chooses the parameters on the patients given, and on no others.
    """
    truth = y if isinstance(y, Truth) else Truth(y)
    chosen = dict(parameters or {})
    if tuning is not None and tuning.trials:
        chosen |= tuned(name, X, truth, subjects, tuning, seed=SEED + 3, progress=progress)
    whose = np.arange(len(X), dtype=np.int64) if subjects is None else subjects
    answer, weight = truth.answer
    out_of_fold = np.empty(len(X))

    def fitted(rows: NDArray[np.intp], words: str) -> Estimator | Hazards:
        return truth.of(rows).taught(name, chosen, X[rows], whose[rows], lambda said: progress(f"{words}: {said}"))

    for part, (fit_rows, rest) in enumerate(folds(answer, inner_folds(name), seed=SEED + 1, subjects=subjects), 1):
        out_of_fold[rest] = fitted(fit_rows, f"inner fold {part}").log_odds(X[rest])
    calibration = fit_calibration(out_of_fold, answer, weight)
    sets = fit_sets(calibration.apply(out_of_fold), answer, groups, weight=weight)
    return Trained(fitted(np.arange(len(X)), "all rows"), calibration, out_of_fold, sets, chosen)


def inner_folds(name: str) -> int:
    """Folds on which a learner's calibration is fitted: fewer for those that take minutes to train."""
    return SERIES_INNER_FOLDS if name in SERIES_LEARNERS else INNER_FOLDS


def seen_by(name: str, card: Card, X: NDArray[Any]) -> tuple[NDArray[Any], dict[str, Any]]:
    """The columns a learner is given, and the parameters that tell it how they hold the series: others are given the inputs alone."""
    if name not in SERIES_LEARNERS:
        return X[:, : len(card.inputs)], {}
    shape = grid(card)
    return X, {"steps": shape.steps, "fixed": shape.fixed}


def seated_view(card: Card, found: Cases) -> Cases:
    """The cases with no more columns than the seated learner reads."""
    if card.series is None or card.learner in SERIES_LEARNERS:
        return found
    whole, p = found.features, len(card.inputs)
    own = Features(np.ascontiguousarray(whole.X[:, :p]), whole.names[:p], whole.units[:p], whole.rows, whole.observed[:, :p])
    return replace(found, features=own)


def prove(card: Card, found: Cases, names: tuple[str, ...] = (), progress: Progress = lambda _: None) -> Proof:
    """Predict every patient by models that had not seen that patient (or that patient's hospital).

    Parameters
    ----------
    card : Card
        Says how: folds by patient, or each site held out in turn; where others are held out, folds by patient of those that are not.
    found : Cases
        The patients; where some are held out, the others (`parted`).
    names : tuple of str
        Learners to compare; by default those that the card names, or all that can read its cases. Those of `MOST_ROWS` that do
        not hold the seat are given so many rows of each training part at most.
    progress : callable
        Told what is being fitted.
    """
    truth, n = found.truth, len(found.y)
    parts = list(splits_of(card, found))
    groups = bedside_groups(found.groups)
    probabilities, results = {}, []
    answers, faithful = np.zeros((n, 2), dtype=np.bool_), []
    names = names or compared(card)
    for name in names:
        X, shape = seen_by(name, card, found.features.X)
        p = np.full(n, np.nan)
        seated = name == card.learner
        most = None if seated else MOST_ROWS.get(name)
        capped = None
        started = time.perf_counter()
        for part, (fit_rows, rest) in enumerate(parts, 1):
            progress(f"{name}, part {part} of {len(parts)}")
            if most is not None and len(fit_rows) > most:
                fit_rows, capped = _fewer(fit_rows, most), most
            chosen = {**shape, **(card.parameters if seated else {})}
            told = partial(_told, progress, name, part)
            tuning = card.tuning if seated else None
            theirs = truth.of(fit_rows), found.subjects[fit_rows]
            trained = train(name, X[fit_rows], *theirs, chosen, _of(groups, fit_rows), told, tuning)
            scored = trained.calibration.apply(trained.learner.log_odds(X[rest]))
            p[rest] = probability_of(scored)
            if seated:
                answers[rest] = trained.sets.at(scored, _of(groups, rest))
                unseen = X[a_few(rest, FAITHFUL_ROWS // len(parts))]
                faithful.append(reasons_of(trained.learner, X[fit_rows], unseen))
        probabilities[name] = p
        results.append(replace(truth.result(name, p, time.perf_counter() - started), most_rows=capped))
    if card.learner not in names:
        return Proof(probabilities, tuple(results), _words(card, found))
    return Proof(probabilities, tuple(results), _words(card, found), answers, faithfulness(faithful))


def compared(card: Card) -> tuple[str, ...]:
    """The learners that a card's proof compares."""
    if card.question.censor:
        return card.compare or HAZARDS
    return card.compare or (*LEARNERS, *(SERIES_LEARNERS if card.series else ()))


def _told(progress: Progress, name: str, part: int, words: str) -> None:
    progress(f"{name}, part {part}, {words}")


def probability(trained: Trained, X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Calibrated probability, shape (n,)."""
    return probability_of(trained.calibration.apply(trained.learner.log_odds(X)))


def parted(card: Card, found: Cases) -> tuple[Cases, Cases | None]:
    """Who is learned from, and who is held out (None where the card holds nobody out for good).

    Raises
    ------
    LawError
        When nobody is left on one side.
    """
    fold = _held(card, found)
    return (found, None) if fold is None else (some(found, fold.train), some(found, fold.test))


def splits(card: Card, found: Cases) -> list[Fold]:
    """The parts that are learned from and proven on: who is held out for good, or else the folds or sites in turn.

    Raises
    ------
    LawError
        When nobody is left on one side.
    """
    fold = _held(card, found)
    return list(splits_of(card, found)) if fold is None else [fold]


def _held(card: Card, found: Cases) -> Fold | None:
    how = card.proof
    if how.kind != "held_out":
        return None
    if how.since is not None:
        return forward(found.features.rows, how.since)
    if how.by:
        return held_out(np.isin(found.groups["part"].astype(str), how.held), found.subjects, where=f"{how.by} in {', '.join(how.held)}")
    return held_out(drawn(found.subjects, how.share, seed=SEED), found.subjects, where=f"a share of {how.share:g}")


def report(card: Card, found: Cases, proof: Proof, model_sha256: str, data: str, limits: tuple[str, ...]) -> Report:
    """Put a proof into a Report and hold it against the card's bar."""
    p = proof.probabilities[card.learner]
    groups = {kind: found.groups[kind].tolist() for kind in card.proof.subgroups if kind in found.groups}
    measures, survival = found.truth.measured(p, groups, SEED)
    draft = assemble(card, found, p, measures, proof.results, proof.words, model_sha256, data, limits, survival=survival)
    return scrutinised(draft, found, proof.answers, proof.faithfulness)


def _of(groups: Mapping[str, NDArray[np.object_]], rows: NDArray[np.intp]) -> dict[str, NDArray[np.object_]]:
    return {kind: labels[rows] for kind, labels in groups.items()}


def assemble(
    card: Card,
    found: Cases,
    p: NDArray[np.float64],
    measures: Measures,
    comparisons: tuple[LearnerResult, ...],
    words: str,
    model_sha256: str,
    data: str,
    limits: tuple[str, ...],
    development: Development | None = None,
    survival: SurvivalProof | None = None,
) -> Report:
    """A Report from measures; `shortfalls` is what the bar says of it."""
    left_out = tuple(f"{count} patients left out: {reason}" for reason, count in found.excluded.items() if count)
    draft = Report(
        card=card.name,
        version=card.version,
        learner=card.learner,
        why=card.why,
        model_sha256=model_sha256,
        data=data,
        data_fingerprint=found.fingerprint,
        period=found.period,
        proof=words,
        n=len(found.y),
        events=measures.events,
        auroc=measures.auroc,
        auprc=measures.auprc,
        slope=measures.slope,
        intercept=measures.intercept,
        brier=measures.brier,
        calibration=measures.calibration,
        net_benefit=measures.net_benefit,
        subgroups=measures.subgroups,
        comparisons=comparisons,
        missing=_missing(card, found),
        limits=limits + left_out,
        shortfalls=(),
        made_with={package: version(package) for package in (MADE_WITH if survival is None else MADE_WITH_TIME)},
        development=development,
        comparators=beside_scores(found, p),
        survival=survival,
    )
    return replace(draft, shortfalls=card.bar.shortfalls(draft))


def beside_scores(found: Cases, p: NDArray[np.float64]) -> tuple[ComparatorResult, ...]:
    """The card's comparators beside the model, each on the patients of whom enough of the score is known."""
    results = []
    for name, both in found.comparators.items():
        rows = ~np.isnan(both[:, 0])
        y, least = found.y[rows], both[rows, 0]
        if not 0 < y.sum() < len(y):
            continue
        complete = int((both[rows, 0] == both[rows, 1]).sum())
        whose = found.subjects[rows]
        difference = auroc_difference(y, p[rows], least, subjects=whose)
        areas = auroc(y, least, subjects=whose), auroc(y, p[rows], subjects=whose)
        results.append(ComparatorResult(name, len(y), int(y.sum()), complete, *areas, difference))
    return tuple(results)


def splits_of(card: Card, found: Cases) -> Iterator[Fold]:
    """What is learned from and proven on, part by part, as the card's proof says."""
    if card.proof.kind == "site":
        yield from site_folds(found.groups["site"], subjects=found.subjects)
    else:
        yield from folds(found.truth.answer[0], card.proof.folds, seed=SEED, subjects=found.subjects)


def _fewer(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """So many of the rows, drawn once and for all, in their order."""
    kept: NDArray[np.intp] = np.sort(np.random.default_rng(SEED).choice(rows, most, replace=False))
    return kept


def held_out_words(card: Card) -> str:
    """Who was held out, and that they were touched once."""
    how = card.proof
    if how.since is not None:
        who = f"those asked about from {how.since:%Y-%m-%d} on"
    elif how.by:
        who = f"{how.by} {', '.join(how.held)}"
    else:
        who = f"a fixed draw of {100 * how.share:g} % of the patients"
    return f"held out: {who}; shown once, to the sealed model of the others"


def _missing(card: Card, found: Cases) -> Mapping[str, float]:
    """Share of patients without each input; of a series' input, without any value in the whole series."""
    observed, _ = seen_by(card.learner, card, found.features.observed)
    if card.learner not in SERIES_LEARNERS or card.series is None:
        return missing_share(observed, tuple(i.name for i in card.inputs))
    fixed, series = grid(card).split(observed)
    names = tuple(i.name for i in (*card.inputs, *card.series.inputs))
    return missing_share(np.hstack([fixed, series.any(axis=1)]), names)


def _words(card: Card, found: Cases) -> str:
    several = sorted({inner_folds(name) for name in (card.learner, *compared(card))}, reverse=True)
    inner = f"calibration fitted on {' or '.join(map(str, several))} inner folds of each training part"
    if card.tuning.trials:
        inner += f"; the seated learner tuned by {card.tuning.trials} trials over {card.tuning.folds} folds of each training part (nested)"
    if card.proof.kind == "site":
        sites = sorted(set(found.groups["site"]))
        return f"each of {len(sites)} sites ({', '.join(sites)}) predicted by a model of the others; {inner}"
    return f"{card.proof.folds}-fold cross-validation by patient; {inner}"
