"""Tally: what is counted of a shard, in one table, so that counts of many shards add up to those of the record in any order."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from consilium.quality.rules import examples

TALLY = {
    "what": pl.String,
    "code": pl.String,
    "unit": pl.String,
    "key": pl.Int64,
    "n": pl.Int64,
    "patients": pl.Int64,
    "subject": pl.Int64,
    "source": pl.String,
}
"""What is counted, of which code, in which unit (or group), at which key (a bin, a month, a length); `subject` is set on examples alone."""

SEE = "see "
PERSON = "person"
_KEY = ["what", "code", "unit", "key"]


def counted(frame: pl.DataFrame, what: str, by: list[str] | None = None) -> pl.DataFrame:
    """Count rows and patients of a frame (which has `subject_id`) by some of `code`, `unit`, `key`."""
    by = by or []
    if frame.is_empty():
        return empty()
    counts = (pl.len().cast(pl.Int64).alias("n"), pl.col("subject_id").n_unique().cast(pl.Int64).alias("patients"))
    found = frame.group_by(by).agg(*counts) if by else frame.select(*counts)
    return shaped(found, what)


def shaped(frame: pl.DataFrame, what: str) -> pl.DataFrame:
    """The columns of a tally; what a frame lacks is empty."""
    blank = {"code": pl.lit(""), "unit": pl.lit(""), "key": pl.lit(0), "n": pl.lit(0), "patients": pl.lit(0)}
    blank |= {"subject": pl.lit(None), "source": pl.lit(None)}
    columns = [pl.lit(what).alias("what")]
    for name in list(TALLY)[1:]:
        column = pl.col(name).fill_null("") if name in ("code", "unit") and name in frame.columns else pl.col(name)
        columns.append((column if name in frame.columns else blank[name]).cast(TALLY[name]).alias(name))
    return frame.select(columns)


def seen(frame: pl.DataFrame, what: str, by: tuple[str, ...] = ("code",)) -> pl.DataFrame:
    """A few examples: rows of a frame with `subject_id`, `source_id`, a rank in `key` (small first), and what they are of."""
    if frame.is_empty():
        return empty()
    named = frame.rename({"subject_id": "subject", "source_id": "source"})
    return _few(shaped(named.with_columns(n=pl.lit(0), patients=pl.lit(0)), SEE + what))


def empty() -> pl.DataFrame:
    """A tally of nothing."""
    return pl.DataFrame(schema=TALLY)


def added(tallies: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Add tallies up: counts are summed, of the examples the first few by rank and identifier are kept, persons are kept all."""
    whole = pl.concat([empty(), *tallies])
    kind = pl.col("what")
    sums = whole.filter(pl.col("subject").is_null()).group_by(_KEY).agg(pl.col("n").sum(), pl.col("patients").sum())
    return pl.concat(
        [
            shaped_sums(sums),
            _few(whole.filter(pl.col("subject").is_not_null() & kind.str.starts_with(SEE))),
            whole.filter(pl.col("subject").is_not_null() & ~kind.str.starts_with(SEE)),
        ]
    )


def shaped_sums(sums: pl.DataFrame) -> pl.DataFrame:
    """Sums with the columns of a tally, in a fixed order."""
    return sums.with_columns(subject=pl.lit(None, pl.Int64), source=pl.lit(None, pl.String)).select(list(TALLY)).sort(_KEY)


def _few(frame: pl.DataFrame) -> pl.DataFrame:
    ordered = frame.sort("what", "code", "unit", "key", "subject", "source", nulls_last=True)
    return ordered.group_by("what", "code", "unit", maintain_order=True).head(examples()).select(list(TALLY))
