"""Sample: the events of as many whole subjects as can be looked at in memory, the same ones each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from consilium.core.events import SCHEMA

MOST = 5_000_000
"""Events looked at; of more, whole subjects are left out, which the report says."""


class HasEvents(Protocol):
    """A record, or a view of one."""

    def events(self) -> Iterator[pa.Table]:
        """Tables of events, all of a patient in one."""


def sample(given: HasEvents | pa.Table, most: int | None = None) -> tuple[pa.Table, int]:
    """The events of whole subjects, about `most` of them (`MOST`), and of how many subjects in a thousand they are."""
    most = MOST if most is None else most

    def shards() -> Iterator[pa.Table]:
        return iter([given]) if isinstance(given, pa.Table) else given.events()

    held: list[pa.Table] = []
    total = 0
    for shard in shards():
        total += shard.num_rows
        held = [*held, shard] if total <= most else []
    if total <= most:
        return (pa.concat_tables(held) if held else SCHEMA.empty_table()), 1000
    permille = max(1, 1000 * most // total)
    kept = [s.filter(pa.array(drawn(s["subject_id"].to_numpy(), permille))) for s in shards()]
    return pa.concat_tables(kept), permille


def drawn(subjects: NDArray[np.int64], permille: int) -> NDArray[np.bool_]:
    """Which subjects are looked at, shape (n,): by a mix of the identifier's bits, so that it says nothing of site or outcome."""
    mixed = subjects.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    found: NDArray[np.bool_] = (mixed >> np.uint64(40)) % np.uint64(1000) < np.uint64(permille)
    return found
