"""Service: what the endpoints stand on - the record, the council, the shelf and the clock - each to be exchanged in a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from consilium.core.consultation import Consultation
from consilium.core.events import Reject
from consilium.core.patient import Patient
from consilium.serve.census import Census, census

if TYPE_CHECKING:
    from consilium.knowledge import Shelf
    from consilium.record import Record
    from consilium.specialists import Roster

LIMIT = 20 * 2**20


class Consult(Protocol):
    """The council's verb."""

    def __call__(self, patient: Patient, *, roster: Roster, shelf: Shelf, language: str) -> Consultation:
        """Hear the council over one patient."""


class Prefetched(Protocol):
    """Resources that arrived with a request, as a Patient and what could not be read."""

    def __call__(self, resources: list[dict[str, Any]], patient_id: str, as_of: datetime, shelf: Shelf) -> tuple[Patient, Sequence[Reject]]:
        """Read the resources."""


@dataclass(slots=True)
class Service:
    """What the endpoints stand on.

    Parameters
    ----------
    path : Path
        Folder of the record.
    base_url : str or None
        Absolute address under which others reach the service; None to take it from each request.
    consult, prefetched, open_record, roster, shelf, now
        The verbs of the rooms below, and the clock (UTC without zone).
    admit : callable, optional
        Given the `Authorization` header ("" when absent) and the address called, whether a CDS Hooks client may speak.
        None: whoever reaches the port may.
    keep_feedback : callable
        Where feedback on cards goes.
    limit : int
        Largest request body in bytes.
    viewer : str
        What an identifier of a study is put behind to show it; empty where there is no viewer.
    """

    path: Path
    base_url: str | None
    consult: Consult
    prefetched: Prefetched
    open_record: Callable[[Path], Record]
    roster: Callable[[], Roster]
    shelf: Callable[[], Shelf]
    now: Callable[[], datetime]
    admit: Callable[[str, str], bool] | None
    keep_feedback: Callable[[dict[str, Any]], None]
    limit: int = LIMIT
    viewer: str = ""
    _record: Record | None = None
    _census: tuple[Path, Census] | None = None
    _lock: Lock = field(default_factory=Lock)

    def record(self) -> Record:
        """The record as of its last commit."""
        with self._lock:
            self._record = self.open_record(self.path) if self._record is None else self._record.latest()
            return self._record

    def census(self) -> Census:
        """Everybody in the record, read once for each commit."""
        record = self.record()
        with self._lock:
            if self._census is None or self._census[0] != record.root:
                self._census = (record.root, census(record))
            return self._census[1]

    def hear(self, patient: Patient, language: str) -> Consultation:
        """The council over one patient."""
        return self.consult(patient, roster=self.roster(), shelf=self.shelf(), language=language)

    def titles(self, language: str) -> dict[str, str]:
        """Titles of the seated specialists by name."""
        return {s.name: s.seat.card.title.get(language, s.name) for s in self.roster().seated}
