"""Time and memory of features, beside meds-tab on the same MEDS events, moments, windows and codes.

    python benchmarks/features.py [--subjects 500] [--peer-timeout 900]

500 invented patients with some 1,590 events each (about 795 thousand), four moments of asking a patient, thirty measurements, windows of
1, 7, 30 and 365 days and the whole life; of each: how often, least, greatest, and mean (meds-tab: sum). meds-tab is given the moments as
labels, so that it too computes rows for them alone, and only the codes that we read; its describing of codes counts, its static
features do not. It looks back from the last event before a moment, we from the moment. What counts is processor time of the whole
process, start included, because the machine may be shared, and the greatest memory of any one process. Ours runs as `pip install
consilium` makes it, without pandas. Ratios say how many times more meds-tab took.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
import hospital
import peer

PEER = "meds-tab==0.2.0"
EVENTS, CODES, ASKED = 1_678, 30, 4
WINDOWS = {"1d": 1, "7d": 7, "30d": 30, "365d": 365, "full": None}
TAKES = {"count": "code/count", "min": "value/min", "max": "value/max", "mean": "value/sum"}


class WithoutPandas:
    """Says that pandas is not installed."""

    def find_spec(self, name: str, *_: object) -> None:
        """Refuse one name, leave the others to the next finder."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def inputs():
    from consilium.core.card import Input

    return [
        Input(f"{code} {take} {name}", (code,), "1" if take == "count" else unit, take, None if days is None else timedelta(days=days))
        for code, unit, _, _ in hospital.measurements(CODES)
        for take in TAKES
        for name, days in WINDOWS.items()
    ]


def step(name: str, folder: Path, subjects: int) -> None:
    sys.meta_path.insert(0, WithoutPandas())  # consilium does without; pyarrow loads it wherever some other package has brought it
    import consilium
    from consilium.record import Record, features_of

    if name == "export":
        hospital.write(folder / "export", subjects, EVENTS, codes=CODES)
        labels(folder)
        return
    if name == "ingest":
        consilium.ingest(folder / "export", folder / "record")
        return
    ids = dict(Record.open(folder / "record").patients())
    asked = pa.concat_tables([pq.ParquetFile(p).read() for p in sorted((folder / "labels").rglob("*.parquet"))])
    subjects = pa.array([ids[str(s)] for s in asked["subject_id"].to_pylist()], pa.int64())
    rows = pa.table({"subject_id": subjects, "as_of": asked["prediction_time"]})
    features_of(Record.open(folder / "record"), inputs(), rows, folder / "ours")


def labels(folder: Path) -> None:
    """Moments of asking of each patient, spread over the chart: the times of its events at the quarters."""
    for shard in sorted((folder / "export" / "data").rglob("*.parquet")):
        events = pq.read_table(shard, columns=["subject_id", "time"], partitioning=None).drop_null()
        subject, time_ = events["subject_id"].to_numpy(), events["time"].to_numpy()
        _, start, count = np.unique(subject, return_index=True, return_counts=True)
        at = np.unique((start[:, None] + (count[:, None] - 1) * np.arange(1, ASKED + 1) // ASKED).ravel())
        table = pa.table({"subject_id": subject[at], "prediction_time": time_[at], "boolean_value": np.zeros(len(at), dtype=bool)})
        into = folder / "labels" / shard.relative_to(folder / "export" / "data")
        into.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, into)


def timed(command: list[str], timeout: float) -> tuple[float, float, float]:
    """Processor seconds, wall seconds, and peak MB of a command."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() - started > timeout:
                process.kill()
                os.wait4(process.pid, 0)
                raise RuntimeError(f"{Path(command[0]).name} took more than {timeout:.0f} s")
            time.sleep(0.05)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{Path(command[0]).name} failed: {said.read()[-600:]}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024


def theirs(folder: Path, timeout: float) -> tuple[float, float, float]:
    home = peer.python("meds_tab", PEER).parent
    codes = "[" + ",".join(f"'{code}/{kind}'" for code, *_ in hospital.measurements(CODES) for kind in ("code", "value")) + "]"
    common = [f"input_dir={folder / 'export' / 'data'}", f"output_dir={folder / 'theirs'}"]
    steps = [
        [str(home / "meds-tab-describe"), *common],
        [
            str(home / "meds-tab-tabularize-time-series"), *common, f"input_label_dir={folder / 'labels'}",
            f"tabularization.allowed_codes={codes}", f"tabularization.aggs=[{','.join(TAKES.values())}]",
            f"tabularization.window_sizes=[{','.join(WINDOWS)}]",
        ],
    ]  # fmt: skip
    taken = [timed(step, timeout) for step in steps]
    return sum(t[0] for t in taken), sum(t[1] for t in taken), max(t[2] for t in taken)


def measure(subjects: int, timeout: float, table: Table) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # Each step in a process of its own, the first too: what a process weighs when it starts another counts as the other's peak.
        this = [sys.executable, __file__, "--folder", str(folder), "--subjects", str(subjects), "--step"]
        timed([*this, "export"], timeout)
        files = [pq.read_metadata(p).num_rows for name in ("export/data", "labels") for p in [*(folder / name).rglob("*.parquet")]]
        events, rows = sum(files[: len(files) // 2]), sum(files[len(files) // 2 :])
        ingest, _, _ = timed([*this, "ingest"], timeout)
        cpu, wall, peak = timed([*this, "ours"], timeout)
        figures: dict[str, object] = {
            "subjects": subjects, "events": events, "rows": rows, "columns": len(inputs()),
            "seconds": round(cpu, 2), "wall_s": round(wall, 2), "ingest_s": round(ingest, 2), "peak_mb": round(peak),
            "ratio_time_vs_meds_tab": None, "ratio_memory_vs_meds_tab": None,
        }  # fmt: skip
        table.add_row(f"{events:,} events, {rows:,} rows", "consilium, features", f"{cpu:.1f}", f"{wall:.1f}", f"{peak:.0f}")
        table.add_row("", "consilium, ingest before it", f"{ingest:.1f}", "", "")
        try:
            their_cpu, their_wall, their_peak = theirs(folder, timeout)
            table.add_row("", PEER, f"{their_cpu:.1f}", f"{their_wall:.1f}", f"{their_peak:.0f}")
            figures |= {
                "ratio_time_vs_meds_tab": round(their_cpu / cpu, 2), "ratio_memory_vs_meds_tab": round(their_peak / peak, 2),
                "ratio_time_with_our_ingest": round(their_cpu / (cpu + ingest), 2),
                "meds_tab_seconds": round(their_cpu, 2), "meds_tab_wall_s": round(their_wall, 2), "meds_tab_peak_mb": round(their_peak),
            }  # fmt: skip
        except RuntimeError as error:
            table.add_row("", PEER, "-", "-", "failed")
            figures["meds_tab_error"] = str(error)
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, nargs="+", default=[500])
    parser.add_argument("--peer-timeout", type=float, default=900)
    parser.add_argument("--step", choices=("export", "ingest", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step(arguments.step, arguments.folder, arguments.subjects[0])
        return
    table = Table(title=f"Features: {len(inputs())} columns; {os.cpu_count()} cores shared with others")
    for column in ("", "", "processor s", "wall s", "peak MB"):
        table.add_column(column, justify="right" if column else "left")
    found = [measure(subjects, arguments.peer_timeout, table) for subjects in arguments.subjects]
    Console().print(table)
    print(json.dumps(found[0] | ({"larger": found[1:]} if len(found) > 1 else {}) | {"machine_shared": True}))


if __name__ == "__main__":
    main()
