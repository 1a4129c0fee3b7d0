"""UCI heart disease: every learner, each hospital predicted by a model of the others, and beside FLamby under its protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from training_cases import SHARED, read

from consilium.models import LEARNERS
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import Cases
from consilium.specialists.prove import probability, train
from consilium.specialists.roster import folder_of

POOLED_ACCURACY = 0.795  # FLamby (NeurIPS 2022 D&B), logistic regression, mean over the pooled test sets
console = Console(stderr=True)


def figures(data: Path | None) -> dict[str, float]:
    found = read("heart_disease", data or SHARED / "uci_heart")
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
