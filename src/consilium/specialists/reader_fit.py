"""Reader fit: a reader of DNA or expression learned from labelled examples, proven on examples it had not seen, and sealed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consilium.core.report import Development, LearnerResult, Report
from consilium.genomics.reader import MODEL, PAGE, REPORT, ReaderCard
from consilium.models import SERIES_LEARNERS
from consilium.models.grid import Grid
from consilium.models.seal import seal
from consilium.models.served import ServedModel
from consilium.models.uncertainty import fit_intervals
from consilium.record import Fold, folds
from consilium.specialists.prove import SEED, Trained, probability, train
from consilium.validation import coverage, learner_result, measure, missing_share, page, write_report

FOLDS = 10
MADE_WITH = ("numpy", "scikit-learn", "torch")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What a reader is taught or asked.

    Parameters
    ----------
    X : float32 array of shape (n, p)
        As the card's `names` order them; NaN where not measured.
    y : int8 array of shape (n,)
        0 or 1.
    subjects : int64 array of shape (n,)
        Who or what belongs together: examples that share it never stand on both sides of a split.
    data : str
        What they are called in the report.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int8]
    subjects: NDArray[np.int64]
    data: str

    def of(self, rows: NDArray[np.intp]) -> Examples:
        """Some of them."""
        return Examples(self.X[rows], self.y[rows], self.subjects[rows], self.data)

    @property
    def fingerprint(self) -> str:
        """sha256 over all of it."""
        digest = hashlib.sha256()
        for part in (self.subjects, self.X, self.y):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


class Proven(NamedTuple):
    """A reader's report, and the probability (n,) of each example it was made of, by a model of others."""

    report: Report
    unseen: NDArray[np.float64]


def shape_of(card: ReaderCard, name: str) -> dict[str, Any]:
    """The parameters that tell a learner of series how a row holds the window; others need none."""
    return {"steps": card.steps, "fixed": 0} if card.material == "dna" and name in SERIES_LEARNERS else {}


def taught(card: ReaderCard, name: str, given: Examples, rows: NDArray[np.intp], progress: Progress = lambda _: None) -> Trained:
    """A learner of some examples, with the card's parameters where it is the card's own learner, calibrated apart."""
    own = card.parameters if name == card.learner else {}
    return train(name, given.X[rows], given.y[rows], given.subjects[rows], {**shape_of(card, name), **own}, progress=progress)


def unseen(
    card: ReaderCard, name: str, given: Examples, parts: Sequence[Fold], progress: Progress = lambda _: None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probability (n,) of each example by a model of others, and which answers stood at 90 % confidence (n, 2)."""
    p, answers = np.full(len(given.y), np.nan), np.zeros((len(given.y), 2), dtype=np.bool_)
    for number, (learn, rest) in enumerate(parts, 1):
        progress(f"{name}, part {number} of {len(parts)}")
        made = taught(card, name, given, learn)
        p[rest] = probability(made, given.X[rest])
        answers[rest] = made.sets.at(made.calibration.apply(made.learner.log_odds(given.X[rest])))
    return p, answers


def fit_reader(
    card: ReaderCard,
    given: Examples,
    into: Path,
    *,
    held: Examples | None = None,
    compare: Sequence[str] = (),
    parts: Sequence[Fold] = (),
    progress: Progress = lambda _: None,
) -> Proven:
    """Prove a reader and the learners it is compared with, seal it, and write model, report and page.

    Parameters
    ----------
    card : ReaderCard
    given : Examples
        What it is made of.
    into : Path
        The reader's folder.
    held : Examples, optional
        Of another cohort or species: shown once, to the sealed model. Without them the proof is by folds.
    compare : sequence of str
        Other learners, under the same folds of `given`.
    parts : sequence of Fold, optional
        The folds; by default by `subjects`, as many as the card says (ten where it does not).

    Raises
    ------
    ModelError
        When the exported model does not give the learner's probabilities.
    """
    parts = parts or list(folds(given.y, int(card.learns.get("folds", FOLDS)), seed=SEED, subjects=given.subjects))
    results, found, answers = [], np.zeros(0), np.zeros((0, 2), dtype=np.bool_)
    for name in dict.fromkeys((card.learner, *compare)):
        started = time.perf_counter()
        p, stood = unseen(card, name, given, parts, progress)
        results.append(learner_result(name, given.y, p, time.perf_counter() - started, subjects=given.subjects))
        if name == card.learner:
            found, answers = p, stood
    progress(f"{card.learner}, on everything")
    model = sealed(card, given, into)
    words = f"{len(parts)} folds, what is alike in one fold"
    if held is None:
        report = measured(card, given, found, answers, model, tuple(results), words)
    else:
        made = Development(len(given.y), int(given.y.sum()), "not dated", given.fingerprint, words)
        report = measured(
            card, held, model.probability(held.X), model.answers(held.X), model, tuple(results),
            f"{held.data}: shown once, to the sealed model of {given.data}", made,
        )  # fmt: skip
    write_report(into / REPORT, report)
    (into / PAGE).write_text(page(report, card_title=card.title["en"], subject=card.subject), encoding="utf-8")
    return Proven(report, found)


def sealed(card: ReaderCard, given: Examples, into: Path) -> ServedModel:
    """Train the card's learner on all examples and seal it in `into/model.onnx`."""
    made = taught(card, card.learner, given, np.arange(len(given.y)))
    into.mkdir(parents=True, exist_ok=True)
    seal(
        made.learner,
        into / MODEL,
        names=card.names,
        units=["1"] * len(card.names),
        calibration=made.calibration,
        interval=fit_intervals(made.calibration.apply(made.out_of_fold), given.y, subjects=given.subjects),
        X_train=given.X,
        card=card.name,
        version=card.version,
        sets=made.sets,
        extra={"data": given.data, "fingerprint": given.fingerprint, "share": float(given.y.mean())},
        grid=Grid(0, card.steps, len(card.channels)) if card.material == "dna" else None,
    )
    return ServedModel.load(into / MODEL)


def measured(
    card: ReaderCard,
    of: Examples,
    p: NDArray[np.float64],
    answers: NDArray[np.bool_],
    model: ServedModel,
    comparisons: tuple[LearnerResult, ...],
    words: str,
    development: Development | None = None,
) -> Report:
    """A report of probabilities (n,) for examples the model had not seen."""
    found = measure(of.y, p, seed=SEED, subjects=of.subjects)
    draft = Report(
        card=card.name,
        version=card.version,
        learner=card.learner,
        why=card.why,
        model_sha256=model.sha256,
        data=of.data,
        data_fingerprint=of.fingerprint,
        period="not dated",
        proof=words,
        n=found.n,
        events=found.events,
        auroc=found.auroc,
        auprc=found.auprc,
        slope=found.slope,
        intercept=found.intercept,
        brier=found.brier,
        calibration=found.calibration,
        net_benefit=found.net_benefit,
        subgroups=found.subgroups,
        comparisons=comparisons,
        missing={} if card.material == "dna" else missing_share(np.isfinite(of.X), card.inputs),
        limits=card.limits,
        shortfalls=(),
        made_with={package: version(package) for package in MADE_WITH},
        development=development,
        coverage_at_90=coverage(of.y, answers, {}, None, of.subjects),
    )
    return replace(draft, shortfalls=card.bar.shortfalls(draft))
