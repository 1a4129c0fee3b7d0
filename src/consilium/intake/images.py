"""Images: a DICOM folder or file goes into a record as events - whose, when, of what - and, if asked, through the imaging laboratory.

The images themselves stay where they are: the record holds the identifiers of study and series and the folder they were read from.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from consilium.core import AS_SENT, Batch, Reject, Source
from consilium.core.code import BIRTH, FEMALE, MALE
from consilium.core.errors import FormatError, InputError, TimeError
from consilium.core.events import table
from consilium.imaging.dicom import Header, is_dicom
from consilium.imaging.finding import Task
from consilium.imaging.results import laboratory, results
from consilium.imaging.series import Series, read_series, volume
from consilium.sources.hl7v2.stamp import day, stamp

SUFFIXES = (".dcm", ".dicom")
ZONED = True
IMAGES = True
"""Its series can be shown to tasks; see `read`."""
SAMPLED = 24
"""Files of a folder that are looked at to say whether it is one of images."""
_EPOCH = datetime(1970, 1, 1)
_MOMENTS = (
    ("SeriesDate", "SeriesTime"),
    ("AcquisitionDate", "AcquisitionTime"),
    ("ContentDate", "ContentTime"),
    ("StudyDate", "StudyTime"),
)
_SEXES = {"F": FEMALE, "M": MALE}


def recognises(folder: Path) -> bool:
    """Whether most of the first files of a folder are DICOM."""
    with os.scandir(folder) as entries:
        files = sorted(e.path for e in islice(entries, 100 * SAMPLED) if e.is_file() and not e.name.startswith("."))[:SAMPLED]
    return bool(files) and 2 * sum(is_dicom(Path(file)) for file in files) > len(files)


def about(path: str | Path, zone: str | None = None) -> Source:
    """Who read what is said of a folder or file, and in which zone its times were taken where they say none."""
    return laboratory(f"{Path(path).name}{f', times in {zone}' if zone else ''}")


def read(path: str | Path, zone: str | None = None, tasks: Iterable[Task] = (), retold: bool = False) -> Iterator[Batch]:
    """Read a DICOM file or folder.

    For each series: `IMAGING//DCM//<modality>` with, as JSON, its identifiers, description, size, spacing, missing slices and folder;
    sex and birth of the patient where they are said; and what `tasks` saw in it, each thing an event.

    A time is in the zone that the file states (0008,0201), else in `zone`; with neither only its date is used, known at the end of that
    day. A series is known from the latest moment that any of its images states; what a task saw, from now, or, where the chart is
    `retold`, from when the series was.

    Parameters
    ----------
    path : path
    zone : str, optional
        As in `Europe/Zurich`.
    tasks : iterable of Task
        Asked of each series of theirs.
    retold : bool
        Whether the chart tells what happened earlier as if the tasks had looked at the time.

    Yields
    ------
    Batch
        One for each series; one file counts as a row. The last holds what could not be read.

    Raises
    ------
    FormatError
        When there is no such time zone.
    """
    path = Path(path)
    try:
        local = ZoneInfo(zone) if zone else None
    except (ZoneInfoNotFoundError, ValueError):
        raise FormatError("There is no such time zone", where=path.name, found=zone, expected="a name as in Europe/Berlin") from None
    return _read(path, local, tuple(tasks), retold)


def _read(path: Path, zone: ZoneInfo | None, tasks: tuple[Task, ...], retold: bool) -> Iterator[Batch]:
    found, unread = read_series([path])
    rejects = [Reject(path.name, r.file, r.reason, "" if not r.row else f"frame {r.row}") for r in unread]
    if not found and len(unread) == 1 and path.is_file():
        raise FormatError(unread[0].reason, where=path.name)
    for series in found:
        yield _batch(path, series, zone, tasks, retold)
    if rejects:
        whole = sum(not r.part for r in rejects)
        yield Batch(table([], AS_SENT), whole, 0, tuple(rejects))


def _batch(path: Path, series: Series, zone: ZoneInfo | None, tasks: tuple[Task, ...], retold: bool) -> Batch:
    files = len({h.path for h in series.headers})
    name = series.headers[0].path.name
    try:
        if not series.patient:
            raise InputError("Nothing says whose images these are (PatientID)")
        start, known, dated = _moments(series, zone)
    except InputError as refusal:
        reason = refusal.what if refusal.found is None else f"{refusal.what} ({refusal.found})"
        refused = tuple(Reject(path.name, h.path.name, reason) for h in {h.path: h for h in series.headers}.values())
        return Batch(table([], AS_SENT), files, 0, refused)
    rejects = [] if dated else [Reject(path.name, name, "no time zone: only the date is used", "time", found="give --zone")]
    rows = [_event(path, series, start, known), *_person(series, path, rejects)]
    events = [table(rows, AS_SENT)]
    if tasks:
        seen = known if retold else max(datetime.now(UTC).replace(tzinfo=None, microsecond=0), known)
        for stack in series.stacks:
            fitting = [t for t in tasks if not t.modalities or series.modality in t.modalities]
            if not fitting:
                continue
            try:
                image = volume(series, stack)
            except InputError as refusal:
                rejects.append(Reject(path.name, name, refusal.what, "pixels"))
                continue
            for task in fitting:
                reading = task(image)
                if reading.refused is not None:
                    rejects.append(Reject(path.name, name, f"{task.name}: {reading.refused}", "reading"))
                events.append(results(image, reading, series.patient, start, seen))
    import pyarrow as pa

    return Batch(pa.concat_tables(events), files, files, tuple(rejects))


def _event(path: Path, series: Series, start: datetime, known: datetime) -> dict[str, Any]:
    first = series.headers[0]
    largest = series.stacks[0]
    told = {
        "study": series.study, "series": series.uid, "description": series.description, "study_description": first.text("StudyDescription"),
        "body_part": first.text("BodyPartExamined"), "images": sum(len(s.frames) for s in series.stacks),
        "notes": sorted({note for stack in series.stacks for note in (*stack.notes, *stack.frames[0].notes)}),
        "phantom": series.phantom, "shape": [len(largest.frames), first.count("Rows"), first.count("Columns")],
        "folder": str((path if path.is_dir() else path.parent).resolve()),
    }  # fmt: skip
    return {
        "patient_id": series.patient, "time": start, "available": known, "code": f"IMAGING//DCM//{series.modality or 'OT'}",
        "text_value": orjson.dumps(told).decode(), "source_id": f"imaging/{series.uid}",
    }  # fmt: skip


def _person(series: Series, path: Path, rejects: list[Reject]) -> list[dict[str, Any]]:
    first = series.headers[0]
    common = {"patient_id": series.patient, "source_id": f"imaging/{series.uid}/patient"}
    rows: list[dict[str, Any]] = []
    if code := _SEXES.get(first.text("PatientSex")):
        rows.append({**common, "code": code, "time": None, "available": None})
    if born := first.text("PatientBirthDate").replace(".", ""):
        try:
            start, end = day(born)
        except TimeError:
            rejects.append(Reject(path.name, first.path.name, "the birth date cannot be read", "birth"))
        else:
            rows.append({**common, "code": BIRTH, "time": _at(start), "available": _at(end)})
    return rows


def _moments(series: Series, zone: ZoneInfo | None) -> tuple[datetime, datetime, bool]:
    """When the series was made, when it could be known at the earliest, and whether its times could be placed."""
    first = series.headers[0]
    made: tuple[int, int] | None = None
    dated = True
    latest = None
    for header in series.headers:
        for date, time in _MOMENTS:
            found, whole = _moment(header, date, time, zone)
            if found is None:
                continue
            dated &= whole
            if header is first and made is None:
                made = found
            latest = max(latest or found[1], found[1])
    if made is None or latest is None:
        raise InputError("Nothing says when the images were made (SeriesDate, AcquisitionDate, ContentDate or StudyDate)")
    return _at(made[0]), _at(max(latest, made[1])), dated


def _moment(header: Header, date: str, time: str, zone: ZoneInfo | None) -> tuple[tuple[int, int] | None, bool]:
    said = header.text(date).replace(".", "")
    if not said:
        return None, True
    clock = header.text(time).replace(":", "")
    offset = header.text("TimezoneOffsetFromUTC")
    try:
        if clock and (offset or zone):
            return stamp(f"{said[:8]}{clock}{offset}", zone), True
        return stamp(said[:8]), not clock
    except TimeError:
        return None, True


def _at(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
