"""Files: what there is to read under the paths that a user names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from consilium.core import Reject
from consilium.core.errors import InputError, NotFoundError
from consilium.sources.address import is_address, shown

_PATTERN = frozenset("*?[")
SETTINGS = "consilium.yaml"
"""What a folder says of itself (its time zone, say); sources read it, it is no export."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file or data set folder to read: where it is, its name in messages, and whether the user named it (not merely what holds it)."""

    path: Path
    name: str
    named: bool

    def size(self) -> int:
        """Bytes of the file, or of all files of the folder."""
        return sum(file.stat().st_size for file in self.files())

    def sha256(self) -> str:
        """Checksum of the file; of a folder, of the names and checksums of its files, wherever the folder stands."""
        if self.path.is_file():
            return _sha256(self.path)
        lines = (f"{_sha256(file)}  {file.relative_to(self.path).as_posix()}\n" for file in self.files())
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def files(self) -> list[Path]:
        """The file itself, or all files of the folder; links that lead out of it are left aside."""
        if self.path.is_file():
            return [self.path]
        return [found.path for found in _walk(self.path, [], _no_folder)]


@dataclass(frozen=True, slots=True)
class Address:
    """A database to read, at an address instead of a path.

    It has no size and no checksum before it is read, and may say something else tomorrow: it is read each time, and events
    that the record holds already are left out.
    """

    address: str
    name: str
    named: bool = True

    def size(self) -> int:
        """Nothing is known of it."""
        return 0

    def sha256(self) -> str:
        """Nothing is known of its content."""
        return ""

    def files(self) -> list[Path]:
        """There are none."""
        return []


def _no_folder(folder: Path) -> bool:
    return False


def find(paths: Iterable[str | Path], whole: Callable[[Path], bool] = _no_folder) -> tuple[list[Found | Address], list[Reject]]:
    """List the files under paths, in order, each once.

    Parameters
    ----------
    paths : iterable of path
        Files, folders (walked; hidden entries are skipped), patterns (`exports/*.ndjson`) and addresses of databases
        (`postgresql+psycopg://host/cdm`).
    whole : callable
        Says of a folder whether it is one data set, to be read as a whole and not file by file.

    Returns
    -------
    (list of Found or Address, list of Reject)
        Files, data set folders and databases, and links that lead out of a folder, which are not followed.

    Raises
    ------
    NotFoundError
        When a path does not exist or a pattern matches nothing.
    InputError
        When there is no file at all.
    """
    files: dict[Path | str, Found | Address] = {}
    rejects: list[Reject] = []
    asked = [str(path) for path in paths]
    for text in asked:
        if is_address(text):
            files.setdefault(text, Address(text, shown(text)))
            continue
        for path in _expanded(text):
            for found in _under(path, rejects, whole) if path.is_dir() else [Found(path, path.name, True)]:
                files.setdefault(found.path.resolve(), found)
    if not files and not rejects:
        raise InputError("There is nothing to read", where=", ".join(asked) or "no path", do="name files, or a folder that holds an export")
    return list(files.values()), rejects


def _expanded(text: str) -> list[Path]:
    path = Path(text)
    if path.exists():
        return [path]
    start = Path(path.anchor)
    found = start.glob(str(path.relative_to(start))) if _PATTERN.intersection(text) else ()
    matches = sorted(match for match in found if not any(part.startswith(".") and part not in path.parts for part in match.parts))
    if not matches:
        raise NotFoundError("No such file or folder", where=text, do="check the path")
    return matches


def _under(folder: Path, rejects: list[Reject], whole: Callable[[Path], bool]) -> Iterator[Found]:
    if whole(folder):
        list(_walk(folder, rejects, _no_folder))  # for the links that lead out of it
        return iter([Found(folder, folder.resolve().name, True)])
    return _walk(folder, rejects, whole)


def _walk(folder: Path, rejects: list[Reject], whole: Callable[[Path], bool]) -> Iterator[Found]:
    root = folder.resolve()
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        for name in [one for one in folders if one not in links and whole(Path(here) / one)]:
            folders.remove(name)
            dataset = Path(here) / name
            list(_walk(dataset, rejects, _no_folder))
            yield Found(dataset, str(dataset.relative_to(folder)), False)
        for name in sorted([*names, *links]):
            path = Path(here) / name
            relative = str(path.relative_to(folder))
            if name.startswith(".") or name == SETTINGS:
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                rejects.append(Reject(relative, "", "a link that leads out of the folder is not followed"))
            elif path.is_file():
                yield Found(path, relative, False)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
