"""Fit: train a specialist on a record, seal its model, and prove it; or validate a sealed one on somebody else's patients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from consilium.core.card import Card
from consilium.core.errors import InputError
from consilium.core.report import Report
from consilium.models import learner
from consilium.models.seal import seal
from consilium.models.served import ServedModel
from consilium.models.uncertainty import fit_intervals
from consilium.specialists.cases import Cases, cases
from consilium.specialists.prove import assemble, prove, report, train
from consilium.specialists.roster import MODEL, PAGE, REPORT, TREE
from consilium.validation import learner_result, measure, page, write_report


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained specialist: its card, its sealed model, where the model lies, and the patients it was trained on."""

    card: Card
    model: ServedModel
    folder: Path
    data: str
    fingerprint: str


def fit(card: Card, events: Iterable[pa.Table], into: Path, data: str) -> Fitted:
    """Train the card's learner on all patients of a record and seal it in `into/model.onnx`.

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

    Raises
    ------
    InputError
        When the record does not answer the card's question.
    ModelError
        When the exported model does not give the learner's probabilities.
    """
    return _fit(card, cases(card, _whole(events)), into, data)


def fit_and_prove(
    card: Card,
    events: Iterable[pa.Table],
    into: Path,
    data: str,
    *,
    limits: tuple[str, ...] = (),
    undated: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Fitted, Report]:
    """Prove every learner under the card's proof, train the seated one on all patients, and write model, report, page and tree.

    `limits` is what the reader must know of the data; `undated` why they carry no dates, when the moments of asking are assumed.
    `tree.svg` is the decision tree of the comparison, trained on all patients: not what speaks, but what people like to look at.
    """
    found = cases(card, _whole(events))
    if undated:
        found = replace(found, period=undated)
    proof = prove(card, found, progress=progress)
    progress(f"{card.learner}, on everything")
    fitted = _fit(card, found, into, data)
    proven = report(card, found, proof, fitted.model.sha256, data, limits)
    write(proven, card, into)
    tree = learner("tree").fit(found.features.X, found.y)
    (into / TREE).write_text(tree.draw(found.features.names, found.features.units), encoding="utf-8")
    return fitted, proven


def validate(fitted: Fitted, events: Iterable[pa.Table], data: str) -> Report:
    """Hold a sealed model against patients it was not trained on.

    Raises
    ------
    InputError
        When the patients are the very ones the model was trained on.
    """
    found = cases(fitted.card, _whole(events))
    if found.fingerprint == fitted.fingerprint:
        raise InputError(
            "A model cannot be validated on the patients it was trained on",
            where=data,
            do=f"give other patients, or run `consilium fit {fitted.card.name}`, which proves it by patients held out in turn",
        )
    started = time.perf_counter()
    p = fitted.model.probability(found.features.X)
    seconds = time.perf_counter() - started
    groups = {kind: found.groups[kind].tolist() for kind in fitted.card.proof.subgroups if kind in found.groups}
    own = learner_result(fitted.card.learner, found.y, p, seconds)
    words = "the sealed model on patients it was not trained on"
    return assemble(fitted.card, found, p, measure(found.y, p, groups=groups), (own,), words, fitted.model.sha256, data, ())


def write(proven: Report, card: Card, into: Path) -> None:
    """Write report.json and report.html into a folder."""
    write_report(into / REPORT, proven)
    (into / PAGE).write_text(page(proven, card_title=card.title["en"], card=card), encoding="utf-8")


def _fit(card: Card, found: Cases, into: Path, data: str) -> Fitted:
    trained = train(card.learner, found.features.X, found.y, found.subjects)
    into.mkdir(parents=True, exist_ok=True)
    path = into / MODEL
    interval = fit_intervals(trained.calibration.apply(trained.out_of_fold), found.y)

    def sealed(extra: dict[str, object]) -> ServedModel:
        seal(
            trained.learner,
            path,
            names=found.features.names,
            units=found.features.units,
            calibration=trained.calibration,
            interval=interval,
            X_train=found.features.X,
            card=card.name,
            version=card.version,
            extra=extra,
        )
        return ServedModel.load(path)

    # What to measure next is ranked by how much each input moves the answer; that is known only of a sealed model.
    weights = np.abs(sealed({}).attribute(found.features.X).weights).mean(axis=0)
    importance = {name: round(float(w), 6) for name, w in zip(found.features.names, weights, strict=True)}
    model = sealed({"importance": importance, "data": data, "fingerprint": found.fingerprint})
    return Fitted(card, model, into, data, found.fingerprint)


def _whole(events: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables(list(events))
