"""IDRiD, part B: referable retinopathy, grade and risk of macular oedema on the official test photographs, by the shipped model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from consilium.imaging.fundus import field_of, prepared
from consilium.imaging.idrid import graded
from consilium.imaging.lesion_traits import lesion_traits
from consilium.imaging.network_lesions import outlined
from consilium.imaging.specialist import FOLDER, model
from consilium.imaging.task_fundus import NAME, grades, said, standing
from consilium.validation import auroc
from consilium.validation.interval import wilson

SHARED = Path(__file__).parents[2] / "shared" / "data"
AIM = 0.95
PUBLISHED = 0.748
"""Grade 2 or more, by logistic regression of simple features on the same split (the data's README)."""


def figures(data: Path | None) -> dict[str, float]:
    graph, meta = model(FOLDER / NAME)
    photos, numbers = list(graded(data or SHARED / "idrid", "test")), []
    for photo in track(photos, "photographs", console=Console(stderr=True)):
        field = field_of(photo.photograph)
        assert field is not None
        seen = prepared(photo.photograph, field)
        planes = outlined(graph, seen.planes, multiple=meta["multiple"])
        masks = [standing(plane, seen.field, kind, meta) for kind, plane in zip(meta["outlines"], planes, strict=True)]
        numbers.append(lesion_traits(planes, masks, seen.field, seen.scale, meta["outlines"]))
    return measured(np.stack(numbers), np.array([(photo.grade, photo.oedema) for photo in photos]))


def measured(numbers: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Figures from traits (n, 30), and grade and oedema (n, 2)."""
    _, meta = model(FOLDER / NAME)
    table = Table(title=f"IDRiD, {len(truth)} test photographs, 512 pixels")
    for column in ("", "this model", "aim or beside"):
        table.add_column(column)
    out: dict[str, float] = {}
    areas = (("referable", "at_least_2", truth[:, 0] >= 2, f"aim {AIM}; simple features {PUBLISHED}"),
             ("any_retinopathy", "at_least_1", truth[:, 0] >= 1, ""), ("oedema", "oedema_at_least_1", truth[:, 1] >= 1, ""))  # fmt: skip
    for name, answer, y, beside in areas:
        found = auroc(y, said(numbers, answer, meta).log_odds)
        table.add_row(f"AUROC, {name.replace('_', ' ')}", f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})", beside)
        out |= {f"idrid_{name}_auc": round(found.value, 4), f"idrid_{name}_auc_low": round(found.low or 0, 4)}
        out |= {f"idrid_{name}_auc_high": round(found.high or 0, 4)}
    right = grades(numbers, meta).argmax(1) == truth[:, 0]
    most = float((truth[:, 0] == np.bincount(truth[:, 0]).argmax()).mean())
    share = wilson(int(right.sum()), len(right))
    table.add_row(
        "grade 0 to 4, accuracy", f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})", f"always the most frequent: {most:.3f}"
    )
    out |= {"idrid_grade_accuracy": round(share.value, 4), "idrid_grade_accuracy_low": round(share.low or 0, 4)}
    out |= {"idrid_grade_accuracy_high": round(share.high or 0, 4)}
    Console().print(table)
    return out
