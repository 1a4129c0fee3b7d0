"""Wrong labels: how many of those that were planted are found, in two public sets, by the learner that holds the seat and by another.

    python benchmarks/label_errors.py [--data ../shared/data/uci_heart] [--draws 5]

Labels of the breast masses (WDBC, ships with scikit-learn) and, where it is there, of UCI heart are turned over at random, 2, 5 and
10 % of them; probabilities are out of fold; cleanlab chooses. Errors that the sets came with count as false alarms. Printed beside it:
the other ways in which cleanlab can choose. The last line is one JSON object: mean recall and precision at 5 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
SHARES, WAYS = (0.02, 0.05, 0.10), ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "low_self_confidence")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "uci_heart")
    parser.add_argument("--draws", type=int, default=5)
    arguments = parser.parse_args()
    from consilium.quality.rules import limits

    table = Table(title=f"recall / precision of planted wrong labels, mean of {arguments.draws} draws")
    for column in ("set", "learner", "planted", *WAYS):
        table.add_column(column)
    chosen = {}
    for name, learner, X, y, subjects in sets(arguments.data):
        for share in SHARES:
            found = np.mean([measured(learner, X, y, subjects, share, seed) for seed in range(arguments.draws)], axis=0)
            table.add_row(name, learner, f"{share:.0%}", *(f"{recall:.2f} / {precision:.2f}" for recall, precision in found))
            if share == 0.05:
                chosen[f"{name}, {learner}"] = found[WAYS.index(limits("labels")["filter"])].round(3).tolist()
    Console(width=150).print(table)
    recall, precision = np.mean(list(chosen.values()), axis=0)
    figures = {"recall": round(float(recall), 3), "precision": round(float(precision), 3), "filter": limits("labels")["filter"]}
    print(json.dumps({**figures, "by_set": chosen}))


def sets(heart: Path):
    from consilium.cli import verbs
    from consilium.specialists.card_file import read_card
    from consilium.specialists.cases import cases
    from consilium.specialists.roster import folder_of

    with tempfile.TemporaryDirectory() as temporary:
        for archive in heart.glob("*.zip"):
            zipfile.ZipFile(archive).extractall(temporary)
        home = Path(temporary) if any(Path(temporary).iterdir()) else heart
        for name, data in (("breast_mass", None), ("heart_disease", home)):
            if data is not None and not any(data.rglob("*.csv")):
                print(f"{name} is left out: the data set is not at {heart}", file=sys.stderr)
                continue
            with verbs.training_data(folder_of(name), data) as (record, _):
                found = cases(read_card(folder_of(name) / "card.yaml"), pa.concat_tables(list(record.events())))
            for learner in ("logistic", "forest"):
                yield name, learner, found.features.X, found.y, found.subjects


def measured(name: str, X, truth, subjects, share: float, seed: int) -> list[tuple[float, float]]:
    from cleanlab.filter import find_label_issues

    from consilium.models import learner
    from consilium.models.calibration import fit_calibration
    from consilium.models.odds import probability_of
    from consilium.record import folds

    wrong = np.random.default_rng(seed).choice(len(truth), round(share * len(truth)), replace=False)
    y = truth.copy()
    y[wrong] = 1 - y[wrong]
    scores = np.empty(len(y))
    for rows, rest in folds(y, 5, seed=seed, subjects=subjects):
        scores[rest] = learner(name).fit(X[rows], y[rows]).log_odds(X[rest])
    p = probability_of(fit_calibration(scores, y).apply(scores))
    both = np.column_stack([1 - p, p])
    results = []
    for way in WAYS:
        named = np.flatnonzero(find_label_issues(y.astype(int), both, filter_by=way, n_jobs=1))
        hits = len(np.intersect1d(named, wrong))
        results.append((hits / len(wrong), hits / max(len(named), 1)))
    return results


if __name__ == "__main__":
    main()
