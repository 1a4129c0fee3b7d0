"""OMOP in real databases: two hundred persons of a public set say the same from CSV, SQLite, DuckDB and PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from consilium.cli.main import app
from consilium.core.errors import ExtraError, FormatError, InputError
from consilium.intake import ingest, latest
from consilium.record import Record
from consilium.sources import omop
from consilium.sources.address import PASSWORD, shown, without_password

duckdb = pytest.importorskip("duckdb", reason="the extra `omop` is not installed")
sqlalchemy = pytest.importorskip("sqlalchemy", reason="the extra `omop` is not installed")
GIBLEED = Path(__file__).parents[3] / "shared" / "data" / "omop_gibleed" / "omop_gibleed.zip"
PERSONS = 200
SECRET = "correct horse"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """The tables of the set, cut to its first persons; tables about no person are whole."""
    if not GIBLEED.is_file():
        pytest.skip(f"the data set omop_gibleed is not at {GIBLEED}")
    folder = tmp_path_factory.mktemp("gibleed")
    with zipfile.ZipFile(GIBLEED) as opened:
        opened.extractall(folder)
    left = {"concept_ancestor", "concept_relationship", "concept_synonym", "drug_strength"}
    whole = {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet")) if path.stem not in left}
    first = whole["person"]["person_id"].cast(pl.Float64).sort()[:PERSONS].to_list()
    return {
        name: table.filter(pl.col("person_id").cast(pl.Float64).is_in(first)) if "person_id" in table.columns else table
        for name, table in whole.items()
    }


@pytest.fixture(scope="module")
def home(tables: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `csv/`, `cdm.sqlite` and `cdm.duckdb`."""
    home = tmp_path_factory.mktemp("databases")
    (home / "csv").mkdir()
    with closing(sqlite3.connect(home / "cdm.sqlite")) as lite, closing(duckdb.connect(str(home / "cdm.duckdb"))) as duck:
        for name, table in tables.items():
            table.write_csv(home / "csv" / f"{name}.csv", datetime_format="%Y-%m-%d %H:%M:%S")
            duck.register("shown", table.to_arrow())
            duck.execute(f"CREATE TABLE {name} AS SELECT * FROM shown")
            duck.unregister("shown")
            lite.execute(f"CREATE TABLE {name} ({', '.join(table.columns)})")
            words = table.with_columns(pl.selectors.temporal().cast(pl.String))
            lite.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * table.width)})", words.rows())
        lite.commit()
    return home


def all_of(record: Record) -> list[tuple[object, ...]]:
    return sorted((tuple(map(str, row.values())) for part in record.events() for row in part.to_pylist()), key=str)


