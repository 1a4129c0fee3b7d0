"""Results: a patient's measurements, newest first, each with its course and its reference range."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from consilium.core.code import split
from consilium.core.patient import Patient
from consilium.council.reference import Limits, reference

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

NOT_A_RESULT = ("", "GENDER", "TEXT")


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement: `series` in order of time, its newest value or coded answer, and the reference range that fits the patient."""

    code: str
    unit: str
    series: tuple[tuple[datetime, float], ...]
    answer: str
    time: datetime
    reference: Limits | None

    @property
    def value(self) -> float | None:
        """The newest value, None for a coded answer."""
        return self.series[-1][1] if self.series else None


def results(patient: Patient, shelf: Shelf, *, first: Collection[str] = ()) -> tuple[Result, ...]:
    """Gather a patient's dated measurements and coded answers.

    Parameters
    ----------
    patient : Patient
        As known at the moment of asking.
    shelf : Shelf
        Reference ranges.
    first : collection of str
        Codes to list before all others.

    Returns
    -------
    tuple of Result
        One for each code and unit; those in `first`, then by newest event.
    """
    rows = patient.events.filter(
        pc.and_(pc.is_valid(patient.events["time"]), pc.less_equal(patient.events["time"], patient.as_of))
    ).to_pylist()
    series: dict[tuple[str, str], list[tuple[datetime, float]]] = {}
    answers: dict[str, tuple[datetime, str]] = {}
    for row in rows:
        parts = split(row["code"])
        if parts.kind or parts.vocabulary in NOT_A_RESULT:
            continue
        if row["numeric_value"] is not None:
            series.setdefault((row["code"], row["unit"] or ""), []).append((row["time"], row["numeric_value"]))
        elif row["text_value"] and (row["code"] not in answers or row["time"] >= answers[row["code"]][0]):
            answers[row["code"]] = (row["time"], row["text_value"])
    found = []
    for (code, unit), course in series.items():
        course.sort(key=lambda point: point[0])
        found.append(Result(code, unit, tuple(course), "", course[-1][0], reference(code, unit, patient, shelf)))
    found += [Result(code, "", (), answer, time, None) for code, (time, answer) in answers.items() if not any(c == code for c, _ in series)]
    return tuple(sorted(found, key=lambda r: (r.code not in first, -r.time.timestamp(), r.code)))
