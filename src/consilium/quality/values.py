"""Values: the numbers of a shard counted by code - distributions, jumps, last digits, repeats, contradictions at one moment."""

from __future__ import annotations

import polars as pl

from consilium.quality import bins
from consilium.quality.rules import limits
from consilium.quality.tally import counted, seen

JUMP_BINS = 50  # bins in one natural logarithm
_DECIMALS = 4
_PLACE = ["subject_id", "code", "unit"]


def counts(numbers: pl.DataFrame) -> list[pl.DataFrame]:
    """Tallies of the numbers of a shard.

    Parameters
    ----------
    numbers : DataFrame
        Measurements with numbers: `subject_id`, `time`, `code`, `unit` ("" where there is none), `value`, `source_id`.
    """
    if numbers.is_empty():
        return []
    keyed = numbers.with_columns(key=bins.key(pl.col("value")))
    keyed = keyed.sort("subject_id", "code", "unit", "time", "value", "source_id", nulls_last=False)
    return [
        counted(keyed, "numbers", ["code", "unit"]),
        counted(keyed, "value", ["code", "unit", "key"]),
        _first_seen(keyed),
        *_jumps(keyed),
        counted(keyed.filter(pl.col("value") != 0).with_columns(key=_last_digit()), "digit", ["code", "key"]),
        *_runs(keyed),
        *_together(keyed),
        _typical(keyed),
    ]


def _first_seen(keyed: pl.DataFrame) -> pl.DataFrame:
    """An example of each value: which ones are shown is decided when it is known which values are under suspicion."""
    order = ["subject_id", "source_id"]
    found = keyed.group_by("code", "unit", "key").agg(pl.col(c).sort_by(order).first() for c in order)
    return seen(found.with_columns(unit=pl.format("{} {}", "key", "unit"), key=0), "value")


def _jumps(keyed: pl.DataFrame) -> list[pl.DataFrame]:
    """How many times a patient's value is the one before it, as histograms of the logarithm; one count a patient and bin in `patients`."""
    dated = keyed.filter(pl.col("time").is_not_null() & (pl.col("value") > 0))
    pairs = dated.with_columns(
        before=pl.col("value").shift(1).over(_PLACE), apart=(pl.col("time") - pl.col("time").shift(1).over(_PLACE)).dt.total_seconds()
    ).filter(pl.col("before").is_not_null() & (pl.col("apart") > 0) & (pl.col("apart") <= 86_400 * limits("unit_mix")["pair_days"]))
    logs = pairs.with_columns(key=((pl.col("value") / pl.col("before")).log() * JUMP_BINS).round().cast(pl.Int64))
    return [counted(logs, "jump", ["code", "unit", "key"])]


def _last_digit() -> pl.Expr:
    """Ten times the number of decimals, plus the last digit; more decimals than four count as four."""
    value = pl.col("value").abs()
    steps = [(value * 10**d).round() for d in range(_DECIMALS + 1)]
    whole = [((value * 10**d - steps[d]).abs() <= 2e-6 * (value * 10**d).clip(1.0)) & (steps[d] < 1e6) for d in range(_DECIMALS)]
    chosen = pl.lit(10 * _DECIMALS)
    for d in reversed(range(_DECIMALS)):
        chosen = pl.when(whole[d]).then(10 * d + steps[d] % 10).otherwise(chosen)
    return chosen.cast(pl.Int64)


def _runs(keyed: pl.DataFrame) -> list[pl.DataFrame]:
    """Lengths of runs of one and the same value at different times; `unit` holds the value's key."""
    dated = keyed.filter(pl.col("time").is_not_null()).unique([*_PLACE, "time"], keep="first", maintain_order=True)
    runs = dated.group_by(*_PLACE, pl.struct(*_PLACE, "value").rle_id().alias("run"), maintain_order=True).agg(
        key=pl.len().cast(pl.Int64), at=pl.col("key").first(), source_id=pl.col("source_id").first()
    )
    runs = runs.with_columns(unit=pl.col("at").cast(pl.String)).filter(pl.col("key") > 0)
    long = runs.filter(pl.col("key") >= limits("flatline")["shortest"])
    return [counted(runs, "run", ["code", "unit", "key"]), seen(long.with_columns(key=-pl.col("key")), "run", ("code", "unit"))]


def _together(keyed: pl.DataFrame) -> list[pl.DataFrame]:
    """Values of one code at one moment: the same said twice, or two that differ."""
    dated = keyed.filter(pl.col("time").is_not_null())
    moments = dated.group_by(*_PLACE, "time").agg(
        said=pl.len(), low=pl.col("value").min(), high=pl.col("value").max(), source_id=pl.col("source_id").min()
    )
    several = moments.filter(pl.col("said") > 1)
    apart = (pl.col("high") - pl.col("low")) > limits("conflict")["apart"] * pl.max_horizontal(pl.col("high").abs(), pl.col("low").abs())
    conflict, twice = (several.filter(kind).drop("unit") for kind in (apart, pl.col("high") == pl.col("low")))
    return [
        counted(moments, "moments", ["code"]),
        counted(conflict, "conflict", ["code"]),
        seen(conflict.with_columns(key=0), "conflict"),
        counted(twice, "twice", ["code"]),
        seen(twice.with_columns(key=0), "twice"),
    ]


def _typical(keyed: pl.DataFrame) -> pl.DataFrame:
    """Each patient's middle value in each year, at two digits: what drift is measured on, so that nobody counts a hundred times."""
    dated = keyed.filter(pl.col("time").is_not_null())
    middle = dated.group_by(*_PLACE, pl.col("time").dt.year().alias("year")).agg(pl.col("value").median())
    placed = middle.with_columns(key=bins.key(pl.col("value"), 2), unit=pl.format("{} {}", "year", "unit"))
    return counted(placed, "typical year", ["code", "unit", "key"])
