"""Abstention: whom the two rules keep out, in patients like those of training and in shifted ones, and whether it is worth it.

    python benchmarks/abstention.py [--data ../shared/data/uci_heart]

For breast masses and heart disease: ten random halves; a model and its rules are made on one half, and asked about the other half
as it is, and with faults planted in it. For heart disease also each hospital in turn by rules of the other three. `old range` is
the rule that abstained on any value beyond the lowest or highest of training. AUROC and Brier score are given of those answered
and of those kept out, all of them predicted. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.metrics import roc_auc_score
from training_cases import SHARED, read

from consilium.models.familiarity import RATE, Familiarity, fit_familiarity
from consilium.record import folds
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import Cases
from consilium.specialists.prove import probability, train
from consilium.specialists.roster import folder_of

HALVES = 10
Fault = Callable[[np.ndarray, dict[str, int]], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "uci_heart")
    data = parser.parse_args().data
    figures: dict[str, float] = {"declared_rate_each_rule": RATE}
    for name, where, faults in (("breast_mass", None, BREAST), ("heart_disease", data, HEARTS)):
        figures |= measured(name, read(name, where), faults)
    print(json.dumps(figures))


def times(column: str, factor: float) -> Fault:
    """The whole column in another unit."""

    def planted(X: np.ndarray, at: dict[str, int]) -> np.ndarray:
        X[:, at[column]] *= factor
        return X

    return planted


def swapped(one: str, other: str) -> Fault:
    """Two columns exchanged."""

    def planted(X: np.ndarray, at: dict[str, int]) -> np.ndarray:
        X[:, [at[one], at[other]]] = X[:, [at[other], at[one]]]
        return X

    return planted


def older(years: float) -> Fault:
    """Everybody so many years older."""

    def planted(X: np.ndarray, at: dict[str, int]) -> np.ndarray:
        X[:, at["age"]] += years
        return X

    return planted


BREAST = {
    "area in other units (x 0.01)": times("area_mean", 0.01),
    "texture in other units (x 2.54)": times("texture_mean", 2.54),
    "radius and texture swapped": swapped("radius_mean", "texture_mean"),
    "perimeter mean and worst swapped": swapped("perimeter_mean", "perimeter_worst"),
}
HEARTS = {
    "cholesterol sent in mmol/L": times("cholesterol", 1 / 38.67),
    "pressure sent in kPa": times("systolic_pressure", 1 / 7.50062),
    "pressure and cholesterol swapped": swapped("systolic_pressure", "cholesterol"),
    "pressure and heart rate swapped": swapped("systolic_pressure", "exercise_heart_rate"),
    "everybody 15 years older": older(15),
    "everybody 30 years older": older(30),
}


def measured(name: str, found: Cases, faults: dict[str, Fault]) -> dict[str, float]:
    X, y, at = found.features.X, found.y, {n: i for i, n in enumerate(found.features.names)}
    learner = read_card(folder_of(name) / "card.yaml").learner
    rows: dict[str, list[list[float]]] = {}
    asked: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for seed in track(range(HALVES), description=name, transient=True):
        order = np.random.default_rng(seed).permutation(len(y))
        fit, rest = order[: len(y) // 2], order[len(y) // 2 :]
        rules, model = ruled(X[fit], y[fit], seed), train(learner, X[fit], y[fit])
        rows.setdefault("patients like those of training", []).append(kept_out(rules, X[rest]))
        asked.append((probability(model, X[rest]), y[rest], out(rules, X[rest])))
        for fault, planted in faults.items():
            rows.setdefault(fault, []).append(kept_out(rules, planted(X[rest].copy(), at)))
    worth = [judged("random halves", asked)]
    for site in sorted(set(found.groups.get("site", []))):
        held = found.groups["site"] == site
        rules, model = ruled(X[~held], y[~held], 0), train(learner, X[~held], y[~held])
        rows[f"hospital {site}, by rules of the others"] = [kept_out(rules, X[held])]
        worth.append(judged(f"hospital {site}", [(probability(model, X[held]), y[held], out(rules, X[held]))]))
    table = Table(title=f"{name}: share abstained on, %")
    for column in ("asked about", "old range", "range with margin", "distance", "either"):
        table.add_column(column, justify="left" if column == "asked about" else "right")
    figures = {}
    for what, shares in rows.items():
        mean = np.mean(shares, axis=0)
        table.add_row(what, *(f"{100 * share:.1f}" for share in mean))
        key = what.replace(" ", "_").replace(",", "").replace("(", "").replace(")", "")
        figures |= {f"{name}_{key}": round(float(mean[3]), 4), f"{name}_{key}_old": round(float(mean[0]), 4)}
    Console().print(table)
    risk = Table(title=f"{name}: those answered and those kept out")
    for column in ("asked about", "kept out, %", "AUROC answered", "AUROC kept out", "Brier answered", "Brier kept out"):
        risk.add_column(column, justify="left" if column == "asked about" else "right")
    for what, *numbers in worth:
        risk.add_row(what, *(("–" if np.isnan(v) else f"{v:.3f}") for v in numbers))
    Console().print(risk)
    figures |= {f"{name}_brier_answered": round(worth[0][4], 4), f"{name}_brier_kept_out": round(worth[0][5], 4)}
    curve = covered(name, X, y, learner)
    return figures | curve


def covered(name: str, X: np.ndarray, y: np.ndarray, learner: str) -> dict[str, float]:
    """The risk-coverage curve: answering only the most familiar share of patients, out of fold."""
    distance, p = np.empty(len(y)), np.empty(len(y))
    for fit, rest in folds(y, 5, seed=1):
        distance[rest] = ruled(X[fit], y[fit], 0).distance(X[rest])
        p[rest] = probability(train(learner, X[fit], y[fit]), X[rest])
    table = Table(title=f"{name}: answering only the most familiar, 5 folds")
    for column in ("answered, %", "AUROC", "Brier"):
        table.add_column(column, justify="right")
    order, told = np.argsort(distance), {}
    for share in (1.0, 0.95, 0.9, 0.8, 0.6):
        rows = order[: int(share * len(y))]
        brier = float(np.mean((p[rows] - y[rows]) ** 2))
        table.add_row(f"{100 * share:.0f}", f"{roc_auc_score(y[rows], p[rows]):.3f}", f"{brier:.4f}")
        told[f"{name}_brier_at_{100 * share:.0f}"] = round(brier, 4)
    Console().print(table)
    return told


def ruled(X: np.ndarray, y: np.ndarray, seed: int) -> Familiarity:
    return fit_familiarity(X, folds(y, 5, seed=seed))


def out(rules: Familiarity, X: np.ndarray) -> np.ndarray:
    return rules.beyond(X).any(axis=1) | rules.strange(X)


def kept_out(rules: Familiarity, X: np.ndarray) -> list[float]:
    old = ((rules.low > X) | (rules.high < X)).any(axis=1)
    new, far = rules.beyond(X).any(axis=1), rules.strange(X)
    return [float(rows.mean()) for rows in (old, new, far, new | far)]


def judged(what: str, asked: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[str, float, float, float, float, float]:
    p, y, gone = (np.concatenate(parts) for parts in zip(*asked, strict=True))

    def auroc(rows: np.ndarray) -> float:
        return float(roc_auc_score(y[rows], p[rows])) if len(set(y[rows])) == 2 and rows.sum() >= 20 else float("nan")

    def brier(rows: np.ndarray) -> float:
        return float(np.mean((p[rows] - y[rows]) ** 2)) if rows.any() else float("nan")

    return what, 100 * float(gone.mean()), auroc(~gone), auroc(gone), brier(~gone), brier(gone)


if __name__ == "__main__":
    main()
