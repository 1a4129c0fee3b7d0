"""Census: everybody in a record, with what a ward list shows of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from consilium.core.code import BIRTH, FEMALE, MALE, NAME
from consilium.core.patient import completed_years
from consilium.record import parquet
from consilium.render.page import Row

if TYPE_CHECKING:
    from consilium.record import Record

SHOWN = (BIRTH, FEMALE, MALE, NAME)
COLUMNS = ["subject_id", "code", "time", "text_value", "available"]


@dataclass(frozen=True, slots=True)
class Census:
    """Rows of the ward list, last seen first."""

    rows: tuple[Row, ...]

    def matching(self, query: str) -> tuple[Row, ...]:
        """Rows whose name or identifier holds every word of the query, in any case."""
        words = query.casefold().split()
        return tuple(r for r in self.rows if all(w in r.name.casefold() or w in r.id.casefold() for w in words))

    def holds(self, patient_id: str) -> bool:
        """Whether somebody has that identifier."""
        return any(r.id == patient_id for r in self.rows)


def census(record: Record) -> Census:
    """Read the census of a record; of every shard only the columns that the list needs.

    The last event is the latest one that had begun when it became known, so that a planned end is not taken for a visit; the
    age is that of the last event's day.
    """
    facts: dict[int, list[tuple[str, datetime | None, str | None]]] = {}
    last: dict[int, datetime] = {}
    for path in record.shards():
        table = parquet.read(path, COLUMNS)
        for row in table.filter(pc.is_in(table["code"], value_set=pa.array(SHOWN))).to_pylist():
            facts.setdefault(row["subject_id"], []).append((row["code"], row["time"], row["text_value"]))
        begun = table.filter(pc.fill_null(pc.less_equal(table["time"], table["available"]), False))
        latest = begun.group_by("subject_id").aggregate([("time", "max")])
        last.update(zip(latest["subject_id"].to_pylist(), latest["time_max"].to_pylist(), strict=True))
    rows = [_row(patient_id, facts.get(subject, []), last.get(subject)) for patient_id, subject in record.patients()]
    rows.sort(key=lambda r: (r.last is None, -(r.last.timestamp() if r.last else 0.0), r.name.casefold(), r.id))
    return Census(tuple(rows))


def _row(patient_id: str, facts: list[tuple[str, datetime | None, str | None]], last: datetime | None) -> Row:
    name = next((text for code, _, text in reversed(facts) if code == NAME and text), "")
    born = next((time for code, time, _ in facts if code == BIRTH and time), None)
    sexes = {code.rpartition("//")[2] for code, _, _ in facts if code in (FEMALE, MALE)}
    age = completed_years(born, last) if born and last and born <= last else None
    return Row(patient_id, name, age, sexes.pop() if len(sexes) == 1 else None, last)
