"""Future: inputs that know what was measured, counted or decided only after the moment of asking."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.core.code import split
from consilium.quality.leak_clock import shown
from consilium.quality.leak_report import Finding
from consilium.quality.leak_study import ALWAYS, HOUR, Column, Floats, Study, process, says, spread, together

_FEW = 30
_STEPS = 10  # a scale of fewer values repeats itself too often for an equality to tell anything
_SAME = 0.9  # rank correlation at which two quantities are one
_REACHES = (6, 12, 24, 48, 72, 24 * 365)  # hours


def future(study: Study) -> Iterator[Finding]:
    """Every finding of the future."""
    if len(study.as_of) < _FEW:
        return
    yield from _undated(study)
    yield from _late_values(study)
    if study.assumed:
        return
    later = _later(study)
    for column in study.columns:
        yield from _same_quantity(study, column, later)
    yield from _copied(study)
    yield from _interpolated(study)
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
            detail = f"{own.height} events without a date, which would be known before anything happened"
            yield Finding("undated_value", str(code), own.height, shown(own), float(own.height), detail)


def _told(study: Study, code: str) -> bool:
    """Whether an undated code divides cases from controls more than a trait that people are born with does."""
    from consilium.quality.leak_label import ratio

    if not len(study.y):
        return False
    found = study.frame.filter(pl.col("t").is_null() & (pl.col("code") == code))
    for (_,), own in found.group_by("text_value", maintain_order=True):
        said = np.isin(study.row_subject, own["s"].unique().to_numpy())
        if ratio(study.y, said)[0] >= 6 and int((said & (study.y > 0)).sum()) >= 8:
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
            yield Finding("taken_after_asking", column.name, int(late.sum()), where, share, f"{share:.0%} of rows")


def _later(study: Study) -> dict[str, tuple[Floats, Floats]]:
    """What each row's future holds, beside the like quantity of its past: name -> (future, past), NaN where there is none."""
    n = len(study.as_of)
    pairs = study.pairs.filter(pl.col("t").is_not_null() & (pl.col("k") != ALWAYS))
    found: dict[str, tuple[Floats, Floats]] = {}
    often = pairs.group_by("code").agg(n=pl.col("row").n_unique()).filter(pl.col("n") >= 10).sort("n", "code", descending=[True, False])
    kept = pairs.filter(pl.col("code").is_in(often["code"].head(80).to_list()))
    after = ~pl.col("before")
    by_code = kept.group_by("code", "row").agg(
        more=after.sum(),
        less=pl.col("before").sum(),
        next=(pl.col("t") - pl.col("as_of")).filter(after & (pl.col("t") > pl.col("as_of"))).min(),
    )
    for (code,), own in by_code.sort("code", "row").group_by("code", maintain_order=True):
        row = own["row"].to_numpy()
        more, less = _at(n, row, own["more"], 0.0), _at(n, row, own["less"], 0.0)
        found[f"number of {code}"] = (more, less)
        found[f"number of {code} in all"] = (more + less, less)
        found[f"time to {code}"] = (_at(n, row, own["next"], np.nan), np.full(n, np.nan))
    for name, group in (("events", pairs), ("measurements", pairs.filter(pl.col("numeric_value").is_not_null()))):
        total = group.group_by("row").agg(
            more=after.sum(), less=pl.col("before").sum(), last=pl.col("t").max() - pl.col("as_of").first(), kinds=pl.col("code").n_unique()
        )
        row = total["row"].to_numpy()
        more, less = _at(n, row, total["more"], 0.0), _at(n, row, total["less"], 0.0)
        found[f"number of {name}"] = (more, less)
        found[f"number of {name} in all"] = (more + less, less)
        found[f"time to the last of {name}"] = (_at(n, row, total["last"], np.nan), np.full(n, np.nan))
    lab = (
        pairs.filter(pl.col("unit").str.contains(process()["laboratory_unit"]))
        .group_by("row")
        .agg(more=after.sum(), less=pl.col("before").sum())
    )
    if not lab.is_empty():
        row = lab["row"].to_numpy()
        more, less = _at(n, row, lab["more"], 0.0), _at(n, row, lab["less"], 0.0)
        found["number of laboratory results"] = (more, less)
        found["number of laboratory results in all"] = (more + less, less)
    stay = _stay(study)
    if stay is not None:
        found["length of the stay"], found["rest of the stay"] = stay
    return found


def _stay(study: Study) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]] | None:
    contacts = study.contacts.filter(pl.col("end").is_not_null())
    if contacts.is_empty():
        return None
    n = len(study.as_of)
    asked = pl.DataFrame({"s": study.row_subject, "row": np.arange(n), "as_of": study.as_of})
    held = asked.join(contacts, on="s").filter((pl.col("start") <= pl.col("as_of")) & (pl.col("end") > pl.col("as_of")))
    held = held.group_by("row").agg(pl.col("start").min(), pl.col("end").max(), pl.col("as_of").first())
    row = held["row"].to_numpy()
    gone = _at(n, row, held["as_of"] - held["start"], np.nan)
    return (_at(n, row, held["end"] - held["start"], np.nan), gone), (_at(n, row, held["end"] - held["as_of"], np.nan), gone)


