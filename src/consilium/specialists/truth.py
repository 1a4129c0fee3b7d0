"""Truth: what became of the patients a learner is trained or proven on, as a yes or no, or as how long it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.report import LearnerResult, SurvivalProof
from consilium.models import hazards, learner
from consilium.validation import Measures, concordance, followed, known_weights, learner_result, measure, measure_survival

if TYPE_CHECKING:
    from consilium.models.estimator import Estimator
    from consilium.models.hazard import Hazards


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What became of n patients.

    Parameters
    ----------
    y : int8 array of shape (n,)
        0 or 1; in a question about time 0 (no longer followed), 1 (the event) or 2 (a competing event).
    years : float64 array of shape (n,), optional
        In a question about time, how long each was followed.
    horizon : float, optional
        In a question about time, the years by which the event is asked about.
    competing : str
        The code of what competes.
    subjects : int64 array of shape (n,), optional
        Patient of each row, where one may have several.
    """

    y: NDArray[np.int8]
    years: NDArray[np.float64] | None = None
    horizon: float = 0.0
    competing: str = ""
    subjects: NDArray[np.int64] | None = None

    def of(self, rows: NDArray[Any]) -> Truth:
        """That of some patients."""
        years, subjects = (None if column is None else column[rows] for column in (self.years, self.subjects))
        return Truth(self.y[rows], years, self.horizon, self.competing, subjects)

    @property
    def events(self) -> int:
        """Patients with the event, by the horizon where there is one."""
        return int(self.answer[0].sum())

    @property
    def answer(self) -> tuple[NDArray[np.int8], NDArray[np.float64] | None]:
        """Yes or no, and how many patients each stands for (None: himself): those not followed to the horizon stand for nobody."""
        if self.years is None:
            return self.y, None
        of = followed(self.years, self.y)
        return of.by(self.horizon)[0].astype(np.int8), known_weights(of, self.horizon)

    def fresh(self, name: str, parameters: Mapping[str, Any]) -> Estimator | Hazards:
        """An unfitted learner of it."""
        return learner(name, **parameters) if self.years is None else hazards(name, **{"horizon": self.horizon, **parameters})

    def taught(
        self,
        name: str,
        parameters: Mapping[str, Any],
        X: NDArray[np.float32],
        subjects: NDArray[np.int64],
        progress: Callable[[str], None] | None = None,
    ) -> Estimator | Hazards:
        """A learner fitted on all of it; X of shape (n, p), and the patient of each row."""
        if self.years is None:
            return learner(name, **parameters).fit(X, self.y, subjects, progress)
        return hazards(name, **{"horizon": self.horizon, **parameters}).fit(X, self.years, self.y)

    def measured(self, p: NDArray[np.float64], groups: Mapping[str, Sequence[Any]], seed: int) -> tuple[Measures, SurvivalProof | None]:
        """What probabilities (n,) are worth; errors as for `measure` and `measure_survival`."""
        if self.years is None:
            return measure(self.y, p, groups=groups, seed=seed, subjects=self.subjects), None
        of = followed(self.years, self.y)
        return measure_survival(of, p, self.horizon, groups=groups, competing=self.competing, seed=seed)

    def result(self, name: str, p: NDArray[np.float64], seconds: float) -> LearnerResult:
        """The line of one learner among others."""
        if self.years is None:
            return learner_result(name, self.y, p, seconds, subjects=self.subjects)
        of = followed(self.years, self.y)
        found, _ = measure_survival(of, p, self.horizon, thresholds=(0.5,), times=200)
        uno = concordance(of, p, self.horizon, times=200)[1]
        return LearnerResult(name, found.auroc, found.auprc, found.slope, found.intercept, found.brier, seconds, concordance=uno)
