"""Time of one consultation: one patient of the example ward, all specialists, warm, from the record on disk to the Consultation.

    python benchmarks/consult.py [--patient ID] [--times 500]

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import consilium
from consilium.cli.verbs import example_ward
from consilium.council import consult
from consilium.knowledge import shelf
from consilium.specialists import roster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patient", default="", help="by default the one with the most events")
    parser.add_argument("--times", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        record = consilium.ingest(example_ward() / "*.json", Path(temporary) / "ward")
        ids = [patient_id for patient_id, _ in record.patients()]
        who = arguments.patient or max(ids, key=lambda i: record.patient(i).events.num_rows)
        seats, books = roster(), shelf()
        read, heard = [], []
        for _ in range(arguments.times + 20):
            started = time.perf_counter()
            patient = record.patient(who)
            between = time.perf_counter()
            consult(patient, roster=seats, shelf=books)
            read.append(between - started)
            heard.append(time.perf_counter() - started)
    read, heard = 1000 * np.array(read[20:]), 1000 * np.array(heard[20:])
    table = Table(title=f"{who}: {patient.events.num_rows} events, {len(seats.seated)} specialists, {arguments.times} times, warm (ms)")
    for column in ("", "median", "95th percentile", "worst"):
        table.add_column(column, justify="right" if column else "left")
    for name, times in (("read the patient", read), ("whole consultation", heard)):
        table.add_row(name, *(f"{v:.2f}" for v in (np.median(times), np.percentile(times, 95), times.max())))
    Console().print(table)
    print(json.dumps({"p50_ms": round(float(np.median(heard)), 3), "p95_ms": round(float(np.percentile(heard, 95)), 3)}))


if __name__ == "__main__":
    main()
