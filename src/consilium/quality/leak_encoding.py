"""Encoding: columns made with the answers, or with the numbers, of the rows that a model is proven on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from consilium.quality.leak_fill import IMPROBABLE, filled_by_answer, on_grid
from consilium.quality.leak_report import Finding, Said, phrase
from consilium.quality.leak_report import said as tell
from consilium.quality.leak_study import Column, Floats, Study, area, repeated, spread

_EXACT = 1e-3  # of the range of values
_MANY_GROUPS = 8
_MOST_GROUPS = 40
_ALIKE = 0.8  # rank correlation with the shares below which no formula of them is looked for
_BY_CHANCE = 2e-3
_NOUGHT = 1e-5  # of the deviation, what a mean may be off nought when it was taken away from all rows


def encoding(study: Study) -> Iterator[Finding]:
    """Every finding about how columns were made."""
    people = study.people
    for column, alone in zip(study.columns, people.columns, strict=True):
        x = column.value
        if len(study.y) and min(int(study.y.sum()), int((study.y == 0).sum())) >= 10:
            found = _encoded(study, column) or _pure(alone, people.y) or filled_by_answer(people, alone)
            if found is not None:
                yield found
                continue
        if study.folds and study.foreign:
            yield from _scaled(study, column, x)
            if len(study.y):
                yield from _memorised(study, column)


def _encoded(study: Study, column: Column) -> Finding | None:
    """A column whose groups of equal value have just the share of cases that the value says, closer than chance allows."""
    seen = np.isfinite(column.value)
    parts = [seen]
    for fold in study.folds:
        inside = np.zeros(len(seen), dtype=np.bool_)
        inside[fold.train] = True
        parts.append(seen & inside)
    for rows in parts:
        x, y = column.value[rows], study.y[rows]
        value, of, n = np.unique(x, return_inverse=True, return_counts=True)
        if len(value) < 4 or len(value) > len(x) / 3:
            continue
        share = np.bincount(of, weights=y) / n
        big = n >= 5
        rate = float(y.mean())
        if big.sum() < 4:
            continue
        exact, places = _exact(value[big], share[big], n[big], rate)
        if exact:
            detail = tell("exact_share", n=int(big.sum()), how=phrase(places))
            return Finding("made_from_answers", column.name, int(rows.sum()), (), float(big.sum()), detail)
    return None


def _pure(column: Column, answers: NDArray[np.int8]) -> Finding | None:
    """A column most of whose repeated values stand on one side alone."""
    seen = np.isfinite(column.value)
    value, of, n = np.unique(column.value[seen], return_inverse=True, return_counts=True)
    if len(value) < 4 or len(value) > seen.sum() / 3:
        return None
    share, big, rate = np.bincount(of, weights=answers[seen]) / n, n >= 5, float(answers[seen].mean())
    pure = big & np.isin(share, (0.0, 1.0))
    if big.sum() < 4 or min(int((share[big] == end).sum()) for end in (0.0, 1.0)) < 2 or n[pure].sum() < 0.7 * n[big].sum():
        return None
    chance = float((n[pure] * np.where(share[pure] == 1.0, math.log(rate), math.log(1 - rate))).sum())
    if chance >= math.log(IMPROBABLE):
        return None
    detail = tell("pure", pure=int(pure.sum()), n=int(big.sum()))
    return Finding("made_from_answers", column.name, int(seen.sum()), (), float(big.sum()), detail)


def _exact(value: Floats, share: Floats, n: NDArray[np.int64], rate: float) -> tuple[bool, str]:
    """Whether values are the shares themselves, the shares drawn towards the mean, or the log-odds or weight of them."""
    if np.unique(share).size < 4:
        return False, ""
    sd = np.sqrt(np.maximum(share * (1 - share), 0.25 / n) / n)
    off = np.abs(value - share)
    if np.median(off / sd) < 0.02 and (off / sd).max() < 0.2:
        return True, "as a share"
    # Smoothed: v = (n s + m r) / (n + m), so (v - s) n = m (r - v): one m must fit all groups.
    towards = rate - value
    usable = np.abs(towards) > 1e-6
    if usable.sum() >= 4:
        m = ((value - share) * n)[usable] / towards[usable]
        weight = float(np.median(m))
        # Groups that chance gave one value are counted as one, and fit another weight: most must agree, not all.
        agree = np.abs(m - weight) <= 0.05 * abs(weight)
        if 0 < weight < 1e4 and agree.sum() >= 5 and agree.mean() >= 0.5:
            return True, "as a smoothed share"
    fit = _rates(value, share, n, rate)
    if fit:
        return True, fit
    return (True, "in their order") if _in_order(value, share, n) else (False, "")


def _rates(value: Floats, share: Floats, n: NDArray[np.int64], rate: float) -> str:
    """Whether values are, but for place and scale, the shares or their log-odds, however both were drawn towards the mean or the middle."""
    from scipy.optimize import minimize_scalar

    if len(value) > _MOST_GROUPS:  # as many as tell a formula from chance; the largest, whose shares are surest
        largest = np.sort(np.argsort(-n, kind="stable")[:_MOST_GROUPS])
        value, share, n = value[largest], share[largest], n[largest]
    if abs(spread(value, share)) < _ALIKE:
        return ""

    def left(weight: float, centre: float, odds: bool) -> Floats:
        drawn = (share * n + weight * centre) / (n + weight)
        told = np.log(np.clip(drawn, 1e-9, 1) / np.clip(1 - drawn, 1e-9, 1)) if odds else drawn
        inner = (drawn > 0) & (drawn < 1) & np.isfinite(value)
        one, other = np.triu_indices(int(inner.sum()), 1)
        apart = told[inner][one] - told[inner][other]
        if len(one) < 10 or (np.abs(apart) > 1e-9).sum() < 10:
            return np.full(1, np.inf)
        told_apart = np.abs(apart) > 1e-9
        slope = float(np.median((value[inner][one] - value[inner][other])[told_apart] / apart[told_apart]))
        rest = value[inner] - slope * told[inner]
        found: Floats = np.abs(rest - np.median(rest)) / np.ptp(value[inner])
        return found

    for odds in (False, True):
        for centre in (0.5, rate):
            weights = [0.0, *np.geomspace(0.01, 100, 41)]
            first = weights[int(np.argmin([np.median(left(w, centre, odds)) for w in weights]))]
            tried = [first]
            if first > 0:
                found = minimize_scalar(
                    lambda w, c=centre, o=odds: float(np.median(left(float(np.exp(w)), c, o))),
                    bounds=(np.log(first) - 0.4, np.log(first) + 0.4), method="bounded", options={"xatol": 1e-6},
                )  # fmt: skip
                tried.append(float(np.exp(found.x)))
            for weight in tried:
                off = left(weight, centre, odds)
                # Groups that chance gave one value are counted as one, and fit no other: most must agree, not all.
                if (off < _EXACT).sum() >= 5 and (off < _EXACT).mean() >= 0.75:
                    return "as log-odds" if odds else "in proportion"
    return ""


def _in_order(value: Floats, share: Floats, n: NDArray[np.int64]) -> bool:
    """Whether many groups stand in the very order of their shares, which chance would disturb even if that were the order of the truth."""
    order = np.argsort(value)
    steps = np.diff(share[order])
    if len(value) < _MANY_GROUPS or not ((steps > 0).all() or (steps < 0).all()):
        return False
    again = np.random.default_rng(5).binomial(n[order], share[order], (2000, len(n))) / n[order]
    return bool((np.diff(again, axis=1) * np.sign(steps[0]) > 0).all(axis=1).mean() < _BY_CHANCE)


def _scaled(study: Study, column: Column, x: Floats) -> Iterator[Finding]:
    """Columns centred, scaled or filled by numbers that the tested rows took part in."""
    for fold in study.folds:
        rows = np.concatenate([fold.train, fold.test])
        both, train = x[rows], x[fold.train]
        both, train = both[np.isfinite(both)], train[np.isfinite(train)]
        if len(both) < 30 or len(np.unique(both)) < 10 or len(train) == len(both):
            continue
        tiny = 1e-4
        said = Said("")
        for name, centre, width in (
            ("mean and deviation", np.mean, np.std),
            ("median and quartiles", np.median, lambda v: np.subtract(*np.percentile(v, [75, 25]))),
        ):
            whole, part = (float(centre(both)), float(width(both))), (float(centre(train)), float(width(train)))
            sample = float(width(both)) * math.sqrt(len(both) / (len(both) - 1)) if name.startswith("mean") else whole[1]
            if (
                abs(whole[0]) < tiny
                and min(abs(whole[1] - 1), abs(sample - 1)) < tiny
                and (abs(part[0]) > tiny or abs(part[1] - 1) > 10 * tiny)
            ):
                said = tell("centred", what=phrase(name), a=part[0], b=part[1])
        deviation = float(both.std())
        if not said and abs(float(both.mean())) < _NOUGHT * deviation < abs(float(train.mean())) and _continuous(both):
            said = tell("centre_of_all", a=float(train.mean()))
        ends, own = (float(both.min()), float(both.max())), (float(train.min()), float(train.max()))
        if abs(ends[0]) < 1e-6 and abs(ends[1] - 1) < 1e-6 and (own[0] > 1e-6 or own[1] < 1 - 1e-6):
            said = tell("ranged", a=own[0], b=own[1])
        if said:
            yield Finding("scaled_with_test", column.name, len(both), (), abs(float(train.mean())), said)
            return
        filled = _filled(x[rows], x[fold.train])
        if filled:
            yield Finding("scaled_with_test", column.name, len(both), (), 1.0, filled)
            return


def _continuous(values: Floats) -> bool:
    """Whether most values stand alone: small whole numbers add up to nought by chance."""
    return len(np.unique(values)) > 0.5 * len(values)


def _filled(both: Floats, train: Floats) -> Said:
    """Whether missing values were filled with the mean or median of all rows rather than of the learning rows."""
    for pile in repeated(both):
        own_all, own_train = both[np.isfinite(both) & (both != pile)], train[np.isfinite(train) & (train != pile)]
        n = int((both == pile).sum())
        if n < 10 or len(own_all) < 30 or len(own_train) < 30:
            continue
        width = float(own_all.std())
        # A fill that could also have been measured hides among the measured, whose median then means nothing.
        measured = bool(np.isin(pile, np.round(own_all, 4))) or on_grid(pile, own_all)
        for name, centre in (("mean", np.mean), ("median", np.median)):
            whole, part = float(centre(own_all)), float(centre(own_train))
            if not (measured and name == "median") and abs(pile - whole) < 1e-4 * width and abs(pile - part) > 1e-3 * width:
                return tell("filled_with_all", n=n, value=float(pile), what=phrase(name), own=part)
    return Said("")


def _memorised(study: Study, column: Column) -> Iterator[Finding]:
    """Scores that know the answers of the learning rows far better than those of the others."""
    seen = np.isfinite(column.value)
    for fold in study.folds:
        areas = []
        for rows in (fold.train, fold.test):
            own = rows[seen[rows]]
            y = study.y[own]
            if min(int(y.sum()), int((y == 0).sum())) < 8:
                break
            auc, _ = area(y, column.value[own])
            n1, n0 = int(y.sum()), int((y == 0).sum())
            q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
            variance = (auc * (1 - auc) + (n1 - 1) * (q1 - auc * auc) + (n0 - 1) * (q2 - auc * auc)) / (n1 * n0)
            areas.append((auc, variance))
        if len(areas) == 2:
            (learnt, v0), (proven, v1) = areas
            gap = (learnt - proven) if learnt >= 0.5 else (proven - learnt)
            if gap >= 0.1 and gap / math.sqrt(v0 + v1 + 1e-9) >= 4:
                detail = tell("memorised", learnt=learnt, proven=proven)
                yield Finding("made_from_answers", column.name, int(seen.sum()), (), gap, detail)
                return
