"""Whatever learns: fit, calibrate, state how sure, seal into ONNX, serve, and give the reasons of every answer.

Importing this room loads no learning library; `learner` imports the one it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from consilium.core.errors import ExtraError, ModelError

if TYPE_CHECKING:
    from consilium.models.estimator import Estimator
    from consilium.models.hazard import Hazards

T = TypeVar("T")
LEARNERS = ("logistic", "logistic_descent", "tree", "vector", "forest", "boosting", "network", "additive")
"""Learners of yes-or-no questions."""
SERIES_LEARNERS = ("rnn", "gru", "lstm", "tcn")
"""Learners of a series; their rows are laid out as `Grid` says, and their parameters `steps` and `fixed` say it to them."""
HAZARDS = ("cox", "boosted_cox", "neural_cox")
"""Learners of how soon something happens."""

MOST_ROWS = {"vector": 2_000, "additive": 1_500, "network": 3_000, "forest": 3_000, "logistic_descent": 1_000}
"""Rows a learner is given at most in a comparison, where its cost grows faster than its rows; a seated learner is given all."""


def learner(name: str, **parameters: Any) -> Estimator:
    """Make an unfitted learner by name, with its own defaults where no parameter is given.

    Raises
    ------
    ModelError
        When there is no such learner, or it has no such parameter.
    ExtraError
        When the libraries that train are not installed.

    Examples
    --------
    >>> learner("logistic", C=0.5)
    Logistic(C=0.5)
    >>> learner("oracle")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    consilium.core.errors.ModelError: There is no such learner: found 'oracle', expected ('logistic', ...
    """
    return _made(name, _kind, parameters)


def hazards(name: str, **parameters: Any) -> Hazards:
    """Make an unfitted survival learner by name; errors as for `learner`.

    Examples
    --------
    >>> hazards("cox", horizon=5.0)
    Cox(horizon=5.0)
    """
    return _made(name, _hazards, parameters)


def _made(name: str, kind_of: Callable[[str], type[T]], parameters: dict[str, Any]) -> T:
    try:
        kind = kind_of(name)
    except ImportError as error:
        raise ExtraError(
            "Training needs a library that is not installed", where=f"learner {name}", found=error.name, do="pip install 'consilium[train]'"
        ) from error
    try:
        return kind(**parameters)
    except TypeError as error:
        raise ModelError("A learner has no such parameter", where=f"learner {name}", found=sorted(parameters), do=str(error)) from error


def _kind(name: str) -> type[Estimator]:
    match name:
        case "logistic":
            from consilium.models.logistic import Logistic

            return Logistic
        case "logistic_descent":
            from consilium.models.descent import LogisticDescent

            return LogisticDescent
        case "tree":
            from consilium.models.tree import Tree

            return Tree
        case "vector":
            from consilium.models.vector import Vector

            return Vector
        case "forest":
            from consilium.models.forest import Forest

            return Forest
        case "boosting":
            from consilium.models.boosting import Boosting

            return Boosting
        case "network":
            from consilium.models.network import Network

            return Network
        case "additive":
            from consilium.models.additive import Additive

            return Additive
        case "rnn" | "gru" | "lstm" | "tcn":
            import torch  # noqa: F401  (said to be missing here, not in the middle of a fit)

            from consilium.models import series

            return {"rnn": series.RNN, "gru": series.GRU, "lstm": series.LSTM, "tcn": series.TCN}[name]
    raise ModelError("There is no such learner", found=name, expected=(*LEARNERS, *SERIES_LEARNERS))


def _hazards(name: str) -> type[Hazards]:
    match name:
        case "cox":
            from consilium.models.cox import Cox

            return Cox
        case "boosted_cox":
            from consilium.models.boosted_cox import BoostedCox

            return BoostedCox
        case "neural_cox":
            from consilium.models.neural_cox import NeuralCox

            return NeuralCox
    raise ModelError("There is no such survival learner", found=name, expected=HAZARDS)
