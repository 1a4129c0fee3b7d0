"""Time to answer one patient, as served by onnxruntime on one thread, against the libraries that trained: a network over a series one
step at a time (and the whole series at once) against torch, a forest and a booster against scikit-learn and LightGBM.

    python benchmarks/serving.py [--times 300]

The networks have 64 units over 48 steps of 40 channels; the forest and the booster are the learners' defaults on 30 inputs. All medians
over single calls, in the same process and taken in turns, so that what else the machine does falls on all alike. The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

from consilium.models import learner
from consilium.models.calibration import Calibration
from consilium.models.grid import Grid
from consilium.models.seal import seal, seal_stream
from consilium.models.sequence_training import Course, _Net
from consilium.models.served import ServedModel
from consilium.models.stream import Stream
from consilium.models.uncertainty import fit_intervals

GRID = Grid(fixed=4, steps=48, channels=40)
UNITS, ROWS = 64, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    table = Table(title="One patient, one thread: median of single calls (ms)")
    for column in ("model", "served here", "the library that trained", "ratio"):
        table.add_column(column, justify="left" if column == "model" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for name, asks in (("lstm", series(Path(folder), "lstm")), ("gru", series(Path(folder), "gru")), ("forest", forest(Path(folder)))):
            times = medians(asks, arguments.times)
            for ours, theirs, key in pairs(name):
                figures[key] = round(times[ours], 4)
                figures[key.replace("_ms", "_peer_ms")] = round(times[theirs], 4)
                figures[key.replace("_ms", "_ratio")] = round(times[theirs] / times[ours], 1)
                table.add_row(key, f"{times[ours]:.3f}", f"{times[theirs]:.3f}", f"{times[theirs] / times[ours]:.1f}")
    Console().print(table)
    print(json.dumps(figures))


def pairs(name: str) -> list[tuple[str, str, str]]:
    if name == "forest":
        return [("served", "library", "forest_ms")]
    return [("step", "torch step", f"{name}_ms_per_step"), ("served", "torch whole", f"{name}_ms_whole_series")]


def medians(asks: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Median milliseconds of each, taken in turns after ten unmeasured rounds."""
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(times + 10):
        for name, ask in asks.items():
            started = time.perf_counter()
            ask()
            if number >= 10:
                taken[name].append(1000 * (time.perf_counter() - started))
    return {name: float(np.median(values)) for name, values in taken.items()}


def series(folder: Path, kind: str) -> dict[str, Callable[[], object]]:
    draw = np.random.default_rng(0)
    X = draw.normal(size=(ROWS, GRID.width)).astype(np.float32)
    X[draw.random(X.shape) < 0.6] = np.nan
    y = (np.nan_to_num(X[:, 0]) + draw.normal(size=ROWS) > 0).astype(int)
    fitted = learner(kind, steps=GRID.steps, fixed=GRID.fixed, units=UNITS, epochs=1).fit(X, y)
    names = [f"input {n}" for n in range(GRID.width)]
    given = {"calibration": Calibration(), "X_train": X, "card": "example", "version": "1"}
    interval = fit_intervals(fitted.log_odds(X), y)
    sha = seal(fitted, folder / f"{kind}.onnx", names=names, units=["1"] * len(names), interval=interval, grid=GRID, **given)
    channels = [f"channel {n}" for n in range(GRID.channels)]
    seal_stream(fitted, folder / f"{kind}-stream.onnx", fixed=names[: GRID.fixed], channels=channels, model_sha256=sha, **given)
    served, stream = ServedModel.load(folder / f"{kind}.onnx"), Stream.load(folder / f"{kind}-stream.onnx")
    net = _Net(kind, GRID.steps, 3 * GRID.channels, 2 * GRID.fixed, Course(UNITS, 1, 1, 1, 0.1, 0.1, 0.0, 0.5, 0)).eval()
    seen = fitted.net_.see(X[:1])
    z, live, fixed = (torch.tensor(part, dtype=torch.float32) for part in (seen.z, seen.live, seen.fixed))
    moving, still, state = X[:1, GRID.fixed : GRID.fixed + GRID.channels], X[:1, : GRID.fixed], stream.begin()
    hidden = torch.zeros(1, 1, UNITS)
    carried = (hidden, hidden) if kind == "lstm" else hidden

    def torch_step() -> object:
        """What torch does of the same step; preparing the input (values, masks, gaps), which the served step does too, is left out."""
        with torch.inference_mode():
            out, _ = net.units(z[:, :1], carried)
            return net.head(torch.cat([out[:, 0], fixed], dim=1))

    def torch_whole() -> object:
        with torch.inference_mode():
            return net(z, live, fixed)

    return {
        "step": lambda: stream.step(state, moving, still),
        "torch step": torch_step,
        "served": lambda: served.log_odds(X[:1]),
        "torch whole": torch_whole,
    }


def forest(folder: Path) -> dict[str, Callable[[], object]]:
    data = load_breast_cancer()
    X, y = data.data.astype(np.float32), data.target
    fitted = learner("forest").fit(X, y)
    interval = fit_intervals(fitted.log_odds(X), y)
    given = {"calibration": Calibration(), "X_train": X, "card": "example", "version": "1"}
    units = ["1"] * X.shape[1]
    seal(fitted, folder / "forest.onnx", names=list(data.feature_names), units=units, interval=interval, **given)
    served = ServedModel.load(folder / "forest.onnx")
    peer = RandomForestClassifier(fitted.n_estimators, n_jobs=1, random_state=0).fit(X, y)
    return {"served": lambda: served.log_odds(X[:1]), "library": lambda: peer.predict_proba(X[:1])}


if __name__ == "__main__":
    main()
