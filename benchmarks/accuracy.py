"""Accuracy on public data sets, beside published numbers; each set is a module `accuracy_<set>.py` beside this one.

    python benchmarks/accuracy.py --set wdbc
    python benchmarks/accuracy.py --set heart [--data ../shared/data/uci_heart]

A module has `figures(data)`: it prints a table for people and returns the figures; `data` is the folder given, or None for its own
default. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path

SETS = sorted(path.stem.removeprefix("accuracy_") for path in Path(__file__).parent.glob("accuracy_*.py"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--data", type=Path, help="folder of the data set, where it is not in ../shared/data")
    arguments = parser.parse_args()
    started = time.perf_counter()
    figures = importlib.import_module(f"accuracy_{arguments.set}").figures(arguments.data)
    print(json.dumps({**figures, "seconds": round(time.perf_counter() - started, 1)}))


if __name__ == "__main__":
    main()
