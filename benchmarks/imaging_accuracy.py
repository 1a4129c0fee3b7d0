"""Accuracy of the image specialists on official or held-out parts of public sets, beside published numbers.

    python benchmarks/imaging_accuracy.py --set breastmnist | pneumoniamnist | retinamnist | lidc | breast_ultrasound | ...

Each set is a module `imaging_accuracy_<set>.py` beside this one (the MedMNIST sets share one) whose `figures(data)` prints a table
for people and returns the figures; `data` is the folder given, or None for its own default. The sealed models are asked, nothing is
trained. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from functools import partial
from pathlib import Path

MEDMNIST = ("breastmnist", "pneumoniamnist", "retinamnist")
OWN = {path.stem.removeprefix("imaging_accuracy_") for path in Path(__file__).parent.glob("imaging_accuracy_*.py")} - {"medmnist"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=sorted({*MEDMNIST, *OWN}), required=True)
    parser.add_argument("--data", type=Path, help="folder of the data set, where it is not in ../shared/data")
    arguments = parser.parse_args()
    started = time.perf_counter()
    if arguments.set in MEDMNIST:
        figures = partial(importlib.import_module("imaging_accuracy_medmnist").figures, arguments.set)
    else:
        figures = importlib.import_module(f"imaging_accuracy_{arguments.set}").figures
    print(json.dumps({**figures(arguments.data), "seconds": round(time.perf_counter() - started, 1)}))


if __name__ == "__main__":
    main()
