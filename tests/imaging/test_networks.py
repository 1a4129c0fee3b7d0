"""Tiny networks are trained on generated pictures: what is sealed answers as torch did, and its reasons are its own."""

import numpy as np
import pytest

from consilium.core.errors import ModelError
from consilium.imaging import seated as task_seated
from consilium.imaging import specialist, task_picture
from consilium.imaging.descend import Recipe
from consilium.imaging.network_residual import asked, exported, network
from consilium.imaging.network_unet import exported_unet, outlined, unet
from consilium.imaging.specialist import read_card
from consilium.imaging.task_picture import Picture, prepared
from consilium.imaging.train_picture import compare, proven, seal_picture
from consilium.imaging.train_residual import folds, train
from consilium.imaging.train_unet import dice, train_unet
from consilium.imaging.volume import Volume
from consilium.models.odds import probability_of
from consilium.models.sealed import session

CARD = """
name: bright_spot
version: "1"
title: {en: A bright spot, zh: 亮点}
label: breast_mass
learner: residual
why: a test
modalities: [US]
image: {rows: 16, columns: 16, channels: 1}
intended: tests
not_for: anything else
bar: {auroc_low: 0.6}
sources: [medmnist_2023]
limits: [generated pictures]
"""


@pytest.fixture(scope="module")
def pictures():
    """Pictures of noise, half of them with a bright spot left of the middle, and its outline."""
    rng = np.random.default_rng(0)
    x = rng.random((160, 1, 16, 16), dtype=np.float32) * 0.5
    y = (np.arange(160) % 2).astype(np.float32)
    masks = np.zeros((160, 16, 16), np.float32)
    masks[1::2, 5:10, 2:7] = 1
    x[:, 0] += 0.4 * masks
    return x, y[:, None], masks


RECIPE = Recipe(epochs=6, batch=16, width=8, stages=2, rate=5e-3, turn=5, shift=0.02, mirrors="", kept=0.8)


@pytest.fixture(scope="module")
def compared(pictures):
    x, y, _ = pictures
    return compare(x, y, folds(np.arange(160), y[:, 0], 3), RECIPE, say=lambda _: None)


@pytest.fixture
def seated(compared, pictures, tmp_path, monkeypatch):
    """The task of a folder sealed with each learner in turn."""

    def seat(learner):
        monkeypatch.setattr(specialist, "FOLDER", tmp_path / learner)
        for user in (task_picture, task_seated):
            monkeypatch.setattr(user, "FOLDER", tmp_path / learner)
        folder = tmp_path / learner / "bright_spot"
        folder.mkdir(parents=True)
        (folder / "card.yaml").write_text(CARD.replace("learner: residual", f"learner: {learner}"), encoding="utf-8")
        card = read_card(folder / "card.yaml")
        return Picture(card), seal_picture(card, compared, pictures[1], folder)

    return seat


@pytest.mark.parametrize("learner", ["residual", "texture", "averaged"])
def test_every_learner_is_sealed_and_answers(seated, compared, pictures, learner):
    task, digest = seated(learner)
    x, y, _ = pictures
    said = task.said(x)
    assert said.probability[y[:, 0] == 1].mean() > said.probability[y[:, 0] == 0].mean() + 0.3
    assert ((said.low <= said.probability) & (said.probability <= said.high)).all()
    alone = task.said(x[3:4])
    assert np.allclose(alone.log_odds, said.log_odds[3], atol=1e-4), "alone and in a batch the same number"
    report = proven(
        task.card, said, y[:, 0].astype(int), task.meta, digest=digest, data="generated", fingerprint="0" * 64,
        development=(160, 80, "three folds"), held_out="nobody: a test",
    )  # fmt: skip
    assert report.passes and report.auroc.value > 0.8 and report.coverage_at_90


def test_the_average_is_the_mean_of_both(compared, pictures):
    from consilium.imaging.texture import texture

    x = pictures[0][:9]
    graphs = {name: graph.SerializeToString() for name, graph in compared.graphs.items()}
    residual = asked(session(graphs["residual"], {"log_odds"}), x)
    trees = asked(session(graphs["texture"], {"log_odds"}), texture(x))
    both = asked(session(graphs["averaged"], {"log_odds"}, {"X", "Z"}), x, texture(x))
    assert np.allclose(both, (residual + trees) / 2, atol=1e-5) and not np.allclose(residual, trees, atol=0.1)


