"""Durable: what is written is on the disk before anything relies on it, and one rename makes it visible."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consilium.core.errors import RecordError


@contextmanager
def on_disk(record: Path) -> Iterator[None]:
    """Say in words what the operating system refused while the record was written.

    Raises
    ------
    RecordError
        In place of any `OSError` (disk full, no permission, device gone).
    """
    try:
        yield
    except OSError as error:
        raise RecordError(
            "The record could not be written",
            where=str(record),
            found=error.strerror or str(error),
            do="free space on that disk or mend its permissions, then ingest again: the record holds what it held before",
        ) from error


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folders(root: Path) -> None:
    """Wait for the entries of a folder and of all folders below it."""
    for folder, _, _ in os.walk(root):
        sync(Path(folder))


def point(link: Path, target: str) -> None:
    """Make a symbolic link, or turn an existing one, in one step that readers see whole."""
    aside = link.with_name(f".{link.name}-{secrets.token_hex(4)}")
    aside.symlink_to(target)
    aside.replace(link)
