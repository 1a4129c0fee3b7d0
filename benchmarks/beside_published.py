"""Beside published: sealed specialists asked again about the patients whom their proof holds out, beside scores and published figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from training_cases import SHARED, read

from consilium.specialists.cases import bedside_groups
from consilium.specialists.prove import beside_scores, parted
from consilium.specialists.roster import folder_of, seat
from consilium.validation import coverage, measure

SEED = 20260101


def beside(
    names: Mapping[str, str], published: Mapping[str, Mapping[str, float]], shared: str, data: Path | None, note: str
) -> dict[str, float]:
    """Figures by key: AUROC, calibration slope and coverage at 90 % of each specialist, whose keys begin as `names` says."""
    console, found_figures = Console(), {}
    for name, key in names.items():
        specialist = seat(folder_of(name))
        card, model = specialist.seat.card, specialist.model
        _, held = parted(card, read(name, data or SHARED / shared))
        assert held is not None
        if held.fingerprint != specialist.seat.report.data_fingerprint:
            console.print(f"[yellow]{name}: these are not the patients of its report[/]")
        p = model.probability(held.features.X)
        found = measure(held.y, p, seed=SEED)
        table = Table(title=f"{name}: {found.n} held out, {found.events} with the condition ({specialist.seat.report.proof})")
        for column in ("", "AUROC", "95 %", "patients"):
            table.add_column(column, justify="left" if not column else "right")
        table.add_row(f"{card.learner}, sealed", f"{found.auroc.value:.3f}", f"{found.auroc.low:.3f}-{found.auroc.high:.3f}", str(found.n))
        for score in beside_scores(held, p):
            table.add_row(f"{score.score}, here", f"{score.auroc.value:.3f}", f"{score.auroc.low:.3f}-{score.auroc.high:.3f}", str(score.n))
        table.add_section()
        for source, value in published[name].items():
            table.add_row(f"published: {source}", f"{value:.3f}", "", "")
        console.print(table)
        found_figures[f"{key}_auroc"] = round(found.auroc.value, 4)
        found_figures[f"{key}_calibration_slope"] = round(found.slope.value, 3)
        if model.sets is not None:
            whole = coverage(held.y, model.answers(held.features.X, bedside_groups(held.groups)), {})[0]
            found_figures[f"{key}_coverage_at_90"] = round(whole.covered.value, 4)
    console.print(note)
    return found_figures
