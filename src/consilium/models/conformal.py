"""Conformal sets: which answers to a yes/no question stand at a declared confidence, for every group of patients and each answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import ModelError
from consilium.models.calibration import weighed

LEVEL = 0.9
LEAST = 50
WHOLE = "all"
Groups: TypeAlias = Mapping[str, Sequence[str] | NDArray[np.object_]]


@dataclass(frozen=True, slots=True)
class Cell:
    """Thresholds of one group on the calibrated log-odds: `no` stands up to `no_until`, `yes` stands from `yes_from` on.

    `n_no` and `n_yes` patients are behind them; None where a group has too few of that kind, and the whole speaks.
    """

    no_until: float | None
    yes_from: float | None
    n_no: int
    n_yes: int


@dataclass(frozen=True, slots=True)
class Sets:
    """Conformal sets, Mondrian in the answer and in groups that may overlap.

    An answer is left out only when the whole and every group of the patient that is large enough leave it out; so its coverage
    holds in each of those groups, and among patients with and without the condition apart.

    Parameters
    ----------
    level : float
        Declared coverage, in (0, 1).
    cells : mapping of str to Cell
        `all`, and groups named `<kind>: <label>`.

    Raises
    ------
    ModelError
        When the level is no share, or the whole is not there.
    """

    level: float
    cells: Mapping[str, Cell]

    def __post_init__(self) -> None:
        whole = self.cells.get(WHOLE)
        if not 0.0 < self.level < 1.0 or whole is None or whole.no_until is None or whole.yes_from is None:
            raise ModelError("Conformal sets need a level and thresholds for the whole", found=(self.level, sorted(self.cells)))

    def at(self, log_odds: ArrayLike, groups: Groups | None = None) -> NDArray[np.bool_]:
        """Whether `no` and `yes` stand, shape (n, 2), for calibrated log-odds (n,) and, by kind, the group label of each patient.

        Examples
        --------
        >>> sets = Sets(0.9, {"all": Cell(-1.0, 0.0, 99, 99), "sex: women": Cell(0.5, None, 60, 8)})
        >>> sets.at([-2.0, 0.2], {"sex": ["men", "women"]}).tolist()
        [[True, False], [True, True]]
        """
        score = np.asarray(log_odds, dtype=np.float64)
        whole = self.cells[WHOLE]
        until = np.full(score.shape, whole.no_until, dtype=np.float64)
        since = np.full(score.shape, whole.yes_from, dtype=np.float64)
        for kind, labels in (groups or {}).items():
            named = np.asarray(labels, dtype=object)
            for label in set(named.tolist()):
                cell = self.cells.get(f"{kind}: {label}")
                if cell is None:
                    continue
                rows = named == label
                if cell.no_until is not None:
                    until[rows] = np.maximum(until[rows], cell.no_until)
                if cell.yes_from is not None:
                    since[rows] = np.minimum(since[rows], cell.yes_from)
        return np.stack([score <= until, score >= since], axis=-1)

    def told_apart(self, groups: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Of one patient's groups by kind: those calibrated apart for both answers, and those too small for one or both."""
        apart: list[str] = []
        small: list[str] = []
        for kind, label in groups.items():
            cell = self.cells.get(f"{kind}: {label}")
            if cell is not None:
                (small if None in (cell.no_until, cell.yes_from) else apart).append(f"{kind}: {label}")
        return tuple(apart), tuple(small)

    def as_json(self) -> dict[str, Any]:
        """The thresholds as lists of four."""
        cells = {name: [c.no_until, c.yes_from, c.n_no, c.n_yes] for name, c in self.cells.items()}
        return {"level": self.level, "cells": cells}

    @classmethod
    def of_json(cls, held: Mapping[str, Any]) -> Sets:
        """The sets from what `as_json` gave."""
        return cls(float(held["level"]), {name: Cell(*cell) for name, cell in held["cells"].items()})


def fit_sets(
    log_odds: ArrayLike, y: ArrayLike, groups: Groups | None = None, level: float = LEVEL, weight: ArrayLike | None = None
) -> Sets:
    """Conformal sets from calibrated out-of-fold log-odds (n,), labels (n,) of 0 and 1, and group labels by kind.

    Of m patients with the condition, `yes` is left out below the k-th lowest of their scores, `k = floor((1 - level) (m + 1))`
    (likewise `no` above the k-th highest of those without it), so that a new exchangeable patient keeps the true answer with
    probability at least `level`. The labels' own thresholds make this true whatever the prevalence. A group needs 50 patients of
    a kind to have its own; the label `unknown` never has. The scores are of models that had not seen the patient, so coverage is
    that of cross-conformal prediction: at least `2 level - 1` in theory, near `level` in practice; the report measures it.
    With `weight` (n,), how many patients each stands for as for `fit_calibration`, patients are counted by their weights; those whose
    answer is not known have none.

    Raises
    ------
    ModelError
        As `fit_calibration`.

    Sources: Vovk, Gammerman & Shafer 2005 (Mondrian); Vovk 2015, doi:10.1007/s10472-013-9368-4 (cross-conformal);
    Foygel Barber et al. 2021, doi:10.1093/imaiai/iaaa017 (overlapping groups).

    Examples
    --------
    >>> sets = fit_sets([float(s) for s in range(100)], [0] * 50 + [1] * 50)
    >>> sets.at([10.0, 52.0, 90.0]).tolist()
    [[True, False], [False, False], [False, True]]
    """
    score, label, of = weighed(log_odds, y, weight)
    known = slice(None) if weight is None else np.asarray(weight) > 0
    cells = {WHOLE: _cell(score, label == 1, of, level, 0)}
    for kind, named in (groups or {}).items():
        labels = np.asarray(named, dtype=object)[known]
        for name in sorted(set(labels.tolist()), key=str):
            if name != "unknown":
                rows = labels == name
                cells[f"{kind}: {name}"] = _cell(score[rows], label[rows] == 1, of[rows], level, LEAST)
    return Sets(level, cells)


def _cell(score: NDArray[np.float64], event: NDArray[np.bool_], of: NDArray[np.float64], level: float, least: int) -> Cell:
    return Cell(
        _until(score[~event], of[~event], level) if (n_no := int((~event).sum())) >= least else None,
        -_until(-score[event], of[event], level) if (n_yes := int(event.sum())) >= least else None,
        n_no,
        n_yes,
    )


def _until(score: NDArray[np.float64], of: NDArray[np.float64], level: float) -> float:
    """The k-th highest score, from which a higher one is left out; everything stands where so few cannot leave anything out.

    The new patient counts as one, so that k weighted patients are no more than `(1 - level) (sum of weights + 1)`.
    """
    order = np.argsort(-score, kind="stable")
    place = int(np.searchsorted(np.cumsum(of[order]), (1 - level) * (of.sum() + 1) + 1e-9, side="right"))
    return float(score[order[place - 1]]) if place else _FAR


_FAR = 1e3  # JSON holds no infinity; no log-odds of a float32 probability come near this.
