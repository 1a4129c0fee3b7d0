"""Predictions: what a model said of patients whose outcome is known, checked before anything is measured on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import InputError

CLIP = 1e-6
"""Probabilities are held in [CLIP, 1 - CLIP] before their logarithm is taken, so that 0 and 1 stay finite (13.8 in log-odds)."""


def outcomes(y: ArrayLike, *, both: bool = True) -> NDArray[np.bool_]:
    """Outcomes as booleans.

    Parameters
    ----------
    y : array-like of shape (n,), n > 0
        0 or 1, or booleans.
    both : bool
        Whether both outcomes must occur.

    Raises
    ------
    InputError
        When there is none, when a value is neither 0 nor 1, or when both must occur and one does not.
    """
    raw = np.asarray(y)
    if raw.ndim != 1 or not raw.size:
        raise InputError("Outcomes must be one per patient", found=raw.shape, expected="(n,)")
    known = (raw == 0) | (raw == 1)
    if not np.all(known):
        row = int(np.argmin(known))
        raise InputError(
            "An outcome is neither 0 nor 1", where=f"row {row}", found=raw[row].item(), do="leave patients without a known outcome out"
        )
    out = raw.astype(bool)
    if both and (out.all() or not out.any()):
        raise InputError(
            "Nothing can be measured without patients with and without the condition",
            found=f"{int(out.sum())} events in {out.size} patients",
        )
    return out


def scores(s: ArrayLike, n: int) -> NDArray[np.float64]:
    """Scores, one finite number for each of `n` patients, in any unit that orders them.

    Raises
    ------
    InputError
        When their number is not `n`, or one is not finite.
    """
    out = np.asarray(s, dtype=np.float64)
    if out.shape != (n,):
        raise InputError("Predictions and outcomes are not of the same patients", found=out.shape, expected=(n,))
    finite = np.isfinite(out)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(
            "A prediction is not a number", where=f"row {row}", found=float(out[row]), do="leave abstentions out and count them"
        )
    return out


def probabilities(p: ArrayLike, n: int) -> NDArray[np.float64]:
    """Probabilities of shape (n,), in [0, 1].

    Raises
    ------
    InputError
        When their number is not `n`, or one lies outside [0, 1].
    """
    out = scores(p, n)
    inside = (out >= 0.0) & (out <= 1.0)
    if not inside.all():
        row = int(np.argmin(inside))
        raise InputError(
            "A probability lies outside 0 to 1", where=f"row {row}", found=float(out[row]), do="convert log-odds with `probability`"
        )
    return out


def probability(log_odds: ArrayLike) -> NDArray[np.float64]:
    """Probabilities of log-odds (natural logarithm), without overflow.

    Examples
    --------
    >>> probability([-1000.0, 0.0, 1000.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    z = np.asarray(log_odds, dtype=np.float64)
    small = np.exp(-np.abs(z))
    out: NDArray[np.float64] = np.where(z >= 0, 1.0, small) / (1.0 + small)
    return out


def log_odds(p: ArrayLike) -> NDArray[np.float64]:
    """Log-odds (natural logarithm) of probabilities, held in [CLIP, 1 - CLIP] first.

    Examples
    --------
    >>> log_odds([0.0, 0.5, 1.0]).round(2).tolist()
    [-13.82, 0.0, 13.82]
    """
    held = np.clip(np.asarray(p, dtype=np.float64), CLIP, 1.0 - CLIP)
    out: NDArray[np.float64] = np.log(held) - np.log1p(-held)
    return out
