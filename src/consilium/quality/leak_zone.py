"""Zone: whether the clock of one source runs ahead of the others, seen at the moment patients arrive."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from consilium.quality.leak_clock import shown
from consilium.quality.leak_report import Finding, said
from consilium.quality.leak_study import HOUR, Study

_REACH = 14 * HOUR  # the widest gap between two zones is 26 h, but no source is ahead of its own hospital by more than half a day


def zone(study: Study) -> Iterator[Finding]:
    """Sources, or codes of a source, that measure patients in the hours before these came, when others do not."""
    contacts = study.contacts
    seen = study.frame.filter(pl.col("t").is_not_null() & pl.col("numeric_value").is_not_null())
    if contacts.is_empty() or seen.is_empty() or study.assumed:
        return
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


def _arrival(seen: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """How long before the next arrival each measurement was taken (`early`, microseconds; 0 when the patient was there)."""
    right = contacts.select("s", "start", "end", at="start").sort("at")
    left = seen.sort("t")
    last = left.join_asof(right, left_on="t", right_on="at", by="s", strategy="backward", check_sortedness=False)
    last = last.with_columns(there=(pl.col("start").is_not_null() & (pl.col("t") <= pl.col("end").fill_null(2**62))).fill_null(False))
    next_ = right.select("s", come="start", at2="at").sort("at2")
    held = last.sort("t").join_asof(next_, left_on="t", right_on="at2", by="s", strategy="forward", check_sortedness=False)
    return held.with_columns(early=pl.when(pl.col("there") | pl.col("come").is_null()).then(0).otherwise(pl.col("come") - pl.col("t")))
