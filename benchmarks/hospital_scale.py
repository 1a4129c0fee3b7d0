"""A whole hospital end to end: an invented MEDS export becomes a record, a cohort and a matrix of features, with time and memory.

    python benchmarks/hospital_scale.py --subjects 1000 10000 [--workers 1]

Each step (making the export is one, and not counted) runs in a process of its own, so that its peak memory is its own: `getrusage` of
that process, plus, where it had workers, the greatest worker times their number. The last size is the one reported; the growth
between the last two is used to reckon what MIMIC's 124 million events would take, and says so.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
import hospital

MIMIC = 124_000_000
STEPS = ("export", "ingest", "cohort", "features")
TAKES = ("last", "max", "min", "mean", "count")
LABS = 10


def question():
    from consilium.core.card import Question

    code, _, low, high = hospital.measurements(1)[0]
    return Question(hospital.STAY, code, (timedelta(0), timedelta(days=2)), positive_from=low + 0.7 * (high - low))


def inputs():
    from consilium.core.card import Input

    labs = [
        Input(f"{code} {take}", (code,), "1" if take == "count" else unit, take, timedelta(days=365))
        for code, unit, _, _ in hospital.measurements(LABS)
        for take in TAKES
    ]
    return [Input("age", ("MEDS_BIRTH",), "a", "age"), *labs]


def step(name: str, folder: Path, workers: int, subjects: int) -> None:
    started = time.perf_counter()
    act = {"export": lambda *_: hospital.write(folder / "export", subjects), "ingest": _ingest, "cohort": _cohort, "features": _features}
    done = int(act[name](folder, workers))
    seconds = time.perf_counter() - started
    own, theirs = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(u.ru_utime + u.ru_stime for u in used)
    print(json.dumps({"done": done, "seconds": seconds, "cpu": cpu, "peak_mb": own + (theirs * workers if workers > 1 else 0)}))


def _ingest(folder: Path, workers: int) -> int:
    import consilium

    record = consilium.ingest(folder / "export", folder / "record")
    return sum(f.rows or 0 for f in record.manifest.below("data"))


def _cohort(folder: Path, workers: int) -> int:
    from consilium.record import Record, cohort_of

    return cohort_of(Record.open(folder / "record"), question(), folder / "cohort", workers=workers).rows


def _features(folder: Path, workers: int) -> int:
    from consilium.record import Record, cohort_of, features_of

    record = Record.open(folder / "record")
    asked = cohort_of(record, question(), folder / "cohort")  # made by the step before
    return features_of(record, inputs(), asked, folder / "features", workers=workers).rows


def run(subjects: int, workers: int, keep: Path) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory(dir=keep) as temporary:
        folder = Path(temporary)
        found: dict[str, dict[str, float]] = {}
        for name in STEPS:
            command = [sys.executable, __file__, "--step", name, "--folder", str(folder)]
            command += ["--workers", str(workers), "--subjects", str(subjects)]
            told = subprocess.run(command, capture_output=True, text=True, check=False)
            if told.returncode:
                sys.exit(f"{name} failed at {subjects} patients:\n{told.stderr[-2000:]}")
            found[name] = json.loads(told.stdout.splitlines()[-1])
        record = sum(p.stat().st_size for p in (folder / "record" / "current").resolve().rglob("*.parquet"))
        found["disk"] = {"export_mb": sum(p.stat().st_size for p in (folder / "export").rglob("*")) / 2**20, "record_mb": record / 2**20}
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step(arguments.step, arguments.folder, arguments.workers, arguments.subjects[0])
        return
    table = Table(title=f"An invented hospital, end to end; {arguments.workers} worker(s), {os.cpu_count()} cores shared with others")
    for column in ("patients", "events", *(f"{name} s" for name in STEPS[1:]), "minutes", "processor s", "peak MB", "record MB"):
        table.add_column(column, justify="right")
    sizes = []
    for subjects in arguments.subjects:
        found = run(subjects, arguments.workers, arguments.scratch)
        seconds = [found[name]["seconds"] for name in STEPS[1:]]
        events = int(found["ingest"]["done"])
        peak = max(found[name]["peak_mb"] for name in STEPS[1:])
        cpu = sum(found[name]["cpu"] for name in STEPS[1:])
        sizes.append((events, sum(seconds), cpu, peak, {name: found[name]["peak_mb"] for name in STEPS[1:]}))
        cells = [
            f"{subjects:,}",
            f"{events:,}",
            *(f"{s:.1f}" for s in seconds),
            f"{sum(seconds) / 60:.2f}",
            f"{cpu:.1f}",
        ]
        table.add_row(*cells, f"{peak:.0f}", f"{found['disk']['record_mb']:.0f}")
    Console().print(table)
    events, seconds, cpu, peak, peaks = sizes[-1]
    figures = {
        "subjects": arguments.subjects[-1], "events": events, "minutes": round(seconds / 60, 3),
        "processor_s": round(cpu, 1), "peak_mb": round(peak),
        "peak_mb_by_step": {name: round(value) for name, value in peaks.items()}, "workers": arguments.workers, "machine_shared": True,
        "growth": [
            {"events": e, "seconds": round(s, 1), "processor_s": round(c, 1), "peak_mb": round(p)} for e, s, c, p, _ in sizes
        ],
    }  # fmt: skip
    if len(sizes) > 1:
        (e0, s0, c0, p0, _), (e1, s1, c1, p1, _) = sizes[-2:]
        power = math.log(c1 / c0) / math.log(e1 / e0)
        minutes = (s1 + (s1 - s0) / (e1 - e0) * (MIMIC - e1)) / 60
        processor = (c1 + (c1 - c0) / (e1 - e0) * (MIMIC - e1)) / 60
        figures |= {
            "power": round(power, 3), "extrapolated_minutes_at_124m_events": round(minutes, 1),
            "extrapolated_processor_minutes_at_124m_events": round(processor, 1),
        }  # fmt: skip
        Console().print(
            f"Between the last two sizes processor time grew as events to the power {power:.2f}, memory from {p0:.0f} to {p1:.0f} MB. "
            f"Reckoned from that, not run: 124 million events in {minutes:.0f} minutes, {processor:.0f} of processor time."
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
