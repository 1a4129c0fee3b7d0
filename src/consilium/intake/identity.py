"""Identity: the same identifier described twice must be the same person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from consilium.core import Batch, Reject
from consilium.core.code import BIRTH, DEATH, FEMALE, MALE, NAME
from consilium.record import Record

DUPLICATE = "duplicate patient"
_DESCRIPTION = pa.array([BIRTH, DEATH, FEMALE, MALE, NAME])
_SEXES = (FEMALE, MALE)
_YEAR = 366 * 86_400 * 1_000_000
Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Description:
    """Who somebody is said to be: the stretch of time in which the birth lies, the sex, and the file that says so."""

    birth: Stretch | None
    sex: str
    file: str

    def differs(self, other: Description) -> bool:
        """Whether the two cannot be one person: births that cannot coincide, or another sex."""
        apart = self.birth and other.birth and (self.birth[0] >= other.birth[1] or other.birth[0] >= self.birth[1])
        return bool(apart) or bool(self.sex and other.sex and self.sex != other.sex)

    def __str__(self) -> str:
        born = "birth unknown" if self.birth is None else f"born {pa.scalar(self.birth[0], pa.timestamp('us')).as_py():%Y-%m-%d}"
        return f"{born}, {self.sex.rpartition('/')[2] or 'sex unknown'}"


@dataclass(slots=True)
class Identities:
    """Everybody described so far; memory grows with the number of patients, not of events."""

    known: dict[str, Description] = field(default_factory=dict)
    _file: str = ""
    _strangers: set[str] = field(default_factory=set)

    def checked(self, batch: Batch, file: str) -> tuple[Batch, int]:
        """Keep the first description of each patient, reject later ones that contradict it.

        When the earlier description came from another file, the rest of what this file says of the patient may be about
        another person and is rejected too.

        Parameters
        ----------
        batch : Batch
            In `AS_SENT` columns.
        file : str
            Where it comes from.

        Returns
        -------
        (Batch, int)
            Without contradicting descriptions, and the number of births dropped because they restate one that was
            reckoned from an age.
        """
        if file != self._file:
            self._file, self._strangers = file, set()
        events = batch.events
        places = pc.indices_nonzero(pc.is_in(events["code"], value_set=_DESCRIPTION))
        rows = events.take(places).to_pylist() if len(places) else []
        dropped: set[int] = set()
        rejects: list[Reject] = []
        repeated = 0
        for group in _descriptions(list(zip(places.to_pylist(), rows, strict=True))):
            said = _described((row for _, row in group), file)
            row = group[0][1]
            patient = row["patient_id"]
            before = self.known.setdefault(patient, said)
            if before.differs(said):
                dropped.update(place for place, _ in group)
                found = f"{said}; before ({before.file}): {before}"
                rejects.append(Reject(file, row["source_id"] or "", DUPLICATE, "description", row["code"], found, patient))
                if before.file != file:
                    self._strangers.add(patient)
                continue
            if before is not said:
                again = [place for place, one in group if one["code"] == BIRTH and one["text_value"] and before.birth]
                dropped.update(again)
                repeated += len(again)
                self.known[patient] = Description(before.birth or said.birth, before.sex or said.sex, before.file)
        return self._without(batch, dropped, rejects), repeated

    def _without(self, batch: Batch, dropped: set[int], rejects: list[Reject]) -> Batch:
        events = batch.events
        if self._strangers:
            theirs = pc.indices_nonzero(pc.is_in(events["patient_id"], value_set=pa.array(sorted(self._strangers)))).to_pylist()
            others = [place for place in theirs if place not in dropped]
            for row in events.take(pa.array(others, pa.int64())).to_pylist():
                reason = f"{DUPLICATE}: this file describes another person under the identifier"
                rejects.append(Reject(self._file, row["source_id"] or "", reason, "event", row["code"], "", row["patient_id"]))
            dropped = dropped.union(others)
        if not dropped:
            return batch if not rejects else replace(batch, rejects=(*batch.rejects, *rejects))
        keep = [place for place in range(events.num_rows) if place not in dropped]
        return replace(batch, events=events.take(pa.array(keep, pa.int64())), rejects=(*batch.rejects, *rejects))


def of_record(record: Record) -> Identities:
    """Everybody whom a record describes."""
    found: dict[str, Description] = {}
    names = {subject: patient for patient, subject in record.patients()}
    for shard in record.shards():
        rows = pl.scan_parquet(shard).filter(pl.col("code").is_in([BIRTH, *_SEXES])).collect().to_dicts()
        people: dict[int, list[dict[str, Any]]] = {}
        for row in rows:
            people.setdefault(row["subject_id"], []).append(row)
        for subject, said in people.items():
            found[names[subject]] = _described(said, "the record")
    return Identities(found)


def _descriptions(rows: list[tuple[int, dict[str, Any]]]) -> list[list[tuple[int, dict[str, Any]]]]:
    """Rows of one resource or table row together: same patient and source, no kind of statement twice."""
    groups: list[list[tuple[int, dict[str, Any]]]] = []
    said: set[object] = set()
    for place, row in rows:
        kind = "sex" if row["code"] in _SEXES else row["code"]
        last = groups[-1][-1][1] if groups else None
        if last is None or (last["patient_id"], last["source_id"]) != (row["patient_id"], row["source_id"]) or kind in said:
            groups.append([])
            said = set()
        groups[-1].append((place, row))
        said.add(kind)
    return groups


def _described(rows: Iterable[dict[str, Any]], file: str) -> Description:
    birth: Stretch | None = None
    sex = ""
    for row in rows:
        code = row["code"]
        if code == BIRTH:
            start, end = _microseconds(row["time"]), _microseconds(row["available"])
            # A birth reckoned from completed years (it says so) may lie up to a year earlier.
            birth = (start - _YEAR, end) if row["text_value"] else (start, end)
        elif code in _SEXES:
            sex = code
    return Description(birth, sex, file)


def _microseconds(time: Any) -> int:
    return int(pa.scalar(time, pa.timestamp("us")).value)
