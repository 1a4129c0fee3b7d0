"""Drift: whether the patients a model meets are still like those it was proven on, and whether its risks still hold."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import yaml
from numpy.typing import ArrayLike, NDArray

from consilium.core import Estimate
from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.core.features import Features
from consilium.quality.drift import drift
from consilium.record import asked, cohort, features
from consilium.specialists.roster import Specialist
from consilium.validation import auroc, calibration_intercept, calibration_slope, observed_over_expected

REFERENCE = "reference.json"
FORM = 1
STABLE, WATCH, ACT, FEW = "stable", "watch", "act", "too few"
PREDICTION = "predicted risk"


@dataclass(frozen=True, slots=True)
class Shift:
    """How one distribution changed.

    Parameters
    ----------
    name : str
        An input, or `PREDICTION`.
    n : (int, int)
        Rows with a value, then and now.
    psi, distance, chance : float
        Population stability index less what chance adds, Kolmogorov-Smirnov distance and the chance of one as great.
    missing : (float, float)
        Share of rows without it, then and now.
    level : str
        `stable`, `watch`, `act`, or `too few` to say.
    """

    name: str
    n: tuple[int, int]
    psi: float
    distance: float
    chance: float
    missing: tuple[float, float]
    level: str


@dataclass(frozen=True, slots=True)
class Held:
    """Whether the risks hold, on rows whose truth is known: each measure now, and what it was."""

    n: int
    events: int
    now: Mapping[str, Estimate]
    then: Mapping[str, Estimate]
    level: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Everything compared; `held` is None where no truth is known yet."""

    card: str
    n: tuple[int, int]
    period: tuple[str, str]
    shifts: tuple[Shift, ...]
    held: Held | None

    @property
    def level(self) -> str:
        """The gravest level of all."""
        levels = [s.level for s in self.shifts] + ([self.held.level] if self.held else [])
        return next((level for level in (ACT, WATCH, FEW) if level in levels), STABLE)

    def sentences(self) -> tuple[str, ...]:
        """The comparison in words, the gravest first."""
        order = {ACT: 0, WATCH: 1, FEW: 2, STABLE: 3}
        moved = [s for s in sorted(self.shifts, key=lambda s: (order[s.level], -s.psi)) if s.level in (ACT, WATCH)]
        steady = sum(s.level == STABLE for s in self.shifts)
        few = sum(s.level == FEW for s in self.shifts)
        said = [_worded(s) for s in moved]
        counted = [f"{steady} of {len(self.shifts)} distributions are as they were"] + (
            [f"{few} have too few values to say"] if few else []
        )
        said.append(f"{'; '.join(counted)} ({self.n[1]} rows now, {self.n[0]} then).")
        if self.held is None:
            said.append("No truth is known for these rows yet, so that calibration cannot be looked at.")
        else:
            said.append(_held_worded(self.held))
        return tuple(said)


def reference(card: str, version: str, model_sha256: str, matrix: Features, p: ArrayLike, y: ArrayLike, period: str) -> dict[str, Any]:
    """The distributions a model was proven on, as JSON: counts between cut points, never single patients' values beyond the cuts.

    Parameters
    ----------
    card, version, model_sha256 : str
        Whose they are.
    matrix : Features of shape (n, k)
    p, y : array-like of shape (n,)
        Risks for patients the model had not seen, and the truth.
    period : str
        When these were asked.
    """
    inputs = {name: _binned(matrix.X[:, j]) | {"unit": matrix.units[j]} for j, name in enumerate(matrix.names)}
    held = {name: [e.value, e.low, e.high] for name, e in _measures(y, p).items()}
    n, events = len(matrix.rows), int(np.asarray(y).sum())
    who = {"form": FORM, "card": card, "version": version, "model_sha256": model_sha256, "period": period, "n": n, "events": events}
    return {**who, "inputs": inputs, "prediction": _binned(np.asarray(p, dtype=np.float64)), "held": held}


def write_reference(folder: Path, made: Mapping[str, Any]) -> None:
    """Write `reference.json` into a folder."""
    (folder / REFERENCE).write_bytes(orjson.dumps(made, option=orjson.OPT_APPEND_NEWLINE))


