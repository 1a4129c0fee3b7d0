"""Manifest: every file of one generation of the record, with its size, rows and checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from consilium.core.errors import FormatError, RecordError
from consilium.record.layout import MANIFEST

FORM = "consilium-record"
VERSION = 1
MEND = "restore the record from a backup, or ingest its sources into a new one (metadata/sources.json lists them)"


@dataclass(frozen=True, slots=True)
class File:
    """One file: path inside the generation, sha256, bytes, and rows where it is a table."""

    path: str
    sha256: str
    bytes: int
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one generation consists of.

    Parameters
    ----------
    generation : int
        From 1; grows by one with each ingest.
    committed : datetime
        When it was written, UTC without zone.
    shards : int
        Shards per split, fixed when the record was made.
    files : tuple of File
        Everything that belongs to the generation; a file that is not listed does not exist for the reader.
    """

    generation: int
    committed: datetime
    shards: int
    files: tuple[File, ...]

    def below(self, folder: str) -> tuple[File, ...]:
        """Files under a folder, by path."""
        return tuple(sorted((f for f in self.files if f.path.startswith(f"{folder}/")), key=lambda f: f.path))


def described(root: Path, path: Path, rows: int | None = None) -> File:
    """Describe a file that has been written."""
    return File(path.relative_to(root).as_posix(), _sha256(path), path.stat().st_size, rows)


def write(root: Path, manifest: Manifest) -> Path:
    """Write the manifest of a generation into its folder."""
    path = root / MANIFEST
    path.write_bytes(orjson.dumps({"form": FORM, "version": VERSION} | asdict(manifest), option=orjson.OPT_INDENT_2))
    return path


def read(root: Path) -> Manifest:
    """Read the manifest of a generation.

    Raises
    ------
    RecordError
        When it is absent or damaged.
    FormatError
        When it is of another form or version.
    """
    path = root / MANIFEST
    try:
        found = orjson.loads(path.read_bytes())
        told = (found.pop("form"), found.pop("version"))
        if told != (FORM, VERSION):
            raise FormatError("The record is of another form or version", where=str(path), found=told, expected=(FORM, VERSION))
        files = tuple(File(**f) for f in found.pop("files"))
        return Manifest(**(found | {"files": files, "committed": datetime.fromisoformat(found["committed"])}))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise RecordError("The record's manifest cannot be read", where=str(path), found=str(error), do=MEND) from error


def check_sizes(root: Path, files: Iterable[File]) -> None:
    """Compare presence and size of each file with the manifest; quick enough for every opening.

    Raises
    ------
    RecordError
        When one is absent or of another size.
    """
    for file in files:
        path = root / file.path
        size = path.stat().st_size if path.is_file() else None
        if size != file.bytes:
            found = "no such file" if size is None else f"{size} bytes"
            raise RecordError("A file of the record is damaged", where=str(path), found=found, expected=f"{file.bytes} bytes", do=MEND)


def check_sums(root: Path, files: Iterable[File]) -> None:
    """Compare the checksum of each file with the manifest; reads every byte.

    Raises
    ------
    RecordError
        Naming the files that differ.
    """
    files = tuple(files)
    check_sizes(root, files)
    damaged = [f.path for f in files if _sha256(root / f.path) != f.sha256]
    if damaged:
        raise RecordError("Files of the record are damaged", where=str(root), found=damaged, expected="the manifest's checksums", do=MEND)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
