"""Thresholds of detection keep false places per image under the cap, on images that set no threshold."""

import numpy as np
import pytest

from consilium.core.errors import InputError
from consilium.imaging.detect import MOST, controlled, false_scores, losses, places, upper


def drawn(rng, n):
    return [tuple(rng.random(rng.poisson(1.5))) for _ in range(n)]


@pytest.mark.parametrize("cap", [0.1, 0.3, 0.8])
def test_the_expected_number_stays_under_the_cap(cap):
    rng = np.random.default_rng(0)
    means = [losses(drawn(rng, 400), controlled(drawn(rng, 100), cap)).mean() for _ in range(60)]
    assert np.mean(means) <= cap + 2 * np.std(means) / np.sqrt(60)
    assert np.mean(means) >= cap - 2 * MOST / 100, "nor is the threshold needlessly high"


def test_with_confidence_nine_draws_in_ten_stay_under_the_cap():
    rng = np.random.default_rng(1)
    means = [losses(drawn(rng, 4000), controlled(drawn(rng, 200), 0.3, confidence=0.9)).mean() for _ in range(40)]
    assert np.mean(np.array(means) <= 0.3) >= 0.9


def test_the_bound_is_above_the_mean_and_shrinks_with_more_images():
    assert 0.1 < upper(0.1, 1000, 0.1) < upper(0.1, 100, 0.1) < upper(0.1, 100, 0.01) <= 1
    assert upper(0.0, 50, 0.1) == pytest.approx(1 - 0.1 ** (1 / 50), abs=0.03)


def test_what_overlaps_is_true_and_the_rest_false():
    image = np.zeros((20, 20))
    image[2:7, 2:7], image[12:17, 12:17] = 0.9, 0.7
    true = np.zeros((20, 20), bool)
    true[2:7, 3:8] = True
    found = places(image)
    assert [round(one.score, 1) for one in found] == [0.9, 0.7]
    assert np.allclose(false_scores(found, true), [0.7])
    assert len(false_scores(found, np.zeros((20, 20), bool))) == 2


def test_few_images_promise_nothing():
    assert controlled([(), ()], 0.1) > 1
    with pytest.raises(InputError):
        controlled([], 0.1)
    with pytest.raises(InputError):
        controlled([()], 0.1, confidence=1.0)
