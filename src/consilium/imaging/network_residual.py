"""Residual network: a small convolutional classifier of images, with numbers beside the image where there are some, and its ONNX.

It reads `X` float32 [n, channels, rows, columns] in [0, 1] (and `Z` float32 [n, k]) and gives `log_odds` float32 [n, answers], one
for each yes/no question put to the image. An exported ensemble averages log-odds over its members and over the image's mirror
images inside the graph, so that serving needs onnxruntime and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.convert import converted
from consilium.imaging.mirror import axes_of

if TYPE_CHECKING:
    import onnx
    import torch


def network(channels: int, answers: int, *, width: int = 32, stages: int = 3, beside: int = 0, drop: float = 0.2) -> torch.nn.Module:
    """A network with two residual blocks in each stage; every stage after the first halves the image and doubles the width.

    Parameters
    ----------
    channels, answers : int
        Of the image; questions.
    width, stages : int
        Filters of the first stage (doubled up to four times), and how many stages.
    beside : int
        How many numbers are given beside the image; they join before the last layer.
    drop : float
        Share of units dropped there while training.
    """
    import torch
    from torch import nn

    def step(given: int, out: int, stride: int = 1) -> nn.Module:
        return nn.Sequential(nn.Conv2d(given, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out))

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, given: int, out: int, stride: int) -> None:
            super().__init__()
            self.first, self.second = step(given, out, stride), step(out, out)
            short: list[nn.Module] = [nn.AvgPool2d(stride, ceil_mode=True)] if stride > 1 else []
            self.short = nn.Sequential(*short, *([nn.Conv2d(given, out, 1, bias=False)] if given != out else []))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.second(torch.relu(self.first(x))) + self.short(x))

    class Residual(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            blocks, given = [step(channels, width), nn.ReLU()], width
            for stage in range(stages):
                out = width * min(2**stage, 4)
                blocks += [Block(given, out, 2 if stage else 1), Block(out, out, 1)]
                given = out
            self.blocks = nn.Sequential(*blocks)
            self.drop = nn.Dropout(drop)
            self.last = nn.Linear(given + beside, answers)

        def forward(self, x: torch.Tensor, z: torch.Tensor | None = None) -> torch.Tensor:
            seen = self.drop(self.blocks(2 * x - 1).mean((2, 3)))
            return self.last(seen if z is None else torch.cat((seen, z), 1))

    return Residual()


def exported(members: Sequence[torch.nn.Module], image: tuple[int, int, int], *, beside: int = 0, mirrors: str = "") -> onnx.ModelProto:
    """The mean of an ensemble as one ONNX graph, compared with torch on drawn images before it is given.

    Parameters
    ----------
    members : sequence of networks of the same shape
    image : (channels, rows, columns)
        Rows and columns may differ when served where the networks allow it.
    beside : int
        Numbers beside the image.
    mirrors : str
        Over which mirror images answers are averaged: `h` (left and right exchanged), `hv` (also top and bottom), or none.

    Raises
    ------
    ModelError
        When the graph answers differently.
    """
    import torch
    from torch import nn

    class Mean(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.members = nn.ModuleList(members)

        def forward(self, x: torch.Tensor, z: torch.Tensor | None = None) -> torch.Tensor:
            views = [torch.flip(x, axes) if axes else x for axes in axes_of(mirrors)]
            told = [member(view, z) if z is not None else member(view) for member in self.members for view in views]
            return torch.stack(told).mean(0)

    draw = np.random.default_rng(0)
    given = {"X": torch.from_numpy(draw.random((3, *image), dtype=np.float32))}
    if beside:
        given["Z"] = torch.from_numpy(draw.normal(size=(3, beside)).astype(np.float32))
    return converted(Mean(), given, ["log_odds"], {name: {0: "n"} for name in (*given, "log_odds")}, bits=8)


def asked(graph: Any, x: NDArray[np.float32], z: NDArray[np.float32] | None = None, *, batch: int = 64) -> NDArray[np.float64]:
    """Log-odds (n, answers) of images (n, channels, rows, columns) in [0, 1], a batch at a time."""
    parts = []
    for start in range(0, len(x), batch):
        cut = slice(start, start + batch)
        given = {"X": np.ascontiguousarray(x[cut], np.float32), **({} if z is None else {"Z": np.ascontiguousarray(z[cut], np.float32)})}
        parts.append(graph.run(None, given)[0])
    return np.concatenate(parts).astype(np.float64)
