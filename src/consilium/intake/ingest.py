"""Ingest: exports become part of a record, whole or not at all, with every row explained."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from consilium.core import Batch, Reject
from consilium.core.errors import ConsiliumError, InputError, NotFoundError
from consilium.imaging.finding import Task
from consilium.intake.files import Address, Found, find
from consilium.intake.forms import described, is_dataset, is_genome, is_images, reader, rows
from consilium.intake.genomes import GenomeOrder
from consilium.intake.identity import Identities, of_record
from consilium.intake.normalise import normalise
from consilium.intake.subjects import recorded
from consilium.intake.summary import Tally
from consilium.knowledge import shelf
from consilium.record import Record, Writer, shards_for, writing
from consilium.record.layout import committed
from consilium.sources.csv import Mapping, load
from consilium.sources.sheet import displays
from consilium.sources.unpacked import unpacked_name

_BYTES = {".json": 2_000, ".ndjson": 600, ".jsonl": 600, ".parquet": 10}
_BYTES_OF_OTHERS, _UNPACKS = 50, 8
"""Bytes of an event by form, and how much larger a packed file is: orders of magnitude, measured on public data."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest has come: the file at hand, files and bytes that are done and in all, and rows looked at.

    `files_kept` of the files that are done have been committed at checkpoints, and survive whatever happens.
    """

    file: str
    files_done: int
    files: int
    bytes_done: int
    bytes: int
    rows: int
    files_kept: int = 0


def ingest(
    paths: str | Path | Iterable[str | Path],
    into: str | Path,
    *,
    mapping: str | Path | Mapping | None = None,
    zone: str | None = None,
    genome: GenomeOrder | None = None,
    tasks: tuple[Task, ...] = (),
    retold: bool = False,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: int | None = None,
) -> Record:
    """Read exports into a record, holding a bounded part of them in memory.

    An ingest that was killed is run again with the same paths: files that were committed are skipped by their content.

    Parameters
    ----------
    paths : path or iterable of path
        Files, folders, patterns, or addresses of OMOP databases (`postgresql+psycopg://host/cdm`; the password comes from the
        environment, see `sources.address`).
    into : path
        The record; made when there is none.
    mapping : path or Mapping, optional
        What the columns of tables among the files mean.
    zone : str, optional
        Time zone (`Europe/Zurich`) of local times in HL7 v2, OMOP and DICOM, where the material itself says none.
    genome : GenomeOrder, optional
        Whose sample a VCF is, and when its result was given; for one VCF. A folder of VCFs says that in its `samples.csv`, and takes
        lookup, reference and scores from an order without a patient.
    tasks : tuple of Task
        What the imaging laboratory looks for in DICOM series among the files; none by default.
    retold : bool
        Whether the chart tells what happened earlier: what tasks saw then counts as known when the series was, not from now.
    progress : callable, optional
        Called after every batch and file.
    checkpoint : int, optional
        Commit at the end of each file at which this many events, and half as many as were committed before, wait: what was committed
        survives whatever comes after it, an error of a later file included. Without it the ingest becomes visible whole or
        not at all. (Each commit rewrites the shards that change; the half keeps that below three times the whole.)

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
    found, links = find([paths] if isinstance(paths, str | Path) else paths, is_dataset)
    plan = load(mapping) if isinstance(mapping, str | Path) else mapping
    if genome is not None:
        _fits(genome, [one for one in found if isinstance(one, Found) and is_genome(one)])
    if checkpoint is not None and checkpoint < 1:
        raise InputError("A checkpoint comes after at least one event", found=checkpoint)
    shards = None if committed(Path(into)) else shards_for(_events(found))
    with writing(into, shards=shards) as writer:
        run = _Run(
            writer,
            plan,
            zone,
            genome,
            tasks,
            retold,
            _identities(Path(into)),
            Tally(),
            len(found),
            sum(one.size() for one in found),
            progress,
        )
        run.refuse(links)
        held = 0
        for one in found:
            run.file(one)
            if checkpoint is not None and writer.waiting >= max(checkpoint, held // 2):
                held += writer.waiting
                run.keep(one)
        run.enough(found, links)
        return writer.commit(run.tally.summary())


@dataclass(slots=True)
class _Run:
    writer: Writer
    mapping: Mapping | None
    zone: str | None
    genome: GenomeOrder | None
    tasks: tuple[Task, ...]
    retold: bool
    identities: Identities
    tally: Tally
    files: int
    bytes: int
    progress: Callable[[Progress], None] | None
    files_done: int = 0
    files_kept: int = 0
    bytes_done: int = 0
    checksums: frozenset[str] = frozenset()
    last: InputError | None = None

    def file(self, found: Found | Address) -> None:
        """Read one file, unless its content was read before."""
        size = found.size()
        checksum = found.sha256()
        if checksum and self.genome is not None and is_genome(found):
            checksum = self.genome.mark(checksum)
        if checksum and self.tasks and is_images(found):
            asked = (f"{task.name} {task.version}" for task in self.tasks)
            checksum = hashlib.sha256("\n".join([checksum, *asked]).encode()).hexdigest()
        if checksum and (checksum in self.checksums or self.writer.known(checksum)):
            self.tally.already += 1
        else:
            self._read(found, checksum)
        self.checksums |= {checksum} - {""}
        self.files_done += 1
        self.bytes_done += size
        self._tell(found)

    def keep(self, found: Found | Address) -> None:
        """Commit what was read so far, and go on."""
        self.writer.checkpoint(self.tally.summary())
        self.files_kept = self.files_done
        self._tell(found)

    def refuse(self, rejects: Iterable[Reject]) -> None:
        """Keep rejects of whole files."""
        for reject in rejects:
            self.tally.unread += 1
            self.writer.reject([reject])

    def enough(self, found: list[Found | Address], links: list[Reject]) -> None:
        """Refuse an ingest that found nothing it could use."""
        if self.tally.read or self.tally.already:
            return
        if self.last is not None and len(found) == 1:
            raise self.last
        reasons = "; ".join(reason for reason, _ in self.tally.rejects.most_common(3)) or str(self.last or "no file")
        reasons += "".join(f"; {link.file}: {link.reason}" for link in links[:1]) + (f" (and {len(links) - 1} more)" if links[1:] else "")
        raise InputError(
            "Nothing could be read", where=", ".join(one.name for one in found[:3]) + (" ..." if len(found) > 3 else ""),
            found=f"{self.tally.rows} rows in {len(found)} files: {reasons}", do="check that these are the files of the export",
        )  # fmt: skip

    def _read(self, found: Found | Address, checksum: str) -> None:
        begun = False
        content = hashlib.sha256()
        try:
            read = reader(found, self.mapping, self.zone, self.genome, self.tasks, self.retold)
            for batch in read():
                begun = True
                if not checksum:  # a database: what was read of it is all there is to take the sum of
                    content.update(_bytes(batch))
                self._batch(batch, found)
        except InputError as refusal:
            if begun:  # a part of the file is written already, and can only be taken back with everything
                raise
            self.last = refusal
            reason = refusal.what if refusal.found is None else f"{refusal.what} ({refusal.found})"
            self.refuse([Reject(found.name, "", reason, found=str(refusal))])
            return
        self.tally.files += 1
        self.writer.source(replace(described(found, self.mapping, self.zone), sha256=checksum or content.hexdigest()))

    def _batch(self, sent: Batch, found: Found | Address) -> None:
        named = replace(sent, rejects=tuple(replace(reject, file=found.name) for reject in sent.rejects))
        checked, repeated = self.identities.checked(named, found.name)
        kept = normalise(checked, shelf(), file=found.name)
        events, patients = recorded(kept.events)
        self.writer.add(events, patients)
        self.writer.describe(displays(sent))
        self.writer.reject(kept.rejects)
        self.tally.count(sent, kept.rejects, repeated, patients)
        self._tell(found)

    def _tell(self, found: Found | Address) -> None:
        if self.progress is not None:
            self.progress(Progress(found.name, self.files_done, self.files, self.bytes_done, self.bytes, self.tally.rows, self.files_kept))


def _fits(order: GenomeOrder, genomes: list[Found]) -> None:
    """Refuse an order that names a patient for several files, or that nothing among the files is read by."""
    files = sum(one.path.is_file() for one in genomes)
    if (order.patient or order.result_time) and files != 1:
        raise InputError(
            "A patient can be named for one VCF at a time", found=files, expected=1,
            do="name the folder of several VCFs, with a samples.csv in it",
        )  # fmt: skip
    if not genomes:
        raise InputError(
            "A lookup, a reference or a score was named, and there is no genome to read with it", found="no VCF",
            do="name a VCF with --patient and --result-time, or a folder of VCFs with a samples.csv in it",
        )  # fmt: skip


def _events(found: Iterable[Found | Address]) -> int:
    """How many events files may hold, reckoned from their bytes: enough to choose the number of shards by."""
    events = 0
    for one in found:
        if isinstance(one, Address):
            with suppress(ConsiliumError):  # said when it is read
                events += rows(one)
        for file in one.files():
            unpacks = 1 if unpacked_name(file) == file.name else _UNPACKS
            events += file.stat().st_size * unpacks // _BYTES.get(Path(unpacked_name(file)).suffix, _BYTES_OF_OTHERS)
    return events


def _bytes(batch: Batch) -> memoryview:
    events = batch.events.replace_schema_metadata(None)  # names of codes come in any order
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, events.schema) as stream:
        stream.write_table(events)
    return memoryview(sink.getvalue())


def _identities(into: Path) -> Identities:
    try:
        return of_record(Record.open(into))
    except NotFoundError:  # the first ingest
        return Identities()
