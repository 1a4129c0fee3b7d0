"""Adopt: a model made elsewhere takes a seat - distrusted, rewired, calibrated apart and proven on the user's own patients."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from consilium.core.card import Card
from consilium.core.errors import CardError, InputError, ModelError
from consilium.core.report import Report
from consilium.models.calibration import fit_calibration
from consilium.models.conformal import fit_sets
from consilium.models.odds import probability_of
from consilium.models.onnx import Onnx, Reading
from consilium.record import folds
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import Cases, bedside_groups, cases, some, yes_or_no
from consilium.specialists.dossier import STATEMENTS, gather, keep_reference, write_dossier
from consilium.specialists.fit import Fitted, seal_trained, write
from consilium.specialists.prove import SEED, Trained, assemble
from consilium.specialists.roster import CARD_FILE

LEARNER = "onnx"
LACKING = "a required input is missing"
UNKNOWN_TO_US = (
    "The model was made elsewhere: on which patients it was trained, and whether any of these were among them, only its makers know."
)
_FOLDS = 5


def adopt(
    model: Path, card_file: Path, events: Iterable[pa.Table], into: Path, data: str, *, limits: tuple[str, ...] = (), undated: str = ""
) -> tuple[Fitted, Report]:
    """Adopt a model: write a specialist's whole folder, `into/<card's name>/`, with card, sealed model, report and dossier.

    The model is measured as it came, and recalibrated on four fifths of the patients while the other fifth is measured, in turn;
    the sealed file carries the calibration on all of them.

    Parameters
    ----------
    model : Path
        The ONNX file.
    card_file : Path
        A card with `learner: onnx`, and `model` where inputs or outputs cannot be read without being told (see `Reading`).
    events : iterable of pyarrow.Table
        The user's record, with answers.
    into : Path
        A home of specialists.
    data : str
        What the data are called.
    limits, undated
        As in `fit_and_prove`.

    Raises
    ------
    CardError
        When the card does not say `learner: onnx`, or its `model` says something unknown.
    ModelError
        As `Onnx` says, or when what is read as log-odds are probabilities.
    InputError
        When nobody, or nobody of one kind, has every required input and an answer.
    """
    card, reading = read_card(card_file, anywhere=True), read_reading(card_file)
    if card.learner != LEARNER:
        expected = f"learner: {LEARNER}"
        raise CardError("The card of a model made elsewhere says so", where=str(card_file), found=card.learner, expected=expected)
    foreign = Onnx(model, [i.name for i in card.inputs], [i.required for i in card.inputs], reading)
    whole = pa.concat_tables(list(events))
    found = _complete(card, yes_or_no(cases(card, whole), "adopt a model"))
    if undated:
        found = replace(found, period=undated)
    foreign.settle(found.features.X)
    started = time.perf_counter()
    raw = foreign.log_odds(found.features.X)
    seconds = time.perf_counter() - started
    if foreign.looks_like_probabilities(found.features.X):
        raise ModelError("What the card reads as log-odds never leaves 0 to 1", where=str(model), do="say `model: {output: probability}`")
    splits = list(folds(found.y, _FOLDS, seed=SEED, subjects=found.subjects))
    p = np.empty(len(found.y))
    for fit_rows, rest in splits:
        p[rest] = probability_of(fit_calibration(raw[fit_rows], found.y[fit_rows]).apply(raw[rest]))
    calibration = fit_calibration(raw, found.y)
    trained = Trained(foreign, calibration, raw, fit_sets(calibration.apply(raw), found.y, bedside_groups(found.groups)))
    folder = into / card.name
    folder.mkdir(parents=True, exist_ok=True)
    fitted = seal_trained(card, found, trained, folder, data)
    groups = {kind: found.groups[kind].tolist() for kind in card.proof.subgroups if kind in found.groups}
    compared = (
        found.truth.result(LEARNER, p, seconds),
        found.truth.result(f"{LEARNER}, as it came", probability_of(raw), seconds),
    )
    words = f"the model as it came, recalibrated on four fifths of the patients and measured on the other fifth, {_FOLDS} times"
    measures = found.truth.measured(p, groups, SEED)[0]
    proven = assemble(card, found, p, measures, compared, words, fitted.model.sha256, data, (*limits, UNKNOWN_TO_US))
    write(proven, card, folder)
    _keep(card_file, folder)
    keep_reference(card, found, p, proven.model_sha256, folder)
    facts = gather(card, proven, found, p, whole, study="adoption", dated=not undated, splits=splits, home=folder)
    write_dossier(facts, folder)
    return fitted, proven


def read_reading(card_file: Path) -> Reading:
    """How the card says the model is to be read: its `model` part.

    Raises
    ------
    CardError
        When it says something unknown.
    """
    raw: Any = yaml.safe_load(card_file.read_text(encoding="utf-8")).get("model") or {}
    known = set(Reading.__dataclass_fields__)
    if not isinstance(raw, Mapping) or set(raw) - known:
        raise CardError("The card reads its model in an unknown way", where=f"{card_file}, model", found=raw, expected=sorted(known))
    try:
        fill = {str(name): float(value) for name, value in (raw.get("fill") or {}).items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise CardError("A filling is a number for each input", where=f"{card_file}, model, fill", found=raw.get("fill")) from error
    texts = {name: str(raw.get(name, "")) for name in ("output", "output_name", "positive")}
    return Reading(**texts, takes_missing=raw.get("takes_missing") is True, fill=fill)


def _complete(card: Card, found: Cases) -> Cases:
    """Those whom the specialist would speak of: with every required input."""
    required = np.array([i.required for i in card.inputs], dtype=np.bool_)
    lacks: NDArray[np.bool_] = np.any(~found.features.observed[:, required], axis=1).reshape(-1)
    if not lacks.any():
        return found
    kept = np.flatnonzero(~lacks)
    if not 0 < found.y[kept].sum() < len(kept):
        few = f"{len(kept)} of {len(lacks)}"
        raise InputError("Nobody, or nobody of one kind, has every required input", where=f"card {card.name}", found=few)
    return replace(some(found, kept), excluded={**found.excluded, LACKING: int(lacks.sum())})


def _keep(card_file: Path, folder: Path) -> None:
    """Card, mapping, statements and README stand in the specialist's folder."""
    for name in (card_file.name, "data.yaml", STATEMENTS, "README.md"):
        source, target = card_file.parent / name, folder / (CARD_FILE if name == card_file.name else name)
        if source.is_file() and source.resolve() != target.resolve():
            shutil.copyfile(source, target)
