"""Score: one specialist over a whole record, shard by shard, with the numbers and the silences it would have at the bedside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.card import Card, Input
from consilium.core.code import BIRTH, FEMALE, MALE
from consilium.core.features import Features
from consilium.models.odds import probability_of
from consilium.models.served import ServedModel
from consilium.record import Cohort, Record, Tables, View, raised
from consilium.record.asked import moments_of, rows_of
from consilium.record.engine import Progress
from consilium.record.features import planned
from consilium.record.matrix import row_chunks
from consilium.record.plan import plan
from consilium.record.raised import NOT_TRIGGERED
from consilium.record.tables import counted, write_tables
from consilium.specialists.roster import CARD_FILE, MODEL, REPORT, Specialist, seat
from consilium.specialists.sight import with_series

NOT_RAISED, LEFT_OUT, AGE_UNKNOWN, AGE_OUTSIDE, SEX_UNKNOWN, SEX_OUTSIDE, NEEDS, OUTSIDE_TRAINING, UNLIKE_TRAINING = (
    "not_raised", "left_out", "age_unknown", "age_outside", "sex_unknown", "sex_outside", "needs", "outside_training",
    "unlike_training",
)  # fmt: skip
"""Why there is no number, in the order in which `examine` looks; the words for people are the council's phrases of these names."""

