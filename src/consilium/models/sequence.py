"""Sequence: a trained network over a series - what it sees of a row, its log-odds, and integrated gradients - in numpy alone.

At each step the network sees three numbers of each channel: the value seen last (standardised; the mean where none has been), whether it
was seen at this step, and how long ago it was last seen. So irregular sampling needs no filling in that the network could not know of.
Steps before the first value of a row are not run: a short record is short, not empty. The hidden units after the last step and the fixed
columns (standardised, and whether each was missing) are weighed together by one straight line.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import ModelError
from consilium.models import convolution, recurrence
from consilium.models.grid import Grid
from consilium.models.preparation import Preparation

Floats = NDArray[np.float64]
KINDS = ("rnn", "gru", "lstm", "tcn")
BEYOND = 5.0
"""Standard deviations at which a value is held: what lies further out was hardly ever learned from."""
ROWS_AT_ONCE = 512
NODES = (16, 32, 64, 128)
"""Points on the path of an integrated gradient: more are taken until what they add up to is within `CLOSE`."""
CLOSE = 5e-5
GAP = 0.01
"""Log-odds that the last of them may lack: that much is spread over the reasons by their size; more is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Rows as the network sees them.

    Parameters
    ----------
    z : float64 array of shape (n, steps, 3 * channels)
        Values, then masks, then gaps in [0, 1].
    live : bool array of shape (n, steps)
        From the first step with a value on; the last step always is.
    fixed : float64 array of shape (n, 2 * fixed)
        Standardised values, then 1 where missing.
    origin : int64 array of shape (n, steps, channels)
        Step at which the value shown was seen; the step itself where none has been.
    """

    z: Floats
    live: NDArray[np.bool_]
    fixed: Floats
    origin: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A trained network.

    Parameters
    ----------
    kind : str
        `rnn`, `gru`, `lstm` or `tcn`.
    grid : Grid
    fixed : Preparation
        Of the fixed columns; a missing one stands at the median, and is said to be missing.
    mean, gain : float64 arrays of shape (channels,)
        Standardise what was seen.
    weights : mapping of str to float64 array
        Of the units (see `recurrence` and `convolution`), and `head` (h + 2 * fixed,) and `bias` (1,).
    usual : (array of shape (steps, 3 * channels), array of shape (2 * fixed,))
        The mean over the training rows: the patient against whom an answer is explained.
    """

    kind: str
    grid: Grid
    fixed: Preparation
    mean: Floats
    gain: Floats
    weights: Mapping[str, Floats]
    usual: tuple[Floats, Floats]

    def see(self, X: NDArray[Any]) -> Seen:
        """Rows (n, p) as the network sees them."""
        fixed, series = self.grid.split(np.asarray(X, dtype=np.float64))
        steps = self.grid.steps
        seen = ~np.isnan(series)
        value = np.where(seen, np.clip((series - self.mean) * self.gain, -BEYOND, BEYOND), 0.0)
        step = np.arange(steps)[None, :, None]
        last = np.maximum.accumulate(np.where(seen, step, -1), axis=1)
        shown = np.take_along_axis(value, np.maximum(last, 0), axis=1)
        shown[last < 0] = 0.0
        ago = np.where(last < 0, steps, step - last)
        z = np.concatenate([shown, seen, np.log1p(ago) / np.log1p(steps)], axis=2)
        live = np.asarray((last >= 0).any(axis=2))
        live[:, -1] = True
        told = np.hstack([np.clip(self.fixed(fixed), -BEYOND, BEYOND), np.isnan(fixed)]).astype(np.float64)
        return Seen(z, live, told, np.where(last < 0, step, last))

    def log_odds(self, X: NDArray[Any]) -> Floats:
        """Log-odds (n,) of rows (n, p)."""
        parts = [self._answer(self.see(X[start : start + ROWS_AT_ONCE])) for start in range(0, len(X), ROWS_AT_ONCE)]
        return np.concatenate([np.zeros(0), *parts])

    def attribute(self, X: NDArray[Any]) -> tuple[float, Floats]:
        """Base, and what each cell of rows (n, p) adds to the log-odds: integrated gradients from the usual patient.

        What a value adds goes to the cell in which it was seen, however long it is shown; what the mask and the gap add, to the cell that
        they speak of. What the fixed columns add is exact. A record that begins late is explained against the usual patient's last steps;
        what that changes goes to the cells before its beginning, in equal parts.

        Returns
        -------
        (float, float64 array of shape (n, p))

        Raises
        ------
        ModelError
            When the gradients do not add up to the answer within 0.01 log-odds even with 128 points on the path.

        Source: Sundararajan, Taly & Yan 2017, arXiv:1703.01365 (the path is a straight line, by Gauss-Legendre quadrature).
        """
        usual, told = self.usual
        units = len(self.weights["head"]) - len(told)
        line = self.weights["head"]
        base = float(self._run(usual[None], np.ones((1, self.grid.steps), np.bool_))[0] + line[units:] @ told + self.weights["bias"][0])
        found = np.zeros((len(X), self.grid.width))
        for n in range(len(X)):
            seen = self.see(X[n : n + 1])
            begun = self._run(usual[None], seen.live)[0] + line[units:] @ told + self.weights["bias"][0]
            moved = line[units:] * (seen.fixed[0] - told)
            found[n, : self.grid.fixed] = moved.reshape(2, -1).sum(axis=0)
            cells = self._gathered(self._path(seen), seen)
            before = np.flatnonzero(~seen.live[0])
            if len(before):
                cells[before] += (begun - base) / (len(before) * self.grid.channels)
            found[n, self.grid.fixed :] = cells.ravel()
        return base, found

    def as_json(self) -> dict[str, Any]:
        """All of it in JSON values; numbers as float32 in base64, which is how they were trained."""
        return {
            "network": self.kind,
            "grid": [self.grid.fixed, self.grid.steps, self.grid.channels],
            "arrays": {name: _packed(array) for name, array in self._arrays().items()},
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Sequence:
        """The network from what `as_json` gave."""
        arrays = {name: _unpacked(packed) for name, packed in said["arrays"].items()}
        own = {name: arrays.pop(name) for name in ("median", "centre", "scale", "mean", "gain", "usual", "told")}
        return cls(
            said["network"],
            Grid(*said["grid"]),
            Preparation(own["median"], own["centre"], own["scale"]),
            own["mean"],
            own["gain"],
            arrays,
            (own["usual"], own["told"]),
        )

    def _arrays(self) -> dict[str, Floats]:
        own = {"median": self.fixed.median, "centre": self.fixed.mean, "scale": self.fixed.gain, "mean": self.mean, "gain": self.gain}
        return {**own, "usual": self.usual[0], "told": self.usual[1], **self.weights}

    def _answer(self, seen: Seen) -> Floats:
        line = self.weights["head"]
        units = len(line) - seen.fixed.shape[1]
        return np.asarray(self._run(seen.z, seen.live) + seen.fixed @ line[units:] + self.weights["bias"][0])

    def _run(self, z: Floats, live: NDArray[np.bool_]) -> Floats:
        """What the series adds, (n,)."""
        h = self._hidden(z, live)[0]
        return np.asarray(h @ self.weights["head"][: h.shape[1]])

    def _hidden(self, z: Floats, live: NDArray[np.bool_]) -> tuple[Floats, list[Any]]:
        if self.kind == "tcn":
            return convolution.forward(self.weights, z, live)
        return recurrence.forward(self.kind, self.weights, z, live)

    def _path(self, seen: Seen) -> Floats:
        """Integrated gradient (steps, 3 * channels) of one row, adding up to the difference."""
        usual, away = self.usual[0], seen.z[0] - self.usual[0]
        wanted = float(np.diff(self._run(np.stack([usual, seen.z[0]]), np.repeat(seen.live, 2, axis=0)))[0])
        for nodes in NODES:
            place, weight = np.polynomial.legendre.leggauss(nodes)
            z = usual + (0.5 * (place + 1))[:, None, None] * away
            h, trail = self._hidden(z, np.repeat(seen.live, nodes, axis=0))
            slope = 0.5 * weight[:, None] * self.weights["head"][: h.shape[1]]
            if self.kind == "tcn":
                gradient = convolution.backward(self.weights, trail, slope)
            else:
                gradient = recurrence.backward(self.kind, self.weights, trail, slope)
            given = gradient.sum(axis=0) * away
            lacking = wanted - float(given.sum())
            if abs(lacking) < CLOSE:
                break
        if abs(lacking) > GAP:
            raise ModelError("The gradients do not add up to the answer", found=lacking, expected=f"within {GAP}")
        size = np.abs(given)
        return np.asarray(given + lacking * size / size.sum() if size.sum() else given)

    def _gathered(self, given: Floats, seen: Seen) -> Floats:
        """What each cell adds, (steps, channels)."""
        channels = self.grid.channels
        value, mask, gap = (given[:, k * channels : (k + 1) * channels] for k in range(3))
        cells = np.array(mask + gap)
        np.add.at(cells, (seen.origin[0], np.arange(channels)[None, :]), value)
        return cells


def _packed(array: Floats) -> dict[str, Any]:
    return {"shape": list(array.shape), "float32": base64.b64encode(array.astype("<f4").tobytes()).decode()}


def _unpacked(packed: Mapping[str, Any]) -> Floats:
    return np.frombuffer(base64.b64decode(packed["float32"]), "<f4").astype(np.float64).reshape(packed["shape"])
