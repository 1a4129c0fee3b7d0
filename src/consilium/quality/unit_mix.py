"""Unit mix: two units under one label, told by the distribution of values and by jumps within patients, never by the label alone.

A record of glucose in mg/dL that holds some mmol/L has a second, lesser mode at 1/18 of the first. So has many a clinical quantity,
for reasons of medicine. An alarm therefore needs all of: enough values; a ratio that a conversion of the shelf explains;
separation; the same spread; a lesser mode that is hardly to be seen in people as it stands, and at home after conversion. Where
limits do not tell (a body weight in lb is possible in kg), the values of one patient must jump by just that factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.knowledge import Shelf
from consilium.quality.bins import quantiles
from consilium.quality.rules import limits
from consilium.quality.values import JUMP_BINS

Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Another unit: a value in it times `scale` plus `offset` is in the unit of the label; `ratio` is the logarithm of wrong over right."""

    unit: str
    scale: float
    offset: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Mix:
    """What was found: how many values look like `unit`, between `low` and `high` as they stand, and the evidence.

    Evidence is `modes` (two groups of values), `jumps` (of patients; the count is then of patients, the least that there are), or
    `whole` (all values).
    """

    unit: str
    factor: float
    count: int
    low: float
    high: float
    evidence: str


def mixed(code: str, unit: str, at: Numbers, counts: Counts, jumps: Mapping[int, int], shelf: Shelf) -> Mix | None:
    """Look for another unit among the values of one code.

    Parameters
    ----------
    code, unit : str
        A measurement and the unit that its values are said to be in.
    at, counts : arrays of shape (n,)
        Values, and how often each occurs (those refused at intake for lying outside plausible limits among them).
    jumps : mapping of int to int
        Patients whose value is exp(key / JUMP_BINS) times the one before.
    shelf : Shelf
        Conversions and limits.

    Returns
    -------
    Mix or None
    """
    rule = limits("unit_mix")
    positive = at > 0
    at, counts = at[positive], counts[positive]
    total = int(counts.sum())
    if total < rule["least"]:
        return None
    logs = np.log(at)
    middle = float(quantiles(logs, counts, [0.5])[0])
    options = candidates(code, unit, float(np.exp(middle)), shelf)
    home, own = _Home(code, shelf, float(np.exp(middle))), own_units(code, shelf)
    found = [f for option in options if (f := _judged(option, logs, counts, middle, jumps, home, option.unit in own)) is not None]
    if found:  # of several that fit, a unit with a rule for this analyte is likelier to be written than a power of ten
        return min(found, key=lambda f: (f[0].evidence == "jumps", f[0].unit not in own, f[1]))[0]
    return _whole(options, logs, counts, middle, home)


def candidates(code: str, unit: str, typical: float, shelf: Shelf, *, raw: bool = False) -> list[Candidate]:
    """Units that the values of a code could be in by mistake, one for each distinguishable ratio, the analyte's own units first.

    `typical` is a right value, or with `raw` a wrong one.
    """
    rule = limits("unit_mix")
    own = own_units(code, shelf)
    found: list[Candidate] = []
    for other in sorted(shelf.units.known, key=lambda u: (u not in own, len(u), u)):
        annotated = "{" in other or "{" in unit
        factor = None if annotated else shelf.units.factor(other, unit, code)
        if factor is None:
            continue
        meant = typical * factor[0] + factor[1] if raw else typical
        sent = typical if raw else (typical - factor[1]) / factor[0]
        if meant <= 0 or sent <= 0 or abs(np.log(sent / meant)) < np.log(rule["smallest_ratio"]):
            continue
        ratio = float(np.log(sent / meant))
        if all(abs(ratio - c.ratio) > 0.05 for c in found):
            found.append(Candidate(other, factor[0], factor[1], ratio))
    return found


def own_units(code: str, shelf: Shelf) -> frozenset[str]:
    """Units that the shelf has a rule for with this analyte, and those of the same kind of quantity across the bridge."""
    ends = {end for bridge in shelf.units.bridges.get(code, ()) for end in (bridge.from_unit, bridge.to_unit)}
    home = shelf.codes[code].unit if code in shelf.codes else ""
    kinds = {end.kind for end in ends if home not in shelf.units.known or end.kind != shelf.units.known[home].kind}
    return frozenset({end.unit for end in ends} | {u for u, unit in shelf.units.known.items() if unit.kind in kinds})


