"""Range: whether where a column's values end, or a number that stands far from all of them, was decided by the answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.quality.leak_report import Finding, phrase
from consilium.quality.leak_report import said as tell
from consilium.quality.leak_sign import NAMED, sign
from consilium.quality.leak_study import Floats, Study
from consilium.validation.logistic import logistic

_FEW = 10
_OFTEN = 5  # times that a number which is no measurement must have been written
_FAR = 3.0  # quartile distances from the nearest measurement at which a number is none itself
_VALUES = 10  # a scale of fewer values has no ends to speak of
_BEYOND = 8  # people beyond the end of the others
_BAND = 20  # of the others, people beside that end: an honest end is thinly peopled
_SHARP = 0.45  # of the way from the middle to the last twentieth, the way from there to an end that was cut; in a tail it is as long
_ACCIDENT = -18.0  # log of the chance at which nobody beyond the end is no accident; cell nuclei of real tumours, cut by nobody, reach -15


def ranges(study: Study) -> Iterator[Finding]:
    """Every finding about numbers that stand apart and about ends that only cases, or only controls, have."""
    if len(study.y) == 0 or min(int(study.y.sum()), int((study.y == 0).sum())) < _FEW:
        return
    for code in study.read:
        v = pl.col("numeric_value").cast(pl.Float64)
        whole = study.beside([code]).filter(v.is_finite())
        known = whole.filter(pl.col("before"))
        yield from _apart(study, code, known["row"].to_numpy(), known.select(v).to_series().to_numpy())
        # What is cleaned is cleaned in the whole chart.
        yield from _cut(study, code, whole["row"].to_numpy(), whole.select(v).to_series().to_numpy())
    for column in study.columns if study.foreign else ():
        seen = np.flatnonzero(np.isfinite(column.value))
        yield from _apart(study, column.name, seen, column.value[seen])
        yield from _cut(study, column.name, seen, column.value[seen])


def _apart(study: Study, where: str, row: NDArray[np.int64], value: Floats) -> Iterator[Finding]:
    """Numbers written many times and far from all others: codes (not done, cancelled, unknown) that stand with one side."""
    for code in _codes(value):
        said = np.zeros(len(study.y), dtype=np.bool_)
        said[row[value == code]] = True
        found = sign(study.y, int((said & (study.y > 0)).sum()), int((said & (study.y == 0)).sum()), bar=NAMED)
        if found is not None:
            detail = tell("stands_apart", value=code, counts=found.counts)
            yield Finding("code_among_numbers", where, found.hits, (f"{code:g}",), found.power, detail)


def _codes(value: Floats) -> list[float]:
    """Numbers at the ends of a scale that are no part of it.

    Examples
    --------
    >>> _codes(np.array([*np.linspace(135, 145, 81), *[99.0] * 6, 9999.0]))
    [99.0]
    """
    found: list[float] = []
    many, n = np.unique(value, return_counts=True)
    middle = np.subtract(*np.percentile(value, [75, 25])) if len(value) else 0.0
    low, high = 0, len(many) - 1
    while middle > 0 and high - low >= _VALUES:
        if many[low + 1] - many[low] > _FAR * middle:
            found += [float(many[low])] * bool(n[low] >= _OFTEN)
            low += 1
        elif many[high] - many[high - 1] > _FAR * middle:
            found += [float(many[high])] * bool(n[high] >= _OFTEN)
            high -= 1
        else:
            break
    return found


def _cut(study: Study, where: str, row: NDArray[np.intp], value: Floats) -> Iterator[Finding]:
    """Ends of a scale beyond which many of one side lie and none of the other, although the other is dense up to that very end.

    A tail thins out; what was cut ends where it is dense. Honest risk changes smoothly: a logistic line through those just inside the end
    says how many beyond it should be of the other side.
    """
    if len(np.unique(value)) < 2 * _VALUES:
        return
    # Amounts crowd towards zero: an end is called cut only when it is as sharp on the scale of their logarithms.
    scales = (value, np.log(value)) if (value > 0).all() else (value,)
    for side, who in ((0, "controls"), (1, "cases")):
        for direction, end in ((1.0, "highest"), (-1.0, "lowest")):
            x, own = direction * value, study.y[row] == side
            if not own.any() or own.all() or not all(_sharp(direction * scale[own]) for scale in scales):
                continue
            edge = float(x[own].max())
            beyond = x > edge
            inside = np.sort(x[~own & ~beyond])[::-1]
            if beyond.sum() < _BEYOND or not len(inside):
                continue
            band = ~beyond & (x >= inside[: int(beyond.sum())][-1])
            people, beside = len(np.unique(row[beyond])), len(np.unique(row[band & own]))
            if people < _BEYOND or beside < max(_BAND, people):
                continue
            # Values of one person go together, about half: many of them count for fewer.
            accident = max(_smooth(direction * scale, own, band, beyond) for scale in scales)
            chance = accident / (1 + (int(beyond.sum()) / people - 1) / 2)
            if chance < _ACCIDENT:
                detail = tell("cut", who=phrase(who), end=phrase(end), value=direction * edge, beyond=people, beside=beside)
                yield Finding("cut_by_answer", where, people, (f"{direction * edge:g}",), -chance, detail)
                return


def _sharp(x: Floats) -> bool:
    """Whether the upper end of numbers comes sooner than a tail would.

    Examples
    --------
    >>> even = np.linspace(0, 1, 101)
    >>> _sharp(even), _sharp(even**3), _sharp(-np.log(1 - 0.99 * even))
    (True, True, False)
    """
    middle, high, edge = (float(q) for q in np.quantile(x, (0.5, 0.95, 1.0)))
    return edge - high <= _SHARP * (high - middle)


def _smooth(x: Floats, own: NDArray[np.bool_], band: NDArray[np.bool_], beyond: NDArray[np.bool_]) -> float:
    """Log of the chance that all beyond the end are of the other side, were risk to go on as it does in the band beside the end."""
    centre, width = float(x[band].mean()), float(x[band].std())
    if width == 0:
        return 0.0
    line = np.column_stack([np.ones(len(x)), (x - centre) / width])
    b, _ = logistic(line[band], own[band].astype(np.float64), penalised=True)
    return float(-np.logaddexp(0.0, line[beyond] @ b).sum())
