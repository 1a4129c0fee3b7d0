"""Whether Spark gives the numbers that this machine gives: the same features of an invented hospital by both engines, compared.

    python benchmarks/spark_equal.py [--subjects 2000]

Compared are every value, and where nothing was observed, of the matrix of `hospital_scale.py`, and every event carried through Spark and
back. Spark runs on this machine with two threads; its seconds include starting it, which its own column shows.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
import hospital
from hospital_scale import inputs, question


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=2_000)
    arguments = parser.parse_args()
    import consilium
    from consilium.core.errors import ExtraError
    from consilium.record import features_of, matrix, over_shards
    from consilium.record.spark import session_of

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        hospital.write(folder / "export", arguments.subjects)
        record = consilium.ingest(folder / "export", folder / "record")
        started = time.perf_counter()
        here, here_rows = matrix(features_of(record, inputs(), question(), folder / "local", workers=2), inputs())
        local = time.perf_counter() - started
        started = time.perf_counter()
        try:
            session_of(2)
        except ExtraError as error:
            sys.exit(str(error))
        begun = time.perf_counter() - started
        there, there_rows = matrix(features_of(record, inputs(), question(), folder / "spark", workers=2, engine="spark"), inputs())
        spark = time.perf_counter() - started
        assert here_rows.equals(there_rows), "Spark asked about others"
        same_holes = bool(np.array_equal(np.isnan(here), np.isnan(there)))
        apart = np.abs(np.nan_to_num(here).astype(np.float64) - np.nan_to_num(there))
        carried = partial(pa.Table.slice, offset=0)
        bits = all(
            a.schema.equals(b.schema) and a.equals(b) and a["numeric_value"].to_numpy().tobytes() == b["numeric_value"].to_numpy().tobytes()
            for a, b in zip(record.events(), over_shards(carried, record, engine="spark"), strict=True)
        )
    title = (
        f"{here.shape[0]:,} rows of {here.shape[1]} features, {arguments.subjects:,} patients; {os.cpu_count()} cores shared with others"
    )
    table = Table(title=title)
    for column in ("", "seconds", "of which starting", "bit for bit"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("this machine, 2 processes", f"{local:.1f}", "", "")
    identical = here.tobytes() == there.tobytes()
    table.add_row("Spark, 2 threads", f"{spark:.1f}", f"{begun:.1f}", "yes" if identical and bits else "no")
    Console().print(table)
    figures = {
        "max_abs_diff": float(apart.max()) if same_holes else None, "bit_for_bit": identical, "events_bit_for_bit": bits,
        "seconds_local": round(local, 2), "seconds_spark": round(spark, 2), "seconds_spark_start": round(begun, 2),
        "rows": here.shape[0], "columns": here.shape[1], "machine_shared": True,
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
