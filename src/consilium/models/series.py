"""Series learners: recurrent networks (plain, GRU, LSTM) and a temporal convolutional network, under the contract of every learner."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from consilium.models.estimator import Estimator
from consilium.models.grid import Grid
from consilium.models.preparation import NEGLIGIBLE, Preparation
from consilium.models.sequence import Sequence

if TYPE_CHECKING:
    import onnx

USUAL_ROWS = 4096
PATIENCE = 4


class SeriesLearner(Estimator):
    """A network over a series, trained by torch (AdamW, early stopping by patient) and then asked in numpy.

    A row is what stands still, then each step's channels, oldest first (`Grid`); NaN is not seen. With `steps=1` and `fixed=0`, which
    is what scikit-learn's own checks use, a row is a series of one step.

    Parameters
    ----------
    steps : int, default 1
        Moments on the grid.
    fixed : int, default 0
        Columns before the series that are asked once.
    units : int, default 32
        Hidden units.
    epochs : int, default 40
        Passes over the training rows at most. From 20 patients in the rarer class on, 15 in 100 of the patients are set apart, and
        training ends when 4 passes have not improved the log loss on them; the best pass is kept.
    batch : int, default 64
    rate : float, default 0.003
    decay : float, default 0.01
        Weight decay.
    drop : float, default 0.3
        Share of hidden units and fixed columns left out at random while training.
    balance : float, default 0.5
        How far the rarer class is weighed up: 0 not at all, 1 until both classes weigh the same.
    random_state : int, default 0

    Attributes
    ----------
    net_ : Sequence
    n_iter_ : int
        Passes behind the weights that were kept.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        steps: int = 1,
        fixed: int = 0,
        units: int = 32,
        epochs: int = 40,
        batch: int = 64,
        rate: float = 0.003,
        decay: float = 0.01,
        drop: float = 0.3,
        balance: float = 0.5,
        random_state: int = 0,
    ) -> None:
        self.steps = steps
        self.fixed = fixed
        self.units = units
        self.epochs = epochs
        self.batch = batch
        self.rate = rate
        self.decay = decay
        self.drop = drop
        self.balance = balance
        self.random_state = random_state

    def to_onnx(self) -> onnx.ModelProto:
        """The fitted learner as ONNX: `X` float32 [n, p] to `log_odds` float32 [n, 1]."""
        from consilium.models.sequence_graph import whole

        check_is_fitted(self)
        return whole(self.net_)

    def to_step_onnx(self) -> onnx.ModelProto:
        """One step of it as ONNX, with its state carried; see `sequence_graph.step` and `Stream`."""
        from consilium.models.sequence_graph import step

        check_is_fitted(self)
        return step(self.net_)

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` gradients: integrated gradients from the usual patient."""
        return {"kind": "gradients", **self.net_.as_json()}

    def _learn_of(self, X: NDArray[np.float64], y: NDArray[np.int64], subjects: NDArray[np.int64], progress: Callable[[str], None]) -> None:
        from consilium.models.sequence_training import Course, trained

        grid = Grid.of_width(X.shape[1], steps=self.steps, fixed=self.fixed)
        fixed, series = grid.split(X)
        mean, gain = _scale(series)
        bare = Sequence(self.kind, grid, Preparation.learned(fixed), mean, gain, {}, (np.zeros((0, 0)), np.zeros(0)))
        seen = bare.see(X)
        some = np.random.default_rng(self.random_state).permutation(len(X))[:USUAL_ROWS]
        usual = (_rounded(seen.z[some].mean(axis=0)), _rounded(seen.fixed[some].mean(axis=0)))
        course = Course(self.units, self.epochs, self.batch, PATIENCE, self.rate, self.decay, self.drop, self.balance, self.random_state)
        weights, self.n_iter_ = trained(self.kind, seen.z, seen.live, seen.fixed, y, subjects, course, progress)
        self.net_ = Sequence(self.kind, grid, bare.fixed, mean, gain, weights, usual)

    def _learn(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        self._learn_of(X, y, np.arange(len(X), dtype=np.int64), lambda _: None)

    def _log_odds(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.net_.log_odds(X)


class RNN(SeriesLearner):
    """Plain recurrent network (Elman)."""

    kind = "rnn"


class GRU(SeriesLearner):
    """Recurrent network of gated recurrent units (Cho et al. 2014)."""

    kind = "gru"


class LSTM(SeriesLearner):
    """Recurrent network of long short-term memory units (Hochreiter & Schmidhuber 1997)."""

    kind = "lstm"


class TCN(SeriesLearner):
    """Temporal convolutional network (Bai, Kolter & Koltun 2018), causal and dilated."""

    kind = "tcn"


def _scale(series: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and gain of what was seen of each channel, as float32 values; a channel that was never seen or never varied has gain 0."""
    flat = series.reshape(-1, series.shape[2])
    seen = ~np.isnan(flat)
    number = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, flat, 0.0).sum(axis=0) / number
    deviation = np.sqrt((np.where(seen, flat - mean, 0.0) ** 2).sum(axis=0) / number)
    varies = deviation > NEGLIGIBLE * np.abs(mean)
    return _rounded(mean), _rounded(np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies))


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.astype(np.float32).astype(np.float64)