COLUMNS = pa.schema(
    [
        pa.field("subject_id", pa.int64(), nullable=False),
        pa.field("as_of", pa.timestamp("us"), nullable=False),
        pa.field("probability", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("abstained", pa.string()),
        pa.field("about", pa.string()),
    ]
)
"""Probability and its interval, null where the specialist abstained; why it did, and the inputs concerned (separated by a blank), or the
criterion that is not met."""

_WHO = (
    Input("age", (BIRTH,), "a", "age"),
    Input("female", (FEMALE,), "1", "count"),
    Input("male", (MALE,), "1", "count"),
)
Moments: TypeAlias = Tables | Cohort | pa.Table | Sequence[tuple[int, datetime]] | datetime | None


@dataclass(frozen=True, slots=True)
class Scores:
    """What a specialist says of rows of features; all of length n, NaN and None where there is nothing."""

    probability: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    abstained: NDArray[np.object_]
    about: NDArray[np.object_]


def score(
    record: Record | View,
    specialist: Specialist,
    out: Path | str,
    *,
    moments: Moments = None,
    site: Path | None = None,
    workers: int = 1,
    engine: str = "local",
    progress: Progress | None = None,
) -> Tables:
    """Ask a specialist about every patient of a record, in bounded memory.

    Parameters
    ----------
    record : Record or View
    specialist : Specialist
        Seated, so its model has been proven.
    out : path
        Folder for one Parquet file a shard, in `COLUMNS`.
    moments : Tables, Cohort, pyarrow.Table, sequence of (int, datetime), or datetime, optional
        Whom to ask about, and when (UTC without zone); a single moment asks about everybody of whom anything was known by then.
        Without it everybody is asked about at the moment at which the latest event of the chart became available; who has no
        dated event is left out and counted (`undated`).
    site : Path, optional
        The folder from which the specialist was put right for this site (`seat`).
    workers, engine, progress
        As in `record.over_shards`; on Spark the executors must see the specialist's folder under the same path.

    Returns
    -------
    Tables
        `counts` holds the rows by outcome: `answered`, and each reason of abstaining.

    Raises
    ------
    RecordError, LawError, TimeError, UnitError
        As `record.features_of` says.
    """
    rows = None if moments is None or isinstance(moments, datetime) else rows_of(moments)
    at = rows_of([(0, moments)])["as_of"][0].as_py() if isinstance(moments, datetime) else None
    made_of = {
        "tables": "scores", "specialist": specialist.name, "version": specialist.seat.card.version, "model": specialist.model.sha256,
        "site": specialist.model.site.as_json() if specialist.model.site else None, "at": at.isoformat() if at else None,
    }  # fmt: skip
    return write_tables(
        partial(_made, folder=specialist.folder, site=site, at=at), record, out,
        plan=made_of, rows=rows, workers=workers, engine=engine, progress=progress,
    )  # fmt: skip


def scores(card: Card, model: ServedModel, matrix: Features, who: Features, silent: NDArray[np.object_]) -> Scores:
    """Answer for rows, or say why not.

    Parameters
    ----------
    card, model
        Of a seated specialist.
    matrix : Features of shape (n, p)
        The card's inputs.
    who : Features of shape (n, 3)
        Age in completed years, and how often the chart says female and male.
    silent : object array of shape (n,)
        Why the question is not raised, as `record.raised` says; empty where it is.
    """
    n = len(matrix.rows)
    abstained, about = np.full((2, n), None, dtype=object)
    open_ = np.ones(n, dtype=np.bool_)

    def abstain(rows: Any, reason: str) -> NDArray[np.bool_]:
        now: NDArray[np.bool_] = open_ & rows
        abstained[now] = reason
        open_[now] = False
        return now

    required = np.array([i.required for i in card.inputs], dtype=np.bool_)
    names = np.array(matrix.names, dtype=object)
    age, female, male = who.X[:, 0], who.X[:, 1] > 0, who.X[:, 2] > 0
    abstain(silent == NOT_TRIGGERED, NOT_RAISED)
    out = abstain(silent != "", LEFT_OUT)
    about[out] = silent[out]
    abstain(np.isnan(age), AGE_UNKNOWN)
    abstain(~((age >= card.ages[0]) & (age <= card.ages[1])), AGE_OUTSIDE)
    abstain(female == male, SEX_UNKNOWN)
    abstain(np.where(female, "F" not in card.population.sexes, "M" not in card.population.sexes), SEX_OUTSIDE)
    lacking = ~matrix.observed[:, : len(required)] & required
    for row in np.flatnonzero(abstain(lacking.any(axis=1), NEEDS)):
        about[row] = " ".join(names[: len(required)][lacking[row]])
    rows = np.flatnonzero(open_)
    for row, outside in zip(rows, model.outside(matrix.X[rows]), strict=True):
        if outside:
            abstained[row], about[row], open_[row] = OUTSIDE_TRAINING, " ".join(outside), False
    rows = np.flatnonzero(open_)
    for row, strange in zip(rows, model.strange(matrix.X[rows]), strict=True):
        if strange:
            abstained[row], about[row], open_[row] = UNLIKE_TRAINING, " ".join(strange), False
    probability, low, high = np.full((3, n), np.nan)
    if open_.any():
        log_odds = model.log_odds(matrix.X[open_])
        probability[open_] = probability_of(log_odds)
        below, above = model.interval(log_odds)
        low[open_], high[open_] = np.minimum(below, probability[open_]), np.maximum(above, probability[open_])
    return Scores(probability, low, high, abstained, about)


def _made(events: pa.Table, asked: pa.Table | None, *, folder: Path, site: Path | None, at: datetime | None) -> Iterator[pa.Table]:
    files = [folder / name for name in (CARD_FILE, MODEL, REPORT)] + ([] if site is None else sorted(site.glob("*.json")))
    specialist = _seated(folder, site, tuple(file.stat().st_mtime_ns for file in files))
    card = specialist.seat.card
    counts: Counter[str] = Counter()
    if asked is None:
        asked, undated = _everybody(events, at)
        counts["undated"] += undated
    made = []
    layout, who = plan(card.inputs, {}), plan(_WHO, {})
    for theirs, rows in row_chunks(events, asked, layout):
        moments = moments_of(rows)
        unasked = raised(theirs, card.question, moments)
        own = with_series(card, theirs, planned(theirs, layout, moments))
        found = scores(card, specialist.model, own, planned(theirs, who, moments), unasked)
        silent = np.isnan(found.probability)
        numbers = [pa.array(column, mask=silent) for column in (found.probability, found.low, found.high)]
        words = [pa.array(column, pa.string()) for column in (found.abstained, found.about)]
        made.append(pa.Table.from_arrays([rows["subject_id"], rows["as_of"], *numbers, *words], schema=COLUMNS))
        counts.update("answered" if reason is None else str(reason) for reason in found.abstained)
    yield counted(pa.concat_tables([COLUMNS.empty_table(), *made]), {key: n for key, n in counts.items() if n})


def _everybody(events: pa.Table, at: datetime | None) -> tuple[pa.Table, int]:
    """Everybody of whom anything was known, once each, and how many cannot be asked about because nothing dates their chart."""
    if at is not None:
        moment = pa.scalar(at, pa.timestamp("us"))
        known = events.filter(pc.fill_null(pc.less_equal(events["available"], moment), True))
        subjects = pc.unique(known["subject_id"])
        return rows_of(pa.table({"subject_id": subjects, "as_of": pa.repeat(moment, len(subjects))})), 0
    latest = events.group_by("subject_id", use_threads=False).aggregate([("available", "max")])
    dated = latest.filter(pc.is_valid(latest["available_max"]))
    # Groups come in no order that could be relied on.
    return rows_of(dated.rename_columns(["subject_id", "as_of"]).sort_by("subject_id")), latest.num_rows - dated.num_rows


@lru_cache(maxsize=8)
def _seated(folder: Path, site: Path | None, stamp: tuple[int, ...]) -> Specialist:
    return seat(folder, site)
