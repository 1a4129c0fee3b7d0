"""Tune: choose a learner's parameters by folds of the patients it is given, and of no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.card import Tuning
from consilium.core.errors import ModelError
from consilium.models.space import SPACE, Choice
from consilium.record import folds
from consilium.specialists.truth import Truth


def tuned(
    name: str,
    X: NDArray[np.float32],
    truth: Truth,
    subjects: NDArray[np.int64] | None,
    tuning: Tuning,
    *,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Parameters of a learner, chosen by Optuna (tree-structured Parzen estimator) for the least log-loss on folds not learned from.

    The learner's defaults are left only for something that did better on these folds. Called with the training part of an outer
    fold, it is the inner loop of nested validation: nothing of the outer fold is seen. In a question about time the log-loss is
    that of the answers known at the horizon, weighted for those that are not.

    Parameters
    ----------
    name : str
        A learner of `SPACE`.
    X, truth, subjects
        The patients given.
    tuning : Tuning
        How many trials, and folds.
    seed : int
        Of Optuna and of the folds: the same patients give the same parameters.

    Returns
    -------
    dict
        Only what is tuned; empty where the defaults were best.

    Raises
    ------
    ModelError
        When nothing of the learner is tuned.
    """
    import optuna

    if name not in SPACE:
        raise ModelError("Nothing of this learner can be tuned", found=name, expected=sorted(SPACE))
    answer, weight = truth.answer
    whose = np.arange(len(X), dtype=np.int64) if subjects is None else subjects
    splits = list(folds(answer, tuning.folds, seed=seed, subjects=subjects))
    defaults = truth.fresh(name, {}).get_params()

    def loss(parameters: dict[str, Any]) -> float:
        total, of = 0.0, 0.0
        for fit_rows, rest in splits:
            log_odds = truth.of(fit_rows).taught(name, parameters, X[fit_rows], whose[fit_rows]).log_odds(X[rest])
            own = np.ones(len(rest)) if weight is None else weight[rest]
            # Beyond these a single confident mistake would decide.
            held = np.clip(log_odds, -15.0, 15.0)
            total += float(own @ (np.logaddexp(0.0, held) - answer[rest] * held))
            of += float(own.sum())
        return total / of

    def asked(trial: optuna.Trial) -> float:
        progress(f"{name}, trial {trial.number + 1} of {tuning.trials}")
        chosen: dict[str, Any] = {}
        for parameter, values in SPACE[name].items():
            if isinstance(values, Choice):
                chosen[parameter] = values.of[trial.suggest_int(parameter, 0, len(values.of) - 1)]
            elif isinstance(values.low, int) and isinstance(values.high, int):
                chosen[parameter] = trial.suggest_int(parameter, values.low, values.high, log=values.log)
            else:
                chosen[parameter] = trial.suggest_float(parameter, values.low, values.high, log=values.log)
        trial.set_user_attr("parameters", chosen)
        return loss(chosen)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(asked, n_trials=tuning.trials)
    if loss({}) <= study.best_value:
        return {}
    chosen: dict[str, Any] = study.best_trial.user_attrs["parameters"]
    return {parameter: value for parameter, value in chosen.items() if value != defaults[parameter]}
