"""Recalibration: what a new hospital gains from 20, 50 or 100 of its own cases, each heart hospital in turn.

    python benchmarks/recalibration.py [--data ../shared/data/uci_heart] [--draws 200]

A model of the other three hospitals is asked about the fourth. Again and again so many of the hospital's cases are drawn, the
update is fitted on them, and slope, intercept and Brier score are measured on its cases that were not drawn. `closed test` fits
what the closed test calls for, `both` intercept and slope, neither shrunk: what the shrunk update has to beat. Draws with fewer
than 5 cases with or without the condition are refused and counted. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from training_cases import SHARED, read

from consilium.core.errors import InputError
from consilium.models.odds import probability_of
from consilium.models.site import recalibrate
from consilium.specialists.card_file import read_card
from consilium.specialists.prove import train
from consilium.specialists.roster import folder_of

SIZES = (20, 50, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "uci_heart")
    parser.add_argument("--draws", type=int, default=200)
    arguments = parser.parse_args()
    found = read("heart_disease", arguments.data)
    X, y, sites = found.features.X, found.y, found.groups["site"]
    learner = read_card(folder_of("heart_disease") / "card.yaml").learner
    table = Table(title=f"Heart hospitals: mean over {arguments.draws} draws, on the cases not drawn")
    for column in (
        "hospital",
        "cases",
        "Brier as shipped",
        "updated",
        "closed test",
        "both",
        "better in",
        "slope",
        "intercept",
        "none/level/both",
        "refused",
    ):
        table.add_column(column, justify="left" if column == "hospital" else "right")
    figures: dict[str, float] = {}
    gains: dict[int, list[float]] = {size: [] for size in SIZES}
    for site in sorted(set(sites)):
        held = sites == site
        trained = train(learner, X[~held], y[~held])
        score, truth = trained.calibration.apply(trained.learner.log_odds(X[held])), y[held].astype(float)
        before = line(score, truth)
        table.add_row(
            f"{site} ({held.sum()}, {int(truth.sum())} with)",
            "0",
            f"{brier(score, truth):.4f}",
            "",
            "",
            "",
            f"{before[1]:.2f}",
            f"{before[0]:+.2f}",
        )
        for size in SIZES:
            if size > 0.7 * held.sum():
                continue
            draw = np.random.default_rng(size)
            told, kinds, refused = [], Counter(), 0
            for _ in track(range(arguments.draws), description=f"{site} {size}", transient=True):
                order = draw.permutation(len(truth))
                mine, rest = order[:size], order[size:]
                try:
                    made = recalibrate(score[mine], truth[mine])
                except InputError:
                    refused += 1
                    continue
                kinds[made.called_for] += 1
                after = made.line.apply(score[rest])
                whole = LogisticRegression(C=1e6).fit(score[mine, None], truth[mine]).decision_function(score[rest, None])
                chosen = {"none": score[rest], "intercept": score[rest] + level(score[mine], truth[mine]), "slope": whole}[made.called_for]
                told.append([*(brier(s, truth[rest]) for s in (score[rest], after, whole, chosen)), *line(after, truth[rest])])
            if not told:
                table.add_row("", str(size), *[""] * 7, f"{refused} of {arguments.draws}")
                continue
            mean, better = np.nanmedian(told, axis=0), float(np.mean([row[1] < row[0] for row in told]))
            shipped, updated, both, closed = np.mean(told, axis=0)[:4]
            gains[size].append(float(shipped - updated))
            shares = "/".join(f"{100 * kinds[k] / len(told):.0f}" for k in ("none", "intercept", "slope"))
            table.add_row(
                "",
                str(size),
                f"{shipped:.4f}",
                f"{updated:.4f}",
                f"{closed:.4f}",
                f"{both:.4f}",
                f"{100 * better:.0f} %",
                f"{mean[5]:.2f}",
                f"{mean[4]:+.2f}",
                shares,
                str(refused),
            )
            figures |= {f"{site}_{size}_brier_shipped": round(shipped, 4), f"{site}_{size}_brier_updated": round(updated, 4)}
            figures |= {f"{site}_{size}_slope": round(float(mean[5]), 3), f"{site}_{size}_intercept": round(float(mean[4]), 3)}
        table.add_section()
    Console(width=150).print(table)
    print(json.dumps({f"mean_brier_gain_{size}": round(float(np.mean(g)), 4) for size, g in gains.items()} | figures))


def brier(score: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((probability_of(score) - y) ** 2))


def level(score: np.ndarray, y: np.ndarray) -> float:
    """The shift in log-odds that makes as many events expected as were seen."""
    low, high = -8.0, 8.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if probability_of(score + middle).sum() < y.sum() else (low, middle)
    return middle


def line(score: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Calibration in the large (intercept with slope 1), and slope."""
    return level(score, y), float("nan") if len(set(y)) < 2 else float(LogisticRegression(C=1e6).fit(score[:, None], y).coef_[0, 0])


if __name__ == "__main__":
    main()
