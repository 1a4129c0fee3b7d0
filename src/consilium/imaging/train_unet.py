"""Training of U-Nets by folds of patients: outline and answers together, each member measured on the fold that it left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.network_unet import unet
from consilium.imaging.train_residual import Recipe, augmented

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
        `mixed` is not used.
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
        kept = keep / f"fold{number}.npz" if keep else None
        held = fold == number
        net = unet(x.shape[1], y.shape[1], width=recipe.width, drop=recipe.drop)
        if kept and kept.exists():
            with np.load(kept) as arrays:
                net.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays.files})
            net.eval()
        else:
            net = _one(net, x[~held], masks[~held], y[~held], recipe, crop, share, seed * 100 + number)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                np.savez(kept, **{name: value.numpy() for name, value in net.state_dict().items()})
        said_masks[held], unseen[held] = said(net, x[held], recipe.mirrors)
        members.append(net)
        say(f"fold {number}: trained on {int((~held).sum())} images, {int(held.sum())} held out")
    return Outlined(members, said_masks, unseen)


def said(net: torch.nn.Module, x: NDArray[np.float32], mirrors: str = "") -> tuple[NDArray[np.float16], NDArray[np.float64]]:
    """What one network says of images, mirror images averaged: log-odds of pixels and of answers."""
    import torch

    net.eval()
    axes = [(), *(((3,),) if "h" in mirrors else ()), *(((2,), (2, 3)) if "v" in mirrors else ())]
    masks, told = [], []
    with torch.no_grad():
        for start in range(0, len(x), 32):
            image = torch.from_numpy(x[start : start + 32])
            both = [(net(torch.flip(image, axis) if axis else image), axis) for axis in axes]
            masks.append(torch.stack([torch.flip(mask, axis) if axis else mask for (mask, _), axis in both]).mean(0).numpy())
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
    if crop:  # what augmentation can bring into the middle square, and no more
        x, masks = _middle(x, crop + MARGIN), _middle(masks, crop + MARGIN)
    images, outlines, targets = (torch.from_numpy(np.ascontiguousarray(one)) for one in (x, masks, y))
    done = 0
    while done < steps:
        order = draw.permutation(len(x))
        for start in range(0, max(len(x) - recipe.batch + 1, 1), recipe.batch):
            if done == steps:
                break
            rows = torch.from_numpy(order[start : start + recipe.batch])
            image, outline = augmented(images[rows].to(device), recipe, outlines[rows][:, None].to(device))
            assert outline is not None
            if crop:
                image, outline = _middle(image, crop), _middle(outline, crop)
            target = targets[rows].to(device)
            known = ~torch.isnan(target)
            net.train()
            with torch.autocast(device, torch.bfloat16):
                mask, told = net(image.contiguous(memory_format=torch.channels_last))
            mask, told = mask.float(), told.float()
            inside = torch.sigmoid(mask)
            overlap = 2 * (inside * outline).sum((1, 2, 3)) + 1
            loss = (1 - overlap / (inside.sum((1, 2, 3)) + outline.sum((1, 2, 3)) + 1)).mean()
            loss = loss + nn.functional.binary_cross_entropy_with_logits(mask, outline)
            if known.any():
                loss = loss + share * nn.functional.binary_cross_entropy_with_logits(told[known], target[known])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            averaged.update_parameters(net)
            done += 1
    finished: torch.nn.Module = averaged.module.to("cpu").float().eval()
    return finished
