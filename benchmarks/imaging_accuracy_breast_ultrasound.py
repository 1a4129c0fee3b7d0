"""Breast ultrasound: pictures held out for good (near copies kept together) - how well masses are outlined, found and told apart."""

from __future__ import annotations

from pathlib import Path

from imaging_accuracy_lidc import mean
from imaging_train_outline import PLANS, held_out
from rich.console import Console
from rich.table import Table

from consilium.imaging.train_unet import dice
from consilium.validation.discrimination import auroc

HOG = 0.817  # the set's README: whole-image HOG and logistic regression, five folds


def figures(data: Path | None) -> dict[str, float]:
    plan = PLANS["breast_ultrasound"]
    found = plan.read()
    rows, said, mine, true = held_out(plan, found)
    y, who = found.y[rows].astype(int), found.subjects[rows]
    area, overlap = auroc(y, said.probability, subjects=who), mean(dice(mine, true))
    table = Table(title=f"Breast ultrasound, {len(rows)} pictures with a mass held out ({int(y.sum())} malignant)")
    for column in ("what", "value", "95 %"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name, one in (("malignant or benign: AUROC", area), ("outline: Dice", overlap)):
        table.add_row(name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}")
    table.add_row("the set's README: HOG, whole image, five folds", f"{HOG:.3f}", "")
    Console(width=120).print(table)
    return {
        "busi_auc": round(area.value, 4), "busi_auc_low": round(area.low, 4), "busi_auc_high": round(area.high, 4),
        "busi_dice": round(overlap.value, 4), "busi_dice_low": round(overlap.low, 4), "busi_dice_high": round(overlap.high, 4),
    }  # fmt: skip
