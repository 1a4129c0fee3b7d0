"""Summary: what came of one ingest, in numbers that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from consilium.core import Batch, Reject
from consilium.core.errors import NotFoundError
from consilium.record import Record


@dataclass(frozen=True, slots=True)
class Summary:
    """One ingest.

    Parameters
    ----------
    files, already, unread : int
        Files read; files skipped because their content was ingested before; files that could not be opened at all.
    rows, read : int
        Rows, entries, lines or resources looked at, and those that were used. `rows == read + sum(rejects)`.
    sent, events, duplicates : int
        Events that sources made of them; events that are new in the record; events that had been said already.
        `sent == events + duplicates + (events among the parts)`.
    patients : int
        Patients who had events in it.
    rejects, parts : mapping of str to int
        Rows that were not used, by reason; pieces of rows (or of their events) that were not, by reason.
    """

    files: int = 0
    already: int = 0
    unread: int = 0
    rows: int = 0
    read: int = 0
    sent: int = 0
    events: int = 0
    duplicates: int = 0
    patients: int = 0
    rejects: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)


def latest(record: Record) -> Summary:
    """The summary of the last ingest of a record.

    Raises
    ------
    NotFoundError
        When nothing was ingested.
    """
    said = record.summaries()
    if not said:
        raise NotFoundError("Nothing was ingested yet", where=str(record.path))
    last = dict(said[-1])
    counts = last.pop("record", {})
    last["events"] = counts.get("events", 0)
    last["duplicates"] = last.get("duplicates", 0) + counts.get("duplicates", 0)
    return Summary(**{key: value for key, value in last.items() if key in Summary.__dataclass_fields__})


@dataclass(slots=True)
class Tally:
    """Counts while an ingest runs."""

    files: int = 0
    already: int = 0
    unread: int = 0
    rows: int = 0
    read: int = 0
    sent: int = 0
    repeated: int = 0
    patients: set[int] = field(default_factory=set)
    rejects: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)

    def count(self, sent: Batch, rejects: Iterable[Reject], repeated: int, patients: Iterable[int]) -> None:
        """Count a batch: as the source sent it, and all that was rejected of it since."""
        self.rows += sent.rows
        self.read += sent.read
        self.sent += sent.events.num_rows
        self.repeated += repeated
        self.patients.update(patients)
        for reject in rejects:
            (self.parts if reject.part else self.rejects)[reject.reason] += 1

    def summary(self) -> dict[str, Any]:
        """What the record keeps; it adds its own counts of events and duplicates."""
        kept = Summary(
            self.files, self.already, self.unread, self.rows, self.read, self.sent,
            duplicates=self.repeated, patients=len(self.patients), rejects=dict(self.rejects), parts=dict(self.parts),
        )  # fmt: skip
        return asdict(kept)
