"""Fit: train a specialist on a record, seal its model, and prove it; or validate a sealed one on somebody else's patients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from consilium.core.card import Card, Proof
from consilium.core.errors import InputError, LeakageError
from consilium.core.report import Development, LearnerResult, Report
from consilium.models import learner
from consilium.models.familiarity import fit_familiarity
from consilium.models.grid import Grid
from consilium.models.hazard import Hazards
from consilium.models.prototypes import Prototypes, fit_prototypes
from consilium.models.seal import seal, seal_stream
from consilium.models.served import ServedModel
from consilium.models.uncertainty import fit_intervals
from consilium.quality.leaks import leak_reasons
from consilium.record import folds
from consilium.record.cohort import EVENT
from consilium.specialists.cases import Cases, answered, bedside_groups, cases
from consilium.specialists.dossier import gather, keep_reference, write_dossier
from consilium.specialists.prove import (
    INNER_FOLDS,
    SEED,
    Trained,
    assemble,
    held_out_words,
    parted,
    prove,
    report,
    seated_view,
    seen_by,
    splits,
    train,
)
from consilium.specialists.roster import MODEL, PAGE, REPORT, STREAM, TREE
from consilium.specialists.scrutiny import scrutinised, scrutiny
from consilium.specialists.sight import grid, reads_series
from consilium.specialists.sight import names as columns
from consilium.validation import page, write_report

if TYPE_CHECKING:
    from consilium.models.series import SeriesLearner

WEIGHED = 1_000
"""Patients at most over whom it is measured how much each input moves the answer."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained specialist: its card, its sealed model, where it lies, whom it was trained on, and the leaks it was trained despite of."""

    card: Card
    model: ServedModel
    folder: Path
    data: str
    fingerprint: str
    leaks: tuple[str, ...] = ()


def fit(
    card: Card,
    events: Iterable[pa.Table],
    into: Path,
    data: str,
    *,
    descriptions: Mapping[str, str] | None = None,
    despite_leaks: bool = False,
) -> Fitted:
    """Train the card's learner on all patients of a record (but those whom its proof holds out) and seal it in `into/model.onnx`.

    Parameters
    ----------
    card : Card
        What to learn.
    events : iterable of pyarrow.Table
        The record's events in `SCHEMA` columns; all of a patient in one table.
    into : Path
        Folder for the model; made when absent.
    data : str
        What the data are called in the report.
    descriptions : mapping of str to str, optional
        What codes are called; a name can betray an answer.
    despite_leaks : bool
        Train although `check-time` finds leaks, which a person has looked at; they are then among the limits of every report.

    Raises
    ------
    InputError
        When the record does not answer the card's question.
    LeakageError
        When the future, or the answer, has reached what the model is to learn from.
    ModelError
        When the exported model does not give the learner's probabilities.
    """
    whole = _whole(events)
    found = cases(card, whole)
    leaks = _leaks(card, whole, found, data, descriptions, despite_leaks)
    return _fit(card, parted(card, found)[0], into, data, leaks)


def fit_and_prove(
    card: Card,
    events: Iterable[pa.Table],
    into: Path,
    data: str,
    *,
    limits: tuple[str, ...] = (),
    undated: str = "",
    home: Path | None = None,
    descriptions: Mapping[str, str] | None = None,
    despite_leaks: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Fitted, Report]:
    """Prove every learner under the card's proof, train the seated one on all patients, and write model, report, dossier and tree.

    Where the proof holds patients out, learners are compared and the model is sealed without them; then they are shown to it, once.
    `limits` is what the reader must know of the data; `undated` why they carry no dates, when the moments of asking are assumed;
    `home` the specialist's folder, where the author's statements lie (by default `into`); `descriptions` and `despite_leaks` as in `fit`.
    `tree.svg` is the comparison's decision tree, trained on the patients the model was: not what speaks, but what people like to see;
    a question about time has none.
    """
    whole = _whole(events)
    found = cases(card, whole)
    progress("looking for leaks of time")
    leaks = _leaks(card, whole, found, data, descriptions, despite_leaks)
    limits = (*limits, *leaks)
    learned, held = parted(card, found)
    if undated:
        learned, held = replace(learned, period=undated), held and replace(held, period=undated)
    proof = prove(card, learned, progress=progress)
    progress(f"{card.learner}, on everything")
    fitted = _fit(card, learned, into, data, leaks, progress)
    if held is None:
        proven = report(card, learned, proof, fitted.model.sha256, data, limits)
    else:
        made = Development(len(learned.y), learned.truth.events, learned.period, learned.fingerprint, proof.words)
        # The exclusions were counted before the patients were parted, so they are of the whole.
        held = replace(held, excluded=found.excluded)
        proven = _held_against(fitted, held, proof.results, held_out_words(card), data, limits, made)
    write(proven, card, into)
    progress("the dossier")
    out_of_fold = proof.probabilities[card.learner]
    seen, unseen = seated_view(card, learned), None if held is None else seated_view(card, held)
    shown, p = (seen, out_of_fold) if unseen is None else (unseen, fitted.model.probability(unseen.features.X))
    shown, rows = answered(shown)
    keep_reference(card, shown, p[rows], proven.model_sha256, into)
    looked = seated_view(card, found)
    looked = replace(looked, y=(looked.y == EVENT).astype(np.int8), years=None)
    seen, rest = answered(seen)
    facts = gather(
        card,
        proven,
        shown,
        p[rows],
        whole,
        study="development",
        dated=not undated,
        splits=splits(card, found),
        looked=looked,
        made=(seen, out_of_fold[rest]),
        home=home or into,
    )
    write_dossier(facts, into)
    if learned.years is not None:
        return fitted, proven
    names, units = (every[: len(card.inputs)] for every in (learned.features.names, learned.features.units))
    tree = learner("tree").fit(seen_by("tree", card, learned.features.X)[0], learned.y)
    (into / TREE).write_text(tree.draw(names, units), encoding="utf-8")
    return fitted, proven


