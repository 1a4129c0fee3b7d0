"""Persons: who has no birth or sex, and which two identifiers may be one person."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from consilium.core.code import BIRTH, FEMALE, MALE, NAME
from consilium.quality.tally import PERSON, counted, empty, seen, shaped


def demographics(events: pl.DataFrame) -> list[pl.DataFrame]:
    """Tallies of who is there, and who lacks what.

    Parameters
    ----------
    events : DataFrame
        All events of a shard: `subject_id`, `time`, `code`, `text_value`.
    """
    code = pl.col("code")
    people = events.group_by("subject_id").agg(
        born=(code == BIRTH).any(), female=(code == FEMALE).any(), male=(code == MALE).any(), source_id=pl.lit(None, pl.String).first()
    )
    lacking = {
        "demographics_birth": ~pl.col("born"),
        "demographics_sex": ~(pl.col("female") | pl.col("male")),
        "demographics_both": pl.col("female") & pl.col("male"),
    }
    found = [counted(people, "patients"), *_persons(events)]
    for check, lacks in lacking.items():
        bad = people.filter(lacks)
        found += [counted(bad, check), seen(bad.select("subject_id", "source_id").with_columns(code=pl.lit(""), key=0), check)]
    return found


def _persons(events: pl.DataFrame) -> list[pl.DataFrame]:
    """Name and sex as one number, and the day of birth, of everybody who has all three."""
    named = events.filter((pl.col("code") == NAME) & pl.col("text_value").is_not_null())
    if named.is_empty():
        return [empty()]
    # Order, case and marks of a name are habits of the one who writes it down.
    spelled = (
        pl.col("text_value")
        .str.to_lowercase()
        .str.replace_all(r"[^\p{L}\p{N} ]", " ")
        .str.split(" ")
        .list.eval(pl.element().filter(pl.element() != "").sort())
        .list.join(" ")
    )
    names = named.with_columns(spelled=spelled).group_by("subject_id").agg(pl.col("spelled").min())
    births = events.filter(pl.col("code") == BIRTH).group_by("subject_id").agg(day=pl.col("time").min().dt.date())
    sexes = events.filter(pl.col("code").is_in([FEMALE, MALE])).group_by("subject_id").agg(sex=pl.col("code").min())
    whole = names.join(births, on="subject_id").join(sexes, on="subject_id").drop_nulls()
    numbered = whole.filter(pl.col("spelled") != "").select(
        pl.col("subject_id").alias("subject"),
        n=pl.concat_str("spelled", "sex", separator="|").hash(seed=7).reinterpret(signed=True),
        key=pl.col("day").cast(pl.Int32),
    )
    return [shaped(numbered, PERSON)]


def same_person(tally: pl.DataFrame) -> tuple[list[list[int]], float]:
    """Groups of subjects that share name, birth and sex, and how many pairs of that kind chance alone would make.

    Chance: two people of one name and sex share a day of birth as often as two people of the record do.
    """
    people = tally.filter(pl.col("what") == PERSON)
    if people.height < 2:
        return [], 0.0
    groups = people.group_by("n", "key").agg(pl.col("subject").sort()).filter(pl.col("subject").list.len() > 1)
    days = people.group_by("key").len()["len"].to_numpy().astype(np.float64)
    pairs = people.height * (people.height - 1) / 2
    same_day = float((days * (days - 1) / 2).sum() / pairs)
    names: Counter[Any] = Counter(people["n"].to_list())
    expected = same_day * sum(m * (m - 1) / 2 for m in names.values())
    return sorted(groups["subject"].to_list()), expected
