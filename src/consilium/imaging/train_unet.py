"""Training of U-Nets by folds of patients: outline and answers together, each member measured on the fold that it left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.descend import Recipe, descended, or_kept
from consilium.imaging.mirror import axes_of
from consilium.imaging.network_unet import unet
from consilium.imaging.train_residual import augmented

if TYPE_CHECKING:
    import torch


MARGIN = 16


@dataclass(frozen=True, slots=True)
class Outlined:
    """Members, and what the member that had not seen an image said: log-odds of pixels (n, 1, rows, columns) and of answers (n, k)."""

    members: list[torch.nn.Module]
    masks: NDArray[np.float16]
    unseen: NDArray[np.float64]


def train_unet(
    x: NDArray[np.float32],
    masks: NDArray[np.float32],
    y: NDArray[np.float32],
    fold: NDArray[np.int64],
    recipe: Recipe,
    *,
    crop: int | None = None,
    share: float = 0.3,
    seed: int = 0,
    keep: Path | None = None,
    say: Callable[[str], None] = print,
) -> Outlined:
    """Train one U-Net for each fold.

    Parameters
    ----------
    x : array of shape (n, channels, rows, columns) in [0, 1]
    masks : array of shape (n, rows, columns), in [0, 1]: share of readers who drew a pixel
    y : array of shape (n, answers), in [0, 1]; NaN where not known
    fold : array of shape (n,)
    recipe : Recipe
        `mixed` and `smooth` are not used.
    crop : int, optional
        Side of the middle square that is learned from.
    share : float
        Weight of the answers beside the outline.
    seed, keep, say
        As for `train`.
    """
    import torch

    torch.manual_seed(seed)
    said_masks = np.zeros((len(x), 1, *x.shape[2:]), np.float16)
    unseen = np.full(y.shape, np.nan)
    members = []
    for number in sorted(set(fold.tolist())):
        held = fold == number
        net = unet(x.shape[1], y.shape[1], width=recipe.width, drop=recipe.drop, fold=recipe.fold)
        learn = partial(_one, x=x[~held], masks=masks[~held], y=y[~held], recipe=recipe, crop=crop, share=share, seed=seed * 100 + number)
        net = or_kept(net, learn, keep / f"fold{number}.npz" if keep else None)
        said_masks[held], unseen[held] = said(net, x[held], recipe.mirrors)
        members.append(net)
        say(f"fold {number}: trained on {int((~held).sum())} images, {int(held.sum())} held out")
    return Outlined(members, said_masks, unseen)


def said(net: torch.nn.Module, x: NDArray[np.float32], mirrors: str = "") -> tuple[NDArray[np.float16], NDArray[np.float64]]:
    """What one network says of images, mirror images averaged: log-odds of pixels and of answers."""
    import torch

    net.eval()
    masks, told = [], []
    with torch.no_grad():
        for start in range(0, len(x), 32):
            image = torch.from_numpy(x[start : start + 32])
            both = [(net(torch.flip(image, axes) if axes else image), axes) for axes in axes_of(mirrors)]
            masks.append(torch.stack([torch.flip(mask, axes) if axes else mask for (mask, _), axes in both]).mean(0).numpy())
            told.append(torch.stack([answer for (_, answer), _ in both]).mean(0).numpy())
    return np.concatenate(masks).astype(np.float16), np.concatenate(told).astype(np.float64)


def dice(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Dice coefficient of each pair of masks (n, rows, columns); 1 where both are empty.

    Examples
    --------
    >>> dice(np.array([[[True, True]]]), np.array([[[True, False]]])).tolist()
    [0.6666666666666666]
    """
    both = (found & true).sum((1, 2))
    whole = found.sum((1, 2)) + true.sum((1, 2))
    return np.where(whole, 2 * both / np.maximum(whole, 1), 1.0)


def _middle(image: Any, side: int) -> Any:
    """The middle square of arrays or tensors (..., rows, columns), or all of them where they are smaller."""
    top, left = (max((size - side) // 2, 0) for size in image.shape[-2:])
    return image[..., top : top + side, left : left + side]


def _one(
    net: torch.nn.Module,
    x: NDArray[np.float32],
    masks: NDArray[np.float32],
    y: NDArray[np.float32],
    recipe: Recipe,
    crop: int | None,
    share: float,
    seed: int,
) -> torch.nn.Module:
    """One network, trained on images, outlines and answers."""
    import torch
    from torch import nn

    if crop:  # what augmentation can bring into the middle square, and no more
        x, masks = _middle(x, crop + MARGIN), _middle(masks, crop + MARGIN)
    images, outlines, targets = (torch.from_numpy(np.ascontiguousarray(one)) for one in (x, masks, y))

    def loss(net: torch.nn.Module, rows: torch.Tensor, draw: np.random.Generator, device: str) -> torch.Tensor:
        image, outline = augmented(images[rows].to(device), recipe, outlines[rows][:, None].to(device))
        assert outline is not None
        if crop:
            image, outline = _middle(image, crop), _middle(outline, crop)
        target = targets[rows].to(device)
        known = ~torch.isnan(target)
        with torch.autocast(device, torch.bfloat16):
            mask, told = net(image.contiguous(memory_format=torch.channels_last))
        mask, told = mask.float(), told.float()
        inside = torch.sigmoid(mask)
        overlap = 2 * (inside * outline).sum((1, 2, 3)) + 1
        lost = (1 - overlap / (inside.sum((1, 2, 3)) + outline.sum((1, 2, 3)) + 1)).mean()
        lost = lost + nn.functional.binary_cross_entropy_with_logits(mask, outline)
        if known.any():
            lost = lost + share * nn.functional.binary_cross_entropy_with_logits(told[known], target[known])
        return lost

    return descended(net, len(x), loss, recipe, seed)
