"""Relations: what must hold between values taken together, read from `knowledge/relations.csv` and held against events."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.core.code import FEMALE, MALE
from consilium.knowledge import shelf
from consilium.knowledge.shelf import FOLDER
from consilium.knowledge.table import Row, read_table
from consilium.quality.tally import counted, empty, seen

COLUMNS = ("id", "left", "right", "join", "compare", "low", "high", "together", "name", "name_zh", "source")


@dataclass(frozen=True, slots=True)
class Relation:
    """One row: `left` minus or over `right` lies between `low` and `high`, or the codes of `left` belong to one `sex`.

    `right` holds, for each part, the codes that carry it and its coefficient (in a sum) or exponent (in a product).
    """

    id: str
    left: tuple[str, ...]
    right: tuple[tuple[tuple[str, ...], float], ...]
    join: str
    compare: str
    low: float | None
    high: float | None
    sex: str
    together: str
    name: Mapping[str, str]
    source: str

    @property
    def codes(self) -> frozenset[str]:
        """Every code that takes part."""
        return frozenset(self.left).union(*(codes for codes, _ in self.right))

    def compared(self, left: NDArray[np.float64], right: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Left minus or over right, element by element; not a number where that cannot be computed.

        Examples
        --------
        >>> pressure = next(r for r in relations() if r.id == "pressure")
        >>> pressure.compared(np.array([120.0]), [np.array([80.0])])
        array([40.])
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.join == "sum":
                other = np.sum([weight * value for (_, weight), value in zip(self.right, right, strict=True)], axis=0)
            else:
                powers = [np.where(value > 0, value, np.nan) ** weight for (_, weight), value in zip(self.right, right, strict=True)]
                other = np.prod(powers, axis=0)
            found: NDArray[np.float64] = left - other if self.compare == "difference" else left / np.where(other == 0, np.nan, other)
        return found

    def holds(self, compared: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether comparisons lie within the limits; one that cannot be made breaks nothing."""
        tolerance = 1e-4 * max(abs(self.low or 0.0), abs(self.high or 0.0), 1.0)  # values were rounded to float32
        below = np.zeros(compared.shape, dtype=np.bool_) if self.low is None else compared < self.low - tolerance
        above = np.zeros(compared.shape, dtype=np.bool_) if self.high is None else compared > self.high + tolerance
        return ~(below | above)


@functools.cache
def relations() -> tuple[Relation, ...]:
    """Every relation of the shelf.

    Raises
    ------
    KnowledgeError
        When a row names an unknown code or form, or limits out of order.
    """
    return tuple(_relation(row) for row in read_table(FOLDER / "relations.csv", COLUMNS, shelf().sources))


def _relation(row: Row) -> Relation:
    compare = row.one_of("compare", ("difference", "ratio", "sex"))
    left = tuple(row.text("left").split("|"))
    right = []
    for part in row.words("right"):
        codes, _, weight = part.rpartition(":")
        right.append((tuple(codes.split("|")), float(weight)))
    sex = row.one_of("low", ("F", "M")) if compare == "sex" else ""
    low, high = (None, None) if sex else (row.number("low"), row.number("high"))
    found = Relation(
        row.text("id"), left, tuple(right), row.one_of("join", ("sum", "product")), compare, low, high, sex,
        row.one_of("together", ("moment", "day")), {"en": row.text("name"), "zh": row.text("name_zh")}, row.cells["source"],
    )  # fmt: skip
    if not sex:
        unknown = [code for code in found.codes if code not in shelf().codes or not shelf().codes[code].unit]
        if unknown or not right:
            row.fail("A relation names a code without canonical unit", found=unknown)
        if (low is None and high is None) or (low is not None and high is not None and low > high):
            row.fail("A relation has no limits, or limits out of order", found=(low, high))
    return found


def broken(numbers: pl.DataFrame, events: pl.DataFrame) -> list[pl.DataFrame]:
    """Tallies of every relation over a shard: how often it could be held against values, how often it was broken, and where.

    Parameters
    ----------
    numbers : DataFrame
        Measurements with numbers in canonical units: `subject_id`, `time`, `code`, `value`, `source_id`.
    events : DataFrame
        All events of the same subjects: `subject_id`, `code`, `time`, `source_id`.
    """
    present = set(numbers["code"].unique().to_list())
    canonical = shelf().codes
    units = {code: canonical[code].unit for relation in relations() if not relation.sex for code in relation.codes}
    wanted = numbers.filter(pl.col("code").is_in(list(units))).filter(
        pl.col("time").is_not_null() & (pl.col("unit") == pl.col("code").replace_strict(units, default="", return_dtype=pl.String))
    )
    found = []
    for relation in relations():
        if relation.sex:
            found += _sexed(relation, events)
        elif present & set(relation.left) and all(present & set(codes) for codes, _ in relation.right):
            found += _valued(relation, wanted)
    return found


def _valued(relation: Relation, numbers: pl.DataFrame) -> list[pl.DataFrame]:
    moment = pl.col("time") if relation.together == "moment" else pl.col("time").dt.truncate("1d")

    def part(codes: tuple[str, ...], name: str) -> pl.DataFrame:
        own = numbers.filter(pl.col("code").is_in(codes)).with_columns(at=moment)
        # Where one part was measured twice together, nothing can be said of which belongs to which.
        agreed = pl.col("value").n_unique() == 1
        firsts = [pl.col("value").first().alias(name)]
        firsts += [pl.col("source_id").min().alias(f"source {name}"), pl.col("code").min().alias(f"code {name}")]
        return own.group_by("subject_id", "at").agg(*firsts, agreed.alias("agreed")).filter("agreed").drop("agreed")

    joined = part(relation.left, "left").rename({"source left": "source_id", "code left": "unit"})
    for i, (codes, _) in enumerate(relation.right):
        joined = joined.join(part(codes, str(i)).drop(f"source {i}", f"code {i}"), on=["subject_id", "at"])
    if joined.is_empty():
        return []
    others = [joined[str(i)].to_numpy() for i in range(len(relation.right))]
    holds = relation.holds(relation.compared(joined["left"].to_numpy(), others))
    named = joined.with_columns(holds=pl.Series(holds, dtype=pl.Boolean), code=pl.lit(relation.id))
    bad = named.filter(~pl.col("holds"))
    return [
        counted(named, "relation of", ["code", "unit"]),
        counted(bad, "relation", ["code", "unit"]),
        seen(bad.with_columns(key=0), "relation"),
    ]


def _sexed(relation: Relation, events: pl.DataFrame) -> list[pl.DataFrame]:
    own = events.filter(pl.col("code").is_in(relation.left))
    if own.is_empty():
        return [empty()]
    recorded = events.filter(pl.col("code").is_in([FEMALE, MALE])).group_by("subject_id").agg(sexes=pl.col("code").unique())
    of_one = recorded.filter(pl.col("sexes").list.len() == 1)
    named = own.join(of_one, on="subject_id").select("subject_id", "source_id", "sexes", unit="code", code=pl.lit(relation.id))
    bad = named.filter(pl.col("sexes").list.first() != f"GENDER//{relation.sex}")
    return [
        counted(named, "sex_contradicted of", ["code", "unit"]),
        counted(bad, "sex_contradicted", ["code", "unit"]),
        seen(bad.with_columns(key=0), "sex_contradicted"),
    ]
