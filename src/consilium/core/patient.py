"""Patient: one person's events as they were known at one moment, and nothing later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from consilium.core.code import BIRTH, FEMALE, MALE
from consilium.core.errors import LawError, LeakageError
from consilium.core.events import SCHEMA


@dataclass(frozen=True, slots=True)
class Patient:
    """One person as known at `as_of`.

    Parameters
    ----------
    id : str
        The sender's identifier, as people at the ward know it.
    as_of : datetime
        The moment of asking, UTC without zone.
    events : pyarrow.Table
        In `SCHEMA` columns, one subject, every row available at or before `as_of`.

    Raises
    ------
    LeakageError
        When a row became available after `as_of`, or a dated row has no availability.
    LawError
        When rows of more than one subject are given, or `as_of` carries a time zone.
    """

    id: str
    as_of: datetime
    events: pa.Table

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is not None:
            raise LawError("The moment of asking must be UTC without zone", found=self.as_of.isoformat())
        if self.events.schema.names != SCHEMA.names:
            raise LawError("Events have other columns than the record's", found=self.events.schema.names, expected=SCHEMA.names)
        if self.events.num_rows == 0:
            return
        if pc.count_distinct(self.events["subject_id"]).as_py() > 1:
            raise LawError("A patient is one person", where=f"patient {self.id}", found="events of several subjects")
        dated = pc.is_valid(self.events["time"])
        unknown = pc.and_(dated, pc.is_null(self.events["available"]))
        late = pc.fill_null(pc.greater(self.events["available"], pa.scalar(self.as_of, pa.timestamp("us"))), False)
        leaks = pc.or_(unknown, late)
        if pc.any(leaks).as_py():
            first = self.events.filter(leaks).slice(0, 1).to_pylist()[0]
            raise LeakageError(
                "An event was not known yet",
                where=f"patient {self.id}, code {first['code']}",
                found=f"available {first['available']}",
                expected=f"at or before {self.as_of}",
                do="ask for the patient through the record, which keeps later events out",
            )


def completed_years(birth: datetime, at: datetime) -> int:
    """Age in completed calendar years.

    Examples
    --------
    >>> completed_years(datetime(1960, 5, 2), datetime(2025, 5, 1))
    64
    """
    return at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))


def birth(patient: Patient) -> datetime | None:
    """Time of birth, None when the chart does not say; of several the one known last, as features take it."""
    rows = patient.events.filter(pc.equal(patient.events["code"], BIRTH))
    told = zip(rows["available"].to_pylist(), rows["time"].to_pylist(), strict=True)
    return max(((known or datetime.min, born) for known, born in told if born is not None), default=(None, None))[1]


def age(patient: Patient) -> int | None:
    """Age in completed years at the moment of asking, None when the chart does not say."""
    born = birth(patient)
    return None if born is None else completed_years(born, patient.as_of)


def sex(patient: Patient) -> str | None:
    """`F` or `M`, None when the chart does not say or says both."""
    seen = {code for code in (FEMALE, MALE) if pc.any(pc.equal(patient.events["code"], code)).as_py()}
    return seen.pop().rpartition("//")[2] if len(seen) == 1 else None
