"""Mammograms: what headers state of side, view and spacing, where the breast lies, and what is said while no model was learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset

from consilium.cli.main import app
from consilium.core.errors import KnowledgeError
from consilium.imaging.look import look
from consilium.imaging.mammogram import mammogram, seen
from consilium.imaging.picture import read_picture
from consilium.imaging.series import read_series
from consilium.imaging.tasks import tasks
from consilium.imaging.volume import Projection, Volume, placed
from consilium.knowledge.mammography import of_code, read_views, views
from consilium.knowledge.shelf import FOLDER, read_sources


def view_code(value, scheme="SCT", modifier=""):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "view"
    if modifier:
        item.ViewModifierCodeSequence = view_code(modifier)
    return [item]


@pytest.fixture
def volume_of(drawn_breasts, tmp_path):
    """A left breast, cranio-caudal, as a volume, with other elements in its header."""

    def made(picture=None, **said):
        if picture is None:
            picture = drawn_breasts.breast(np.random.default_rng(1), "L", "CC").picture
        path = drawn_breasts.dicom(tmp_path / "one.dcm", picture, "9", QualityControlImage=None, QualityControlSubject=None, **said)
        (series,), rejects = read_series([path])
        assert not rejects
        return next(series.volumes())

    return made


@pytest.mark.parametrize(
    ("said", "side", "view", "note"),
    [
        ({"ImageLaterality": "L", "ViewPosition": "MLO"}, "L", "MLO", ""),
        ({"Laterality": "R", "ViewCodeSequence": view_code("399162004")}, "R", "CC", ""),
        ({"ImageLaterality": "R", "ViewCodeSequence": view_code("R-10226", "SRT")}, "R", "MLO", ""),
        ({"BodyPartExamined": "LEFT BREAST", "PatientOrientation": "CC"}, "L", "CC", ""),
        ({"ImageLaterality": "L", "ViewPosition": "CC", "ViewCodeSequence": view_code("399162004")}, "L", "CC", ""),
        ({"ViewPosition": "CC"}, "", "CC", "laterality is not stated"),
        ({"ImageLaterality": "L"}, "L", "", "view is not stated"),
        (
            {"ImageLaterality": "L", "Laterality": "R", "ViewPosition": "CC"},
            "",
            "CC",
            "stated in 2 ways: L (ImageLaterality), R (Laterality)",
        ),
        ({"ImageLaterality": "L", "ViewPosition": "CC", "ViewCodeSequence": view_code("399368009")}, "L", "", "CC (ViewPosition), MLO"),
        ({"ImageLaterality": "B", "ViewPosition": "CC"}, "", "CC", "stated as B"),
        ({"ImageLaterality": "L", "ViewPosition": "AP"}, "L", "", "stated as AP"),
        ({"ImageLaterality": "L", "ViewCodeSequence": view_code("123")}, "L", "", "a code that is not known here"),
        ({"ImageLaterality": "L", "ViewCodeSequence": view_code("399162004", modifier="399163009")}, "L", "CC", "Magnification".lower()),
        ({"ImageLaterality": "L", "ViewPosition": "CC", "PresentationIntentType": "FOR PROCESSING"}, "L", "CC", "raw data"),
    ],
)
def test_side_and_view_are_what_the_header_states_and_never_guessed(volume_of, said, side, view, note):
    taken = volume_of(**said).projection
    assert (taken.laterality, taken.view) == (side, view)
    assert any(note in one for one in taken.notes) if note else not taken.notes


@pytest.mark.parametrize(
    ("said", "spacing", "note"),
    [
        ({}, 0.7, "on the detector"),
        ({"PixelSpacing": [0.7, 0.7]}, 0.7, "on the detector"),
        ({"PixelSpacing": [0.7, 0.7], "EstimatedRadiographicMagnificationFactor": "1.4"}, 0.5, "estimated magnification"),
        ({"PixelSpacing": [0.65, 0.65], "PixelSpacingCalibrationType": "GEOMETRY"}, 0.65, "assumed depth"),
        ({"PixelSpacing": [0.65, 0.65], "PixelSpacingCalibrationType": "FIDUCIAL"}, 0.65, "object of known size"),
        ({"PixelSpacing": [0.65, 0.65]}, 0.65, "two spacings"),
        ({"ImagerPixelSpacing": None}, None, ""),
    ],
)
def test_millimetres_say_whether_they_are_those_of_the_detector(volume_of, said, spacing, note):
    image = volume_of(**said)
    assert image.spacing == (None if spacing is None else pytest.approx((spacing, spacing)))
    assert any(note in one for one in image.notes) if note else not image.notes


def test_every_view_has_a_word_in_both_languages_and_two_codes_of_its_own():
    for word, one in views().items():
        assert one.word == word and one.name and one.name_zh and all(of_code(code) is one for code in one.codes)
    assert of_code("1") is None


def test_a_table_with_a_code_twice_is_refused(tmp_path):
    sources = read_sources(FOLDER / "sources.yaml")
    text = (FOLDER / "mammography_views.csv").read_text(encoding="utf-8")
    for wrong in (text.replace("R-10226", "R-10242"), text.replace("MLO,view", "CC,view"), text.replace("CC,view", "CC,pose")):
        (tmp_path / "mammography_views.csv").write_text(wrong, encoding="utf-8")
        with pytest.raises(KnowledgeError):
            read_views(tmp_path / "mammography_views.csv", sources)


def of(drawn, side="L", view="MLO", **more):
    return Volume(drawn.picture.astype(np.int16), placed((0.7, 0.7)), "1", "MG", projection=Projection(side, view), **more)


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("view", ["CC", "MLO"])
@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_breast_and_muscle_are_outlined_and_the_chest_found(drawn_breasts, side, view, seed):
    drawn = drawn_breasts.breast(np.random.default_rng(seed), side, view, "benign")
    found = mammogram(of(drawn, side, view))
    assert overlap(found.breast, drawn.breast) > 0.95 and found.chest == {"L": "left", "R": "right"}[side]
    assert not found.turned and not found.notes
    assert found.pectoral is None if view == "CC" else overlap(found.pectoral, drawn.muscle) > 0.85


def test_a_mirrored_or_mislabelled_picture_is_said_and_not_put_right(drawn_breasts):
    drawn = drawn_breasts.breast(np.random.default_rng(1), "L", "CC")
    wrong = mammogram(of(drawn, "R", "CC"))
    assert wrong.turned and "mirrored" in wrong.notes[0] and wrong.chest == "left"
    against = mammogram(replace(of(drawn, "L", "CC"), projection=Projection("L", "CC", front="left")))
    assert against.turned and "PatientOrientation" in against.notes[0]
    explained = mammogram(replace(of(drawn, "R", "CC"), projection=Projection("R", "CC", front="right")))
    assert not explained.turned, "columns run towards the front, as stated: shown unusually, and not wrong"


def test_a_film_with_white_border_and_label_has_the_same_breast(drawn_breasts):
    drawn = drawn_breasts.breast(np.random.default_rng(4), "L", "CC")
    film = drawn.picture.copy()
    film[:2], film[-2:], film[:, -2:] = 4095, 4095, 4095
    film[10:30, 170:190] = 4000
    found = mammogram(of(replace(drawn, picture=film), "L", "CC"))
    assert overlap(found.breast, drawn.breast) > 0.93 and not found.breast[10:30, 170:190].any()


def test_a_breast_that_fills_the_picture_is_outlined_too(drawn_breasts):
    drawn = drawn_breasts.breast(np.random.default_rng(6), "L", "CC")
    down, across = (np.flatnonzero(drawn.breast.any(axis)) for axis in (1, 0))
    tight = (slice(down[0], down[-1] + 1), slice(0, across[-1] + 1))
    found = mammogram(of(replace(drawn, picture=drawn.picture[tight]), "L", "CC"))
    assert overlap(found.breast, drawn.breast[tight]) > 0.93


def test_monochrome1_gives_the_same_outline(volume_of, drawn_breasts):
    drawn = drawn_breasts.breast(np.random.default_rng(1), "L", "CC")
    dark = volume_of(4095 - drawn.picture, PhotometricInterpretation="MONOCHROME1", ImageLaterality="L", ViewPosition="CC")
    assert any("MONOCHROME1" in note for note in dark.notes)
    assert (mammogram(dark).breast == mammogram(of(drawn, "L", "CC")).breast).all()


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((100, 80), np.int16), "one brightness"),
        (np.random.default_rng(0).integers(0, 9, (100, 80)).astype(np.int16), "no breast was found"),
        (np.pad(np.full((60, 60), 900, np.int16), 40), "meets the left or right edge"),
        (np.concatenate([np.zeros((40, 80), np.int16), np.full((60, 80), 900, np.int16), np.zeros((40, 80), np.int16)]), "both edges"),
        (np.zeros((4, 100, 80), np.int16), "tomosynthesis"),
    ],
)
def test_what_holds_no_breast_is_refused_in_words(array, why):
    refused = mammogram(Volume(array, None, "1", "MG"))
    assert isinstance(refused, str) and why in refused
    for name in ("mammogram", "breast_mammography"):
        assert why in tasks()[name](Volume(array, None, "1", "MG")).refused


@pytest.mark.parametrize("side", ["L", "R"])
def test_a_mask_goes_to_the_network_s_picture_and_back(drawn_breasts, side):
    drawn = drawn_breasts.breast(np.random.default_rng(2), side, "CC", "malignant")
    image = of(drawn, side, "CC")
    view = seen(image, mammogram(image), (192, 128))
    assert view.picture.shape == (1, 192, 128) and view.picture.min() >= 0 and view.picture.max() <= 1
    there = view.forth(drawn.mass) >= 0.5
    assert overlap(view.back(there), drawn.mass) > 0.8
    assert view.picture[0][there].mean() > 2 * view.picture[0][view.picture[0] > 0].mean(), "the mass is the brightest thing in it"


def test_without_a_model_the_reading_path_answers_and_the_specialist_says_what_to_do(drawn_breasts, tmp_path, monkeypatch):
    monkeypatch.delenv("CONSILIUM_SPECIALISTS", raising=False)
    drawn = drawn_breasts.breast(np.random.default_rng(3), "R", "MLO", "benign")
    path = drawn_breasts.dicom(
        tmp_path / "m.dcm", drawn.picture, "1", ImageLaterality="R", ViewPosition="MLO", PatientOrientation=["P", "F"]
    )
    shown = runner().invoke(app, ["image", str(path)]).output
    assert "right breast" in shown and "pectoral muscle" in shown and "medio-lateral oblique" in shown and "on the detector" in shown
    assert "there is no model" in shown and "consilium fit breast_mammography --data DIR" in " ".join(shown.split())
    assert "右乳" in runner().invoke(app, ["image", str(path), "--lang", "zh"]).output
    (one,) = look([path], [tasks()["mammogram"]])
    area = next(m for m in one.readings[0].findings[0].measurements if m.name == "area")
    assert area.value == pytest.approx(drawn.breast.sum() * 0.49, rel=0.05) and area.unit == "mm2"


def test_a_picture_file_has_no_side_and_says_so(drawn_breasts, tmp_path):
    from PIL import Image

    drawn = drawn_breasts.breast(np.random.default_rng(3), "L", "CC")
    Image.fromarray((drawn.picture >> 4).astype(np.uint8)).save(tmp_path / "m.png")
    reading = tasks()["mammogram"](read_picture(tmp_path / "m.png", modality="MG"))
    assert reading.findings[0].label == "breast" and "laterality and view are not stated" in reading.limits


def runner():
    from typer.testing import CliRunner

    return CliRunner()
