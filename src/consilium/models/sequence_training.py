"""Sequence training: torch learns the weights of a network over series, on a GPU where there is one, and hands them over as numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from consilium.models.convolution import TAPS, dilations

Progress = Callable[[str], None]
LEAST = 20
"""Patients of the rarer class from which on some are set apart to say when to stop."""
SET_APART = 0.15


@dataclass(frozen=True, slots=True)
class Course:
    """How training goes.

    Parameters
    ----------
    units, epochs, batch, patience : int
        Width, passes at most, rows a step, passes without improvement before training stops.
    rate, decay, drop : float
        Learning rate and weight decay of AdamW; share of units and fixed columns left out at random while training.
    balance : float
        0 weighs every patient alike; 1 gives both classes the same weight; what lies between, in between. Calibration, which is
        fitted apart, takes the shift back.
    seed : int
    """

    units: int
    epochs: int
    batch: int
    patience: int
    rate: float
    decay: float
    drop: float
    balance: float
    seed: int


def trained(
    kind: str,
    z: NDArray[np.float64],
    live: NDArray[np.bool_],
    fixed: NDArray[np.float64],
    y: NDArray[np.int64],
    subjects: NDArray[np.int64],
    course: Course,
    progress: Progress,
) -> tuple[dict[str, NDArray[np.float64]], int]:
    """Learn the weights; see `Sequence` for their names and shapes.

    Parameters
    ----------
    z, live, fixed
        Rows as the network sees them; see `Seen`.
    y : int64 array of shape (n,)
        0 and 1.
    subjects : int64 array of shape (n,)
        Whose row it is: nobody is both learned from and asked when to stop.
    progress : callable
        Told after each pass.

    Returns
    -------
    (dict, int)
        The weights of the best pass by log loss on the patients set apart (of the last, where none are), and which pass it was.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    learn, check = _apart(y, subjects, course.seed)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(course.seed)
        net = _Net(kind, z.shape[1], z.shape[2], fixed.shape[1], course).to(device)
        tensors = [torch.as_tensor(a, dtype=torch.float32, device=device) for a in (z, live, fixed, y)]
        optimiser = torch.optim.AdamW(net.parameters(), lr=course.rate, weight_decay=course.decay)
        positives = float(y[learn].mean())
        heavier = torch.tensor(((1 - positives) / positives) ** course.balance if 0 < positives < 1 else 1.0, device=device)
        loss = nn.BCEWithLogitsLoss(pos_weight=heavier)
        draw = np.random.default_rng(course.seed)
        best, best_pass, kept = np.inf, 0, _weights(net)
        for epoch in range(1, course.epochs + 1):
            net.train()
            order = draw.permutation(learn)
            for start in range(0, len(order), course.batch):
                rows = torch.as_tensor(order[start : start + course.batch], device=device)
                optimiser.zero_grad()
                value = loss(net(*(t[rows] for t in tensors[:3])), tensors[3][rows])
                value.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimiser.step()
            if not len(check):
                kept, best_pass = _weights(net), epoch
                progress(f"pass {epoch} of {course.epochs}")
                continue
            net.eval()
            with torch.no_grad():
                parts = [torch.as_tensor(check[k : k + 1024], device=device) for k in range(0, len(check), 1024)]
                said = torch.cat([net(*(t[rows] for t in tensors[:3])) for rows in parts])
            now = float(loss(said, tensors[3][torch.as_tensor(check, device=device)]))
            progress(f"pass {epoch}, log loss {now:.4f} on patients set apart")
            if now < best:
                best, best_pass, kept = now, epoch, _weights(net)
            elif epoch - best_pass >= course.patience:
                break
    return kept, best_pass


class _Net(nn.Module):  # type: ignore[misc]
    """The network in torch; what it computes is `Sequence`."""

    def __init__(self, kind: str, steps: int, wide: int, fixed: int, course: Course) -> None:
        super().__init__()
        self.kind = kind
        if kind == "tcn":
            sizes = [wide] + [course.units] * (len(dilations(steps)) - 1)
            self.spaced = dilations(steps)
            self.layers = nn.ModuleList(nn.Conv1d(size, course.units, TAPS, dilation=d) for size, d in zip(sizes, self.spaced, strict=True))
        else:
            self.units = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind](wide, course.units, batch_first=True)
        self.drop = nn.Dropout(course.drop)
        self.head = nn.Linear(course.units + fixed, 1)

    def forward(self, z: torch.Tensor, live: torch.Tensor, fixed: torch.Tensor) -> torch.Tensor:
        if self.kind == "tcn":
            on = live[:, None, :]
            x = z.transpose(1, 2) * on
            for n, (layer, dilation) in enumerate(zip(self.layers, self.spaced, strict=True)):
                bent = torch.tanh(layer(nn.functional.pad(x, ((TAPS - 1) * dilation, 0))))
                x = (bent if n == 0 else x + bent) * on
            last = x[:, :, -1]
        else:
            # Steps before the record begins are moved behind its end, and the answer is read where the record ends.
            steps = z.shape[1]
            run = live.sum(dim=1).long()
            moved = (torch.arange(steps, device=z.device)[None, :] + (steps - run)[:, None]) % steps
            out, _ = self.units(torch.gather(z, 1, moved[:, :, None].expand_as(z)))
            last = out[torch.arange(len(z), device=z.device), run - 1]
        answer: torch.Tensor = self.head(torch.cat([self.drop(last), self.drop(fixed)], dim=1))[:, 0]
        return answer


def _weights(net: _Net) -> dict[str, NDArray[np.float64]]:
    def plain(tensor: Any) -> NDArray[np.float64]:
        return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float64).copy()

    head = {"head": plain(net.head.weight[0]), "bias": plain(net.head.bias)}
    if net.kind == "tcn":
        layers = {f"layer{n}": plain(layer.weight) for n, layer in enumerate(net.layers)}
        return {**layers, **{f"offset{n}": plain(layer.bias) for n, layer in enumerate(net.layers)}, **head}
    names = {"input": "weight_ih_l0", "hidden": "weight_hh_l0", "input_offset": "bias_ih_l0", "hidden_offset": "bias_hh_l0"}
    return {**{name: plain(getattr(net.units, theirs)) for name, theirs in names.items()}, **head}


def _apart(y: NDArray[np.int64], subjects: NDArray[np.int64], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to learn from and rows to stop by, by patient and with each class's share; none of the latter where patients are few."""
    who, of_row = np.unique(subjects, return_inverse=True)
    ill = np.zeros(len(who), dtype=np.int64)
    np.maximum.at(ill, of_row, y)
    if min(np.bincount(ill, minlength=2)) < LEAST:
        return np.arange(len(y)), np.zeros(0, dtype=np.intp)
    draw = np.random.default_rng(seed)
    apart = np.zeros(len(who), dtype=np.bool_)
    for kind in (0, 1):
        own = draw.permutation(np.flatnonzero(ill == kind))
        apart[own[: max(1, round(SET_APART * len(own)))]] = True
    return np.flatnonzero(~apart[of_row]), np.flatnonzero(apart[of_row])