def explained(code: str, unit: str, values: Numbers, shelf: Shelf) -> str:
    """The unit in which impossible values would be ordinary ones: all of them plausible and the middle one within reference; or nothing."""
    typical = float(np.median(values))
    home = _Home(code, shelf, typical)
    for option in candidates(code, unit, typical, shelf, raw=True):
        converted = values * option.scale + option.offset
        middle = float(np.median(converted))
        if home.known and middle > 0 and home.extreme(middle) == 0 and not any(home.outside(float(v)) for v in converted):
            return option.unit
    return ""


class _Home:
    """How far a value lies from where people's values lie, on the way to the plausible limit: 0 within reference, 1 at the limit."""

    def __init__(self, code: str, shelf: Shelf, typical: float) -> None:
        rows = [r for r in shelf.ranges.get(code, ()) if (r.reference_low, r.reference_high) != (None, None)]
        lows = [r.reference_low for r in rows if r.reference_low and r.reference_low > 0]
        highs = [r.reference_high for r in rows if r.reference_high and r.reference_high > 0]
        self.known = bool(rows)
        self.plausible_low, self.plausible_high = shelf.plausible(code)
        self.low = min(lows, default=None) or min([typical, *highs])
        self.high = max(highs, default=None) or max([typical, *lows])

    def outside(self, value: float) -> bool:
        """Whether a value cannot be."""
        below = self.plausible_low is not None and value < self.plausible_low
        return below or (self.plausible_high is not None and value > self.plausible_high)

    def extreme(self, value: float) -> float:
        """0 within the limits of reference, 1 and more at those of what is plausible."""
        unlimited = float(np.log(limits("unit_mix")["unlimited"]))
        if value < self.low:
            way = np.log(self.low / self.plausible_low) if self.plausible_low and 0 < self.plausible_low < self.low else unlimited
            return float(np.log(self.low / value) / max(way, 1e-9))
        if value > self.high:
            way = np.log(self.plausible_high / self.high) if self.plausible_high and self.plausible_high > self.high else unlimited
            return float(np.log(value / self.high) / max(way, 1e-9))
        return 0.0


def _spread(logs: Numbers, counts: Counts) -> float:
    low, high = quantiles(logs, counts, [0.16, 0.84])
    return max(float(high - low) / 2, 0.01)


def _within(logs: Numbers, counts: Counts, low: float, high: float) -> int:
    return int(counts[(logs >= low) & (logs < high)].sum())


def _judged(
    option: Candidate, logs: Numbers, counts: Counts, middle: float, jumps: Mapping[int, int], home: _Home, own: bool
) -> tuple[Mix, float] | None:
    """Weigh the evidence for one other unit; with it how far the fit is off (small is good)."""
    rule: dict[str, Any] = limits("unit_mix")
    mode, pairs = _mode(option, logs, counts, middle), _pairs(option, jumps)
    factor = float(np.exp(option.ratio))
    if mode is not None and not (home.known and home.extreme(mode.converted) > rule["home"]):
        strange = home.extreme(mode.raw) if home.known else 0.0
        impossible = home.outside(mode.raw)
        # A group of the sick is a group of persons, and its values are those of the sick.
        between_patients = home.known and own and strange >= rule["extreme_between"] and mode.miss <= rule["location"] / 2
        within_patients = pairs is not None and (strange >= rule["extreme"] or not home.known)
        if impossible or within_patients or between_patients:
            return Mix(option.unit, factor, mode.count, mode.low, mode.high, "modes"), mode.miss
    if pairs is None:
        return None
    beyond = (logs - middle) * np.sign(option.ratio) > abs(option.ratio) / 2
    if int(beyond.sum()) < rule["levels"]:
        return None
    raw = float(np.exp(quantiles(logs[beyond], counts[beyond], [0.5])[0]))
    if home.known and home.extreme(raw) < rule["pair_extreme"]:
        return None
    low, high = float(np.exp(logs[beyond].min())), float(np.exp(logs[beyond].max()))
    return Mix(option.unit, factor, pairs[0], low, high, "jumps"), -pairs[1]


@dataclass(frozen=True, slots=True)
class _Mode:
    count: int
    raw: float
    converted: float
    miss: float
    low: float
    high: float


