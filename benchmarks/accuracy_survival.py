"""Survival: GBSG, METABRIC and SUPPORT on DeepSurv's own training and test patients, every learner, beside its published numbers.

The learner is chosen by five-fold cross-validation on the training patients; then each learner is trained on all of them and the test
patients are looked at once. GBSG's training patients are those of Rotterdam, so its test is another study.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
from rich.console import Console
from rich.table import Table
from training_cases import SHARED, read

from consilium.models import HAZARDS, hazards
from consilium.record import folds
from consilium.specialists.cases import bedside_groups
from consilium.specialists.prove import parted
from consilium.specialists.roster import folder_of, seat
from consilium.validation import coverage
from consilium.validation.survival import concordance, followed, measure_survival

SETS = {
    "gbsg": ("deepsurv_gbsg_cancer_train_test.h5", 0.658, 0.676),
    "metabric": ("deepsurv_metabric_IHC4_clinical_train_test.h5", 0.631, 0.654),
    "support": ("deepsurv_support_train_test.h5", 0.583, 0.619),
}
"""File, and the concordance of Cox and DeepSurv as the data's README states them (Katzman 2018, doi:10.1186/s12874-018-0482-1)."""
console = Console(stderr=True)


def figures(data: Path | None) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    table = Table(title="Concordance (Harrell) of test patients; the learner chosen on the training patients is marked")
    for column in ("set", "patients", "events", *HAZARDS, "published Cox", "DeepSurv"):
        table.add_column(column, justify="left" if column == "set" else "right")
    for name, (file, cox, deep) in SETS.items():
        with zipfile.ZipFile((data or SHARED / "survival") / "survival.zip") as archive:
            path = next(n for n in archive.namelist() if n.endswith(file))
            with h5py.File(io.BytesIO(archive.read(path)), "r") as parts:
                train, test = (of_part(parts[part]) for part in ("train", "test"))
        horizon = float(np.median(train[1][train[2] == 1]))
        inner = {learner: chosen_on(learner, horizon, *train) for learner in HAZARDS}
        best = max(inner, key=inner.get)
        shown = {}
        for learner in HAZARDS:
            fitted = hazards(learner, horizon=horizon).fit(*train)
            of = followed(test[1], test[2])
            harrell, _ = concordance(of, fitted.log_hazard(test[0]))
            shown[learner] = harrell
            if learner == best:
                measures, _ = measure_survival(of, fitted.risk(test[0]), horizon)
                found |= {
                    f"{name}_c": round(harrell.value, 4),
                    f"{name}_c_low": round(harrell.low, 4),
                    f"{name}_c_high": round(harrell.high, 4),
                    f"{name}_learner": best,
                    f"{name}_calibration_slope": round(measures.slope.value, 3),
                }
        cells = [f"{'* ' if learner == best else ''}{c.value:.3f} ({c.low:.3f} to {c.high:.3f})" for learner, c in shown.items()]
        table.add_row(name, str(len(test[1])), str(int(test[2].sum())), *cells, f"{cox:.3f}", f"{deep:.3f}")
    console.print(table)
    return found | seated(data)


def seated(data: Path | None) -> dict[str, float]:
    """The sealed specialist on the German patients again: what it is worth at five years, and how often its sets hold the truth."""
    specialist = seat(folder_of("breast_survival"))
    _, held = parted(specialist.seat.card, read("breast_survival", data or SHARED / "survival"))
    assert held is not None
    p, (answer, weight) = specialist.model.probability(held.features.X), held.truth.answer
    measures, time = held.truth.measured(p, {}, 0)
    covered = coverage(answer, specialist.model.answers(held.features.X, bedside_groups(held.groups)), weight=weight)[0].covered
    return {
        "breast_survival_auroc": round(measures.auroc.value, 4),
        "breast_survival_uno_c": round(time.uno.value, 4) if time else float("nan"),
        "calibration_slope": round(measures.slope.value, 4),
        "coverage_at_90": round(covered.value, 4),
    }


def of_part(part: h5py.Group) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, follow-up and event; who was followed for no time at all is given the shortest time of anybody, halved."""
    X, time, event = (np.asarray(part[key]) for key in ("x", "t", "e"))
    return X, np.where(time > 0, time, time[time > 0].min() / 2), event


def chosen_on(learner: str, horizon: float, X: np.ndarray, time: np.ndarray, event: np.ndarray) -> float:
    """Mean concordance over five folds of the training patients."""
    scores = []
    for fit_rows, rest in folds(event.astype(int), 5, seed=1):
        fitted = hazards(learner, horizon=horizon).fit(X[fit_rows], time[fit_rows], event[fit_rows])
        scores.append(concordance(followed(time[rest], event[rest]), fitted.log_hazard(X[rest]), times=2)[0].value)
    return float(np.mean(scores))
