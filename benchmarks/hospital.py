"""A hospital of any size: invented patients in the shape of MIMIC-IV, written as a MEDS data set with units and availability.

    python benchmarks/hospital.py FOLDER --subjects 1000

Patients have a birth, a sex, stays with start and end, diagnoses, medications, and panels of laboratory values and vital signs, about
413 events each (MIMIC-IV: some 300 thousand patients, 124 million laboratory events) with a long tail. Values lie about the reference
ranges of the project's own knowledge. Nothing in it is true of anybody, and no model should be trained on it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from consilium.knowledge import shelf

EVENTS = 413
BLOCK = 2_000
STAY, END = "ENCOUNTER//IMP", "ENCOUNTER//END//IMP"
DIAGNOSES = tuple(f"CONDITION//ICD10CM//{letter}{n:02d}" for letter in "EIJKN" for n in range(0, 100, 5))
DRUGS = tuple(f"MEDICATION//RxNorm//{n}" for n in range(310_000, 312_000, 20))
_DAY = 86_400_000_000
_SCHEMA = pa.schema(
    [
        ("subject_id", pa.int64()), ("time", pa.timestamp("us")), ("code", pa.string()), ("numeric_value", pa.float32()),
        ("text_value", pa.large_string()), ("unit", pa.string()), ("available", pa.timestamp("us")),
    ]
)  # fmt: skip


def measurements(count: int) -> list[tuple[str, str, float, float]]:
    """Codes of measurements with their unit and the limits between which values are drawn."""
    books = shelf()
    found = []
    for code, ranges in sorted(books.ranges.items()):
        own = next((r for r in ranges if r.reference_low is not None and r.reference_high is not None), None)
        if own is not None and code.startswith("LOINC//"):
            low, high = books.plausible(code)
            least, most = own.reference_low * 0.6, own.reference_high * 1.6
            found.append((code, own.unit, max(least, least if low is None else low), min(most, most if high is None else high)))
    return found[:count]


def write(folder: Path, subjects: int, events: int = EVENTS, seed: int = 0, first: int = 10_000_000, codes: int = 100) -> int:
    """Write the data set; says how many events it holds."""
    labs = measurements(codes)
    units = {code: unit for code, unit, _, _ in labs}
    every = np.array([code for code, *_ in labs] + [STAY, END, *DIAGNOSES, *DRUGS, "MEDS_BIRTH", "GENDER//F", "GENDER//M"], dtype=object)
    unit = pa.array([units.get(code) for code in every], pa.string())
    names = pa.array(every, pa.string())
    at = {code: n for n, code in enumerate(every)}
    low, high = np.array([x[2] for x in labs]), np.array([x[3] for x in labs])
    # A few values are asked for all the time, most seldom.
    weight = 1.0 / np.arange(1, len(labs) + 1) ** 0.8
    rows = 0
    (folder / "data" / "train").mkdir(parents=True, exist_ok=True)
    for block, start in enumerate(range(0, subjects, BLOCK)):
        rng = np.random.default_rng((seed, block))
        n = min(BLOCK, subjects - start)
        who = first + start + np.arange(n)
        wanted = np.clip(rng.lognormal(np.log(events) - 0.72, 1.2, n), 20, 200 * events).astype(np.int64)
        birth = rng.integers(-15_000, 5_000, n) * _DAY + 180 * 365 * _DAY
        stays = 1 + rng.poisson(wanted / 250)
        owner = np.repeat(np.arange(n), stays)
        begin = birth[owner] + (rng.uniform(18, 88, len(owner)) * 365 * _DAY).astype(np.int64)
        end = begin + (rng.lognormal(1.2, 0.8, len(owner)) * _DAY).astype(np.int64)
        parts = [
            (np.arange(n), birth, np.full(n, at["MEDS_BIRTH"]), np.full(n, np.nan), 0),
            (np.arange(n), np.full(n, np.iinfo(np.int64).min), at["GENDER//F"] + rng.integers(0, 2, n), np.full(n, np.nan), 0),
            (owner, begin, np.full(len(owner), at[STAY]), np.full(len(owner), np.nan), 0),
            (owner, end, np.full(len(owner), at[END]), np.full(len(owner), np.nan), 0),
        ]
        firsts = np.append(0, np.cumsum(stays)[:-1])
        shares = ((at[DIAGNOSES[0]], len(DIAGNOSES), 0.02, 2), (at[DRUGS[0]], len(DRUGS), 0.06, 0))
        for base, kinds, share, delay in shares:
            of = np.repeat(np.arange(n), np.maximum(1, (wanted * share).astype(np.int64)))
            stay = firsts[of] + rng.integers(0, stays[of])
            time = begin[stay] + (rng.random(len(of)) * (end - begin)[stay]).astype(np.int64)
            parts.append((of, time, base + rng.integers(0, kinds, len(of)), np.full(len(of), np.nan), delay))
        of = np.repeat(np.arange(n), (wanted * 0.9).astype(np.int64))
        stay = firsts[of] + rng.integers(0, stays[of])
        # Panels: values of one drawing share its minute, so that a time holds several events.
        drawn = np.sort(rng.random(len(of)) * 24).astype(np.int64) / 24 + rng.integers(0, 3, len(of)) / 72
        time = begin[stay] + (drawn * (end - begin)[stay]).astype(np.int64) // 60_000_000 * 60_000_000
        kind = rng.choice(len(labs), len(of), p=weight / weight.sum())
        value = low[kind] + (high - low)[kind] * rng.beta(2, 2, len(of))
        parts.append((of, time, kind, np.round(value, 2), 1))
        subject, time, code, value = (np.concatenate([part[k] for part in parts]) for k in range(4))
        delay = np.concatenate([np.full(len(part[0]), part[4]) for part in parts])
        order = np.lexsort((code, time, subject))
        subject, time, code, value, delay = (column[order] for column in (subject, time, code, value, delay))
        undated = time == np.iinfo(np.int64).min
        index = pa.array(code)
        table = pa.table(
            [
                pa.array(who[subject]),
                pa.array(time, mask=undated).cast(pa.timestamp("us")),
                names.take(index),
                pa.array(value.astype(np.float32), mask=np.isnan(value)),
                pa.nulls(len(code), pa.large_string()),
                unit.take(index),
                pa.array(time + delay * 3_600_000_000, mask=undated).cast(pa.timestamp("us")),
            ],
            schema=_SCHEMA,
        )
        pq.write_table(table, folder / "data" / "train" / f"{block}.parquet", compression="zstd")
        rows += table.num_rows
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subjects", type=int, default=1000)
    parser.add_argument("--events", type=int, default=EVENTS, help="events of a patient, about")
    arguments = parser.parse_args()
    print(write(arguments.folder, arguments.subjects, arguments.events))
