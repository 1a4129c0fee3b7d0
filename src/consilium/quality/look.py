"""Look: everything that is counted of one shard; each subject lies whole in it."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pyarrow as pa

from consilium.core.code import PHASES, concept, split
from consilium.core.events import SCHEMA
from consilium.quality import persons, relations, times, values
from consilium.quality.rules import site_codes
from consilium.quality.tally import added, counted, seen


def look(events: pa.Table, committed: datetime) -> pa.Table:
    """Count one shard.

    Parameters
    ----------
    events : pyarrow.Table
        In `SCHEMA` columns, whole subjects, in any order.
    committed : datetime
        When the record was last written, UTC without zone.

    Returns
    -------
    pyarrow.Table in the columns of `TALLY`
    """
    whole: pl.DataFrame = pl.from_arrow(events.select(SCHEMA.names))  # type: ignore[assignment]
    parts = _parts(whole["code"].unique().to_list())
    told = whole.join(parts, on="code", how="left")
    measured = told.filter(pl.col("measured"))
    numbers = measured.filter(pl.col("numeric_value").is_not_null()).select(
        "subject_id", "time", "code", pl.col("unit").fill_null(""), pl.col("numeric_value").cast(pl.Float64).alias("value"), "source_id"
    )
    dated = told.filter(pl.col("time").is_not_null() & pl.col("measured"))
    month = pl.col("time").dt.year().cast(pl.Int64) * 12 + pl.col("time").dt.month().cast(pl.Int64) - 1
    void = measured.filter(pl.col("numeric_value").is_null() & pl.col("text_value").is_null())
    tallies = [
        counted(told, "all"),
        counted(told, "events", ["code"]),
        counted(dated.with_columns(key=month), "month", ["code", "key"]),
        counted(dated.with_columns(key=month), "any month", ["key"]),
        counted(void, "empty", ["code"]),
        seen(void.select("subject_id", "source_id", "code").with_columns(key=0), "empty"),
        *persons.demographics(told),
        *times.disorder(told, committed),
        *values.counts(numbers),
        *_sites(told, numbers),
        *relations.broken(numbers, told),
    ]
    return added(tallies).to_arrow()


def _parts(codes: list[str]) -> pl.DataFrame:
    rows = []
    for code in codes:
        parts = split(code)
        # A plain code with a vocabulary is a measurement or a coded answer; MEDS's own words have none.
        measured = not parts.kind and bool(parts.vocabulary) and parts.vocabulary != "GENDER"
        rows.append((code, parts.kind, parts.phase if parts.phase in PHASES else "", measured, concept(code)))
    schema = {"code": pl.String, "kind": pl.String, "phase": pl.String, "measured": pl.Boolean, "concept": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _sites(told: pl.DataFrame, numbers: pl.DataFrame) -> list[pl.DataFrame]:
    """Each patient's middle value by the one site that the patient was seen at."""
    from consilium.quality import bins

    sites = told.filter(pl.col("code").is_in(site_codes()) & pl.col("text_value").is_not_null())
    sites = sites.group_by("subject_id").agg(site=pl.col("text_value").unique()).filter(pl.col("site").list.len() == 1)
    if sites.is_empty():
        return []
    middle = (
        numbers.group_by("subject_id", "code", "unit")
        .agg(pl.col("value").median())
        .join(sites.with_columns(pl.col("site").list.first()), on="subject_id")
    )
    placed = middle.with_columns(key=bins.key(pl.col("value"), 2), unit=pl.format("{} {}", "unit", "site"))
    return [counted(placed, "typical site", ["code", "unit", "key"])]
