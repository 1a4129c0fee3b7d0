"""Normalise: values in the canonical unit of their code; what has no unit, a wrong one, or an impossible value is rejected by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from consilium.core import AS_SENT, Batch, Reject
from consilium.core.code import concept, split
from consilium.knowledge import Shelf

_ONE = "1"
_LARGEST = float(np.finfo(np.float32).max)
_PAIR = {"code": pl.String, "unit": pl.String}
_RULING = {
    **_PAIR, "to_unit": pl.String, "scale": pl.Float64, "offset": pl.Float64, "problem": pl.String, "low": pl.Float64, "high": pl.Float64,
}  # fmt: skip


class Ruling(NamedTuple):
    """What is done with numbers of one code in one unit; `problem` is empty where they can be used."""

    code: str
    unit: str | None
    to_unit: str | None
    scale: float
    offset: float
    problem: str
    low: float | None
    high: float | None


def normalise(batch: Batch, shelf: Shelf, *, file: str = "") -> Batch:
    """Bring the numbers of a batch into canonical units and within float32.

    A value that was converted keeps what was sent as its `text_value` (`5.55 mmol/L`). A code that the shelf does not know, or
    that has no canonical unit, keeps its unit, in UCUM spelling where that is known.

    Parameters
    ----------
    batch : Batch
        As a source sent it.
    shelf : Shelf
        Canonical units, conversions and plausible limits.
    file : str
        Name of the file, for rejects.

    Returns
    -------
    Batch
        Events in `AS_SENT` columns, values rounded to float32; rejects for numbers without a unit, in a unit that does not
        convert, not finite, or outside plausible limits, each with `part` "value".
    """
    events: pl.DataFrame = pl.from_arrow(batch.events)  # type: ignore[assignment]
    numeric = pl.col("numeric_value").is_not_null()
    pairs = events.filter(numeric).select(*_PAIR).unique().sort(*_PAIR)
    if pairs.is_empty():
        return batch
    rulings = pl.DataFrame([rule(code, unit, shelf) for code, unit in pairs.iter_rows()], schema=_RULING, orient="row")
    sent = pl.col("numeric_value")
    ruled = (
        events.join(rulings, on=list(_PAIR), how="left", nulls_equal=True, maintain_order="left")
        .with_columns(value=sent * pl.col("scale") + pl.col("offset"))
        .with_columns(
            problem=pl.when(numeric & ~(sent.is_finite() & (pl.col("value").abs() <= _LARGEST)))
            .then(pl.lit("not a finite number"))
            .when(numeric & (pl.col("problem") != ""))
            .then(pl.col("problem"))
            .when((pl.col("value") < pl.col("low")) | (pl.col("value") > pl.col("high")))
            .then(
                pl.format(
                    "outside plausible limits, {} to {} {}",
                    pl.col("low").cast(pl.String).fill_null("any"),
                    pl.col("high").cast(pl.String).fill_null("any"),
                    pl.col("to_unit"),
                )
            )
        )
    )
    converted = numeric & ((pl.col("scale") != 1.0) | (pl.col("offset") != 0.0))
    as_sent = pl.format("{} {}", sent.cast(pl.String).str.strip_suffix(".0"), pl.col("unit"))
    kept = ruled.filter(pl.col("problem").is_null()).with_columns(
        text_value=pl.when(converted & pl.col("text_value").is_null()).then(as_sent).otherwise(pl.col("text_value")),
        numeric_value=pl.col("value").cast(pl.Float32).cast(pl.Float64),
        unit=pl.when(numeric).then(pl.col("to_unit")).otherwise(pl.col("unit")),
    )
    table = kept.select(AS_SENT.names).to_arrow().cast(AS_SENT).replace_schema_metadata(batch.events.schema.metadata)
    refused = ruled.filter(pl.col("problem").is_not_null())
    return replace(batch, events=table, rejects=(*batch.rejects, *(_reject(row, file) for row in refused.iter_rows(named=True))))


def rule(code: str, unit: str | None, shelf: Shelf) -> Ruling:
    """Decide what is done with numbers of `code` sent in `unit`.

    Examples
    --------
    >>> from consilium.knowledge import shelf
    >>> rule("LOINC//2345-7", "mg/dL", shelf())[2:6]
    ('mg/dL', 1.0, 0.0, '')
    >>> rule("LOINC//2345-7", None, shelf()).problem
    'no unit (expected mg/dL)'
    """
    known = shelf.codes.get(concept(code)) if not split(code).kind else None
    canonical = known.unit if known else ""
    spelled = shelf.units.spelling(unit) if unit else None
    if not canonical:
        problem = "" if unit else "no unit"
        return Ruling(code, unit, spelled or unit, 1.0, 0.0, problem, None, None)
    low, high = shelf.plausible(concept(code))
    bare = _dimensionless(canonical)
    if not unit:
        return Ruling(code, unit, canonical, 1.0, 0.0, "" if bare else f"no unit (expected {canonical})", low, high)
    factor = shelf.units.factor(unit, canonical, code)
    if factor is None and bare and _dimensionless(unit):
        factor = (1.0, 0.0)
    if factor is None:
        what = "the unit does not convert" if spelled else "unknown unit"
        return Ruling(code, unit, canonical, 1.0, 0.0, f"{what} (expected {canonical})", low, high)
    return Ruling(code, unit, canonical, *factor, "", low, high)


def _dimensionless(unit: str) -> bool:
    # UCUM: what stands in braces is an annotation and has no dimension.
    return unit == _ONE or (unit.startswith("{") and unit.endswith("}"))


def _reject(row: dict[str, Any], file: str) -> Reject:
    found = f"{row['numeric_value']:g} {row['unit'] or ''}".strip()
    return Reject(file, row["source_id"] or "", row["problem"], "value", row["code"], found, row["patient_id"])
