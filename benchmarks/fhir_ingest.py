"""Speed of reading FHIR R4: bundles to events, beside fhir.resources (R4B) on the same files and beside bare JSON parsing.

    python benchmarks/fhir_ingest.py [--data FOLDER] [--times 3]

`fhir.resources` parses and validates each bundle whole and stops there; consilium parses, finds patients, codes, times and units, and
writes columns of events, naming what it does not read. Each runs in one thread; what counts is processor time (the machine may be
shared), the best of several times, reading the file from disk (warm) included. orjson runs without Python's search for cycles, as our
reader does; the peer as its authors ship it. A resource is an entry of a bundle, read or not.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
import peer

PEER = "fhir.resources==8.3.0"
THEIRS = """
import json, sys, time
from fhir.resources.R4B.bundle import Bundle
files = json.loads(sys.stdin.read())
Bundle.model_validate_json(open(files[0], "rb").read())
best = None
for _ in range(int(sys.argv[1])):
    started, resources, refused = time.process_time(), 0, 0
    for file in files:
        try:
            resources += len(Bundle.model_validate_json(open(file, "rb").read()).entry)
        except ValueError:
            refused += 1
    seconds = time.process_time() - started
    best = min(best or seconds, seconds)
print(json.dumps({"resources": resources, "refused": refused, "seconds": best}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "synthea_fhir_r4")
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for archive in arguments.data.glob("*.zip"):
            zipfile.ZipFile(archive).extractall(temporary)
        home = Path(temporary) if any(Path(temporary).iterdir()) else arguments.data
        files = [p for p in sorted(home.rglob("*.json")) if b'"Bundle"' in p.read_bytes()[:4096]]
        if not files:
            sys.exit(f"There are no FHIR bundles in {arguments.data}: give their folder with --data")
        measure(files, arguments.times)


def measure(files: list[Path], times: int) -> None:
    import orjson

    from consilium.sources import fhir

    def ours() -> tuple[int, int]:
        batches = [(batch.rows, batch.events.num_rows) for file in files for batch in fhir.read(file)]
        return sum(rows for rows, _ in batches), sum(events for _, events in batches)

    def bare() -> int:
        gc.disable()  # as our reader does: with it the search for cycles would take most of the time, and flatter us
        try:
            return sum(len(orjson.loads(file.read_bytes())["entry"]) for file in files)
        finally:
            gc.enable()

    resources, events = ours()
    seconds, parsing = best(ours, times), best(bare, times)
    figures: dict[str, object] = {
        "resources_per_s": round(resources / seconds), "ratio_vs_json_parse": round(parsing / seconds, 3), "ratio_vs_fhir_resources": None,
        "resources": resources, "events": events, "megabytes": round(sum(f.stat().st_size for f in files) / 1e6, 1), "machine_shared": True,
    }  # fmt: skip
    table = Table(title=f"{len(files)} bundles, {resources:,} resources, one thread, best of {times}, processor time")
    for column in ("", "seconds", "resources/s"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("orjson alone", f"{parsing:.2f}", f"{resources / parsing:,.0f}")
    table.add_row(f"consilium, to {events:,} events", f"{seconds:.2f}", f"{resources / seconds:,.0f}")
    try:
        command = [str(peer.python("fhir", PEER)), "-c", THEIRS, str(times)]
        told = subprocess.run(command, input=json.dumps([str(f) for f in files]), capture_output=True, text=True, check=True)
        theirs = json.loads(told.stdout.splitlines()[-1])
        figures["ratio_vs_fhir_resources"] = round((resources / seconds) / (theirs["resources"] / theirs["seconds"]), 2)
        name = f"{PEER}, parse and validate" + (f" ({theirs['refused']} bundles refused)" if theirs["refused"] else "")
        table.add_row(name, f"{theirs['seconds']:.2f}", f"{theirs['resources'] / theirs['seconds']:,.0f}")
    except (RuntimeError, subprocess.CalledProcessError) as error:
        figures["peer_error"] = str(error)
    Console().print(table)
    print(json.dumps(figures))


def best(act: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.process_time()
        act()
        taken.append(time.process_time() - started)
    return min(taken)


if __name__ == "__main__":
    main()
