"""Ward: small made-up events for the tests of the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from consilium.core.events import table
from consilium.record import subject_id

DAY = datetime(2026, 1, 1)


def at(days: float) -> datetime:
    """So many days after the first day of 2026."""
    return DAY + timedelta(days=days)


def event(patient: str | int, code: str, days: float | None = 0.0, value: float | None = None, **more: Any) -> dict[str, Any]:
    """One event; `late` is how many days after it happened it became known."""
    late, unit = more.pop("late", 0.0), more.pop("unit", None if value is None else "mmol/L")
    time = None if days is None else at(days)
    subject = subject_id(patient) if isinstance(patient, str) else patient
    row = {"subject_id": subject, "code": code, "time": time, "numeric_value": value, "unit": unit}
    return row | {"available": None if time is None else time + timedelta(days=late), "source_id": f"{code}/{days}"} | more


def events(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A table in the record's columns."""
    return table(rows)


def named(*patients: str) -> dict[int, str]:
    """Patients as the writer wants them named."""
    return {subject_id(p): p for p in patients}
