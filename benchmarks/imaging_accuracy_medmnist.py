"""The MedMNIST sets at 28 x 28: the sealed specialist on the official test part, beside the published table."""

from __future__ import annotations

import csv
from pathlib import Path

from imaging_train import PLANS, SHARED, macro
from rich.console import Console
from rich.table import Table

from consilium.imaging.research import read_medmnist
from consilium.imaging.specialist import FOLDER, read_card
from consilium.imaging.task_picture import Picture
from consilium.validation.discrimination import auroc

NAMES = {"breastmnist": "BreastMNIST", "pneumoniamnist": "PneumoniaMNIST", "retinamnist": "RetinaMNIST"}


def figures(name: str, data: Path | None) -> dict[str, float]:
    folder = data or SHARED / "medmnist"
    found = read_medmnist(folder / f"{name}.npz")
    plan = PLANS[name]
    test = found.part == "test"
    x, labels = found.images[test], found.y[test]
    y = plan.questions(labels)[:, plan.answer].astype(int)
    task = Picture(read_card(FOLDER / plan.specialist / "card.yaml"))
    said = task.said(x)
    area = auroc(y, said.probability)
    area_shown = macro(task.raw(x), labels) if name == "retinamnist" else area
    table = Table(title=f"{NAMES[name]}, official test part, {len(y)} pictures of 28 x 28")
    for column in ("model", "AUROC", "accuracy", "source"):
        table.add_column(column, justify="left" if column in ("model", "source") else "right")
    accuracy = float(((said.probability >= 0.5) == y).mean())
    ours = f"{area_shown.value:.3f} ({area_shown.low:.3f} to {area_shown.high:.3f})"
    table.add_row(
        f"consilium {plan.specialist} ({task.card.learner})", ours, f"{accuracy:.3f}" if name != "retinamnist" else "", "this run"
    )
    with (folder / "benchmarks.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["dataset"] == NAMES[name]:
                table.add_row(row["method"], row["auc"], row["acc"], f"{row['source']}; {row['verified_from']}")
    Console(width=150).print(table)
    more = {"retinamnist_referable_auc": round(area.value, 4)} if name == "retinamnist" else {f"{name}_accuracy": round(accuracy, 4)}
    return {
        f"{name}_auc": round(area_shown.value, 4),
        f"{name}_auc_low": round(area_shown.low, 4),
        f"{name}_auc_high": round(area_shown.high, 4),
        **more,
    }
