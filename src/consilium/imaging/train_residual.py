"""Training of residual networks by folds of patients: each member of the ensemble leaves out a fold, and is measured on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.imaging.descend import Recipe, descended, or_kept
from consilium.imaging.mirror import axes_of
from consilium.imaging.network_residual import network

if TYPE_CHECKING:
    import torch


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
    beside = 0 if z is None else z.shape[1]
    for number in sorted(set(fold.tolist())):
        held = fold == number
        net = network(x.shape[1], y.shape[1], width=recipe.width, stages=recipe.stages, beside=beside, drop=recipe.drop)
        learn = partial(_one, x=x[~held], y=y[~held], z=None if z is None else z[~held], recipe=recipe, seed=seed * 100 + number)
        net = or_kept(net, learn, keep / f"fold{number}.npz" if keep else None)
        unseen[held] = told(net, x[held], None if z is None else z[held], recipe.mirrors)
        members.append(net)
        say(f"fold {number}: trained on {int((~held).sum())} images, {int(held.sum())} held out")
    return Trained(members, unseen)


def told(net: torch.nn.Module, x: NDArray[np.float32], z: NDArray[np.float32] | None = None, mirrors: str = "") -> NDArray[np.float64]:
    """Log-odds (n, answers) of one network, mirror images averaged."""
    import torch

    net.eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(x), 64):
            image = torch.from_numpy(x[start : start + 64])
            beside = () if z is None else (torch.from_numpy(z[start : start + 64]),)
            views = [torch.flip(image, axes) if axes else image for axes in axes_of(mirrors)]
            parts.append(torch.stack([net(view, *beside) for view in views]).mean(0).numpy())
    return np.concatenate(parts).astype(np.float64)


def _one(
    net: torch.nn.Module, x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32] | None, recipe: Recipe, seed: int
) -> torch.nn.Module:
    """One network, trained on images, answers, and numbers beside them."""
    import torch
    from torch import nn

    images, targets = torch.from_numpy(x), torch.from_numpy(y)
    beside = None if z is None else torch.from_numpy(z)

    def loss(net: torch.nn.Module, rows: torch.Tensor, draw: np.random.Generator, device: str) -> torch.Tensor:
        image, target = augmented(images[rows].to(device), recipe)[0], targets[rows].to(device)
        numbers = None if beside is None else beside[rows].to(device)
        known = ~torch.isnan(target)
        target = torch.nan_to_num(target) * (1 - recipe.smooth) + recipe.smooth / 2
        if recipe.mixed:
            share = float(draw.beta(recipe.mixed, recipe.mixed))
            other = torch.from_numpy(draw.permutation(len(rows)))
            image = share * image + (1 - share) * image[other]
            target, known = share * target + (1 - share) * target[other], known & known[other]
            numbers = None if numbers is None else share * numbers + (1 - share) * numbers[other]
        given = () if numbers is None else (numbers,)
        with torch.autocast(device, torch.bfloat16):
            said = net(image.contiguous(memory_format=torch.channels_last), *given)
        return nn.functional.binary_cross_entropy_with_logits(said.float()[known], target[known])

    return descended(net, len(x), loss, recipe, seed)


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
