"""The mappings that come with consilium, on the real tables: counts, units, times, labels that cannot leak."""

from __future__ import annotations

import csv as plain
import sys
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from consilium.core import Batch
from consilium.intake.normalise import normalise
from consilium.knowledge import shelf
from consilium.sources import csv
from consilium.sources.csv.load import SHIPPED

DATA = Path(__file__).parents[3] / "shared" / "data"
MAPPINGS = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())
TABLES = sorted(path for path in SHIPPED.rglob("*.csv"))
YES, NO = "SNOMED//373066001", "SNOMED//373067005"


def given(folder: str, name: str) -> Path:
    path = DATA / folder / name
    if not path.is_file():
        pytest.skip(f"the data set {folder} is not in {DATA}")
    return path


def first_rows(path: Path, rows: int, to: Path) -> Path:
    """The first rows of a Parquet file, under the same name."""
    pl.read_parquet(path, n_rows=rows).write_parquet(to / path.name)
    return to / path.name


def read(path: Path, mapping: str) -> tuple[pl.DataFrame, list[Batch]]:
    """Events in canonical units, with the law of sources held."""
    batches = list(csv.read(path, mapping))
    for batch in batches:
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
    table = pl.from_arrow(pa.concat_tables([batch.events for batch in batches]))
    assert isinstance(table, pl.DataFrame)
    assert table.filter(pl.col("time").is_null() != pl.col("available").is_null()).is_empty()
    assert table.filter(pl.col("available") < pl.col("time")).is_empty()
    return table, batches


def refused(batches: list[Batch]) -> dict[str, float]:
    """The share of the numbers of each code that intake refuses."""
    sent: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for batch in batches:
        numbers = batch.events.filter(batch.events["numeric_value"].is_valid())
        sent.update(numbers["code"].to_pylist())
        lost.update(reject.code for reject in normalise(batch, shelf()).rejects[len(batch.rejects) :])
    return {code: lost[code] / count for code, count in sent.items() if count >= 50}


