"""Trains the outlining specialists (lung nodules, breast ultrasound), seals them, and proves them once on patients held out for good.

    python benchmarks/imaging_train_outline.py --set lidc --keep DIR --seal
    python benchmarks/imaging_train_outline.py --set lidc --prove

A fifth of the patients (groups of near copies, where patients are not known) is held out by a fixed draw. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from imaging_train import again

from consilium.imaging.descend import Recipe
from consilium.imaging.detect import places
from consilium.imaging.network_unet import OUTPUTS
from consilium.imaging.research import ImageSet, fingerprint, read_breast_ultrasound, read_lidc
from consilium.imaging.seated import Said
from consilium.imaging.segment import measured, numbers_of, segment, weighed
from consilium.imaging.specialist import FOLDER, ImageCard, model, read_card
from consilium.imaging.train_outline import boosted, development, seal_outline, threshold_of, weigh
from consilium.imaging.train_picture import proven
from consilium.imaging.train_residual import folds
from consilium.imaging.train_unet import Outlined, dice, train_unet
from consilium.imaging.traits import grown, largest
from consilium.record import drawn
from consilium.validation.page import page
from consilium.validation.report_file import write_report

SHARED = Path(__file__).parents[2] / "shared" / "data"
SEED, HELD = 20260101, 0.2


@dataclass(frozen=True)
class Plan:
    """How a set is read, which answers the network is taught besides, and how it is trained and weighed, in `k` folds.

    `at` is where the place lies, if known; `C` as for `weigh`.
    """

    specialist: str
    read: Callable[[], ImageSet]
    file: Path
    taught: Callable[[ImageSet], np.ndarray]
    strata: Callable[[ImageSet], np.ndarray]
    recipe: Recipe
    crop: int | None
    share: float
    at: tuple[int, int] | None
    k: int
    C: float


def _with_lesion(found: ImageSet) -> np.ndarray:
    return found.facts["kind"] != "normal"


PLANS = {
    "lidc": Plan(
        "lung_nodule",
        lambda: read_lidc(SHARED / "lidc_nodules", 64),
        SHARED / "lidc_nodules" / "lidc_nodules.npz",
        lambda s: np.concatenate([np.stack([s.y, (s.facts["rating"] - 1) / 4], 1), s.facts["read"]], 1),
        lambda s: np.nan_to_num(s.y, nan=2),
        Recipe(
            epochs=15, batch=16, rate=3e-3, width=16, fold=2, drop=0.3, mixed=0, turn=180, shift=0.05, zoom=0.05, shade=0.15, mirrors="hv"
        ),
        None,
        0.5,
        (32, 32),
        3,
        0.002,
    ),
    "breast_ultrasound": Plan(
        "breast_ultrasound",
        lambda: read_breast_ultrasound(SHARED / "breast_ultrasound" / "breast_ultrasound.zip", 96),
        SHARED / "breast_ultrasound" / "breast_ultrasound.zip",
        lambda s: np.stack([np.where(_with_lesion(s), s.y, np.nan), _with_lesion(s)], 1),
        lambda s: s.y + _with_lesion(s),
        Recipe(epochs=9, batch=6, width=16, mixed=0, kept=0.98, turn=15, shift=0.06, zoom=0.12, shade=0.2),
        None,
        0.4,
        None,
        2,
        0.1,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=sorted(PLANS), required=True)
    parser.add_argument("--keep", type=Path, help="folder in which finished folds are kept")
    parser.add_argument("--seal", action="store_true", help="write the model into its folder")
    parser.add_argument("--prove", action="store_true", help="train nothing; write the report on the patients held out")
    arguments = parser.parse_args()
    plan = PLANS[arguments.set]
    found = plan.read()
    card = read_card(FOLDER / plan.specialist / "card.yaml")
    told = prove(plan, card, found) if arguments.prove else train(plan, card, found, arguments.keep, arguments.seal)
    print(json.dumps({f"{arguments.set}_{name}": value for name, value in told.items()}))


def train(plan: Plan, card: ImageCard, found: ImageSet, keep: Path | None, seal: bool) -> dict[str, float]:
    """Folds of the development part: the network, what it and its outlines say weighed, the threshold, and the sealed model."""
    rows = np.flatnonzero(~drawn(found.subjects, HELD, seed=SEED))
    outlined, fold = networks(plan, found, rows, keep)
    true = found.outlines[rows] >= 0.5
    spacing = np.ones(len(rows)) if found.spacing is None else found.spacing[rows]
    asked = ~np.isnan(plan.taught(found)[rows, 0])
    traits = development(outlined, found.images[rows], spacing, plan.at)
    y, who = found.y[rows][asked].astype(int), found.subjects[rows][asked]
    weighing = weigh(outlined.unseen[asked], traits[asked], y, fold[asked], who, C=plan.C)
    if plan.at is not None:  # the classical way, in the same folds: outlines grown from the middle, trees over their traits and texture
        parts = np.stack([grown(image[0], plan.at) for image in found.images[rows][asked]])
        classical = boosted("classical", numbers_of(found.images[rows, 0][asked], parts, spacing[asked]), y, fold[asked], who)
        weighing = replace(weighing, results=(*weighing.results, classical))
    threshold = None
    if "false_positives_per_image" in card.more:
        cap, confidence = card.more["false_positives_per_image"], card.more["confidence"]
        threshold = threshold_of(outlined.masks[:, 0].astype(np.float32), true, found.subjects[rows], cap, confidence)
    if seal:
        seal_outline(
            card, outlined.members, weighing, y, FOLDER / card.name, mirrors=plan.recipe.mirrors, threshold=threshold, subjects=who
        )
    overlap = dice(outlined.masks[:, 0] > 0, true)[true.any((1, 2))].mean()
    areas = {result.learner: round(result.auroc.value, 4) for result in weighing.results}
    return {**areas, "dice": round(float(overlap), 4), **({} if threshold is None else {"threshold": round(threshold, 4)})}


def networks(plan: Plan, found: ImageSet, rows: np.ndarray, keep: Path | None) -> tuple[Outlined, np.ndarray]:
    """The U-Nets of each fold of the development part, and the folds."""
    taught = plan.taught(found)[rows].astype(np.float32)
    fold = folds(found.subjects[rows], plan.strata(found)[rows], plan.k, seed=1)
    said = train_unet(found.images[rows], found.outlines[rows], taught, fold, plan.recipe, crop=plan.crop, share=plan.share, keep=keep)
    return said, fold


def held_out(plan: Plan, found: ImageSet) -> tuple[np.ndarray, Said, np.ndarray, np.ndarray]:
    """Rows held out whose answer is known, what the sealed model says of them, and outlines (drawn, true) of all held out with one."""
    folder = FOLDER / plan.specialist
    rows = np.flatnonzero(drawn(found.subjects, HELD, seed=SEED))
    true, asked = found.outlines[rows] >= 0.5, ~np.isnan(plan.taught(found)[rows, 0])
    probability, told = segment(folder, found.images[rows])
    if plan.at is not None:
        parts = np.stack([largest(mask > 0.5, plan.at) for mask in probability])
    else:
        best = [places(mask) for mask in probability]
        parts = np.stack([one[0].mask if one else np.zeros(probability.shape[1:], bool) for one in best])
    spacing = np.ones(len(rows)) if found.spacing is None else found.spacing[rows]
    numbers = measured if plan.at is None else numbers_of
    said = weighed(folder, told[asked], numbers(found.images[rows, 0][asked], parts[asked], spacing[asked]))
    there = true.any((1, 2))
    drawn_masks = parts if plan.at is not None else probability > 0.5
    return rows[asked], said, drawn_masks[there], true[there]


def prove(plan: Plan, card: ImageCard, found: ImageSet) -> dict[str, object]:
    """The report of those held out, beside the model."""
    rows, said, mine, true = held_out(plan, found)
    rest = ~drawn(found.subjects, HELD, seed=SEED) & ~np.isnan(plan.taught(found)[:, 0])
    folder = FOLDER / card.name
    report = proven(
        card, said, found.y[rows].astype(int), model(folder, ("X",), OUTPUTS)[1],
        digest=hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(), data=plan.file.name, fingerprint=fingerprint(plan.file),
        development=(int(rest.sum()), int(found.y[rest].sum()), f"{plan.k} folds of patients or groups of near copies"),
        held_out=f"a fixed draw of {HELD:.0%} of patients (or groups of near copies), asked of the sealed model{again(card)}",
        subjects=found.subjects[rows],
    )  # fmt: skip
    overlap = float(dice(mine, true).mean())
    measured_too = f"Outlines overlap with the readers' by a Dice of {overlap:.3f} on those held out."
    missed = () if overlap >= card.bar["dice"] else (f"Dice {overlap:.3f} does not reach {card.bar['dice']:g}",)
    report = replace(report, limits=(*report.limits, measured_too), shortfalls=(*report.shortfalls, *missed))
    write_report(folder / "report.json", report)
    (folder / "report.html").write_text(page(report, card_title=card.title["en"]), encoding="utf-8")
    return {"auroc": round(report.auroc.value, 4), "dice": round(overlap, 4), "shortfalls": list(report.shortfalls)}


if __name__ == "__main__":
    main()
