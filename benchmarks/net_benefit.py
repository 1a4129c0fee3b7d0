"""Decision curves of two models over many patients, with bootstrap bands, against dcurves in an environment of its own.

    python benchmarks/net_benefit.py [--rows 100000] [--times 5]

`ratio_vs_dcurves` compares the same answer, curves without bands, since dcurves has none; `ratio_with_bands` sets ours with 1000
bootstrap draws against the same time of theirs. Both read the same arrays from memory and answer at the same 99
thresholds; each is warm, and the fastest of `--times` runs counts. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from peer import python
from rich.console import Console
from rich.table import Table

from consilium.validation import net_benefit

THEIRS = """
import json, sys, time
import numpy as np, pandas as pd
from dcurves import dca
from importlib.metadata import version
held = np.load(sys.argv[1]); thresholds = held["thresholds"]
frame = pd.DataFrame({"y": held["y"], "a": held["a"], "b": held["b"]})
best = float("inf")
for _ in range(int(sys.argv[2])):
    started = time.perf_counter()
    found = dca(data=frame, outcome="y", modelnames=["a", "b"], thresholds=thresholds)
    best = min(best, time.perf_counter() - started)
curve = {name: found[found["model"] == name].sort_values("threshold")["net_benefit"].tolist() for name in ("a", "b", "all")}
print(json.dumps({"seconds": best, "version": version("dcurves"), **curve}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    z = random.normal(-1.5, 1.2, arguments.rows)
    y = (random.random(arguments.rows) < 1 / (1 + np.exp(-z))).astype(int)
    a, b = (1 / (1 + np.exp(-(z + random.normal(0, s, arguments.rows)))) for s in (0.5, 1.5))
    thresholds = np.arange(1, 100) / 100
    best = float("inf")
    for _ in range(arguments.times):
        started = time.perf_counter()
        curves = [net_benefit(y, p, thresholds.tolist()) for p in (a, b)]
        best = min(best, time.perf_counter() - started)
    plain = float("inf")
    for _ in range(arguments.times):
        started = time.perf_counter()
        for p in (a, b):
            net_benefit(y, p, thresholds.tolist(), times=1)
        plain = min(plain, time.perf_counter() - started)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.npz"
        np.savez(file, y=y, a=a, b=b, thresholds=thresholds)
        command = [str(python("dcurves", "dcurves")), "-c", THEIRS, str(file), str(arguments.times)]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        sys.exit(told.stderr)
    theirs = json.loads(told.stdout.splitlines()[-1])
    apart = max(
        abs(point.model.value - other)
        for name, curve in zip("ab", curves, strict=True)
        for point, other in zip(curve, theirs[name], strict=True)
    )
    everybody = max(abs(point.treat_all - other) for point, other in zip(curves[0], theirs["all"], strict=True))
    table = Table(title=f"Decision curves, {arguments.rows:,} patients, 2 models, {len(thresholds)} thresholds")
    for column in ("", "seconds", "bands"):
        table.add_column(column)
    table.add_row("consilium", f"{best:.4f}", "1000 draws")
    table.add_row("consilium, without bands", f"{plain:.4f}", "none")
    table.add_row(f"dcurves {theirs['version']}", f"{theirs['seconds']:.4f}", "none")
    Console(stderr=True).print(table)
    figures = {
        "ratio_vs_dcurves": round(theirs["seconds"] / plain, 1), "ratio_with_bands": round(theirs["seconds"] / best, 1),
        "max_abs_diff": max(apart, everybody), "seconds": round(best, 4), "seconds_dcurves": round(theirs["seconds"], 4),
        "rows": arguments.rows,
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
