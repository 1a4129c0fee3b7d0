"""Dossier: gather the facts of a proof - who, what, which splits, groups, hospitals, periods, leaks - and write them beside the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from consilium.core.card import Card, Input
from consilium.core.code import BIRTH
from consilium.core.errors import ConsiliumError, LawError
from consilium.core.report import Report
from consilium.knowledge import shelf
from consilium.quality.leaks import check_time
from consilium.record import Fold, features, forward
from consilium.record.cohort import CENSORED, NO_LABEL, UNLISTED
from consilium.specialists.cases import Cases
from consilium.specialists.drift import compare, read_reference, reference, write_reference
from consilium.specialists.prove import probability, seen_by, train
from consilium.validation import auroc, calibration_slope, observed_over_expected
from consilium.validation.clusters import clusters, periods
from consilium.validation.dossier import (
    Facts,
    Forward,
    Leak,
    Predictor,
    Said,
    Split,
    as_json,
    items,
    judge,
    model_card,
    model_card_xml,
    page,
    read_statements,
)  # fmt: skip
from consilium.validation.dossier.words import words_of
from consilium.validation.fairness import fairness
from consilium.validation.sample_size import sample_size

DOSSIER, DOSSIER_JSON, MODEL_CARD, MODEL_CARD_XML, STATEMENTS = (
    "dossier.html", "dossier.json", "model_card.json", "model_card.xml", "dossier.yaml",
)  # fmt: skip
_AGE = Input("age", (BIRTH,), "a", "age")
_EARLIER = 0.7
"""Share of rows, the earliest, that the model of the proof forward in time is trained on."""
_LEAST = 10


def write_dossier(facts: Facts, into: Path) -> None:
    """Write `dossier.html`, `dossier.json` and the model card (JSON and XML) into a folder."""
    judgement = judge(facts)
    words = words_of(facts, f"Risk of bias by PROBAST: {judgement.risk} ({judgement.because}).")
    filled = items(facts, words)
    card = model_card(facts, words)
    into.mkdir(parents=True, exist_ok=True)
    (into / DOSSIER).write_text(page(facts, judgement, filled, words), encoding="utf-8")
    (into / DOSSIER_JSON).write_bytes(as_json(facts, judgement, filled))
    (into / MODEL_CARD).write_bytes(orjson.dumps(card, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    (into / MODEL_CARD_XML).write_bytes(model_card_xml(card))


def keep_reference(card: Card, found: Cases, p: NDArray[np.float64], model_sha256: str, into: Path) -> None:
    """Write the distributions of a proof beside its model, for the drift check."""
    write_reference(into, reference(card.name, card.version, model_sha256, found.features, p, found.y, found.period))


def gather(
    card: Card,
    report: Report,
    found: Cases,
    p: NDArray[np.float64],
    events: pa.Table,
    *,
    study: str,
    dated: bool,
    splits: Sequence[Fold] = (),
    looked: Cases | None = None,
    made: tuple[Cases, NDArray[np.float64]] | None = None,
    home: Path | None = None,
    developed_on: str = "",
    check: bool = True,
) -> Facts:
    """Gather what is known of a proof.

    Parameters
    ----------
    card, report
        The question and its proof.
    found : Cases
        The rows, with the truth.
    p : float64 array of shape (n,)
        The risks that the report measures.
    events : pyarrow.Table
        Where the rows were found.
    study : str
        `development`, `evaluation` or `adoption`.
    dated : bool
        Whether moments of asking are real dates.
    splits : sequence of Fold
        What was learned from and proven on, as it was; a patient on both sides is counted, not refused.
    looked : Cases, optional
        The rows that `splits` count and the leak check looks at; by default those proven on.
    made : (Cases, float64 array), optional
        The rows the model was made of, and risks for them while unseen; by default those proven on.
    home : Path, optional
        The specialist's folder, with the author's statements and the reference of the development.
    developed_on : str
        The data the model was made from.
    check : bool
        Whether to look for leaks.
    """
    said = read_statements(home / STATEMENTS) if home else Said()
    looked = looked or found
    learned, unseen = made or (found, p)
    leaks, notes = _leaks(card, looked, events, splits) if check else (None, ())
    groups = {kind: found.groups[kind].tolist() for kind in found.groups if kind in (*card.proof.subgroups, "sex", "age", "site")}
    threshold = card.threshold if card.threshold is not None else float(found.y.mean())
    ages = features(events, (_AGE,), found.features.rows).X[:, 0]
    sexes = found.groups["sex"]
    when = [at for _, at in found.features.rows]
    # Where everybody is asked at one moment, that moment was assumed, whatever it is called.
    dated = dated and len(set(when)) > 1
    named = periods(when) if dated else None
    sites = found.groups.get("site")
    return Facts(
        card=card,
        report=report,
        study=study,
        dated=dated,
        patients=len(np.unique(found.subjects)),
        excluded=dict(found.excluded),
        unanswered=sum(n for reason, n in found.excluded.items() if reason in (NO_LABEL, UNLISTED, CENSORED)),
        ages=(float(np.nanmin(ages)), float(np.nanmax(ages))) if np.isfinite(ages).any() else None,
        outside_population=float(_outside(card, ages, sexes).mean()),
        sexes=tuple(code for code, name in (("F", "women"), ("M", "men")) if (sexes == name).any()),
        splits=tuple(_split(fold, looked) for fold in splits),
        predictors=_predictors(card, found),
        leaks=leaks,
        leak_notes=notes,
        threshold=threshold,
        threshold_from="card" if card.threshold is not None else "events",
        groups=fairness(found.y, p, groups, threshold, subjects=found.subjects),
        sites=clusters("site", found.y, p, sites.tolist(), subjects=found.subjects) if sites is not None and len(set(sites)) > 1 else None,
        periods=clusters("period", found.y, p, named, subjects=found.subjects) if named else None,
        forward=_forward(card, found) if dated and study == "development" and card.proof.kind != "held_out" else None,
        sample=sample_size(learned.y, unseen, len(card.inputs)),
        developed_on=developed_on,
        drift=_drift(card, found, p, home) if study == "evaluation" and home else None,
        said=said,
        bibliography=_bibliography(card),
    )


def _leaks(card: Card, found: Cases, events: pa.Table, splits: Sequence[Fold]) -> tuple[tuple[Leak, ...], tuple[str, ...]]:
    looked = check_time(events, card, (found.features.rows, found.y), list(splits))
    return tuple(Leak(f.kind, f.where, f.count, f.detail, f.means()) for f in looked.findings), looked.notes


def _split(fold: Fold, found: Cases) -> Split:
    train, test = fold
    both = np.intersect1d(found.subjects[train], found.subjects[test])
    return Split(len(train), int(found.y[train].sum()), len(test), int(found.y[test].sum()), len(both))


def _predictors(card: Card, found: Cases) -> tuple[Predictor, ...]:
    X, y = found.features.X.astype(np.float64), found.y > 0
    sites = found.groups.get("site")
    out = []
    for j, i in enumerate(card.inputs):
        values, seen = X[:, j], found.features.observed[:, j]
        distinct = np.unique(values[seen])
        binary = i.unit == "1" and set(distinct.tolist()) <= {0.0, 1.0}
        middle = np.mean if binary else np.median
        by = (
            {str(s): float(1 - seen[sites == s].mean()) for s in sorted(set(sites.tolist())) if (sites == s).sum() >= _LEAST}
            if sites is not None
            else {}
        )
        quartiles = None if binary or not seen.any() else tuple(float(q) for q in np.quantile(values[seen], [0.25, 0.5, 0.75]))
        out.append(
            Predictor(
                i.name, i.unit, i.required, quartiles, float(values[seen].mean()) if binary and seen.any() else None,  # type: ignore[arg-type]
                float(middle(values[seen & y])) if (seen & y).any() else None,
                float(middle(values[seen & ~y])) if (seen & ~y).any() else None,
                float(1 - seen.mean()), float(1 - seen[y].mean()), float(1 - seen[~y].mean()), int(distinct.size), by,
            )
        )  # fmt: skip
    return tuple(out)


def _outside(card: Card, ages: NDArray[Any], sexes: NDArray[np.object_]) -> NDArray[np.bool_]:
    low, high = card.ages
    allowed = [name for code, name in (("F", "women"), ("M", "men")) if code in card.population.sexes]
    return np.asarray(~((ages >= low) & (ages <= high)) | ~np.isin(sexes.astype(str), allowed))


def _forward(card: Card, found: Cases) -> Forward | None:
    """The seated learner, trained on the earliest rows and proven on the later; None where either side cannot be measured."""
    when = np.array([at for _, at in found.features.rows], dtype="datetime64[us]")
    date = np.sort(when)[int(_EARLIER * (len(when) - 1))].astype("datetime64[D]")
    try:
        fold = forward(found.features.rows, date.astype("datetime64[us]").item())
    except LawError:
        return None
    sides = [found.y[rows] for rows in fold]
    if any(min(y.sum(), len(y) - y.sum()) < _LEAST for y in sides):
        return None
    train_rows, test = fold
    X, shape = seen_by(card.learner, card, found.features.X)
    trained = train(card.learner, X[train_rows], found.y[train_rows], found.subjects[train_rows], {**shape, **card.parameters})
    p, y = probability(trained, X[test]), found.y[test]
    whose = found.subjects[test]
    measures = tuple(of(y, p, subjects=whose) for of in (auroc, calibration_slope, observed_over_expected))
    return Forward(str(date), len(train_rows), len(test), int(y.sum()), *measures)


def _drift(card: Card, found: Cases, p: NDArray[np.float64], home: Path) -> tuple[str, ...] | None:
    try:
        held = read_reference(home)
    except ConsiliumError:
        return None
    return compare(held, found.features, p, found.period, (found.y, p)).sentences()


def _bibliography(card: Card) -> str:
    known: Mapping[str, Any] = shelf().sources
    entries = []
    for key in card.sources:
        source = known.get(key)
        if source is None:
            entries.append(f"@misc{{{key}}}")
        else:
            title = source.name.replace("{", "(").replace("}", ")")
            entries.append(f"@misc{{{key}, title = {{{title}}}, year = {{{source.version}}}, url = {{{source.url}}}}}")
    return "\n".join(entries)
