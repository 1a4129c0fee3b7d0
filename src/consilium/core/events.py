"""Events: what happened to patients, one row each, in MEDS columns plus unit, availability and origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

SCHEMA = pa.schema(
    [
        pa.field("subject_id", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("us")),  # null: static, true of the patient at any time
        pa.field("code", pa.string(), nullable=False),
        pa.field("numeric_value", pa.float32()),
        pa.field("text_value", pa.large_string()),
        pa.field("unit", pa.string()),
        pa.field("available", pa.timestamp("us")),  # when it could first be known; null only where time is null
        pa.field("source_id", pa.string()),
    ]
)
"""Columns of the record. Times are UTC without zone; `numeric_value` is in `unit` (UCUM)."""

AS_SENT = pa.schema(
    [
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("time", pa.timestamp("us")),
        pa.field("code", pa.string(), nullable=False),
        pa.field("numeric_value", pa.float64()),
        pa.field("text_value", pa.large_string()),
        pa.field("unit", pa.string()),
        pa.field("available", pa.timestamp("us")),
        pa.field("source_id", pa.string()),
    ]
)
"""Columns as a source sends them: the sender's patient identifier, the sender's unit, double precision."""


def table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema = SCHEMA) -> pa.Table:
    """Make a table of events from rows; columns that a row lacks are null.

    Parameters
    ----------
    rows : iterable of mapping
        One mapping per event, keyed by column.
    schema : pyarrow.Schema
        `SCHEMA` (the record's) or `AS_SENT` (a source's).

    Returns
    -------
    pyarrow.Table of shape (n_events, 8)

    Examples
    --------
    >>> table([{"subject_id": 1, "code": "GENDER//F"}]).num_rows
    1
    """
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


@dataclass(frozen=True, slots=True)
class Reject:
    """One thing that could not be read, kept by name so that nothing is lost in silence.

    `file`, `row` (line, entry or row number from 1, or a resource id) and `reason` say what and where; `part` names the
    piece when the rest of the row was read; `found` holds the offending text as sent.
    """

    file: str
    row: str
    reason: str
    part: str = ""
    code: str = ""
    found: str = ""
    patient_id: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a source read in one step.

    Parameters
    ----------
    events : pyarrow.Table
        In `AS_SENT` columns.
    rows : int
        Rows (entries, resources, lines) looked at.
    read : int
        Rows that gave at least one event, or that held nothing to say and are counted as such by the source.
    rejects : tuple of Reject
        The law of sources: `rows == read + (rejects without a part)`.
    """

    events: pa.Table
    rows: int
    read: int
    rejects: tuple[Reject, ...] = field(default=())
