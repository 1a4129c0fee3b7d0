"""Recurrence: plain, gated and long short-term memory units over time, and their gradients, in numpy alone.

Weights are laid out as torch lays them out (`input` (g * h, d), `hidden` (g * h, h), and two offsets (g * h,)), so that what was
trained there is read here as it is. A step that is not `live` leaves the state as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weights = Mapping[str, Floats]
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def width(kind: str, weights: Weights) -> int:
    """Numbers that the state holds: the hidden units, and for an LSTM its cells too."""
    units: int = weights["hidden"].shape[1]
    return 2 * units if kind == "lstm" else units


def forward(kind: str, weights: Weights, z: Floats, live: NDArray[np.bool_]) -> tuple[Floats, list[tuple[Any, ...]]]:
    """Run over time.

    Parameters
    ----------
    kind : str
        `rnn`, `gru` or `lstm`.
    weights : mapping
        `input`, `hidden`, `input_offset`, `hidden_offset`.
    z : array of shape (n, steps, d)
    live : bool array of shape (n, steps)

    Returns
    -------
    (array of shape (n, h), list)
        The hidden units after the last step, and what `backward` needs of each step.
    """
    n, steps, _ = z.shape
    units = weights["hidden"].shape[1]
    driven = z @ weights["input"].T + weights["input_offset"]
    h, c = np.zeros((2, n, units))
    trail: list[tuple[Any, ...]] = []
    for t in range(steps):
        recalled = h @ weights["hidden"].T + weights["hidden_offset"]
        on = live[:, t, None]
        if kind == "rnn":
            new = np.tanh(driven[:, t] + recalled)
            trail.append((new, on))
        elif kind == "gru":
            r, u = np.split(_sigmoid(driven[:, t, : 2 * units] + recalled[:, : 2 * units]), 2, axis=1)
            inner = recalled[:, 2 * units :]
            candidate = np.tanh(driven[:, t, 2 * units :] + r * inner)
            new = (1 - u) * candidate + u * h
            trail.append((h, r, u, inner, candidate, on))
        else:
            whole = driven[:, t] + recalled
            i, f = np.split(_sigmoid(whole[:, : 2 * units]), 2, axis=1)
            g, o = np.tanh(whole[:, 2 * units : 3 * units]), _sigmoid(whole[:, 3 * units :])
            cell = f * c + i * g
            shown = np.tanh(cell)
            new = o * shown
            trail.append((c, i, f, g, o, shown, on))
            c = np.where(on, cell, c)
        h = np.where(on, new, h)
    return h, trail


def backward(kind: str, weights: Weights, trail: list[tuple[Any, ...]], gradient: Floats) -> Floats:
    """Gradient (n, steps, d) with respect to z, from the gradient (n, h) with respect to the last hidden units."""
    into = np.zeros((len(gradient), len(trail), weights["input"].shape[1]))
    dh, dc = gradient.copy(), np.zeros_like(gradient)
    for t in range(len(trail) - 1, -1, -1):
        on = trail[t][-1]
        if kind == "rnn":
            new, _ = trail[t]
            driven = recalled = dh * (1 - new**2)
            past = np.zeros_like(dh)
            before = dc
        elif kind == "gru":
            h, r, u, inner, candidate, _ = trail[t]
            slope = dh * (1 - u) * (1 - candidate**2)
            gates = np.hstack([slope * inner * r * (1 - r), dh * (h - candidate) * u * (1 - u)])
            driven, recalled = np.hstack([gates, slope]), np.hstack([gates, slope * r])
            past = dh * u
            before = dc
        else:
            c, i, f, g, o, shown, _ = trail[t]
            cell = dc + dh * o * (1 - shown**2)
            driven = recalled = np.hstack([cell * g * i * (1 - i), cell * c * f * (1 - f), cell * i * (1 - g**2), dh * shown * o * (1 - o)])
            past = np.zeros_like(dh)
            before = cell * f
        into[:, t] = np.where(on, driven @ weights["input"], 0.0)
        dh, dc = np.where(on, recalled @ weights["hidden"] + past, dh), np.where(on, before, dc)
    return into


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1))
