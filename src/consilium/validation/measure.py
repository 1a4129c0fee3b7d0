"""Measure: everything a report says about predictions, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from consilium.core import CalibrationPoint, Estimate, LearnerResult, NetBenefitPoint, Subgroup
from consilium.validation.calibration import (
    brier,
    calibration_curve,
    calibration_intercept,
    calibration_slope,
    observed_over_expected,
    scaled_brier,
)
from consilium.validation.discrimination import auprc, auroc
from consilium.validation.net_benefit import THRESHOLDS, net_benefit
from consilium.validation.predictions import outcomes, probabilities
from consilium.validation.subgroups import subgroups


@dataclass(frozen=True, slots=True)
class Measures:
    """What predictions are worth; the fields that a `Report` has too bear the same names."""

    n: int
    events: int
    auroc: Estimate
    auprc: Estimate
    slope: Estimate
    intercept: Estimate
    observed_over_expected: Estimate
    brier: Estimate
    scaled_brier: Estimate
    calibration: tuple[CalibrationPoint, ...]
    net_benefit: tuple[NetBenefitPoint, ...]
    subgroups: tuple[Subgroup, ...]


def measure(
    y: ArrayLike,
    p: ArrayLike,
    *,
    groups: Mapping[str, Sequence[Any]] | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
    seed: int = 0,
    subjects: ArrayLike | None = None,
) -> Measures:
    """Measure predictions made for patients the model had not seen.

    Parameters
    ----------
    y : array-like of shape (n,)
        Outcomes, 0 or 1.
    p : array-like of shape (n,)
        Probabilities; of log-odds, `probability(log_odds)`.
    groups : mapping of str to sequence of n labels, optional
        Subgroups by grouping, as for `subgroups`.
    thresholds : sequence of float
        Of the decision curve.
    seed : int
        Of every bootstrap, so that the same predictions always give the same report.
    subjects : sequence of n patients, optional
        Patient of each row, where one may have several: then patients, not rows, are what chance draws.

    Raises
    ------
    InputError
        When the predictions or groups cannot be measured.
    """
    event = outcomes(y)
    p = probabilities(p, event.size)
    return Measures(
        n=event.size,
        events=int(event.sum()),
        auroc=auroc(event, p, subjects=subjects),
        auprc=auprc(event, p, seed=seed, subjects=subjects),
        slope=calibration_slope(event, p, subjects=subjects),
        intercept=calibration_intercept(event, p, subjects=subjects),
        observed_over_expected=observed_over_expected(event, p, subjects=subjects),
        brier=brier(event, p, seed=seed, subjects=subjects),
        scaled_brier=scaled_brier(event, p, seed=seed, subjects=subjects),
        calibration=calibration_curve(event, p, subjects=subjects),
        net_benefit=net_benefit(event, p, thresholds, seed=seed, subjects=subjects),
        subgroups=subgroups(event, p, groups or {}, subjects=subjects),
    )


def learner_result(
    name: str, y: ArrayLike, p: ArrayLike, seconds: float, *, seed: int = 0, subjects: ArrayLike | None = None
) -> LearnerResult:
    """The same measures of one learner among others; `seconds` is how long its whole proof took. Errors as for `measure`."""
    return LearnerResult(
        learner=name,
        auroc=auroc(y, p, subjects=subjects),
        auprc=auprc(y, p, seed=seed, subjects=subjects),
        slope=calibration_slope(y, p, subjects=subjects),
        intercept=calibration_intercept(y, p, subjects=subjects),
        brier=brier(y, p, seed=seed, subjects=subjects),
        seconds=seconds,
    )
