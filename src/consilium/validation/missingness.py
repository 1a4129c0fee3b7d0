"""Missingness: which inputs were not there, and who had them all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from consilium.core.errors import InputError


def missing_share(observed: ArrayLike, names: Sequence[str]) -> dict[str, float]:
    """Share of patients without each input.

    Parameters
    ----------
    observed : array-like of bool, shape (n, p)
        Whether each input was there.
    names : sequence of p str
        Of the inputs.

    Raises
    ------
    InputError
        When there is not one name per column, or no patient.

    Examples
    --------
    >>> missing_share([[True, False], [True, True]], ["age", "lactate"])
    {'age': 0.0, 'lactate': 0.5}
    """
    seen = np.asarray(observed, dtype=bool)
    if seen.ndim != 2 or not seen.shape[0] or seen.shape[1] != len(names):
        raise InputError("Missing inputs cannot be counted", found=seen.shape, expected=f"(n, {len(names)})")
    return {name: float(share) for name, share in zip(names, 1 - seen.mean(axis=0), strict=True)}


def completeness(observed: ArrayLike) -> list[str]:
    """Label each patient `complete` or `incomplete`, to measure both as subgroups.

    Examples
    --------
    >>> completeness([[True, False], [True, True]])
    ['incomplete', 'complete']
    """
    labels: list[str] = np.where(np.asarray(observed, dtype=bool).all(axis=1), "complete", "incomplete").tolist()
    return labels
