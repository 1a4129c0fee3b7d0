"""How many planted leaks of time are found, and how often an honest study is suspected.

    python benchmarks/time_leaks.py                 both sets
    python benchmarks/time_leaks.py --set dev       the seeds and kinds the checks were made with
    python benchmarks/time_leaks.py --only KIND     one kind, with its findings

A planted leak counts as found only when a finding names the place where it was planted (the code, the input, the source, the
split or the rows). A clean hospital with any finding, and a planted one with a finding elsewhere, count against precision.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import pickle
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # two processes share the cores better than twice as many threads

import planted_held_out  # registers the kinds written after the checks were frozen
import planted_kinds
from planted import World, hospital
from rich.console import Console
from rich.table import Table

from consilium.quality.leaks import LeakReport, check_time

SEEDS = {"dev": range(100, 102), "test": range(17000, 17003)}
CLEAN = {"dev": range(200, 230), "test": range(18000, 18080)}
CLEAN_NAME = "clean"


@functools.lru_cache(maxsize=2)
def _kept(seed: int) -> bytes:
    return pickle.dumps(hospital(seed))


def made(kind: str, seed: int) -> tuple[World, set[str]]:
    w: World = pickle.loads(_kept(seed))
    if kind == CLEAN_NAME:
        return w, set()
    if kind in planted_kinds.MATRIX:
        w.columns = w.own_columns()
    else:
        w.columns = None
    return w, ALL[kind](w)


def checked(w: World) -> LeakReport:
    rows, labels = w.rows(), w.labels()
    return check_time(w.table(), w.card(), (rows, labels), w.folds(), matrix=w.matrix(), descriptions=w.descriptions, patients=w.patients())


def right(where: str, places: set[str]) -> bool:
    return any(p in where for p in places)


def one(job: tuple[str, int]) -> tuple[str, int, list[tuple[str, str, bool, str]], float]:
    w, places = made(*job)
    started = time.perf_counter()
    found = checked(w).findings
    seconds = time.perf_counter() - started
    told = [(f.kind, f.where, right(f.where, places), f.detail) for f in found]
    return *job, [t for t in told if t[2] or "*" not in places], seconds


ALL = planted_kinds.KINDS


def measure(name: str, kinds: list[str], seeds: range, clean: range, workers: int, console: Console) -> dict[str, float]:
    jobs = [(k, s) for s in seeds for k in kinds] + [(CLEAN_NAME, s) for s in clean]
    with ProcessPoolExecutor(workers) as pool:
        results = list(pool.map(one, jobs, chunksize=12))
    hits, strays, suspected = Counter(), 0, 0
    by: Counter[str] = Counter()
    stray_kinds: Counter[str] = Counter()
    for kind, _, found, _ in results:
        if kind == CLEAN_NAME:
            suspected += bool(found)
            stray_kinds.update(f"{k} in {w} (clean): {d}" for k, w, _, d in found)
            continue
        hits[kind] += any(ok for *_, ok, _ in found)
        by.update(k for k, _, ok, _ in found if ok)
        wrong = [(k, w, d) for k, w, ok, d in found if not ok]
        strays += bool(wrong)
        stray_kinds.update(f"{k} in {w} ({kind}): {d}" for k, w, d in wrong)
    total, found_in = len(kinds) * len(seeds), sum(hits.values())
    table = Table(title=f"{name}: {len(kinds)} kinds x {len(seeds)} seeds, {len(clean)} clean hospitals")
    table.add_column("kind")
    table.add_column("found", justify="right")
    for kind in kinds:
        if hits[kind] < len(seeds):
            table.add_row(kind, f"{hits[kind]} of {len(seeds)}")
    table.add_row("all", f"{found_in} of {total}")
    table.add_row("clean hospitals suspected", f"{suspected} of {len(clean)}")
    table.add_row("planted, but also something else suspected", f"{strays} of {total}")
    console.print(table)
    for text, n in stray_kinds.most_common(25):
        console.print(f"  {n} x {text}")
    console.print(f"  right findings by kind: {dict(by.most_common())}")
    seconds = sorted(r[3] for r in results)
    recall = found_in / total if total else 0.0
    precision = found_in / max(1, found_in + suspected + strays)
    return {"recall": round(recall, 4), "precision": round(precision, 4), "clean_suspected": round(suspected / max(1, len(clean)), 4),
            "median_s": round(seconds[len(seconds) // 2], 2)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("dev", "test", "both"), default="both")
    parser.add_argument("--only", default="")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    console = Console(stderr=True, width=200, highlight=False)
    held = sorted(planted_held_out.HELD_OUT)
    known = [k for k in ALL if k not in planted_held_out.HELD_OUT]
    if arguments.only:
        for seed in SEEDS["dev"]:
            console.print(one((arguments.only, seed)))
        return
    figures: dict[str, float] = {"planted_kinds": len(known), "held_out_kinds": len(held) - len(planted_held_out.SEEN_ONCE)}
    if arguments.set != "test":
        dev = measure("development", known, SEEDS["dev"], CLEAN["dev"], arguments.workers, console)
        figures |= {f"dev_{k}": v for k, v in dev.items()}
    if arguments.set != "dev":
        test = measure("test", known, SEEDS["test"], CLEAN["test"], arguments.workers, console)
        figures |= test
        seen_once = sorted(planted_held_out.SEEN_ONCE)
        unseen = measure("held out", [k for k in held if k not in seen_once], SEEDS["test"], range(0), arguments.workers, console)
        figures |= {"held_out_recall": unseen["recall"]}
        again = measure("held out of the first freeze", seen_once, SEEDS["test"], range(0), arguments.workers, console)
        figures |= {"first_held_out_recall": again["recall"]}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
