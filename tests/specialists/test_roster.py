"""The roster seats only who has earned it, and says why the others stand."""

import json
import shutil

import pytest

from consilium.core.errors import NotFoundError
from consilium.specialists import roster
from consilium.specialists.roster import folder_of


@pytest.fixture
def home(tmp_path):
    """A home of specialists outside the package, holding a copy of one of ours under its own name."""
    folder = tmp_path / "homes" / "second_breast"
    shutil.copytree(folder_of("breast_mass"), folder)
    card = (folder / "card.yaml").read_text().replace("name: breast_mass", "name: second_breast")
    (folder / "card.yaml").write_text(card)
    return folder


def standing(home):
    return {s.name: s.reason for s in roster((home.parent,)).standing}


def test_ours_sit():
    assert {"breast_mass", "heart_disease", "icu_mortality"} <= {s.name for s in roster().seated}
    assert not roster().standing


def test_a_report_about_another_card_gives_no_seat(home):
    assert "not about this card" in standing(home)["second_breast"]


def changed(home, **changes):
    report = json.loads((home / "report.json").read_text())
    report.update(card="second_breast", **changes)
    (home / "report.json").write_text(json.dumps(report))


def test_with_its_own_report_it_sits(home):
    changed(home)
    assert "second_breast" in {s.name for s in roster((home.parent,)).seated}


def test_below_the_bar_it_stands_whatever_the_report_claims(home):
    changed(home, auroc={"value": 0.96, "low": 0.9, "high": 0.98}, shortfalls=[])
    assert "below 0.950" in standing(home)["second_breast"]


def test_another_model_than_the_proven_one_is_refused(home):
    changed(home)
    shutil.copy(folder_of("heart_disease") / "model.onnx", home / "model.onnx")
    assert "not the one that the report proves" in standing(home)["second_breast"]


@pytest.mark.parametrize("name", ["model.onnx", "report.json"])
def test_what_lacks_is_named(home, name):
    (home / name).unlink()
    assert f"There is no {name} yet" in standing(home)["second_breast"]


def test_a_damaged_report_is_named(home):
    (home / "report.json").write_bytes(b"{")
    assert standing(home)["second_breast"]


def test_unknown_specialist():
    with pytest.raises(NotFoundError, match="breast_mass"):
        folder_of("astrology")
