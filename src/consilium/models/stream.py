"""Stream: a network over a series answers step by step, its state carried, so that each step costs the same however long the stay."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import InputError, ModelError
from consilium.models.calibration import Calibration
from consilium.models.odds import probability_of
from consilium.models.sealed import opened, session

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A sealed network that is asked one step at a time; safe to share between threads, since the state is the caller's.

    As long as a stream is no longer than the series the network was trained on, the answer after each step is that of the whole series
    seen so far. After that it is not the same: the whole series forgets its oldest step, the stream does not.

    Parameters
    ----------
    fixed, channels : tuple of str
        Names of what is given once, and of what is given at each step, in their order.
    steps : int
        Length of the series that it was trained on.
    model_sha256 : str
        The whole-series model that it belongs to.
    sha256 : str
        Checksum of this file.
    """

    fixed: tuple[str, ...]
    channels: tuple[str, ...]
    steps: int
    model_sha256: str
    sha256: str
    calibration: Calibration
    _session: Any
    _width: int

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Open a file that `seal_stream` wrote.

        Raises
        ------
        ModelError
            When there is no such file, it was not sealed here, it is damaged, or it is no stream.
        """
        where = Path(path)
        try:
            data = where.read_bytes()
        except OSError as error:
            raise ModelError("A stream cannot be read", where=str(where), found=error.strerror, do="fit the specialist first") from error
        meta = opened(data)
        if "stream" not in meta:
            raise ModelError("A sealed model is no stream", where=str(where), do="load it as a ServedModel")
        said = meta["stream"]
        held = session(data, {"log_odds", "state"})
        given = len(said["fixed"]) + len(said["channels"])
        return cls(
            tuple(said["fixed"]),
            tuple(said["channels"]),
            said["steps"],
            said["model"],
            hashlib.sha256(data).hexdigest(),
            Calibration(**said["calibration"]),
            held,
            held.get_inputs()[0].shape[1] - given,
        )

    def begin(self, n: int = 1) -> Rows:
        """State of n patients of whom nothing has been seen."""
        state = np.zeros((n, self._width), dtype=np.float32)
        state[:, len(self.channels) : 2 * len(self.channels)] = self.steps
        return state

    def step(self, state: Rows, channels: ArrayLike, fixed: ArrayLike) -> tuple[NDArray[np.float64], Rows]:
        """One step on.

        Parameters
        ----------
        state : float32 array of shape (n, s)
            From `begin` or the step before.
        channels : array of shape (n, c)
            What was seen at this step, NaN where nothing was.
        fixed : array of shape (n, f)

        Returns
        -------
        (float64 array of shape (n,), float32 array of shape (n, s))
            Calibrated log-odds, and the state to go on from.

        Raises
        ------
        InputError
            When a shape is another, or a value infinite.
        """
        parts = [np.asarray(part, dtype=np.float32) for part in (fixed, channels, state)]
        wanted = [(len(state), width) for width in (len(self.fixed), len(self.channels), self._width)]
        if [part.shape for part in parts] != wanted or any(np.isinf(part).any() for part in parts):
            raise InputError("A stream is asked with rows of another shape, or infinite", found=[p.shape for p in parts], expected=wanted)
        said, carried = self._session.run(["log_odds", "state"], {"X": np.hstack(parts)})
        return self.calibration.apply(said[:, 0]), carried

    def probability(self, log_odds: ArrayLike) -> NDArray[np.float64]:
        """Probability of calibrated log-odds."""
        return probability_of(log_odds)
