"""Say: what a statement of the mapping says of some rows, as events and as refusals of single cells."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from consilium.core.code import BIRTH
from consilium.sources.csv import cell, column
from consilium.sources.csv.frame import ROW
from consilium.sources.csv.lookup import chosen
from consilium.sources.csv.mapping import Statement, Table, placeholders
from consilium.sources.sheet import DAY

PATIENT, TIME, AVAILABLE = "#patient", "#time", "#available"
"""Columns of a frame that hold each row's patient, and its time and when it could be known in microseconds."""
OLDEST = 150
"""Completed years that nobody has passed."""
EVENT = {
    "row": pl.Int64, "patient_id": pl.String, "time": pl.Int64, "code": pl.String, "numeric_value": pl.Float64, "text_value": pl.String,
    "unit": pl.String, "available": pl.Int64,
}  # fmt: skip
REFUSAL = {"row": pl.Int64, "reason": pl.String, "part": pl.String, "code": pl.String, "found": pl.String, "patient_id": pl.String}
_BOUND = r"^(?:<=|>=|<|>)\s*[+-]?[0-9.]+$"


class Said(NamedTuple):
    """Events in the columns `EVENT`, refusals in the columns `REFUSAL`, and the sender's names of codes."""

    events: pl.DataFrame
    refusals: pl.DataFrame
    names: dict[str, str]


def statement(said: Statement, rows: pl.DataFrame, table: Table) -> Said:
    """The event that each row makes of a statement."""
    missing = table.missing | said.missing
    rows = _with_value(said, chosen(rows, said.only), table, missing)
    rows = rows.with_columns(column.filled(rows, said.code, missing).cast(pl.String).alias("code"))
    rows = _coded(said, rows)
    if said.units:
        rows = rows.with_columns(column.filled(rows, tuple(f"{{{name}}}" for name in said.units), missing).cast(pl.String).alias("unit"))
    else:
        rows = rows.with_columns(pl.lit(said.unit or None, pl.String).alias("unit"))
    rows = _with_times(said, rows, table, missing)
    good = rows.filter(pl.col("reason").is_null())
    number = pl.col("numeric_value")
    bound = number.is_null() & pl.col("text_value").str.contains(_BOUND) & pl.col("unit").is_not_null()
    events = good.select(
        row=ROW, patient_id=PATIENT, time="time", code="code", numeric_value=number,
        text_value=pl.when(bound).then(pl.format("{} {}", "text_value", "unit")).otherwise("text_value") if said.number else "text_value",
        unit=pl.when(number.is_not_null()).then("unit"), available="available",
    )  # fmt: skip
    if said.static:
        events = events.unique([name for name in EVENT if name != "row"], keep="first", maintain_order=True)
    refused = rows.filter(pl.col("reason").is_not_null()).select(
        row=ROW,
        reason="reason",
        part=pl.lit(said.part),
        code=pl.col("code").fill_null(""),
        found=pl.col("found").fill_null(""),
        patient_id=PATIENT,
    )
    return Said(events, refused, _names(said, good, missing))


def _coded(said: Statement, rows: pl.DataFrame) -> pl.DataFrame:
    if rows["code"].null_count() == 0:
        return rows
    named = sorted({name for template in said.code for name in placeholders(template)} | {one.column for one in said.only})
    shown = [pl.format("{}={}", pl.lit(name), pl.lit(column.texts(rows[name]).fill_null(""))) for name in named]
    lost = pl.col("code").is_null() & pl.col("reason").is_null()
    return rows.with_columns(
        reason=pl.when(lost).then(pl.lit("no code")).otherwise("reason"),
        found=pl.when(lost).then(pl.concat_str(shown, separator=" ") if shown else pl.lit("")).otherwise("found"),
    )


