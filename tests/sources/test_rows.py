"""Rows: blocks end where rows end, whatever stands in the cells, and say together what the text said."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.errors import FormatError
from consilium.sources import rows

CELLS = st.text(alphabet='ab",;\n\r\t é', max_size=8)
BARE = st.from_regex(r"[ab][ab\"' ]{0,6}", fullmatch=True)
"""Cells that are written without quotes and may hold them: 5'11", say."""


def parted(text: str, delimiter: str = ",", **more: object) -> list[bytes]:
    return list(rows.blocks(io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline=""), "t.csv", delimiter, **more))


def cells(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK", 7)
    monkeypatch.setattr(rows, "MAX_ROW", 400)


@settings(deadline=None)
@given(
    table=st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=12),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    more=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_blocks_are_whole_rows(table: list[list[str]], end: str, delimiter: str, more: int) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=more).writerows(table)
    text = out.getvalue()
    blocks = parted(text, delimiter)
    assert b"".join(blocks).decode() == text
    assert [row for block in blocks for row in cells(block.decode(), delimiter)] == cells(text, delimiter)


@settings(deadline=None)
@given(table=st.lists(st.tuples(BARE, CELLS.filter(lambda cell: "\r" not in cell)), max_size=12))
def test_a_quote_within_a_bare_cell_opens_nothing(table: list[tuple[str, str]]) -> None:
    text = "".join(f'{bare},"{cell.replace(chr(34), chr(34) * 2)}"\n' for bare, cell in table)
    blocks = parted(text)
    assert b"".join(blocks).decode() == text
    assert [tuple(row) for block in blocks for row in cells(block.decode())] == table


def test_without_quotes_every_line_is_a_row() -> None:
    assert parted('a\t"\nb\tc\n', "\t", quoted=False) == [b'a\t"\n', b"b\tc\n"]


def test_a_stray_quote_is_told_once() -> None:
    told: list[int] = []
    parted("a,5'11\",b\n" * 9, stray=lambda: told.append(1))
    assert told == [1]
    parted('a,"5\n""11",b\n' * 9, stray=lambda: told.append(1))
    assert told == [1]


@pytest.mark.parametrize("text", ['a,b\n1,"' + "x\n" * 400, "a,b\n" + "x" * 900, 'a,b\nq,5\'11","' + "x\n" * 400])
def test_a_row_without_end_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match=r"does not end in t\.csv"):
        parted(text)


def test_lines_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("ab\n" + "x" * 401 + "\n")
    with rows.opened(tmp_path / "t.csv", "utf-8") as text, pytest.raises(FormatError, match=r"t\.csv line 2"):
        list(rows.lines(text, "t.csv"))
