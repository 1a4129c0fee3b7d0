"""Database: OMOP tables in SQLite, DuckDB, or whatever SQLAlchemy reaches, read piece by piece."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from consilium.core.errors import ExtraError, FormatError, InputError
from consilium.sources.address import PASSWORD, shown, without_password
from consilium.sources.omop.folder import ROWS, Piece
from consilium.sources.omop.model import NAMES, PERSON

SUFFIXES = (".duckdb", ".sqlite", ".sqlite3")
"""Files that are databases."""
Rows = Iterator[list[tuple[Any, ...]]]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Database:
    """Tables of one schema of a database; rows come in bounded pieces.

    Parameters
    ----------
    name : str
        What to call it in messages; holds no password.
    run : callable
        Runs a query and yields its rows in pieces of at most so many.
    held : mapping of str to (str, tuple of str)
        Tables by their names in lower case: the name to be written in a query, and its columns as they are spelled.
    quote : callable
        Writes a name as the database wants it in a query.
    """

    name: str
    run: Callable[[str], Rows]
    held: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    quote: Callable[[str], str] = _quoted

    def tables(self) -> frozenset[str]:
        """Names of the tables that are there, in lower case."""
        return frozenset(self.held)

    def columns(self, table: str) -> tuple[str, ...]:
        """Columns of a table, in lower case."""
        return tuple(name.lower() for name in self.held[table][1])

    def count(self, table: str) -> int:
        """Rows of a table.

        Raises
        ------
        InputError
            When the database refuses the query.
        """
        return sum(int(number) for rows in self.run(f"SELECT count(*) FROM {self.held[table][0]}") for (number,) in rows)

    def pieces(self, table: str, columns: tuple[str, ...]) -> Iterator[Piece]:
        """Rows of a table, piece by piece; every value as text.

        Raises
        ------
        InputError
            When the database refuses the query.
        """
        name, held = self.held[table]
        spelled = {column.lower(): column for column in held}
        query = f"SELECT {', '.join(self.quote(spelled[column]) for column in columns)} FROM {name}"
        for rows in self.run(query):
            texts = [[None if value is None else str(value) for value in column] for column in zip(*rows, strict=True)]
            yield Piece(pl.DataFrame(texts, schema=dict.fromkeys(columns, pl.String)))


def connected(path: str) -> Database:
    """Look what a database holds.

    Parameters
    ----------
    path : str
        A file (`cdm.duckdb`, `cdm.sqlite`) or an address as SQLAlchemy writes it (`postgresql+psycopg://host/cdm`), without password:
        that stands in the environment (`sources.address.PASSWORD`, or what the driver reads).

    Raises
    ------
    ExtraError
        When it takes a package that is not installed.
    FormatError
        When several schemas hold an OMOP CDM, or it is no database.
    InputError
        When it cannot be reached, or the address bears a password.
    """
    scheme, separator, rest = path.partition("://")
    if not separator:
        scheme, rest = ("duckdb" if path.endswith(".duckdb") else "sqlite"), f"/{path}"
    if scheme in ("sqlite", "duckdb"):
        file = Path(rest.removeprefix("/"))
        if not file.is_file():
            raise InputError("There is no such database", where=str(file), do="check the path")
        return _sqlite(file) if scheme == "sqlite" else _duckdb(file)
    return _elsewhere(path)


def _sqlite(file: Path) -> Database:
    def run(query: str) -> Rows:
        with _asking(file.name, sqlite3.Error), closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            cursor = connection.execute(query)
            while rows := cursor.fetchmany(ROWS):
                yield rows

    tables = [name for rows in run("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')") for (name,) in rows]
    columns = [("", t, c) for t in tables for rows in run(f"SELECT name FROM pragma_table_info({_text(t)})") for (c,) in rows]
    return Database(file.name, run, _held(columns, file.name))


def _duckdb(file: Path) -> Database:
    duckdb = _package("duckdb", "duckdb")

    def run(query: str) -> Rows:
        with _asking(file.name, duckdb.Error), closing(duckdb.connect(str(file), read_only=True)) as connection:
            cursor = connection.execute(query)
            while rows := cursor.fetchmany(ROWS):
                yield rows

    asked = "SELECT table_schema, table_name, column_name FROM information_schema.columns ORDER BY ordinal_position"
    return Database(file.name, run, _held([row for rows in run(asked) for row in rows], file.name))


def _elsewhere(address: str) -> Database:
    name = shown(without_password(address))
    sqlalchemy = _package("sqlalchemy", "SQLAlchemy and the driver of the database")
    errors = (sqlalchemy.exc.SQLAlchemyError, ImportError)
    with _asking(name, *errors):
        url = sqlalchemy.make_url(address)
        if os.environ.get(PASSWORD):
            url = url.set(password=os.environ[PASSWORD])
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
        inspector = sqlalchemy.inspect(engine)
        columns = [
            (schema, table, column["name"])
            for schema in inspector.get_schema_names()
            for (_, table), held in inspector.get_multi_columns(schema=schema, kind=sqlalchemy.engine.reflection.ObjectKind.ANY).items()
            if table.lower() in NAMES
            for column in held
        ]

    def run(query: str) -> Rows:
        with _asking(name, *errors), engine.connect().execution_options(stream_results=True, yield_per=ROWS) as connection:
            for rows in connection.execute(sqlalchemy.text(query)).partitions(ROWS):
                yield [tuple(row) for row in rows]

    quote = engine.dialect.identifier_preparer.quote_identifier
    return Database(name, run, _held(columns, name, quote), quote)


def _held(columns: list[tuple[str, str, str]], name: str, quote: Callable[[str], str] = _quoted) -> dict[str, tuple[str, tuple[str, ...]]]:
    schemas: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {}
    for schema, table, column in columns:
        if table.lower() in NAMES:
            full = f"{quote(schema)}.{quote(table)}" if schema else quote(table)
            before = schemas.setdefault(schema, {}).get(table.lower(), (full, ()))
            schemas[schema][table.lower()] = (full, (*before[1], column))
    peopled = sorted(schema for schema, tables in schemas.items() if PERSON in tables)
    if len(peopled) > 1:
        raise FormatError("Several schemas hold an OMOP CDM", where=name, found=peopled, do="give an account that sees one of them")
    return schemas[peopled[0]] if peopled else {}


@contextmanager
def _asking(name: str, *errors: type[BaseException]) -> Iterator[None]:
    try:
        yield
    except errors as refused:
        what = (str(refused).splitlines() or [type(refused).__name__])[0]
        raise InputError("The database cannot be read", where=name, found=what, do="check file, address and rights") from None


def _package(module: str, what: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise ExtraError(
            "This database takes a package that is not installed",
            found=f"no {module}",
            do=f"install {what} (`pip install 'consilium[omop]'`)",
        ) from None


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
