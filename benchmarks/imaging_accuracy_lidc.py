"""LIDC: nodules of patients held out for good - how well they are outlined, and whether readers' ratings are told, beside diameter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from imaging_train_outline import PLANS, held_out
from rich.console import Console
from rich.table import Table

from consilium.core.report import Estimate
from consilium.imaging.train_unet import dice
from consilium.validation.discrimination import auroc
from consilium.validation.interval import percentile, resamples

DIAMETER_ALONE = 0.892  # the set's README: readers' mean diameter alone, all patients


def figures(data: Path | None) -> dict[str, float]:
    plan = PLANS["lidc"]
    found = plan.read()
    rows, said, mine, true = held_out(plan, found)
    y, who = found.y[rows].astype(int), found.subjects[rows]
    area, size = auroc(y, said.probability, subjects=who), auroc(y, found.facts["diameter"][rows], subjects=who)
    many = found.facts["readers"][rows] >= 3
    agreed, agreed_size = (auroc(y[many], score[many], subjects=who[many]) for score in (said.probability, found.facts["diameter"][rows]))
    overlap = mean(dice(mine, true))
    table = Table(title=f"LIDC, {len(rows)} rated nodules of {len(set(who.tolist()))} patients held out; {len(true)} outlines")
    for column in ("what", "value", "95 %"):
        table.add_column(column, justify="left" if column == "what" else "right")
    shown = (
        ("rated malignant: AUROC", area), ("readers' diameter alone, same nodules", size),
        (f"the {int(many.sum())} that three or four readers drew: AUROC", agreed),
        ("readers' diameter alone, same nodules", agreed_size), ("outline: Dice", overlap),
    )  # fmt: skip
    for name, one in shown:
        table.add_row(name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}")
    table.add_row("published in the set's README: diameter alone", f"{DIAMETER_ALONE:.3f}", "")
    Console(width=120).print(table)
    Console().print("The truth is what radiologists rated (mean above or below 3), not histology.")
    return {
        "lidc_auc": round(area.value, 4), "lidc_auc_low": round(area.low, 4), "lidc_auc_high": round(area.high, 4),
        "lidc_diameter_auc": round(size.value, 4),
        "lidc_three_readers_auc": round(agreed.value, 4), "lidc_three_readers_diameter_auc": round(agreed_size.value, 4),
        "lidc_dice": round(overlap.value, 4), "lidc_dice_low": round(overlap.low, 4), "lidc_dice_high": round(overlap.high, 4),
    }  # fmt: skip


def mean(values: np.ndarray) -> Estimate:
    """Mean with a bootstrap interval over images."""
    return percentile(float(values.mean()), [values[rows].mean() for rows in resamples(len(values), seed=0)])
