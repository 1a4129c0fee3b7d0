"""PhysioNet/CinC Challenge 2019, set B: the challenge's utility of `sepsis_hourly`, on patients drawn by hash and held out.

The alarm's threshold is chosen on out-of-fold predictions of the other patients. An hour at which the question is not asked (no vital
sign was charted) keeps the answer of the hour before; before the first answer there is no alarm. `--data` may name a record.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from training_cases import SHARED, record_of

from consilium.models.odds import probability_of
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import Cases, bedside_groups, cases
from consilium.specialists.prove import parted, train
from consilium.specialists.roster import CARD_FILE, folder_of
from consilium.validation import auroc, calibration_slope
from consilium.validation.challenge import hours
from consilium.validation.coverage import coverage

FOLDER = folder_of("sepsis_hourly")
PUBLISHED = {"Morrill et al., best of the challenge, hidden sets A, B and C": 0.360}
"""From memory of the challenge's result; the hidden sets are not public, so this is another test than ours."""
LABEL, MOVED = "CONSILIUM//sepsis-label", timedelta(hours=6)


def figures(data: Path | None) -> dict[str, float]:
    card = read_card(FOLDER / CARD_FILE)
    with record_of(FOLDER, data or SHARED / "physionet2019") as record:
        events = pa.concat_tables(list(record.events()))
    label, subject, hour = stays(events)
    learned, held = parted(card, cases(card, events))
    assert held is not None  # the card holds a share out
    groups, theirs = bedside_groups(learned.groups), bedside_groups(held.groups)
    trained = train(card.learner, learned.features.X, learned.y, learned.subjects, card.parameters, groups)
    answers = trained.calibration.apply(trained.out_of_fold)
    own = np.isin(subject, learned.subjects)
    threshold, on_learned = hours(label[own], subject[own]).threshold(carried(learned, answers, subject[own], hour[own]))
    said = trained.calibration.apply(trained.learner.log_odds(held.features.X))
    p = probability_of(said)
    own = np.isin(subject, held.subjects)
    utility = hours(label[own], subject[own]).utility(carried(held, said, subject[own], hour[own]) >= threshold)
    found, slope = auroc(held.y, p), calibration_slope(held.y, p)
    covered = coverage(held.y, trained.sets.at(said, theirs))[0]
    people, ill = len(np.unique(held.subjects)), len(np.unique(held.subjects[held.y == 1]))
    table = Table(title=f"Set B, {people} patients held out ({ill} with sepsis), {int(own.sum())} hours")
    for column in ("", "utility", "AUROC of hours", "calibration slope", "coverage at 90 %"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row(
        f"{card.learner}, trained here", f"{utility:.4f}", f"{found.value:.4f}", f"{slope.value:.3f}", f"{covered.covered.value:.3f}"
    )
    table.add_row("  the same on the others, out of fold", f"{on_learned:.4f}", "", "", "")
    table.add_section()
    for name, value in PUBLISHED.items():
        table.add_row(f"published: {name}", f"{value:.4f}", "", "", "")
    Console().print(table)
    return {
        "sepsis_utility": round(utility, 4),
        "sepsis_utility_on_training_out_of_fold": round(on_learned, 4),
        "physionet2019_auroc": round(found.value, 4),
        "calibration_slope": round(slope.value, 4),
        "coverage_at_90": round(covered.covered.value, 4),
    }


def stays(events: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Label, subject and time (microseconds) of every charted hour, by subject and time; the label is moved back to its hour."""
    told = events.filter(pc.equal(events["code"], LABEL)).sort_by([("subject_id", "ascending"), ("time", "ascending")])
    time = told["time"].cast(pa.int64()).to_numpy() - MOVED // timedelta(microseconds=1)
    return told["numeric_value"].to_numpy().astype(np.int64), told["subject_id"].to_numpy(), time


def carried(found: Cases, said: NDArray[np.float64], subject: NDArray[np.int64], hour: NDArray[np.int64]) -> NDArray[np.float64]:
    """The answer at each charted hour, or the one before it; before the first, lower than any."""
    asked = dict(zip(moments(found), said.tolist(), strict=True))
    out, last, whose = np.empty(len(hour)), -1e9, None
    for n, key in enumerate(zip(subject.tolist(), hour.tolist(), strict=True)):
        last = asked.get(key, last if key[0] == whose else -1e9)
        whose = key[0]
        out[n] = last
    return out


def moments(found: Cases) -> list[tuple[int, int]]:
    at = np.array([moment for _, moment in found.features.rows], dtype="datetime64[us]").astype(np.int64)
    return list(zip(found.subjects.tolist(), at.tolist(), strict=True))
