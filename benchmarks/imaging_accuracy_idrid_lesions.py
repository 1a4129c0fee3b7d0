"""IDRiD, part A: outlines of four lesions and the optic disc on the official test photographs, shown to the shipped network once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from consilium.core.report import Estimate
from consilium.imaging.fundus import field_of, prepared
from consilium.imaging.idrid import OUTLINES, outlined
from consilium.imaging.network_lesions import outlined as told
from consilium.imaging.specialist import FOLDER, model
from consilium.imaging.task_fundus import NAME, standing
from consilium.validation.interval import percentile, resamples

SHARED = Path(__file__).parents[2] / "shared" / "data"
PUBLISHED = {"microaneurysms": 0.5017, "haemorrhages": 0.6804, "hard_exudates": 0.8850, "soft_exudates": 0.6995}
"""Best of each kind in the challenge of 2018 (Porwal et al., Med Image Anal 2020;59:101561; from memory of its table), at full size."""
SHORT = {"microaneurysms": "ma", "haemorrhages": "he", "hard_exudates": "ex", "soft_exudates": "se", "optic_disc": "disc"}
BINS = 2000


def figures(data: Path | None) -> dict[str, float]:
    graph, meta = model(FOLDER / NAME)
    counts, dice = [], []
    for photo in track(list(outlined(data or SHARED / "idrid", "test")), "photographs", console=Console(stderr=True)):
        field = field_of(photo.photograph)
        assert field is not None
        seen = prepared(photo.photograph, field)
        planes = told(graph, seen.planes, multiple=meta["multiple"])
        own, overlap = [], []
        for kind, plane, truth in zip(OUTLINES, planes, photo.outlines, strict=True):
            mask = standing(plane, seen.field, kind, meta)
            plane, mask = (_sized(a, truth.shape) for a in (plane, mask))
            cell = np.minimum((plane * BINS).astype(np.int64), BINS - 1)
            own.append([np.bincount(cell[truth == side], minlength=BINS) for side in (False, True)])
            overlap.append((2 * (mask & truth).sum(), mask.sum() + truth.sum()))
        counts.append(own)
        dice.append(overlap)
    cells, overlaps = np.array(counts), np.array(dice)
    table = Table(title=f"IDRiD, {len(cells)} test photographs at 1,024 pixels, pixels pooled; intervals by photograph")
    for column in ("", "AUPRC", "best of the challenge", "Dice at the threshold"):
        table.add_column(column, justify="right" if column else "left")
    out: dict[str, float] = {}
    for k, kind in enumerate(OUTLINES):
        found = percentile(
            area_of(cells[:, k].sum(0)), [area_of(cells[rows, k].sum(0)) for rows in resamples(len(cells), seed=0, times=500)]
        )
        share = overlaps[:, k, 0].sum() / overlaps[:, k, 1].sum()
        table.add_row(kind.replace("_", " "), _words(found), f"{PUBLISHED[kind]:.3f}" if kind in PUBLISHED else "", f"{share:.3f}")
        name = f"idrid_{SHORT[kind]}"
        out |= {f"{name}_auprc": round(found.value, 4), f"{name}_auprc_low": round(found.low or 0, 4)}
        out |= {f"{name}_auprc_high": round(found.high or 0, 4), f"{name}_dice": round(float(share), 4)}
    Console().print(table)
    return out


def _sized(array: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    """Read off at another size, nearest pixel."""
    rows, columns = ((np.arange(n) + 0.5) * m / n for n, m in zip(shape, array.shape, strict=True))
    return array[np.ix_(rows.astype(np.int64), columns.astype(np.int64))]


def area_of(counts: NDArray[np.int64]) -> float:
    """Area under precision and recall of counts (2, bins) of pixels outside and inside, by bin of probability."""
    wrong, right = (np.cumsum(side[::-1]) for side in counts)
    gained = np.diff(right, prepend=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.nansum(gained * right / (right + wrong)) / right[-1])


def _words(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
