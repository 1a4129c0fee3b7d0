"""Cohorts from ACES task files, against `es-aces`: the same labels, row by row, and the time and memory that both took.

    python benchmarks/aces_equal.py [--events 5000000] [--data ../shared/data/meds_samples/meds_samples.zip]

Three data sets: the ACES sample as it is (100 synthetic subjects), ten copies of it with invented deaths (the sample has none), and
a generated one in shards of a million events. Both sides read the same parquet files, a process each for all tasks; time is
from the task file and the shards to the written labels, without imports; memory is the process's peak. The last line is one JSON object,
whose seconds and megabytes are those of the generated set.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
TASKS = sorted((ROOT / "tests" / "record" / "tasks").glob("*.yaml"))
PEER = ROOT / ".bench" / "aces"
VERSION = "0.7.3"
SHARD = 1_000_000

PEER_SIDE = """
import json, logging, sys, time, warnings
from pathlib import Path
warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
import pyarrow.parquet as pq
from omegaconf import DictConfig
from aces import config, predicates, query
from aces.run import get_and_validate_label_schema
def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
out, data, tasks = Path(sys.argv[1]), sorted(Path(sys.argv[2]).rglob("*.parquet")), [Path(t) for t in sys.argv[3:]]
spent = {}
for task in tasks:
    started = time.perf_counter()
    (out / task.stem).mkdir()
    for n, shard in enumerate(data):
        cfg = config.TaskExtractorConfig.load(task)
        found = query.query(cfg, predicates.get_predicates_df(cfg, DictConfig({"path": str(shard), "standard": "meds"})))
        if len(found):
            names = {"index_timestamp": "prediction_time", "label": "boolean_value"}
            pq.write_table(get_and_validate_label_schema(found.rename(names)), out / task.stem / f"{n}.parquet")
    spent[task.stem] = time.perf_counter() - started
