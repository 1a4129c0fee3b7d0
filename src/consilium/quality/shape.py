"""Shape: what the numbers of one code give away - limits, last digits, repeats, gaps - judged from counts alone."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.quality.rules import limits

Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]


def piled(at: Numbers, counts: Counts, low: float | None, high: float | None, natural: bool) -> tuple[int, float] | None:
    """Values piled up at a plausible limit: how many, and at which; None when there are none.

    Zero and the ends of a natural scale (a per cent, a score) are places where values belong. A tail that reaches a limit is no
    pile: more values must lie at the limit than in the stretch before it.
    """
    rule = limits("edge")
    total = int(counts.sum())
    if total < rule["least"] or low is None or high is None or natural:
        return None
    for limit, sign in ((low, 1), (high, -1)):
        if limit == 0:
            continue
        # By ratio, since what is measured in people spreads by ratio; by difference where the scale reaches below zero.
        ratio = low >= 0 and limit > 0
        reach = rule["within"] * (1.0 if ratio else high - low)
        depth = sign * (np.log(np.maximum(at, 1e-300) / limit) if ratio else at - limit)
        near, beside = ((depth >= 0) & (depth < reach), (depth >= reach) & (depth < 6 * reach))
        here, next_to = int(counts[near].sum()), int(counts[beside].sum())
        # A placeholder or a clipped reading is one and the same value, commoner than any beside it.
        single, other = int(counts[near].max(initial=0)), int(counts[beside].max(initial=0))
        spike = single >= here / 2 and single > 3 * other + 4 * np.sqrt(other + 1)
        if spike and here >= rule["share"] * total and 2 * here > next_to:
            return here, limit
    return None


def preferred(digits: Mapping[int, int], at: Numbers, counts: Counts) -> dict[str, Any] | None:
    """The last digit that is written too often; None when none is.

    It must lead in most of the tens that values fall into: a limit of detection, a common result or a scale of few steps leads in
    one ten only. A device that reads in steps of two, five or ten has no preference.

    Parameters
    ----------
    digits : mapping of int to int
        Counts by 10 * decimals + last digit.
    at, counts : arrays of shape (n,)
        Values at three significant digits, and how often each occurs.
    """
    rule = limits("digits")
    total = sum(digits.values())
    if total < rule["least"]:
        return None
    # The decimals that the code is written with: the fewest with which nearly all values can be; a value that ends in nought
    # seems to have one less.
    decimals = next((d for d in range(4) if sum(n for k, n in digits.items() if k // 10 <= d) >= 0.98 * total), None)
    if decimals is None:
        return None
    steps = np.rint(np.abs(at) * 10**decimals).astype(np.int64)
    told = (steps > 0) & (steps < 1000)  # three digits are kept; of larger values the last is not known
    steps, own = steps[told], counts[told]
    if own.sum() < rule["least"]:
        return None
    table = np.zeros((100, 10))
    np.add.at(table, (steps // 10, steps % 10), own)
    share = table.sum(axis=0) / table.sum()
    if max(share[0] + share[5], share[::2].sum()) >= rule["device"]:
        return None
    digit = int(np.argmax(share))
    sums = table.sum(axis=1)
    full = table[(sums >= rule["full"]) & (table.max(axis=1) < rule["device"] * sums)]  # of one step in a ten nothing can be told
    leads = float(np.mean(full.argmax(axis=1) == digit)) if len(full) else 0.0
    if share[digit] < rule["share"] or len(full) < rule["tens"] or leads < rule["most"]:
        return None
    return {"digit": digit, "decimals": decimals, "count": int(table[:, digit].sum()), "of": int(table.sum())}


def flat(runs: Mapping[tuple[int, int], int], share: Mapping[int, float]) -> tuple[int, dict[int, int]] | None:
    """Runs of one value too long for chance: the length from which on, and how many values by value key; None when there are none.

    Parameters
    ----------
    runs : mapping of (value key, length) to int
        How many runs.
    share : mapping of int to float
        Share of each value among all; values at a detection limit are common, and repeat without anything being wrong;
        so does zero, which is none of what was looked for.
    """
    rule = limits("flatline")
    judged = {key: n for key, n in runs.items() if key[0] and share.get(key[0], 0.0) < rule["common"]}
    pairs = sum((length - 1) * n for (_, length), n in judged.items()) + sum(judged.values())
    equal = sum((length - 1) * n for (_, length), n in judged.items())
    if pairs < rule["least_pairs"] or not equal:
        return None
    # Long runs are what is looked for: they must not raise what is expected of all. Nothing repeats more often than this is a constant.
    capped = sum((min(length, rule["shortest"]) - 1) * n for (_, length), n in judged.items())
    chance = capped / max(capped + sum(judged.values()), 1)
    if not 0 < chance < 0.5:
        return None
    longest = int(max(rule["shortest"], np.ceil(1 + np.log(rule["chance"] / pairs) / np.log(chance))))
    found: dict[int, int] = {}
    for (value, length), n in judged.items():
        if length >= longest:
            found[value] = found.get(value, 0) + length * n
    return (longest, found) if found else None


def gap(months: Mapping[int, int], all_months: Mapping[int, int]) -> dict[str, Any] | None:
    """The longest stretch of months in which a code is absent though others go on and many of its patients were to be expected.

    Months are numbered 12 * year + month; each maps to patients seen. Expected: the code's share of patients in the year on
    either side of the stretch, so that a test that came late or fell out of use is no gap.
    """
    rule = limits("gap")
    order = sorted(months)
    best: dict[str, Any] | None = None
    for before, after in pairwise(order):
        length = after - before - 1
        if length < rule["least_months"]:
            continue
        shares, sides = [], []
        for start, end in ((before - 11, before), (after, after + 11)):
            own = sum(months.get(m, 0) for m in range(start, end + 1))
            whole = sum(all_months.get(m, 0) for m in range(start, end + 1))
            shares.append(own / whole if whole else 0.0)
            sides.append(own)
        going_on = [m for m in range(before + 1, after) if all_months.get(m, 0)]
        expected = min(shares) * sum(all_months[m] for m in going_on)
        if min(sides) < rule["either_side"] or len(going_on) < rule["least_months"] or expected < rule["expected"]:
            continue
        if best is None or expected > best["expected"]:
            best = {"from": _month(before + 1), "to": _month(after - 1), "months": length, "expected": round(expected, 1)}
    return best


def _month(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
