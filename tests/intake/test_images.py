"""A folder of images becomes events of the right patient and moment; the council shows what was seen; nothing is lost in silence."""

from __future__ import annotations

import importlib.util
import shutil
from datetime import datetime
from pathlib import Path

import orjson
import pydicom
import pytest

from consilium.core import AS_SENT
from consilium.core.errors import FormatError, InputError
from consilium.council import consult
from consilium.imaging.tasks import tasks
from consilium.intake import ingest, latest
from consilium.intake.images import read, recognises
from consilium.knowledge import shelf
from consilium.render.fhir import bundle
from consilium.render.json import consultation_from_json, json_bytes
from consilium.render.page import page
from consilium.render.text import text
from consilium.specialists import Roster

_SPEC = importlib.util.spec_from_file_location("phantom", Path(__file__).parents[2] / "examples" / "imaging" / "phantom.py")
phantom = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(phantom)


@pytest.fixture(scope="module")
def chest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chest"
    phantom.write_series(folder, phantom.phantom(30, 96, (6.0, 3.6, 3.6)), (6.0, 3.6, 3.6))
    return folder


@pytest.fixture
def copy(chest, tmp_path):
    return Path(shutil.copytree(chest, tmp_path / "chest"))


def change(folder, act):
    for file in sorted(folder.glob("*.dcm")):
        one = pydicom.dcmread(file)
        act(one)
        one.save_as(file)


def events(path, **more):
    batches = list(read(path, **more))
    for batch in batches:
        assert batch.rows == batch.read + sum(not r.part for r in batch.rejects)
        assert batch.events.schema.equals(AS_SENT) and all(r.file == path.name and r.row and r.reason for r in batch.rejects)
    rows = [row for batch in batches for row in batch.events.to_pylist()]
    assert all((row["time"] is None) == (row["available"] is None) for row in rows)
    assert all(row["time"] is None or row["time"] <= row["available"] for row in rows)
    return rows, [r for batch in batches for r in batch.rejects]


def test_a_series_is_one_event_of_its_patient_at_its_time(chest):
    rows, rejects = events(chest)
    assert not rejects
    (series,) = [r for r in rows if r["code"] == "IMAGING//DCM//CT"]
    assert series["patient_id"] == "phantom-1"
    assert series["time"] == datetime(2026, 1, 5, 8, 17) and series["available"] == datetime(2026, 1, 5, 8, 18, 12)  # +0100
    told = orjson.loads(series["text_value"])
    assert told["images"] == 30 and told["description"] == "PHANTOM" and told["folder"] == str(chest.resolve())
    assert {r["code"] for r in rows} == {"IMAGING//DCM//CT", "MEDS_BIRTH"}


def test_a_time_without_zone_is_only_a_date_and_that_is_said(copy):
    change(copy, lambda one: delattr(one, "TimezoneOffsetFromUTC"))
    rows, rejects = events(copy)
    series = next(r for r in rows if r["code"].startswith("IMAGING"))
    assert series["time"] == datetime(2026, 1, 5) and series["available"] == datetime(2026, 1, 6)
    assert [r.part for r in rejects] == ["time"] and "--zone" in rejects[0].found
    rows, rejects = events(copy, zone="Asia/Shanghai")
    assert next(r for r in rows if r["code"].startswith("IMAGING"))["time"] == datetime(2026, 1, 5, 1, 17) and not rejects
    with pytest.raises(FormatError, match="time zone"):
        read(copy, "Mars/Base")


@pytest.mark.parametrize(
    ("gone", "words"),
    [(("PatientID",), "whose images"), (("SeriesDate", "AcquisitionDate", "ContentDate", "StudyDate"), "when the images were made")],
)
def test_without_a_patient_or_a_date_every_file_is_a_reject(copy, gone, words):
    change(copy, lambda one: [setattr(one, keyword, "") for keyword in gone])
    rows, rejects = events(copy)
    assert not rows and len(rejects) == 30 and words in rejects[0].reason


def test_what_is_no_image_is_a_reject_by_file(copy):
    (copy / "notes.txt").write_text("hello")
    rows, rejects = events(copy)
    assert rows and [r.row for r in rejects] == ["notes.txt"]


