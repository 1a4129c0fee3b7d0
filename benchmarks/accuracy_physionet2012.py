"""PhysioNet/CinC Challenge 2012: the seated model on set c, shown once, beside the challenge's published scores.

The threshold of event 1 is chosen on out-of-fold predictions of sets a and b. `--data` may also name a record made of the data set.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from training_cases import SHARED, read

from consilium.specialists.card_file import read_card
from consilium.specialists.cases import bedside_groups
from consilium.specialists.prove import parted, seated_view, seen_by, train
from consilium.specialists.roster import CARD_FILE, folder_of, seat
from consilium.validation import auroc, calibration_slope
from consilium.validation.challenge import event_1, event_1_threshold
from consilium.validation.coverage import coverage

PUBLISHED = {"Johnson et al. 2012": 0.5353, "Citi & Barbieri 2012": 0.5345, "Vairavan et al. 2012": 0.5009, "SAPS-I": 0.3125}


def figures(data: Path | None) -> dict[str, float]:
    folder = folder_of("icu_mortality")
    card = read_card(folder / CARD_FILE)
    learned, held = parted(card, read("icu_mortality", data or SHARED / "physionet2012"))
    assert held is not None  # the card holds set c out
    X, shape = seen_by(card.learner, card, learned.features.X)
    trained = train(card.learner, X, learned.y, learned.subjects, {**shape, **card.parameters}, bedside_groups(learned.groups))
    threshold, on_ab = event_1_threshold(learned.y, trained.calibration.apply(trained.out_of_fold))
    model, unseen = seat(folder).model, seated_view(card, held).features.X
    said = model.log_odds(unseen)
    p = model.probability(unseen)
    found, slope = auroc(held.y, p), calibration_slope(held.y, p)
    covered = coverage(held.y, model.answers(unseen, bedside_groups(held.groups)))[0]
    event = event_1(held.y, said >= threshold)
    table = Table(title=f"Set c: {len(held.y)} stays, {int(held.y.sum())} deaths; made of {len(learned.y)} stays of sets a and b")
    for column in ("", "event 1", "AUROC", "calibration slope", "coverage at 90 %"):
        table.add_column(column, justify="right" if column else "left")
    aurocs = f"{found.value:.4f} ({found.low:.4f} to {found.high:.4f})"
    table.add_row(f"{card.learner}, seated", f"{event:.4f}", aurocs, f"{slope.value:.3f}", f"{covered.covered.value:.3f}")
    table.add_row("  the same on a and b, out of fold", f"{on_ab:.4f}", f"{auroc(learned.y, trained.out_of_fold).value:.4f}", "", "")
    table.add_section()
    for name, value in PUBLISHED.items():
        table.add_row(f"published: {name}", f"{value:.4f}", "", "", "")
    Console().print(table)
    alarms = np.count_nonzero(said >= threshold)
    Console().print(f"Threshold chosen on a and b: {1 / (1 + np.exp(-threshold)):.3f}; alarms on set c: {alarms}.")
    return {
        "physionet2012_event1": round(event, 4),
        "physionet2012_event1_on_ab": round(on_ab, 4),
        "physionet2012_auroc": round(found.value, 4),
        "calibration_slope": round(slope.value, 4),
        "coverage_at_90": round(covered.covered.value, 4),
    }
