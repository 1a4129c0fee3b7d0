"""Every folder of an image specialist keeps the rules; one that is seated has a report of its own model that meets the bar."""

import hashlib

import pytest

from consilium.imaging.picture import read_picture
from consilium.imaging.specialist import FOLDER, cards, read_card
from consilium.imaging.tasks import tasks
from consilium.knowledge.imaging import terms
from consilium.knowledge.shelf import FOLDER as KNOWLEDGE
from consilium.knowledge.shelf import read_sources
from consilium.validation.report_file import read_report

ALL = sorted(path.parent.name for path in FOLDER.glob("*/card.yaml"))
SEATED = sorted(cards())


@pytest.mark.parametrize("name", ALL)
def test_a_folder_is_whole(name):
    card = read_card(FOLDER / name / "card.yaml")
    assert card.label in terms() and set(card.sources) <= set(read_sources(KNOWLEDGE / "sources.yaml"))
    assert card.intended and card.not_for and card.limits and "auroc_low" in card.bar
    assert "not a medical device" in (FOLDER / name / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    assert all(path.name.startswith("synthetic-") for path in (FOLDER / name / "examples").iterdir()), "no image of anybody is shipped"


@pytest.mark.parametrize("name", SEATED)
def test_who_is_seated_has_a_report_of_its_own_model_that_meets_the_bar(name):
    report = read_report(FOLDER / name / "report.json")
    assert report.passes, report.shortfalls
    assert report.model_sha256 == hashlib.sha256((FOLDER / name / "model.onnx").read_bytes()).hexdigest()
    assert report.development is not None and report.coverage_at_90 and report.comparisons
    assert report.learner == cards()[name].learner
    assert (FOLDER / name / "model.onnx").stat().st_size < 10_000_000


@pytest.mark.parametrize("name", SEATED)
def test_the_synthetic_example_is_answered_with_an_interval(name):
    (example,) = (FOLDER / name / "examples").iterdir()
    reading = tasks()[name](read_picture(example, spacing=(0.7, 0.7), modality=cards()[name].modalities[0]))
    assert reading.refused is None and reading.limits and reading.source
    assert all(one.low <= one.probability <= one.high for one in reading.findings if one.probability is not None)


@pytest.mark.parametrize("name", [name for name in SEATED if name.endswith("_thumbnail")])
def test_a_yardstick_answers_only_when_asked(name):
    assert tasks()[name].modalities == ("only when asked",)
