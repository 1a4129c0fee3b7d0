"""Sight: what a card's model sees of patients: its inputs, and the series beside them where its learner reads one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from consilium.core.card import Card, Input
from consilium.core.features import Features
from consilium.models import SERIES_LEARNERS
from consilium.models.grid import Grid
from consilium.record.asked import moments_of, rows_of
from consilium.record.features import planned
from consilium.record.matrix import row_chunks
from consilium.record.plan import plan
from consilium.record.series import series


def reads_series(card: Card) -> bool:
    """Whether the seated learner reads the card's series."""
    return card.series is not None and card.learner in SERIES_LEARNERS


def names(card: Card) -> tuple[str, ...]:
    """What the model's columns are called."""
    return (*(i.name for i in card.inputs), *(card.series.names if card.series and reads_series(card) else ()))


def grid(card: Card) -> Grid:
    """How a row with the series holds it; without one, a row is its inputs."""
    return Grid(len(card.inputs), card.series.length, len(card.series.inputs)) if card.series else Grid(len(card.inputs), 0, 0)


def sight(card: Card, events: pa.Table, rows: Sequence[tuple[int, datetime]]) -> Features:
    """All that any learner of the card may be trained on, in bounded memory beside it; `rows` stand by subject.

    Errors as for `record.features`.
    """
    layout, asked, theirs = plan(card.inputs, {}), rows_of(rows), events.sort_by("subject_id")
    X = [planned(own, layout, moments_of(some)).X for own, some in row_chunks(theirs, asked, layout)]
    whole = np.concatenate([np.empty((0, len(card.inputs)), np.float32), *X])
    fixed = Features(whole, tuple(i.name for i in card.inputs), tuple(i.unit for i in card.inputs), tuple(rows), np.isfinite(whole))
    return beside(fixed, series(theirs, card.series, rows)) if card.series else fixed


def with_series(card: Card, events: pa.Table, fixed: Features) -> Features:
    """The card's inputs, and the series beside them where the seated learner reads it; traced where the inputs are."""
    if card.series is None or not reads_series(card):
        return fixed
    return beside(fixed, series(events, card.series, fixed.rows, trace=fixed.times is not None))


def beside(left: Features, right: Features) -> Features:
    """Two matrices of the same rows as one."""

    def both(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
        return None if a is None or b is None else np.hstack([a, b])

    return Features(
        np.hstack([left.X, right.X]),
        left.names + right.names,
        left.units + right.units,
        left.rows,
        np.hstack([left.observed, right.observed]),
        both(left.times, right.times),
        both(left.event_ids, right.event_ids),
    )


def column(card: Card, place: int) -> Input:
    """The input that a column was made by."""
    if place < len(card.inputs) or card.series is None:
        return card.inputs[place]
    return card.series.inputs[(place - len(card.inputs)) % len(card.series.inputs)]
