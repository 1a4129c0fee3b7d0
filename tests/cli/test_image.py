"""`consilium image`: findings, refusals and rejects in words, as JSON and as files; nobody's name is printed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image
from typer.testing import CliRunner

from consilium.cli.main import app

run = CliRunner()
_SPEC = importlib.util.spec_from_file_location("phantom", Path(__file__).parents[2] / "examples" / "imaging" / "phantom.py")
phantom = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(phantom)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("ct")
    phantom.write_series(made, phantom.phantom(30, 96, (6.0, 3.6, 3.6)), (6.0, 3.6, 3.6))
    return made


def test_a_series_is_looked_at_in_both_languages(folder):
    english, chinese = (run.invoke(app, ["image", str(folder), "--lang", lang]) for lang in ("en", "zh"))
    assert english.exit_code == chinese.exit_code == 0
    assert "left lung" in english.output and "candidate" in english.output and "not a medical device" in english.output
    assert "左肺" in chinese.output and "候选" in chinese.output
    assert "Invented" not in english.output and "phantom-1" not in english.output


def test_everything_is_written(folder, tmp_path):
    shown = run.invoke(app, ["image", str(folder), "--task", "lungs", "--out", str(tmp_path), "--format", "json"])
    assert shown.exit_code == 0
    names = {p.name for p in tmp_path.iterdir()}
    assert {"01-lungs-seg.dcm", "01-lungs-sr.dcm", "01-lungs-capture.dcm", "01-lungs.png", "fhir.json", "report.json"} <= names
    assert any(name.endswith(".stl") for name in names)
    bundle = orjson.loads((tmp_path / "fhir.json").read_bytes())
    kinds = [e["resource"]["resourceType"] for e in bundle["entry"]]
    assert kinds.count("ImagingStudy") == 1 and "DiagnosticReport" in kinds and "Observation" in kinds
    study = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "ImagingStudy")
    assert [s["modality"]["code"] for s in study["series"]] == ["CT", "SEG", "SR", "OT"]
    assert study["series"][0]["numberOfInstances"] == 30 and study["numberOfInstances"] == 33
    held = {e["fullUrl"] for e in bundle["entry"]}
    report = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "DiagnosticReport")
    assert report["status"] == "preliminary" and {r["reference"] for r in report["result"]} <= held
    told = orjson.loads((tmp_path / "report.json").read_bytes())
    assert told["images"][0]["readings"][0]["findings"][0]["region"]["words"]


def test_a_picture_is_refused_in_words_by_a_task_it_does_not_fit(tmp_path):
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "x.png")
    shown = run.invoke(app, ["image", str(tmp_path / "x.png"), "--task", "lungs", "--spacing", "0.5,0.5"])
    assert shown.exit_code == 0 and "No answer" in shown.output and "Hounsfield" in shown.output


def test_what_cannot_be_read_is_named_and_fails(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"nothing")
    shown = run.invoke(app, ["image", str(tmp_path)])
    assert shown.exit_code == 1 and "Not a DICOM file" in shown.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "No such file"),
        (["{}", "--task", "hearts"], "No such task"),
        (["{}", "--spacing", "wide"], "spacing cannot be read"),
        (["https://host/nothing"], "Not an address"),
        (["https://me:secret@host/studies/1.2"], "bears a password"),
        (["http://127.0.0.1:9/dicom-web/studies/1.2"], "did not answer"),
    ],
)
def test_mistakes_end_in_words(arguments, words, folder):
    shown = run.invoke(app, ["image", *(a.format(folder) for a in arguments)])
    assert shown.exit_code == 1 and words in shown.output.replace("\n", " ")
    assert "secret" not in shown.output and "Traceback" not in shown.output
