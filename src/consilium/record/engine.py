"""Engine: one Arrow-to-Arrow function over every shard - here, in processes beside this one, or on Spark - with the same answer."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import pyarrow as pa

from consilium.core.errors import RecordError
from consilium.record.shard import read_shard
from consilium.record.store import Record, View

Act = Callable[[pa.Table], pa.Table]
"""What is done to a shard: events in `SCHEMA` columns in, any table out; it sees whole subjects, and nothing of other shards."""

Task = Callable[[], pa.Table]
"""One piece of work that knows by itself what to read, so that it can be sent anywhere the record's folder can be seen from."""

Progress = Callable[[int, int], None]
"""Told shards done, and shards in all."""

ENGINES = ("local", "spark")


def over_shards(
    act: Act, record: Record | View, workers: int = 1, progress: Progress | None = None, *, engine: str = "local"
) -> Iterator[pa.Table]:
    """Do the same to every shard.

    Parameters
    ----------
    act : callable
        From a shard's events to a table. With several workers it must be a function of a module (or a `functools.partial` of
        one), since it is sent to other processes.
    record : Record or View
        Whose shards.
    workers : int
        Processes; 1 stays in this one. Each holds one shard at a time. Spark, when it was started elsewhere, has its own.
    progress : callable, optional
        Told after each shard.
    engine : str
        `local`, or `spark` (the extra `spark`; see `record.spark`).

    Yields
    ------
    pyarrow.Table
        One a shard, in the order of shards, whatever the engine and the number of workers.

    Raises
    ------
    RecordError
        When a shard cannot be read, the function cannot be sent, a worker dies, or there is no such engine.
    ExtraError
        When Spark or Java is not installed.
    """
    yield from run([partial(_one, act, shard) for shard in record.shards()], workers, progress, engine)


def run(tasks: Sequence[Task], workers: int = 1, progress: Progress | None = None, engine: str = "local") -> Iterator[pa.Table]:
    """Do tasks and give their tables in the order of the tasks; parameters and errors as in `over_shards`."""
    if engine not in ENGINES:
        raise RecordError("There is no such engine", found=engine, expected=ENGINES)
    if engine == "spark":
        from consilium.record.spark import on_spark

        results = on_spark(tasks, workers)
    elif workers <= 1 or len(tasks) < 2:
        results = (task() for task in tasks)
    else:
        results = _beside(tasks, min(workers, len(tasks)))
    for done, result in enumerate(results, 1):
        if progress is not None:
            progress(done, len(tasks))
        yield result


def _beside(tasks: Sequence[Task], workers: int) -> Iterator[pa.Table]:
    try:
        pickle.dumps(tasks[0])
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        do = "define it at the top of a module, or use one worker"
        raise RecordError("The function cannot be sent to other processes", found=repr(tasks[0]), do=do) from error
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_die_with_parent)
    waiting: deque[Future[pa.Table]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(task))
            if len(waiting) > workers:  # no further ahead than this, so that results do not pile up
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        do = "use fewer workers, if memory ran out"
        raise RecordError("A worker died", found=str(error), do=do) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _die_with_parent() -> None:
    """End this worker when the process that started it was killed: it would wait for work for ever, and hold its memory."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def _one(act: Act, shard: Path) -> pa.Table:
    return act(read_shard(shard))
