"""Lesion network: a U-Net from a large image to outlines of several things that are small and rare in it, and its ONNX.

It reads `X` float32 [n, channels, rows, columns] and gives `log_odds` float32 [n, outlines, rows, columns]; rows and columns must be
multiples of `fold * 2 ** (depth - 1)`. With `fold` 2 four neighbouring pixels are read as channels of one and given back as four,
which costs a quarter and loses little. Source: Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28; folding, Shi et al. 2016,
doi:10.1109/CVPR.2016.207.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.convert import converted
from consilium.models.odds import probability_of

if TYPE_CHECKING:
    import onnx
    import torch


def lesion_unet(channels: int, outlines: int, *, width: int = 16, depth: int = 4, fold: int = 1) -> torch.nn.Module:
    """A U-Net of two convolutions a level.

    Parameters
    ----------
    channels, outlines : int
        Of the image; things outlined.
    width, depth : int
        Filters of the first level, doubled at each further one; how many levels.
    fold : int
        How many pixels, across and down, are read as one.
    """
    import torch
    from torch import nn

    def level(given: int, out: int) -> nn.Module:
        steps = []
        for size in (given, out):
            steps += [nn.Conv2d(size, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        return nn.Sequential(*steps)

    class Net(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            wide = [width * 2**k for k in range(depth)]
            self.fold, self.unfold = nn.PixelUnshuffle(fold), nn.PixelShuffle(fold)
            self.down = nn.ModuleList(level(a, b) for a, b in zip([channels * fold**2, *wide[:-1]], wide, strict=True))
            self.up = nn.ModuleList(level(wide[k + 1] + wide[k], wide[k]) for k in reversed(range(depth - 1)))
            self.last = nn.Conv2d(width, outlines * fold**2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x, kept = self.fold(x), []
            for number, step in enumerate(self.down):
                x = step(x)
                if number < len(self.down) - 1:
                    kept.append(x)
                    x = nn.functional.max_pool2d(x, 2)
            for step in self.up:
                x = step(torch.cat((nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"), kept.pop()), 1))
            return self.unfold(self.last(x))

    return Net()


def exported_outlines(members: Sequence[tuple[torch.nn.Module, Sequence[int | None]]], image: tuple[int, int, int]) -> onnx.ModelProto:
    """Several networks as one ONNX graph, compared with torch on a drawn image before it is given.

    Parameters
    ----------
    members : sequence of (network, places)
        `places` says, for each outline of the graph, which of the network's own it is, or None where the network is not asked;
        the log-odds of an outline are the mean over those that are.
    image : (channels, rows, columns)
        For the comparison; other rows and columns may be served.

    Raises
    ------
    ModelError
        When the graph answers differently.
    """
    import torch
    from torch import nn

    class Joined(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.members = nn.ModuleList(network for network, _ in members)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            told = [member(x) for member in self.members]
            planes = []
            for outline in range(len(members[0][1])):
                asked = [one[:, at] for one, (_, places) in zip(told, members, strict=True) if (at := places[outline]) is not None]
                planes.append(torch.stack(asked).mean(0))
            return torch.stack(planes, 1)

    given = {"X": torch.from_numpy(np.random.default_rng(0).normal(size=(2, *image)).astype(np.float32))}
    free = {name: {0: "n", 2: "rows", 3: "columns"} for name in ("X", "log_odds")}
    return converted(Joined(), given, ["log_odds"], free, bits=16)


def outlined(graph: Any, x: NDArray[np.float32], *, multiple: int) -> NDArray[np.float32]:
    """Probabilities (outlines, rows, columns) of one image (channels, rows, columns), whose edges are padded with zeros to the multiple."""
    rows, columns = x.shape[1:]
    padded = np.pad(x, ((0, 0), (0, -rows % multiple), (0, -columns % multiple)))
    told = graph.run(None, {"X": np.ascontiguousarray(padded[None], np.float32)})[0][0, :, :rows, :columns]
    return probability_of(told).astype(np.float32)
