"""Concepts: what the concept ids of a data set mean, of the whole vocabulary only those that it uses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import polars as pl

from consilium.core.errors import FormatError
from consilium.knowledge import shelf
from consilium.sources.omop.cell import text, whole
from consilium.sources.omop.folder import Piece
from consilium.sources.omop.meaning import vocabularies
from consilium.sources.omop.model import CONCEPT, CONCEPT_COLUMNS, TABLES
from consilium.sources.vocabulary import none_known

SCHEMA = {
    "id": pl.Int64, "code": pl.String, "name": pl.String, "known": pl.Boolean, "asks": pl.Boolean, "kind": pl.String, "unit": pl.String,
}  # fmt: skip
"""A concept: our code, its name, whether its vocabulary is one we know, whether it says nothing without an answer, the kind that
overrules the table's (empty where none does), and the UCUM unit that it is."""
_UCUM = "UCUM"


class Tables(Protocol):
    """Where tables are: a folder or a database."""

    def tables(self) -> frozenset[str]:
        """Names of the tables that are there, in lower case."""

    def columns(self, table: str) -> tuple[str, ...]:
        """Columns of a table, in lower case."""

    def pieces(self, table: str, columns: tuple[str, ...]) -> Iterable[Piece]:
        """Rows of a table, piece by piece."""


def concepts(tables: Tables, name: str) -> pl.DataFrame:
    """Look up the concepts that the facts of a data set use.

    Memory grows with the number of concepts used, not with the vocabulary nor with the facts.

    Parameters
    ----------
    tables : Tables
    name : str
        The data set, for messages.

    Returns
    -------
    polars.DataFrame
        In columns `SCHEMA`, each id once.

    Raises
    ------
    FormatError
        When the table `concept` is absent or lacks a column: no code means anything without it.
    """
    if CONCEPT not in tables.tables():
        raise FormatError(
            "The vocabulary is not there", where=name, found="no table concept", expected="concept, with the concepts that the data use",
            do="export the table concept too",
        )  # fmt: skip
    absent = [column for column in CONCEPT_COLUMNS if column not in tables.columns(CONCEPT)]
    if absent:
        raise FormatError(
            f"The table concept lacks {', '.join(absent)}", where=name, found=list(tables.columns(CONCEPT)),
            expected=list(CONCEPT_COLUMNS), do="export the table with all its columns",
        )  # fmt: skip
    used = _used(tables)
    kept = [pl.DataFrame(schema=SCHEMA)]
    for piece in tables.pieces(CONCEPT, CONCEPT_COLUMNS):
        kind = piece.frame.schema
        ids = piece.frame.select(
            id=whole("concept_id", kind["concept_id"]),
            vocabulary=text("vocabulary_id"),
            code=text("concept_code"),
            name=text("concept_name"),
        )
        kept.append(_meant(ids.filter(pl.col("id").is_in(used.implode())).drop_nulls(["vocabulary", "code"])))
    return pl.concat(kept).unique("id", keep="first", maintain_order=True)


def _used(tables: Tables) -> pl.Series:
    used = pl.Series("id", [], pl.Int64)
    for table in TABLES.values():
        if table.name not in tables.tables():
            continue
        there = tuple(column for column in table.concepts if column in tables.columns(table.name))
        for piece in tables.pieces(table.name, there) if there else ():
            for column in there:
                used = used.append(piece.frame.select(whole(column, piece.frame.schema[column]).alias("id")).unique()["id"]).unique()
    return used.filter(used > 0)


def _meant(found: pl.DataFrame) -> pl.DataFrame:
    known = vocabularies()
    vocabulary = pl.col("vocabulary")
    names = {key: one.name for key, one in known.items()}
    kinds = {key: one.kind for key, one in known.items()}
    code = pl.concat_str(vocabulary.replace(names), pl.lit("//"), pl.col("code"))
    allergy = pl.when(code.is_in(sorted(none_known()))).then(pl.lit("ALLERGY//NONE")).when(code.is_in(sorted(shelf().allergies.to)))
    return found.select(
        id="id", code=code, name="name", known=vocabulary.is_in(list(known)),
        asks=vocabulary.is_in([key for key, one in known.items() if one.asks]),
        kind=allergy.then(pl.lit("ALLERGY")).otherwise(vocabulary.replace_strict(kinds, default="")),
        unit=pl.when(vocabulary == _UCUM).then("code"),
    ).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())  # fmt: skip
