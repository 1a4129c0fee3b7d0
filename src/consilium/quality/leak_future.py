"""Future: inputs that know what was measured, counted or decided only after the moment of asking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.core.code import split
from consilium.quality.leak_clock import shown
from consilium.quality.leak_reach import CODES, FEW, at_rows, reach
from consilium.quality.leak_report import Finding, phrase
from consilium.quality.leak_report import said as tell
from consilium.quality.leak_sign import ratio
from consilium.quality.leak_study import HOUR, Column, Floats, Study, process, says, spread, together

_STEPS = 10  # a scale of fewer values repeats itself too often for an equality to tell anything
_REACHES = (6, 12, 24, 48, 72, 24 * 365)  # hours


def future(study: Study) -> Iterator[Finding]:
    """Every finding of the future."""
    if len(study.as_of) < FEW:
        return
    yield from _undated(study)
    yield from _late_values(study)
    if study.assumed:
        return
    yield from reach(study)
    yield from _copied(study)
    yield from _interpolated(study)
    yield from _averaged(study)
    if study.foreign:
        for column in study.columns:
            yield from _window(study, column)


def _undated(study: Study) -> Iterator[Finding]:
    """Values without a date, which count as always known, of things that happen at some time."""
    if study.card is None:
        return
    kinds = tuple(process()["undated"])
    inputs = {c for i in study.card.inputs for c in i.codes}
    rows = study.frame.filter(pl.col("t").is_null() & pl.col("code").is_in(list(inputs)))
    dated = set(study.dated["code"].unique().to_list())
    for (code,), own in rows.group_by("code", maintain_order=True):
        if str(code).startswith(kinds) or says(study.name(str(code)), ("sex", "race", "ethnicity", "blood group")):
            continue
        measured = own.filter(pl.col("numeric_value").is_not_null() & pl.col("unit").is_not_null() & (pl.col("unit") != "1")).height
        acts = split(str(code)).kind in ("CONDITION", "MEDICATION", "PROCEDURE", "ADMINISTERED", "ENCOUNTER", "NOTE", "REPORT")
        late = bool(says(study.name(str(code)), [*process()["end_of_stay"], *process()["consequence"]]))
        if code in dated or measured >= 0.5 * own.height or acts or late or _told(study, str(code)):
            detail = tell("undated", n=own.height)
            yield Finding("undated_value", str(code), own.height, shown(own), float(own.height), detail)


def _told(study: Study, code: str) -> bool:
    """Whether an undated code divides cases from controls more than a trait that people are born with does."""
    if not len(study.y):
        return False
    found = study.frame.filter(pl.col("t").is_null() & (pl.col("code") == code))
    for (_,), own in found.group_by("text_value", maintain_order=True):
        said = np.isin(study.row_subject, own["s"].unique().to_numpy())
        cases, controls = int((said & (study.y > 0)).sum()), int((said & (study.y == 0)).sum())
        if cases >= 8 and ratio(cases, controls, int((study.y > 0).sum()), int((study.y == 0).sum())) >= 6:
            return True
    return False


def _late_values(study: Study) -> Iterator[Finding]:
    """Values of a matrix that say themselves that they were taken after the asking."""
    moments = study.as_of.astype("datetime64[us]")
    for column in study.columns:
        if column.at is None:
            continue
        late = np.isfinite(column.value) & (column.at > moments)
        if late.any():
            where = tuple(f"subject {study.rows[i][0]}: {column.at[i]} after {moments[i]}" for i in np.flatnonzero(late)[:3])
            share = float(late.mean())
            yield Finding("taken_after_asking", column.name, int(late.sum()), where, share, tell("of_rows", share=share))


def _copied(study: Study) -> Iterator[Finding]:
    """Values known at the asking that equal, far more often than their neighbours on the scale do, values still to come."""
    for code in study.read:
        if code not in study.often:
            continue
        numbers = study.beside([code]).filter(pl.col("numeric_value").is_not_null() & pl.col("t").is_not_null())
        numbers = numbers.select("s", "row", "before", "t", "a", "time", "available", "code", "subject_id", v="numeric_value")
        own = numbers.with_columns(pl.col("v").cast(pl.Float64)).sort("row", "t", "a", "v")
        found = _copy(study, code, own)
        if found is not None:
            yield found


_STATS = ("next", "greatest", "least", "last", "mean", "median")


def _copy(study: Study, code: str, own: pl.DataFrame) -> Finding | None:
    after, before = own.filter(~pl.col("before")), own.filter(pl.col("before"))
    if before["row"].n_unique() < FEW or after["row"].n_unique() < 20:
        return None
    v = pl.col("v")
    ahead = after.group_by("row").agg(
        **{
            "next value": v.first(),
            "greatest value": v.max(),
            "least value": v.min(),
            "last value": v.last(),
            "mean": v.mean(),
            "median": v.median(),
        }
    )
    piles = _piles(own["v"].to_numpy())
    whole = own.group_by("row").agg(total=v.sum(), many=pl.len())
    held = before.with_columns(previous=v.shift(1).over("row"), place=pl.int_range(pl.len()).over("row"), known=pl.len().over("row"))
    held = held.join(whole, on="row").filter(~v.is_in(piles)).join(ahead, on="row")
    held = held.with_columns(((pl.col("total") - v) / (pl.col("many") - 1)).alias("mean of the others"))
    if held.is_empty():
        return None
    # Values in the usual step are held against their neighbours a step away, the others (a mean of such values) in their own finer one.
    step, fine = _step(held["v"].to_numpy()), _grid(held["v"].to_numpy())
    held = held.with_columns(usual=((v / step) - (v / step).round(0)).abs() <= 1e-3)
    habit = _spike((held["v"] - held["previous"]).drop_nulls().to_numpy(), step)[1]
    if held.filter(pl.col("usual"))["v"].n_unique() < _STEPS:
        return None
    rows = held["row"].n_unique()
    began = pl.Series(study.began[held["row"].to_numpy()])
    held = held.with_columns(since=pl.when(pl.col("t") >= began).then(pl.col("t")))
    firsts = held.filter(pl.col("since") == pl.col("since").min().over("row")).unique("row", maintain_order=True)
    rest = own.join(firsts.select("row", first="t"), on="row").filter(pl.col("t") > pl.col("first")).group_by("row")
    stay = rest.agg(v.mean().alias("mean of the rest of the stay"), v.median().alias("median of the rest of the stay"))
    for whole_part in (held, firsts.join(stay, on="row"), held.filter(pl.col("place") == pl.col("known") - 1)):
        for grid, part in ((step, whole_part.filter(pl.col("usual"))), (fine, whole_part.filter(~pl.col("usual")))):
            for stat in (name for name in part.columns if name.startswith(_STATS)):
                apart = (part["v"] - part[stat]).to_numpy()
                excess, _, equal = _spike(apart, grid)
                hits = part.filter(pl.Series(np.abs(apart) <= grid / 2 + 1e-6, dtype=pl.Boolean))
                reached, share = hits["row"].n_unique() / max(1, rows), equal / max(1, whole_part[stat].count())
                if equal >= 15 and excess >= 5 and share >= 1.5 * habit + 0.03 and reached >= 0.1:
                    detail = tell("copied", share=reached, stat=phrase(stat), excess=excess)
                    return Finding("copied_from_the_future", code, hits.height, shown(hits), excess, detail)
    return None


def _piles(values: Floats) -> list[float]:
    """Values at which a scale ends or an instrument stops counting: far more frequent than those beside them."""
    value, n = np.unique(values, return_counts=True)
    grid = _step(values)
    gap = np.abs(value[:, None] - value[None, :]) if len(value) <= 2000 else np.zeros((0, 0))
    if not gap.size:
        return []
    beside = (np.where((gap > grid / 2) & (gap < 3.5 * grid), n[None, :], 0).sum(axis=1)) / 6
    return [float(v) for v in value[n > 4 * (beside + 3)]]


def _step(values: Floats) -> float:
    """The step in which most values are written."""
    step = 1.0
    for _ in range(3):
        if (np.abs(values / step - np.round(values / step)) > 1e-3).mean() < 0.5:
            return step
        step /= 10
    return step


def _grid(values: Floats) -> float:
    """The step in which values are written: a tenth, a hundredth ... (at least a thousandth)."""
    step = 1.0
    for _ in range(3):
        off = np.abs(values / step - np.round(values / step)) > 1e-3
        if off.mean() < 0.02:
            return step
        step /= 10
    return step


def _spike(apart: Floats, grid: float) -> tuple[float, float, int]:
    """How much more often differences are nought than they are one to three steps away; the share and the number that are."""
    gap = np.abs(apart[np.isfinite(apart)])
    if not len(gap):
        return 0.0, 0.0, 0
    equal = int((gap <= grid / 2 + 1e-6).sum())
    near = int(((gap > grid / 2 + 1e-6) & (gap <= 3.5 * grid)).sum()) / 6
    return equal / (near + 1.0), equal / len(gap), equal


def _interpolated(study: Study) -> Iterator[Finding]:
    """Values that lie exactly on the line from the one before to the one after, which nobody knew yet."""
    numbers = study.frame.filter(pl.col("numeric_value").is_not_null() & pl.col("t").is_not_null())
    for code in study.read:
        own = (
            numbers.filter(pl.col("code") == code)
            .group_by("s", "t", maintain_order=True)
            .agg(v=pl.col("numeric_value").first().cast(pl.Float64))
        )
        own = own.sort("s", "t").with_columns(
            v0=pl.col("v").shift(1).over("s"),
            v1=pl.col("v").shift(-1).over("s"),
            t0=pl.col("t").shift(1).over("s"),
            t1=pl.col("t").shift(-1).over("s"),
        )
        own = own.drop_nulls()
        grid = _grid(own["v"].to_numpy()) if own.height else 1.0
        own = own.filter((pl.col("v1") - pl.col("v0")).abs() > 3 * grid)
        if own.height < 50:
            continue
        line = pl.col("v0") + (pl.col("v1") - pl.col("v0")) * (pl.col("t") - pl.col("t0")) / (pl.col("t1") - pl.col("t0"))
        apart = own.select(pl.col("v") - line).to_series().to_numpy()
        excess, share, equal = _spike(apart, grid)
        if equal >= 20 and excess >= 4 and share >= 0.08:
            detail = tell("on_the_line", share=share, n=own.height, excess=excess)
            yield Finding("interpolated", code, equal, (), share, detail)


def _averaged(study: Study) -> Iterator[Finding]:
    """Values whose digits say that they are the mean of more values than had been measured.

    The mean of k whole numbers is a multiple of one k-th. A first value in halves and a second in thirds took the next one in; a mean of
    the values so far is whole first, then in halves; numbers in thirds by nature (a mean pressure) are so from the first.
    """
    for code in study.read:
        own = study.frame.filter((pl.col("code") == code) & pl.col("numeric_value").is_not_null() & pl.col("t").is_not_null())
        own = own.select("s", "t", v=pl.col("numeric_value").cast(pl.Float64)).sort("s", "t", "v")
        own = own.with_columns(place=pl.int_range(pl.len()).over("s"), many=pl.len().over("s")).filter(pl.col("many") >= 4)
        (step, first), (same, second) = (_parts(own.filter(pl.col("place") == place)["v"].to_numpy()) for place in (0, 1))
        if step == same and 0 < first < second > 2:
            n = int((own["place"] == 1).sum())
            detail = tell("mean_of_more", n=n, second=second, first=first)
            yield Finding("averaged_with_the_next", code, n, (), float(second), detail)


def _parts(values: Floats) -> tuple[float, int]:
    """A decimal step, and the least number of parts of it that values are whole multiples of; 0 when there is none up to nine."""
    if len(values) < 20:
        return 1.0, 0
    for step in (1.0, 0.1, 0.01):
        for parts in range(1, 10):
            off = np.abs(values * parts / step - np.round(values * parts / step))
            if float(np.abs(values).max()) * parts / step < 1e5 and (off < 0.02).mean() >= 0.95:
                return step, parts
    return 1.0, 0


def _window(study: Study, column: Column) -> Iterator[Finding]:
    """Columns of a foreign matrix that are a summary reaching past the asking."""
    x, n = column.value, len(study.as_of)
    codes = column.codes or study.often[:CODES]
    own_window = next((i.window for i in study.card.inputs if i.name == column.name), None) if study.card else None
    backs = {24 * 365 * 120, 24, 48} | ({int(own_window.total_seconds() // 3600)} if own_window else set())
    best: tuple[float, str, str, int, int] = (0.0, "", "", 0, 0)
    for code in codes:
        own = _numbers(study, [code])
        if own.is_empty() or (not column.codes and not _follows(x, own, n)):
            continue
        for back in sorted(backs):
            near = own.filter(pl.col("t") > pl.col("as_of") - min(back * HOUR, 2**60))
            past = _summaries(near.filter(pl.col("before")), n)
            if any(_equal(x, p, np.isfinite(x) & np.isfinite(p))[0] >= 0.9 for p in past.values()):
                return
            for hours in _REACHES:
                ahead = _summaries(near.filter(pl.col("t") <= pl.col("as_of") + hours * HOUR), n)
                for stat, value in ahead.items():
                    differs = np.isfinite(x) & np.isfinite(value) & ~(np.abs(value - past[stat]) <= 1e-4 * np.maximum(1, np.abs(value)))
                    share, equal = _equal(x, value, differs)
                    if equal >= 20 and share >= 0.4 and share > best[0]:
                        best = (share, stat, code, hours, equal)
    if best[1]:
        detail = tell("equal_window", share=best[0], stat=phrase(best[1]), code=best[2], hours=best[3])
        yield Finding("reaches_past_asking", column.name, best[4], (), best[0], detail)
    elif column.codes:
        yield from _beyond_past(study, column)


def _numbers(study: Study, codes: Sequence[str]) -> pl.DataFrame:
    """Dated numbers of some codes beside each row, by row and time."""
    pairs = study.beside(codes).filter(pl.col("numeric_value").is_not_null() & pl.col("t").is_not_null())
    return pairs.select("row", "as_of", "before", "t", "a", "numeric_value").sort("row", "t", "a", "numeric_value")


def _follows(x: Floats, own: pl.DataFrame, n: int) -> bool:
    """Whether a column has anything to do with a code: only then is it worth looking for the window."""
    for value in _summaries(own, n).values():
        both = np.isfinite(x) & np.isfinite(value)
        if both.sum() >= FEW and abs(spread(x[both], value[both])) >= 0.5:
            return True
    return False


def _summaries(rows: pl.DataFrame, n: int) -> dict[str, Floats]:
    v = pl.col("numeric_value").cast(pl.Float64)
    held = rows.group_by("row").agg(
        last=v.last(), first=v.first(), max=v.max(), min=v.min(), mean=v.mean(), sum=v.sum(), count=pl.len(), median=v.median()
    )
    row = held["row"].to_numpy()
    return {
        stat: at_rows(n, row, held[stat], 0.0 if stat == "count" else np.nan)
        for stat in ("last", "first", "max", "min", "mean", "sum", "count", "median")
    }


def _equal(x: Floats, value: Floats, rows: NDArray[np.bool_]) -> tuple[float, int]:
    if rows.sum() < 20 or len(np.unique(value[rows])) < 4:
        return 0.0, 0
    same = np.abs(x[rows] - value[rows]) <= 1e-4 * np.maximum(1.0, np.abs(value[rows]))
    return float(same.mean()), int(same.sum())


def _beyond_past(study: Study, column: Column) -> Iterator[Finding]:
    """Conditional dependence: what a column still says of the values to come once everything known before is taken away."""
    own, n = _numbers(study, column.codes), len(study.as_of)
    past = _summaries(own.filter(pl.col("before")), n)
    ahead = _summaries(own.filter(~pl.col("before")), n)
    rows = np.isfinite(column.value) & np.isfinite(past["last"])
    for stat in ("first", "mean", "max", "min"):
        both = rows & np.isfinite(ahead[stat])
        if both.sum() < 60:
            continue
        A = np.column_stack([np.ones(both.sum()), *(past[s][both] for s in ("last", "first", "max", "min", "mean", "count"))])
        x, f = column.value[both], ahead[stat][both]
        left, right = (v - A @ np.linalg.lstsq(A, v, rcond=None)[0] for v in (x, f))
        if left.std() < 1e-3 * max(x.std(), 1e-9) or right.std() == 0:
            continue
        r = together(left, right)
        if abs(r) >= 0.35 and abs(r) * np.sqrt(both.sum()) >= 6:
            detail = tell("partial", r=r, stat=phrase(stat))
            yield Finding("reaches_past_asking", column.name, int(both.sum()), (), abs(r), detail)
            return
