"""Spark: the engine's tasks on a cluster, through `mapInArrow`, each answer carried back as Arrow bytes and so to the last bit.

A task reads its shard by path, so every executor must see the record's folder under the same path, and have consilium installed.
Spark itself neither reads nor casts an event: times, floats and missing values are those of the local engine.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import ipc

from consilium.core.errors import ConsiliumError, ExtraError, RecordError

if TYPE_CHECKING:
    from consilium.record.engine import Task

PIECE = 32 * 2**20
"""Bytes of an answer in one row on its way back."""
AHEAD = 4
"""Tasks in one Spark job, per core: so many answers, at most, wait in the driver."""
_TASK = "position long, task binary"
_ANSWER = "position long, piece int, failed boolean, sent binary"
_ANSWERS = pa.schema([("position", pa.int64()), ("piece", pa.int32()), ("failed", pa.bool_()), ("sent", pa.binary())])
_MEMORY = "1g"


def on_spark(tasks: Sequence[Task], workers: int = 1) -> Iterator[pa.Table]:
    """Do tasks on Spark and give their tables in the order of the tasks.

    Uses the session that is active, or the one that `spark-submit` configured; otherwise starts Spark on this machine with
    `workers` threads, which then lives as long as this process.

    Parameters
    ----------
    tasks : sequence of callables without arguments
        Anything that cloudpickle can send.
    workers : int
        Threads of a Spark that is started here.

    Raises
    ------
    ExtraError
        When pyspark or Java is not installed.
    RecordError
        When Spark gives up. What a task raised on purpose (a `ConsiliumError`) is raised here as it was.
    """
    session = session_of(workers)
    from pyspark import cloudpickle

    wave = AHEAD * max(1, session.sparkContext.defaultParallelism)
    for start in range(0, len(tasks), wave):
        sent = [(n, bytearray(cloudpickle.dumps(task))) for n, task in enumerate(tasks[start : start + wave])]
        with _in_words():
            rows = session.sparkContext.parallelize(sent, len(sent))
            answers = session.createDataFrame(rows, _TASK).mapInArrow(_worked, _ANSWER).toArrow()
        yield from _assembled(answers, len(sent))


def session_of(workers: int) -> Any:
    """The Spark session to work in; see `on_spark`."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ExtraError("Spark is not installed", do="pip install 'consilium[spark]', or use the local engine") from error
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    with _in_words():
        if "PYSPARK_GATEWAY_PORT" in os.environ:  # started by spark-submit, which has said how
            return SparkSession.builder.getOrCreate()
        if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
            raise ExtraError("Spark needs Java", do="install Java 17, or use the local engine")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        settings = {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": _MEMORY,
            "spark.driver.maxResultSize": "0",
            "spark.sql.session.timeZone": "UTC",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        builder = SparkSession.builder.master(f"local[{max(1, workers)}]").appName("consilium")
        for key, value in settings.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        return session


def _worked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """On the executor: do the tasks of each batch and cut each answer into rows."""
    from pyspark import cloudpickle

    for batch in batches:
        for position, sent in zip(batch.column(0).to_pylist(), batch.column(1), strict=True):
            try:
                failed, told = False, _written(cloudpickle.loads(sent.as_py())())
            except ConsiliumError as error:  # said on purpose: trying again, as Spark would, changes nothing
                failed, told = True, pa.py_buffer(cloudpickle.dumps(error))
            for piece, start in enumerate(range(0, max(1, told.size), PIECE)):
                cut = told.slice(start, min(PIECE, told.size - start)).to_pybytes()
                yield pa.RecordBatch.from_pylist([{"position": position, "piece": piece, "failed": failed, "sent": cut}], schema=_ANSWERS)


def _written(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _assembled(answers: pa.Table, count: int) -> Iterator[pa.Table]:
    from pyspark import cloudpickle

    pieces: dict[int, list[tuple[int, bool, bytes]]] = {n: [] for n in range(count)}
    for row in answers.to_pylist():
        pieces[row["position"]].append((row["piece"], row["failed"], row["sent"]))
    for n in range(count):
        cut = sorted(pieces.pop(n))
        told = b"".join(sent for _, _, sent in cut)
        if cut[0][1]:
            raise cloudpickle.loads(told)
        with ipc.open_stream(told) as stream:
            yield stream.read_all()


@contextmanager
def _in_words() -> Iterator[None]:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        do = "see Spark's own log; the executors need consilium installed and the record's folder under the same path"
        raise RecordError("Spark gave up", found=lines[-1] if lines else type(error).__name__, do=do) from error