print(json.dumps({"seconds": spent, "peak_mb": peak()}))
"""


def our_side(out: Path, data: Path, tasks: list[Path]) -> None:
    from consilium.record.aces import label, read_task

    spent = {}
    for task in tasks:
        started = time.perf_counter()
        label(data, read_task(task), out / task.stem)
        spent[task.stem] = time.perf_counter() - started
    print(json.dumps({"seconds": spent, "peak_mb": peak()}))


def peak() -> float:
    """Most memory this process has held, in MB; `getrusage` would count the parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--data", type=Path, default=ROOT / ".." / "shared" / "data" / "meds_samples" / "meds_samples.zip")
    parser.add_argument("--ours", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ours:
        out, data, *tasks = map(Path, arguments.ours)
        return our_side(out, data, tasks)
    peer = install()
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{len(TASKS)} ACES tasks: consilium and es-aces {VERSION}")
    for column in ("data", "events", "task", "labels", "positive", "equal", "s", "s es-aces"):
        table.add_column(column, justify="left" if column in ("data", "task", "equal") else "right")
    equal = dict.fromkeys([task.stem for task in TASKS], True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, (data, events) in data_sets(arguments.data, folder, arguments.events).items():
            ours, theirs = (folder / f"{name} {side}" for side in ("ours", "theirs"))
            mine = side([sys.executable, __file__, "--ours"], ours, data)
            other = side([str(peer), "-c", PEER_SIDE], theirs, data)
            for task in equal:
                here, there = (ordered(where / task) for where in (ours, theirs))
                same = here.equals(there)
                equal[task] &= same
                positive = int(pc.sum(here["boolean_value"]).as_py() or 0)
                times = (f"{s['seconds'][task]:.2f}" for s in (mine, other))
                table.add_row(name, f"{events:,}", task, f"{here.num_rows:,}", f"{positive:,}", "yes" if same else "NO", *times)
            total = [sum(s["seconds"].values()) for s in (mine, other)]
            peak = [s["peak_mb"] for s in (mine, other)]
            table.add_row(name, f"{events:,}", "all", "", "", "", *(f"{t:.2f}" for t in total), style="bold", end_section=False)
            table.add_row("", "", "peak memory (MB)", "", "", "", *(f"{p:.0f}" for p in peak), style="bold", end_section=True)
    Console(width=140).print(table)
    said = {"tasks": len(equal), "equal": sum(equal.values()), "seconds": total[0], "seconds_aces": total[1]}
    print(json.dumps({**said, "peak_mb": peak[0], "peak_mb_aces": peak[1]}))


def side(command: list[str], out: Path, data: Path) -> dict[str, object]:
    """Run one side over one data set."""
    out.mkdir()
    done = subprocess.run([*command, str(out), str(data), *map(str, TASKS)], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def ordered(folder: Path) -> pa.Table:
    """Labels by subject and time, with what both sides say; `es-aces` leaves `integer_value` null, and its rows unsorted."""
    names = ["subject_id", "prediction_time", "boolean_value"]
    tables = [pq.read_table(shard, columns=names) for shard in sorted(folder.rglob("*.parquet"))]
    return pa.concat_tables(tables).sort_by([(name, "ascending") for name in names]).combine_chunks()


def install() -> Path:
    """The Python of the peer's own environment."""
    python = PEER / "bin" / "python"
    if not python.exists():
        venv.create(PEER, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"es-aces=={VERSION}"], check=True)
    return python


def data_sets(archive: Path, folder: Path, events: int) -> dict[str, tuple[Path, int]]:
    """Folders of parquet files, and how many events each holds."""
    zipfile.ZipFile(archive).extractall(folder)
    sample = folder / "aces_sample_data" / "meds_sample"
    whole = pa.concat_tables([pq.read_table(shard) for shard in sorted(sample.rglob("*.parquet"))])
    subjects = int(pc.max(whole["subject_id"]).as_py()) + 1
    copies = [whole.set_column(0, "subject_id", pc.add(whole["subject_id"], n * subjects)) for n in range(10)]
    tenfold = with_deaths(pa.concat_tables(copies))
    (folder / "tenfold").mkdir()
    pq.write_table(tenfold, folder / "tenfold" / "0.parquet")
    (folder / "generated").mkdir()
    number = 0
    for n in range(max(1, round(events / SHARD))):
        shard = generated(min(events, SHARD), n)
        pq.write_table(shard, folder / "generated" / f"{n}.parquet")
        number += shard.num_rows
    return {
        "sample": (sample, whole.num_rows),
        "sample x 10 with deaths": (folder / "tenfold", tenfold.num_rows),
        "generated": (folder / "generated", number),
    }


def with_deaths(events: pa.Table) -> pa.Table:
    """Every fifth subject dies at the last moment of the record."""
    last = events.group_by("subject_id").aggregate([("time", "max")])
    last = last.filter(pc.equal(pc.bit_wise_and(last["subject_id"], 3), 0))
    deaths = pa.table(
        {
            "subject_id": last["subject_id"],
            "time": last["time_max"],
            "code": pa.array(["MEDS_DEATH"] * last.num_rows, events.schema.field("code").type),
            "numeric_value": pa.nulls(last.num_rows, events.schema.field("numeric_value").type),
        }
    )
    return pa.concat_tables([events, deaths.cast(events.schema)]).sort_by([("subject_id", "ascending"), ("time", "ascending")])


def generated(events: int, seed: int) -> pa.Table:
    """A shard like the sample: stays of a few days with measurements about every 20 minutes, a year and more apart."""
    rng = np.random.default_rng(seed)
    stays = max(1, events // 150)
    per = np.maximum(rng.poisson(145, stays), 8)
    subject = np.sort(rng.integers(0, max(1, stays // 3), stays))
    minute, day = 60_000_000, 86_400_000_000
    begins = rng.integers(14_000, 18_000, stays) * day + rng.integers(0, 24 * 60, stays) * minute
    lasts = (rng.gamma(2.0, 2.0, stays) * day).astype(np.int64) // minute * minute
    owner = np.repeat(np.arange(stays), per)
    when = begins[owner] + (rng.random(len(owner)) * lasts[owner]).astype(np.int64) // (5 * minute) * (5 * minute)
    measured = np.array(["LAB//SpO2", "TEMP", "HR", "LAB//potassium", "LAB//creatinine", *(f"LAB//GCS__EQ_{n}" for n in range(1, 16))])
    weights = np.array([0.3, 0.25, 0.24, 0.05, 0.05, *[0.11 / 15] * 15])
    code = rng.choice(len(measured), len(owner), p=weights)
    wards = rng.integers(0, 3, stays)
    ward = np.array(["CARDIAC", "PULMONARY", "ORTHOPEDIC"])[wards]
    people = np.unique(subject)
    dies = np.flatnonzero(rng.random(stays) < 0.08)
    parts = [
        (subject[owner], when, measured[code], np.where(code < 5, rng.normal(size=len(owner)), np.nan)),
        (subject, begins, np.char.add("ADMISSION//", ward), np.full(stays, np.nan)),
        (subject, begins + lasts, np.char.add("DISCHARGE//", ward), np.full(stays, np.nan)),
        (subject[dies], (begins + lasts)[dies], np.full(len(dies), "MEDS_DEATH"), np.full(len(dies), np.nan)),
        (people, np.full(len(people), -1), np.where(people % 2 == 0, "SEX//male", "SEX//female"), np.full(len(people), np.nan)),
    ]
    who, times, codes, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    by = np.lexsort((times, who))
    return pa.table(
        {
            "subject_id": pa.array(who[by] + seed * 10_000_000),
            "time": pa.array(times[by], pa.timestamp("us"), mask=times[by] < 0),
            "code": pa.array(codes[by]),
            "numeric_value": pa.array(values[by], pa.float32(), from_pandas=True),
        }
    )


if __name__ == "__main__":
    main()
