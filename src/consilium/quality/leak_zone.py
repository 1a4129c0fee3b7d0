"""Zone: whether the clock, or the calendar, of one source runs ahead of the others, seen at the moment patients arrive."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from consilium.quality.leak_clock import shown
from consilium.quality.leak_report import Finding, said
from consilium.quality.leak_study import HOUR, Study

_DAY = 24 * HOUR
_MOST_DAYS = 30
_MOVED = 0.25  # share of people whose series of a source fits only when moved
_SERIES = 4  # measurements of one person that can be laid into a stay
_REACH = 14 * HOUR  # the widest gap between two zones is 26 h, but no source is ahead of its own hospital by more than half a day


def zone(study: Study) -> Iterator[Finding]:
    """Sources, or codes of a source, that measure patients in the hours before these came, when others do not."""
    contacts = study.contacts
    seen = study.frame.filter(pl.col("t").is_not_null() & pl.col("numeric_value").is_not_null())
    if contacts.is_empty() or seen.is_empty() or study.assumed:
        return
    yield from _moved(study, seen, contacts)
    held = _arrival(seen, contacts)
    if held.is_empty():
        return
    found: list[tuple[str, pl.DataFrame, float, int, int]] = []
    for (origin,), rows in held.group_by("origin", maintain_order=True):
        near = rows.filter((pl.col("early") > 0) & (pl.col("early") <= _REACH))
        far = rows.filter((pl.col("early") > _REACH) & (pl.col("early") <= 2 * _REACH)).height
        found.append((str(origin), near, near.height / rows.height, far, rows.height))
    if len(found) < 2:
        return
    for origin, near, share, far, n in found:
        others = [s for o, _, s, _, _ in found if o != origin]
        read = near.filter(pl.col("code").is_in(list(study.used)))
        if (
            near["s"].n_unique() >= 10
            and share >= 0.01
            and near.height >= 4 * (far + 1)
            and share >= 5 * float(np.median(others))
            and read.height
        ):
            hours = float(near["early"].median() or 0) / HOUR  # type: ignore[arg-type]
            detail = said("before_arrival", share=share, n=n, hours=hours, others=float(np.median(others)))
            yield Finding("shifted_clock", f"source {origin}", near.height, shown(read), share, detail)


def _moved(study: Study, seen: pl.DataFrame, contacts: pl.DataFrame) -> Iterator[Finding]:
    """Sources whose series of a stay begin before it and end before its end, and fit into it when moved by whole days.

    De-identification moves the dates of a person by one number of days; where the tables of one person were moved apart, results of a stay
    lie before it. What was truly measured before a stay (by a general practitioner, say) goes on to its end and fits nowhere else.
    """
    series = _series(seen, contacts)
    found: list[tuple[str, pl.DataFrame, int]] = []
    for (origin,), own in series.group_by("origin", maintain_order=True):
        apart = own.filter((pl.col("days") > 0) & (pl.col("days") <= _MOST_DAYS) & pl.col("fits"))
        found.append((str(origin), apart, own["s"].n_unique()))
    for origin, apart, people in found:
        others = [a["s"].n_unique() / n for o, a, n in found if o != origin]
        moved = apart["s"].n_unique()
        share = moved / people
        read = seen.filter((pl.col("origin") == origin) & pl.col("code").is_in(list(study.used)))
        if moved >= 10 and others and share >= max(_MOVED, 5 * max(others)) and read.height:
            days = float(np.median(apart["days"].to_numpy()))
            detail = said("moved_days", share=share, n=people, days=days, others=max(others))
            yield Finding("shifted_clock", f"source {origin}", moved, shown(read), share, detail)


def _series(seen: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """The measurements of each source around each person's longest stay: `days`, the least whole days that bring the first of them into it,
    and `fits`, whether they then all lie within it."""
    longest = contacts.drop_nulls("end").sort("s", "start").with_columns(size=pl.col("end") - pl.col("start"))
    longest = longest.sort("size", "start", descending=[True, False]).unique("s", keep="first", maintain_order=True)
    longest = longest.filter(pl.col("size") > _DAY)
    near = seen.select("s", "origin", "t").join(longest.select("s", "start", "end"), on="s")
    near = near.filter((pl.col("t") > pl.col("start") - _MOST_DAYS * _DAY) & (pl.col("t") < pl.col("end") + _DAY))
    series = near.group_by("s", "origin", "start", "end").agg(first=pl.col("t").min(), last=pl.col("t").max(), n=pl.len())
    series = series.sort("s", "origin")
    days = ((pl.col("start") - pl.col("first")) / _DAY).ceil().clip(0).cast(pl.Int64)
    series = series.filter(pl.col("n") >= _SERIES).with_columns(days=days)
    return series.with_columns(fits=(pl.col("last") > pl.col("start")) & (pl.col("last") + pl.col("days") * _DAY <= pl.col("end")))


def _arrival(seen: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """How long before the next arrival each measurement was taken (`early`, microseconds; 0 when the patient was there)."""
    right = contacts.select("s", "start", "end", at="start").sort("at")
    left = seen.sort("t")
    last = left.join_asof(right, left_on="t", right_on="at", by="s", strategy="backward", check_sortedness=False)
    last = last.with_columns(there=(pl.col("start").is_not_null() & (pl.col("t") <= pl.col("end").fill_null(2**62))).fill_null(False))
    next_ = right.select("s", come="start", at2="at").sort("at2")
    held = last.sort("t").join_asof(next_, left_on="t", right_on="at2", by="s", strategy="forward", check_sortedness=False)
    return held.with_columns(early=pl.when(pl.col("there") | pl.col("come").is_null()).then(0).otherwise(pl.col("come") - pl.col("t")))
