"""Trains the picture specialists on the development parts of public sets, seals the better learner, and leaves the test parts alone.

    python benchmarks/imaging_train.py --set breastmnist [--keep DIR] [--seal]

Each fold is kept as it is finished (`--keep`), so that training which was cut off goes on. Without `--seal` nothing is written
into the package. The last line is one JSON object: AUROC of the learners on images that they had not seen, for the retina also the
mean over grades.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consilium.core.report import Estimate
from consilium.imaging.descend import Recipe
from consilium.imaging.research import ImageSet, fingerprint, read_medmnist
from consilium.imaging.specialist import FOLDER, ImageCard, read_card
from consilium.imaging.task_picture import Picture
from consilium.imaging.train_picture import compare, proven, seal_picture
from consilium.imaging.train_residual import folds
from consilium.models.odds import probability_of
from consilium.validation.interval import percentile, resamples
from consilium.validation.page import page
from consilium.validation.report_file import write_report

SHARED = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Plan:
    """Which specialist a set trains, how its labels become questions, and how the network is trained."""

    specialist: str
    questions: object
    answer: int
    k: int
    recipe: Recipe


PLANS = {
    "breastmnist": Plan("breast_ultrasound_thumbnail", lambda y: np.stack([y == 0], 1), 0, 5, Recipe(epochs=40, smooth=0.05)),
    # Grades are put as "at least 1 .. 4" and as "exactly 0 .. 4"; referable is at least 2.
    "retinamnist": Plan(
        "retina_thumbnail",
        lambda y: np.concatenate([y[:, None] >= np.arange(1, 5), y[:, None] == np.arange(5)], 1),
        1,
        5,
        Recipe(epochs=40, turn=180, shift=0.05, zoom=0.12, shade=0.2, mirrors="hv", smooth=0.05, drop=0.3),
    ),
    "pneumoniamnist": Plan(
        "chest_xray_thumbnail",
        lambda y: np.stack([y == 1], 1),
        0,
        3,
        Recipe(epochs=5, batch=64, kept=0.98, turn=10, zoom=0.15, shade=0.3, mirrors="h", smooth=0.05),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=sorted(PLANS), required=True)
    parser.add_argument("--data", type=Path, default=SHARED / "medmnist")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--baseline", action="store_true", help="train the classical baseline alone")
    parser.add_argument("--seal", action="store_true", help="write the model of the card's learner into its folder")
    parser.add_argument("--prove", action="store_true", help="train nothing; write the sealed model's report on the official test part")
    arguments = parser.parse_args()
    plan, path = PLANS[arguments.set], arguments.data / f"{arguments.set}.npz"
    found = read_medmnist(path)
    rows = found.part != "test"
    y = plan.questions(found.y).astype(np.float32)
    card = read_card(FOLDER / plan.specialist / "card.yaml")
    if arguments.prove:
        print(json.dumps(prove(card, found, y[:, plan.answer], path, plan.k)))
        return
    fold = folds(found.subjects[rows], found.y[rows], plan.k)
    keep = arguments.keep and arguments.keep / arguments.set
    compared = compare(found.images[rows], y[rows], fold, None if arguments.baseline else plan.recipe, answer=plan.answer, keep=keep)
    if arguments.seal:
        seal_picture(card, compared, y[rows], FOLDER / plan.specialist, answer=plan.answer)
    areas = {f"{arguments.set}_{result.learner}": round(result.auroc.value, 4) for result in compared.results}
    if arguments.set == "retinamnist":
        areas |= {f"retinamnist_grades_{name}": round(macro(told, found.y[rows]).value, 4) for name, told in compared.unseen.items()}
    print(json.dumps(areas))


def prove(card: ImageCard, found: ImageSet, y: np.ndarray, path: Path, k: int) -> dict[str, float]:
    """Write the report of the official test part beside the model."""
    task, folder, test = Picture(card), FOLDER / card.name, found.part == "test"
    report = proven(
        card, task.said(found.images[test]), y[test].astype(int), task.meta,
        digest=hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(), data=f"MedMNIST v2, {path.name}",
        fingerprint=fingerprint(path), held_out=f"the official test part, asked of the sealed model{again(card)}",
        development=(int((~test).sum()), int(y[~test].sum()), f"{k} folds of the official training and validation parts"),
    )  # fmt: skip
    write_report(folder / "report.json", report)
    (folder / "report.html").write_text(page(report, card_title=card.title["en"]), encoding="utf-8")
    return {"auroc": round(report.auroc.value, 4), "shortfalls": list(report.shortfalls)}


def again(card: ImageCard) -> str:
    """In words, that those held out were asked before, where the card says so."""
    return f", {card.more['asked_before']}" if "asked_before" in card.more else ""


def macro(raw: np.ndarray, grade: np.ndarray) -> Estimate:
    """Mean over grades of the AUROC of that grade against the others, as MedMNIST counts, with a bootstrap interval over pictures."""
    from sklearn.metrics import roc_auc_score

    score = grades(raw)

    def area(rows: np.ndarray) -> float:
        there = [k for k in range(5) if 0 < (grade[rows] == k).sum() < len(rows)]
        return float(np.mean([roc_auc_score(grade[rows] == k, score[rows, k]) for k in there]))

    return percentile(area(np.arange(len(grade))), [area(rows) for rows in resamples(len(grade), seed=0, times=500)])


def grades(raw: np.ndarray) -> np.ndarray:
    """Score of each grade (n, 5) from answers `at least 1 .. 4` and `exactly 0 .. 4` (n, 9): the mean of both ways of saying it."""
    least = np.concatenate([np.ones((len(raw), 1)), probability_of(raw[:, :4]), np.zeros((len(raw), 1))], 1)
    return (least[:, :-1] - least[:, 1:] + probability_of(raw[:, 4:])) / 2


if __name__ == "__main__":
    main()
