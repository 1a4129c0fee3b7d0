"""Spark: the engine's answers there are those of this machine, to the last bit."""

from __future__ import annotations

import math
import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed: pip install 'consilium[spark]'")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java, which is not installed", allow_module_level=True)

from consilium.core.card import Input, Question
from consilium.core.errors import RecordError, UnitError
from consilium.record import Record, cohort_of, features_of, over_shards, writing
from consilium.record import spark as sparks
from consilium.record.engine import run

from .ward import event, events, named

LAB, STAY = "LOINC//2524-7", "ENCOUNTER//EMER"
PEOPLE = tuple(f"patient {n}" for n in range(40))
INPUTS = (
    Input("lactate mean", (LAB,), "mmol/L", "mean", timedelta(days=3)),
    Input("lactate last", (LAB,), "mmol/L"),
    Input("age", ("MEDS_BIRTH",), "a", "age"),
)
QUESTION = Question(STAY, LAB, (timedelta(0), timedelta(days=4)), positive_from=3.0)
ODD = (0.1, 1 / 3, 1e-30, 3.4e38, -0.0, math.pi)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Record:
    rows = [event(p, LAB, day / 7, ODD[(n + day) % len(ODD)]) for n, p in enumerate(PEOPLE) for day in range(20)]
    rows += [event(p, "MEDS_BIRTH", -10_000.5) for p in PEOPLE] + [event(p, "GENDER//F", None) for p in PEOPLE]
    rows += [event(p, STAY, 1.0) for p in PEOPLE[::2]]
    with writing(tmp_path_factory.mktemp("spark") / "ward", shards=2) as w:
        w.add(events(rows), named(*PEOPLE))
        return w.commit({})


@pytest.fixture(scope="module", autouse=True)
def spark() -> object:
    """One small Spark for this file, ended with it."""
    session = sparks.session_of(2)
    yield session
    session.stop()


# What is sent must be importable there, and a test module is not: so library functions.
everything = partial(pa.Table.slice, offset=0)


@pytest.mark.parametrize("split", [None, "tuning"])
def test_spark_gives_the_same_tables_in_the_same_order(ward: Record, split: str | None) -> None:
    asked = ward if split is None else ward.tuning
    told: list[tuple[int, int]] = []
    there = list(over_shards(everything, asked, engine="spark", progress=lambda done, whole: told.append((done, whole))))
    here = list(over_shards(everything, asked))
    assert len(here) == len(asked.shards()) == told[-1][1] == told[-1][0]
    for a, b in zip(here, there, strict=True):
        assert a.schema.equals(b.schema) and a.equals(b)
        assert a["numeric_value"].to_numpy().tobytes() == b["numeric_value"].to_numpy().tobytes(), "-0.0 equals 0.0 and is another number"


def test_spark_writes_the_same_features_and_cohort(ward: Record, tmp_path: Path) -> None:
    found = {
        engine: (
            cohort_of(ward, QUESTION, tmp_path / engine / "cohort", engine=engine),
            features_of(ward, INPUTS, QUESTION, tmp_path / engine / "features", engine=engine),
        )
        for engine in ("local", "spark")
    }
    for here, there in zip(*found.values(), strict=True):
        assert here.counts == there.counts and here.rows == there.rows > 0
        for a, b in zip(here.files, there.files, strict=True):
            assert a.read_bytes() == b.read_bytes()
    assert features_of(ward, INPUTS, QUESTION, tmp_path / "spark" / "features").already == len(found["spark"][1].files)


def test_an_answer_larger_than_one_row_comes_back_whole(ward: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparks, "PIECE", 64)
    batch = pa.RecordBatch.from_pydict({"position": [0], "task": [sparks_pickle(partial(everything, next(ward.events())))]})
    rows = pa.Table.from_batches(list(sparks._worked([batch])))
    assert rows.num_rows > 20
    shuffled = rows.take(pa.array(range(rows.num_rows - 1, -1, -1)))
    (table,) = sparks._assembled(shuffled, 1)
    assert table.equals(next(ward.events()))


def sparks_pickle(task: object) -> bytes:
    from pyspark import cloudpickle

    pickled: bytes = cloudpickle.dumps(task)
    return pickled


def test_what_is_refused_there_is_refused_here_in_the_same_words(ward: Record, tmp_path: Path) -> None:
    other = Input("lactate", (LAB,), "mg/dL")
    said = []
    for engine in ("local", "spark"):
        with pytest.raises(UnitError) as refused:
            features_of(ward, [other], QUESTION, tmp_path / engine, engine=engine)
        said.append(str(refused.value))
    assert said[0] == said[1]


def test_a_failure_there_is_said_in_words(ward: Record) -> None:
    with pytest.raises(RecordError, match="Spark gave up"):
        list(over_shards(partial(pa.Table.drop_columns, columns=["absent"]), ward, engine="spark"))


def test_no_task_and_no_such_engine(ward: Record) -> None:
    assert list(run([], engine="spark")) == []
    with pytest.raises(RecordError, match="no such engine"):
        list(over_shards(everything, ward, engine="dask"))


def test_a_specialist_says_there_what_it_says_here(tmp_path: Path) -> None:
    import consilium as c
    from consilium.cli.verbs import example_ward

    record = c.ingest(example_ward() / "*.json", tmp_path / "ward")
    here = c.score("breast_mass", record, tmp_path / "here")
    there = c.score("breast_mass", record, tmp_path / "there", engine="spark")
    assert here.counts == there.counts and here.counts["answered"] > 0
    for a, b in zip(here.files, there.files, strict=True):
        assert a.read_bytes() == b.read_bytes()
    c.score("breast_mass", record, tmp_path / "scores.parquet", engine="spark")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here", "scores.parquet", "there", "ward"]
