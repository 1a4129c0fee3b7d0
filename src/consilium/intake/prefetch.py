"""Prefetch: the chart of one patient from FHIR resources in memory, as a CDS Hooks request brings them; nothing touches the disk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from consilium.core import SCHEMA, Patient, Reject
from consilium.core.code import BIRTH
from consilium.core.errors import NotFoundError, TimeError
from consilium.intake.identity import Identities
from consilium.intake.normalise import normalise
from consilium.intake.subjects import recorded
from consilium.knowledge import Shelf
from consilium.sources.fhir import read_resources

ORIGIN = "prefetch"
_SAID = ["time", "available", "code", "numeric_value", "text_value", "unit"]


def patient_from(resources: Iterable[dict[str, Any]], patient_id: str, as_of: datetime, shelf: Shelf) -> Patient:
    """The patient of a prefetch; see `prefetched`."""
    return prefetched(resources, patient_id, as_of, shelf)[0]


def prefetched(resources: Iterable[dict[str, Any]], patient_id: str, as_of: datetime, shelf: Shelf) -> tuple[Patient, tuple[Reject, ...]]:
    """Read one patient's resources as they were at hand at `as_of`.

    Parameters
    ----------
    resources : iterable of dict
        FHIR R4 resources; Bundles among them are opened. Those about other patients are left out.
    patient_id : str
        The sender's identifier (`Patient.id`).
    as_of : datetime
        The moment of asking, UTC (a time zone is converted). What carries no date was known then, because it was sent; what
        became available later is left out.
    shelf : Shelf
        Canonical units and limits.

    Returns
    -------
    (Patient, tuple of Reject)
        The patient, by the same rules as the record's, and what could not be read.

    Raises
    ------
    NotFoundError
        When nothing is said of that patient.
    TimeError
        When `as_of` lies before birth.
    """
    at = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    batch = read_resources(resources, ORIGIN, received=int(pa.scalar(at, pa.timestamp("us")).value))
    batch, _ = Identities().checked(batch, ORIGIN)
    batch = normalise(batch, shelf, file=ORIGIN)
    theirs = batch.events.filter(pc.equal(batch.events["patient_id"], patient_id))
    if not theirs.num_rows:
        others = sorted(set(batch.events["patient_id"].to_pylist()))
        raise NotFoundError(
            "The prefetch says nothing of the patient", found=others[:3], expected=patient_id, do="prefetch Patient and data"
        )
    births = theirs.filter(pc.equal(theirs["code"], BIRTH))["time"]
    born = pc.min(births).as_py() if len(births) else None
    if born is not None and at < born:
        raise TimeError(
            "The moment of asking lies before birth", where=f"patient {patient_id}", found=at.isoformat(), expected=born.isoformat()
        )
    known = pc.fill_null(pc.less_equal(theirs["available"], pa.scalar(at, pa.timestamp("us"))), True)
    events: pl.DataFrame = pl.from_arrow(recorded(theirs.filter(known))[0])  # type: ignore[assignment]
    said_once = events.sort([*_SAID, "source_id"]).unique(_SAID, keep="first", maintain_order=True)
    return Patient(patient_id, at, said_once.to_arrow().cast(SCHEMA)), batch.rejects
