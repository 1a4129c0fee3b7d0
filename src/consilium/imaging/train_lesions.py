"""Training of a U-Net on patches of a few large images, on which what it looks for is rare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.network_lesions import lesion_unet

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Recipe:
    """How it is trained.

    Parameters
    ----------
    steps, batch, patch : int
        Steps, patches a step, and pixels across a patch.
    rate, decay : float
        Greatest learning rate of one cycle, and weight decay, of AdamW.
    width, depth, fold : int
        Of the network.
    at : tuple of float
        Share of the patches that are drawn around a pixel of each outline; the rest is drawn anywhere.
    heavier : tuple of float
        How many times a pixel of each outline weighs as much as one outside it.
    """

    steps: int = 1100
    batch: int = 8
    patch: int = 256
    rate: float = 3e-3
    decay: float = 1e-2
    width: int = 16
    depth: int = 4
    fold: int = 2
    at: tuple[float, ...] = field(default=(0.24, 0.21, 0.15, 0.11, 0.04))
    heavier: tuple[float, ...] = field(default=(6.0, 3.0, 3.0, 3.0, 1.0))


def train_lesions(
    planes: Sequence[NDArray[np.float32]],
    outlines: Sequence[NDArray[np.bool_]],
    fields: Sequence[NDArray[np.bool_]],
    recipe: Recipe,
    *,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> torch.nn.Module:
    """Train one network.

    Parameters
    ----------
    planes : sequence of arrays of shape (channels, rows, columns)
        Images, each at least a patch in both directions.
    outlines : sequence of arrays of shape (outlines, rows, columns)
    fields : sequence of arrays of shape (rows, columns)
        Where an answer counts.
    say : function
        Told of the loss from time to time.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = lesion_unet(len(planes[0]), len(outlines[0]), width=recipe.width, depth=recipe.depth, fold=recipe.fold)
    net = net.to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps, pct_start=0.15)
    places = [[np.argwhere(one) for one in image] for image in outlines]
    there = [[i for i, image in enumerate(places) if len(image[k])] for k in range(len(outlines[0]))]
    heavier = torch.tensor(recipe.heavier, device=device)[None, :, None, None]
    running = 0.0
    for step in range(recipe.steps):
        drawn = [_patch(planes, outlines, fields, places, there, recipe, draw) for _ in range(recipe.batch)]
        x, y, inside = (torch.from_numpy(np.stack(part)).to(device) for part in zip(*drawn, strict=True))
        with torch.autocast(device, torch.bfloat16):
            said = net(x.contiguous(memory_format=torch.channels_last))
        said = said.float()
        each = nn.functional.binary_cross_entropy_with_logits(said, y, reduction="none", pos_weight=heavier)
        p = torch.sigmoid(said)
        both, sizes = (p * y).sum((0, 2, 3)), (p + y).sum((0, 2, 3))
        loss = 4 * (each * inside[:, None]).mean() + 0.5 * (1 - (2 * both + 1) / (sizes + 1)).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        running = 0.98 * running + 0.02 * float(loss.detach())
        if step % 50 == 49:
            say(f"step {step + 1} of {recipe.steps}, loss {running / (1 - 0.98 ** (step + 1)):.3f}")
    finished: torch.nn.Module = net.to("cpu").float().eval()
    return finished


def _patch(
    planes: Sequence[NDArray[np.float32]],
    outlines: Sequence[NDArray[np.bool_]],
    fields: Sequence[NDArray[np.bool_]],
    places: Sequence[Sequence[NDArray[np.int64]]],
    there: Sequence[Sequence[int]],
    recipe: Recipe,
    draw: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """A patch of an image, turned and mirrored at random, its contrast and light changed a little; its outlines and field likewise."""
    size = recipe.patch
    kind = int(np.searchsorted(np.cumsum(recipe.at), draw.random(), side="right"))
    if kind < len(recipe.at) and there[kind]:
        i = int(draw.choice(there[kind]))
        around = places[i][kind][draw.integers(len(places[i][kind]))]
        start = [int(a - draw.integers(size)) for a in around]
    else:
        i = int(draw.integers(len(planes)))
        start = [int(draw.integers(max(n - size, 0) + 1)) for n in planes[i].shape[1:]]
    top, left = (int(np.clip(s, 0, n - size)) for s, n in zip(start, planes[i].shape[1:], strict=True))
    turn, mirror = int(draw.integers(4)), slice(None, None, -1 if draw.random() < 0.5 else 1)

    def cut(array: NDArray[np.generic]) -> NDArray[np.float32]:
        part = np.rot90(array[..., top : top + size, left : left + size], turn, (-2, -1))[..., mirror]
        return np.ascontiguousarray(part, np.float32)

    light = draw.normal(0, 0.08, (len(planes[i]), 1, 1))
    x = (cut(planes[i]) * draw.uniform(0.8, 1.25) + light).astype(np.float32)
    return x, cut(outlines[i]), cut(fields[i])