def validate(
    fitted: Fitted,
    events: Iterable[pa.Table],
    data: str,
    *,
    undated: str = "",
    descriptions: Mapping[str, str] | None = None,
    into: Path | None = None,
) -> Report:
    """Hold a sealed model against patients it was not trained on; with `into`, write report and dossier there.

    `undated` says why the data carry no dates, when the moments of asking are assumed.

    Leaks of time that are found in their records are among the report's limits: they make a model look better than it is.

    Raises
    ------
    InputError
        When the patients are the very ones the model was trained on.
    """
    card = fitted.card if fitted.card.proof.kind != "held_out" else replace(fitted.card, proof=Proof(subgroups=fitted.card.proof.subgroups))
    whole = _whole(events)
    found = seated_view(card, cases(card, whole))
    if undated:
        found = replace(found, period=undated)
    if found.fingerprint == fitted.fingerprint:
        raise InputError(
            "A model cannot be validated on the patients it was trained on",
            where=data,
            do=f"give other patients, or run `consilium fit {fitted.card.name}`, which proves it by patients held out in turn",
        )
    limits = (*fitted.leaks, *map(_suspected, leak_reasons(card, whole, found, descriptions=descriptions)))
    proven = _held_against(fitted, found, (), "the sealed model on patients it was not trained on", data, limits)
    if into:
        write(proven, card, into)
        p = fitted.model.probability(found.features.X)
        found, rows = answered(found)
        facts = gather(
            card, proven, found, p[rows], whole, study="evaluation", dated=not undated, home=fitted.folder, developed_on=fitted.data
        )
        write_dossier(facts, into)
    return proven


def write(proven: Report, card: Card, into: Path) -> None:
    """Write report.json and report.html into a folder; made when absent."""
    into.mkdir(parents=True, exist_ok=True)
    write_report(into / REPORT, proven)
    (into / PAGE).write_text(page(proven, card_title=card.title["en"], card=card), encoding="utf-8")


def _held_against(
    fitted: Fitted,
    found: Cases,
    comparisons: tuple[LearnerResult, ...],
    words: str,
    data: str,
    limits: tuple[str, ...],
    development: Development | None = None,
) -> Report:
    """The report of a sealed model on patients it was not trained on; without comparisons its own line is the only one."""
    found = seated_view(fitted.card, found)
    started = time.perf_counter()
    p = fitted.model.probability(found.features.X)
    seconds = time.perf_counter() - started
    groups = {kind: found.groups[kind].tolist() for kind in fitted.card.proof.subgroups if kind in found.groups}
    comparisons = comparisons or (found.truth.result(fitted.card.learner, p, seconds),)
    measures, survival = found.truth.measured(p, groups, SEED)
    draft = assemble(fitted.card, found, p, measures, comparisons, words, fitted.model.sha256, data, limits, development, survival)
    return scrutinised(draft, found, *scrutiny(fitted.model, found))