def read_reference(folder: Path) -> dict[str, Any]:
    """Read `reference.json` from a specialist's folder.

    Raises
    ------
    NotFoundError
        When there is none.
    FormatError
        When it is damaged or of another form.
    """
    path = folder / REFERENCE
    if not path.is_file():
        raise NotFoundError(
            "There is no reference to compare with", where=str(folder), do=f"run `consilium fit {folder.name}`, which writes one"
        )
    try:
        held: dict[str, Any] = orjson.loads(path.read_bytes())
        form = held["form"]
        for part in (*held["inputs"].values(), held["prediction"]):
            if len(part["counts"]) != len(part["cuts"]) + 1:
                raise ValueError("counts and cuts differ in number")
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise FormatError("The reference is damaged", where=str(path), found=repr(error), do="fit the specialist again") from error
    if form != FORM:
        raise FormatError("The reference is of another form", where=str(path), found=form, expected=FORM)
    return held


def compare(
    then: Mapping[str, Any], matrix: Features, p: ArrayLike, period: str, known: tuple[ArrayLike, ArrayLike] | None = None
) -> DriftReport:
    """Hold patients against a reference.

    Parameters
    ----------
    then : mapping
        As `reference` made it.
    matrix : Features of shape (n, k)
        The card's inputs of everybody asked now.
    p : array-like of shape (n,)
        The model's risks for them.
    period : str
        When they were asked.
    known : (y, p), optional
        The truth and the risk of those rows whose truth is known; looked at when both outcomes occur.

    Raises
    ------
    InputError
        When the inputs are not those of the reference, or a unit differs.
    """
    names = list(then["inputs"])
    if list(matrix.names) != names or any(then["inputs"][n]["unit"] != u for n, u in zip(names, matrix.units, strict=True)):
        raise InputError("The reference is about other inputs", where=then["card"], found=list(matrix.names), expected=names)
    parts = [(name, then["inputs"][name], matrix.X[:, j].astype(np.float64)) for j, name in enumerate(names)]
    parts.append((PREDICTION, then["prediction"], np.asarray(p, dtype=np.float64)))
    shifts = tuple(_shift(name, held, values, len(parts)) for name, held, values in parts)
    held = None
    if known is not None:
        y = np.asarray(known[0])
        if 0 < y.sum() < len(y):
            held = _held(then["held"], y, np.asarray(known[1]))
    return DriftReport(then["card"], (int(then["n"]), len(matrix.rows)), (then["period"], period), shifts, held)


def drift_of(specialist: Specialist, events: pa.Table) -> DriftReport:
    """Hold everybody whom a specialist would be asked about among these events against its reference.

    Raises
    ------
    NotFoundError, FormatError
        As `read_reference` says.
    InputError
        When nobody is asked, or inputs or units differ.
    """
    card, model = specialist.seat.card, specialist.model
    held = read_reference(specialist.folder)
    if held["model_sha256"] != model.sha256:
        raise FormatError(
            "The reference is of another model",
            where=specialist.name,
            found=held["model_sha256"][:12],
            expected=model.sha256[:12],
            do=f"run `consilium fit {specialist.name}`",
        )
    rows = asked(events, card.question)
    if not rows:
        raise InputError("Nobody in the record is asked this question", where=f"the question of {card.name}")
    matrix = features(events, card.inputs, rows)
    p = model.probability(matrix.X)
    told = cohort(events, card.question)
    known = dict(zip(told.rows, told.labels.tolist(), strict=True))
    at = [k for k, row in enumerate(rows) if row in known]
    truth = (np.array([known[rows[k]] for k in at], dtype=np.int8), p[at]) if at else None
    moments = [moment for _, moment in rows]
    return compare(held, matrix, p, f"{min(moments):%Y-%m-%d} to {max(moments):%Y-%m-%d}", truth)


def _binned(values: NDArray[Any]) -> dict[str, Any]:
    seen = values[np.isfinite(values)].astype(np.float64)
    distinct = np.unique(seen)
    if distinct.size <= limits()["bins"]:
        cuts = (distinct[1:] + distinct[:-1]) / 2
    else:
        cuts = np.unique(np.quantile(seen, np.linspace(0, 1, limits()["bins"] + 1)[1:-1]))
    # Rounded before counting, so that what is read back from JSON counts the same rows into the same bins.
    cuts = np.unique([float(f"{c:.6g}") for c in cuts])
    return {"missing": int(values.size - seen.size), "cuts": cuts.tolist(), "counts": _counts(seen, cuts).tolist()}


def _counts(seen: NDArray[np.float64], cuts: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(cuts, seen, side="right"), minlength=cuts.size + 1)


