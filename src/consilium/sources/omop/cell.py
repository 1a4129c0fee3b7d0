"""Cell: columns of OMOP tables, in whatever type they come, as whole numbers, numbers, text or moments."""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

_DAY = pl.duration(days=1)
_FORMATS = {8: "%Y%m%d", 10: "%Y-%m-%d", 16: "%Y-%m-%d %H:%M"}
_FULL = "%Y-%m-%d %H:%M:%S%.f"
_OFFSET = r"\d:\d.*(?:[zZ]|[+-]\d\d(?::?\d\d)?)$"
_NOTHING = ("", "NA", "NULL", "\\N")


class Moment(NamedTuple):
    """Columns of a moment: its start, the first moment at which all of it has passed (both UTC), and whether text was not one."""

    start: pl.Expr
    end: pl.Expr
    broken: pl.Expr


def text(name: str) -> pl.Expr:
    """A column as text without blanks around it; null where it says nothing."""
    said = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(said != "").then(said)


def whole(name: str, kind: pl.DataType) -> pl.Expr:
    """A column of whole numbers, which exports also write as `8532.0`; null where it says nothing or something else.

    Examples
    --------
    >>> frame = pl.DataFrame({"x": ["8532", "8532.0", "4.1e7", "", "x", "1.5"]})
    >>> frame.select(whole("x", frame.schema["x"]))["x"].to_list()
    [8532, 8532, 41000000, None, None, None]
    """
    column = pl.col(name)
    if kind.is_integer() or kind.is_decimal():
        return column.cast(pl.Int64, strict=False)
    if kind == pl.Boolean or kind == pl.Null:  # what a writer makes of a column that is always empty
        return pl.lit(None, pl.Int64).alias(name)
    number = column if kind.is_float() else column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    rounded = pl.when(number.is_finite() & (number == number.round()) & (number.abs() < 2**53)).then(number).cast(pl.Int64)
    if kind.is_float():
        return rounded
    return pl.coalesce(column.cast(pl.String).str.strip_chars().cast(pl.Int64, strict=False), rounded).alias(name)


def number(name: str, kind: pl.DataType) -> pl.Expr:
    """A column of numbers in double precision; null where it says nothing or something else."""
    column = pl.col(name)
    if kind.is_numeric():
        return column.cast(pl.Float64)
    if kind == pl.Boolean or kind == pl.Null:
        return pl.lit(None, pl.Float64).alias(name)
    return column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)


def said(name: str, kind: pl.DataType) -> pl.Expr:
    """Whether a column says anything at all, so that what is then null was not readable."""
    if kind != pl.String:
        return pl.col(name).is_not_null()
    return pl.col(name).is_not_null() & ~pl.col(name).str.strip_chars().is_in(_NOTHING)


def with_moment(frame: pl.DataFrame, date: str, time: str, zone: ZoneInfo, into: str) -> tuple[pl.DataFrame, Moment]:
    """The frame, with the moment that its `_date` and its `_datetime` column name together.

    The datetime counts where there is one. At exactly midnight it is a date: that is what a date becomes where a datetime is
    required, and what is known of a day is known when the day is over. An offset that is written stands over the zone.

    Parameters
    ----------
    frame : polars.DataFrame
    date, time : str
        Names of the columns.
    zone : ZoneInfo
        The zone in which local times are meant. A local time that occurs twice is taken as the later; one that does not exist
        (clocks put forward) is broken.
    into : str
        Stem of the columns that the moment is kept in.

    Returns
    -------
    (polars.DataFrame, Moment)
    """
    kinds = frame.schema
    told = {(name, n): f"{into}_{name}_{n}" for name in {date, time} for n in range(2)}
    # Each column is read once: an expression that holds it many times would be worked out many times.
    frame = frame.with_columns(_local(name, kinds[name])[n].alias(as_) for (name, n), as_ in told.items())
    local = pl.coalesce(told[time, 0], told[date, 0])
    exact = pl.coalesce(told[time, 1], pl.when(pl.col(told[time, 0]).is_null()).then(told[date, 1]))
    frame = frame.with_columns(local.alias(f"{into}_local"), exact.alias(f"{into}_exact")).drop(told.values())
    local, exact = pl.col(f"{into}_local"), pl.col(f"{into}_exact")
    is_day = local == local.dt.truncate("1d")
    start = pl.coalesce(exact, pl.when(is_day).then(_utc_day(local, zone)).otherwise(_utc(local, zone)))
    end = pl.when(exact.is_null() & is_day).then(_utc_day(local + _DAY, zone)).otherwise(start)
    broken = (said(date, kinds[date]) | said(time, kinds[time])) & start.is_null()
    names = Moment(*(pl.col(f"{into}_{part}") for part in Moment._fields))
    columns = (column.alias(f"{into}_{part}") for part, column in zip(Moment._fields, (start, end, broken), strict=True))
    return frame.with_columns(columns).drop(f"{into}_local", f"{into}_exact"), names


def born(year: pl.Expr, month: pl.Expr, day: pl.Expr, instant: Moment, zone: ZoneInfo) -> Moment:
    """A birth by year, month and day, as far as they are given; the `birth_datetime` counts where it says more, or they say nothing.

    A birth_datetime alone does not tell how precise it is: the first of January is what is written where the month is not known.
    """
    first = pl.datetime(year, month.fill_null(1), day.fill_null(1), time_unit="us")
    length = pl.when(month.is_null()).then(pl.lit("1y")).when(day.is_null()).then(pl.lit("1mo")).otherwise(pl.lit("1d"))
    start, end = _utc_day(first, zone), _utc_day(first.dt.offset_by(length), zone)
    finer = day.is_not_null() & instant.start.is_between(start, end, closed="left")
    apart = pl.when(year.is_null() | finer)
    return Moment(apart.then(instant.start).otherwise(start), apart.then(instant.end).otherwise(end), instant.broken & year.is_null())


def _local(name: str, kind: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    """Local time, and the instant in UTC where the column itself says the zone."""
    column = pl.col(name)
    nothing = pl.lit(None, pl.Datetime("us"))
    if kind == pl.Date:
        return column.cast(pl.Datetime("us")), nothing
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None:
            return column.cast(pl.Datetime("us")), nothing
        return nothing, column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us"))
    if kind != pl.String:
        return nothing, nothing
    trimmed = column.str.strip_chars().str.replace("T", " ", literal=True)
    offset = trimmed.str.contains(_OFFSET)
    length = trimmed.str.len_bytes()
    short = [pl.when(length == size).then(trimmed).str.to_datetime(form, time_unit="us", strict=False) for size, form in _FORMATS.items()]
    full = pl.when((length > max(_FORMATS)) & ~offset).then(trimmed).str.to_datetime(_FULL, time_unit="us", strict=False)
    zoned = pl.when(offset).then(trimmed.str.replace("[zZ]$", "+00:00"))
    form = f"{_FULL}%#z"
    return pl.coalesce(full, *short), zoned.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False).dt.replace_time_zone(None)


def _utc(local: pl.Expr, zone: ZoneInfo) -> pl.Expr:
    if zone.key == "UTC":
        return local
    there = local.dt.replace_time_zone(zone.key, ambiguous="latest", non_existent="null")
    return there.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _utc_day(midnight: pl.Expr, zone: ZoneInfo) -> pl.Expr:
    # Where clocks are put forward at midnight, the day starts at one.
    return pl.coalesce(_utc(midnight, zone), _utc(midnight + pl.duration(hours=1), zone))
