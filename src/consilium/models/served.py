"""Served model: a sealed file answers for one patient or many, with nothing but onnxruntime and numpy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import InputError, ModelError
from consilium.models.attribution import Attribution, explainer
from consilium.models.calibration import Calibration
from consilium.models.conformal import Groups, Sets
from consilium.models.familiarity import Familiarity
from consilium.models.odds import probability_of
from consilium.models.prototypes import Prototypes
from consilium.models.sealed import opened, session
from consilium.models.site import Site
from consilium.models.uncertainty import Intervals

# The graph ends in float32: reasons, which are float64, must add up to its answer within this, and this share of it.
TOLERANCE, RELATIVE_TOLERANCE = 1e-4, 1e-6
# An input is named as making a patient strange when it makes up more than this share of the distance.
BLAMED = 0.2
NUMBERS_AT_ONCE = 2_000_000
"""Numbers that a graph is given in one run; a network over series makes some twenty of each on its way."""


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A model as it is asked at the bedside; safe to share between threads.

    Parameters
    ----------
    names, units : tuple of str, length p
        Inputs in their order, and their UCUM units.
    meta : mapping
        All that was sealed beside the graph: `card`, `version`, `learner`, `medians`, `limits`, `extra` and more.
    sha256 : str
        Checksum of the file.
    calibration : Calibration
    intervals : Intervals
    sets : Sets or None
        Conformal sets on the calibrated log-odds; None where the model was sealed without.
    familiarity : Familiarity or None
        What lies outside of what it has learned; without it, the lowest and highest values of training are the limits.
    prototypes : Prototypes or None
        Past patients as groups.
    site : Site or None
        How this hospital's own cases put the calibration right; `calibration` and `intervals` then contain it already, the
        conformal sets stay on the shipped scale.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    meta: Mapping[str, Any]
    sha256: str
    calibration: Calibration
    intervals: Intervals
    _raw: Callable[[NDArray[np.float32]], NDArray[np.float64]]
    _explain: Callable[[NDArray[np.float32]], Attribution]
    sets: Sets | None = None
    familiarity: Familiarity | None = None
    prototypes: Prototypes | None = None
    site: Site | None = None

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Open a file that `seal` wrote.

        Raises
        ------
        ModelError
            When there is no such file, it was not sealed here, it is damaged, or it asks for more than plain ONNX.
        """
        where = Path(path)
        try:
            data = where.read_bytes()
        except OSError as error:
            raise ModelError("A model cannot be read", where=str(where), found=error.strerror, do="fit the specialist first") from error
        try:
            return cls._opened(data)
        except ModelError as error:
            raise ModelError(
                error.what, where=error.where or str(where), found=error.found, expected=error.expected, do=error.do
            ) from error

    @classmethod
    def _opened(cls, data: bytes) -> Self:
        meta = opened(data)
        if "stream" in meta:
            raise ModelError("A sealed model answers step by step", do="load it as a Stream")
        held = session(data, {"log_odds"})

        def raw(rows: NDArray[np.float32]) -> NDArray[np.float64]:
            at_once = max(1, NUMBERS_AT_ONCE // max(1, rows.shape[1]))
            parts = [held.run(["log_odds"], {"X": rows[k : k + at_once]})[0][:, 0] for k in range(0, len(rows), at_once)]
            return np.concatenate([np.zeros(0), *parts])

        return cls(
            names=tuple(meta["names"]),
            units=tuple(meta["units"]),
            meta=meta,
            sha256=hashlib.sha256(data).hexdigest(),
            calibration=Calibration(**meta["calibration"]),
            intervals=Intervals.of_json(meta["interval"]),
            _raw=raw,
            _explain=explainer(meta["reasons"], raw),
            sets=Sets.of_json(meta["sets"]) if "sets" in meta else None,
            familiarity=Familiarity.of_json(meta["familiarity"]) if "familiarity" in meta else None,
            prototypes=Prototypes.of_json(meta["prototypes"]) if "prototypes" in meta else None,
        )

    def at_site(self, site: Site) -> ServedModel:
        """The same model, put right for a site; what was sealed stays as it is."""
        intervals = Intervals.of_json(self.meta["interval"])
        return replace(self, calibration=site.over(self.shipped), intervals=site.widened(intervals), site=site)

    def answers(self, X: ArrayLike, groups: Groups | None = None) -> NDArray[np.bool_]:
        """Whether `no` and `yes` stand at 90 % confidence, bool of shape (n, 2), of rows and their groups by kind (see `Sets.at`).

        The sets lie on the shipped scale also at a site: calibrated on patients with and without the condition apart, they do not
        depend on how common it is there.

        Raises
        ------
        ModelError
            When the model was sealed without conformal sets.
        """
        if self.sets is None:
            raise ModelError("A model carries no conformal sets", do="fit the specialist again")
        return self.sets.at(self.shipped.apply(self.raw_log_odds(X)), groups)

    @property
    def shipped(self) -> Calibration:
        """The calibration as sealed, whatever the site."""
        return Calibration(**self.meta["calibration"])

    def log_odds(self, X: ArrayLike) -> NDArray[np.float64]:
        """Calibrated log-odds, float64 of shape (n,), of rows X (n, p), NaN where not observed.

        Raises
        ------
        InputError
            When X has another shape or holds an infinity.
        """
        return self.calibration.apply(self.raw_log_odds(X))

    def raw_log_odds(self, X: ArrayLike) -> NDArray[np.float64]:
        """The learner's own log-odds before calibration, float64 of shape (n,)."""
        return self._raw(self._rows(X))

    def probability(self, X: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probability in [0, 1], float64 of shape (n,)."""
        return probability_of(self.log_odds(X))

    def survival(self, X: ArrayLike, times: ArrayLike) -> NDArray[np.float64]:
        """Probability of being without the event at each time, float64 of shape (n, len(times)), of a model of hazards.

        At the horizon it is `1 - probability(X)`; at other times the hazard of the training patients' course: it never rises.

        Parameters
        ----------
        times : array-like
            In the unit of the horizon.

        Raises
        ------
        ModelError
            When the model is not one of hazards, or a time is negative or beyond the longest follow-up of training.
        """
        course = self.meta["extra"].get("course")
        if course is None:
            raise ModelError("A model of a yes-or-no question knows no course over time", where=str(self.meta["card"]))
        asked, until = np.atleast_1d(np.asarray(times, dtype=np.float64)), course["until"][0]
        if not ((asked >= 0) & (asked <= until)).all():
            raise ModelError("Survival is asked of a time that nobody was followed to", found=asked.tolist(), expected=(0, until))
        share = np.concatenate([[0.0], course["share"]])[np.searchsorted(course["time"], asked, side="right")]
        return np.asarray(np.exp(-np.outer(np.logaddexp(0, self.log_odds(X)), share)), dtype=np.float64)

    def interval(self, log_odds: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low and high of the 95 % interval at calibrated log-odds; `fit_intervals` says what it means."""
        return self.intervals.at(log_odds)

    def attribute(self, X: ArrayLike) -> Attribution:
        """Base and what each input adds: they add up to `log_odds(X)` within 1e-4 (and 1e-6 of it).

        Raises
        ------
        ModelError
            When they do not: a reason that does not explain the answer is not given.
        """
        rows = self._rows(X)
        given = self._explain(rows).calibrated(self.calibration)
        shown = self.calibration.apply(self._raw(rows))
        apart = np.abs(given.base + given.weights.sum(axis=1) - shown)
        if (apart > TOLERANCE + RELATIVE_TOLERANCE * np.abs(shown)).any():
            raise ModelError("The reasons do not add up to the answer", found=float(apart.max()), expected=f"at most {TOLERANCE}")
        return given

    def outside(self, X: ArrayLike) -> list[list[str]]:
        """For each row, the names of inputs below the lowest or above the highest value of training; missing is not outside.

        By more than the margin, where the model knows one. An input that was never observed in training is outside whenever it is
        observed.
        """
        rows = self._rows(X).astype(np.float64)
        if self.familiarity is not None:
            return [[name for name, is_out in zip(self.names, row, strict=True) if is_out] for row in self.familiarity.beyond(rows)]
        low = np.array([np.inf if v is None else v for v in self.meta["limits"]["min"]])
        high = np.array([-np.inf if v is None else v for v in self.meta["limits"]["max"]])
        return [[name for name, is_out in zip(self.names, row, strict=True) if is_out] for row in (rows < low) | (rows > high)]

    def strange(self, X: ArrayLike) -> list[list[str]]:
        """For each row whose values are together unlike those of training, the inputs that make it so, most first; empty for others."""
        rows = self._rows(X).astype(np.float64)
        if self.familiarity is None:
            return [[] for _ in rows]
        found: list[list[str]] = [[] for _ in rows]
        far = np.flatnonzero(self.familiarity.strange(rows))
        for row, shares in zip(far, self.familiarity.blame(rows[far]), strict=True):
            order = np.argsort(-shares, kind="stable")
            found[row] = [self.names[column] for column in order if shares[column] > BLAMED] or [self.names[order[0]]]
        return found

    def _rows(self, X: ArrayLike) -> NDArray[np.float32]:
        rows = np.asarray(X, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != len(self.names):
            raise InputError("A model is asked with rows of another shape", found=rows.shape, expected=("n", len(self.names)))
        if np.isinf(rows).any():
            raise InputError("A model is asked with an infinite value", do="give NaN where nothing was observed")
        return rows
