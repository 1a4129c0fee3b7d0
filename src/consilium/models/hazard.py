"""Hazards: the one contract of everything that learns how soon something happens, from times that may be cut off."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from consilium.core.errors import ModelError
from consilium.models.odds import log_odds_of_hazard, probability_of

if TYPE_CHECKING:
    import onnx

    from consilium.models.graph import Graph

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Cumulative hazard of the patient whose log-hazard is 0: a step function that never falls.

    Parameters
    ----------
    time : float64 array of shape (k,)
        Times of events in training, rising.
    hazard : float64 array of shape (k,)
        Cumulative hazard from each on.
    until : float
        The longest follow-up of training, beyond which nothing is known.
    """

    time: Array
    hazard: Array
    until: float

    @classmethod
    def breslow(cls, log_hazard: Array, time: Array, event: NDArray[np.bool_]) -> Baseline:
        """Breslow's estimate (1974): at each time of events, their number over the summed hazards of those still followed.

        Examples
        --------
        >>> baseline = Baseline.breslow(np.zeros(4), np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, True, False, False]))
        >>> baseline.hazard.round(4).tolist()
        [0.25, 0.5833]
        """
        at, of = np.unique(time, return_inverse=True)
        followed = np.bincount(of, np.exp(log_hazard), len(at))[::-1].cumsum()[::-1]
        deaths = np.bincount(of, event, len(at))
        some = deaths > 0
        return cls(at[some], np.cumsum(deaths[some] / followed[some]), float(time.max()))

    def at(self, times: ArrayLike) -> Array:
        """Cumulative hazard at `times`, shaped as they are.

        Raises
        ------
        ModelError
            When a time is negative or beyond the longest follow-up.
        """
        asked = np.asarray(times, dtype=np.float64)
        if not ((asked >= 0) & (asked <= self.until)).all():
            raise ModelError(
                "Survival is asked of a time that nobody was followed to", found=float(np.max(asked, initial=0)), expected=(0, self.until)
            )
        return np.asarray(np.concatenate([[0.0], self.hazard])[np.searchsorted(self.time, asked, side="right")], dtype=np.float64)


