"""Survival: what predictions of an event by a horizon are worth, where some patients were not followed that long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core import CalibrationPoint, Estimate, NetBenefitPoint, Subgroup
from consilium.core.errors import InputError
from consilium.core.report import IncidencePoint, SurvivalProof
from consilium.validation.calibration import GROUPS
from consilium.validation.incidence import incidence, kaplan_meier
from consilium.validation.interval import TIMES, percentile
from consilium.validation.measure import Measures
from consilium.validation.net_benefit import THRESHOLDS
from consilium.validation.predictions import log_odds, probabilities
from consilium.validation.subgroups import LEAST_EACH, LEAST_FOR_GAP, split

Array = NDArray[np.float64]
FEW_TIMES = 200
MANY = 5_000
"""Above so many patients pairs are compared in fewer draws."""
BLOCK = 4_000_000
STEPS = 25


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """How long patients were followed, and how that ended.

    Parameters
    ----------
    time : float64 array of shape (n,)
        Above 0, in the unit of the horizon.
    event : int8 array of shape (n,)
        0: no longer followed. 1: the event. 2: another event, after which this one can no longer happen or no longer counts.

    Raises
    ------
    InputError
        When shapes disagree, a time is not above 0, or an event is none of these.
    """

    time: Array
    event: NDArray[np.int8]

    def __post_init__(self) -> None:
        if self.time.ndim != 1 or self.time.shape != self.event.shape or not len(self.time):
            raise InputError("Times and events must be one per patient", found=(self.time.shape, self.event.shape), expected="(n,)")
        good = np.isfinite(self.time) & (self.time > 0) & np.isin(self.event, (0, 1, 2))
        if not good.all():
            row = int(np.argmin(good))
            raise InputError(
                "Follow-up cannot be read", where=f"row {row}", found=(float(self.time[row]), int(self.event[row])),
                expected="a time above 0, and 0 (no longer followed), 1 (the event) or 2 (a competing event)",
            )  # fmt: skip

    def by(self, horizon: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Who had the event by the horizon, and of whom it is known whether; bool of shape (n,)."""
        had = (self.event == 1) & (self.time <= horizon)
        return had, (self.event > 0) & (self.time <= horizon) | (self.time >= horizon)

    def of(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Followed:
        """Some of the patients."""
        return Followed(self.time[rows], self.event[rows])


def followed(time: ArrayLike, event: ArrayLike) -> Followed:
    """Read follow-up from anything like arrays; errors as `Followed`."""
    return Followed(np.asarray(time, dtype=np.float64), np.asarray(event).astype(np.int8))


def known_weights(of: Followed, horizon: float) -> Array:
    """How many patients each stands for, (n,): inverse probability of being followed so far; 0 where the answer is not known.

    Source: Graf et al. 1999, doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5.

    Examples
    --------
    >>> known_weights(followed([1, 2, 3, 4], [1, 0, 1, 0]), 3.5).round(6).tolist()
    [1.0, 0.0, 1.5, 1.5]
    """
    return np.asarray(_weights(of, horizon, np.ones((1, len(of.time))))[0], dtype=np.float64)


def concordance(
    of: Followed, score: ArrayLike, horizon: float | None = None, *, seed: int = 0, times: int = TIMES
) -> tuple[Estimate, Estimate]:
    """Harrell's C and Uno's C of scores (n,) that are higher where the event comes sooner, with bootstrap 95 % intervals.

    Both ask of pairs of patients, of whom one had the event while the other was still without it, whether the one had the higher
    score (ties count half). Uno's weighs pairs by the inverse probability of being followed so far, and counts events up to
    `horizon` only (all by default), so that it does not depend on how long others were followed. Who had a competing event stays
    among those without the event. Above 5,000 patients there are 200 draws.

    Sources: Harrell et al. 1996, doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4; Uno et al. 2011,
    doi:10.1002/sim.4154; with competing events Wolbers et al. 2014, doi:10.1093/biostatistics/kxt059.

    Examples
    --------
    >>> harrell, uno = concordance(followed([1, 2, 3, 4], [1, 1, 0, 1]), [4, 2, 3, 1])
    >>> harrell.value, uno.value
    (0.8, 0.8)
    """
    score = np.asarray(score, dtype=np.float64)
    draws = _draws(len(score), seed, min(times, FEW_TIMES) if len(score) > MANY else times)
    W = np.concatenate(list(draws))
    until = np.inf if horizon is None else horizon
    left, _ = _followed_still(of, W)
    competing = of.event == 2
    harrell, uno = np.zeros((2, len(W))), np.zeros((2, len(W)))
    inverse = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)
    counts, rows = W.astype(np.float32), np.flatnonzero(of.event == 1)
    for start in range(0, len(rows), max(1, BLOCK // len(score))):
        i = rows[start : start + max(1, BLOCK // len(score))]
        later = (of.time[None, :] > of.time[i, None]) | ((of.time[None, :] == of.time[i, None]) & (of.event[None, :] != 1))
        later &= ~(competing[None, :] & (of.time[None, :] <= of.time[i, None]))
        gone = competing[None, :] & (of.time[None, :] <= of.time[i, None])
        right = ((score[i, None] > score[None, :]) + 0.5 * (score[i, None] == score[None, :])).astype(np.float32)
        own = W[:, i] * (of.time[i] <= until)
        for part, weight in ((later, inverse[:, i]), (gone, None)):
            if not part.any():
                continue
            for place, kind in enumerate((part * right, part.astype(np.float32))):
                total = counts @ kind.T
                harrell[place] += (W[:, i] * total).sum(axis=1)
                # Who had a competing event is known to be without this one from then on: he was followed to then, not to now.
                weighed = weight**2 * total if weight is not None else inverse[:, i] * ((counts * inverse.astype(np.float32)) @ kind.T)
                uno[place] += (own * weighed).sum(axis=1)
    if not harrell[1, 0] > 0:
        raise InputError("No two patients can be compared: nobody was followed past an event")
    return _estimate(_ratio(*harrell)), _estimate(_ratio(*uno))


def measure_survival(
    of: Followed,
    p: ArrayLike,
    horizon: float,
    *,
    groups: Mapping[str, Sequence[Any]] | None = None,
    competing: str = "",
    thresholds: Sequence[float] = THRESHOLDS,
    seed: int = 0,
    times: int = TIMES,
) -> tuple[Measures, SurvivalProof]:
    """Measure predictions of the event by a horizon for patients the model had not seen.

    Each patient whose answer at the horizon is known stands for those like him who were not followed that long (inverse probability
    of censoring weights, by Kaplan-Meier); all measures are those of `measure` with these weights, and every interval is a
    bootstrap over patients in which the weights are made anew. A competing event is an answer: the event did not come. So the
    probability measured is that of the event in a world where the other can come first (Aalen-Johansen), not where it cannot.

    Parameters
    ----------
    of : Followed
    p : array-like of shape (n,)
        Probability of the event by the horizon.
    horizon : float
        In the unit of `of.time`.
    groups, thresholds, seed
        As for `measure`.
    competing : str
        What competes, in words; empty for nothing.
    times : int
        Draws of each bootstrap.

    Raises
    ------
    InputError
        When nobody, or everybody, is known to have had the event by the horizon; or predictions or groups cannot be measured.

    Sources: Blanche et al. 2013, doi:10.1002/sim.5958 (AUROC); Graf et al. 1999 (Brier); Vickers et al. 2008,
    doi:10.1186/1472-6947-8-53 (net benefit); McLernon et al. 2023, doi:10.7326/M22-0844 (how it is put together).
    """
    p = probabilities(p, len(of.time))
    had, known = of.by(horizon)
    if not had.any() or not (known & ~had).any():
        raise InputError(
            "Nothing can be measured without patients known to have had the event by the horizon, and known not to",
            found=f"{int(had.sum())} with, {int((known & ~had).sum())} without, by {horizon:g}",
        )
    t = np.asarray(thresholds, dtype=np.float64)
    drawn = [_measured(of, p, horizon, W, t) for W in _draws(len(p), seed, times)]
    of_all = {name: np.concatenate([part[name] for part in drawn]) for name in drawn[0]}
    whole = incidence(of, horizon)
    expected = max(float(p.mean()), 1e-12)
    share = whole.value
    harrell, uno = concordance(of, p, horizon, seed=seed, times=times)
    auroc = _estimate(of_all["auroc"])
    reference = of_all["share"] * (1 - of_all["share"])
    measures = Measures(
        n=len(p),
        events=int(had.sum()),
        auroc=auroc,
        auprc=_estimate(of_all["auprc"]),
        slope=_estimate(of_all["slope"]),
        intercept=_estimate(of_all["intercept"]),
        observed_over_expected=_scaled(whole, 1 / expected),
        brier=_estimate(of_all["brier"]),
        scaled_brier=_estimate(1 - of_all["brier"] / np.where(reference > 0, reference, np.nan)),
        calibration=_curve(of, p, horizon),
        net_benefit=tuple(
            NetBenefitPoint(float(t[k]), _estimate(of_all["benefit"][:, k]), float(share - (1 - share) * t[k] / (1 - t[k])))
            for k in range(len(t))
        ),
        subgroups=tuple(_groups(of, p, horizon, groups or {}, auroc.value, seed)),
    )
    proof = SurvivalProof(
        horizon=float(horizon),
        follow_up=_median_follow_up(of),
        unknown=int((~known).sum()),
        competing=competing,
        competing_events=int(((of.event == 2) & (of.time <= horizon)).sum()),
        harrell=harrell,
        uno=uno,
        incidence=_course(of, horizon),
    )
    return measures, proof


def _draws(n: int, seed: int, times: int) -> Iterator[Array]:
    """How often each patient is drawn, in blocks (draws, n); the first draw is everybody once."""
    random = np.random.default_rng(seed)
    yield np.ones((1, n))
    step = max(1, BLOCK // n)
    for start in range(0, times, step):
        yield np.stack([np.bincount(random.integers(n, size=n), minlength=n) for _ in range(min(step, times - start))]).astype(np.float64)


def _followed_still(of: Followed, W: Array) -> tuple[Array, Array]:
    """Probability of being followed up to just before each patient's time, and up to it, by Kaplan-Meier; (draws, n).

    At a time at which some have an event and others are no longer followed, the events come first.
    """
    at, place = np.unique(of.time, return_inverse=True)
    order = np.argsort(place, kind="stable")
    begins = np.searchsorted(place[order], np.arange(len(at)))
    every = np.add.reduceat(W[:, order], begins, axis=1)
    ended = np.add.reduceat((W * (of.event > 0))[:, order], begins, axis=1)
    risk = every[:, ::-1].cumsum(axis=1)[:, ::-1] - ended
    kept = np.divide(every - ended, risk, out=np.zeros_like(risk), where=risk > 0)
    after = np.cumprod(1 - kept, axis=1)
    before = np.concatenate([np.ones((len(W), 1)), after[:, :-1]], axis=1)
    return before[:, place], after[:, place]


def _weights(of: Followed, horizon: float, W: Array) -> Array:
    """Weights of known answers (draws, n), the draws' own counts included."""
    before, _ = _followed_still(of, W)
    early = (of.event > 0) & (of.time <= horizon)
    late = ~early & (of.time >= horizon)
    # Nobody's follow-up ends between the last time before the horizon and the horizon.
    beyond = np.where(late, of.time, np.inf)
    at_horizon = before[:, [int(np.argmin(beyond))]] if late.any() else np.ones((len(W), 1))
    still = np.where(early, before, np.where(late, at_horizon, 0.0))
    return np.asarray(np.divide(W, still, out=np.zeros_like(W), where=still > 0), dtype=np.float64)


def _measured(of: Followed, p: Array, horizon: float, W: Array, t: Array) -> dict[str, Array]:
    """Every measure in every draw; shape (draws,), `benefit` (draws, thresholds)."""
    had, _ = of.by(horizon)
    weights = _weights(of, horizon, W)
    with_, without = weights * had, weights * ~had
    whole = W.sum(axis=1)
    total = weights.sum(axis=1)
    auroc, auprc = _ranked(p, with_, without)
    intercept, slope = _line(log_odds(p), had.astype(np.float64), weights)
    cell = np.searchsorted(t, p, side="right")
    true, false = (_at_least(part, cell, len(t)) for part in (with_, without))
    return {
        "auroc": auroc,
        "auprc": auprc,
        "slope": slope,
        "intercept": intercept,
        "brier": (weights * np.square(p - had)).sum(axis=1) / total,
        "share": with_.sum(axis=1) / total,
        "benefit": (true - false * (t / (1 - t))) / whole[:, None],
    }


def _ranked(p: Array, with_: Array, without: Array) -> tuple[Array, Array]:
    """AUROC and average precision of weighted patients (draws, n)."""
    order = np.argsort(-p, kind="stable")
    begins = np.flatnonzero(np.diff(-p[order], prepend=-np.inf))
    a, b = (np.add.reduceat(part[:, order], begins, axis=1) for part in (with_, without))
    right, wrong = a.cumsum(axis=1), b.cumsum(axis=1)
    auroc = _ratio((b * (right - a / 2)).sum(axis=1), right[:, -1] * wrong[:, -1])
    precision = np.divide(right, right + wrong, out=np.zeros_like(right), where=right + wrong > 0)
    return auroc, _ratio((a * precision).sum(axis=1), right[:, -1])


def _line(x: Array, y: Array, weights: Array) -> tuple[Array, Array]:
    """Calibration intercept (at slope 1) and slope of weighted patients, by Newton's method, all draws at once; NaN where there is none."""
    total = weights.sum(axis=1)
    a = np.zeros(len(weights))
    for _ in range(STEPS):
        q = 1 / (1 + np.exp(-(x + a[:, None])))
        a = a + np.clip(_ratio((weights * (y - q)).sum(axis=1), (weights * q * (1 - q)).sum(axis=1)), -2, 2)
    spread = float(x.std())
    if spread < 1e-6:
        return a, np.zeros(len(weights))
    z = (x - x.mean()) / spread
    share = np.clip((weights @ y) / total, 1e-6, 1 - 1e-6)
    line = np.stack([np.log(share / (1 - share)), np.full(len(weights), 0.0)])
    for _ in range(STEPS):
        q = 1 / (1 + np.exp(-np.clip(line[0][:, None] + line[1][:, None] * z, -500, 500)))
        miss, curve = weights * (y - q), weights * q * (1 - q)
        g0, g1 = miss.sum(axis=1), miss @ z
        h00, h01, h11 = curve.sum(axis=1), curve @ z, curve @ z**2
        bottom = h00 * h11 - h01**2
        line = line + np.clip(np.stack([_ratio(h11 * g0 - h01 * g1, bottom), _ratio(h00 * g1 - h01 * g0, bottom)]), -2, 2)
    done = np.abs(g0) + np.abs(g1) < 1e-6 * total
    return a, np.where(done, line[1] / spread, np.nan)


def _at_least(part: Array, cell: NDArray[np.intp], k: int) -> Array:
    """Weight of patients at or above each of k thresholds, in every draw."""
    cells = np.stack([np.bincount(cell, row, k + 1) for row in part])
    return np.asarray(cells[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:], dtype=np.float64)


def _curve(of: Followed, p: Array, horizon: float) -> tuple[CalibrationPoint, ...]:
    """Mean prediction against observed incidence by the horizon, in groups of about equal size."""
    cuts = np.unique(np.quantile(p, np.linspace(0, 1, GROUPS + 1)[1:-1], method="higher"))
    group = np.searchsorted(cuts, p, side="right")
    points = []
    for g in np.unique(group):
        rows = group == g
        points.append(CalibrationPoint(float(p[rows].mean()), incidence(of.of(rows), horizon), int(rows.sum())))
    return tuple(points)


def _groups(of: Followed, p: Array, horizon: float, groups: Mapping[str, Sequence[Any]], whole: float, seed: int) -> Iterator[Subgroup]:
    for grouping, labels in groups.items():
        for label, rows in split(grouping, labels, len(p)):
            own, q = of.of(rows), p[rows]
            had, known = own.by(horizon)
            name, n, events = f"{grouping}: {label}", len(q), int(had.sum())
            if min(events, int((known & ~had).sum())) < LEAST_EACH:
                yield Subgroup(
                    name, n, events, None, None, None, f"not measured: fewer than {LEAST_EACH} patients with or without the condition"
                )
                continue
            drawn = []
            for W in _draws(n, seed, FEW_TIMES):
                weights = _weights(own, horizon, W)
                drawn.append(_ranked(q, weights * had, weights * ~had)[0])
            auroc = _estimate(np.concatenate(drawn))
            ratio = _scaled(incidence(own, horizon), 1 / max(float(q.mean()), 1e-12))
            if known.sum() < LEAST_FOR_GAP:
                # Who was not followed to the horizon says nothing of how patients are ranked there.
                yield Subgroup(name, n, events, auroc, ratio, None, f"gap not counted: fewer than {LEAST_FOR_GAP} patients")
            else:
                yield Subgroup(name, n, events, auroc, ratio, max(0.0, whole - auroc.value))


def _course(of: Followed, horizon: float, steps: int = 10) -> tuple[IncidencePoint, ...]:
    """Cumulative incidence beside one minus Kaplan-Meier, at equal steps up to the horizon."""
    alone = followed(of.time, np.where(of.event == 1, 1, 0))
    points = []
    for at in np.linspace(0, horizon, steps + 1)[1:]:
        points.append(IncidencePoint(float(at), incidence(of, float(at)), 1 - kaplan_meier(alone, float(at)), int((of.time >= at).sum())))
    return tuple(points)


def _median_follow_up(of: Followed) -> float | None:
    """Median time to the end of follow-up, had no event come (reverse Kaplan-Meier); None where less than half were followed to an end."""
    _, after = _followed_still(of, np.ones((1, len(of.time))))
    reached = of.time[after[0] <= 0.5]
    return float(reached.min()) if len(reached) else None


def _ratio(above: Array, below: Array) -> Array:
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0), dtype=np.float64)


def _estimate(drawn: Array) -> Estimate:
    return percentile(float(drawn[0]), drawn[1:])


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(
        estimate.value * factor,
        None if estimate.low is None else estimate.low * factor,
        None if estimate.high is None else estimate.high * factor,
    )
