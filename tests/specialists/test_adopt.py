"""A user's own model takes a seat: made as others make them, adopted by the command, proven, seated and consulted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consilium.cli.main import app
from consilium.core.errors import CardError
from consilium.models.home import ELSEWHERE
from consilium.specialists import roster
from consilium.specialists.adopt import read_reading

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_model"
sys.path.insert(0, str(EXAMPLE))
run = CliRunner()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    pytest.importorskip("skl2onnx")
    import make_models

    folder = tmp_path_factory.mktemp("made")
    header, _, yours = make_models.halves()
    (folder / "breast_cancer.csv").write_text("\n".join([*header, *yours]) + "\n")
    make_models.scikit_learn(folder / "scikit_learn.onnx")
    return folder


@pytest.fixture(scope="module")
def home(made, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    told = run.invoke(
        app, ["adopt", str(made / "scikit_learn.onnx"), "--card", str(EXAMPLE / "card.yaml"), "--data", str(made), "--into", str(home)]
    )
    assert told.exit_code == 0, told.output
    return home


def test_it_leaves_a_whole_folder(home):
    names = {p.name for p in (home / "own_breast").iterdir()}
    assert names >= {
        "card.yaml", "data.yaml", "dossier.yaml", "model.onnx", "report.json", "report.html", "dossier.html", "dossier.json",
        "model_card.xml", "model_card.json", "reference.json",
    }  # fmt: skip


def test_it_is_measured_as_it_came_and_recalibrated(home):
    report = json.loads((home / "own_breast" / "report.json").read_text())
    assert report["n"] == 284 and report["auroc"]["low"] > 0.95
    assert [c["learner"] for c in report["comparisons"]] == ["onnx", "onnx, as it came"]
    assert any("made elsewhere" in limit for limit in report["limits"])


def test_its_dossier_knows_what_only_its_makers_know(home):
    dossier = json.loads((home / "own_breast" / "dossier.json").read_text())
    answers = {a["number"]: a["answer"] for a in dossier["probast"]["answers"]}
    assert answers["4.5"] == "no information" and answers["1.1"] == "probably yes" and answers["4.8"] == "probably yes"


def test_it_sits_where_the_folder_is_named(home, monkeypatch):
    assert "own_breast" not in {s.name for s in roster().seated}
    assert "own_breast" in {s.name for s in roster((home,)).seated}
    monkeypatch.setenv(ELSEWHERE, str(home))
    assert "own_breast" in {s.name for s in roster().seated}


def test_a_card_reads_its_model_only_in_known_ways(tmp_path):
    card = tmp_path / "card.yaml"
    for text, said in (
        ("model: {colour: red}", "unknown way"),
        ("model: {fill: {a: much}}", "number for each"),
        ("model: [x]", "unknown way"),
    ):
        card.write_text(text)
        with pytest.raises(CardError, match=said):
            read_reading(card)


def test_a_card_of_another_learner_is_refused(made, tmp_path):
    card = tmp_path / "card.yaml"
    card.write_text((EXAMPLE / "card.yaml").read_text().replace("learner: onnx", "learner: logistic"))
    told = run.invoke(app, ["adopt", str(made / "scikit_learn.onnx"), "--card", str(card), "--data", str(made), "--into", str(tmp_path)])
    assert told.exit_code == 1
