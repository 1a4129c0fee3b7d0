"""Subgroups: whether the model serves each group of patients as well as the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core import Subgroup
from consilium.core.errors import InputError
from consilium.validation.calibration import observed_over_expected
from consilium.validation.discrimination import auroc
from consilium.validation.predictions import outcomes, probabilities

LEAST_EACH = 10
"""Below so many events, or so many patients without one, the AUROC of a group is noise."""

LEAST_FOR_GAP = 50
"""Below so many patients a group's distance from the whole is not held against the model."""

UNKNOWN = "unknown"


def subgroups(
    y: ArrayLike, p: ArrayLike, groups: Mapping[str, Sequence[Any]], *, subjects: ArrayLike | None = None
) -> tuple[Subgroup, ...]:
    """Discrimination and calibration in each group, named `<grouping>: <label>`.

    A group needs 10 events and 10 patients without one to be measured at all, and 50 patients for its gap to count; its note
    says what was left out and why. The gap is how far its AUROC lies below that of the whole, 0 where it lies above.

    Parameters
    ----------
    y, p : array-like of shape (n,)
        Outcomes (0 or 1) and probabilities.
    groups : mapping of str to sequence of n labels
        Such as `{"sex": ["F", "M", ...]}`; None, NaN and the empty string are the group `unknown`, which is shown, last.
    subjects : sequence of n patients, optional
        Patient of each row, where one may have several: then patients, not rows, are what chance draws.

    Raises
    ------
    InputError
        When the predictions cannot be measured, or a grouping has not one label per patient.
    """
    event = outcomes(y)
    p = probabilities(p, event.size)
    whole = auroc(event, p).value
    whose = np.arange(event.size) if subjects is None else np.asarray(subjects)
    return tuple(
        _one(f"{grouping}: {label}", event[rows], p[rows], whole, whose[rows])
        for grouping, labels in groups.items()
        for label, rows in split(grouping, labels, event.size)
    )


def split(grouping: str, labels: Sequence[Any], n: int) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each label of a grouping and its patients, bool (n,); errors as for `subgroups`."""
    if len(labels) != n:
        raise InputError("A grouping needs one label per patient", where=f"subgroups by {grouping}", found=len(labels), expected=n)
    named = np.array([UNKNOWN if label is None or label != label or label == "" else str(label) for label in labels])
    for label in sorted(set(named.tolist()), key=lambda label: (label == UNKNOWN, label)):
        yield label, named == label


def _one(name: str, event: NDArray[np.bool_], p: NDArray[np.float64], whole: float, whose: NDArray[np.int64]) -> Subgroup:
    n, events = event.size, int(event.sum())
    if min(events, n - events) < LEAST_EACH:
        return Subgroup(name, n, events, None, None, None, f"not measured: fewer than {LEAST_EACH} patients with or without the condition")
    own, ratio = auroc(event, p, subjects=whose), observed_over_expected(event, p, subjects=whose)
    if n < LEAST_FOR_GAP:
        return Subgroup(name, n, events, own, ratio, None, f"gap not counted: fewer than {LEAST_FOR_GAP} patients")
    return Subgroup(name, n, events, own, ratio, max(0.0, whole - own.value))
