"""Training of residual networks by folds of patients: each member of the ensemble leaves out a fold, and is measured on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.imaging.network_residual import network

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    `turn` in degrees, `shift` and `zoom` as shares of the image, `shade` as share of brightness and contrast: the greatest change
    drawn for each image. `mirrors` as for `exported`. `mixed` is the parameter of the beta distribution by which two images and
    their answers are mixed (0: never). `kept` is how slowly the averaged weights follow.
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
    kept: float = 0.99


@dataclass(frozen=True, slots=True)
class Trained:
    """Members of an ensemble, and log-odds (n, answers) that the member which had not seen an image gave it (mirror images averaged)."""

    members: list[torch.nn.Module]
    unseen: NDArray[np.float64]


def folds(subjects: ArrayLike, y: ArrayLike, k: int = 5, seed: int = 0) -> NDArray[np.int64]:
    """Fold of each row, patients whole, answers spread evenly.

    Examples
    --------
    >>> found = folds([1, 1, 2, 3, 4, 5], [0, 0, 1, 0, 1, 0], k=2)
    >>> bool(found[0] == found[1]), sorted(set(found.tolist()))
    (True, [0, 1])
    """
    from sklearn.model_selection import StratifiedGroupKFold

    label, of = np.asarray(y), np.asarray(subjects)
    fold = np.zeros(len(label), np.int64)
    splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    for number, (_, held) in enumerate(splitter.split(np.zeros(len(label)), label, of)):
        fold[held] = number
    return fold


def train(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    fold: NDArray[np.int64],
    recipe: Recipe,
    *,
    z: NDArray[np.float32] | None = None,
    seed: int = 0,
    keep: Path | None = None,
    say: Callable[[str], None] = print,
) -> Trained:
    """Train one network for each fold.

    Parameters
    ----------
    x : array of shape (n, channels, rows, columns) in [0, 1]
    y : array of shape (n, answers), in [0, 1]; NaN where the answer is not known
    fold : array of shape (n,)
    z : array of shape (n, k), optional
        Standardised numbers beside the images.
    keep : folder, optional
        Where finished members are kept as arrays, so that training which was cut off goes on.
    say : function
        Told of each fold that is finished.
    """
    import torch

    torch.manual_seed(seed)
    unseen = np.full(y.shape, np.nan)
    members = []
    for number in sorted(set(fold.tolist())):
        kept = keep / f"fold{number}.npz" if keep else None
        held = fold == number
        net = network(
            x.shape[1], y.shape[1], width=recipe.width, stages=recipe.stages, beside=0 if z is None else z.shape[1], drop=recipe.drop
        )
        if kept and kept.exists():
            with np.load(kept) as arrays:
                net.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays.files})
            net.eval()
        else:
            net = _one(net, x[~held], y[~held], None if z is None else z[~held], recipe, seed * 100 + number)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                np.savez(kept, **{name: value.numpy() for name, value in net.state_dict().items()})
        unseen[held] = told(net, x[held], None if z is None else z[held], recipe.mirrors)
        members.append(net)
        say(f"fold {number}: trained on {int((~held).sum())} images, {int(held.sum())} held out")
    return Trained(members, unseen)


def told(net: torch.nn.Module, x: NDArray[np.float32], z: NDArray[np.float32] | None = None, mirrors: str = "") -> NDArray[np.float64]:
    """Log-odds (n, answers) of one network, mirror images averaged."""
    import torch

    net.eval()
    views = [(), *(((3,),) if "h" in mirrors else ()), *(((2,), (2, 3)) if "v" in mirrors else ())]
    parts = []
    with torch.no_grad():
        for start in range(0, len(x), 64):
            image = torch.from_numpy(x[start : start + 64])
            beside = () if z is None else (torch.from_numpy(z[start : start + 64]),)
            parts.append(torch.stack([net(torch.flip(image, view) if view else image, *beside) for view in views]).mean(0).numpy())
    return np.concatenate(parts).astype(np.float64)


def _one(
    net: torch.nn.Module, x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32] | None, recipe: Recipe, seed: int
) -> torch.nn.Module:
    """One network, trained with AdamW and one cycle of the learning rate; the averaged weights are returned."""
    import torch
    from torch import nn
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = net.to(device, memory_format=torch.channels_last)
    averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(recipe.kept), use_buffers=True)
    steps = recipe.epochs * (len(x) // recipe.batch or 1)
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=steps, pct_start=min(max(0.2, 2.5 / steps), 0.9))
    images, targets = torch.from_numpy(x), torch.from_numpy(y)
    beside = None if z is None else torch.from_numpy(z)
    done = 0
    while done < steps:
        order = draw.permutation(len(x))
        for start in range(0, max(len(x) - recipe.batch + 1, 1), recipe.batch):
            if done == steps:
                break
            rows = torch.from_numpy(order[start : start + recipe.batch])
            image, target = augmented(images[rows].to(device), recipe)[0], targets[rows].to(device)
            numbers = None if beside is None else beside[rows].to(device)
            known = ~torch.isnan(target)
            target = torch.nan_to_num(target)
            if recipe.mixed:
                share = float(draw.beta(recipe.mixed, recipe.mixed))
                other = torch.from_numpy(draw.permutation(len(rows)))
                image = share * image + (1 - share) * image[other]
                target, known = share * target + (1 - share) * target[other], known & known[other]
                numbers = None if numbers is None else share * numbers + (1 - share) * numbers[other]
            net.train()
            given = () if numbers is None else (numbers,)
            with torch.autocast(device, torch.bfloat16):
                said = net(image.contiguous(memory_format=torch.channels_last), *given)
            loss = nn.functional.binary_cross_entropy_with_logits(said.float()[known], target[known])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            averaged.update_parameters(net)
            done += 1
    finished: torch.nn.Module = averaged.module.to("cpu").float().eval()
    return finished


def augmented(image: torch.Tensor, recipe: Recipe, outline: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The images turned, moved, resized, mirrored and shaded, each by what is drawn for it, and outlines (n, 1, rows, columns) likewise."""
    import torch
    from torch.nn import functional

    n = len(image)

    def between(most: float) -> torch.Tensor:
        return (torch.rand(n, device=image.device) * 2 - 1) * most

    angle, size = between(recipe.turn * float(np.pi) / 180), 1 + between(recipe.zoom)
    across = (
        torch.where(torch.rand(n, device=image.device) < 0.5, -1.0, 1.0) if "h" in recipe.mirrors else torch.ones(n, device=image.device)
    )
    down = torch.where(torch.rand(n, device=image.device) < 0.5, -1.0, 1.0) if "v" in recipe.mirrors else torch.ones(n, device=image.device)
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    moved = (between(2 * recipe.shift), between(2 * recipe.shift))
    theta = torch.stack((torch.stack((across * cos, -down * sin, moved[0]), 1), torch.stack((across * sin, down * cos, moved[1]), 1)), 1)
    grid = functional.affine_grid(theta, list(image.shape), align_corners=False)
    turned = functional.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
    contrast, brightness = (1 + between(recipe.shade))[:, None, None, None], between(recipe.shade / 2)[:, None, None, None]
    middle = turned.mean((1, 2, 3), keepdim=True)
    shaded = ((turned - middle) * contrast + middle + brightness).clamp(0, 1)
    return shaded, None if outline is None else functional.grid_sample(outline, grid, padding_mode="zeros", align_corners=False)
