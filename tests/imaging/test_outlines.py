"""Outlining specialists, tiny and trained on generated pictures: what is sealed measures, judges, advises, and refuses in words."""

from dataclasses import replace

import numpy as np
import pytest

from consilium.imaging import task_outline
from consilium.imaging.descend import Recipe
from consilium.imaging.finding import Measurement
from consilium.imaging.specialist import FOLDER, read_card
from consilium.imaging.task_outline import BreastUltrasound, LungNodule, advised, cropped, whole
from consilium.imaging.train_outline import development, one_each, seal_outline, threshold_of, weigh
from consilium.imaging.train_unet import train_unet
from consilium.imaging.traits import NAMES, grown, largest, traits
from consilium.imaging.volume import HOUNSFIELD, Volume, placed

SIDE = 96
RECIPE = Recipe(epochs=45, batch=8, width=6, rate=1e-2, turn=5, shift=0.02, mirrors="", kept=0.8, shade=0.05)


def disc(radius, at=(48, 48)):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(rows - at[0], columns - at[1]) <= radius


@pytest.fixture(scope="module")
def trained():
    """Discs in the middle of noise; the larger half counts as suspicious."""
    rng = np.random.default_rng(0)
    radii = rng.permutation(np.linspace(4, 20, 32))
    masks = np.stack([disc(radius) for radius in radii]).astype(np.float32)
    x = (rng.random((32, 1, SIDE, SIDE)) * 0.2 + 0.6 * masks[:, None]).astype(np.float32)
    y = (radii > 12).astype(np.float32)
    fold = np.arange(32) % 2
    return x, masks, y, fold, train_unet(x, masks, np.stack([y, y], 1), fold, RECIPE, crop=64, say=lambda _: None)


@pytest.fixture
def seated(trained, tmp_path, monkeypatch):
    def seat(kind, name):
        x, masks, y, fold, found = trained
        monkeypatch.setattr(task_outline, "FOLDER", tmp_path)
        rows = development(found, x, np.ones(32), (48, 48) if kind is LungNodule else None)
        weighing = weigh(found.unseen, rows, y.astype(int), fold)
        threshold = threshold_of(found.masks[:, 0].astype(np.float32), masks > 0.5, np.arange(32), 0.5, None)
        card = replace(read_card(FOLDER / name / "card.yaml"), learner="unet")
        seal_outline(card, found.members, weighing, y.astype(int), tmp_path / name, threshold=threshold)
        return kind(card)

    return seat


def test_the_classical_outline_finds_the_disc():
    mask = grown(picture(disc(10)).array / 255, (48, 48))
    assert 2 * (mask & disc(10)).sum() / (mask.sum() + disc(10).sum()) > 0.9


def test_a_nodule_on_a_vessel_is_cut_off_from_it():
    image = np.where(disc(8), 0.7, 0.1)
    image[46:50] = 0.7
    found = grown(image, (48, 48))
    assert 2 * (found & disc(8)).sum() / (found.sum() + disc(8).sum()) > 0.85
    assert not grown(np.zeros((SIDE, SIDE)), (48, 48)).any()


def picture(mask, spacing=(0.7, 0.7)):
    noise = np.random.default_rng(3).random((SIDE, SIDE)) * 0.2
    return Volume(((noise + 0.6 * mask) * 255).astype(np.uint8), placed(spacing) if spacing else None, "1", "CT")


def test_a_nodule_is_measured_first_and_then_judged_and_advised(seated):
    reading = seated(LungNodule, "lung_nodule")(picture(disc(10)))
    found = reading.findings[0]
    mean = next(one for one in found.measurements if one.name == "mean_diameter")
    assert mean.low <= 21 * 0.7 <= mean.high or abs(mean.value - 21 * 0.7) < 2
    assert found.low <= found.probability <= found.high and found.standing == "candidate"
    assert sum("Fleischner 2017" in words for words in found.because) == 2
    assert any("Lung-RADS v2022 4" in words for words in found.because)
    assert any("not histology" in words for words in reading.limits)


