"""How many planted leaks of time are found, and how often an honest study is suspected.

    python benchmarks/time_leaks.py                       all kinds, in hospitals that no check was made with
    python benchmarks/time_leaks.py --set dev             the seeds and kinds the checks were made with
    python benchmarks/time_leaks.py --only KIND           one kind (or several: --only A --only B), with its findings
    python benchmarks/time_leaks.py --record DIR          and real charts: a record made by `consilium ingest`

A planted leak counts as found only when a finding names the place where it was planted (the code, the input, the source, the
split or the rows). A clean hospital with any finding, and a planted one with a finding elsewhere, count against precision.
`recall` is over the kinds that the suite knows: each was held out once, or the checks were developed with it. `recall_unseen` is over those
of planted_fifth.py, written after the checks were frozen and measured once: it is the figure to expect of a leak nobody had thought of.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import pickle
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # two processes share the cores better than twice as many threads

import planted_fifth
import planted_fourth
import planted_held_out
import planted_kinds
from planted import World, hospital
from rich.console import Console
from rich.table import Table

from consilium.quality.leaks import LeakReport, check_time

SEEDS = {"dev": range(100, 102), "test": range(17000, 17003)}
CLEAN = {"dev": range(200, 230), "test": range(18000, 18080)}
CLEAN_NAME = "clean"
UNSEEN = "unseen"


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


def run(jobs: list[tuple[str, int]], workers: int) -> list[tuple[str, int, list, float]]:
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(one, jobs, chunksize=6))


def told(name: str, kinds: list[str], results: list, console: Console) -> tuple[int, int, int]:
    """Show a set of kinds: planted, found, and planted ones in which something else was suspected."""
    own = [r for r in results if r[0] in set(kinds)]
    hits = Counter(kind for kind, _, found, _ in own if any(ok for *_, ok, _ in found))
    planted = Counter(kind for kind, *_ in own)
    stray = [(kind, [f for f in found if not f[2]]) for kind, _, found, _ in own]
    strays = sum(bool(wrong) for _, wrong in stray)
    table = Table(title=f"{name}: {len(kinds)} kinds")
    table.add_column("kind")
    table.add_column("found", justify="right")
    for kind in kinds:
        if hits[kind] < planted[kind]:
            table.add_row(f"missed: {kind}", f"{hits[kind]} of {planted[kind]}")
    table.add_row("all", f"{sum(hits.values())} of {len(own)}")
    table.add_row("also something else suspected", f"{strays} of {len(own)}")
    console.print(table)
    for kind, wrong in stray:
        for finding, where, _, detail in wrong:
            console.print(f"  elsewhere in {kind}: {finding} in {where}: {detail}")
    return len(own), sum(hits.values()), strays


def real(folders: list[str], console: Console) -> dict[str, int]:
    """Findings on real charts: of each record's clock, and of the study that `real_studies` asks of two of them."""
    from real_studies import study

    import consilium

    found = {}
    for folder in folders:
        record = consilium.open_record(folder)
        reports = [check_time(record, None)]
        events, card, asked, fold = study(record)
        if len(asked.rows):
            reports.append(check_time(events, card, asked, fold, descriptions=record.descriptions()))
        for report in reports:
            console.print(f"{folder}: {report.rows} rows, {report.events} events, {dict(Counter(f.kind for f in report.findings))}")
        found[Path(folder).name] = sum(len(report.findings) for report in reports)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("dev", "test"), default="test")
    parser.add_argument("--only", action="append", default=[], help="a kind, in the hospitals of development; may be given several times")
    parser.add_argument("--seeds", type=int, default=3, help="hospitals each kind is planted in")
    parser.add_argument("--clean", type=int, default=80, help="hospitals without a leak")
    parser.add_argument("--record", action="append", default=[], help="folder of a record of real charts; may be given several times")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    console = Console(stderr=True, width=200, highlight=False)
    if arguments.only:
        for kind, seed in itertools.product(arguments.only, SEEDS["dev"]):
            console.print(one((kind, seed)))
        return
    held = planted_held_out
    sets = {"development": [k for k in ALL if k not in held.HELD_OUT | planted_fourth.FOURTH | planted_fifth.FIFTH]}
    if arguments.set == "test":
        sets |= {"held_out_1": sorted(held.SEEN_ONCE), "held_out_2": sorted(held.SECOND), "held_out_3": sorted(held.THIRD)}
        sets |= {"held_out_4": sorted(planted_fourth.FOURTH), UNSEEN: sorted(planted_fifth.FIFTH)}
    seeds, clean = SEEDS[arguments.set][: arguments.seeds], CLEAN[arguments.set][: arguments.clean]
    results = run([(CLEAN_NAME, s) for s in clean] + [(k, s) for s in seeds for kinds in sets.values() for k in kinds], arguments.workers)
    suspected = 0
    for kind, seed, found, _ in results:
        if kind == CLEAN_NAME and found:
            suspected += 1
            console.print(f"clean hospital {seed} suspected: {found}")
    counts = {name: told(name, kinds, results, console) for name, kinds in sets.items()}
    planted, found, strays = (sum(c[i] for c in counts.values()) for i in range(3))
    seen = [c for name, c in counts.items() if name != UNSEEN]
    seconds = sorted(r[3] for r in results)
    figures = {
        "recall": round(sum(c[1] for c in seen) / sum(c[0] for c in seen), 4),
        **{f"recall_{name}": round(c[1] / c[0], 4) for name, c in counts.items()},
        "precision": round(found / max(1, found + suspected + strays), 4),
        "known_kinds": sum(len(kinds) for name, kinds in sets.items() if name != UNSEEN), "planted_kinds": sum(map(len, sets.values())),
        "planted": planted, "clean_suspected": suspected, "clean": len(clean), "planted_with_other_findings": strays,
        "median_s": round(seconds[len(seconds) // 2], 2), "findings_on_real_charts": real(arguments.record, console),
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
