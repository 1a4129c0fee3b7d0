"""Encoding: columns made with the answers, or with the numbers, of the rows that a model is proven on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from consilium.quality.leak_report import Finding
from consilium.quality.leak_study import Column, Floats, Study, area

_IMPROBABLE = 1e-5


def encoding(study: Study) -> Iterator[Finding]:
    """Every finding about how columns were made."""
    for column in study.columns:
        x = column.value
        if len(study.y) and min(int(study.y.sum()), int((study.y == 0).sum())) >= 10:
            found = _encoded(study, column)
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
            detail = f"{int(big.sum())} groups of equal value hold exactly the share of cases that the value states ({places})"
            return Finding("made_from_answers", column.name, int(rows.sum()), (), float(big.sum()), detail)
        ends = [int((share[big] == end).sum()) for end in (0.0, 1.0)]
        pure = np.isin(share[big], (0.0, 1.0))
        alone = np.where(share[big] == 1.0, math.log(rate), math.log(1 - rate))
        chance = float((n[big] * alone)[pure].sum())
        if min(ends) >= 2 and n[big][pure].sum() >= 0.7 * n[big].sum() and chance < math.log(_IMPROBABLE):
            detail = f"{int(pure.sum())} of {int(big.sum())} values stand with cases alone or with controls alone"
            return Finding("made_from_answers", column.name, int(rows.sum()), (), float(big.sum()), detail)
    return None


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
    inner = (share > 0) & (share < 1)
    if inner.sum() >= 5:
        log_odds = np.log(share[inner] / (1 - share[inner]))
        fit = np.polyfit(log_odds, value[inner], 1)
        left = value[inner] - np.polyval(fit, log_odds)
        if abs(fit[0]) > 1e-9 and np.abs(left).max() < 1e-3 * max(np.ptp(value[inner]), 1e-9):
            return True, "as log-odds"
        fit = np.polyfit(share[inner], value[inner], 1)
        left = value[inner] - np.polyval(fit, share[inner])
        if abs(fit[0]) > 1e-9 and np.abs(left).max() < 1e-3 * max(np.ptp(value[inner]), 1e-9):
            return True, "in proportion"
    return False, ""


def _scaled(study: Study, column: Column, x: Floats) -> Iterator[Finding]:
    """Columns centred, scaled or filled by numbers that the tested rows took part in."""
    for fold in study.folds:
        rows = np.concatenate([fold.train, fold.test])
        both, train = x[rows], x[fold.train]
        both, train = both[np.isfinite(both)], train[np.isfinite(train)]
        if len(both) < 30 or len(np.unique(both)) < 10 or len(train) == len(both):
            continue
        tiny = 1e-4
        said = ""
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
                said = (
                    f"{name} of learning and proving rows together are 0 and 1, those of the learning rows {part[0]:.3f} and {part[1]:.3f}"
                )
        ends, own = (float(both.min()), float(both.max())), (float(train.min()), float(train.max()))
        if abs(ends[0]) < 1e-6 and abs(ends[1] - 1) < 1e-6 and (own[0] > 1e-6 or own[1] < 1 - 1e-6):
            said = f"0 to 1 over all rows, {own[0]:.3f} to {own[1]:.3f} over the learning rows"
        if said:
            yield Finding("scaled_with_test", column.name, len(both), (), abs(float(train.mean())), said)
            return
        filled = _filled(x[rows], x[fold.train])
        if filled:
            yield Finding("scaled_with_test", column.name, len(both), (), 1.0, filled)
            return


def _filled(both: Floats, train: Floats) -> str:
    """Whether missing values were filled with the mean or median of all rows rather than of the learning rows."""
    value, n = np.unique(both[np.isfinite(both)], return_counts=True)
    top = int(n.argmax())
    if n[top] < 10 or n[top] < 4 * np.sort(n)[-2]:
        return ""
    own_all, own_train = both[both != value[top]], train[train != value[top]]
    own_all, own_train = own_all[np.isfinite(own_all)], own_train[np.isfinite(own_train)]
    if len(own_all) < 30 or len(own_train) < 30:
        return ""
    spread = float(own_all.std())
    # A fill that could also have been measured hides among the measured, whose median then means nothing.
    measured = bool(np.isin(value[top], np.round(own_all, 4))) or _on_grid(value[top], own_all)
    for name, centre in (("mean", np.mean), ("median", np.median)):
        whole, part = float(centre(own_all)), float(centre(own_train))
        if not (measured and name == "median") and abs(value[top] - whole) < 1e-4 * spread and abs(value[top] - part) > 1e-3 * spread:
            return (
                f"{n[top]} rows hold {value[top]:.5g}, the {name} of learning and proving rows together (learning rows alone: {part:.5g})"
            )
    return ""


def _on_grid(value: float, measured: Floats) -> bool:
    """Whether a value is written in the step of the measured ones."""
    for step in (1.0, 0.1, 0.01, 0.001):
        if (np.abs(measured / step - np.round(measured / step)) < 1e-3).mean() > 0.98:
            return abs(value / step - round(value / step)) < 1e-3
    return False


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
                detail = f"AUROC {learnt:.2f} in the learning rows, {proven:.2f} in the others"
                yield Finding("made_from_answers", column.name, int(seen.sum()), (), gap, detail)
                return
