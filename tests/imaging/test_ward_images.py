"""Images of the example ward: made by their script, marked as nobody's, seen as their stories tell, and never given a probability."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

import consilium
from consilium.council import consult
from consilium.imaging.derived import code
from consilium.imaging.look import look
from consilium.imaging.picture import read_picture
from consilium.imaging.series import read_series
from consilium.imaging.specialist import FOLDER, cards
from consilium.imaging.tasks import tasks
from consilium.intake import ingest
from consilium.knowledge import shelf
from consilium.render.page import page
from consilium.render.text import text

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "examples" / "ward" / "images"
STORIES = {"amara-okafor": "US", "ravi-iyer": "OP", "tomasz-wysocki": "CT", "saoirse-brennan": "US"}


@pytest.fixture(scope="module")
def made_again(tmp_path_factory):
    folder = ROOT / "examples" / "imaging"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("ward_images", folder / "ward.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        into = tmp_path_factory.mktemp("images")
        module.write(into)
    finally:
        sys.path.remove(str(folder))
    return into


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    asked = tuple(tasks()[name] for name in ("lungs", "breast_ultrasound", "diabetic_retinopathy"))
    charts = [next((ROOT / "examples" / "ward").glob(f"*-{who}.json")) for who in STORIES]
    return ingest([*charts, IMAGES], tmp_path_factory.mktemp("ward") / "record", tasks=asked, retold=True)


def files(folder):
    return {file.relative_to(folder).as_posix(): pydicom.dcmread(file) for file in sorted(folder.rglob("*.dcm"))}


def test_the_script_makes_them_again(made_again):
    here, again = files(IMAGES), files(made_again)
    assert here.keys() == again.keys() and len(here) == 55
    for name, one in here.items():
        other = again[name]
        assert [e for e in one if e.keyword != "PixelData"] == [e for e in other if e.keyword != "PixelData"], name
        apart = one.pixel_array.astype(int) != other.pixel_array  # another processor or font library may round or draw otherwise
        assert apart.mean() < 0.02, name


def test_every_file_says_that_it_is_nobodys_image():
    for name, one in files(IMAGES).items():
        assert one.QualityControlImage == one.QualityControlSubject == "YES", name
        assert "SYNTHETIC" in one.SeriesDescription and "nobody" in one.ImageComments
        assert one.PatientID in STORIES and one.Modality == STORIES[one.PatientID]
        assert not one.PatientBirthDate and not one.PatientSex, "the chart says these"


def test_the_word_is_burned_into_every_picture():
    for name, one in files(IMAGES).items():
        corner = np.atleast_3d(one.pixel_array)[:40, :160, 0].astype(int)
        assert 0.005 < (corner >= corner.max() - 30).mean() < 0.3, name


def test_what_was_seen_tells_the_story_and_no_probability_is_given(record):
    for who in STORIES:
        heard = consult(record.patient(who), roster=consilium.roster())
        (series,) = heard.images
        assert series.phantom and series.findings
        assert all(one.probability is None for one in series.findings)
    mass = {who: consult(record.patient(who), roster=consilium.roster()).images[0].findings for who in ("amara-okafor", "saoirse-brennan")}
    long = {who: next(m.value for m in found[0].measured if m.name == "long_axis") for who, found in mass.items()}
    assert 19 < long["amara-okafor"] < 28 and 11 < long["saoirse-brennan"] < 17, "24 mm and 13 mm in the reports, outlines by a network"
    nodules = [
        f for f in consult(record.patient("tomasz-wysocki"), roster=consilium.roster()).images[0].findings if f.standing == "candidate"
    ]
    assert any(low <= 8 <= high for f in nodules for m in f.measured if m.name == "long_axis" for low, high in [(m.low, m.high)])
    kinds = {f.label for f in consult(record.patient("ravi-iyer"), roster=consilium.roster()).images[0].findings}
    assert {"haemorrhages", "hard_exudates", "optic_disc"} <= kinds and "referable_retinopathy" not in kinds


def test_a_chart_told_afterwards_knows_what_was_seen_when_it_was_made(record):
    seen = consult(record.patient("amara-okafor"), roster=consilium.roster())
    assert seen.as_of.year == 2025, "the story does not move to the day of the ingest"
    before = consult(record.patient("amara-okafor", as_of=seen.images[0].time.replace(hour=0)), roster=consilium.roster())
    assert not before.images


@pytest.mark.parametrize(("language", "words"), [("en", "nobody&#39;s image"), ("zh", "不属于任何人")])
def test_the_page_and_the_terminal_say_that_it_is_a_phantom(record, language, words):
    person = record.patient("ravi-iyer")
    heard = consult(person, language=language, roster=consilium.roster())
    assert words in page(heard, person, shelf())
    assert words.replace("&#39;", "'").split()[0] in text(heard, shelf(), color=False)


@pytest.mark.parametrize("name", sorted(cards()))
def test_no_sealed_model_gives_a_phantom_a_probability(name):
    (example,) = (FOLDER / name / "examples").iterdir()
    picture = read_picture(example, spacing=(0.7, 0.7), modality=cards()[name].modalities[0])
    assert any(f.probability is not None for f in tasks()[name](picture).findings) or name == "breast_ultrasound"
    seen = tasks()[name](replace(picture, phantom=True))
    assert seen.refused is None and "phantom" in seen.limits[0]
    assert all(f.probability is None and not f.because for f in seen.findings)


def test_an_8_bit_ultrasound_is_answered_as_its_picture_is():
    (series,), _ = read_series([IMAGES / "01-amara-okafor"])
    (image,) = series.volumes()
    assert image.array.dtype == np.uint8 and image.unit == "1" and series.phantom and image.phantom
    (seen,) = look([IMAGES / "01-amara-okafor"], [tasks()["breast_ultrasound"]])
    assert seen.readings[0].refused is None


def test_a_long_code_is_written_as_one():
    assert code(("27925004", "SCT", "Nodule")).CodeValue == "27925004"
    assert code(("retinal-microaneurysms", "99CONSILIUM", "M")).LongCodeValue == "retinal-microaneurysms"
