"""Column: the cells of one column at once; whatever is not plain is left to the law of a single cell (`cell`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from consilium.core.errors import FormatError, InputError
from consilium.sources.csv import cell
from consilium.sources.csv.mapping import When

_NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_DIRECTIVES = {"%Y": r"\d{4}", "%m": r"\d{2}", "%d": r"\d{2}", "%H": r"(?:[01]\d|2[0-3])", "%M": r"[0-5]\d", "%S": r"[0-5]\d"}
_EXACT = 1e15


def texts(cells: pl.Series) -> pl.Series:
    """Cells as text; null where a typed file (Parquet) holds nothing. Blanks around text were taken off when it was read.

    Examples
    --------
    >>> texts(pl.Series([132539.0, 0.5, None])).to_list()
    ['132539', '0.5', None]
    """
    if cells.dtype == pl.String:
        return cells
    if cells.dtype.is_float():
        whole = (cells == cells.floor()) & (cells.abs() < _EXACT)
        return pl.select(
            pl.when(whole).then(cells.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(cells.cast(pl.String))
        ).to_series()
    return cells.cast(pl.String)


def numbers(cells: pl.Series, decimal: str = ".") -> pl.Series:
    """Cells as numbers, shape (n,); null where a cell is not plainly one.

    Examples
    --------
    >>> numbers(pl.Series(["5,5", "1e2", "<3", "nan"]), ",").to_list()
    [5.5, 100.0, None, None]
    """
    if cells.dtype.is_numeric():
        return cells.cast(pl.Float64)
    text = texts(cells)
    if decimal != ".":
        text = text.str.replace_all(".", "\0", literal=True).str.replace_all(decimal, ".", literal=True)
    plain = text.str.contains(_NUMBER)
    return pl.select(pl.when(plain).then(text)).to_series().cast(pl.Float64, strict=False)


def scaled(numbers: pl.Series, decimals: int) -> pl.Series:
    """Numbers with implied decimal places, exactly divided.

    Examples
    --------
    >>> scaled(pl.Series([986.0, None]), 1).to_list()
    [98.6, None]
    """
    if not decimals:
        return numbers
    divided = np.divide(numbers.to_numpy(), 10**decimals)  # polars multiplies by 0.1, which is not the same
    return pl.Series(numbers.name, divided, dtype=pl.Float64).fill_nan(None)


def keys(cells: pl.Series) -> pl.Series:
    """Cells in the one spelling that is compared: as text, numbers as `cell.plain` writes them."""
    text = texts(cells)
    if cells.dtype.is_integer():
        return text
    if cells.dtype.is_float():
        return text.replace("-0", "0")
    odd = text.is_not_null() & text.str.contains(_NUMBER) & ~text.str.contains(r"^(?:0|-?[1-9][0-9]{0,14})$")
    return _by_distinct(text, odd, cell.plain)


def among(cells: pl.Series, listed: Iterable[str]) -> pl.Series:
    """Which cells are one of the listed keys, shape (n,) of bool; an empty cell of a typed file is none of them."""
    listed = sorted(listed)
    if not listed or cells.dtype.is_temporal():
        return pl.repeat(False, len(cells), dtype=pl.Boolean, eager=True)
    if cells.dtype.is_numeric():
        wanted = [float(key) for key in listed if re.fullmatch(_NUMBER, key)]
        return cells.cast(pl.Float64).is_in(wanted).fill_null(False)
    if not any(re.fullmatch(_NUMBER, key) for key in listed):
        return texts(cells).is_in(listed).fill_null(False)
    return keys(cells).is_in(listed).fill_null(False)


def silent(cells: pl.Series, missing: Iterable[str]) -> pl.Series:
    """Which cells say nothing, shape (n,) of bool."""
    return cells.is_null() | among(cells, missing)


def filled(frame: pl.DataFrame, templates: tuple[str, ...], missing: Iterable[str]) -> pl.Series:
    """The first template of which no column is silent, with its columns filled in; null where there is none."""
    found: list[pl.Series] = []
    for template in templates:
        parts: list[Any] = []
        for before, name, _, _ in Formatter().parse(template):
            if before:
                parts.append(pl.lit(before))
            if name is not None:
                parts.append(pl.select(pl.when(~silent(frame[name], missing)).then(texts(frame[name]))).to_series())
        if not any(isinstance(part, pl.Series) for part in parts):
            found.append(pl.repeat("".join(before for before, _, _, _ in Formatter().parse(template)), frame.height, eager=True))
            break
        found.append(parts[0] if len(parts) == 1 else pl.select(pl.concat_str(parts)).to_series())
        if found[-1].null_count() == 0:
            break
    return found[0] if len(found) == 1 else pl.select(pl.coalesce(found)).to_series()


def judged(cells: pl.Series, law: Callable[[str], tuple[Any, ...]], schema: dict[str, Any]) -> pl.DataFrame:
    """Cells by the law of a single cell: its answer in the columns of `schema`, and `reason` where it refuses; shape (n, ...)."""
    rows = []
    for text in cells.unique().to_list():
        try:
            rows.append((text, *law(text), None))
        except InputError as refusal:
            rows.append((text, *(None for _ in schema), refusal.what))
    table = pl.DataFrame(rows, schema={"cell": pl.String, **schema, "reason": pl.String}, orient="row")
    return cells.to_frame("cell").join(table, on="cell", how="left", maintain_order="left", nulls_equal=True).drop("cell")


def times(frame: pl.DataFrame, when: When, missing: Iterable[str], decimal: str) -> pl.DataFrame:
    """The stretch of time that each row names, in microseconds since 1970-01-01T00:00Z.

    Returns
    -------
    polars.DataFrame of shape (n, 3)
        `start`, `end`, and `reason` where there is a cell but no time in it; all null where nothing is said.
    """
    found = _times(frame, when, missing, decimal)
    if when.after:
        found = found.with_columns(pl.col("start", "end") + when.after)
    if when.otherwise is None:
        return found
    other = times(frame, when.otherwise, missing, decimal)
    nothing = pl.col("start").is_null() & pl.col("reason").is_null()
    return found.select(pl.when(nothing).then(other[name]).otherwise(pl.col(name)).alias(name) for name in found.columns)


def _times(frame: pl.DataFrame, when: When, missing: Iterable[str], decimal: str) -> pl.DataFrame:
    if not when.column:
        at = pl.repeat(when.origin, frame.height, dtype=pl.Int64, eager=True)
        return pl.DataFrame({"start": at, "end": at, "reason": pl.repeat(None, frame.height, dtype=pl.String, eager=True)})
    cells = frame[when.column]
    said = ~silent(cells, missing)
    if when.origin is not None:
        return _elapsed(cells, said, when, decimal)
    if cells.dtype.is_temporal():
        start, end = _typed(cells, when)
    else:
        cells = texts(cells)
        start, end = _parsed(cells, when)
    table = pl.DataFrame({"start": start, "end": end, "said": said})
    table = table.select(pl.when("said").then(pl.col(name)).alias(name) for name in ("start", "end"))
    left = said & table["start"].is_null()
    if not left.any():
        return table.with_columns(reason=pl.lit(None, pl.String))
    if not when.format:
        raise FormatError("A column of text is read as times without a format", where=when.column, do="name the format in the mapping")
    schema = {"start": pl.Int64, "end": pl.Int64}
    ruled = judged(texts(cells).filter(left), lambda text: cell.time(text, when.format, when.zone), schema)
    return _merged(table.with_columns(reason=pl.lit(None, pl.String)), left, ruled)


def _elapsed(cells: pl.Series, said: pl.Series, when: When, decimal: str) -> pl.DataFrame:
    number = numbers(cells, decimal)
    number = pl.select(pl.when(number.is_finite()).then(number)).to_series()
    at = (number * when.unit).round().cast(pl.Int64, strict=False) + when.origin
    wrong = pl.when(said & at.is_null()).then(pl.lit("not a number"))
    return pl.select(pl.when(said).then(at).alias("start"), pl.when(said).then(at).alias("end"), wrong.alias("reason"))


def _parsed(cells: pl.Series, when: When) -> tuple[pl.Series, pl.Series]:
    """Times of the common formats; null where the law of a single cell must decide."""
    nothing = pl.repeat(None, len(cells), dtype=pl.Int64, eager=True)
    asked = re.findall(r"%.", when.format)
    date_only = sorted(asked) == ["%Y", "%d", "%m"]
    if when.zone is None or not (date_only or {"%Y", "%m", "%d", "%H", "%M"} <= set(asked) <= set(_DIRECTIVES)):
        return nothing, nothing
    grammar = "".join(_DIRECTIVES.get(part, re.escape(part)) for part in re.split(r"(%.)", when.format) if part)
    plain = cells.str.contains(f"^{grammar}$")
    local = pl.select(pl.when(plain).then(cells)).to_series().str.to_datetime(when.format, strict=False, time_unit="us")
    start = _utc(local, when.zone)
    return start, (_utc(local.dt.offset_by("1d"), when.zone) if date_only else start)


def _typed(cells: pl.Series, when: When) -> tuple[pl.Series, pl.Series]:
    zone = when.zone or ZoneInfo("UTC")
    if cells.dtype == pl.Date:
        local = cells.cast(pl.Datetime("us"))
        return _utc(local, zone), _utc(local.dt.offset_by("1d"), zone)
    if not isinstance(cells.dtype, pl.Datetime):
        raise FormatError("A column is neither text nor times", where=when.column, found=str(cells.dtype), do="choose another column")
    local = cells.cast(pl.Datetime("us", cells.dtype.time_zone))
    start = local.dt.convert_time_zone("UTC").to_physical() if cells.dtype.time_zone else _utc(local, zone)
    return start, start


def _utc(local: pl.Series, zone: ZoneInfo) -> pl.Series:
    if zone.key == "UTC":
        return local.to_physical()
    # The library's table of clock changes does not reach beyond the century; later (and very early) times go by the law of a cell.
    local = pl.select(pl.when(local.dt.year().is_between(1970, 2090)).then(local)).to_series()
    placed = local.dt.replace_time_zone(zone.key, ambiguous="latest", non_existent="null")
    return placed.dt.convert_time_zone("UTC").to_physical()


def _merged(table: pl.DataFrame, left: pl.Series, ruled: pl.DataFrame) -> pl.DataFrame:
    """The rows of `ruled` in the places where `left` is true."""
    places = pl.Series("place", range(len(left)), dtype=pl.Int64).filter(left)
    order = pl.concat([pl.Series("place", range(len(left)), dtype=pl.Int64).filter(~left), places])
    return pl.concat([table.filter(~left), ruled.select(table.columns)]).with_columns(order.alias("place")).sort("place").drop("place")


def _by_distinct(cells: pl.Series, chosen: pl.Series, law: Callable[[str], str]) -> pl.Series:
    """Cells with the chosen ones rewritten, each distinct one once."""
    distinct = cells.filter(chosen).unique().to_list()
    return cells.replace(distinct, [law(text) for text in distinct]) if distinct else cells


def births(years: pl.Series, moments: pl.Series) -> pl.Series:
    """Births of people of so many completed years at a moment, in microseconds, shape (n,)."""
    pairs = pl.DataFrame({"moment": moments, "years": years})
    distinct = pairs.unique()
    born = [cell.years_before(moment, years) for moment, years in distinct.iter_rows()]
    return pairs.join(
        distinct.with_columns(born=pl.Series(born, dtype=pl.Int64)), on=["moment", "years"], how="left", maintain_order="left"
    )["born"]


def new_year(years: pl.Series) -> pl.Series:
    """The first moment of calendar years (UTC), in microseconds, shape (n,)."""
    return pl.select(pl.datetime(years, 1, 1, time_unit="us")).to_series().to_physical()
