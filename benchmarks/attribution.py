"""Attribution: exact Shapley values of a forest and a booster, one row and many, against shap's TreeExplainer on the same trees.

    python benchmarks/attribution.py [--rows 10000]

Both give path-dependent Shapley values (`feature_perturbation="tree_path_dependent"`) of the same fitted trees: of the forest's
probability and of the booster's log-odds. shap runs in its own environment; each side is timed on one thread in CPU seconds, best
of several tries, after its explainer was made and once used. The last line is one JSON object: `ratio_vs_shap` is the smaller of
the two ratios for many rows, `max_abs_diff` the largest difference of any value.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import joblib
import numpy as np
from peer import python
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer

from consilium.models import learner
from consilium.models.lookup import Lookup

TRIES = 5
SHAP = ("shap==0.51.0", "scikit-learn>=1.9,<1.10", "lightgbm>=4.7", "joblib")
THEIRS = """
import json, sys, time
import joblib, lightgbm, numpy as np, shap
folder, tries = sys.argv[1], int(sys.argv[2])
X, one = np.load(folder + "/X.npy"), np.load(folder + "/X.npy")[:1]
models = {"forest": joblib.load(folder + "/forest.joblib"), "boosting": lightgbm.Booster(model_file=folder + "/boosting.txt")}
told = {}
for name, model in models.items():
    started = time.process_time()
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    made = time.process_time() - started
    values = np.asarray(explainer.shap_values(X[:500]))
    np.save(folder + f"/{name}.npy", values[..., 1] if values.ndim == 3 else values)
    def best(rows, times):
        spent = []
        for _ in range(times):
            started = time.process_time()
            explainer.shap_values(rows)
            spent.append(time.process_time() - started)
        return min(spent)
    told[name] = {"make": made, "one": best(one, 20 * tries), "many": best(X, tries if len(X) < 2000 else 2)}
print(json.dumps(told))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    rows = parser.parse_args().rows
    X, y = load_breast_cancer(return_X_y=True)
    X = X.astype(np.float32)
    draw = np.random.default_rng(0)
    # Real rows, jittered, so that no row is asked twice.
    many = (X[draw.integers(len(X), size=rows)] * draw.normal(1, 0.05, size=(rows, X.shape[1]))).astype(np.float32)
    fitted = {name: learner(name).fit(X, y) for name in ("forest", "boosting")}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "X.npy", many.astype(np.float64))
        joblib.dump(fitted["forest"]._fitted, Path(folder) / "forest.joblib")
        fitted["boosting"]._fitted.save_model(Path(folder) / "boosting.txt")
        command = [str(python("shap", *SHAP)), "-W", "ignore", "-c", THEIRS, folder, str(TRIES)]
        told = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ""})
        theirs = json.loads(told.stdout.splitlines()[-1])
        values = {name: np.load(Path(folder) / f"{name}.npy") for name in fitted}
    table = Table(title=f"Shapley values of {rows:,} rows x {X.shape[1]} inputs, CPU microseconds a row")
    for column in ("trees", "rows", "consilium", "shap", "ratio", "largest difference"):
        table.add_column(column, justify="left" if column == "trees" else "right")
    figures: dict[str, float] = {}
    for name, model in fitted.items():
        started = time.process_time()
        tables = Lookup.of(model.trees_, X.shape[1])
        made = time.process_time() - started
        assert tables is not None
        apart = float(np.abs(tables.shapley(many[:500]) - values[name]).max())
        for size, asked in (("one", many[:1]), ("many", many)):
            own = best(tables, asked, 20 * TRIES if size == "one" else TRIES)
            ratio = theirs[name][size] / own
            figures[f"{name}_{size}_ratio"], figures[f"{name}_{size}_us_a_row"] = round(ratio, 1), round(own / len(asked) * 1e6, 1)
            cells = (f"{1e6 * s / len(asked):.1f}" for s in (own, theirs[name][size]))
            table.add_row(name, f"{len(asked):,}", *cells, f"{ratio:.1f}", f"{apart:.1e}")
        figures[f"{name}_make_s"], figures[f"{name}_max_abs_diff"] = round(made, 3), apart
        table.add_row(name, "make the explainer (s)", f"{made:.2f}", f"{theirs[name]['make']:.2f}", "", "")
    Console().print(table)
    worst = min(figures[f"{name}_many_ratio"] for name in fitted)
    apart = max(figures[f"{name}_max_abs_diff"] for name in fitted)
    print(json.dumps({"ratio_vs_shap": worst, "max_abs_diff": apart, "rows": rows, **figures}))


def best(tables: Lookup, rows: np.ndarray, tries: int) -> float:
    tables.shapley(rows)
    spent = []
    for _ in range(tries):
        started = time.process_time()
        tables.shapley(rows)
        spent.append(time.process_time() - started)
    return min(spent)


if __name__ == "__main__":
    main()
