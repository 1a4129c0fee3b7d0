"""Discrimination against its definitions, scikit-learn and the bootstrap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

from consilium.core.errors import InputError
from consilium.validation import auprc, auroc, auroc_difference


@st.composite
def scored(draw):
    """Outcomes of both kinds with scores that often tie."""
    n = draw(st.integers(2, 30))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda y: 0 < sum(y) < len(y)))
    return np.array(y), np.array(draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)), dtype=float)


def pairs(y, s):
    """+1 for each pair placed rightly, 1/2 for a tie, 0 for one placed wrongly: events down, others across."""
    difference = s[y == 1][:, None] - s[y == 0][None, :]
    return (difference > 0) + 0.5 * (difference == 0)


@given(scored())
def test_auroc_is_the_share_of_pairs_placed_rightly(data):
    y, s = data
    assert auroc(y, s).value == pytest.approx(pairs(y, s).mean(), abs=1e-12)
    assert auroc(y, s).value == pytest.approx(roc_auc_score(y, s), abs=1e-12)


@given(scored())
def test_the_interval_holds_the_auroc_and_stays_within_0_and_1(data):
    found = auroc(*data)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


@given(scored())
def test_a_rising_transformation_of_the_scores_changes_nothing(data):
    y, s = data
    assert auroc(y, np.exp(s / 2) - 7) == auroc(y, s)
    assert auprc(y, np.arctan(s), times=20) == auprc(y, s, times=20)


@given(scored())
def test_turning_the_scores_around_mirrors_auroc_and_interval(data):
    y, s = data
    here, there = auroc(y, s), auroc(y, -s)
    assert (there.value, there.low, there.high) == pytest.approx((1 - here.value, 1 - here.high, 1 - here.low), abs=1e-9)


@given(scored(), st.randoms())
def test_the_order_of_patients_changes_nothing(data, random):
    y, s = data
    order = list(range(y.size))
    random.shuffle(order)
    assert auroc(y[order], s[order]).value == pytest.approx(auroc(y, s).value, abs=1e-12)
    assert auprc(y[order], s[order], times=1).value == pytest.approx(auprc(y, s, times=1).value, abs=1e-12)


def test_the_interval_is_delongs_on_the_logit_scale(simulated):
    y, p = simulated(80, 1)
    psi = pairs(y, p)
    variance = psi.mean(axis=1).var(ddof=1) / psi.shape[0] + psi.mean(axis=0).var(ddof=1) / psi.shape[1]
    a = psi.mean()
    half = 1.959964 * np.sqrt(variance) / (a * (1 - a))
    ends = 1 / (1 + np.exp(-(np.log(a / (1 - a)) + np.array([-half, half]))))
    assert (auroc(y, p).low, auroc(y, p).high) == pytest.approx(ends, abs=1e-6)


def test_the_interval_is_about_as_wide_as_the_bootstraps(simulated):
    y, p = simulated(400, 2)
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(600):
        rows = random.integers(400, size=400)
        drawn.append(roc_auc_score(y[rows], p[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    found = auroc(y, p)
    assert found.high - found.low == pytest.approx(high - low, rel=0.15)


def test_19_of_20_intervals_hold_the_truth():
    random = np.random.default_rng(5)
    truth = 0.8413447  # normal scores one standard deviation times the square root of 2 apart
    held = 0
    for _ in range(400):
        y = np.repeat([0, 1], [60, 40])
        found = auroc(y, random.normal(y * np.sqrt(2), 1.0))
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.parametrize("pairs", [1, 2, 10, 50])
def test_perfect_separation_keeps_the_doubt_that_its_independent_pairs_leave(pairs):
    y = np.repeat([0, 1], [pairs + 7, pairs])
    found = auroc(y, np.arange(y.size))
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(binomtest(pairs, pairs).proportion_ci(0.95, method="exact").low, abs=1e-12)
    turned = auroc(y, -np.arange(y.size))
    assert (turned.value, turned.low) == (0.0, 0.0)
    assert turned.high == pytest.approx(1 - found.low)


def test_constant_scores_are_chance_with_doubt():
    found = auroc([0] * 50 + [1] * 50, np.ones(100))
    assert found.value == 0.5
    assert found.low < 0.45 and found.high > 0.55


def test_a_single_event_leaves_almost_everything_open():
    found = auroc([0, 0, 0, 1], [0.1, 0.2, 0.9, 0.8])
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high) == (0.0, 1.0)


@given(scored())
def test_auprc_is_scikit_learns_average_precision(data):
    y, s = data
    assert auprc(y, s, times=1).value == pytest.approx(average_precision_score(y, s), abs=1e-12)


def test_the_interval_of_auprc_is_that_of_a_stratified_bootstrap(simulated):
    y, p = simulated(300, 6)
    random = np.random.default_rng(99)
    event, other = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    drawn = []
    for _ in range(800):
        rows = np.concatenate([random.choice(event, event.size), random.choice(other, other.size)])
        drawn.append(average_precision_score(y[rows], p[rows]))
    found = auprc(y, p, seed=1)
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.012)


def test_auprc_at_perfect_separation_has_no_interval():
    found = auprc([0, 0, 1, 1], [1, 2, 3, 4])
    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_the_seed_decides_the_interval(simulated):
    y, p = simulated(200, 7)
    assert auprc(y, p, seed=1) == auprc(y, p, seed=1)
    assert auprc(y, p, seed=1) != auprc(y, p, seed=2)


@pytest.mark.parametrize(
    ("y", "s", "says"),
    [
        ([0, 1, 2], [1, 2, 3], "neither 0 nor 1 in row 2"),
        ([0, float("nan")], [1, 2], "neither 0 nor 1 in row 1"),
        ([0, 0], [1, 2], "with and without"),
        ([1, 1], [1, 2], "with and without"),
        ([], [], "one per patient"),
        ([0, 1], [1, 2, 3], "not of the same patients"),
        ([0, 1], [1, float("nan")], "not a number in row 1"),
        ([0, 1], [float("-inf"), 1], "not a number in row 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_name(y, s, says):
    with pytest.raises(InputError, match=says):
        auroc(y, s)
    with pytest.raises(InputError, match=says):
        auprc(y, s)


@given(scored(), st.integers(0, 5))
def test_the_difference_of_two_aurocs_is_that_of_their_values(data, seed):
    y, s = data
    other = np.random.default_rng(seed).normal(size=len(y))
    found = auroc_difference(y, s, other)
    assert found.value == pytest.approx(auroc(y, s).value - auroc(y, other).value, abs=1e-12)
    turned = auroc_difference(y, other, s)
    assert turned.value == pytest.approx(-found.value, abs=1e-12)
    if found.low is not None:
        assert found.low <= found.value <= found.high and turned.low == pytest.approx(-found.high, abs=1e-12)


def test_the_paired_interval_is_that_of_the_bootstrap():
    draw = np.random.default_rng(5)
    y = (np.arange(600) % 4 == 0).astype(int)
    signal = y + draw.normal(size=600)
    a, b = signal + 0.3 * draw.normal(size=600), signal + 1.5 * draw.normal(size=600)
    found = auroc_difference(y, a, b)
    at = [draw.integers(0, 600, 600) for _ in range(2000)]
    drawn = [roc_auc_score(y[i], a[i]) - roc_auc_score(y[i], b[i]) for i in at]
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.012) and found.high == pytest.approx(high, abs=0.012)
