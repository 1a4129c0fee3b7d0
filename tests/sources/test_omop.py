"""OMOP CDM: one patient's rows in every table, what is not mapped, what cannot be, other media, and two public data sets."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core import Batch
from consilium.core.code import split
from consilium.core.errors import ExtraError, FormatError, InputError, NotFoundError
from consilium.intake import ingest, latest
from consilium.knowledge.shelf import FOLDER, read_sources
from consilium.knowledge.table import read_table
from consilium.sources import omop, rows
from consilium.sources.omop import folder as folders
from consilium.sources.omop.cell import with_moment
from consilium.sources.omop.meaning import USES, deciding, vocabularies
from consilium.sources.sheet import displays
from consilium.sources.vocabulary import systems

WARD = Path(sys.modules["consilium"].__file__).parent / "sources" / "examples" / "omop" / "ward"
ACT_CODES = {"IMP", "AMB", "EMER", "HH", "VR", "NONAC"}


def law(batches: list[Batch]) -> list[Batch]:
    for batch in batches:
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
    return batches


def events(batches: list[Batch], **of: Any) -> list[dict[str, Any]]:
    rows = [row for batch in law(batches) for row in batch.events.to_pylist()]
    return [row for row in rows if all(row[key] == value for key, value in of.items())]


def rejects(batches: list[Batch]) -> dict[str, str]:
    return {reject.row: reject.reason for batch in batches for reject in batch.rejects}


def one(batches: list[Batch], source: str) -> dict[str, Any]:
    (event,) = events(batches, source_id=source)
    return event


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """The example, to be changed."""
    return Path(shutil.copytree(WARD, tmp_path / "ward"))


@pytest.fixture
def add(ward: Path) -> Callable[..., Path]:
    """Append a row to a table; columns that are not named say nothing."""

    def append(table: str, **cells: object) -> Path:
        path = ward / f"{table}.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            names = next(csv.reader(stream))
        assert set(cells) <= set(names), table
        with path.open("a", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerow([cells.get(name, "") for name in names])
        return ward

    return append


def at(*when: int) -> datetime:
    return datetime(*when)


def test_birth_is_as_precise_as_the_table_says() -> None:
    births = {row["patient_id"]: (row["time"], row["available"]) for row in events(list(omop.read(WARD)), code="MEDS_BIRTH")}
    assert births == {
        "1": (at(1958, 4, 2), at(1958, 4, 3)),
        "2": (at(1971, 9, 1), at(1971, 10, 1)),
        "3": (at(1990, 1, 1), at(1991, 1, 1)),
    }


def test_sex_is_read_where_it_is_one() -> None:
    batches = list(omop.read(WARD))
    sexes = {row["patient_id"]: row["code"] for row in events(batches) if row["code"].startswith("GENDER")}
    assert sexes == {"1": "GENDER//F", "2": "GENDER//M"}
    assert rejects(batches)["person/3"] == "gender is not read as a sex"


def test_a_visit_that_is_both_is_both() -> None:
    rows = events(list(omop.read(WARD)), source_id="visit_occurrence/1")
    assert [(row["code"], row["time"]) for row in rows] == [
        ("ENCOUNTER//EMER", at(2025, 11, 2, 8, 10)),
        ("ENCOUNTER//IMP", at(2025, 11, 2, 8, 10)),
        ("ENCOUNTER//END//EMER", at(2025, 11, 5, 10)),
        ("ENCOUNTER//END//IMP", at(2025, 11, 5, 10)),
    ]


def test_a_condition_keeps_the_code_of_its_source_beside_the_standard_one() -> None:
    rows = events(list(omop.read(WARD)), source_id="condition_occurrence/1")
    assert [row["code"] for row in rows] == ["CONDITION//SNOMED//44054006", "CONDITION//ICD10CM//E11.9"]
    assert {(row["time"], row["available"]) for row in rows} == {(at(2014, 3, 1), at(2014, 3, 2))}


def test_midnight_is_a_date_and_known_when_the_day_is_over() -> None:
    start, end = events(list(omop.read(WARD)), source_id="condition_occurrence/2")
    assert (start["code"], start["time"], start["available"]) == ("CONDITION//SNOMED//233604007", at(2019, 2, 10), at(2019, 2, 11))
    assert (end["code"], end["time"], end["available"]) == ("CONDITION//END//SNOMED//233604007", at(2019, 2, 20), at(2019, 2, 21))


def test_what_is_not_mapped_keeps_the_words_of_its_source() -> None:
    batches = list(omop.read(WARD))
    assert one(batches, "condition_occurrence/3")["code"] == "CONDITION//TEXT//lumbago"
    assert one(batches, "measurement/7")["code"] == "TEXT//hCG dipstick"
    assert rejects(batches)["condition_occurrence/4"] == "no code: no concept, and no words of the source"


def test_drugs_by_what_they_are() -> None:
    batches = list(omop.read(WARD))
    assert one(batches, "drug_exposure/1")["code"] == "MEDICATION//RxNorm//860975"  # 2099-12-31 is no end
    _, end = events(batches, source_id="drug_exposure/2")
    assert (end["code"], end["time"]) == ("MEDICATION//END//RxNorm//308182", at(2019, 2, 21))  # the last day is a day on which it is taken
    assert one(batches, "drug_exposure/3")["code"] == "IMMUNIZATION//CVX//140"
    assert one(batches, "drug_exposure/4")["code"] == "ADMINISTERED//RxNorm//313782"


def test_what_lasts_is_known_when_it_is_over() -> None:
    row = one(list(omop.read(WARD)), "procedure_occurrence/1")
    assert (row["code"], row["time"], row["available"]) == ("PROCEDURE//SNOMED//29303009", at(2025, 11, 2, 8, 15), at(2025, 11, 2, 8, 25))


def test_numbers_bounds_and_answers() -> None:
    batches = list(omop.read(WARD))
    said = {row["source_id"]: (row["numeric_value"], row["text_value"], row["unit"]) for row in events(batches)}
    assert said["measurement/1"] == (2.4, None, "mmol/L")
    assert said["measurement/2"] == (None, "<5 ng/L", None)
    assert said["measurement/4"] == (88.0, None, "bpm")
    assert said["measurement/7"] == (None, "SNOMED//10828004", None)
    assert said["observation/1"] == (None, "SNOMED//8517006", None)
    assert said["observation/5"] == (None, "works at sea", None)
    assert rejects(batches)["measurement/3"] == "no value"
    assert rejects(batches)["measurement/5"] == "value_as_number is not a number"
    called = {k: v for b in batches for k, v in displays(b).items()}
    assert (called["LOINC//2524-7"], called["SNOMED//8517006"]) == ("Lactate", "Ex-smoker")


def test_an_offset_that_is_written_counts() -> None:
    assert one(list(omop.read(WARD)), "measurement/6")["time"] == at(2025, 12, 1, 6)


def test_an_allergy_is_an_allergy_and_a_finding_needs_no_value() -> None:
    batches = list(omop.read(WARD))
    assert one(batches, "observation/2")["code"] == "ALLERGY//SNOMED//91936005"
    assert one(batches, "observation/3")["code"] == "SNOMED//160303001"
    assert rejects(batches)["observation/4"] == "no value"  # a question without its answer


def test_a_note_keeps_its_lines() -> None:
    row = one(list(omop.read(WARD)), "note/1")
    assert row["code"] == "NOTE//LOINC//34111-5"
    assert row["text_value"] == 'Fever for two days, "very tired".\nNo chest pain.'


def test_rows_that_cannot_be_are_named() -> None:
    told = rejects(list(omop.read(WARD)))
    assert told["condition_occurrence/5"].startswith("not a date or time")
    assert told["condition_occurrence/6"] == "an end before the start"
    assert told["condition_occurrence/7"] == "a person who is not in the table person"
    assert told["person/row 4"].startswith("no person_id")


def test_the_zone_moves_local_times_and_is_said(ward: Path) -> None:
    here = one(list(omop.read(ward, "Europe/Berlin")), "measurement/1")
    assert here["time"] == at(2025, 11, 2, 7, 40)
    assert omop.about(ward).version.endswith("times in UTC (not declared)")
    (ward / "consilium.yaml").write_text("zone: Europe/Berlin\n")
    assert one(list(omop.read(ward)), "measurement/1")["time"] == at(2025, 11, 2, 7, 40)
    assert omop.about(ward).version == "OMOP CDM 5.4; v5.0; times in Europe/Berlin"
    (ward / "consilium.yaml").write_text("zone: Mars/Olympus\n")
    with pytest.raises(FormatError, match="no such time zone"):
        omop.read(ward)


def test_a_time_that_the_clocks_skipped_is_refused(add: Callable[..., Path]) -> None:
    ward = add(
        "measurement", measurement_id=70, person_id=1, measurement_concept_id=3027018, measurement_datetime="2025-03-30 02:30:00",
        value_as_number=80, unit_source_value="/min",
    )  # fmt: skip
    assert "does not exist in this zone" in rejects(list(omop.read(ward, "Europe/Berlin")))["measurement/70"]
    assert one(list(omop.read(ward)), "measurement/70")["time"] == at(2025, 3, 30, 2, 30)


@settings(deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2090, 1, 1)).map(lambda when: when.replace(microsecond=0)))
def test_nothing_is_known_before_it_happened(when: datetime) -> None:
    frame = pl.DataFrame({"d": [f"{when.date()}"], "t": [f"{when}"]})
    frame, read = with_moment(frame, "d", "t", ZoneInfo("UTC"), "read")
    start, end = frame.select(read.start, read.end).row(0)
    assert start == when and end >= start
    assert (end > start) == (when.hour == when.minute == when.second == 0)


def test_a_row_with_too_many_fields_is_named(ward: Path) -> None:
    with (ward / "measurement.csv").open("a") as stream:
        stream.write("90,1,2,3\n")
    batches = law(list(omop.read(ward)))
    assert rejects(batches)["measurement/90"] == "wrong number of fields"


def test_ids_that_are_no_whole_numbers(add: Callable[..., Path]) -> None:
    add("person", person_id="4.0", gender_concept_id="8507.0", year_of_birth="1980.0")
    ward = add("person", person_id="4.5", gender_concept_id=8507, year_of_birth=1980)
    batches = list(omop.read(ward))
    assert {row["code"] for row in events(batches, patient_id="4")} == {"GENDER//M", "MEDS_BIRTH"}
    assert sum(reason.startswith("no person_id") for reason in rejects(batches).values()) == 2


def test_no_person_is_no_cdm(ward: Path) -> None:
    (ward / "person.csv").unlink()
    with pytest.raises(FormatError, match="a table person"):
        omop.read(ward)
    with pytest.raises(FormatError, match="a table person"):
        ingest(ward, ward.parent / "record")


def test_no_vocabulary_is_refused(ward: Path) -> None:
    (ward / "concept.csv").unlink()
    with pytest.raises(FormatError, match="no table concept"):
        list(omop.read(ward))


def test_a_table_without_its_columns_is_named_and_the_rest_is_read(ward: Path) -> None:
    text = (ward / "measurement.csv").read_text().replace("measurement_concept_id", "concept").replace("measurement_date,", "day,", 1)
    (ward / "measurement.csv").write_text(text.replace("measurement_datetime", "hour"))
    batches = law(list(omop.read(ward)))
    assert rejects(batches)["measurement"] == "the table lacks measurement_concept_id, measurement_date"
    assert events(batches, source_id="observation/1")


def test_tables_that_are_not_read_are_named(ward: Path) -> None:
    (ward / "device_exposure.csv").write_text("device_exposure_id,person_id\n1,1\n2,1\n")
    (ward / "visit_detail.csv").write_text("visit_detail_id,person_id\n")
    batches = law(list(omop.read(ward)))
    assert rejects(batches)["device_exposure"] == "the table device_exposure is not read"
    assert "visit_detail" not in rejects(batches)


def test_another_version_is_refused(ward: Path) -> None:
    (ward / "cdm_source.csv").write_text("cdm_source_name,cdm_version\nx,v6.0\n")
    with pytest.raises(FormatError, match=r"5\.3 or 5\.4"):
        omop.read(ward)


def test_two_files_of_one_table_are_refused(ward: Path) -> None:
    shutil.copy(ward / "person.csv", ward / "PERSON.tsv")
    with pytest.raises(FormatError, match="one table"):
        omop.read(ward)


@pytest.mark.parametrize("text", [b"person_id\n\xff\xfe\n", b"", b"person_id,person_id\n1,1\n"])
def test_a_table_that_is_not_one_is_refused(ward: Path, text: bytes) -> None:
    (ward / "person.csv").write_bytes(text)
    with pytest.raises(FormatError, match=r"person"):
        list(omop.read(ward))


def test_a_row_without_end_is_refused(ward: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROW", 4096)
    monkeypatch.setattr(rows, "BLOCK", 4096)
    with (ward / "note.csv").open("a") as stream:
        stream.write('2,1,2025-11-02,,1,706391,t,"' + "x" * 20_000 + '",0,0\n')
    with pytest.raises(FormatError, match=r"note\.csv"):
        list(omop.read(ward))


def test_links_out_of_the_folder_are_not_followed(ward: Path, tmp_path: Path) -> None:
    outside = shutil.move(ward / "measurement.csv", tmp_path / "secret.csv")
    (ward / "measurement.csv").symlink_to(outside)
    assert not [row for row in events(list(omop.read(ward))) if row["source_id"].startswith("measurement")]
    record = ingest(ward, tmp_path / "record")
    assert ("measurement.csv", "a link that leads out of the folder is not followed") in {(r.file, r.reason) for r in record.rejects()}


def said(batches: list[Batch]) -> list[str]:
    return sorted(str({k: v for k, v in row.items() if k != "source_id"}) for row in events(batches))


def test_parquet_says_the_same(ward: Path, tmp_path: Path) -> None:
    other = tmp_path / "parquet"
    other.mkdir()
    for table in ward.glob("*.csv"):
        options = arrow_csv.ParseOptions(newlines_in_values=True)
        rows = arrow_csv.read_csv(table, parse_options=options)  # types as Arrow infers them: numbers, dates, times
        part = other / table.stem.upper() / "part-0.parquet" if table.stem == "measurement" else other / f"{table.stem.upper()}.parquet"
        part.parent.mkdir(exist_ok=True)
        pq.write_table(rows, part)
    assert omop.recognises(other)
    assert said(list(omop.read(other))) == said(list(omop.read(WARD)))


def test_a_vocabulary_with_tabs_says_the_same(ward: Path) -> None:
    with (ward / "concept.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    (ward / "concept.csv").unlink()
    (ward / "CONCEPT.csv").write_text("".join("\t".join(row) + "\n" for row in rows).replace("Ex-smoker", 'Ex-"smoker'))
    batches = list(omop.read(ward))
    assert said(batches) == said(list(omop.read(WARD)))
    assert {k: v for b in batches for k, v in displays(b).items()}["SNOMED//8517006"] == 'Ex-"smoker'


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "cdm.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for table in WARD.glob("*.csv"):
            with table.open(newline="") as stream:
                head, *rows = csv.reader(stream)
            connection.execute(f"CREATE TABLE {table.stem.upper()} ({', '.join(name.upper() for name in head)})")
            filled = [[cell or None for cell in row] for row in rows]
            connection.executemany(f"INSERT INTO {table.stem} VALUES ({', '.join('?' * len(head))})", filled)
        connection.commit()
    return path


def test_a_database_says_the_same(database: Path, tmp_path: Path) -> None:
    assert said(list(omop.read(database))) == said(list(omop.read(WARD)))
    assert said(list(omop.read(f"sqlite:///{database}"))) == said(list(omop.read(WARD)))
    assert latest(ingest(database, tmp_path / "record")).rows == sum(batch.rows for batch in omop.read(WARD))


def test_databases_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match="cannot be read"):
        omop.read(tmp_path / "broken.sqlite")
    with pytest.raises(NotFoundError):
        omop.read(tmp_path / "absent.duckdb")
    for module, address in (("duckdb", tmp_path / "x.duckdb"), ("sqlalchemy", "postgresql://me@nowhere/cdm")):
        (tmp_path / "x.duckdb").touch()
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ExtraError, match=module):
            omop.read(address)


def test_a_folder_of_tables_is_one_source(ward: Path, tmp_path: Path) -> None:
    record = ingest(ward.parent, tmp_path / "record")
    (source,) = record.sources()
    assert source.name == "Invented ward"
    summary = latest(record)
    assert summary.files == 1 and summary.rows == summary.read + sum(summary.rejects.values())
    assert latest(ingest(ward, tmp_path / "record")).already == 1


def test_other_folders_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "person.csv").write_text("name,age\nx,1\n")
    (tmp_path / "observation.csv").write_text("a,b\n1,2\n")
    assert not omop.recognises(tmp_path)
    assert not omop.recognises(WARD.parent)


def test_memory_holds_one_piece_at_a_time(add: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "ROWS", 2)
    ward = add(
        "measurement", measurement_id=71, person_id=1, measurement_concept_id=3027018, measurement_date="2025-11-03", value_as_number=1
    )
    batches = law(list(omop.read(ward)))
    assert max(batch.rows for batch in batches) == 2
    assert sum(batch.rows for batch in batches) == 1 + sum(batch.rows for batch in omop.read(WARD))


def test_the_vocabularies_are_ours() -> None:
    ours = {system.vocabulary for system in systems().values()}
    assert {one.name for one in vocabularies().values()} <= ours
    assert all(split(f"{one.name}//x").kind == "" for one in vocabularies().values())
    assert {key for key, one in vocabularies().items() if one.asks} == {"LOINC", "CONSILIUM"}


def test_the_deciding_concepts_mean_what_they_may() -> None:
    assert {means for (means,) in deciding("sex").values()} == {"F", "M"}
    assert {one for means in deciding("visit").values() for one in means} <= ACT_CODES
    assert {means for (means,) in deciding("operator").values()} == {"<", "<=", "=", ">=", ">"}
    assert {means for (means,) in deciding("drug").values()} == {"ADMINISTERED"}
    ids = [key for use in USES for key in deciding(use)]
    assert len(ids) == len(set(ids))


def test_the_deciding_concepts_bear_the_names_of_the_vocabulary(unzipped: Callable[[str], Path]) -> None:
    """Where a public data set has the concept, it calls it as our table does, and knows every vocabulary that we do."""
    rows = read_table(FOLDER / "omop_concepts.csv", ("concept_id", "name", "use", "means", "source"), read_sources(FOLDER / "sources.yaml"))
    with (unzipped("omop_synthea27_cdm54") / "csv" / "CONCEPT.csv").open(newline="") as stream:
        names = {row["concept_id"]: row["concept_name"] for row in csv.DictReader(stream)}
    shared = [(row.cells["name"], names[row.cells["concept_id"]]) for row in rows if row.cells["concept_id"] in names]
    assert len(shared) >= 3
    assert all(ours == theirs for ours, theirs in shared)
    public = set(pq.read_table(unzipped("omop_gibleed") / "vocabulary.parquet")["vocabulary_id"].to_pylist())
    assert set(vocabularies()) - public <= {"CONSILIUM", "ICD10GM", "ICDO3"}  # ours, and two that came later


def test_the_public_set_of_5_3(unzipped: Callable[[str], Path]) -> None:
    folder = unzipped("omop_gibleed")
    batches = law(list(omop.read(folder)))
    told = Counter(reject.reason for batch in batches for reject in batch.rejects)
    kinds = Counter("//".join(split(row)[:2]) for batch in batches for row in batch.events["code"].to_pylist())
    assert len(events(batches, code="MEDS_BIRTH")) == 2_694
    assert sum(batch.rows for batch in batches) == 225_052  # the rows of the tables that are read
    assert told == {"no value": 44_053, "a person who is not in the table person": 2_649}
    assert kinds["CONDITION//"] == 65_332 + 479  # 479 bleedings are coded in ICD-10-CM too
    assert kinds["CONDITION//END"] == 65_332 - 8_652
    assert kinds["PROCEDURE//"] == 37_409
    assert kinds["ENCOUNTER//"] == 1_037
    assert kinds["IMMUNIZATION//"] == 25_710


def test_the_public_set_of_5_4(unzipped: Callable[[str], Path], tmp_path: Path) -> None:
    folder = unzipped("omop_synthea27_cdm54")
    record = ingest(folder / "csv", tmp_path / "record")
    summary = latest(record)
    assert summary.patients == 28
    assert summary.rows == summary.read + sum(summary.rejects.values())
    assert summary.rejects == {"no value": 7_649 + 885}
    codes = Counter(code for shard in record.events() for code in shard["code"].to_pylist())
    assert codes["ENCOUNTER//EMER"] == 56 and codes["ENCOUNTER//IMP"] == 13 and codes["MEDS_DEATH"] == 3
