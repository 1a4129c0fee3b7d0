"""`consilium fit breast_mammography` on drawn breasts: learned, proven and seated; and what keeps a model from speaking."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from consilium.cli.main import app
from consilium.imaging.look import look
from consilium.imaging.mammogram import NAME
from consilium.imaging.specialist import FOLDER, folder_of, read_card, unproven
from consilium.imaging.tasks import tasks
from consilium.models.home import ELSEWHERE
from consilium.validation.report_file import read_report

RECIPE = (
    'recipe: {epochs: 24, batch: 8, rate: 0.005, width: 6, turn: 5, shift: 0.03, zoom: 0.05, shade: 0.1, mirrors: "", mixed: 0, kept: 0.95}'
)
UNMARKED = {"QualityControlImage": None, "QualityControlSubject": None}


def invoke(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def own(home: Path, recipe: str) -> Path:
    """A home with a card of our own: small pictures, a short recipe."""
    folder = home / "imaging" / NAME
    folder.mkdir(parents=True)
    said = (FOLDER / NAME / "card.yaml").read_text(encoding="utf-8").replace("rows: 384, columns: 224", "rows: 96, columns: 64")
    (folder / "card.yaml").write_text(re.sub(r"recipe: \{.*\}", recipe, said), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def data(drawn_breasts, tmp_path_factory):
    return drawn_breasts.cbis(tmp_path_factory.mktemp("cbis"), patients=60, **UNMARKED)


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory):
    pytest.importorskip("torch")
    home = tmp_path_factory.mktemp("home")
    folder = own(home, RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ELSEWHERE, str(home))
        shown = invoke("fit", NAME, "--data", data)
    assert shown.exit_code == 0, shown.output
    return home, folder, shown.output


def test_it_is_proven_on_the_set_s_own_test_part_and_meets_its_bar(fitted):
    _, folder, shown = fitted
    report = read_report(folder / "report.json")
    assert report.passes and report.n == 40 and report.development.n == 80 and "40 images of 20 patients" in report.proof
    assert report.auroc.value > 0.9 and "Meets the bar" in shown
    assert {one.learner for one in report.comparisons} == {"unet", "traits", "weighed"}
    counted = next(limit for limit in report.limits if "false places per image" in limit)
    assert float(re.search(r"([\d.]+) false places", counted)[1]) <= 0.3
    assert not unproven(folder) and (folder / "report.html").is_file() and (folder / "rejects.csv").is_file()


def test_the_image_is_then_answered_from_it(fitted, data, monkeypatch):
    home, folder, _ = fitted
    monkeypatch.setenv(ELSEWHERE, str(home))
    assert folder_of(NAME) == folder
    files = [path for path in sorted(data.rglob("000000.dcm")) if "Test_P_" in str(path) and "_CC" in str(path)]
    shown = invoke("image", files[0], "--task", NAME).output
    assert "mass in the breast" in shown and "kept like CBIS-DDSM" in shown and re.search(r"[01]\.\d\d \([01]\.\d\d–", shown)
    chance: dict[bool, list[float]] = {True: [], False: []}
    for number, one in enumerate(look(files, [tasks()[NAME]], modality="MG")):
        said = [f for f in one.readings[0].findings if f.label == "breast_malignancy"]
        chance[number % 2 == 0] += [f.probability for f in said]
    assert len(chance[True]) + len(chance[False]) >= 8, "of twenty; how many more depends on the order in which a machine adds"
    apart = [yes > no for yes in chance[True] for no in chance[False]]
    assert not apart or np.mean(apart) > 0.9, "malignant above benign; how calibrated 80 images can make it is the report's to say"


def test_a_report_of_another_model_or_none_takes_the_seat_away(fitted, data, tmp_path, monkeypatch):
    _, folder, _ = fitted
    other = own(tmp_path / "home", RECIPE)
    for name in ("model.onnx", "report.json"):
        (other / name).write_bytes((folder / name).read_bytes())
    monkeypatch.setenv(ELSEWHERE, str(tmp_path / "home"))
    file = next(iter(sorted(data.rglob("000000.dcm"))))
    assert "may not speak" not in invoke("image", file, "--task", NAME).output
    (other / "report.json").rename(other / "aside.json")
    assert "there is no report of its model" in " ".join(invoke("image", file, "--task", NAME).output.split())
    sealed = (other / "aside.json").read_text(encoding="utf-8").replace(read_report(folder / "report.json").model_sha256, "0" * 64)
    (other / "report.json").write_text(sealed, encoding="utf-8")
    assert "its report is of another model" in " ".join(invoke("image", file, "--task", NAME).output.split())


def test_what_is_learned_from_phantoms_may_not_be_said_of_people(drawn_breasts, tmp_path, monkeypatch):
    """The other published shape, too: boxes, and ratings instead of pathology."""
    pytest.importorskip("torch")
    folder = own(tmp_path / "home", RECIPE.replace("epochs: 24", "epochs: 1"))
    monkeypatch.setenv(ELSEWHERE, str(tmp_path / "home"))
    data = drawn_breasts.vindr(tmp_path / "vindr", studies=96, size=(144, 100))
    shown = invoke("fit", NAME, "--data", data)
    assert shown.exit_code == 1 and "declared phantoms" in " ".join(shown.output.split()), shown.output
    assert "rated BI-RADS 4 or more" in " ".join(shown.output.split())
    file = next(iter(sorted(data.rglob("*.dicom"))))
    assert "declared phantoms" in " ".join(invoke("image", file, "--task", NAME).output.split()) and "declared phantoms" in unproven(folder)


def test_too_few_patients_and_no_folder_are_said(drawn_breasts, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    own(tmp_path / "home", RECIPE)
    monkeypatch.setenv(ELSEWHERE, str(tmp_path / "home"))
    shown = invoke("fit", NAME, "--data", drawn_breasts.cbis(tmp_path / "few", patients=6))
    assert shown.exit_code == 1 and "Too few patients" in shown.output
    assert "Give --data" in " ".join(invoke("fit", NAME).output.split())
    assert "No such folder" in invoke("fit", NAME, "--data", tmp_path / "nowhere").output


def test_the_card_that_ships_says_that_it_has_no_model():
    card = read_card(FOLDER / NAME / "card.yaml")
    assert "no model ships" in card.why and "No mammogram of any person" in card.limits[0]
    assert not (FOLDER / NAME / "model.onnx").exists()
