"""Sample: the events and rows of as many whole subjects as can be looked at in memory, the same ones each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from consilium.core.events import SCHEMA
from consilium.record.splits import drawn

MOST = 1_000_000
"""Events looked at; of more, whole subjects are left out, which the report says."""
MOST_ROWS = 50_000
"""Rows looked at: a chart that is asked about every hour has as many pairs of event and row as its events times its hours."""
_SEED = 27  # another draw than the one that holds patients out for proof


class HasEvents(Protocol):
    """A record, or a view of one."""

    def events(self) -> Iterator[pa.Table]:
        """Tables of events, all of a patient in one."""


def sample(given: HasEvents | pa.Table, most: int | None = None) -> tuple[pa.Table, float]:
    """The events of whole subjects, about `most` of them (`MOST`), and which share of the subjects they are."""
    most = MOST if most is None else most

    def shards() -> Iterator[pa.Table]:
        return iter([given]) if isinstance(given, pa.Table) else given.events()

    held: list[pa.Table] = []
    total = 0
    for shard in shards():
        total += shard.num_rows
        held = [*held, shard] if total <= most else []
    if total <= most:
        return (pa.concat_tables(held) if held else SCHEMA.empty_table()), 1.0
    share = most / total
    return pa.concat_tables([of_share(shard, share) for shard in shards()]), share


def of_share(events: pa.Table, share: float) -> pa.Table:
    """The events of a share of the subjects; a smaller share is a part of a greater one."""
    return events.filter(pa.array(looked_at(events["subject_id"].to_numpy(), share)))


def looked_at(subjects: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Which rows are of subjects that are looked at, bool of shape (n,)."""
    return drawn(subjects, share, seed=_SEED)
