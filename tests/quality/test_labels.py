"""Labels: planted errors are found, right labels left alone, and agreement is that of the published examples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from consilium.cli import verbs
from consilium.cli.main import app
from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.quality.agreement import Rating, agreement, cohen, distances, fleiss, krippendorff, read_ratings
from consilium.quality.labels import doubtful_labels
from consilium.specialists.roster import folder_of

WIKIPEDIA = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
"""Ten subjects, fourteen raters, five labels: the worked example of Fleiss' kappa, .210."""
KRIPPENDORFF = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
"""Four observers, twelve units: Krippendorff 2011, section C."""


def ratings(rows: list[str]) -> list[Rating]:
    return [Rating(str(unit), f"o{who}", label) for who, row in enumerate(rows) for unit, label in enumerate(row.split()) if label != "."]


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_krippendorffs(scale: str, alpha: float) -> None:
    found = agreement(ratings(KRIPPENDORFF), scale=scale)
    assert round(found.facts["alpha"], 3) == alpha
    assert found.facts["alpha_low"] < alpha < found.facts["alpha_high"] <= 1
    assert (found.count, found.of, found.facts["annotators"], found.facts["fleiss"]) == (3, 11, 4, None)


def test_fleiss_is_the_worked_example() -> None:
    assert round(fleiss(np.array(WIKIPEDIA, float)), 3) == 0.210
    with pytest.raises(InputError, match="same number"):
        fleiss(np.array([[1, 1], [2, 1]], float))


def test_cohen_is_the_librarys() -> None:
    from sklearn.metrics import cohen_kappa_score

    draw = np.random.default_rng(3)
    for _ in range(20):
        a = draw.choice(["x", "y", "z"], 60)
        b = np.where(draw.random(60) < 0.6, a, draw.choice(["x", "y", "z"], 60))
        assert cohen(a, b) == pytest.approx(cohen_kappa_score(a, b))
    assert np.isnan(cohen(["x", "x"], ["x", "x"]))


def test_chance_alone_is_no_agreement_and_sameness_is_all() -> None:
    draw = np.random.default_rng(5)
    table = draw.multinomial(3, [0.5, 0.5], 4000).astype(float)
    assert abs(krippendorff(table, 1 - np.eye(2))) < 0.05
    assert krippendorff(np.array([[3, 0], [0, 3]], float), 1 - np.eye(2)) == 1
    assert np.isnan(krippendorff(np.array([[3.0], [2.0]]), np.zeros((1, 1))))


def test_order_and_names_change_nothing() -> None:
    said = ratings(KRIPPENDORFF)
    turned = [Rating(r.item, {"o0": "zz"}.get(r.annotator, r.annotator), r.label) for r in reversed(said)]
    one, other = agreement(said).facts, agreement(turned).facts
    assert {k: v for k, v in one.items() if k != "cohen"} == {k: v for k, v in other.items() if k != "cohen"}
    assert sorted(one["cohen"].values()) == sorted(other["cohen"].values())


def test_words_have_no_distance() -> None:
    with pytest.raises(InputError, match="are numbers"):
        distances(["mild", "severe"], np.ones(2), "ordinal")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [("a,b\n1,2\n", "lack columns"), ("item,annotator,label\n1,,x\n", "by whom"), ("item,annotator,label\n1,a,x\n1,a,y\n", "two things"),
     ('item,annotator,label\n1,a,"x\n', "not a CSV")],
)  # fmt: skip
def test_ratings_that_are_none(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        read_ratings(write(tmp_path / "r.csv", text))
    with pytest.raises(NotFoundError):
        read_ratings(tmp_path / "absent.csv")


def test_too_few_ratings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Too few"):
        agreement(read_ratings(write(tmp_path / "r.csv", "item,annotator,label\n1,a,x\n1,b,x\n2,a,\n2,b,y\n")))


def matter(n: int = 1000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Features and the truth, which they tell well but not wholly."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, 5))
    return X, (X @ [2.0, -1.5, 1, 0.5, 0] + draw.normal(size=n) * 0.3 > 0).astype(int)


def out_of_fold(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    return cross_val_predict(LogisticRegression(), X, y, cv=5, method="predict_proba")[:, 1]


@pytest.mark.parametrize("share", [0.03, 0.08, 0.15])
def test_planted_errors_are_found(share: float) -> None:
    pytest.importorskip("cleanlab")
    X, truth = matter()
    wrong = np.random.default_rng(2).choice(len(truth), round(share * len(truth)), replace=False)
    y = truth.copy()
    y[wrong] = 1 - y[wrong]
    found = doubtful_labels(y, out_of_fold(X, y), [str(i) for i in range(len(y))], "LABEL", "logistic")
    named = {int(row["patient_id"]) for row in found.facts["ranked"]}
    hits = len(named & set(wrong.tolist()))
    assert hits / len(wrong) > 0.8
    assert hits / len(named) > 0.75
    assert found.severity == "warning"
    assert found.facts["missed"] == pytest.approx(share, abs=0.06)
    top = [int(row["patient_id"]) for row in found.facts["ranked"][: len(wrong) // 2]]
    assert len(set(top) & set(wrong.tolist())) / len(top) > 0.95


def test_right_labels_are_left_alone() -> None:
    pytest.importorskip("cleanlab")
    X, truth = matter()
    found = doubtful_labels(truth, out_of_fold(X, truth), [str(i) for i in range(len(truth))], "LABEL", "logistic")
    assert found.count / found.of < 0.03


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(InputError, match="Too few labels"):
        doubtful_labels([0] * 50 + [1] * 5, np.full(55, 0.1), [""] * 55, "LABEL", "logistic")


@pytest.fixture(scope="module")
def wdbc(tmp_path_factory: pytest.TempPathFactory):
    """The breast masses as a record."""
    with verbs.training_data(folder_of("breast_mass"), None) as (record, _):
        yield record


def test_the_command_shows_both_in_every_form(wdbc, tmp_path: Path) -> None:
    pytest.importorskip("cleanlab")
    rows = [f"{unit},o{who},{label}" for who, row in enumerate(KRIPPENDORFF) for unit, label in enumerate(row.split()) if label != "."]
    rated = write(tmp_path / "r.csv", "\n".join(["item,annotator,label", *rows]))
    for language in ("en", "zh"):
        arguments = ["quality", "--record", str(wdbc.path), "--labels", "breast_mass", "--ratings", str(rated), "--lang", language]
        told = CliRunner().invoke(app, [*arguments, "--html", str(tmp_path / "q.html"), "--json", str(tmp_path / "q.json")])
        assert told.exit_code == 0, told.output
        page = (tmp_path / "q.html").read_text(encoding="utf-8")
        found = {f["check"]: f for f in json.loads((tmp_path / "q.json").read_bytes())["findings"]}
        assert found["label_agreement"]["facts"]["alpha"] == pytest.approx(0.7434, abs=1e-4)
        assert found["label_agreement"]["severity"] == "warning"
        assert found["label_doubtful"]["of"] == 569
        assert found["label_doubtful"]["facts"]["auroc"] > 0.98
        assert found["label_doubtful"]["facts"]["ranked"][0]["patient_id"] in page
        assert "0.7434" in page and "0.7434" in told.output
