"""Lock: one writer at a time, let go by the operating system when the writer dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consilium.core.errors import BusyError
from consilium.record.layout import LOCK


@contextmanager
def exclusive(record: Path) -> Iterator[Path]:
    """Hold the record's lock file while the block runs; the block may remove that file while it holds it.

    Raises
    ------
    BusyError
        When somebody else is writing.
    """
    import fcntl  # absent on Windows, where a record can still be read

    path = record / LOCK
    while True:
        with path.open("a+b") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BusyError(
                    "Somebody else is writing the record", where=str(record), do="wait until the other ingest has ended, then run again"
                ) from error
            # A writer that gave up may have removed the file between our opening and locking it: then this lock guards nothing.
            if path.exists() and os.fstat(handle.fileno()).st_ino == path.stat().st_ino:
                yield path
                return
