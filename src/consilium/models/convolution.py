"""Convolution: causal, dilated convolutions over time (a temporal convolutional network), and their gradient, in numpy alone.

Each layer sees three moments, 2 * dilation steps back at most, and dilations double from layer to layer until all steps are seen.
The first layer is `tanh(conv(z))`, the others add `tanh(conv(x))` to what they were given. A step that is not `live` is zero
throughout, as what lies before the first step is. Source: Bai, Kolter & Koltun 2018, arXiv:1803.01271, with tanh for its ReLU,
so that the gradient has no jumps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weights = Mapping[str, Floats]
TAPS = 3


def dilations(steps: int) -> tuple[int, ...]:
    """Dilation of each layer, as many as it takes to see all steps.

    Examples
    --------
    >>> dilations(48), dilations(1)
    ((1, 2, 4, 8, 16), (1,))
    """
    found = [1]
    while 1 + (TAPS - 1) * sum(found) < steps:
        found.append(2 * found[-1])
    return tuple(found)


def forward(weights: Weights, z: Floats, live: NDArray[np.bool_]) -> tuple[Floats, list[Floats]]:
    """Hidden units (n, h) at the last step, and what `backward` needs, of z (n, steps, d).

    `weights` holds `layer{l}` of shape (h, d or h, 3), oldest moment first, and `offset{l}` of shape (h,).
    """
    on = live[:, :, None]
    x, trail = z * on, []
    for layer, dilation in enumerate(dilations(z.shape[1])):
        kernel = weights[f"layer{layer}"]
        new = weights[f"offset{layer}"] + sum(_back(x, (TAPS - 1 - k) * dilation) @ kernel[:, :, k].T for k in range(TAPS))
        bent = np.tanh(new)
        x = (bent if layer == 0 else x + bent) * on
        trail.append(bent)
    trail.append(on.astype(np.float64))
    return x[:, -1], trail


def backward(weights: Weights, trail: list[Floats], gradient: Floats) -> Floats:
    """Gradient (n, steps, d) with respect to z, from the gradient (n, h) with respect to the hidden units at the last step."""
    on = trail[-1]
    dx = np.zeros((len(gradient), on.shape[1], gradient.shape[1]))
    dx[:, -1] = gradient
    spaced = dilations(on.shape[1])
    for layer in range(len(spaced) - 1, -1, -1):
        kernel = weights[f"layer{layer}"]
        dx = dx * on
        slope = dx * (1 - trail[layer] ** 2)
        through = sum(_ahead(slope @ kernel[:, :, k], (TAPS - 1 - k) * spaced[layer]) for k in range(TAPS))
        dx = np.asarray(through if layer == 0 else dx + through)
    return np.asarray(dx * on)


def _back(x: Floats, steps: int) -> Floats:
    """What stood so many steps earlier, zero before the first."""
    if steps == 0:
        return x
    moved = np.zeros_like(x)
    moved[:, steps:] = x[:, :-steps]
    return moved


def _ahead(x: Floats, steps: int) -> Floats:
    if steps == 0:
        return x
    moved = np.zeros_like(x)
    moved[:, :-steps] = x[:, steps:]
    return moved
