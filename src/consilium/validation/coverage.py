"""Coverage: how often sets of answers held the truth among patients they were not made from, and how often they decided nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import InputError
from consilium.core.report import Coverage
from consilium.validation.interval import wilson
from consilium.validation.predictions import outcomes
from consilium.validation.repeated import repeated

LEAST = 10
"""A group of fewer patients is not shown: its coverage would be noise."""


def coverage(
    y: ArrayLike,
    answers: ArrayLike,
    groups: Mapping[str, Sequence[Any]] | None = None,
    weight: ArrayLike | None = None,
    subjects: ArrayLike | None = None,
) -> tuple[Coverage, ...]:
    """Coverage among all patients, with and without the condition, and in each group of at least 10, with Wilson intervals.

    Parameters
    ----------
    y : array-like of shape (n,)
        0 or 1.
    answers : bool array-like of shape (n, 2)
        Whether `no` and `yes` stand.
    groups : mapping of str to sequence of n labels, optional
    weight : array-like of shape (n,), optional
        How many patients each stands for, where some outcomes are not known (0); shares are weighted, `n` counts those known, and the
        intervals are those of Kish's effective number of patients.
    subjects : sequence of n patients, optional
        Patient of each row, where one may have several: then patients, not rows, are what chance draws.

    Raises
    ------
    InputError
        When the answers are not of these patients.

    Examples
    --------
    >>> found = coverage([0, 1], [[True, False], [True, True]])
    >>> found[0].name, found[0].covered.value, found[0].undecided
    ('all', 1.0, 0.5)
    """
    event = outcomes(y)
    stand = np.asarray(answers, dtype=np.bool_)
    if stand.shape != (event.size, 2):
        raise InputError("Sets of answers and outcomes are not of the same patients", found=stand.shape, expected=(event.size, 2))
    of = np.ones(event.size) if weight is None else np.asarray(weight, dtype=np.float64)
    known = of > 0
    whose = np.arange(event.size) if subjects is None else np.asarray(subjects)
    found = [
        _one(name, event[rows], stand[rows], of[rows], whose[rows])
        for name, rows in (("all", known), ("with the condition", known & event), ("without the condition", known & ~event))
    ]
    for kind, labels in (groups or {}).items():
        named = np.asarray([str(label) for label in labels])
        for label in sorted(set(named.tolist())):
            rows = known & (named == label)
            if rows.sum() >= LEAST:
                found.append(_one(f"{kind}: {label}", event[rows], stand[rows], of[rows], whose[rows]))
    return tuple(found)


def _one(name: str, event: NDArray[np.bool_], stand: NDArray[np.bool_], of: NDArray[np.float64], whose: NDArray[np.int64]) -> Coverage:
    whole = float(of.sum())
    right = stand[np.arange(event.size), event.astype(int)]
    same = repeated(whose, event.size)
    effective = whole**2 / float(of @ of) * (1.0 if same is None else same.effective(right) / event.size)
    held = float(of @ right)
    undecided, neither = float(of @ stand.all(axis=1)) / whole, float(of @ ~stand.any(axis=1)) / whole
    return Coverage(name, event.size, wilson(held * effective / whole, effective), undecided, neither)
