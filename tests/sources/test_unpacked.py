"""Unpacked: packed files say what they said unpacked; bombs, endless lines and cut files are refused with bounded memory."""

from __future__ import annotations

import importlib
import io
import json
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.errors import FormatError
from consilium.sources import csv, fhir, hl7v2, unpacked

MEGABYTE = 1024 * 1024
LAB = {
    "resourceType": "Observation", "id": "1", "status": "final", "subject": {"reference": "Patient/p"}, "issued": "2026-01-03T08:00:00Z",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2524-7"}]}, "valueQuantity": {"value": 1.2, "unit": "mmol/L"},
}  # fmt: skip


def write(path: Path, pieces: Iterator[bytes]) -> Path:
    """Write pieces into a file, packed as its suffix says, without holding them all."""
    codec = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.output_stream(str(path), compression=codec) as stream:
        for piece in pieces:
            stream.write(piece)
    return path


def table_mapping(folder: Path) -> Path:
    mapping = folder / "m.yaml"
    time = "time: {column: at, format: '%Y-%m-%d', zone: UTC}"
    mapping.write_text(f"name: t\npatient: '{{id}}'\n{time}\ncolumns:\n  lac: {{code: LOINC//2524-7, unit: mmol/L}}\n")
    return mapping


@pytest.fixture
def peak() -> Callable[[Callable[[], object]], int]:
    """Bytes that Python holds at most while something runs."""

    def measure(act: Callable[[], object]) -> int:
        tracemalloc.start()
        try:
            act()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure


@settings(deadline=None)
@given(data=st.binary(max_size=5000), repeat=st.integers(1, 50))
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, data: bytes, repeat: int) -> None:
    folder = tmp_path_factory.mktemp("packed")
    for name in ("x.csv", "x.csv.gz", "x.csv.zst"):
        with unpacked.unpacked(write(folder / name, iter([data] * repeat))) as stream:
            assert stream.read() == data * repeat


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_fhir_reads_packed_lines_and_documents(tmp_path: Path, packing: str) -> None:
    for name in ("Observation.ndjson", "one.json"):
        (batch,) = fhir.read(write(tmp_path / f"{name}{packing}", iter([json.dumps(LAB).encode()])))
        assert batch.events["code"].to_pylist() == ["LOINC//2524-7"]


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_bomb_is_refused(tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch, peak: Callable[..., int]) -> None:
    monkeypatch.setattr(unpacked, "UNSUSPICIOUS", 8 * MEGABYTE)
    bomb = write(tmp_path / f"bomb.ndjson{packing}", ((b" " * 65_535 + b"\n") * 16 for _ in range(64)))
    assert bomb.stat().st_size < MEGABYTE

    def read() -> None:
        with pytest.raises(FormatError, match="far more than a file of its size"):
            list(fhir.read(bomb))

    assert peak(read) < 24 * MEGABYTE


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_an_endless_line_is_named_and_the_next_one_read(
    tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch, peak: Callable[..., int]
) -> None:
    monkeypatch.setattr(importlib.import_module("consilium.sources.fhir.read"), "MAX_LINE", MEGABYTE)
    monkeypatch.setattr(unpacked, "MAX_RATIO", 10**9)

    def pieces() -> Iterator[bytes]:
        yield b'{"resourceType": "'
        yield from (b"x" * MEGABYTE for _ in range(128))
        yield b'"}\n' + json.dumps(LAB).encode()

    path = write(tmp_path / f"long.ndjson{packing}", pieces())
    batches = []
    assert peak(lambda: batches.extend(fhir.read(path))) < 24 * MEGABYTE
    (batch,) = batches
    assert (batch.rows, batch.read) == (2, 1)
    assert [reject.row for reject in batch.rejects] == ["line 1"]


def test_lines_of_nothing_come_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("consilium.sources.fhir.read"), "MAX_BLANK", 1000)
    lab = json.dumps(LAB).encode() + b"\n"
    (batch,) = fhir.read(write(tmp_path / "x.ndjson", iter([b"\n" * 1000, lab, b"\n" * 1001, lab])))
    assert (batch.rows, batch.read) == (2, 1)
    assert [(one.row, one.reason) for one in batch.rejects] == [("line 2002", "more than 1000 blank lines: what follows is not read")]


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_an_endless_segment_is_refused(tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch, peak: Callable[..., int]) -> None:
    monkeypatch.setattr(importlib.import_module("consilium.sources.hl7v2.frames"), "MAX_MESSAGE", 4 * MEGABYTE)
    monkeypatch.setattr(unpacked, "MAX_RATIO", 10**9)
    path = write(tmp_path / f"long.hl7{packing}", iter([b"MSH|^~\\&|", *[b"x" * MEGABYTE] * 128]))
    batches = []
    assert peak(lambda: batches.extend(hl7v2.read(path))) < 40 * MEGABYTE
    assert [one.reason for batch in batches for one in batch.rejects] == [f"a message of more than {4 * MEGABYTE} bytes is not read"]


@pytest.mark.parametrize("start", [b'id,at,lac\n1,2026-01-01,"', b"id,at,lac\n1,2026-01-01,", b'id,at,"', b"id,at,"])
@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_an_endless_row_is_refused(
    tmp_path: Path, packing: str, start: bytes, monkeypatch: pytest.MonkeyPatch, peak: Callable[..., int]
) -> None:
    monkeypatch.setattr(unpacked, "MAX_RATIO", 10**9)
    path = write(tmp_path / f"long.csv{packing}", iter([start, *[b"x" * MEGABYTE] * 128]))

    def read() -> None:
        with pytest.raises(FormatError, match=r"row of the table does not end in long\.csv"):
            list(csv.read(path, table_mapping(tmp_path)))

    assert peak(read) < 64 * MEGABYTE


def test_the_interpreter_ends_in_peace_after_an_endless_row(tmp_path: Path) -> None:
    """Reading ahead in a thread of Arrow's own outlived the error and brought the whole process down."""
    path = write(tmp_path / "long.csv", iter([b'id,at,lac\n1,2026-01-01,"', *[b"x" * MEGABYTE] * 200]))
    program = f"import sys; from consilium.sources import csv; list(csv.read({str(path)!r}, {str(table_mapping(tmp_path))!r}))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1].startswith("consilium.core.errors.FormatError: A row of the table does not end")


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_cut_file_is_named(tmp_path: Path, packing: str) -> None:
    draw = random.Random(7)
    lines = [json.dumps({**LAB, "id": draw.randbytes(30).hex()}).encode() + b"\n" for _ in range(20_000)]
    whole = write(tmp_path / f"whole.ndjson{packing}", iter(lines))
    cut = tmp_path / f"cut.ndjson{packing}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    batches = list(fhir.read(cut))
    assert [r.reason for b in batches for r in b.rejects] == ["the compressed file is cut off or damaged from here on"]
    document = write(tmp_path / f"whole.json{packing}", iter([b'{"resourceType": "Bundle", "entry": [\n', b",".join(lines), b"]}"]))
    cut = tmp_path / f"cut.json{packing}"
    cut.write_bytes(document.read_bytes()[: document.stat().st_size // 2])
    with pytest.raises(FormatError, match="cut off or damaged"):
        list(fhir.read(cut))


def test_a_stream_gives_out_what_was_asked_for(tmp_path: Path) -> None:
    with unpacked.unpacked(write(tmp_path / "x.zst", iter([b"one\ntwo\n"]))) as stream:
        assert isinstance(stream, io.BufferedReader)
        assert [stream.readline(), stream.read(1), stream.read()] == [b"one\n", b"t", b"wo\n"]