def _mode(option: Candidate, logs: Numbers, counts: Counts, middle: float) -> _Mode | None:
    """A second mode where the conversion puts it, shaped as the first, with a valley before it and little beyond it."""
    rule: dict[str, Any] = limits("unit_mix")
    half = abs(option.ratio) / 2
    far = (logs - middle) * np.sign(option.ratio) > half
    side = int(counts[far].sum())
    if side < rule["minority"] or side > 0.5 * counts.sum():
        return None
    converted = np.exp(logs) * option.scale + option.offset
    spread = _spread(logs[~far], counts[~far])
    reach = min(max(3 * spread, 0.15), half)
    landed = far & (converted > 0) & (np.abs(np.log(np.maximum(converted, 1e-300)) - middle) < reach)
    own = int(counts[landed].sum())
    # Values read off a scale of few steps have gaps between them that are no valleys.
    if own < rule["minority"] or side - own > rule["beyond"] * own or int(landed.sum()) < rule["levels"]:
        return None
    moved = np.log(converted[landed])
    center = float(quantiles(moved, counts[landed], [0.5])[0])
    miss, shape = abs(center - middle), _spread(moved, counts[landed]) / spread
    if miss > min(rule["location"], max(spread, 0.05)) or not rule["spread"][0] <= shape <= rule["spread"][1]:
        return None
    # The valley: the emptiest stretch between the modes, a fifth of the way wide, against the lesser mode's own.
    width = abs(option.ratio) / 5
    mode = float(quantiles(logs[landed], counts[landed], [0.5])[0])
    between = [middle + option.ratio * share for share in np.arange(0.3, 0.75, 0.05)]
    valley = min(_within(logs, counts, x - width / 2, x + width / 2) for x in between)
    if valley > rule["valley"] * max(_within(logs, counts, mode - width / 2, mode + width / 2), 1):
        return None
    low, high = float(np.exp(logs[landed].min())), float(np.exp(logs[landed].max()))
    return _Mode(own, float(np.exp(mode)), float(np.exp(center)), miss, low, high)


def _pairs(option: Candidate, jumps: Mapping[int, int]) -> tuple[int, float] | None:
    """Patients whose values jump by just the factor, there and back, and hardly by a little less or more; and how far the peak stands out.

    There and back: a child grows, and a drug brings down, but neither returns at the next visit.
    """
    rule: dict[str, Any] = limits("unit_mix")
    keys = np.array(sorted(jumps), dtype=np.int64)
    if not len(keys):
        return None
    at, patients = keys / JUMP_BINS, np.array([jumps[int(k)] for k in keys], dtype=np.int64)
    half = float(np.clip(2 * _spread(at, patients), 0.06, abs(option.ratio) / 5))
    hits, peaks = [], []
    for sign in (1, -1):
        target, toward = sign * option.ratio, sign * np.sign(option.ratio)
        own = _within(at, patients, target - half, target + half)
        near = _within(at, patients, *sorted((target - toward * 3 * half, target - toward * half)))
        far = _within(at, patients, *sorted((target + toward * half, target + toward * 3 * half)))
        background = (near + far) / 2
        clear = own > rule["peak"] * background and own > 2 * near and own > background + 3 * np.sqrt(background + 1)
        hits.append(own if clear else 0)
        peaks.append(own / (background + 1))
    if min(hits) < rule["patients"] / 2 or sum(hits) < 2 * rule["patients"] or min(hits) < 0.25 * max(hits):
        return None
    return max(hits), min(peaks)


def _whole(options: list[Candidate], logs: Numbers, counts: Counts, middle: float, home: _Home) -> Mix | None:
    """Everything is in another unit: the middle value is hardly possible, and a conversion brings it within reference."""
    typical = float(np.exp(middle))
    rule = limits("unit_mix")
    if not (home.outside(typical) or (home.known and home.extreme(typical) >= 2 * rule["extreme"])):
        return None
    for option in options:
        converted = typical * option.scale + option.offset
        if converted > 0 and home.known and home.extreme(converted) == 0:
            own = int(counts.sum())
            factor = (typical * option.scale + option.offset) / typical
            return Mix(option.unit, 1 / factor, own, float(np.exp(logs.min())), float(np.exp(logs.max())), "whole")
    return None
