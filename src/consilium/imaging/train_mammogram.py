"""Training of the mammography specialist on a user's folder: learned by folds of patients, sealed, and proven on patients held out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import ExtraError, InputError
from consilium.core.report import Report
from consilium.imaging.descend import Recipe
from consilium.imaging.detect import OVERLAP, Place, losses, places
from consilium.imaging.mammogram_sets import Mammograms, read_mammograms, write_rejects
from consilium.imaging.network_unet import OUTPUTS
from consilium.imaging.segment import measured, segment, weighed
from consilium.imaging.specialist import CARD, PAGE, REPORT, ImageCard, model, read_card
from consilium.imaging.train_outline import development, scores_of, seal_outline, threshold_of, weigh
from consilium.imaging.train_picture import proven
from consilium.imaging.train_residual import folds
from consilium.imaging.train_unet import dice, train_unet
from consilium.models.odds import log_odds_of
from consilium.record import drawn
from consilium.validation.page import page
from consilium.validation.report_file import write_report

REJECTS = "rejects.csv"
SEED, HELD, LEAST = 20260101, 0.2, 10
"""Of draws; share of patients held out where the data have no part of their own for that; patients of each answer in either part."""


def fit_mammography(
    folder: Path, data: Path, into: Path, *, keep: Path | None = None, progress: Callable[[str], None] = lambda _: None
) -> tuple[Report, Mammograms]:
    """Learn from a folder kept like CBIS-DDSM or VinDr-Mammo, and write model, report, page, card and rejects.

    Parameters
    ----------
    folder : path
        The specialist's; its card says size of pictures, recipe, cap on false places and bar.
    data : path
        See `mammogram_sets`.
    into : path
        Where to write; may be `folder`.
    keep : path, optional
        Where finished folds are kept, so that training which was cut off goes on.
    progress : callable

    Raises
    ------
    InputError
        When the data cannot be used, or hold too few patients with either answer.
    ExtraError
        When torch is not installed.
    """
    if find_spec("torch") is None:
        raise ExtraError("Networks need torch", found="no torch", do="run `pip install 'consilium[train]'`")
    card = read_card(folder / CARD)
    more = card.more
    size = (card.image["rows"], card.image["columns"])
    read = read_mammograms(data, size, without_per_with=more["without_per_with"], progress=progress)
    held = _held(read)
    found = read.set
    assert found.outlines is not None
    known = ~np.isnan(found.y)
    _enough(read, held)

    rows = np.flatnonzero(~held)
    true = found.outlines[rows] >= 0.5
    asked, who = known[rows], found.subjects[rows]
    y = found.y[rows][asked].astype(np.int64)
    taught = np.stack([found.y[rows], true.any((1, 2))], 1).astype(np.float32)
    recipe = Recipe(**more["recipe"])
    fold = folds(who, true.any((1, 2)) + np.nan_to_num(found.y[rows]), more["folds"], seed=1)
    progress(f"learning from {len(rows)} images of {len(np.unique(who))} patients")
    outlined = train_unet(
        found.images[rows], found.outlines[rows], taught, fold, recipe, share=more["answers_weigh"], keep=keep, say=progress
    )
    progress("weighing, calibrating and setting the threshold")
    traits = development(outlined, found.images[rows], np.ones(len(rows)), None)
    weighing = weigh(outlined.unseen[asked], traits[asked], y, fold[asked], who[asked])
    cap, confidence = more["false_positives_per_image"], more["confidence"]
    threshold = threshold_of(outlined.masks[:, 0].astype(np.float32), true, who, cap, confidence)
    told = {"label": read.label, "shape": read.shape, "notes": list(read.notes)}
    digest = seal_outline(
        card, outlined.members, weighing, y, into, threshold=threshold, subjects=who[asked], mirrors=recipe.mirrors, told=told
    )  # fmt: skip

    progress("proving on patients held out")
    report = _proven(card, read, held, into, digest, threshold)
    write_report(into / REPORT, report)
    (into / PAGE).write_text(page(report, card_title=card.title["en"]), encoding="utf-8")
    write_rejects(into / REJECTS, read.rejects)
    if into.resolve() != folder.resolve():
        shutil.copyfile(folder / CARD, into / CARD)
    return report, read


def _held(read: Mammograms) -> NDArray[np.bool_]:
    """Images held out: the data's own test part, else those of a fixed draw of patients."""
    own = read.set.part == "test"
    return own if own.any() else drawn(read.set.subjects, HELD, seed=SEED)


