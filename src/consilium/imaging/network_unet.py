"""U-Net with answers: a small network that outlines what it looks for and answers questions about it from the same features; its ONNX.

It reads `X` float32 [n, channels, rows, columns] in [0, 1] (rows and columns multiples of 8) and gives `mask` float32 [n, 1, rows,
columns], log-odds of each pixel, and `log_odds` float32 [n, answers], from features pooled inside its own outline. Source: Ronneberger,
Fischer & Brox 2015, doi:10.1007/978-3-319-24574-4_28.
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

OUTPUTS = ("mask", "log_odds")
MULTIPLE = 8


def unet(channels: int, answers: int, *, width: int = 16, drop: float = 0.2, fold: int = 1) -> torch.nn.Module:
    """A U-Net of four levels; `width` filters at the first, doubled at each; `fold` pixels, across and down, are read as one."""
    import torch
    from torch import nn

    def twice(given: int, out: int) -> nn.Module:
        def once(one: int) -> list[nn.Module]:
            return [nn.Conv2d(one, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]

        return nn.Sequential(*once(given), *once(out))

    class UNet(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            wide = [width * 2**level for level in range(4)]
            self.fold, self.unfold = nn.PixelUnshuffle(fold), nn.PixelShuffle(fold)
            self.down = nn.ModuleList([twice(given, out) for given, out in zip([channels * fold**2, *wide], wide, strict=False)])
            self.up = nn.ModuleList([twice(wide[level] + wide[level + 1], wide[level]) for level in (2, 1, 0)])
            self.outline = nn.Conv2d(width, fold**2, 1)
            self.drop = nn.Dropout(drop)
            self.last = nn.Linear(2 * wide[3] + width + 1, answers)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            kept: list[torch.Tensor] = []
            seen = self.fold(2 * x - 1)
            for level, block in enumerate(self.down):
                seen = block(nn.functional.max_pool2d(seen, 2) if level else seen)
                kept.append(seen)
            deep = kept.pop()
            seen = deep
            for block in self.up:
                seen = block(torch.cat((kept.pop(), nn.functional.interpolate(seen, scale_factor=2.0, mode="nearest")), 1))
            mask = self.outline(seen)
            inside = torch.sigmoid(mask).mean(1, keepdim=True)
            area = inside.mean((2, 3))
            pooled = (seen * inside).mean((2, 3)) / (area + 1e-3)
            size = torch.log(area + 1e-3)
            told = self.last(self.drop(torch.cat((deep.mean((2, 3)), deep.amax((2, 3)), pooled, size), 1)))
            return self.unfold(mask), told

    return UNet()


def exported_unet(members: Sequence[torch.nn.Module], image: tuple[int, int, int], *, mirrors: str = "h") -> onnx.ModelProto:
    """An ensemble's mean log-odds of masks and answers, over mirror images, as one ONNX graph, compared with torch before it is given.

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

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            masks, told = [], []
            for member in self.members:
                for axes in axes_of(mirrors):
                    mask, answer = member(torch.flip(x, axes) if axes else x)
                    masks.append(torch.flip(mask, axes) if axes else mask)
                    told.append(answer)
            return torch.stack(masks).mean(0), torch.stack(told).mean(0)

    given = {"X": torch.from_numpy(np.random.default_rng(0).random((2, *image), dtype=np.float32))}
    free = {name: {0: "n"} if name == "log_odds" else {0: "n", 2: "rows", 3: "columns"} for name in ("X", *OUTPUTS)}
    return converted(Mean(), given, OUTPUTS, free, bits=16)


def outlined(graph: Any, x: NDArray[np.float32], *, batch: int = 32) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Log-odds of pixels (n, 1, rows, columns) and of answers (n, answers) of images in [0, 1], a batch at a time."""
    parts = [graph.run(list(OUTPUTS), {"X": np.ascontiguousarray(x[i : i + batch], np.float32)}) for i in range(0, len(x), batch)]
    return np.concatenate([mask for mask, _ in parts]), np.concatenate([told for _, told in parts]).astype(np.float64)