def test_a_folder_is_recognised_by_most_of_its_files(chest, copy, tmp_path):
    assert recognises(chest)
    (tmp_path / "mixed").mkdir()
    shutil.copy(copy / "0001.dcm", tmp_path / "mixed" / "a")
    for n in range(3):
        (tmp_path / "mixed" / f"{n}.csv").write_text("a,b\n")
    assert not recognises(tmp_path / "mixed") and not recognises(tmp_path)


@pytest.fixture(scope="module")
def record(chest, tmp_path_factory):
    return ingest(chest, tmp_path_factory.mktemp("record") / "r", tasks=(tasks()["lungs"],))


def test_the_record_refers_to_images_and_holds_what_was_seen(record, chest):
    made = latest(record)
    assert made.rows == made.read == 30 and made.patients == 1
    kinds = {code.partition("//")[0] for table in record.events() for code in table["code"].to_pylist()}
    assert kinds >= {"IMAGING", "STRUCTURE", "CANDIDATE"} and "FINDING" not in kinds
    size = sum(f.stat().st_size for f in record.path.rglob("*") if f.is_file())
    assert size < sum(f.stat().st_size for f in chest.iterdir()) / 2


def test_what_was_seen_was_not_known_before_it_was_seen(record):
    early = record.patient("phantom-1", as_of=datetime(2026, 1, 6))
    (series,) = consult(early, roster=Roster((), ())).images
    assert series.images == 30 and series.findings == ()
    (series,) = consult(record.patient("phantom-1"), roster=Roster((), ())).images
    assert {f.standing for f in series.findings} == {"structure", "candidate"}


def test_ingested_again_nothing_is_new_and_another_task_is_another_reading(record, chest):
    before = latest(record).events
    again = ingest(chest, record.path, tasks=(tasks()["lungs"],))
    assert latest(again).already == 1 and before > 0
    plain = ingest(chest, record.path)
    assert latest(plain).events == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_shows_it_with_a_picture(record, language):
    person = record.patient("phantom-1")
    heard = consult(person, roster=Roster((), ()), language=language)
    shown = page(heard, person, shelf())
    assert "data:image/png;base64,iVBORw0KGgo" in shown
    assert {"en": "nodule in the lung", "zh": "肺内结节"}[language] in shown
    assert {"en": "not a diagnosis", "zh": "不是诊断"}[language] in shown
    said = text(heard, shelf(), color=False)
    assert {"en": "candidate", "zh": "候选"}[language] in said
    assert consultation_from_json(json_bytes(heard)) == heard


def test_fhir_has_the_study_and_what_was_seen(record):
    heard = consult(record.patient("phantom-1"), roster=Roster((), ()))
    entries = [e["resource"] for e in bundle(heard, shelf())["entry"]]
    (study,) = [r for r in entries if r["resourceType"] == "ImagingStudy"]
    seen = [r for r in entries if r["resourceType"] == "Observation" and r.get("derivedFrom")]
    assert study["series"][0]["numberOfInstances"] == 30 and len(seen) == len(heard.images[0].findings)
    assert all(r["status"] == "preliminary" for r in seen)


def test_another_person_s_images_under_the_same_number_are_rejected(copy, tmp_path):
    def older(one):
        one.PatientBirthDate, one.SeriesInstanceUID = "19300101", one.SeriesInstanceUID + ".9"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID + ".9"

    ingest(copy, tmp_path / "r")
    second = Path(shutil.copytree(copy, tmp_path / "second"))
    change(second, older)
    made = latest(ingest(second, tmp_path / "r"))
    assert made.events == 0 and any("duplicate patient" in reason for reason in made.parts)


def test_a_picture_that_a_record_was_made_to_hold_cannot_break_the_page(chest, record):
    from consilium.core.image import ImageFinding, ImageSeries
    from consilium.render.imaging import image_lines

    heard = consult(record.patient("phantom-1"), roster=Roster((), ()))
    bad = ImageFinding("left_lung", "STRUCTURE//SNOMED//39607008", "structure", picture='iVBORw0KGgo"><script>')
    from dataclasses import replace

    (line,) = image_lines(replace(heard, images=(ImageSeries("1", "2", "CT", findings=(bad,)),)), shelf())
    assert line.things[0].picture == ""


def test_one_broken_file_alone_is_an_error(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"no")
    with pytest.raises(InputError, match="Not a DICOM"):
        ingest(tmp_path / "x.dcm", tmp_path / "r")
