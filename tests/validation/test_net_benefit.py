"""Net benefit against its definition, patient by patient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import InputError
from consilium.validation import THRESHOLDS, net_benefit

grid = st.integers(0, 10).map(lambda tenth: tenth / 10)


@st.composite
def predicted(draw):
    n = draw(st.integers(2, 40))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda y: 0 < sum(y) < len(y)))
    return np.array(y), np.array(draw(st.lists(st.one_of(grid, st.floats(0, 1)), min_size=n, max_size=n)))


def defined(y, p, t):
    acted = p >= t
    return (np.sum(acted & (y == 1)) - np.sum(acted & (y == 0)) * t / (1 - t)) / y.size


@given(predicted(), st.lists(st.one_of(grid.filter(lambda t: t < 1), st.floats(0, 0.99)), min_size=1, unique=True).map(sorted))
def test_it_is_the_definition_at_every_threshold(data, thresholds):
    y, p = data
    points = net_benefit(y, p, thresholds, times=5)
    assert [point.threshold for point in points] == thresholds
    for point in points:
        assert point.model.value == pytest.approx(defined(y, p, point.threshold), abs=1e-9)
        assert point.treat_all == pytest.approx(defined(y, np.ones(y.size), point.threshold), abs=1e-9)


@given(predicted())
def test_at_threshold_0_it_is_the_share_of_events(data):
    y, p = data
    (point,) = net_benefit(y, p, [0.0], times=5)
    assert point.model.value == pytest.approx(y.mean())
    assert point.treat_all == pytest.approx(y.mean())


@given(predicted())
def test_acting_on_nobody_gives_0(data):
    y, p = data
    (point,) = net_benefit(y, p / 2, [0.75], times=5)
    assert (point.model.value, point.model.low, point.model.high) == (0, 0, 0)


@given(predicted())
def test_it_never_exceeds_the_share_of_events(data):
    y, p = data
    assert all(point.model.value <= y.mean() + 1e-12 for point in net_benefit(y, p, times=1))


def test_the_interval_is_that_of_drawing_patients(simulated):
    y, p = simulated(400, 1)
    random = np.random.default_rng(5)
    drawn = []
    for _ in range(3000):
        rows = random.integers(400, size=400)
        drawn.append([defined(y[rows], p[rows], t) for t in (0.1, 0.3, 0.6)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    points = net_benefit(y, p, [0.1, 0.3, 0.6], times=3000)
    assert [point.model.low for point in points] == pytest.approx(low, abs=0.006)
    assert [point.model.high for point in points] == pytest.approx(high, abs=0.006)


def test_calibrated_predictions_are_never_worse_than_both_by_more_than_chance(simulated):
    y, p = simulated(20000, 2)
    points = net_benefit(y, p, times=200)
    assert all(point.model.high >= max(0.0, point.treat_all) for point in points)
    assert all(point.model.value > max(0.0, point.treat_all) for point in points if 0.1 <= point.threshold <= 0.8)


def test_the_curve_is_asked_at_every_percent(simulated):
    points = net_benefit(*simulated(100, 3))
    assert len(points) == len(THRESHOLDS) == 99
    assert points[9].threshold == 0.1


def test_the_seed_decides_the_interval(simulated):
    y, p = simulated(100, 4)
    assert net_benefit(y, p, seed=3) == net_benefit(y, p, seed=3)
    assert net_benefit(y, p, seed=3) != net_benefit(y, p, seed=4)


@pytest.mark.parametrize("thresholds", [[], [0.5, 0.5], [0.6, 0.5], [-0.1], [1.0]])
def test_thresholds_that_cannot_be_are_refused(thresholds):
    with pytest.raises(InputError, match="Thresholds must rise"):
        net_benefit([0, 1], [0.1, 0.9], thresholds)
