"""People: generated patients for the tests of quality - right values of many shapes, and the errors planted among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import numpy as np
import pyarrow as pa

from consilium.core.events import SCHEMA
from consilium.knowledge import shelf
from consilium.quality.finding import QualityReport
from consilium.quality.look import look
from consilium.quality.survey import report

COMMITTED = datetime(2026, 6, 1)
START = np.datetime64("2024-01-01T08:00:00", "us")

# code: the unit that is mixed in, and a right distribution (median and spread of patients and of values within a patient, in logarithms)
ANALYTES = {
    "LOINC//2345-7": ("mmol/L", 104.0, 0.28, 0.18),
    "LOINC//2160-0": ("umol/L", 0.95, 0.40, 0.12),
    "LOINC//8310-5": ("[degF]", 36.8, 0.006, 0.010),
    "LOINC//29463-7": ("[lb_av]", 76.0, 0.22, 0.03),
    "LOINC//2093-3": ("mmol/L", 190.0, 0.20, 0.08),
    "LOINC//718-7": ("g/L", 13.4, 0.12, 0.05),
    "LOINC//1975-2": ("umol/L", 0.6, 0.50, 0.25),
    "LOINC//4548-4": ("mmol/mol", 5.9, 0.16, 0.05),
}


def numbers(code: str, values: np.ndarray, subjects: np.ndarray, unit: str | None = None, days: np.ndarray | None = None) -> pa.Table:
    """Events of one code; the i-th value of a subject is taken on its i-th day (30 days apart) unless `days` says otherwise."""
    if days is None:
        order = np.argsort(subjects, kind="stable")
        days = np.empty(len(subjects))
        days[order] = np.concatenate([np.arange(n) for n in np.unique(subjects, return_counts=True)[1]]) * 30
    time = START + (days * 86_400e6).astype("timedelta64[us]")
    n = len(values)
    named = np.char.add(f"{code}/", np.arange(n).astype(str))
    columns = [
        pa.array(subjects.astype(np.int64)), pa.array(time), pa.array([code] * n), pa.array(values.astype(np.float32)),
        pa.nulls(n, pa.large_string()), pa.array([shelf().codes[code].unit if unit is None else unit] * n), pa.array(time), pa.array(named),
    ]  # fmt: skip
    return pa.Table.from_arrays([c.cast(f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def right(code: str, rng: np.random.Generator, people: int = 400, each: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Right values of an analyte, several of each patient, and their subjects."""
    _, middle, between, within = ANALYTES[code]
    subjects = np.repeat(np.arange(1, people + 1), each)
    logs = np.log(middle) + np.repeat(rng.normal(0, between, people), each) + rng.normal(0, within, people * each)
    return np.exp(logs), subjects


def mistaken(code: str, values: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The same values, some of them written in the other unit under the old label."""
    other = ANALYTES[code][0]
    factor = shelf().units.factor(shelf().codes[code].unit, other, code)
    assert factor is not None
    return np.where(which, values * factor[0] + factor[1], values)


def judged(tables: pa.Table | Iterable[pa.Table], act: Callable[..., pa.Table] = look) -> QualityReport:
    """The report over shards given as tables of events."""
    shards = [tables] if isinstance(tables, pa.Table) else list(tables)
    people = {s: f"p{s}" for t in shards for s in set(t["subject_id"].to_pylist())}
    return report([act(t, COMMITTED) for t in shards], people, COMMITTED)