def test_a_large_one_is_more_suspicious_than_a_small_one(seated):
    task = seated(LungNodule, "lung_nodule")
    small, large = (task(picture(disc(radius))).findings[0].probability for radius in (5, 18))
    assert large > small + 0.2


@pytest.mark.parametrize(
    ("volume", "why"),
    [
        (picture(disc(9), None), "spacing"),
        (picture(disc(9), (0.7, 0.9)), "square"),
        (Volume(np.zeros((40, 40), np.uint8), placed((0.7, 0.7)), "1"), "64 x 64"),
        (Volume(np.zeros((3, 99, 99), np.uint8), placed((1, 0.7, 0.7)), "1"), "Hounsfield"),
        (Volume(np.full((3, 99, 99), -1000, np.int16), placed((1, 0.7, 0.7)), HOUNSFIELD, "CT", frame="1.2"), "lung"),
    ],
)
def test_what_it_cannot_judge_is_refused_in_words(seated, volume, why):
    assert why in seated(LungNodule, "lung_nodule")(volume).refused


def test_places_in_ultrasound_lie_where_they_are_at_the_picture_s_own_size(seated):
    task = seated(BreastUltrasound, "breast_ultrasound")
    mask = np.kron(disc(14), np.ones((2, 3))) > 0
    noise = np.random.default_rng(3).random(mask.shape) * 0.2
    reading = task(Volume(((noise + 0.6 * mask) * 255).astype(np.uint8), None, "1", "US"))
    mass, judged = reading.findings
    assert mass.label == "breast_mass" and judged.label == "breast_malignancy" and judged.probability is not None
    found = mass.region.filled(mask.shape)
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.6
    assert mass.measurements == (), "nothing in millimetres where the spacing is unknown"
    assert any("false places per image" in words for words in reading.limits)


def test_an_empty_picture_has_no_place_and_says_that_one_may_still_be_there(seated):
    reading = seated(BreastUltrasound, "breast_ultrasound")(picture(np.zeros((SIDE, SIDE)), None))
    assert not reading.findings and "can still be there" in reading.limits[-1]


def test_crops_at_an_edge_keep_their_place():
    ct = np.full((200, 150), -1000, np.int16)
    ct[3:9, 140:149] = 100
    image, corner = cropped(ct, (5, 145))
    assert image.shape == (64, 64) and image.min() == 0 and image.max() == 1
    assert np.array_equal(whole(image > 0.5, corner, ct.shape), ct > 0)


def test_traits_are_in_millimetres_and_of_the_part_asked_for():
    mask = disc(6, (30, 30)) | disc(10, (60, 60))
    near = largest(mask, (28, 28))
    assert near.sum() == disc(6).sum() and largest(mask).sum() == disc(10).sum() and not largest(mask, (5, 90)).any()
    told = dict(zip(NAMES, traits(mask * 0.5, near, 2.0), strict=True))
    assert np.exp(told["log_long"]) == pytest.approx(26, rel=0.08) and told["contrast"] == pytest.approx(0.5)
    assert np.isnan(traits(mask * 0.5, np.zeros_like(mask), 1.0)).all()


def test_one_image_of_each_group_sets_the_threshold():
    assert len(one_each([(), (0.5,), ()], np.array([1, 1, 2]))) == 2


def test_traits_that_do_not_help_are_left_out():
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    told, noise = (y + 0.1 * rng.normal(size=80))[:, None], rng.normal(size=(80, 40))
    found = weigh(told, noise, y, np.arange(80) // 2 % 2)
    assert np.allclose(found.weighing(told, noise), told[:, 0]) and np.array_equal(found.unseen, told[:, 0])


def test_what_is_larger_than_a_nodule_gets_no_rows_for_nodules():
    sizes = [Measurement("mean_diameter", mm, "mm", mm - 1, mm + 1) for mm in (9.0, 31.0)]
    nodule, mass = (advised(size, 30) for size in sizes)
    assert len(nodule) == 3 and any("4A" in line for line in nodule)
    assert len(mass) == 1 and "a mass and no nodule" in mass[0]