def _leaks(card: Card, whole: pa.Table, found: Cases, data: str, descriptions: Mapping[str, str] | None, despite: bool) -> tuple[str, ...]:
    reasons = leak_reasons(card, whole, found, splits(card, found), descriptions)
    if reasons and not despite:
        raise LeakageError(
            f"The future, or the answer, seems to have reached what {card.name} would learn from",
            where=data,
            found="; ".join(reasons),
            do="correct the data or the card (`consilium check-time` shows examples), or, when every finding is honest, fit with "
            "--despite-leaks, which writes them into the report",
        )
    return tuple(map(_suspected, reasons))


def _suspected(reason: str) -> str:
    return f"Suspected leak of time: {reason}"


def _fit(
    card: Card, found: Cases, into: Path, data: str, leaks: tuple[str, ...], progress: Callable[[str], None] = lambda _: None
) -> Fitted:
    X, shape = seen_by(card.learner, card, found.features.X)
    parameters, groups = {**shape, **card.parameters}, bedside_groups(found.groups)
    trained = train(card.learner, X, found.truth, found.subjects, parameters, groups, progress, card.tuning)
    return seal_trained(card, found, trained, into, data, leaks)


def seal_trained(card: Card, found: Cases, trained: Trained, into: Path, data: str, leaks: tuple[str, ...] = ()) -> Fitted:
    """Seal a learner with all that it is to know of its own limits, in `into/model.onnx`."""
    X, _ = seen_by(card.learner, card, found.features.X)
    into.mkdir(parents=True, exist_ok=True)
    path = into / MODEL
    scored = trained.calibration.apply(trained.out_of_fold)
    answer, weight = found.truth.answer
    interval = fit_intervals(scored, answer, weight, found.subjects)
    # What is usual together is a table of all columns with all others: too many where the columns are a series' cells.
    parts = folds(answer, INNER_FOLDS, seed=SEED + 2, subjects=found.subjects)
    familiarity = None if reads_series(card) else fit_familiarity(X, parts)

    course = {"course": trained.learner.course()} if isinstance(trained.learner, Hazards) else {}

    def sealed(extra: dict[str, object], prototypes: Prototypes | None = None) -> ServedModel:
        seal(
            trained.learner,
            path,
            names=columns(card),
            units=found.features.units[: X.shape[1]],
            calibration=trained.calibration,
            interval=interval,
            X_train=X,
            card=card.name,
            version=card.version,
            sets=trained.sets,
            familiarity=familiarity,
            prototypes=prototypes,
            extra={**course, **extra},
            grid=grid(card) if reads_series(card) else None,
        )
        return ServedModel.load(path)

    # What to measure next is ranked by how much each input moves the answer; that is known only of a sealed model.
    asked = X if len(X) <= WEIGHED else X[np.sort(np.random.default_rng(SEED).choice(len(X), WEIGHED, replace=False))]
    weights = sealed({}).attribute(asked).weights
    prototypes = None
    if found.years is None:
        # How similar patients fared is a share, in which those not followed to a horizon have no part.
        one_each = _one_row_each(found.subjects)
        prototypes = fit_prototypes(X[one_each], found.y[one_each], np.abs(weights).mean(axis=0))
    despite = {"leaks": list(leaks)} if leaks else {}
    importance = _importance(card, weights)
    model = sealed({"importance": importance, "data": data, "fingerprint": found.fingerprint, **despite}, prototypes)
    (into / STREAM).unlink(missing_ok=True)
    if card.series is not None and reads_series(card):
        seal_stream(
            cast("SeriesLearner", trained.learner),
            into / STREAM,
            fixed=[i.name for i in card.inputs],
            channels=[i.name for i in card.series.inputs],
            calibration=trained.calibration,
            X_train=X,
            model_sha256=model.sha256,
            card=card.name,
            version=card.version,
        )
    return Fitted(card, model, into, data, found.fingerprint, leaks)


def _importance(card: Card, weights: NDArray[np.float64]) -> dict[str, float]:
    """Mean size of what each input adds; an input of a series adds what all its steps do together."""
    fixed, series = (grid(card) if reads_series(card) else Grid(weights.shape[1], 0, 0)).split(weights)
    size = [*np.abs(fixed).mean(axis=0), *np.abs(series.sum(axis=1)).mean(axis=0)]
    inputs = (*card.inputs, *(card.series.inputs if card.series and reads_series(card) else ()))
    return {i.name: round(float(w), 6) for i, w in zip(inputs, size, strict=True)}


def _one_row_each(subjects: NDArray[np.int64]) -> NDArray[np.intp]:
    """One row of each patient, drawn once and for all: in a group of ten there must be ten people."""
    order = np.random.default_rng(SEED).permutation(len(subjects))
    _, first = np.unique(subjects[order], return_index=True)
    return np.sort(order[first])


def _whole(events: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables(list(events))
