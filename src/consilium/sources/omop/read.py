"""Read: an OMOP data set, in a folder or a database, becomes batches of events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
import yaml

from consilium.core import AS_SENT, Batch, Reject, Source
from consilium.core.errors import FormatError, NotFoundError
from consilium.sources.address import is_address
from consilium.sources.omop.cell import text
from consilium.sources.omop.concepts import Tables, concepts
from consilium.sources.omop.database import SUFFIXES, connected
from consilium.sources.omop.facts import Dataset, read_facts, read_persons
from consilium.sources.omop.folder import Folder
from consilium.sources.omop.model import NOT_READ, PERSON, PERSON_COLUMNS, TABLES, Table

__all__ = ["SUFFIXES", "about", "read", "rows"]
_VERSIONS = ("5.",)
_SETTINGS = "consilium.yaml"
_UTC = "UTC"


def read(path: str | Path, zone: str | None = None) -> Iterator[Batch]:
    """Read an OMOP CDM 5.3 or 5.4.

    Patients are known by their `person_id`. A concept becomes `LOINC//...`, `SNOMED//...` and so on, and the source's own code
    beside it where we know its vocabulary; what is not mapped (concept 0) keeps the source's words as `TEXT//...`. Nothing is
    known before its moment has passed: a date, or a time of exactly midnight, when its day is over.

    Parameters
    ----------
    path : path or str
        A folder of CSV tables (also `.gz` and `.zst`) or Parquet tables, a database file (`.duckdb`, `.sqlite`), or the address of a
        database as SQLAlchemy writes it (`postgresql+psycopg://host/cdm`), whose password comes from the environment.
    zone : str, optional
        The time zone in which the data set writes its times, as in `Europe/Berlin`; the CDM itself does not say. Without it
        the key `zone` of `consilium.yaml` in the folder (of `<name>.yaml` beside a database file) counts, else UTC; `about` says which.

    Yields
    ------
    Batch
        At most about 50,000 rows each, table by table; memory grows with the number of persons and of concepts used, not of facts.
        A table without the columns that it needs, and a table of facts that is not read, are rejects with `part` "table".

    Raises
    ------
    FormatError
        When there is no table person or concept, the CDM is of another version, the zone is not known, or a table cannot be read.
    NotFoundError
        When there is no such folder or file.
    ExtraError
        When the database takes a package that is not installed.
    InputError
        When the database cannot be read.
    """
    tables, name = _opened(path)
    where = ZoneInfo(_zone(path, zone))
    _check(tables, name)
    return _read(tables, name, where)


def about(path: str | Path, zone: str | None = None) -> Source:
    """What a data set says of itself in the table `cdm_source`, and the zone in which its times are read.

    Raises
    ------
    FormatError
        As `read`.
    """
    tables, name = _opened(path)
    told = _told(tables)
    key = _zone(path, zone)
    stated = "" if zone or _settings(path) else " (not declared)"
    parts = (f"OMOP CDM {told['cdm_version']}".strip(), told["vocabulary_version"], f"times in {key}{stated}")
    version = "; ".join(filter(None, parts))
    url = told["source_documentation_reference"]
    return Source(told["cdm_source_name"] or name, version, url if url.startswith("http") else "", told["source_release_date"][:10])


def rows(path: str | Path) -> int:
    """How many rows the tables of persons and of facts hold, as a database counts them.

    Raises
    ------
    InputError
        When the database cannot be read.
    """
    database = connected(str(path))
    return sum(database.count(table) for table in (PERSON, *TABLES) if table in database.tables())


def _opened(path: str | Path) -> tuple[Tables, str]:
    if is_address(str(path)):
        database = connected(str(path))
        return database, database.name
    place = Path(path)
    if not place.exists():
        raise NotFoundError("No such folder or database", where=str(place), do="check the path")
    name = place.resolve().name
    return (Folder.of(place), name) if place.is_dir() else (connected(str(place)), name)


def _zone(path: str | Path, zone: str | None) -> str:
    key = zone or _settings(path) or _UTC
    try:
        return ZoneInfo(key).key
    except (ZoneInfoNotFoundError, ValueError):
        raise FormatError("There is no such time zone", where=str(path), found=key, expected="a name as in Europe/Berlin") from None


def _settings(path: str | Path) -> str:
    place = Path(path)
    file = place / _SETTINGS if place.is_dir() else place.with_suffix(".yaml")
    if is_address(str(path)) or not file.is_file():
        return ""
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as broken:
        raise FormatError("The settings of a data set are not YAML", where=str(file), found=str(broken).splitlines()[0]) from None
    if not isinstance(said, dict) or set(said) != {"zone"} or not isinstance(said["zone"], str):
        raise FormatError("The settings of a data set say more or less than its zone", where=str(file), found=said, expected="zone: UTC")
    return said["zone"]


def _check(tables: Tables, name: str) -> None:
    if PERSON not in tables.tables():
        raise FormatError(
            "Not an OMOP CDM", where=name, found=sorted(tables.tables()) or "no table of the CDM", expected="a table person",
            do="name the folder that holds the tables of the CDM, one file each",
        )  # fmt: skip
    if "person_id" not in tables.columns(PERSON):
        raise FormatError("The table person lacks its key", where=name, found=list(tables.columns(PERSON)), expected="person_id")
    version = _told(tables)["cdm_version"].lower().lstrip("v ")
    if version and not version.startswith(_VERSIONS):
        raise FormatError("A version of the CDM that is not read", where=name, found=version, expected="5.3 or 5.4")


def _told(tables: Tables) -> dict[str, str]:
    wanted = ("cdm_source_name", "cdm_version", "vocabulary_version", "source_documentation_reference", "source_release_date")
    told = dict.fromkeys(wanted, "")
    if "cdm_source" not in tables.tables():
        return told
    there = tuple(column for column in wanted if column in tables.columns("cdm_source"))
    for piece in tables.pieces("cdm_source", there) if there else ():
        for row in piece.frame.select(text(column) for column in there).iter_rows(named=True):
            return told | {key: value or "" for key, value in row.items()}
    return told


def _read(tables: Tables, name: str, zone: ZoneInfo) -> Iterator[Batch]:
    meant = concepts(tables, name)
    persons = [pl.Series("person", [], pl.Int64)]
    there = tuple(column for column in PERSON_COLUMNS if column in tables.columns(PERSON))
    first = 1
    for piece in tables.pieces(PERSON, there):
        batch, held = read_persons(piece, first, name, zone)
        persons.append(held)
        first += batch.rows
        yield batch
    dataset = Dataset(name, zone, meant, pl.concat(persons).unique())
    for table in TABLES.values():
        if table.name in tables.tables():
            yield from _facts(tables, table, dataset)
    yield from _left(tables, name)


def _facts(tables: Tables, table: Table, dataset: Dataset) -> Iterator[Batch]:
    columns = tables.columns(table.name)
    lacking = [column for column in table.needed if column not in columns]
    if not {f"{table.start}_date", f"{table.start}_datetime"} & set(columns):
        lacking.append(f"{table.start}_date")
    if lacking:
        reject = Reject(dataset.name, table.name, f"the table lacks {', '.join(lacking)}", "table", found=", ".join(columns)[:200])
        yield Batch(AS_SENT.empty_table(), 0, 0, (reject,))
        return
    first = 1
    for piece in tables.pieces(table.name, tuple(column for column in table.columns if column in columns)):
        batch = read_facts(piece, table, first, dataset)
        first += batch.rows
        yield batch


def _left(tables: Tables, name: str) -> Iterator[Batch]:
    for table in NOT_READ:
        if table in tables.tables():
            column = tables.columns(table)[:1]
            rows = sum(piece.frame.height for piece in tables.pieces(table, column))
            reject = Reject(name, table, f"the table {table} is not read", "table", found=f"{rows} rows")
            if rows:
                yield Batch(AS_SENT.empty_table(), 0, 0, (reject,))
