"""Make models as others make them (scikit-learn; PyTorch, where it is installed) on one half of a table, and keep the other half as yours.

python examples/own_model/make_models.py [folder]
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import numpy as np

COLUMNS = {"radius_worst": 20, "texture_mean": 1, "smoothness_worst": 24, "concave_points_mean": 7}
"""The card's inputs, and their columns in scikit-learn's table."""


def halves() -> tuple[list[str], list[str], list[str]]:
    """The table's header, the rows that models learn from, and the rows that are yours."""
    text = files("sklearn.datasets.data").joinpath("breast_cancer.csv").read_text(encoding="utf-8").splitlines()
    return text[:1], text[1::2], text[2::2]


def learned() -> tuple[np.ndarray, np.ndarray]:
    """What models learn from: X (n, 4) and y, 1 for malignant (the table says 0)."""
    rows = np.array([[float(cell) for cell in row.split(",")] for row in halves()[1]])
    return rows[:, list(COLUMNS.values())].astype(np.float32), (rows[:, -1] == 0).astype(np.int64)


def scikit_learn(path: Path) -> None:
    """A pipeline, exported with scikit-learn's usual label and ZipMap outputs."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = learned()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    path.write_bytes(to_onnx(model, X[:1]).SerializeToString())


def pytorch(path: Path) -> None:
    """A small network that gives logits."""
    import torch

    X, y = learned()
    torch.manual_seed(0)
    mean, spread = torch.tensor(X.mean(0)), torch.tensor(X.std(0))

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers((x - mean) / spread)

    network, target = Network(), torch.tensor(y, dtype=torch.float32)[:, None]
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(network(torch.tensor(X)), target).backward()
        optimiser.step()
    free = {0: torch.export.Dim("n")}
    export = torch.onnx.export(network.eval(), (torch.tensor(X[:4]),), dynamo=True, dynamic_shapes=(free,), verbose=False)
    export.save(str(path), external_data=False)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header, _, yours = halves()
    (folder / "breast_cancer.csv").write_text("\n".join([*header, *yours]) + "\n", encoding="utf-8")
    scikit_learn(folder / "scikit_learn.onnx")
    try:
        pytorch(folder / "pytorch.onnx")
    except ImportError as error:
        print(f"no PyTorch model: {error}", file=sys.stderr)
    print(f"written to {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "made"))
