"""Descend: a network is trained with AdamW and one cycle of the learning rate, and the averaged weights are what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    `turn` in degrees, `shift` and `zoom` as shares of the image, `shade` as share of brightness and contrast: the greatest change
    drawn for each image. `mirrors` as for `exported`. `mixed` is the parameter of the beta distribution by which two images and
    their answers are mixed (0: never). `smooth` is how far answers are drawn towards one half. `kept` is how slowly the averaged
    weights follow. `fold` pixels, across and down, are read as one by a U-Net.
    """

    epochs: int = 30
    batch: int = 32
    rate: float = 2e-3
    decay: float = 0.05
    width: int = 32
    stages: int = 3
    drop: float = 0.2
    turn: float = 15.0
    shift: float = 0.08
    zoom: float = 0.12
    shade: float = 0.2
    mirrors: str = "h"
    mixed: float = 0.2
    smooth: float = 0.0
    kept: float = 0.99
    fold: int = 1


Loss = Callable[["torch.nn.Module", "torch.Tensor", np.random.Generator, str], "torch.Tensor"]
"""What the network loses on rows of a batch, with draws from the generator, on a device."""


def descended(net: torch.nn.Module, n: int, loss: Loss, recipe: Recipe, seed: int) -> torch.nn.Module:
    """The network trained on `n` images for `recipe.epochs`, its weights averaged on the way, on the CPU and set to answer."""
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = net.to(device, memory_format=torch.channels_last)
    averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(recipe.kept), use_buffers=True)
    steps = recipe.epochs * (n // recipe.batch or 1)
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=steps, pct_start=min(max(0.2, 2.5 / steps), 0.9))
    done = 0
    while done < steps:
        order = draw.permutation(n)
        for start in range(0, max(n - recipe.batch + 1, 1), recipe.batch):
            if done == steps:
                break
            net.train()
            lost = loss(net, torch.from_numpy(order[start : start + recipe.batch]), draw, device)
            optimiser.zero_grad()
            lost.backward()
            optimiser.step()
            schedule.step()
            averaged.update_parameters(net)
            done += 1
    finished: torch.nn.Module = averaged.module.to("cpu").float().eval()
    return finished


def or_kept(net: torch.nn.Module, learn: Callable[[torch.nn.Module], torch.nn.Module], file: Path | None) -> torch.nn.Module:
    """The network with the weights that the file holds; where there is no such file, as it was learned, which is then kept there."""
    import torch

    if file and file.exists():
        with np.load(file) as arrays:
            net.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays.files})
        return net.eval()
    net = learn(net)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **{name: value.numpy() for name, value in net.state_dict().items()})
    return net
