"""Sample size: how many patients a model of so many parameters would have needed, and what those there were can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from consilium.validation.predictions import CLIP, outcomes, probabilities


@dataclass(frozen=True, slots=True)
class SampleSize:
    """What there was, and what would have been needed.

    Parameters
    ----------
    n, events, parameters : int
        Rows, rows of the rarer outcome, and candidate predictor parameters.
    per_parameter : float
        Events (of the rarer outcome) per parameter.
    r_squared : float
        Cox-Snell R² of the predictions for unseen patients (0 where they explain nothing).
    needed : int or None
        Rows for a shrinkage of at least 0.9, an optimism of at most 0.05 in Nagelkerke's R², and the overall risk within 0.05
        (Riley et al. 2019); None where the predictions explain nothing, so that no number would do.
    """

    n: int
    events: int
    parameters: int
    per_parameter: float
    r_squared: float
    needed: int | None


def sample_size(y: ArrayLike, p: ArrayLike, parameters: int) -> SampleSize:
    """Hold a sample against the criteria of Riley et al. 2019 (doi:10.1002/sim.7992, doi:10.1136/bmj.m441) for a binary outcome.

    They are made for regression; a more flexible learner needs more (van der Ploeg et al. 2014, doi:10.1186/1471-2288-14-137).

    Parameters
    ----------
    y, p : array-like of shape (n,)
        Outcomes (0 or 1), and probabilities for patients the model had not seen.
    parameters : int
        Candidate predictor parameters, at least 1.

    Examples
    --------
    >>> found = sample_size([0, 1] * 100, [0.3, 0.7] * 100, 10)
    >>> found.per_parameter, found.needed
    (10.0, 385)
    """
    event = outcomes(y)
    p = np.clip(probabilities(p, event.size), CLIP, 1 - CLIP)
    n, share = event.size, float(event.mean())
    fitted = float(np.log(np.where(event, p, 1 - p)).sum())
    null = n * (share * math.log(share) + (1 - share) * math.log(1 - share))
    r2 = max(0.0, 1 - math.exp(2 * (null - fitted) / n))
    rarer = int(min(event.sum(), n - event.sum()))
    most = 1 - math.exp(2 * null / n)
    needed = None
    if r2 > 0:
        shrunk = [0.9, r2 / (r2 + 0.05 * most)]
        by_shrinkage = [parameters / ((s - 1) * math.log(1 - r2 / s)) for s in shrunk if r2 / s < 1]
        needed = math.ceil(max([(1.96 / 0.05) ** 2 * share * (1 - share), *by_shrinkage]))
    return SampleSize(n, rarer, parameters, rarer / parameters, r2, needed)
