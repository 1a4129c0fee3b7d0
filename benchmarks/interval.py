"""Interval: how often the 95 % interval on a probability holds the true frequency, by simulation where that frequency is known.

    python benchmarks/interval.py [--times 100]

Scores are drawn, outcomes follow a known curve, calibration and intervals are fitted as for a specialist, and asked at new scores.
Each row of the table is one curve and one number of patients: the share of new patients whose true probability lies in the
interval, over all and by that probability. In `line`, `rare` and `flat` a straight calibration line is right; in `bent` and `wave` none
is. The last line is one JSON object; `coverage_at_95` is the mean over the curves for which a line is right.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from consilium.models.calibration import fit_calibration
from consilium.models.odds import probability_of
from consilium.models.uncertainty import fit_intervals

CURVES = {
    "line": lambda s: probability_of(s - 0.5),
    "rare": lambda s: probability_of(1.2 * s - 3.5),
    "flat": lambda s: probability_of(0.4 * s + 0.3),
    "bent": lambda s: probability_of(np.where(s > 0, 0.5 * s, 1.5 * s) - 0.3),
    "wave": lambda s: probability_of(s + 0.8 * np.sin(1.5 * s)),
}
BANDS = ((0, 0.1), (0.1, 0.3), (0.3, 0.7), (0.7, 0.9), (0.9, 1.0))
SIZES = (200, 500, 2000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100)
    times = parser.parse_args().times
    table = Table(title=f"Share of new patients whose true probability lies in the 95 % interval, %, {times} data sets each")
    for column in ("curve", "patients", "all", *(f"p {a:g}-{b:g}" for a, b in BANDS), "mean width"):
        table.add_column(column, justify="left" if column == "curve" else "right")
    figures = {}
    for name, curve in CURVES.items():
        for n in SIZES:
            draw, told = np.random.default_rng(1), []
            for _ in track(range(times), description=f"{name} {n}", transient=True):
                score = draw.normal(0, 1.7, n)
                y = (draw.random(n) < curve(score)).astype(int)
                if not 0 < y.sum() < n:
                    continue
                calibration = fit_calibration(score, y)
                new = draw.normal(0, 1.7, 2000)
                low, high = fit_intervals(calibration.apply(score), y).at(calibration.apply(new))
                p = curve(new)
                inside = (low <= p) & (p <= high)
                bands = [inside[(p >= a) & (p < b)] for a, b in BANDS]
                told.append([inside.mean(), *(band.mean() if band.size else np.nan for band in bands), (high - low).mean()])
            mean = np.nanmean(told, axis=0)
            table.add_row(name, f"{n:,}", *(f"{100 * v:.1f}" for v in mean[:-1]), f"{mean[-1]:.3f}")
            figures[f"{name}_{n}"] = round(float(mean[0]), 4)
    Console(width=140).print(table)
    right = [figures[f"{name}_{n}"] for name in ("line", "rare", "flat") for n in SIZES]
    print(json.dumps({"coverage_at_95": round(float(np.mean(right)), 4), "lowest": min(figures.values()), **figures}))


if __name__ == "__main__":
    main()