def _at(n: int, row: NDArray[np.int64], value: pl.Series, empty: float) -> Floats:
    filled = np.full(n, empty)
    filled[row] = value.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return filled


def _same_quantity(study: Study, column: Column, later: dict[str, tuple[Floats, Floats]]) -> Iterator[Finding]:
    """Counts, times and events to come that an input already is."""
    x = column.value
    binary = len(np.unique(x[np.isfinite(x)])) == 2
    best: tuple[float, str, int] = (0.0, "", 0)
    for name, (ahead, past) in later.items():
        if name.startswith("number") and binary:
            here, there, was = x > np.nanmin(x), ahead > 0, past > 0
            if min(there.sum(), here.sum(), (~there).sum()) < 10 or name.endswith("in all"):
                continue
            phi = abs(together(here.astype(np.float64), there.astype(np.float64)))
            old = abs(together(here.astype(np.float64), was.astype(np.float64)))
            if phi >= 0.85 and phi > old + 0.1 and phi > best[0]:
                best = (phi, f"whether there is any {name.removeprefix('number of ')}", len(x))
            continue
        both = np.isfinite(x) & np.isfinite(ahead)
        if both.sum() < _FEW or len(np.unique(ahead[both])) < 4 or len(np.unique(x[both])) < 4:
            continue
        rho = abs(spread(x[both], ahead[both]))
        if rho < _SAME or rho <= best[0]:
            continue
        known = both & np.isfinite(past)
        old = abs(spread(x[known], past[known])) if known.sum() >= _FEW else 0.0
        if old < rho - 0.05 and not _explained(study, column, both):
            best = (rho, name, int(both.sum()))
    if best[1]:
        where = tuple(f"subject {study.rows[i][0]}: {x[i]:g}" for i in np.flatnonzero(np.isfinite(x))[:3])
        yield Finding(
            "equals_the_future", column.name, best[2], where, best[0], f"rank correlation {best[0]:.2f} with the {best[1]} to come"
        )


def _explained(study: Study, column: Column, rows: NDArray[np.bool_]) -> bool:
    """Whether the moment of asking itself (time since the stay began, or calendar time) is what an input follows."""
    return abs(spread(column.value[rows], study.as_of[rows].astype(np.float64))) >= _SAME


def _copied(study: Study) -> Iterator[Finding]:
    """Values known at the asking that equal, far more often than their neighbours on the scale do, values still to come."""
    numbers = study.pairs.filter(pl.col("numeric_value").is_not_null() & pl.col("t").is_not_null())
    card = study.card
    codes = study.used if card is None else sorted({c for i in card.inputs for c in i.codes})
    for code in codes:
        own = numbers.filter(pl.col("code") == code).sort("row", "t", "a", "numeric_value")
        after = own.filter(~pl.col("before"))
        before = own.filter(pl.col("before"))
        if before["row"].n_unique() < _FEW or after["row"].n_unique() < 20:
            continue
        v = pl.col("numeric_value").cast(pl.Float64)
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
        own = own.filter(~pl.col("numeric_value").is_in(_piles(own["numeric_value"])))
        if own["numeric_value"].n_unique() < _STEPS:
            continue
        before = own.filter(pl.col("before"))
        whole = own.group_by("row").agg(total=v.sum(), many=pl.len())
        held = before.with_columns(x=v, previous=v.shift(1).over("row")).join(ahead, on="row").join(whole, on="row")
        held = held.with_columns(((pl.col("total") - pl.col("x")) / (pl.col("many") - 1)).alias("mean of the others"))
        grid = _grid(before["numeric_value"].to_numpy().astype(np.float64))
        habit = _spike((held["x"] - held["previous"]).drop_nulls().to_numpy(), grid)[1]
        for stat in ("next value", "greatest value", "least value", "last value", "mean", "median", "mean of the others"):
            apart = (held["x"] - held[stat]).to_numpy()
            excess, share, equal = _spike(apart, grid)
            rows = held.filter(pl.Series(np.abs(apart) <= grid / 2 + 1e-6))
            reached = rows["row"].n_unique() / max(1, held["row"].n_unique())
            if equal >= 15 and excess >= 5 and share >= 1.5 * habit + 0.03 and reached >= 0.1:
                detail = f"{reached:.0%} of rows hold the {stat} of the time after, {excess:.0f} times as often as chance has it"
                yield Finding("copied_from_the_future", code, rows.height, shown(rows), excess, detail)
                break


