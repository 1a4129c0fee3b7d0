"""Rows: the text of a table in blocks of whole rows, never more of it at once than a row may be long."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from consilium.core.errors import FormatError
from consilium.sources.unpacked import unpacked

MAX_ROW = 4 * 1024 * 1024
"""Characters of one row; a longer one is refused, since nothing says whether it ever ends."""
BLOCK = 4 * 1024 * 1024
"""Characters read at once."""
_QUOTE, _LF = ord('"'), ord("\n")


@contextmanager
def opened(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """The text of a file, plain or packed, with its line ends as they stand."""
    with io.TextIOWrapper(unpacked(path), encoding=encoding, newline="") as text:
        yield text


def lines(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    """Lines of a text, one by one, for a reader that asks for lines.

    Raises
    ------
    FormatError
        When a line has more than `MAX_ROW` characters.
    """
    number = 0
    while line := text.readline(MAX_ROW + 1):
        number += 1
        if len(line) > MAX_ROW:
            raise _endless(f"{name} line {number}")
        yield line


def blocks(
    text: io.TextIOWrapper, name: str, delimiter: str = ",", *, quoted: bool = True, stray: Callable[[], None] | None = None
) -> Iterator[bytes]:
    """What is left of a text, in UTF-8, cut where rows end.

    Parameters
    ----------
    text : text stream
        At the start of a row.
    name : str
        The file, for messages.
    delimiter : str
        What parts cells: one character.
    quoted : bool
        Whether a cell in double quotes may hold line ends.
    stray : callable, optional
        Called, once, when a quote is met that neither opens nor closes a cell: the place to have the file checked.

    Yields
    ------
    bytes
        About `BLOCK` bytes, at most `BLOCK + MAX_ROW` characters, each block beginning with the first character of a row.

    Raises
    ------
    FormatError
        When a row has more than `MAX_ROW` characters.
    """
    rest, number, told = b"", 0, False
    while piece := text.read(BLOCK):
        rest += piece.encode()
        clean = not quoted or b'"' not in rest or _quotes_pair(rest, delimiter)
        if not clean and not told:
            told = True
            if stray is not None:
                stray()
        end = (_last_end(rest) if quoted else _line_end(rest, len(rest))) if clean else _walked_end(rest, delimiter)
        if len(rest) - end > MAX_ROW:
            raise _endless(f"{name} after block {number}" if number else name)
        if end:
            number += 1
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def parsed(block: bytes, names: list[str], wanted: list[str], parsing: arrow_csv.ParseOptions, nulls: list[str] | None = None) -> pa.Table:
    """A block as a table of text, read at once and in this thread.

    Arrow's streaming reader would read ahead in a thread of its own, which outlives an error and calls back into Python when that is
    already ending.

    Parameters
    ----------
    block : bytes
        Whole rows, without header.
    names, wanted : list of str
        Names of all columns, and those that are wanted.
    parsing : pyarrow.csv.ParseOptions
    nulls : list of str, optional
        Cells that say nothing; without it every cell is text.

    Raises
    ------
    pyarrow.ArrowInvalid
        When the block is not well-formed, or holds no row.
    """
    types = dict.fromkeys(names, pa.string())
    converting = arrow_csv.ConvertOptions(
        column_types=types, include_columns=wanted, strings_can_be_null=nulls is not None, null_values=nulls or []
    )
    reading = arrow_csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names)
    return arrow_csv.read_csv(pa.py_buffer(block), reading, parsing, converting)


def _endless(where: str) -> FormatError:
    return FormatError(
        "A row of the table does not end", where=where, found=f"more than {MAX_ROW} characters without the end of a row",
        expected="rows of a table", do="look for a quote that is opened and never closed, or export it again",
    )  # fmt: skip


def _quotes_pair(block: bytes, delimiter: str) -> bool:
    """Whether every quote, taken in turn, opens a cell at its start or closes one at its end (a doubled quote does both)."""
    data = np.frombuffer(block, np.uint8)
    places = np.flatnonzero(data == _QUOTE)
    edge = np.zeros(256, bool)
    edge[[ord(delimiter), _LF, ord("\r"), _QUOTE]] = True
    opening, closing = places[::2], places[1::2]
    before = edge[data[np.maximum(opening - 1, 0)]] | (opening == 0)
    after = edge[data[np.minimum(closing + 1, len(data) - 1)]] | (closing == len(data) - 1)
    return bool(before.all() and after.all())


def _last_end(block: bytes) -> int:
    """Where the last whole row ends, in a block whose quotes pair."""
    end, quotes = len(block), block.count(b'"')
    while end := _line_end(block, end):
        if (quotes - block.count(b'"', end)) % 2 == 0:
            return end
        end -= 1
    return 0


def _line_end(block: bytes, before: int) -> int:
    r"""The place after the last line end that is over before a place; `\r` ends one where no `\n` can follow it."""
    feed = block.rfind(b"\n", 0, before) + 1
    turn = block.rfind(b"\r", feed, min(before, len(block) - 1)) + 1
    return turn if turn > feed and block[turn] != _LF else feed


def _walked_end(block: bytes, delimiter: str) -> int:
    """Where the last whole row ends, cell by cell: a quote within a bare cell opens nothing."""
    edge = re.escape(delimiter.encode()) + rb"\r\n"
    cell = re.compile(
        rb'(?:"(?:[^"]|"")*+"[^%b]*+|[^"%b][^%b]*+)?(%b|\r\n|\r(?=[^\n])|\n)' % (edge, edge, edge, re.escape(delimiter.encode()))
    )
    end = at = 0
    while found := cell.match(block, at):
        at = found.end()
        if found[1] != delimiter.encode():
            end = at
    return end
