"""Store: the record on disk, as of its last commit when it was opened; see `layout` for its form."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from consilium.core.code import BIRTH
from consilium.core.errors import FormatError, NotFoundError, RecordError, TimeError
from consilium.core.events import SCHEMA, Reject
from consilium.core.patient import Patient
from consilium.core.source import Source
from consilium.record import layout, metadata, rejects
from consilium.record import manifest as manifests
from consilium.record.charts import Charts
from consilium.record.manifest import Manifest
from consilium.record.moment import moment
from consilium.record.placement import SPLITS, placed
from consilium.record.shard import read_shard, reading

_NEAR = 2_500  # identifiers on either side that are searched for one like the one asked for


@dataclass(frozen=True)
class Record:
    """The chart of every patient; open it with `Record.open`, write it with `writing`.

    A record is one generation and stays so: what is committed later is seen by `latest()`.

    Parameters
    ----------
    path : Path
        The record's folder.
    root : Path
        The folder of this generation.
    manifest : Manifest
        Its files.
    """

    path: Path
    root: Path
    manifest: Manifest
    _charts: Charts = field(default_factory=Charts, repr=False, compare=False)

    @staticmethod
    def open(path: Path | str) -> Record:
        """Open the record as of its last commit.

        Raises
        ------
        NotFoundError
            When there is no such folder, or nothing was ever committed to it.
        FormatError
            When the folder holds something else.
        RecordError
            When a file is absent or truncated.
        """
        path = Path(path)
        do = "make it with `consilium ingest PATH... --record DIR`"
        if not path.is_dir():
            raise NotFoundError("There is no such record", where=str(path), do=do)
        if not layout.committed(path):
            foreign = layout.foreign(path)
            if foreign:
                raise FormatError("The folder is not a record", where=str(path), found=foreign[:5], expected=layout.CURRENT, do=do)
            raise NotFoundError("Nothing has been committed to the record", where=str(path), do=do)
        root = (path / layout.CURRENT).resolve()
        manifest = manifests.read(root)
        manifests.check_sizes(root, manifest.files)
        return Record(path, root, manifest)

    @property
    def generation(self) -> int:
        """Number of the ingest that made this generation, from 1."""
        return self.manifest.generation

    def latest(self) -> Record:
        """This record when nothing was committed since it was opened, else the record as it is now."""
        return self if (self.path / layout.CURRENT).resolve() == self.root else Record.open(self.path)

    def check(self) -> None:
        """Read every byte and compare checksums.

        Raises
        ------
        RecordError
            Naming the damaged files.
        """
        manifests.check_sums(self.root, self.manifest.files)

    def patients(self) -> list[tuple[str, int]]:
        """Sender's identifier and subject of every patient, by identifier."""
        return list(self._subjects.items())

    def patient(self, patient_id: str, as_of: datetime | str | None = None) -> Patient:
        """One patient as known at one moment.

        Parameters
        ----------
        patient_id : str
            The sender's identifier.
        as_of : datetime or str, optional
            The moment of asking (`moment` says how it is read). Without it, the moment at which the latest event of the chart
            became available; for a chart without any dated event, the moment of the record's last commit.

        Returns
        -------
        Patient
            Undated events, and every event that was available at that moment.

        Raises
        ------
        NotFoundError
            When nobody has that identifier; near ones are named.
        TimeError
            When the moment cannot be read or lies before birth.
        """
        subject = self._subjects.get(patient_id)
        if subject is None:
            near = self._near(patient_id)
            do = f"perhaps {' or '.join(near)} was meant" if near else "`Record.patients()` lists everybody"
            raise NotFoundError("There is no such patient", where=str(self.path), found=patient_id, do=do)
        split, shard = placed(np.array([subject], dtype=np.int64), self.manifest.shards)
        name = layout.shard_path(SPLITS[int(split[0])], int(shard[0]))
        with reading(self.root / name):
            events = self._charts.events(self.root / name, subject) if name in self._shard_names else SCHEMA.empty_table()
        available = events["available"]
        if as_of is None:
            return Patient(patient_id, pc.max(available).as_py() or self.manifest.committed, events)
        at = moment(as_of)
        self._born(patient_id, events, at)
        known = pc.fill_null(pc.less_equal(available, pa.scalar(at, pa.timestamp("us"))), True)
        return Patient(patient_id, at, events.filter(known))

    def events(self, split: str | None = None) -> Iterator[pa.Table]:
        """Events shard by shard, each subject whole in one of them.

        Parameters
        ----------
        split : str, optional
            `train`, `tuning` or `held_out`; all of them when left out.

        Yields
        ------
        pyarrow.Table
            In `SCHEMA` columns, sorted by subject and time.
        """
        for path in self.shards(split):
            yield read_shard(path)

    def shards(self, split: str | None = None) -> tuple[Path, ...]:
        """Files of the shards, of one split or of all.

        Raises
        ------
        RecordError
            When there is no such split.
        """
        if split is not None and split not in SPLITS:
            raise RecordError("There is no such split", where=str(self.path), found=split, expected=SPLITS)
        wanted = SPLITS if split is None else (split,)
        names = (layout.shard_path(s, n) for s in wanted for n in range(self.manifest.shards))
        return tuple(self.root / name for name in names if name in self._shard_names)

    @property
    def train(self) -> View:
        """Patients to learn from (about 80 in a hundred)."""
        return View(self, SPLITS[0])

    @property
    def tuning(self) -> View:
        """Patients to choose by (about 10 in a hundred)."""
        return View(self, SPLITS[1])

    @property
    def held_out(self) -> View:
        """Patients to prove on (about 10 in a hundred)."""
        return View(self, SPLITS[2])

    def rejects(self) -> tuple[Reject, ...]:
        """Everything that could not be read, oldest ingest first."""
        with reading(self.root / metadata.REJECTS):
            return tuple(r for f in self.manifest.below(metadata.REJECTS) for r in rejects.read(self.root / f.path))

    def sources(self) -> tuple[Source, ...]:
        """Every file that was ingested, oldest first."""
        with reading(self.root / metadata.SOURCES):
            return metadata.read_sources(self.root)

    def summaries(self) -> tuple[dict[str, Any], ...]:
        """What each ingest had to say of itself, oldest first; `record` holds the record's own counts."""
        with reading(self.root / metadata.INGESTS):
            return metadata.read_summaries(self.root)

    def descriptions(self) -> Mapping[str, str]:
        """Displays of codes, as senders wrote them; a code that nobody described is absent."""
        return self._descriptions

    @cached_property
    def _subjects(self) -> Mapping[str, int]:
        with reading(self.root / metadata.SUBJECTS):
            return metadata.read_patients(self.root)

    @cached_property
    def _descriptions(self) -> Mapping[str, str]:
        with reading(self.root / metadata.CODES):
            return MappingProxyType({code: text for code, text in metadata.read_codes(self.root).items() if text})

    @cached_property
    def _shard_names(self) -> frozenset[str]:
        return frozenset(f.path for f in self.manifest.below(layout.DATA))

    def _near(self, patient_id: str) -> list[str]:
        ids = list(self._subjects)
        at = bisect_left(ids, patient_id)
        return get_close_matches(patient_id, ids[max(0, at - _NEAR) : at + _NEAR], n=3)

    def _born(self, patient_id: str, events: pa.Table, at: datetime) -> None:
        births = events.filter(pc.equal(events["code"], BIRTH))["time"]
        born = pc.min(births).as_py() if len(births) else None
        if born is not None and at < born:
            raise TimeError(
                "The moment of asking lies before birth",
                where=f"patient {patient_id}",
                found=at.isoformat(),
                expected=f"{born.isoformat()} or later",
            )


@dataclass(frozen=True, slots=True)
class View:
    """The patients of one split, to be gone through shard by shard."""

    record: Record
    split: str

    def events(self) -> Iterator[pa.Table]:
        """Events shard by shard; see `Record.events`."""
        return self.record.events(self.split)

    def shards(self) -> tuple[Path, ...]:
        """Files of the shards."""
        return self.record.shards(self.split)
