"""Engine: one Arrow-to-Arrow function over every shard, here or in processes beside this one, with the same answer."""

from __future__ import annotations

import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pyarrow as pa

from consilium.core.errors import RecordError
from consilium.record.store import Record, View, read_shard

Act = Callable[[pa.Table], pa.Table]
"""What is done to a shard: events in `SCHEMA` columns in, any table out; it sees whole subjects, and nothing of other shards."""

Progress = Callable[[int, int], None]
"""Told shards done, and shards in all."""


def over_shards(act: Act, record: Record | View, workers: int = 1, progress: Progress | None = None) -> Iterator[pa.Table]:
    """Do the same to every shard.

    Parameters
    ----------
    act : callable
        From a shard's events to a table. With several workers it must be a function of a module (or a `functools.partial` of
        one), since it is sent to other processes.
    record : Record or View
        Whose shards.
    workers : int
        Processes; 1 stays in this one. Each holds one shard at a time.
    progress : callable, optional
        Told after each shard.

    Yields
    ------
    pyarrow.Table
        One a shard, in the order of shards, whatever the number of workers.

    Raises
    ------
    RecordError
        When a shard cannot be read, the function cannot be sent, or a worker dies.
    """
    shards = record.shards()
    results = _here(act, shards) if workers <= 1 or len(shards) < 2 else _beside(act, shards, min(workers, len(shards)))
    for done, result in enumerate(results, 1):
        if progress is not None:
            progress(done, len(shards))
        yield result


def _here(act: Act, shards: tuple[Path, ...]) -> Iterator[pa.Table]:
    for shard in shards:
        yield act(read_shard(shard))


def _beside(act: Act, shards: tuple[Path, ...], workers: int) -> Iterator[pa.Table]:
    try:
        pickle.dumps(act)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        do = "define it at the top of a module, or use one worker"
        raise RecordError("The function cannot be sent to other processes", found=repr(act), do=do) from error
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    waiting: deque[Future[pa.Table]] = deque()
    try:
        for shard in shards:
            waiting.append(pool.submit(_one, act, shard))
            if len(waiting) > workers:  # no further ahead than this, so that results do not pile up
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        do = "use fewer workers, or make the record with more shards, if memory ran out"
        raise RecordError("A worker died", found=str(error), do=do) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one(act: Act, shard: Path) -> pa.Table:
    return act(read_shard(shard))
