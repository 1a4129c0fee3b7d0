"""Read: a file of FHIR R4 (Bundle, single resource, or NDJSON, plain or packed) becomes batches of events."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from consilium.core import Batch
from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.sources.fhir.light import bundle
from consilium.sources.fhir.resources import Resource, Row, learned, opened, read_rows
from consilium.sources.fhir.version import declared_release
from consilium.sources.moment import moment
from consilium.sources.sheet import Sheet
from consilium.sources.unpacked import CUT, unpacked, unpacked_name

MAX_LINE = 64 * 1024 * 1024
"""Bytes of one NDJSON line; a longer one is refused."""
MAX_DOCUMENT = 1024 * 1024 * 1024
"""Bytes of one JSON document, which has to be in memory as a whole; larger exports come as NDJSON."""
MAX_BLANK = 1_000_000
"""Blank lines in succession; what follows more of them is not read."""
ROWS = 10_000
"""Resources in one batch, about."""
WINDOW = 256
"""Lines parsed at once: so few that they stay in the processor's cache and die before they burden the garbage collector."""

SUFFIXES = (".json", ".ndjson", ".jsonl")
"""Files that may be FHIR."""
_LINES = (".ndjson", ".jsonl")
_R4 = ("4.0", "4.3")


def read(path: str | Path) -> Iterator[Batch]:
    """Read one file of FHIR R4 (4.0.1).

    Parameters
    ----------
    path : path
        `.json` (a Bundle of any type, or one resource), `.ndjson` or `.jsonl` (one resource a line), each also as `.gz` or `.zst`.

    Yields
    ------
    Batch
        At most about `ROWS` resources each; NDJSON is streamed, so that memory does not grow with the file.

    Raises
    ------
    FormatError
        When the file is not JSON, is cut off, holds no FHIR resource, or declares another release than R4.
    NotFoundError
        When there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError("No such file", where=str(path), do="check the path")
    return _unswept(_batches(path))


def _batches(path: Path) -> Iterator[Batch]:
    if unpacked_name(path).endswith(_LINES) or _is_lines(path):
        return _read_lines(path)
    return _read_document(path)


def _unswept(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Batches, each made with Python's search for cycles at rest: parsed JSON has none, and searching it takes a third of the time."""
    while True:
        swept = gc.isenabled()
        gc.disable()
        try:
            batch = next(batches, None)
        finally:
            if swept:
                gc.enable()
        if batch is None:
            return
        yield batch


def _read_document(path: Path) -> Iterator[Batch]:
    resource = _document(path)
    declared = _declared(resource)
    if declared and not declared.startswith(_R4):
        raise FormatError("Not FHIR R4", where=path.name, found=declared, expected="4.0.1", do="export the data as FHIR R4")
    rows = list(opened([("", resource, "")]))
    references = learned(rows)
    received = _assembled(resource)
    for start in range(0, len(rows) or 1, ROWS):
        sheet = Sheet(path.name)
        read_rows(rows[start : start + ROWS], sheet, references, received)
        yield sheet.batch()


def _document(path: Path) -> Resource:
    try:
        with unpacked(path) as stream:
            # Asked for no more than there is: the room for what is asked for is made before it is read.
            data = stream.read(MAX_DOCUMENT + 1 if unpacked_name(path) != path.name else min(MAX_DOCUMENT, path.stat().st_size) + 1)
    except CUT:
        raise FormatError("The compressed file is cut off or damaged", where=path.name, do="copy or export it again") from None
    if len(data) > MAX_DOCUMENT:
        raise FormatError("The document is too large to be read as a whole", where=path.name, do="export it as NDJSON")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data or data.isspace():
        raise FormatError("The file is empty", where=path.name, expected="a FHIR R4 Bundle or resource", do="export it again")
    light = bundle(data)
    if light is not None:
        return light
    try:
        resource = orjson.loads(data)
    except orjson.JSONDecodeError as broken:
        what = "The file is cut off" if data.lstrip()[:1] in b"{[" and broken.pos >= len(data.rstrip()) - 1 else "Not JSON"
        raise FormatError(
            what, where=f"{path.name} line {broken.lineno}, column {broken.colno}", expected="a FHIR R4 Bundle or resource as JSON",
            do="export the file again, or give NDJSON the suffix .ndjson",
        ) from None  # fmt: skip
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise FormatError(
            "Not FHIR", where=path.name, found="JSON without resourceType", expected="a FHIR R4 Bundle or resource",
            do="export the data as FHIR R4, or read a table with a csv mapping",
        )  # fmt: skip
    return resource


