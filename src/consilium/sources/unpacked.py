"""Unpacked: the bytes of a file, unpacked as they are read, and never more of them than a file of its size honestly holds."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from consilium.core.errors import FormatError

PACKINGS = (".gz", ".zst")
"""Suffixes of packed files."""
MAX_RATIO = 200
"""Bytes that one packed byte may become, once `UNSUSPICIOUS` is passed; hospital exports reach 10 to 60."""
UNSUSPICIOUS = 256 * 1024 * 1024
"""Bytes up to which nothing is suspected: so much can be read whatever it was packed into."""
CUT = (EOFError, zlib.error, gzip.BadGzipFile)
"""How a packed file that is cut off or damaged shows itself while it is read."""
_AT_ONCE = 1024 * 1024
_A_PIECE = 64 * 1024


def unpacked(path: Path) -> IO[bytes]:
    """Open a file for reading; `.gz` and `.zst` are unpacked as they are read.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    binary stream
        Reading from it raises one of `CUT` where a packed file is cut off or damaged, and `FormatError` where it unpacks to
        more than `UNSUSPICIOUS` bytes and more than `MAX_RATIO` times its size (what is called a bomb).
    """
    if path.suffix == ".gz":
        return io.BufferedReader(_Measured(gzip.open(path, "rb"), path), _AT_ONCE)
    if path.suffix == ".zst":
        return io.BufferedReader(_Measured(pa.input_stream(str(path), compression="zstd"), path), _AT_ONCE)
    return path.open("rb")


def unpacked_name(path: Path) -> str:
    """The name of a file without the suffix of its packing.

    Examples
    --------
    >>> unpacked_name(Path("exports/labs.csv.zst"))
    'labs.csv'
    """
    return path.stem if path.suffix in PACKINGS else path.name


class _Measured(io.RawIOBase):
    """A stream that stops a file which unpacks to more than it can honestly hold."""

    def __init__(self, stream: Any, path: Path) -> None:
        self._stream, self._path, self._taken = stream, path, 0
        self._limit = max(UNSUSPICIOUS, path.stat().st_size * MAX_RATIO)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data: bytes = self._stream.read1(min(len(buffer), _A_PIECE))  # small ones: what is whole before a cut is given out
        except (pa.ArrowException, OSError) as broken:
            if isinstance(broken, gzip.BadGzipFile):
                raise
            raise EOFError(str(broken)) from broken
        self._taken += len(data)
        if self._taken > self._limit:
            raise FormatError(
                "The compressed file unpacks to far more than a file of its size holds", where=self._path.name,
                found=f"more than {self._limit} bytes", expected=f"at most {MAX_RATIO} times its size",
                do="unpack it and look at it; if it is right, read it unpacked",
            )  # fmt: skip
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()