def _with_value(said: Statement, rows: pl.DataFrame, table: Table, missing: frozenset[str]) -> pl.DataFrame:
    """The rows that say something, with `numeric_value`, `text_value`, and `reason` and `found` where they cannot be read."""
    nothing = {"numeric_value": pl.Float64, "text_value": pl.String, "reason": pl.String, "found": pl.String}
    blank = [pl.lit(None, kind).alias(name) for name, kind in nothing.items()]
    if said.answer:
        rows = rows.filter(~column.silent(rows[said.answer], missing))
        keys = column.keys(rows[said.answer])
        answers = pl.DataFrame(
            {"key": list(said.values), "answer": list(said.values.values())}, schema={"key": pl.String, "answer": pl.String}
        )
        known = keys.is_in(list(said.values))
        told = keys.to_frame("key").join(answers, on="key", how="left", maintain_order="left")["answer"]
        reason, found = pl.when(~known).then(pl.lit("unknown answer")), pl.when(~known).then(column.texts(rows[said.answer]))
        rows = rows.with_columns(*blank).with_columns(text_value=told, reason=reason, found=found)
        return rows.filter(pl.col("text_value").is_not_null() | pl.col("reason").is_not_null())
    if not said.number:
        text = column.filled(rows, said.text, missing) if said.text else pl.repeat("", rows.height, eager=True)
        rows = rows.with_columns(*blank).with_columns(text.cast(pl.String).alias("text_value"))
        return rows.filter(pl.col("text_value").is_not_null()).with_columns(pl.col("text_value").replace("", None))
    if said.text:
        spoken = column.filled(rows, said.text, missing)
        rows = rows.filter(~column.silent(rows[said.number], missing) | spoken.is_not_null())
    else:
        rows = rows.filter(~column.silent(rows[said.number], missing))
    return _numbered(said, rows.with_columns(*blank), table, missing)


def _numbered(said: Statement, rows: pl.DataFrame, table: Table, missing: frozenset[str]) -> pl.DataFrame:
    cells = rows[said.number]
    if said.split:
        whole = column.texts(cells)
        cells = whole.str.split(said.split[0]).list.get(said.split[1] - 1, null_on_oob=True).str.strip_chars()
        lost = pl.format("no part {} at '{}'", pl.lit(str(said.split[1])), pl.lit(said.split[0]))
        rows = rows.with_columns(reason=pl.when(cells.is_null()).then(lost), found=pl.when(cells.is_null()).then(whole))
    rows = rows.with_columns(numeric_value=column.scaled(column.numbers(cells, table.decimal), said.decimals))
    if not said.split:  # a marker of the missing may look like a number
        rows = rows.with_columns(numeric_value=pl.when(~column.silent(cells, missing)).then("numeric_value"))
    if said.text:
        spoken = column.filled(rows, said.text, missing)
        rows = rows.with_columns(text_value=pl.when(pl.col("numeric_value").is_null()).then(spoken))
    left = (rows["numeric_value"].is_null() & rows["reason"].is_null() & rows["text_value"].is_null()).to_frame("left")["left"]
    if not left.any():
        return rows
    texts = column.texts(cells).filter(left)
    ruled = column.judged(texts, lambda text: cell.number(text, table.decimal), {"number": pl.Float64, "bound": pl.String})
    ruled = ruled.with_columns(texts.alias("found"))
    odd = rows.filter(left).with_columns(
        numeric_value=column.scaled(ruled["number"], said.decimals), text_value=ruled["bound"].replace("", None), reason=ruled["reason"],
        found=pl.when(ruled["reason"].is_not_null()).then(ruled["found"]),
    )  # fmt: skip
    return pl.concat([rows.filter(~left), odd])


def _with_times(said: Statement, rows: pl.DataFrame, table: Table, missing: frozenset[str]) -> pl.DataFrame:
    """The rows that have a time, with `time` and `available`; where a statement's own time is empty it says nothing."""
    if said.static:
        return rows.with_columns(pl.lit(None, pl.Int64).alias("time"), pl.lit(None, pl.Int64).alias("available"))
    time, known = rows[TIME], rows[AVAILABLE]
    if said.time:
        own = column.times(rows, said.time, missing, table.decimal)
        rows = rows.with_columns(reason=pl.coalesce("reason", own["reason"]), found=pl.coalesce("found", _cell(rows, said.time.column)))
        time, known = own["start"], own["end"]
    if said.available:
        known = pl.select(pl.max_horizontal(column.times(rows, when, missing, table.decimal)["end"] for when in said.available)).to_series()
        rows = rows.with_columns(reason=pl.coalesce("reason", pl.when(known.is_null() & time.is_not_null()).then(pl.lit("no time"))))
    rows = rows.with_columns(time.alias("time"), known.alias("available")).with_columns(pl.col("time") + said.after)
    rows = rows.with_columns(pl.max_horizontal("time", "available").alias("available"))
    return rows.filter(pl.col("time").is_not_null() | pl.col("reason").is_not_null())


def _cell(rows: pl.DataFrame, name: str) -> pl.Expr:
    return pl.lit(column.texts(rows[name])) if name else pl.lit(None, pl.String)


def _names(said: Statement, good: pl.DataFrame, missing: frozenset[str]) -> dict[str, str]:
    if not said.name or good.is_empty():
        return {}
    named = pl.DataFrame({"code": good["code"], "name": column.filled(good, said.name, missing)}).drop_nulls()
    return dict(named.group_by("code").agg(pl.col("name").min()).sort("code").iter_rows())


