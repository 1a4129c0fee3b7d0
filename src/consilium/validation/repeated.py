"""Repeated: rows that belong to the same patient, which tell less than as many patients would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Whose each of n rows is, of k < n patients.

    Parameters
    ----------
    owner : int64 array of shape (n,)
        Number of the patient, from 0.
    patients : int
        How many there are, k.
    """

    owner: NDArray[np.int64]
    patients: int

    def totals(self, values: ArrayLike) -> NDArray[np.float64]:
        """The sum of values (n,) of each patient, shape (k,)."""
        return np.bincount(self.owner, np.asarray(values, dtype=np.float64), self.patients).astype(np.float64)

    def scatter(self, influence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Covariance (c, c) of the sum of influences (n, c) that are each 0 on average, patients being independent and their rows not.

        `k / (k - 1) sum_i t_i t_i'`, `t_i` the sum of patient i (Liang and Zeger 1986, doi:10.1093/biomet/73.1.13); not a number where
        there is one patient.
        """
        totals = np.column_stack([self.totals(column) for column in influence.T])
        factor = self.patients / (self.patients - 1) if self.patients > 1 else np.nan
        return np.asarray(factor * (totals.T @ totals), dtype=np.float64)

    def effective(self, value: NDArray[np.bool_]) -> float:
        """How many independent rows would know the share of `value` (n,) as well: at most n.

        Where all are alike nothing can be learned of how patients differ, and it is the number of patients.
        """
        share = float(value.mean())
        if share in (0.0, 1.0) or self.patients < 2:
            return float(self.patients)
        spread = float(self.scatter(np.asarray(value - share, dtype=np.float64)[:, None])[0, 0])
        return float(min(value.size, value.size**2 * share * (1 - share) / spread)) if spread > 0 else float(value.size)

    def draws(self, *, seed: int, times: int) -> Iterator[NDArray[np.float64]]:
        """How often each patient is drawn, `k` of `k` with replacement, `times` times: arrays of shape (k,)."""
        random = np.random.default_rng(seed)
        for _ in range(times):
            yield np.bincount(random.integers(self.patients, size=self.patients), minlength=self.patients).astype(np.float64)


def repeated(subjects: ArrayLike | Sequence[int] | None, n: int) -> Repeated | None:
    """Whose the n rows are; None where none is said or every row is a patient of its own.

    Raises
    ------
    InputError
        When there is not one patient per row.

    Examples
    --------
    >>> found = repeated([7, 7, 9], 3)
    >>> found.owner.tolist(), found.patients
    ([0, 0, 1], 2)
    >>> repeated([7, 8, 9], 3) is None
    True
    """
    if subjects is None:
        return None
    whose = np.asarray(subjects)
    if whose.shape != (n,):
        raise InputError("Each prediction is of one patient", found=whose.shape, expected=(n,))
    there, owner = np.unique(whose, return_inverse=True)
    return Repeated(owner.astype(np.int64), there.size) if there.size < n else None
