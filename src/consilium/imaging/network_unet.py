"""U-Net with answers: a small network that outlines what it looks for and answers questions about it from the same features; its ONNX.

It reads `X` float32 [n, channels, rows, columns] in [0, 1] (rows and columns multiples of 8) and gives `mask` float32 [n, 1, rows,
columns], log-odds of each pixel, and `log_odds` float32 [n, answers], from features pooled inside its own outline. Source: Ronneberger,
Fischer & Brox 2015, doi:10.1007/978-3-319-24574-4_28.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import ModelError
from consilium.imaging.network_residual import EQUAL, OPSET, halved
from consilium.models.odds import probability_of
from consilium.models.sealed import session

if TYPE_CHECKING:
    import onnx
    import torch

OUTPUTS = ("mask", "log_odds")
MULTIPLE = 8


def unet(channels: int, answers: int, *, width: int = 16, drop: float = 0.2) -> torch.nn.Module:
    """A U-Net of four levels; `width` filters at the first, doubled at each."""
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
            self.down = nn.ModuleList([twice(given, out) for given, out in zip([channels, *wide], wide, strict=False)])
            self.up = nn.ModuleList([twice(wide[level] + wide[level + 1], wide[level]) for level in (2, 1, 0)])
            self.outline = nn.Conv2d(width, 1, 1)
            self.drop = nn.Dropout(drop)
            self.last = nn.Linear(2 * wide[3] + width + 1, answers)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            kept: list[torch.Tensor] = []
            seen = 2 * x - 1
            for level, block in enumerate(self.down):
                seen = block(nn.functional.max_pool2d(seen, 2) if level else seen)
                kept.append(seen)
            deep = kept.pop()
            seen = deep
            for block in self.up:
                seen = block(torch.cat((kept.pop(), nn.functional.interpolate(seen, scale_factor=2.0, mode="nearest")), 1))
            mask = self.outline(seen)
            inside = torch.sigmoid(mask)
            area = inside.mean((2, 3))
            pooled = (seen * inside).mean((2, 3)) / (area + 1e-3)
            size = torch.log(area + 1e-3)
            told = self.last(self.drop(torch.cat((deep.mean((2, 3)), deep.amax((2, 3)), pooled, size), 1)))
            return mask, told

    return UNet()


def exported_unet(members: Sequence[torch.nn.Module], image: tuple[int, int, int], *, mirrors: str = "h") -> onnx.ModelProto:
    """An ensemble's mean log-odds of masks and answers, over mirror images, as one ONNX graph, compared with torch before it is given.

    Raises
    ------
    ModelError
        When the graph answers differently.
    """
    import onnx
    import torch
    from torch import nn

    axes = [(), *(((3,),) if "h" in mirrors else ()), *(((2,), (2, 3)) if "v" in mirrors else ())]

    class Mean(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.members = nn.ModuleList(members)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            masks, told = [], []
            for member in self.members:
                for axis in axes:
                    mask, answer = member(torch.flip(x, axis) if axis else x)
                    masks.append(torch.flip(mask, axis) if axis else mask)
                    told.append(answer)
            return torch.stack(masks).mean(0), torch.stack(told).mean(0)

    mean = Mean().float().eval()
    with torch.no_grad():
        for weight in mean.parameters():
            weight.copy_(weight.half().float())
        x = torch.from_numpy(np.random.default_rng(0).random((2, *image), dtype=np.float32))
        expected = [one.numpy() for one in mean(x)]
        file = io.BytesIO()
        names = ("X", *OUTPUTS)
        torch.onnx.export(
            mean, (x,), file, dynamo=False, opset_version=OPSET, input_names=["X"], output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "n"} if name == "log_odds" else {0: "n", 2: "rows", 3: "columns"} for name in names},
        )  # fmt: skip
    model = halved(onnx.load_model_from_string(file.getvalue()))
    found = outlined(session(model.SerializeToString(), set(OUTPUTS)), x.numpy())
    apart = max(float(np.abs(probability_of(found[k]) - probability_of(expected[k])).max()) for k in (0, 1))
    if not apart < EQUAL:
        raise ModelError("The exported network answers differently", found=apart, expected=f"less than {EQUAL}", do="report this")
    return model


def outlined(graph: Any, x: NDArray[np.float32], *, batch: int = 32) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Log-odds of pixels (n, 1, rows, columns) and of answers (n, answers) of images in [0, 1], a batch at a time."""
    parts = [graph.run(list(OUTPUTS), {"X": np.ascontiguousarray(x[i : i + batch], np.float32)}) for i in range(0, len(x), batch)]
    return np.concatenate([mask for mask, _ in parts]), np.concatenate([told for _, told in parts]).astype(np.float64)
