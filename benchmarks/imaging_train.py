"""Trains the picture specialists on the development parts of public sets, seals the better learner, and leaves the test parts alone.

    python benchmarks/imaging_train.py --set breastmnist [--keep DIR] [--seal]

Each fold is kept as it is finished (`--keep`), so that training which was cut off goes on. Without `--seal` nothing is written
into the package. The last line is one JSON object: AUROC of both learners on images that they had not seen.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consilium.imaging.research import read_medmnist
from consilium.imaging.specialist import FOLDER, read_card
from consilium.imaging.train_picture import compare, seal_picture
from consilium.imaging.train_residual import Recipe, folds

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
    "breastmnist": Plan("breast_ultrasound_thumbnail", lambda y: np.stack([y == 0], 1), 0, 5, Recipe(epochs=36)),
    # Grades are put as "at least 1 .. 4" and as "exactly 0 .. 4"; referable is at least 2.
    "retinamnist": Plan(
        "retina_thumbnail",
        lambda y: np.concatenate([y[:, None] >= np.arange(1, 5), y[:, None] == np.arange(5)], 1),
        1,
        3,
        Recipe(epochs=16, turn=180, shift=0.04, zoom=0.1, shade=0.15, mirrors="hv"),
    ),
    "pneumoniamnist": Plan(
        "chest_xray_thumbnail", lambda y: np.stack([y == 1], 1), 0, 3, Recipe(epochs=4, batch=64, kept=0.98, turn=10, mirrors="h")
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=sorted(PLANS), required=True)
    parser.add_argument("--data", type=Path, default=SHARED / "medmnist")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--seal", action="store_true")
    arguments = parser.parse_args()
    plan = PLANS[arguments.set]
    found = read_medmnist(arguments.data / f"{arguments.set}.npz")
    rows = found.part != "test"
    x, y = found.images[rows], plan.questions(found.y[rows]).astype(np.float32)
    fold = folds(found.subjects[rows], found.y[rows], plan.k)
    keep = arguments.keep and arguments.keep / arguments.set
    compared = compare(x, y, fold, plan.recipe, answer=plan.answer, keep=keep)
    told = {result.learner: round(result.auroc.value, 4) for result in compared.results}
    if arguments.seal:
        card = read_card(FOLDER / plan.specialist / "card.yaml")
        seal_picture(card, compared, y, FOLDER / plan.specialist, answer=plan.answer)
    print(json.dumps({f"{arguments.set}_{name}": value for name, value in told.items()}))


if __name__ == "__main__":
    main()