def _declared(resource: Resource) -> str:
    capabilities = [resource]
    if resource["resourceType"] == "Bundle" and isinstance(resource.get("entry"), list):
        inside = (entry.get("resource") for entry in resource["entry"] if isinstance(entry, dict))
        capabilities += [r for r in inside if isinstance(r, dict) and r.get("resourceType") == "CapabilityStatement"]
    elif resource["resourceType"] != "CapabilityStatement":
        return ""
    return next(filter(None, map(declared_release, capabilities)), "")


def _assembled(resource: Resource) -> int | None:
    """When a Bundle was put together: by then everything in it was known."""
    meta = resource.get("meta")
    text = resource.get("timestamp") or (meta.get("lastUpdated") if isinstance(meta, dict) else None)
    if resource["resourceType"] != "Bundle" or not isinstance(text, str):
        return None
    try:
        return moment(text)[1]
    except InputError:
        return None


def _read_lines(path: Path) -> Iterator[Batch]:
    elsewhere = cache(lambda kind: learned(_near(path, kind)))
    rows = opened(_lines(path))
    sheet = Sheet(path.name)
    any_fhir = False
    while window := list(islice(rows, WINDOW)):
        any_fhir = any_fhir or any(isinstance(resource, dict) and "resourceType" in resource for _, resource, _ in window)
        read_rows(window, sheet, learned(window, elsewhere))
        if sheet.rows >= ROWS:
            _refuse_unless(any_fhir, sheet)
            yield sheet.batch()
            sheet = Sheet(path.name)
    _refuse_unless(any_fhir, sheet)
    if sheet.rows:
        yield sheet.batch()


def _refuse_unless(any_fhir: bool, sheet: Sheet) -> None:
    if not any_fhir:
        raise FormatError(
            "No line is a FHIR resource", where=sheet.file,
            found=f"{sheet.rows} lines" + "".join(f"; {reject.row}: {reject.reason}" for reject in sheet.rejects[:1]),
            expected="one FHIR R4 resource a line", do="export the data as FHIR R4 NDJSON",
        )  # fmt: skip


def _lines(path: Path) -> Iterator[Row]:
    with unpacked(path) as stream:
        number = blank = 0
        while True:
            number += 1
            try:
                line = stream.readline(MAX_LINE + 1)
                if len(line) > MAX_LINE:
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(MAX_LINE)
                    yield f"line {number}", InputError(f"a line of more than {MAX_LINE} bytes"), ""
                    continue
            except CUT:
                yield f"line {number}", InputError("the compressed file is cut off or damaged from here on"), ""
                return
            if not line:
                return
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                blank += 1
                if blank > MAX_BLANK:
                    yield f"line {number}", InputError(f"more than {MAX_BLANK} blank lines: what follows is not read"), ""
                    return
                continue
            blank = 0
            yield f"line {number}", _parsed(line), ""


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as broken:
        return InputError("not JSON", found=f"{broken.msg} at column {broken.colno}")


def _is_lines(path: Path) -> bool:
    """Whether a file named otherwise is NDJSON: its first line is a whole resource and more follows."""
    try:
        with unpacked(path) as stream:
            first, second = stream.readline(MAX_LINE), stream.readline(2)
    except CUT:
        return False
    parsed = _parsed(first.removeprefix(b"\xef\xbb\xbf")) if first.startswith((b"{", b"\xef")) else None
    return isinstance(parsed, dict) and "resourceType" in parsed and second[:1] == b"{"


def _near(path: Path, kind: str) -> Iterator[Row]:
    """Resources of one type in the same export: in this file, and in files of that type beside it (`Medication.000.ndjson`)."""
    named = re.compile(rf"{kind}(?![A-Za-z]).*\.(ndjson|jsonl)(\.gz|\.zst)?")
    beside = sorted(other for other in path.parent.iterdir() if named.fullmatch(other.name) and other != path)
    for file in (path, *beside):
        for row in opened(_lines(file)):
            if isinstance(row[1], dict) and row[1].get("resourceType") == kind:
                yield row