class Hazards(BaseEstimator):  # type: ignore[misc]
    """A proportional hazards learner: `hazard(t | x) = baseline(t) * exp(log_hazard(x))`.

    Rows are float32, NaN where nothing was observed, as in `Estimator`. A subclass writes `_learn`, `_log_hazard`, `_graph` and
    `reasons`, and has a parameter `horizon`: the time by which `risk` and `log_odds` speak of, in the unit of `time`. Where another
    event competes, the hazard is that of the event alone (cause-specific: who has the other event is no longer followed).

    Attributes
    ----------
    baseline_ : Baseline
    n_features_in_ : int
    """

    horizon: float
    baseline_: Baseline

    def fit(self, X: ArrayLike, time: ArrayLike, event: ArrayLike) -> Self:
        """Learn from X of shape (n, p), how long each patient was followed (n,), and how that ended (n,): 1 with the event, else without.

        Raises
        ------
        ValueError
            When shapes disagree, a time is not above 0, nobody has the event, or nobody was followed up to the horizon.
        """
        rows = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan").astype(np.float64)
        until, happened = np.asarray(time, dtype=np.float64), np.asarray(event) == 1
        if until.shape != (len(rows),) or happened.shape != until.shape:
            raise ValueError(f"Found input variables with inconsistent numbers of samples: {[len(rows), until.shape, happened.shape]}")
        if not (np.isfinite(until) & (until > 0)).all():
            raise ValueError("A time of follow-up is not a number above 0")
        if not happened.any():
            raise ValueError(f"{type(self).__name__} needs events to learn from; nobody had one")
        if until.max() < self.horizon:
            raise ValueError(f"Nobody was followed up to the horizon: {until.max()} is before {self.horizon}")
        self._learn(rows, until, happened)
        self.baseline_ = Baseline.breslow(self._log_hazard(rows), until, happened)
        return self

    def log_hazard(self, X: ArrayLike) -> Array:
        """Natural logarithm of each patient's hazard over the baseline's, float64 of shape (n,); the order of risk at any time."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float32, ensure_all_finite="allow-nan")
        return self._log_hazard(rows.astype(np.float64))

    def survival(self, X: ArrayLike, times: ArrayLike) -> Array:
        """Probability of being without the event at each time, float64 of shape (n, len(times)); never rises with time.

        Raises
        ------
        ModelError
            When a time is negative or beyond the longest follow-up of training.
        """
        hazard = np.exp(np.clip(self.log_hazard(X), -700, 700))
        return np.asarray(np.exp(-np.outer(hazard, self.baseline_.at(np.atleast_1d(times)))), dtype=np.float64)

    def risk(self, X: ArrayLike) -> Array:
        """Uncalibrated probability of the event by the horizon, float64 of shape (n,)."""
        return probability_of(self.log_odds(X))

    def log_odds(self, X: ArrayLike) -> Array:
        """Uncalibrated log-odds of the event by the horizon, float64 of shape (n,)."""
        return log_odds_of_hazard(self.log_hazard(X) + self.offset_)

    @property
    def offset_(self) -> float:
        """Logarithm of the baseline's cumulative hazard at the horizon."""
        hazard = float(self.baseline_.at(self.horizon))
        return float(np.log(hazard)) if hazard > 0 else -np.inf

    def course(self) -> dict[str, list[float]]:
        """The baseline's cumulative hazard over time, as a share of that at the horizon, for `ServedModel.survival`; JSON lists."""
        share = self.baseline_.hazard / float(self.baseline_.at(self.horizon))
        return {"time": self.baseline_.time.tolist(), "share": share.tolist(), "until": [self.baseline_.until]}

    def to_onnx(self) -> onnx.ModelProto:
        """The fitted learner as ONNX: `X` float32 [n, p] to `log_odds` float32 [n, 1] of the event by the horizon."""
        from consilium.models.graph import Graph

        check_is_fitted(self)
        graph = Graph(self.n_features_in_)
        return graph.model(graph.log_odds_of_hazard(self._graph(graph), self.offset_))

    @abstractmethod
    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """As `Estimator.reasons`; reasons on the log-hazard scale carry `link` and `offset`, by which they are taken to log-odds."""

    @abstractmethod
    def _learn(self, X: Array, time: Array, event: NDArray[np.bool_]) -> None:
        """Learn from complete shapes: X (n, p) float64 holding float32 values."""

    @abstractmethod
    def _log_hazard(self, X: Array) -> Array:
        """Log-hazard (n,) of rows as in `_learn`."""

    @abstractmethod
    def _graph(self, graph: Graph) -> str:
        """Name of the log-hazard, float64 [n, 1], in a graph."""

    def _linked(self, reasons: dict[str, Any]) -> dict[str, Any]:
        return {**reasons, "link": "hazard", "offset": self.offset_}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def pull(log_hazard: Array, time: Array, event: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Gradient and curvature (n,) of minus Breslow's log partial likelihood by each patient's log-hazard.

    Examples
    --------
    >>> gradient, curvature = pull(np.zeros(2), np.array([1.0, 2.0]), np.array([True, False]))
    >>> gradient.tolist(), curvature.tolist()
    ([-0.5, 0.5], [0.25, 0.25])
    """
    hazard = np.exp(log_hazard - log_hazard.max())
    at, of = np.unique(time, return_inverse=True)
    followed = np.bincount(of, hazard, len(at))[::-1].cumsum()[::-1]
    deaths = np.bincount(of, event, len(at))
    once, twice = np.cumsum(deaths / followed)[of], np.cumsum(deaths / followed**2)[of]
    return hazard * once - event, hazard * once - hazard**2 * twice
