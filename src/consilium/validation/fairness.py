"""Fairness: what each group of patients gets from the model at the risk from which one acts, and how far that is from the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core import Estimate
from consilium.core.errors import InputError
from consilium.validation.interval import TIMES, percentile
from consilium.validation.predictions import outcomes, probabilities
from consilium.validation.subgroups import LEAST_EACH, split

MEASURES = ("auroc", "observed_over_expected", "selection_rate", "false_positive_rate", "false_negative_rate", "net_benefit")
"""Area, calibration in the large, and at the threshold: share acted on, errors of both kinds, and net benefit per patient."""

_WORK = 20_000_000
"""Rows drawn in all; of very many patients fewer draws are made, whose intervals are as steady."""
_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Group:
    """One group of patients.

    Parameters
    ----------
    name : str
        `<grouping>: <label>`.
    n, events : int
        Rows, and rows with the condition.
    measures : mapping of str to Estimate
        By the names in `MEASURES`; one that so few patients cannot tell is left out.
    differences : mapping of str to Estimate
        The group's less that of everybody else, on the same draws; left out where either is.
    note : str
        What was left out and why.
    """

    name: str
    n: int
    events: int
    measures: Mapping[str, Estimate] = field(default_factory=dict)
    differences: Mapping[str, Estimate] = field(default_factory=dict)
    note: str = ""


def fairness(
    y: ArrayLike,
    p: ArrayLike,
    groups: Mapping[str, Sequence[Any]],
    threshold: float,
    *,
    subjects: Sequence[int] | NDArray[np.int64] | None = None,
    seed: int = 0,
    times: int | None = None,
) -> tuple[Group, ...]:
    """Measure every group, and its distance from everybody else, with percentile intervals of a bootstrap over patients.

    Parameters
    ----------
    y, p : array-like of shape (n,)
        Outcomes (0 or 1) and probabilities.
    groups : mapping of str to sequence of n labels
        As for `subgroups`.
    threshold : float
        The risk, in (0, 1), from which one acts (`p >= threshold`).
    subjects : sequence of int, length n, optional
        Patient of each row: all rows of a patient are drawn together. Without it each row is a patient of its own.
    seed, times : int
        Of the bootstrap; by default 1000 draws, fewer (at least 200) beyond 20,000 rows.

    Raises
    ------
    InputError
        When the predictions cannot be measured, the threshold is no risk, or a grouping has not one label per row.

    Examples
    --------
    >>> women, men = fairness([0, 1] * 40, [0.2, 0.8] * 40, {"sex": ["F", "F", "M", "M"] * 20}, 0.5, times=50)
    >>> women.name, women.measures["selection_rate"].value, men.differences["selection_rate"].value
    ('sex: F', 0.5, 0.0)
    """
    event = outcomes(y)
    p = probabilities(p, event.size)
    if not 0 < threshold < 1:
        raise InputError("The risk from which one acts lies between 0 and 1", found=threshold)
    owners = np.arange(event.size) if subjects is None else np.unique(np.asarray(subjects), return_inverse=True)[1]
    times = times or int(np.clip(_WORK // event.size, 200, TIMES))
    random = np.random.default_rng(seed)
    patients = int(owners.max()) + 1
    weights = [np.ones(event.size)]
    weights += [np.bincount(random.integers(patients, size=patients), minlength=patients)[owners].astype(np.float64) for _ in range(times)]
    found = []
    for grouping, labels in groups.items():
        parts = list(split(grouping, labels, event.size))
        drawn = _measured(event, p, [rows for _, rows in parts], threshold, weights)
        for k, (label, rows) in enumerate(parts):
            found.append(_group(f"{grouping}: {label}", event, rows, drawn[:, k]))
    return tuple(found)


def _measured(
    event: NDArray[np.bool_], p: NDArray[np.float64], parts: Sequence[NDArray[np.bool_]], threshold: float, weights: Sequence[NDArray[Any]]
) -> NDArray[np.float64]:
    """Measures of shape (draws, groups, 2, measures): of the group, and of everybody else."""
    k = len(parts)
    group = np.argmax(np.stack(parts), axis=0)
    cell = (group * 2 + event) * 2 + (p >= threshold)
    exact = np.unique(p, return_inverse=True)[1]
    # Draws are made of the predictions in a thousand groups of equal size: that moves an area by far less than its interval.
    upto = np.cumsum(np.bincount(exact)) - 1
    coarse = exact if exact.max() < _STEPS else np.unique((upto * _STEPS // p.size)[exact], return_inverse=True)[1]
    out = np.empty((len(weights), k, 2, len(MEASURES)))
    for d, w in enumerate(weights):
        place = coarse if d else exact
        steps = int(place.max()) + 1
        counts = np.bincount(cell, w, 4 * k).reshape(k, 2, 2)
        expected = np.bincount(group, w * p, k)
        curve = np.bincount((group * 2 + event) * steps + place, w, 2 * k * steps).reshape(k, 2, steps)
        out[d, :, 0] = _of(counts, expected, curve, threshold)
        out[d, :, 1] = _of(counts.sum(0) - counts, expected.sum() - expected, curve.sum(0) - curve, threshold)
    return out


def _of(c: NDArray[Any], expected: NDArray[Any], curve: NDArray[Any], threshold: float) -> NDArray[np.float64]:
    """Measures (k, measures) of k sides: weights by outcome and side of the threshold, sums of predictions, weights by prediction."""
    n, without, with_ = c.sum(axis=(1, 2)), c[:, 0].sum(axis=1), c[:, 1].sum(axis=1)
    below = np.cumsum(curve[:, 0], axis=1) - curve[:, 0] / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.column_stack(
            [
                (curve[:, 1] * below).sum(axis=1) / (with_ * without),
                with_ / expected,
                c[:, :, 1].sum(axis=1) / n,
                c[:, 0, 1] / without,
                c[:, 1, 0] / with_,
                (c[:, 1, 1] - c[:, 0, 1] * threshold / (1 - threshold)) / n,
            ]
        )


def _group(name: str, event: NDArray[np.bool_], rows: NDArray[np.bool_], drawn: NDArray[np.float64]) -> Group:
    n, events = int(rows.sum()), int(event[rows].sum())
    few = {True: min(events, n - events) < LEAST_EACH, False: n - events < LEAST_EACH, None: events < LEAST_EACH}
    apart = {"auroc": few[True], "false_positive_rate": few[False], "false_negative_rate": few[None]}
    kept = [m for m in MEASURES if not apart.get(m, n < LEAST_EACH)]
    own = {m: percentile(float(drawn[0, 0, j]), drawn[1:, 0, j]) for j, m in enumerate(MEASURES) if m in kept}
    gap = drawn[:, 0] - drawn[:, 1]
    away = {m: percentile(float(gap[0, j]), gap[1:, j]) for j, m in enumerate(MEASURES) if m in kept and math.isfinite(gap[0, j])}
    left = [m.replace("_", " ") for m in MEASURES if m not in kept]
    note = f"not measured for fewer than {LEAST_EACH} patients: {', '.join(left)}" if left else ""
    return Group(name, n, events, own, away, note)