def _enough(read: Mammograms, held: NDArray[np.bool_]) -> None:
    for name, part in (("to learn from", ~held), ("held out", held)):
        for answer in (0, 1):
            n = len(np.unique(read.set.subjects[part & (read.set.y == answer)]))
            if n < LEAST:
                raise InputError(
                    f"Too few patients {name} have the answer {'yes' if answer else 'no'}", where=read.shape, found=n,
                    expected=f"at least {LEAST}", do="give more of the set; rows that could not be used are "
                    + (f"{len(read.rejects)}, the first: {read.rejects[0].reason}" if read.rejects else "none"),
                )  # fmt: skip


def _proven(card: ImageCard, read: Mammograms, held: NDArray[np.bool_], into: Path, digest: str, threshold: float) -> Report:
    """What the sealed model says of the images held out, as a report; places and outlines are counted among its limits and shortfalls."""
    found = read.set
    assert found.outlines is not None
    rows = np.flatnonzero(held)
    probability, told = segment(into, found.images[rows])
    true, asked = found.outlines[rows] >= 0.5, ~np.isnan(found.y[rows])
    shown = [places(one) for one in probability]
    surest = np.stack([one[0].mask if one else np.zeros(probability.shape[1:], bool) for one in shown])
    said = weighed(into, told[asked], measured(found.images[rows, 0][asked], surest[asked], np.ones(int(asked.sum()))))
    own = (read.set.part == "test").any()
    development_rows = ~held & ~np.isnan(found.y)
    report = proven(
        card, said, found.y[rows][asked].astype(np.int64), model(into, ("X",), OUTPUTS)[1], digest=digest, data=read.shape,
        fingerprint=read.fingerprint,
        development=(int(development_rows.sum()), int(found.y[development_rows].sum()), f"{card.more['folds']} folds of patients"),
        held_out=("the set's own test part" if own else f"a fixed draw of {HELD:.0%} of the patients")
        + f", {int(asked.sum())} images of {len(np.unique(found.subjects[rows][asked]))} patients, shown once to the sealed model",
        subjects=found.subjects[rows][asked],
    )  # fmt: skip
    false = float(losses(scores_of(log_odds_of(probability, 1e-7), true), threshold).mean())
    there = np.flatnonzero(true.any((1, 2)))
    touched = float(np.mean([_touched(shown[k], true[k], threshold) for k in there]))
    overlap = float(dice(probability > 0.5, true)[there].mean())
    question = {"breast_malignancy": "malignant by pathology", "mass_rated_suspicious": "rated BI-RADS 4 or more by readers"}[read.label]
    counted = (
        f"The answer is whether a mass is {question}; {int(asked.sum())} images held out have one whose answer is known.",
        f"Of the images held out that hold a mass, in {touched:.0%} a place above the threshold of {threshold:.3f} is of it; "
        f"{false:.2f} false places per image (cap {card.more['false_positives_per_image']:g}); outlines overlap, Dice {overlap:.3f}.",
        *((f"{len(read.rejects)} rows of the data could not be used; {REJECTS} names each.",) if read.rejects else ()),
        *read.notes,
    )
    low = card.bar["touched"]
    missed = [f"A mass is touched in {touched:.0%} of the images that hold one, below {low:.0%}"] if touched < low else []
    if read.phantoms:
        missed.append(f"{read.phantoms} of the images are declared phantoms: what is learned from them may not be said of people")
    return replace(report, limits=(*report.limits, *counted), shortfalls=(*report.shortfalls, *missed))


def _touched(shown: Sequence[Place], true: NDArray[np.bool_], threshold: float) -> bool:
    """Whether a place that is shown is a true one."""
    return any(one.score >= threshold and (one.mask & true).sum() >= OVERLAP * (one.mask | true).sum() for one in shown)
