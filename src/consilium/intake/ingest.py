"""Ingest: exports become part of a record, whole or not at all, with every row explained."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from consilium.core import Batch, Reject, Source
from consilium.core.errors import InputError, NotFoundError
from consilium.intake.files import Found, find
from consilium.intake.forms import is_table, reader
from consilium.intake.identity import Identities, of_record
from consilium.intake.normalise import normalise
from consilium.intake.subjects import recorded
from consilium.intake.summary import Tally
from consilium.knowledge import shelf
from consilium.record import Record, Writer, writing
from consilium.sources.csv import Mapping, load
from consilium.sources.sheet import displays


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest has come: the file at hand, files and bytes that are done and in all, and rows looked at."""

    file: str
    files_done: int
    files: int
    bytes_done: int
    bytes: int
    rows: int


def ingest(
    paths: str | Path | Iterable[str | Path],
    into: str | Path,
    *,
    mapping: str | Path | Mapping | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Record:
    """Read exports into a record.

    Parameters
    ----------
    paths : path or iterable of path
        Files, folders or patterns.
    into : path
        The record; made when there is none.
    mapping : path or Mapping, optional
        What the columns of tables among the files mean.
    progress : callable, optional
        Called after every batch and file.

    Returns
    -------
    Record
        `intake.latest` gives its summary, `Record.rejects` what could not be read.

    Raises
    ------
    InputError
        When nothing can be read (`FormatError` when the one file is not of a form that is read). The record is as it was.
    NotFoundError
        When a path does not exist.
    RecordError
        When somebody else is writing, or the record is damaged.
    """
    found, links = find([paths] if isinstance(paths, str | Path) else paths)
    plan = load(mapping) if isinstance(mapping, str | Path) else mapping
    with writing(into) as writer:
        run = _Run(writer, plan, _identities(Path(into)), Tally(), len(found), sum(one.path.stat().st_size for one in found), progress)
        run.refuse(links)
        for one in found:
            run.file(one)
        run.enough(found)
        return writer.commit(run.tally.summary())


@dataclass(slots=True)
class _Run:
    writer: Writer
    mapping: Mapping | None
    identities: Identities
    tally: Tally
    files: int
    bytes: int
    progress: Callable[[Progress], None] | None
    files_done: int = 0
    bytes_done: int = 0
    checksums: frozenset[str] = frozenset()
    last: InputError | None = None

    def file(self, found: Found) -> None:
        """Read one file, unless its content was read before."""
        size = found.path.stat().st_size
        checksum = _sha256(found.path)
        if checksum in self.checksums or self.writer.known(checksum):
            self.tally.already += 1
        else:
            self._read(found, checksum)
        self.checksums |= {checksum}
        self.files_done += 1
        self.bytes_done += size
        self._tell(found)

    def refuse(self, rejects: Iterable[Reject]) -> None:
        """Keep rejects of whole files."""
        for reject in rejects:
            self.tally.unread += 1
            self.writer.reject([reject])

    def enough(self, found: list[Found]) -> None:
        """Refuse an ingest that found nothing it could use."""
        if self.tally.read or self.tally.already:
            return
        if self.last is not None and len(found) == 1:
            raise self.last
        reasons = "; ".join(reason for reason, _ in self.tally.rejects.most_common(3)) or str(self.last or "no file")
        raise InputError(
            "Nothing could be read", where=", ".join(one.name for one in found[:3]) + (" ..." if len(found) > 3 else ""),
            found=f"{self.tally.rows} rows in {len(found)} files: {reasons}", do="check that these are the files of the export",
        )  # fmt: skip

    def _read(self, found: Found, checksum: str) -> None:
        begun = False
        try:
            read = reader(found, self.mapping)
            for batch in read():
                begun = True
                self._batch(batch, found)
        except InputError as refusal:
            if begun:  # a part of the file is written already, and can only be taken back with everything
                raise
            self.last = refusal
            reason = refusal.what if refusal.found is None else f"{refusal.what} ({refusal.found})"
            self.refuse([Reject(found.name, "", reason, found=str(refusal))])
            return
        self.tally.files += 1
        self.writer.source(_source(found, checksum, self.mapping))

    def _batch(self, sent: Batch, found: Found) -> None:
        named = replace(sent, rejects=tuple(replace(reject, file=found.name) for reject in sent.rejects))
        checked, repeated = self.identities.checked(named, found.name)
        kept = normalise(checked, shelf(), file=found.name)
        events, patients = recorded(kept.events)
        self.writer.add(events, patients)
        self.writer.describe(displays(sent))
        self.writer.reject(kept.rejects)
        self.tally.count(sent, kept.rejects, repeated, patients)
        self._tell(found)

    def _tell(self, found: Found) -> None:
        if self.progress is not None:
            self.progress(Progress(found.name, self.files_done, self.files, self.bytes_done, self.bytes, self.tally.rows))


def _identities(into: Path) -> Identities:
    try:
        return of_record(Record.open(into))
    except NotFoundError:  # the first ingest
        return Identities()


def _source(found: Found, checksum: str, mapping: Mapping | None) -> Source:
    if mapping is not None and is_table(found, mapping):
        return replace(mapping.source, sha256=checksum)
    return Source(found.name, sha256=checksum)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