def _piles(values: pl.Series) -> list[float]:
    """Values at which a scale ends or an instrument stops counting: far more frequent than those beside them."""
    value, n = np.unique(values.drop_nulls().to_numpy(), return_counts=True)
    grid = _grid(value.astype(np.float64))
    gap = np.abs(value[:, None] - value[None, :]) if len(value) <= 2000 else np.zeros((0, 0))
    if not gap.size:
        return []
    beside = (np.where((gap > grid / 2) & (gap < 3.5 * grid), n[None, :], 0).sum(axis=1)) / 6
    return [float(v) for v in value[n > 4 * (beside + 3)]]


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
    card = study.card
    codes = study.used if card is None else sorted({c for i in card.inputs for c in i.codes})
    numbers = study.frame.filter(pl.col("numeric_value").is_not_null() & pl.col("t").is_not_null())
    for code in codes:
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
            detail = (
                f"{share:.0%} of {own.height} values lie on the line between their neighbours, {excess:.0f} times as often as beside it"
            )
            yield Finding("interpolated", code, equal, (), share, detail)


def _window(study: Study, column: Column) -> Iterator[Finding]:
    """Columns of a foreign matrix that are a summary reaching past the asking."""
    x, n = column.value, len(study.as_of)
    numbers = study.pairs.filter(pl.col("numeric_value").is_not_null() & pl.col("t").is_not_null())
    codes = column.codes or tuple(numbers["code"].unique().sort().to_list())
    own_window = next((i.window for i in study.card.inputs if i.name == column.name), None) if study.card else None
    backs = {24 * 365 * 120, 24, 48} | ({int(own_window.total_seconds() // 3600)} if own_window else set())
    best: tuple[float, str, int] = (0.0, "", 0)
    for code in codes:
        own = numbers.filter(pl.col("code") == code).sort("row", "t", "a", "numeric_value")
        if not column.codes and not _follows(x, own, n):
            continue
        for back in sorted(backs):
            near = own.filter(pl.col("t") > pl.col("as_of") - min(back * HOUR, 2**60))
            past = _summaries(near.filter(pl.col("before")), n)
            if any(_equal(x, p, np.isfinite(x) & np.isfinite(p))[0] >= 0.9 for p in past.values()):
                return
            for reach in _REACHES:
                ahead = _summaries(near.filter(pl.col("t") <= pl.col("as_of") + reach * HOUR), n)
                for stat, value in ahead.items():
                    differs = np.isfinite(x) & np.isfinite(value) & ~(np.abs(value - past[stat]) <= 1e-4 * np.maximum(1, np.abs(value)))
                    share, equal = _equal(x, value, differs)
                    if equal >= 20 and share >= 0.4 and share > best[0]:
                        best = (share, f"{stat} of {code} up to {reach} h after the asking", equal)
    if best[1]:
        detail = f"{best[0]:.0%} of the rows in which it can be told equal the {best[1]}"
        yield Finding("reaches_past_asking", column.name, best[2], (), best[0], detail)
    elif column.codes:
        yield from _beyond_past(study, column, numbers)


def _follows(x: Floats, own: pl.DataFrame, n: int) -> bool:
    """Whether a column has anything to do with a code: only then is it worth looking for the window."""
    for value in _summaries(own, n).values():
        both = np.isfinite(x) & np.isfinite(value)
        if both.sum() >= _FEW and abs(spread(x[both], value[both])) >= 0.5:
            return True
    return False


def _summaries(rows: pl.DataFrame, n: int) -> dict[str, Floats]:
    v = pl.col("numeric_value").cast(pl.Float64)
    held = rows.group_by("row").agg(
        last=v.last(), first=v.first(), max=v.max(), min=v.min(), mean=v.mean(), sum=v.sum(), count=pl.len(), median=v.median()
    )
    row = held["row"].to_numpy()
    return {
        stat: _at(n, row, held[stat], 0.0 if stat == "count" else np.nan)
        for stat in ("last", "first", "max", "min", "mean", "sum", "count", "median")
    }


def _equal(x: Floats, value: Floats, rows: NDArray[np.bool_]) -> tuple[float, int]:
    if rows.sum() < 20 or len(np.unique(value[rows])) < 4:
        return 0.0, 0
    same = np.abs(x[rows] - value[rows]) <= 1e-4 * np.maximum(1.0, np.abs(value[rows]))
    return float(same.mean()), int(same.sum())


def _beyond_past(study: Study, column: Column, numbers: pl.DataFrame) -> Iterator[Finding]:
    """Conditional dependence: what a column still says of the values to come once everything known before is taken away."""
    own = numbers.filter(pl.col("code").is_in(list(column.codes))).sort("row", "t", "a", "numeric_value")
    n = len(study.as_of)
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
            detail = f"partial correlation {r:.2f} with the {stat} value after the asking, given all before it"
            yield Finding("reaches_past_asking", column.name, int(both.sum()), (), abs(r), detail)
            return