def events(table: pl.DataFrame, code: str) -> pl.DataFrame:
    return table.filter(pl.col("code") == code)


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_mapping_says_where_its_tables_come_from_and_is_explained(name: str) -> None:
    mapping = csv.load(name)
    assert mapping.source.url.startswith("https://") and mapping.source.licence and mapping.source.version
    assert mapping.tables
    assert (SHIPPED / name / "README.md").read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_table_of_codes_opens_with_its_provenance_and_names_codes_and_units_that_are_known(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    header = dict(line[1:].strip().split(": ", 1) for line in lines if line.startswith("#"))
    assert {"title", "sources", "version", "retrieved", "licence"} <= header.keys()
    for row in plain.DictReader(line for line in lines if not line.startswith("#")):
        if "code" in row:
            assert row["code"] in shelf().codes, row
        if row.get("unit"):
            assert shelf().units.spelling(row["unit"]), row
        if "code" in row and row.get("unit"):
            assert shelf().units.factor(row["unit"], shelf().codes[row["code"]].unit, row["code"]) is not None, row


@pytest.mark.parametrize("name", MAPPINGS)
def test_every_coded_number_of_a_mapping_converts(name: str) -> None:
    for table in csv.load(name).tables.values():
        for statement in table.statements:
            (code, *_) = statement.code
            if statement.number and statement.unit and "{" not in code:
                assert code in shelf().codes, code
                assert shelf().units.factor(statement.unit, shelf().codes[code].unit, code) is not None, code


@pytest.fixture(scope="module")
def mimic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mimic_iv_demo")
    with zipfile.ZipFile(given("mimic_iv_demo", "mimic_iv_demo.zip")) as archive:
        archive.extractall(folder)
    return folder


def test_every_table_of_mimic_iv_is_described_or_left_out_by_name(mimic: Path) -> None:
    mapping = csv.load("mimic_iv")
    for path in mimic.rglob("*.csv.gz"):
        assert mapping.ignores(path.name) != (mapping.table(path.name) is not None), path.name


def test_mimic_iv_laboratory(mimic: Path) -> None:
    table, batches = read(mimic / "hosp" / "labevents.csv.gz", "mimic_iv")
    assert (sum(b.rows for b in batches), sum(b.read for b in batches)) == (107_727, 106_735)
    reasons = Counter(reject.reason for batch in batches for reject in batch.rejects)
    assert reasons == {"no time": 992}  # tubes that were held, and never stored as a result
    share = {code: lost for code, lost in refused(batches).items() if code.startswith("LOINC")}
    assert len(share) > 80 and max(share.values()) < 0.02
    numbers = table.filter(pl.col("numeric_value").is_not_null())
    assert numbers["code"].str.starts_with("LOINC").mean() > 0.9
    assert events(table, "LOINC//11558-4")["unit"].unique().to_list() == ["[pH]"]
    # A per cent of haemoglobin in red cells is a gram in a decilitre.
    assert set(events(table, "LOINC//786-4").drop_nulls("numeric_value")["unit"]) == {"g/dL"}
    potassium = events(table, "LOINC//2823-3").drop_nulls("numeric_value")
    assert (potassium.height, potassium["unit"].unique().to_list()) == (3019, ["mEq/L"])
    assert (potassium["available"] > potassium["time"]).all()


def test_labels_of_laboratory_items_are_those_of_mimic_iv(mimic: Path) -> None:
    theirs = pl.read_csv(mimic / "hosp" / "d_labitems.csv.gz", infer_schema_length=0)
    ours = pl.read_csv(SHIPPED / "mimic_iv" / "labitems.csv", comment_prefix="#", infer_schema_length=0)
    joined = ours.join(theirs, on=["itemid", "label", "fluid"], how="left")
    assert joined["category"].null_count() == 0
    assert ours["itemid"].is_unique().all()


def test_mimic_iv_people_and_stays(mimic: Path) -> None:
    people, _ = read(mimic / "hosp" / "patients.csv.gz", "mimic_iv")
    assert (events(people, "MEDS_BIRTH").height, events(people, "MEDS_DEATH").height) == (100, 16)
    stays, _ = read(mimic / "hosp" / "admissions.csv.gz", "mimic_iv")
    assert (events(stays, "ENCOUNTER//IMP").height, events(stays, "ENCOUNTER//END//IMP").height) == (275, 275)
    assert events(stays, "MEDS_DEATH").height == 15
    assert Counter(events(stays, "CONSILIUM//in-hospital-death")["text_value"]) == {NO: 260, YES: 15}
    moves, _ = read(mimic / "hosp" / "transfers.csv.gz", "mimic_iv")
    assert (events(moves, "ENCOUNTER//EMER").height, events(moves, "CONSILIUM//care-unit").height) == (236, 679)
    born = events(people, "MEDS_BIRTH").filter(pl.col("patient_id") == "mimic-10014729").row(0, named=True)
    assert (born["time"], born["text_value"]) == (datetime(2104, 1, 1), "from age 21 in 2125")


def test_billing_codes_are_not_known_at_admission(mimic: Path) -> None:
    said, _ = read(mimic / "hosp" / "diagnoses_icd.csv.gz", "mimic_iv")
    assert said.height == 4506
    assert said["code"].str.extract(r"^CONDITION//(\w+)//").value_counts().sort("count").rows() == [("ICD9CM", 2193), ("ICD10CM", 2313)]
    row = said.row(0, named=True)
    left = pl.read_csv(mimic / "hosp" / "admissions.csv.gz", infer_schema_length=0).filter(pl.col("hadm_id") == "22580999")
    assert str(row["time"]) == str(row["available"]) == left["dischtime"].item()
    done, _ = read(mimic / "hosp" / "procedures_icd.csv.gz", "mimic_iv")
    assert done.height == 722 and (done["available"] > done["time"]).mean() > 0.9


def test_mimic_iv_drugs_fluids_and_measurements(mimic: Path) -> None:
    drugs, _ = read(mimic / "hosp" / "prescriptions.csv.gz", "mimic_iv")
    kinds = Counter(drugs["code"].str.extract(r"^(MEDICATION//(?:END//)?(?:NDC|TEXT))//"))
    assert kinds["MEDICATION//NDC"] + kinds["MEDICATION//TEXT"] == 18_087
    assert kinds["MEDICATION//END//NDC"] + kinds["MEDICATION//END//TEXT"] == 18_087 - 14
    assert kinds["MEDICATION//TEXT"] == 2610 + 21
    given, _ = read(mimic / "icu" / "inputevents.csv.gz", "mimic_iv")
    assert given.height == 2 * 20_404
    body, batches = read(mimic / "hosp" / "omr.csv.gz", "mimic_iv")
    assert events(body, "LOINC//8480-6").height == events(body, "LOINC//8462-4").height == 872
    weights = [row for b in batches for row in normalise(b, shelf()).events.to_pylist() if row["code"] == "LOINC//29463-7"]
    assert {row["unit"] for row in weights} == {"kg"} and min(row["numeric_value"] for row in weights) > 30


def test_nhamcs_visits(tmp_path: Path) -> None:
    path = first_rows(given("nhamcs_ed", "nhamcs_ed_2022.parquet"), 5000, tmp_path)
    table, batches = read(path, "nhamcs_ed")
    assert (sum(b.rows for b in batches), sum(b.read for b in batches)) == (5000, 5000)
    assert not any(batch.rejects for batch in batches)
    assert table["patient_id"].n_unique() == 5000
    assert max(refused(batches).values()) < 0.02
    raw = pl.read_parquet(path)
    assert events(table, "GENDER//F").height == raw.filter(pl.col("SEX") == 1).height
    assert events(table, "LOINC//8867-4").height == raw.filter(pl.col("PULSE").is_between(0, 997)).height
    assert 97 < events(table, "LOINC//8310-5")["numeric_value"].mean() < 99
    assert set(events(table, "CONSILIUM//triage-level")["numeric_value"]) == {1, 2, 3, 4, 5}
    asked = events(table, "ENCOUNTER//EMER")["available"].max()
    for outcome, expected in (("hospitalisation", pl.col("ADMITHOS", "TRANOTH") == 1),):
        said = events(table, f"CONSILIUM//{outcome}")
        assert (said["time"] - asked == timedelta(days=1)).all()
        positive = said.filter(pl.col("text_value") == YES)["patient_id"].n_unique()
        assert positive == raw.filter(pl.any_horizontal(expected)).height
    critical = events(table, "CONSILIUM//critical-outcome").filter(pl.col("text_value") == YES)["patient_id"].n_unique()
    assert critical == raw.filter((pl.col("ADMIT") == 1) | (pl.col("HDSTAT") == 2) | (pl.col("DIEDED") == 1)).height


@pytest.mark.parametrize("year", [2018, 2019, 2020])
def test_nhamcs_years(year: int, tmp_path: Path) -> None:
    table, batches = read(first_rows(given("nhamcs_ed", f"nhamcs_ed_{year}.parquet"), 1000, tmp_path), "nhamcs_ed")
    assert (sum(b.rows for b in batches), sum(b.read for b in batches)) == (1000, 1000)
    assert events(table, "ENCOUNTER//EMER")["time"].unique().to_list() == [datetime(year, 7, 1, 12)]
    assert table["patient_id"].str.starts_with(f"nhamcs-{year}-").all()


def test_physionet_2012(tmp_path: Path) -> None:
    path = first_rows(given("physionet2012", "physionet2012_long.parquet"), 60_000, tmp_path)
    table, batches = read(path, "physionet2012")
    assert (sum(b.rows for b in batches), sum(b.read for b in batches)) == (60_000, 60_000)
    assert max(refused(batches).values()) < 0.02
    raw = pl.read_parquet(path).with_columns(pl.col("parameter").cast(pl.String))
    stays = raw["RecordID"].n_unique()
    assert events(table, "MEDS_BIRTH").height == events(table, "CONSILIUM//set").height == stays
    assert set(events(table, "CONSILIUM//set")["text_value"]) == {"a"}
    known = raw.filter(pl.col("value") != -1)
    assert events(table, "LOINC//8867-4").height == known.filter(pl.col("parameter") == "HR").height
    one = events(table, "LOINC//8867-4").filter(pl.col("patient_id") == "challenge2012-a-132539")
    minutes = known.filter((pl.col("RecordID") == 132539) & (pl.col("parameter") == "HR"))["minute"]
    assert (one["time"] - datetime(2009, 1, 1)).dt.total_minutes().to_list() == minutes.to_list()
    oxygen = [row for b in batches for row in normalise(b, shelf()).events.to_pylist() if row["code"] == "LOINC//3150-0"]
    assert {row["unit"] for row in oxygen} == {"%"} and all(20 < row["numeric_value"] <= 100 for row in oxygen)


def test_physionet_2012_rows_without_a_parameter_are_named(tmp_path: Path) -> None:
    path = given("physionet2012", "physionet2012_long.parquet")
    nameless = pl.scan_parquet(path).filter(pl.col("parameter").cast(pl.String) == "").head(40).collect()
    nameless.write_parquet(tmp_path / path.name)
    table, (batch,) = read(tmp_path / path.name, "physionet2012")
    assert table.is_empty()
    assert Counter(reject.reason for reject in batch.rejects) == {"no code (value)": 40}


def test_physionet_2012_outcomes_lie_behind_the_first_two_days() -> None:
    table, batches = read(given("physionet2012", "physionet2012_outcomes.parquet"), "physionet2012")
    assert sum(b.read for b in batches) == 12_000
    deaths = events(table, "CONSILIUM//in-hospital-death")
    assert Counter(deaths.filter(pl.col("text_value") == YES)["patient_id"].str.extract("challenge2012-(.)-")) == {
        "a": 554,
        "b": 568,
        "c": 585,
    }
    assert table["available"].min() > datetime(2009, 1, 3)


def test_physionet_2019(tmp_path: Path) -> None:
    path = first_rows(given("physionet2019", "training_setB.parquet"), 12_000, tmp_path)
    table, batches = read(path, "physionet2019")
    assert (sum(b.rows for b in batches), sum(b.read for b in batches)) == (12_000, 12_000)
    raw = pl.read_parquet(path)
    assert max(refused(batches).values()) < 0.02
    assert events(table, "MEDS_BIRTH")["patient_id"].n_unique() == raw["patient"].n_unique()
    assert events(table, "LOINC//2524-7").height == raw["Lactate"].drop_nulls().len()
    label = events(table, "CONSILIUM//sepsis-label")
    assert (label.height, label["numeric_value"].sum()) == (12_000, raw["SepsisLabel"].sum())
    first = raw.filter(pl.col("SepsisLabel") == 1).group_by("patient").agg(pl.col("ICULOS").min()).sort("patient").row(0)
    onset = label.filter((pl.col("patient_id") == f"challenge2019-b-{first[0]}") & (pl.col("numeric_value") == 1))["available"].min()
    assert onset == datetime(2019, 1, 1) + timedelta(hours=first[1] + 6)


def test_mappings_are_in_the_package() -> None:
    package = Path(sys.modules["consilium"].__file__ or "").parent
    assert package / "sources" / "mappings" == SHIPPED
    assert MAPPINGS == ["mimic_iv", "nhamcs_ed", "physionet2012", "physionet2019"]
