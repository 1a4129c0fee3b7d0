"""The answer depends on the record alone: not on the clock, the order of rows or shards, the number of shards, or of workers."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.quality import bins, quality
from consilium.quality.form import json_bytes
from consilium.quality.look import look
from consilium.quality.survey import report
from consilium.quality.tally import added
from consilium.record import writing

from .people import ANALYTES, COMMITTED, mistaken, numbers, right


def chart(seed=0):
    rng = np.random.default_rng(seed)
    tables = []
    for code in list(ANALYTES)[:4]:
        values, subjects = right(code, rng, people=60)
        tables.append(numbers(code, mistaken(code, values, rng.random(len(values)) < 0.1), subjects))
    return pa.concat_tables(tables)


def parts(events, n):
    shard = events["subject_id"].to_numpy() % n
    return [events.filter(pa.array(shard == i)) for i in range(n)]


def told(tables):
    people = {s: f"p{s}" for s in range(1, 500)}
    return json_bytes(report([look(t, COMMITTED) for t in tables], people, COMMITTED))


@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
@settings(max_examples=8, deadline=None)
def test_order_of_rows_and_shards_and_their_number_change_nothing(seed, n):
    events = chart()
    rng = np.random.default_rng(seed)
    shuffled = events.take(rng.permutation(events.num_rows))
    shards = parts(shuffled, n)
    assert told([shards[i] for i in rng.permutation(n)]) == told([events])


def test_the_clock_changes_nothing(tmp_path, monkeypatch):
    events = chart()
    with writing(tmp_path / "r", shards=2) as w:
        w.add(events, {s: f"p{s}" for s in set(events["subject_id"].to_pylist())})
        record = w.commit({})
    before = json_bytes(quality(record))

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2199, 1, 1, tzinfo=tz)

    for module in ("look", "times", "survey", "bedside", "finding"):
        monkeypatch.setattr(f"consilium.quality.{module}.datetime", Later)
    monkeypatch.setattr(time, "time", lambda: 7.2e9)
    assert json_bytes(quality(record)) == before
    assert json_bytes(quality(record, workers=2)) == before


def test_workers_are_told_of(tmp_path):
    events = chart()
    with writing(tmp_path / "r", shards=2) as w:
        w.add(events, {s: f"p{s}" for s in set(events["subject_id"].to_pylist())})
        record = w.commit({})
    steps = []
    found = quality(record, progress=lambda done, of: steps.append((done, of)))
    assert steps[-1][0] == steps[-1][1] and found.patients == 60 and found.events == events.num_rows
    assert replace(found, record="").of("unit_mix")


@given(st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=1, max_size=40))
def test_bins_keep_three_digits_and_the_order(values):
    at = np.array(values, dtype=np.float32).astype(np.float64)  # a record holds no smaller numbers than float32 does
    keys = pl.DataFrame({"v": at}).select(bins.key(pl.col("v"))).to_series().to_numpy()
    back = bins.values(keys)
    tiny = np.abs(at) < 1e-50
    assert np.allclose(back[~tiny], at[~tiny], rtol=5.1e-3, atol=0)
    order = np.argsort(at, kind="stable")
    assert (np.diff(keys[order]) >= 0).all()


def test_adding_nothing_and_adding_in_any_grouping():
    shards = [pl.from_arrow(look(t, COMMITTED)) for t in parts(chart(), 3)]
    a, b, c = shards
    once = added(shards)
    assert once.equals(added([a, added([b, c])])) or set(once.rows()) == set(added([a, added([b, c])]).rows())
    assert set(added([once]).rows()) == set(once.rows())
