"""Files: what there is to read under the paths that a user names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from consilium.core import Reject
from consilium.core.errors import InputError, NotFoundError

_PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read: where it is, what to call it in messages, and whether the user named it (not merely its folder)."""

    path: Path
    name: str
    named: bool


def find(paths: Iterable[str | Path]) -> tuple[list[Found], list[Reject]]:
    """List the files under paths, in order, each once.

    Parameters
    ----------
    paths : iterable of path
        Files, folders (walked; hidden entries are skipped) and patterns (`exports/*.ndjson`).

    Returns
    -------
    (list of Found, list of Reject)
        Files, and links that lead out of a folder, which are not followed.

    Raises
    ------
    NotFoundError
        When a path does not exist or a pattern matches nothing.
    InputError
        When there is no file at all.
    """
    files: dict[Path, Found] = {}
    rejects: list[Reject] = []
    asked = [str(path) for path in paths]
    for text in asked:
        for path in _expanded(text):
            for found in _walk(path, rejects) if path.is_dir() else [Found(path, path.name, True)]:
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


def _walk(folder: Path, rejects: list[Reject]) -> Iterator[Found]:
    root = folder.resolve()
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted([*names, *(one for one in folders if (Path(here) / one).is_symlink())]):
            path = Path(here) / name
            relative = str(path.relative_to(folder))
            if name.startswith("."):
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                rejects.append(Reject(relative, "", "a link that leads out of the folder is not followed"))
            elif path.is_file():
                yield Found(path, relative, False)
