"""Times: what happened before birth, long after death, ended before it began, was known too early, or lies in the future."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from consilium.core.code import BIRTH, DEATH
from consilium.quality.rules import limits
from consilium.quality.tally import counted, seen


def disorder(events: pl.DataFrame, committed: datetime) -> list[pl.DataFrame]:
    """Tallies of times that cannot be.

    Parameters
    ----------
    events : DataFrame
        All events of a shard: `subject_id`, `time`, `available`, `code`, `kind`, `phase`, `source_id`.
    committed : datetime
        When the record was last written: the only present that there is.
    """
    dated = events.filter(pl.col("time").is_not_null())
    births = dated.filter(pl.col("code") == BIRTH).group_by("subject_id").agg(born=pl.col("time").min())
    deaths = dated.filter(pl.col("code") == DEATH).group_by("subject_id").agg(died=pl.col("time").max())
    lived = (
        dated.filter(~pl.col("code").is_in([BIRTH, DEATH]))
        .join(births, on="subject_id", how="left")
        .join(deaths, on="subject_id", how="left")
    )
    grace = pl.duration(days=limits("death")["grace_days"])
    # Dates of birth are days: what happened on that day, in any zone, did not happen before it.
    early = lived.filter(pl.col("time") < pl.col("born") - pl.duration(days=1))
    late = lived.filter((pl.col("time") > pl.col("died") + grace) & (pl.col("phase") == ""))
    future = dated.filter(pl.col("time") > pl.lit(committed, pl.Datetime("us")))
    # An order or an end may be written down beforehand; a result may not.
    results = dated.filter((pl.col("kind") == "") & ~pl.col("code").is_in([BIRTH, DEATH]))
    known = results.filter(pl.col("available") < pl.col("time"))
    return [
        *_told(early, lived.filter(pl.col("born").is_not_null()), "before_birth"),
        *_told(late, lived.filter(pl.col("died").is_not_null()), "after_death"),
        *_told(known, results, "known_first"),
        *_told(future, dated, "future"),
        *_ends(dated),
    ]


def _ends(dated: pl.DataFrame) -> list[pl.DataFrame]:
    spans = dated.filter(pl.col("phase").is_in(["", "END"]) & (pl.col("kind") != "") & pl.col("source_id").is_not_null())
    spans = spans.with_columns(concept=pl.col("code").str.replace("//END//", "//", literal=True))
    ends = spans.filter(pl.col("phase") == "END").group_by("subject_id", "concept", "source_id").agg(end=pl.col("time").min())
    starts = spans.filter(pl.col("phase") == "").group_by("subject_id", "concept", "source_id").agg(start=pl.col("time").max())
    paired = ends.join(starts, on=["subject_id", "concept", "source_id"]).rename({"concept": "code"})
    return _told(paired.filter(pl.col("end") < pl.col("start")), paired, "end_first")


def _told(bad: pl.DataFrame, of: pl.DataFrame, check: str) -> list[pl.DataFrame]:
    """Counted over the whole record, with examples: a clock is wrong for everything at once."""
    blank = {"code": pl.lit("")}
    return [
        counted(of, f"{check} of"),
        counted(bad, check),
        counted(bad, f"{check} code", ["code"]),
        seen(bad.select("subject_id", "source_id").with_columns(**blank, key=0), check),
    ]
