"""Genomes: a VCF goes to the molecular laboratory, and its results come back as events of the person whose sample it is."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from consilium.core import AS_SENT, Batch, Reject, Source
from consilium.core.errors import FormatError, InputError
from consilium.core.events import table
from consilium.genomics.clinvar import ABOUT, ClinVar
from consilium.genomics.reading import read_genome
from consilium.genomics.results import laboratory, results
from consilium.genomics.vcf import VariantFile
from consilium.sources.moment import moment

SUFFIXES = (".vcf",)
GENOMES = True
"""Its files are read with an order: nobody can know from a VCF whose sample it is, and seldom when the result was given."""
SAMPLES = "samples.csv"
"""In a folder of VCFs: whose sample is whose, one row for each."""
COLUMNS = ("file", "sample", "patient", "result_time")
OPTIONAL = ("build", "absent_is_reference", "one_x")
_EPOCH = datetime(1970, 1, 1)
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_YES = {"": False, "no": False, "yes": True}


@dataclass(frozen=True, slots=True)
class GenomeOrder:
    """What must be said of a VCF before it can be part of somebody's record, and what it is read beside.

    Parameters
    ----------
    patient : str
        Whose sample it is; empty for a folder of VCFs, whose `samples.csv` says it.
    result_time : str
        When the result was given: an ISO date, an ISO time with its zone, `file` (the date in the file's own header), or `now`; empty
        for a folder.
    sample : str, optional
        Which one, where the file holds several.
    build, absent_is_reference, lone_x, outside, scoring, clinvar, reference
        As `read_genome` takes them; the last three hold for every sample of a folder.
    """

    patient: str = ""
    result_time: str = ""
    sample: str | None = None
    build: str = ""
    absent_is_reference: bool = False
    lone_x: bool = False
    outside: Mapping[str, str] = field(default_factory=dict)
    scoring: tuple[Path, ...] = ()
    clinvar: Path | None = None
    reference: Path | None = None

    def mark(self, checksum: str) -> str:
        """A checksum of file and order: one file may hold the samples of several patients, and be looked up again in newer data."""
        about = self.clinvar / ABOUT if self.clinvar else None
        looked = about.read_text(encoding="utf-8", errors="replace") if about and about.is_file() else ""
        files = (*self.scoring, *((self.reference,) if self.reference else ()))
        told = (checksum, self.patient, self.result_time, self.sample or "", self.build, str(self.absent_is_reference), str(self.lone_x),
                *(f"{g}={d}" for g, d in sorted(self.outside.items())), *(str(p) for p in files), *filter(None, (looked,)))  # fmt: skip
        return hashlib.sha256("\n".join(told).encode()).hexdigest()


def recognises(folder: Path) -> bool:
    """Whether a folder is a set of genomes: it holds a `samples.csv` with our columns."""
    sheet = folder / SAMPLES
    if not sheet.is_file():
        return False
    with sheet.open(encoding="utf-8", errors="replace", newline="") as stream:
        return set(COLUMNS) <= set(next(csv.reader(stream), []))


def about(path: str | Path) -> Source:
    """Who found what is said of a file or folder."""
    return laboratory(Path(path).name)


def read(path: str | Path, order: GenomeOrder | None = None) -> Iterator[Batch]:
    """Read a VCF by its order, or a folder of VCFs by its `samples.csv` beside what the order names for all of them.

    Yields
    ------
    Batch
        One for each sample; a gene that was not called is an event too. A row of `samples.csv` whose file cannot be read is a reject.

    Raises
    ------
    InputError
        When nobody says whose sample it is or when the result was given; `FormatError` when it is no VCF.
    NotFoundError
        When the lookup that the order names is not there.
    """
    path = Path(path)
    if order is not None and order.clinvar is not None:
        ClinVar(order.clinvar)  # a lookup that is not there is said once, before anything is read
    if path.is_dir():
        return _folder(path, order or GenomeOrder())
    if order is None or not (order.patient.strip() or order.result_time):
        raise InputError(
            "Nothing says whose genome it is and when the result was given", where=path.name, found=_found(path),
            do=f"say it with --patient and --result-time, or put a {SAMPLES} ({', '.join(COLUMNS)}) beside the files and name the folder",
        )  # fmt: skip
    return iter([_one(path, order)])


def _found(path: Path) -> str:
    header = VariantFile(path).header
    return f"sample {', '.join(header.samples[:3]) or 'none'}; file date {header.date or 'none'}"


def _one(path: Path, order: GenomeOrder) -> Batch:
    if not order.patient.strip():
        raise InputError("A genome needs its patient", where=path.name)
    time, available = _moments(path, order)
    read = read_genome(
        path, order.sample, build=order.build, absent_is_reference=order.absent_is_reference, lone_x=order.lone_x,
        outside=order.outside, scoring=order.scoring, clinvar=order.clinvar, reference=order.reference,
    )  # fmt: skip
    with path.open("rb") as stream:
        mark = hashlib.file_digest(stream, "sha256").hexdigest()[:8]
    rows = len(read.genes) + len(read.scores) + (0 if read.looked is None else 1 + len(read.looked.findings))
    return Batch(results(read, order.patient, time, available, mark), rows, rows)


def _moments(path: Path, order: GenomeOrder) -> tuple[datetime, datetime]:
    if order.result_time == "now":
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        return now, now
    text = order.result_time
    if text == "file":
        stated = VariantFile(path).header.date
        found = _DATE.fullmatch(stated)
        if not found:
            raise InputError(
                "The file's header has no date that can be read", where=path.name, found=stated or "no ##fileDate",
                expected="##fileDate=20260103", do="say when the result was given with --result-time",
            )  # fmt: skip
        text = "-".join(found.groups())
    if not text:
        raise InputError(
            "Nothing says when the result was given", where=path.name, do="say it with --result-time: a date, `file`, or `now`"
        )
    start, end = moment(text)
    return _EPOCH + timedelta(microseconds=start), _EPOCH + timedelta(microseconds=end)


def _folder(folder: Path, order: GenomeOrder) -> Iterator[Batch]:
    with (folder / SAMPLES).open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        unknown = set(reader.fieldnames or ()) - {*COLUMNS, *OPTIONAL}
        if unknown:
            raise FormatError("An unknown column", where=SAMPLES, found=sorted(unknown), expected=[*COLUMNS, *OPTIONAL])
        rows = list(reader)
    for number, row in enumerate(rows, start=2):
        try:
            yield _one(_inside(folder, row["file"]), _order(row, order))
        except InputError as refusal:
            reason = refusal.what if refusal.found is None else f"{refusal.what} ({refusal.found})"
            yield Batch(
                table([], AS_SENT), 1, 0, (Reject(SAMPLES, str(number), reason, found=row["file"] or "", patient_id=row["patient"] or ""),)
            )


def _order(row: Mapping[str, str], common: GenomeOrder) -> GenomeOrder:
    if any(value is None for value in row.values()):
        raise FormatError("A row is too short", where=SAMPLES, found=row)
    flags = {}
    for name in ("absent_is_reference", "one_x"):
        if (said := row.get(name, "")) not in _YES:
            raise FormatError("Neither yes nor no", where=SAMPLES, found=said, expected="yes, no or empty")
        flags[name] = _YES[said]
    return replace(
        common, patient=row["patient"], result_time=row["result_time"], sample=row["sample"] or None, build=row.get("build", ""),
        absent_is_reference=flags["absent_is_reference"], lone_x=flags["one_x"], outside={},
    )  # fmt: skip


def _inside(folder: Path, name: str | None) -> Path:
    """A file of the folder; paths from outside are distrusted."""
    path = folder / (name or "")
    if not name or not path.resolve().is_relative_to(folder.resolve()):
        raise InputError("The file does not lie in the folder", where=SAMPLES, found=name)
    return path