@pytest.fixture(scope="module")
def from_csv(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    record = ingest(home / "csv", tmp_path_factory.mktemp("csv") / "record")
    assert latest(record).patients == PERSONS
    assert latest(record).events > 10_000
    return record


@pytest.mark.parametrize("place", ["{}/cdm.sqlite", "{}/cdm.duckdb", "sqlite:///{}/cdm.sqlite", "duckdb:///{}/cdm.duckdb"])
def test_a_database_says_what_its_csv_says(place: str, home: Path, from_csv: Record, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["ingest", place.format(home), "--record", str(tmp_path / "record")])
    assert told.exit_code == 0, told.output
    record = Record.open(tmp_path / "record")
    assert all_of(record) == all_of(from_csv)
    assert latest(record).rejects == latest(from_csv).rejects
    (source,) = record.sources()
    assert len(source.sha256) == 64


def test_a_database_is_read_again_and_adds_nothing(home: Path, tmp_path: Path) -> None:
    address = f"sqlite:///{home}/cdm.sqlite"
    first = latest(ingest(address, tmp_path / "record"))
    again = ingest(address, tmp_path / "record")
    assert latest(again).events == 0
    assert latest(again).duplicates == first.events + first.duplicates
    assert len(again.sources()) == 1


def test_views_and_a_schema_of_its_own(home: Path, from_csv: Record, tmp_path: Path) -> None:
    shutil.copy(home / "cdm.duckdb", tmp_path / "cdm.duckdb")
    with closing(duckdb.connect(str(tmp_path / "cdm.duckdb"))) as duck:
        duck.execute("CREATE SCHEMA Omop")
        for (name,) in duck.execute("SELECT table_name FROM information_schema.tables").fetchall():
            duck.execute(f'CREATE TABLE Omop."{name.upper()}" AS SELECT * FROM main.{name}')
            duck.execute(f"DROP TABLE main.{name}")
    assert all_of(ingest(tmp_path / "cdm.duckdb", tmp_path / "record")) == all_of(from_csv)


def test_two_schemas_are_not_chosen_between(home: Path, tmp_path: Path) -> None:
    shutil.copy(home / "cdm.duckdb", tmp_path / "cdm.duckdb")
    with closing(duckdb.connect(str(tmp_path / "cdm.duckdb"))) as duck:
        duck.execute("CREATE SCHEMA other")
        duck.execute("CREATE TABLE other.person AS SELECT * FROM person")
    with pytest.raises(FormatError, match="Several schemas"):
        omop.read(tmp_path / "cdm.duckdb")


def test_a_missing_table_or_column_is_named(home: Path, tmp_path: Path) -> None:
    shutil.copy(home / "cdm.sqlite", tmp_path / "cdm.sqlite")
    with closing(sqlite3.connect(tmp_path / "cdm.sqlite")) as lite:
        lite.execute("ALTER TABLE measurement DROP COLUMN measurement_concept_id")
        lite.execute("DROP TABLE death")
    rejects = [one for batch in omop.read(tmp_path / "cdm.sqlite") for one in batch.rejects]
    assert ("measurement", "the table lacks measurement_concept_id") in {(one.row, one.reason) for one in rejects}
    with closing(sqlite3.connect(tmp_path / "cdm.sqlite")) as lite:
        lite.execute("DROP TABLE person")
    with pytest.raises(FormatError, match="Not an OMOP CDM"):
        omop.read(tmp_path / "cdm.sqlite")


@pytest.mark.parametrize(
    "address", ["postgresql+psycopg://me:secret@host/cdm", "postgresql://me:p@/ss?secret@host/cdm", "mssql://host/cdm?UID=me&PWD=secret"]
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(address: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["ingest", address, "--record", str(tmp_path / "record")])
    assert told.exit_code == 1
    assert "bears a password" in told.output and PASSWORD in told.output
    assert "secret" not in told.output and "p@" not in told.output
    assert not (tmp_path / "record").exists()
    with pytest.raises(InputError):
        without_password(address)


@pytest.mark.parametrize("address", ["postgresql+psycopg://127.0.0.1:1/cdm", "nonsense://host/cdm", "sqlite:///absent.sqlite"])
def test_what_cannot_be_reached_is_said_in_words(address: str, tmp_path: Path) -> None:
    if address.startswith("postgresql"):
        pytest.importorskip("psycopg")
    told = CliRunner().invoke(app, ["ingest", address, "--record", str(tmp_path / "record")])
    assert told.exit_code == 1
    assert "InputError" in told.output and "Traceback" not in told.output
    assert shown(address) in told.output or "absent.sqlite" in told.output
    assert not (tmp_path / "record").exists()


def test_an_absent_driver_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(ExtraError, match=r"consilium\[omop\]"):
        ingest("postgresql://host/cdm", tmp_path / "record")


def program(name: str) -> str | None:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(places[-1]) if places else shutil.which(name)


@pytest.fixture(scope="module")
def postgres(tables: dict[str, pl.DataFrame]) -> Iterator[str]:
    """The address of a PostgreSQL of our own, on a socket in a temporary folder, that asks for a password."""
    pytest.importorskip("psycopg")
    initdb, server = program("initdb"), program("pg_ctl")
    if initdb is None or server is None:
        pytest.skip("PostgreSQL is not installed")
    owner = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    home = Path(subprocess.run(["mktemp", "-d", "/tmp/pg-XXXXXX"], capture_output=True, text=True, check=True).stdout.strip())
    (home / "password").write_text(SECRET)
    if os.getuid() == 0:
        for path in (home, home / "password"):
            shutil.chown(path, owner)

    def run(*command: str) -> None:
        subprocess.run(command, check=True, cwd=home, user=owner if os.getuid() == 0 else None, capture_output=True, timeout=60)

    run(initdb, "-D", str(home / "data"), "-U", "ward", "--auth=scram-sha-256", f"--pwfile={home / 'password'}", "-E", "UTF8", "--no-sync")
    try:
        run(server, "-D", str(home / "data"), "-w", "-l", str(home / "log"), "-o", f"-c listen_addresses='' -k {home}", "start")
        url = sqlalchemy.make_url(f"postgresql+psycopg://ward@/postgres?host={home}")
        with sqlalchemy.create_engine(url.set(password=SECRET)).begin() as connection:
            connection.execute(sqlalchemy.text("CREATE SCHEMA cdm"))
            for name, table in tables.items():
                columns = ", ".join(f'"{column}" {sql(kind)}' for column, kind in table.schema.items())
                connection.execute(sqlalchemy.text(f"CREATE TABLE cdm.{name} ({columns})"))
                with connection.connection.cursor().copy(f"COPY cdm.{name} FROM STDIN") as copy:
                    for row in table.rows():
                        copy.write_row(row)
        yield f"postgresql+psycopg://ward@/postgres?host={home}"
    finally:
        if (home / "data" / "postmaster.pid").exists():
            run(server, "-D", str(home / "data"), "-m", "immediate", "stop")
        shutil.rmtree(home)


def sql(kind: pl.DataType) -> str:
    if kind == pl.Date:
        return "date"
    if kind.is_temporal():
        return "timestamp"
    return "bigint" if kind.is_integer() else "double precision" if kind.is_float() else "text"


def test_postgresql_says_what_its_csv_says(postgres: str, from_csv: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["ingest", postgres, "--record", str(tmp_path / "record")]
    monkeypatch.setenv(PASSWORD, "wrong")
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 1 and "password authentication failed" in told.output and not (tmp_path / "record").exists()
    monkeypatch.setenv(PASSWORD, SECRET)
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0, told.output
    record = Record.open(tmp_path / "record")
    assert all_of(record) == all_of(from_csv)
    assert SECRET not in told.output and not any(SECRET in str(source) for source in record.sources())