def test_several_questions_are_one_graph(pictures):
    from consilium.imaging.texture import texture
    from consilium.imaging.train_picture import baseline, joined

    numbers, y = texture(pictures[0]), pictures[1][:, 0].astype(int)
    learners = [baseline().fit(numbers, label) for label in (y, 1 - y, (np.arange(160) % 3 == 0).astype(int))]
    said = asked(session(joined([one.to_onnx() for one in learners]).SerializeToString(), {"log_odds"}), numbers)
    assert said.shape == (160, 3)
    assert all(np.allclose(said[:, k], one.log_odds(numbers), atol=1e-4) for k, one in enumerate(learners))


def test_a_reading_says_where_it_looked(seated, pictures):
    task, _ = seated("residual")
    picture = Volume((pictures[0][1, 0] * 255).astype(np.uint8), None, "1", "US")
    reading = task(picture)
    found = reading.findings[0]
    assert reading.refused is None and found.low <= found.probability <= found.high
    assert any("most for it" in words for words in found.because)
    assert "not checked" in found.because[-1], "the folder has no report"


@pytest.mark.parametrize(
    ("array", "colour", "why"),
    [
        (np.zeros((3, 16, 16), np.uint8), False, "slices"),
        (np.zeros((16, 16), np.float32), False, "0 to 255"),
        (np.zeros((16, 16), np.uint8), False, "one brightness"),
        (np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8), True, "colours"),
    ],
)
def test_what_it_cannot_judge_is_refused_in_words(seated, array, colour, why):
    task, _ = seated("residual")
    assert why in task(Volume(array, None, "1", "US", colour=colour)).refused


def test_a_larger_picture_is_shrunk():
    wide = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    image = prepared(Volume(wide, None, "1"), {"rows": 16, "columns": 16, "channels": 1})
    assert image.shape == (1, 16, 16) and image[0, 0, 0] < 0.1 and image[0, 0, -1] > 0.9


def test_a_damaged_model_is_refused(seated):
    task, _ = seated("residual")
    path = specialist.FOLDER / "bright_spot" / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError):
        specialist.model(specialist.FOLDER / "bright_spot")
    assert task(Volume(np.eye(16, dtype=np.uint8), None, "1", "US")).refused


def test_kept_folds_are_not_trained_again(pictures, tmp_path):
    x, y, _ = pictures
    fold = np.arange(160) % 2
    quick = Recipe(epochs=1, batch=16, width=8, stages=2)
    first = train(x, y, fold, quick, keep=tmp_path, say=lambda _: None)
    again = train(x, y, fold, Recipe(epochs=500, batch=16, width=8, stages=2), keep=tmp_path, say=lambda _: None)
    assert np.allclose(first.unseen, again.unseen, atol=1e-5)


def test_numbers_beside_the_image_are_read():
    net = network(1, 2, width=8, stages=2, beside=3).eval()
    graph = session(exported([net], (1, 16, 16), beside=3).SerializeToString(), {"log_odds"}, {"X", "Z"})
    x, z = np.zeros((2, 1, 16, 16), np.float32), np.eye(2, 3, dtype=np.float32)
    said = asked(graph, x, z)
    assert said.shape == (2, 2) and not np.allclose(said[0], said[1])


def test_a_unet_outlines_and_answers(pictures):
    x, y, masks = pictures
    found = train_unet(
        x,
        masks,
        y,
        np.arange(160) // 2 % 2,
        Recipe(epochs=8, batch=16, width=8, rate=5e-3, turn=5, shift=0.02, kept=0.8),
        say=lambda _: None,
    )
    assert dice(found.masks[:, 0] > 0, masks > 0.5)[1::2].mean() > 0.5
    assert found.unseen[1::2].mean() > found.unseen[::2].mean()
    graph = session(exported_unet(found.members, (1, 16, 16)).SerializeToString(), {"mask", "log_odds"})
    wide, said = outlined(graph, np.zeros((1, 1, 24, 32), np.float32))
    assert wide.shape == (1, 1, 24, 32) and said.shape == (1, 1), "another size than the one it was exported with"
    net = unet(1, 1, width=8, fold=2).eval()  # four pixels are read as one, and answered for each
    masks, said = outlined(session(exported_unet([net], (1, 16, 16)).SerializeToString(), {"mask", "log_odds"}), x[:2])
    assert masks.shape == (2, 1, 16, 16) and np.isfinite(probability_of(said)).all()
