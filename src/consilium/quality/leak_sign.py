"""Sign: whether a thing that is there or not (a code, a word, a value) stands with cases, or with controls, beyond what is honest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilium.quality.leak_report import Said, said

_EXCLUSIVE = 10.0  # least likelihood ratio, at the upper bound of the share of the others, of a sign that stands on one side
NAMED = 3.0
"""Least lower bound of the likelihood ratio of a sign whose very name speaks of the outcome."""
CONSEQUENCE = 2.0
"""The same of what is done because of an outcome: no risk factor is called resuscitation, so that less is needed."""
_CERTAIN = 2.0  # standard errors of that bound
_ACCIDENT = -14.0  # log of the chance at which a side without a single one is no accident


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign that tells too much.

    Parameters
    ----------
    kind : str
        `only_in_cases` or `named_after_outcome`.
    of_cases : bool
        Whether it is cases that have it.
    hits : int
        How many of them do.
    power : float
        Likelihood ratio, at the bound that decided.
    cases, controls, n1, n0 : int
        Cases and controls that have it, and all of them.
    """

    kind: str
    of_cases: bool
    hits: int
    power: float
    cases: int
    controls: int
    n1: int
    n0: int

    @property
    def counts(self) -> Said:
        """Who has it, in words."""
        return said("counts", cases=self.cases, n1=self.n1, controls=self.controls, n0=self.n0)


def sign(y: NDArray[np.int8], cases: int, controls: int, *, bar: float = np.inf) -> Sign | None:
    """What is wrong with a sign that so many cases and controls have; None when it may be honest.

    Parameters
    ----------
    y : int8 array of shape (n,)
        The truth of all rows.
    cases, controls : int
        How many of each have the sign.
    bar : float
        Least lower bound of the likelihood ratio that is suspected of its name: `NAMED`, `CONSEQUENCE`; none where the name says nothing.

    Examples
    --------
    >>> y = np.repeat([1, 0], [60, 240]).astype(np.int8)
    >>> sign(y, 21, 7, bar=NAMED).kind, sign(y, 21, 7), sign(y, 20, 40, bar=NAMED)
    ('named_after_outcome', None, None)
    >>> sign(y, 0, 120).of_cases
    False
    """
    n1, n0 = int((y > 0).sum()), int((y == 0).sum())
    for of_cases, hits, others, own, rest in ((True, cases, controls, n1, n0), (False, controls, cases, n0, n1)):
        power = ratio(hits, others, own, rest)
        if (power >= _EXCLUSIVE and hits >= 8) or (others == 0 and hits >= 15 and rest * np.log1p(-min(hits / own, 0.999)) < _ACCIDENT):
            return Sign("only_in_cases", of_cases, hits, power, cases, controls, n1, n0)
    if cases >= 6 and (power := least_ratio(cases, controls, n1, n0)) >= bar:
        return Sign("named_after_outcome", True, cases, power, cases, controls, n1, n0)
    return None


def ratio(hits: int, others: int, own: int, rest: int) -> float:
    """Likelihood ratio of a sign at the upper 95 % bound of its share among the others (rule of three)."""
    upper = (others + 3 + 1.6 * float(np.sqrt(others))) / (rest + 3)
    return hits / max(own, 1) / min(1.0, upper)


def least_ratio(hits: int, others: int, own: int, rest: int) -> float:
    """Lower bound of the likelihood ratio of a sign (normal approximation of its log, halves added)."""
    error = np.sqrt(max(0.0, 1 / (hits + 0.5) - 1 / (own + 0.5) + 1 / (others + 0.5) - 1 / (rest + 0.5)))
    return float((hits + 0.5) / (own + 0.5) / ((others + 0.5) / (rest + 0.5)) * np.exp(-_CERTAIN * error))
