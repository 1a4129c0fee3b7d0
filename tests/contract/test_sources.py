"""The laws of sources, run on the examples of every source."""

from __future__ import annotations

import importlib
import random
import re
import shutil
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consilium.core import AS_SENT
from consilium.intake.forms import forms

SOURCES = Path(sys.modules["consilium"].__file__).parent / "sources"
FORMS = sorted({source.__name__.rpartition(".")[2] for source in forms().values() if source.__name__.startswith("consilium.sources.")})
"""The laboratory, which reads a VCF by an order, is held to its own laws in tests/intake/test_genomes.py."""
EXAMPLES = [(path.parent.name, path) for path in sorted((SOURCES / "examples").glob("*/*")) if path.suffix != ".yaml"]
SEEDS = range(5)


def read(form: str, path: Path) -> list:
    source = importlib.import_module(f"consilium.sources.{form}")
    mapping = path.with_suffix(".yaml")
    return list(source.read(path, mapping) if mapping.exists() else source.read(path))


def permuted(path: Path, to: Path, seed: int) -> Path:
    """The same file, or folder of tables, with its entries, lines or rows in another order."""
    shuffle = random.Random(seed).shuffle
    if path.is_dir():
        return permuted_tables(path, to / path.name, shuffle)
    if path.suffix == ".json":
        bundle = orjson.loads(path.read_bytes())
        shuffle(bundle["entry"])
        (to / path.name).write_bytes(orjson.dumps(bundle))
    elif path.suffix == ".hl7":  # messages move, and stay whole
        head, *messages = re.split(r"^(?=MSH)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        messages[-1], tail = re.fullmatch(r"(.*?)((?:^(?:BTS|FTS).*)?)", messages[-1], flags=re.MULTILINE | re.DOTALL).groups()
        shuffle(messages)
        (to / path.name).write_text(head + "".join(messages) + tail, encoding="utf-8")
    else:
        lines = path.read_text(encoding="utf-8").splitlines()
        head, rows = (lines[:1], lines[1:]) if path.suffix == ".csv" else ([], lines)
        shuffle(rows)
        (to / path.name).write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")
        mapping = path.with_suffix(".yaml")
        if mapping.exists():
            (to / mapping.name).write_bytes(mapping.read_bytes())
    return to / path.name


def permuted_tables(folder: Path, to: Path, shuffle) -> Path:
    shutil.copytree(folder, to)
    for table in sorted(to.rglob("*.parquet")):
        rows = pq.read_table(table, partitioning=None)
        order = list(range(rows.num_rows))
        shuffle(order)
        pq.write_table(rows.take(pa.array(order, pa.int64())), table)
    for table in sorted(to.rglob("*.csv")):
        head, *rows = csv_rows(table)
        shuffle(rows)
        table.write_text("".join([head, *rows]), encoding="utf-8")
    return to


def csv_rows(table: Path) -> list[str]:
    """Rows as text; a line end inside quotes is no end of a row."""
    rows = [""]
    for line in table.read_text(encoding="utf-8").splitlines(keepends=True):
        rows[-1] += line
        if rows[-1].count('"') % 2 == 0:
            rows.append("")
    return rows[:-1]


def packed(path: Path, to: Path, packing: str) -> Path:
    """The same file, or folder of text tables, packed."""
    if path.is_dir():
        shutil.copytree(path, to / path.name)
        for table in sorted((to / path.name).rglob("*.csv")):
            packed(table, table.parent, packing)
            table.unlink()
        return to / path.name
    target = to / f"{path.name}{packing}"
    codec = {".gz": "gzip", ".zst": "zstd"}[packing]
    with pa.output_stream(str(target), compression=codec) as stream:
        stream.write(path.read_bytes())
    return target


def said(batches: list) -> tuple[list, list]:
    """Events and rejects without their place in the file, in one order."""
    events = [tuple(str(row[name]) for name in AS_SENT.names if name != "source_id") for b in batches for row in b.events.to_pylist()]
    rejects = [(r.reason, r.part, r.code, r.found, r.patient_id) for b in batches for r in b.rejects]
    return sorted(events), sorted(rejects)


@pytest.mark.parametrize("form", FORMS)
def test_every_source_has_examples(form: str) -> None:
    assert any(form == name for name, _ in EXAMPLES)
    source = importlib.import_module(f"consilium.sources.{form}")
    assert callable(source.read)
    assert all(suffix.startswith(".") for suffix in source.SUFFIXES)


@pytest.mark.parametrize(("form", "path"), EXAMPLES, ids=lambda value: getattr(value, "name", value))
def test_rows_in_are_rows_read_and_rejects(form: str, path: Path) -> None:
    batches = read(form, path)
    assert sum(batch.rows for batch in batches) > 0
    for batch in batches:
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
        assert batch.events.schema.equals(AS_SENT)
        assert all(reject.file == path.name and reject.row and reject.reason for reject in batch.rejects)


@pytest.mark.parametrize(("form", "path"), EXAMPLES, ids=lambda value: getattr(value, "name", value))
def test_a_dated_event_says_when_it_could_be_known(form: str, path: Path) -> None:
    for batch in read(form, path):
        for row in batch.events.to_pylist():
            assert (row["time"] is None) == (row["available"] is None)
            assert row["time"] is None or row["time"] <= row["available"]
            assert row["numeric_value"] is None or row["unit"]
            assert row["patient_id"] and row["code"] and row["source_id"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("form", "path"), EXAMPLES, ids=lambda value: getattr(value, "name", value))
def test_the_order_of_entries_changes_nothing(form: str, path: Path, seed: int, tmp_path: Path) -> None:
    assert said(read(form, permuted(path, tmp_path, seed))) == said(read(form, path))


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize(("form", "path"), EXAMPLES, ids=lambda value: getattr(value, "name", value))
def test_compression_changes_nothing(form: str, path: Path, packing: str, tmp_path: Path) -> None:
    mapping = path.with_suffix(".yaml")
    source = importlib.import_module(f"consilium.sources.{form}")
    smaller = packed(path, tmp_path, packing)
    batches = list(source.read(smaller, mapping) if mapping.exists() else source.read(smaller))
    assert said(batches) == said(read(form, path))
