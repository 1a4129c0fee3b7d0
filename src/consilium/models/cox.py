"""Cox regression: the log-hazard as a weighted sum of standardised inputs (lifelines, Efron's way with ties)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.models.hazard import Array, Hazards
from consilium.models.preparation import Preparation

if TYPE_CHECKING:
    from consilium.models.graph import Graph


class Cox(Hazards):
    """Cox's proportional hazards model, fitted by lifelines.

    Parameters
    ----------
    horizon : float, default 1.0
        By when `risk` speaks, in the unit of the times of follow-up.
    penalizer : float, default 0.01
        Strength of the L2 penalty on the weights of standardised inputs, per patient.

    Attributes
    ----------
    preparation_ : Preparation
    coef_ : float64 array of shape (p,)
        Log hazard ratio per standard deviation.
    """

    def __init__(self, horizon: float = 1.0, penalizer: float = 0.01) -> None:
        self.horizon = horizon
        self.penalizer = penalizer

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` linear on the log-hazard: weight times the distance from the mean of the training rows."""
        prepared = self.preparation_
        slope = self.coef_ * prepared.gain
        return self._linked(
            {
                "kind": "linear",
                "median": prepared.median.tolist(),
                "mean": prepared.mean.tolist(),
                "slope": slope.tolist(),
                "base": 0.0,
            }
        )

    def _learn(self, X: Array, time: Array, event: NDArray[np.bool_]) -> None:
        import pandas as pd
        from lifelines import CoxPHFitter

        self.preparation_ = Preparation.learned(X)
        varies = np.flatnonzero(self.preparation_.gain > 0)
        self.coef_ = np.zeros(X.shape[1])
        if not len(varies):
            return
        # Column names are places: lifelines reads names as formulas.
        table = pd.DataFrame(self.preparation_(X)[:, varies], columns=[f"x{place}" for place in varies])
        table["time"], table["event"] = time, event
        with warnings.catch_warnings():
            # A rare answer has low variance; the penalty holds its weight.
            warnings.simplefilter("ignore")
            fitted = CoxPHFitter(penalizer=self.penalizer).fit(table, "time", "event")
        self.coef_[varies] = fitted.params_.to_numpy(dtype=np.float64)

    def _log_hazard(self, X: Array) -> Array:
        return np.asarray(self.preparation_(X) @ self.coef_, dtype=np.float64)

    def _graph(self, graph: Graph) -> str:
        return graph.dense(graph.prepared(self.preparation_), self.coef_[:, None], np.zeros(1))