def _shift(name: str, held: Mapping[str, Any], values: NDArray[np.float64], tests: int) -> Shift:
    seen = values[np.isfinite(values)]
    then = np.asarray(held["counts"], dtype=np.int64)
    now = _counts(seen, np.asarray(held["cuts"], dtype=np.float64))
    n, rows = (int(then.sum()), int(now.sum())), (int(then.sum()) + int(held["missing"]), values.size)
    missing = (1 - n[0] / max(1, rows[0]), 1 - n[1] / max(1, rows[1]))
    said = limits()
    gap = abs(missing[1] - missing[0])
    share = (rows[0] * missing[0] + rows[1] * missing[1]) / max(1, sum(rows))
    error = math.sqrt(share * (1 - share) * (1 / max(1, rows[0]) + 1 / max(1, rows[1])))
    beyond = gap > 0 and (error == 0 or math.erfc(gap / error / math.sqrt(2)) < said["chance"] / tests)
    level = STABLE
    if beyond and gap >= said["missing"]["watch"]:
        level = ACT if gap >= said["missing"]["act"] else WATCH
    if min(n) < said["least"]:
        return Shift(name, n, 0.0, 0.0, 1.0, missing, level if level != STABLE else FEW)
    found = drift(dict(enumerate(then.tolist())), dict(enumerate(now.tolist())))
    if found.chance < said["chance"] / tests and found.psi >= said["psi"]["watch"]:
        level = ACT if found.psi >= said["psi"]["act"] or level == ACT else WATCH
    return Shift(name, n, found.psi, found.distance, found.chance, missing, level)


def _measures(y: ArrayLike, p: ArrayLike) -> dict[str, Estimate]:
    return {
        "AUROC": auroc(y, p),
        "calibration slope": calibration_slope(y, p),
        "calibration intercept": calibration_intercept(y, p),
        "observed over expected": observed_over_expected(y, p),
    }


def _held(then: Mapping[str, Any], y: NDArray[Any], p: NDArray[Any]) -> Held:
    now = _measures(y, p)
    was = {name: Estimate(*values) for name, values in then.items()}
    # Four measures are looked at: each is held to a quarter of the chance that is allowed in all.
    wider = NormalDist().inv_cdf(1 - limits()["chance"] / (2 * len(now))) / NormalDist().inv_cdf(0.975)
    worse = [name for name in now if _apart(now[name], was[name], wider) and _off(name, now[name], was[name])]
    level = FEW if min(y.sum(), len(y) - y.sum()) < 10 else ACT if worse else STABLE
    return Held(len(y), int(y.sum()), now, was, level)


def _apart(now: Estimate, was: Estimate, wider: float) -> bool:
    """Whether two measures of different patients differ beyond chance: their 95 % intervals, so much `wider`."""
    if None in (now.low, now.high, was.low, was.high):
        return False
    half = [(e.high - e.low) / 2 for e in (now, was)]  # type: ignore[operator]
    return abs(now.value - was.value) > wider * math.hypot(*half)


def _off(name: str, now: Estimate, was: Estimate) -> bool:
    """Whether it moved the wrong way: an area that fell, a calibration further from what is right."""
    right = {"calibration slope": 1.0, "calibration intercept": 0.0, "observed over expected": 1.0}
    if name not in right:
        return now.value < was.value
    return abs(now.value - right[name]) > abs(was.value - right[name])


def _worded(s: Shift) -> str:
    parts = []
    if s.psi >= limits()["psi"]["watch"]:
        parts.append(f"PSI {s.psi:.2f}, KS {s.distance:.2f} (chance {s.chance:.1g}; n {s.n[1]} now, {s.n[0]} then)")
    if abs(s.missing[1] - s.missing[0]) >= limits()["missing"]["watch"]:
        parts.append(f"missing in {100 * s.missing[1]:.1f} % now, {100 * s.missing[0]:.1f} % then")
    do = "find out why before the model is used on" if s.level == ACT else "keep an eye on it"
    return f"{s.name} has shifted: {'; '.join(parts)}; {do}."


def _held_worded(held: Held) -> str:
    parts = []
    for name, now in held.now.items():
        was = held.then[name]
        interval = f" ({now.low:.2f} to {now.high:.2f})" if now.low is not None and now.high is not None else ""
        parts.append(f"{name} {now.value:.2f}{interval}, was {was.value:.2f}")
    verdict = {
        ACT: "The risks no longer hold: recalibrate on these patients, or stop",
        STABLE: "The risks hold as they did, within what so many patients can tell",
        FEW: "Too few of one outcome to say whether the risks hold",
    }[held.level]
    return f"{verdict} ({held.n} rows with a known truth, {held.events} events): {'; '.join(parts)}."


@functools.cache
def limits() -> Mapping[str, Any]:
    """The limits of `drift.yaml`."""
    found: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "drift.yaml").read_text(encoding="utf-8"))
    return found
