"""Lock: one writer at a time, let go by the operating system when the writer dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consilium.core.errors import BusyError
from consilium.record.layout import LOCK


@contextmanager
def exclusive(folder: Path, what: str = "the record") -> Iterator[Path]:
    """Hold the lock file of a folder (a record, or tables) while the block runs; the block may remove that file while it holds it.

    Raises
    ------
    BusyError
        When somebody else is writing.
    """
    import fcntl  # absent on Windows, where a record can still be read

    path = folder / LOCK
    while True:
        with path.open("a+b") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                do = "wait until the other run has ended, then run again"
                raise BusyError(f"Somebody else is writing {what}", where=str(folder), do=do) from error
            # A writer that gave up may have removed the file between our opening and locking it: then this lock guards nothing.
            if path.exists() and os.fstat(handle.fileno()).st_ino == path.stat().st_ino:
                yield path
                return