def person(rows: pl.DataFrame, table: Table) -> Said:
    """Births and sexes that rows state; one event for the same statement of the same patient."""
    events, refusals = [], []
    for said in (_birth(rows, table), _sex(rows, table)):
        events.append(said.events.unique([name for name in EVENT if name != "row"], keep="first", maintain_order=True))
        refusals.append(said.refusals)
    return Said(pl.concat(events), pl.concat(refusals), {})


def _birth(rows: pl.DataFrame, table: Table) -> Said:
    said = table.birth
    if said is None:
        return _nothing()
    part = said.age or (said.when.column if said.when else "")
    rows = chosen(rows, said.only)
    if said.when:
        found = column.times(rows, said.when, table.missing, table.decimal)
        found = found.with_columns(text=pl.lit(None, pl.String))
    else:
        rows = rows.filter(~column.silent(rows[said.age], table.missing))
        found = _aged(rows, table)
    rows = rows.select(ROW, PATIENT, cell=column.texts(rows[part])).hstack(found.get_columns())
    good = rows.filter(pl.col("start").is_not_null())
    events = good.select(
        row=ROW, patient_id=PATIENT, time="start", code=pl.lit(BIRTH), numeric_value=pl.lit(None, pl.Float64), text_value="text",
        unit=pl.lit(None, pl.String), available="end",
    )  # fmt: skip
    return Said(events, _refused(rows.filter(pl.col("reason").is_not_null()), part, BIRTH), {})


def _aged(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    said = table.birth
    assert said is not None
    cells = column.texts(rows[said.age])
    years = column.numbers(cells.replace({band: str(age) for band, age in said.bands.items()}), table.decimal)
    fine = ((years == years.floor()) & years.is_between(0, OLDEST)).fill_null(False)
    if said.year:
        year = column.numbers(rows[said.year], table.decimal)
        fine &= ((year == year.floor()) & year.is_between(1800, 9000)).fill_null(False)
    whole = pl.select(pl.when(fine).then(years)).to_series().cast(pl.Int64)
    shown = whole.cast(pl.String)
    if said.capped is not None:
        shown = pl.select(pl.when(whole >= said.capped).then(pl.format("{} or more", shown)).otherwise(shown)).to_series()
    if said.year:
        born_in = pl.select(pl.when(fine).then(year - years)).to_series().cast(pl.Int32)
        start, end = column.new_year(born_in), column.new_year(born_in + 1)
        text = pl.format("from age {} in {}", shown, year.cast(pl.Int64, strict=False))
    else:
        moments = rows[TIME]
        start = pl.Series([None] * rows.height, dtype=pl.Int64) if not fine.any() else column.births(whole, moments)
        end, text = start + DAY, pl.format("from age {} in completed years", shown)
    if said.bands:
        text = (
            pl.when(cells.is_in(list(said.bands)))
            .then(pl.format("from age band {}, taken as {} completed years", cells, shown))
            .otherwise(text)
        )
    wrong = pl.when(~fine).then(pl.lit("not an age in completed years"))
    return pl.select(start.alias("start"), end.alias("end"), wrong.alias("reason"), text.alias("text"))


def _sex(rows: pl.DataFrame, table: Table) -> Said:
    said = table.sex
    if said is None:
        return _nothing()
    rows = chosen(rows, said.only)
    rows = rows.filter(~column.silent(rows[said.column], table.missing - said.values.keys()))
    rows = rows.select(
        ROW,
        PATIENT,
        cell=column.texts(rows[said.column]),
        code=column.keys(rows[said.column]).replace_strict(said.values, default=None, return_dtype=pl.String),
    )
    events = rows.filter(pl.col("code").is_not_null()).select(
        row=ROW, patient_id=PATIENT, time=pl.lit(None, pl.Int64), code="code", numeric_value=pl.lit(None, pl.Float64),
        text_value=pl.lit(None, pl.String), unit=pl.lit(None, pl.String), available=pl.lit(None, pl.Int64),
    )  # fmt: skip
    return Said(events, _refused(rows.filter(pl.col("code").is_null()).with_columns(reason=pl.lit("unknown sex")), said.column, ""), {})


def _refused(rows: pl.DataFrame, part: str, code: str) -> pl.DataFrame:
    return rows.select(
        row=ROW, reason="reason", part=pl.lit(part), code=pl.lit(code), found=pl.col("cell").fill_null(""), patient_id=PATIENT
    )


def _nothing() -> Said:
    return Said(pl.DataFrame(schema=EVENT), pl.DataFrame(schema=REFUSAL), {})
