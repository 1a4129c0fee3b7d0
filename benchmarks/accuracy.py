"""Accuracy of every learner on public data sets, beside published numbers and scikit-learn's own learner in the same run.

    python benchmarks/accuracy.py --set wdbc
    python benchmarks/accuracy.py --set heart [--data ../shared/data/uci_heart]

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from consilium.cli.verbs import training_data
from consilium.models import LEARNERS, learner
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import Cases, cases
from consilium.specialists.prove import probability, train
from consilium.specialists.roster import folder_of

PUBLISHED = {"explainable boosting, its README": 0.995, "logistic regression, scikit-learn, standardised": 0.9955}
POOLED_ACCURACY = 0.795  # FLamby (NeurIPS 2022 D&B), logistic regression, mean over the pooled test sets
FOLDS = 5
console = Console(stderr=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("wdbc", "heart"), required=True)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "uci_heart")
    arguments = parser.parse_args()
    started = time.perf_counter()
    figures = wdbc() if arguments.set == "wdbc" else heart(arguments.data)
    print(json.dumps({**figures, "seconds": round(time.perf_counter() - started, 1)}))


def wdbc() -> dict[str, float]:
    found = read("breast_mass", None)
    X, y = found.features.X, found.y
    table = Table(title=f"WDBC, {len(y)} aspirates: mean AUROC of {FOLDS} folds")
    for column in ("learner", "AUROC", "±", "seconds"):
        table.add_column(column, justify="left" if column == "learner" else "right")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    best: dict[str, float] = {}
    for name in LEARNERS:
        console.log(name)
        started = time.perf_counter()
        scores = [roc_auc_score(y[test], learner(name).fit(X[fit], y[fit]).log_odds(X[test])) for fit, test in folds.split(X, y)]
        best[name] = float(np.mean(scores))
        table.add_row(name, f"{best[name]:.4f}", f"{np.std(scores):.4f}", f"{time.perf_counter() - started:.1f}")
    peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_score(peer, X, y, cv=folds, scoring="roc_auc")
    table.add_section()
    table.add_row("scikit-learn logistic regression, here", f"{scores.mean():.4f}", f"{scores.std():.4f}", "")
    for name, value in PUBLISHED.items():
        table.add_row(f"published: {name}", f"{value:.4f}", "", "")
    Console().print(table)
    return {
        "wdbc_best_auroc": round(max(best.values()), 4),
        "wdbc_logistic_auroc": round(best["logistic"], 4),
        "sklearn_logistic_auroc": round(float(scores.mean()), 4),
    }


def heart(data: Path) -> dict[str, float]:
    found = read("heart_disease", data)
    X, y, sites = found.features.X, found.y, found.groups["site"]
    names = sorted(set(sites))
    table = Table(title=f"UCI heart, {len(y)} patients: each hospital predicted by a model of the other three, AUROC (accuracy)")
    for column in ("learner", *names, "mean AUROC", "mean accuracy"):
        table.add_column(column, justify="left" if column == "learner" else "right")
    seated = read_card(folder_of("heart_disease") / "card.yaml").learner
    means: dict[str, tuple[float, float]] = {}
    for name in LEARNERS:
        console.log(name)
        aurocs, accuracies = [], []
        for site in names:
            held = sites == site
            p = probability(train(name, X[~held], y[~held]), X[held])
            aurocs.append(roc_auc_score(y[held], p))
            accuracies.append(accuracy_score(y[held], p >= 0.5))
        means[name] = (float(np.mean(aurocs)), float(np.mean(accuracies)))
        cells = [f"{a:.3f} ({b:.3f})" for a, b in zip(aurocs, accuracies, strict=True)]
        table.add_row(name + (" (seated)" if name == seated else ""), *cells, f"{means[name][0]:.3f}", f"{means[name][1]:.3f}")
    table.add_section()
    pooled = as_flamby(found, seated)
    table.add_row(f"{seated}, split inside each hospital as FLamby does", *[""] * len(names), "", f"{pooled:.3f}")
    table.add_row("published: FLamby pooled", *[""] * len(names), "", f"{POOLED_ACCURACY:.3f}")
    Console().print(table)
    Console().print(
        "FLamby's pooled model has seen patients of every hospital (740 complete rows, random split inside each); "
        "here the tested hospital is unseen."
    )
    return {
        "heart_mean_auroc": round(means[seated][0], 4),
        "heart_mean_accuracy": round(means[seated][1], 4),
        "heart_pooled_accuracy": round(pooled, 4),
        "heart_best_auroc": round(max(a for a, _ in means.values()), 4),
    }


def as_flamby(found: Cases, name: str, seeds: int = 5) -> float:
    """Mean accuracy over five seeds: complete rows, two thirds of each hospital pooled for training, the rest pooled for testing."""
    X, y, sites = found.features.X, found.y, found.groups["site"]
    complete = np.flatnonzero(found.features.observed.all(axis=1))
    scores = []
    for seed in range(seeds):
        fit, test = train_test_split(complete, test_size=1 / 3, random_state=seed, stratify=sites[complete])
        scores.append(accuracy_score(y[test], probability(train(name, X[fit], y[fit]), X[test]) >= 0.5))
    return float(np.mean(scores))


def read(name: str, data: Path | None) -> Cases:
    folder = folder_of(name)
    with tempfile.TemporaryDirectory() as temporary:
        if data is not None:
            archives = sorted(data.glob("*.zip"))
            if not archives and not any(data.glob("*.csv")):
                sys.exit(f"There is no data set in {data}: give its folder with --data")
            for archive in archives:
                zipfile.ZipFile(archive).extractall(temporary)
            data = Path(temporary) if archives else data
        with training_data(folder, data) as (record, _):
            import pyarrow as pa

            return cases(read_card(folder / "card.yaml"), pa.concat_tables(list(record.events())))


if __name__ == "__main__":
    main()
