"""Calibration against scikit-learn, scipy's optimiser and simulation."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from consilium.core.errors import InputError
from consilium.validation import (
    brier,
    calibration_curve,
    calibration_intercept,
    calibration_slope,
    log_odds,
    observed_over_expected,
    probability,
    scaled_brier,
)

shares = st.lists(st.floats(0, 1), min_size=2, max_size=60)


def loss(y, z):
    return np.sum(np.logaddexp(0, z) - y * z)


def test_the_slope_is_that_of_logistic_regression(simulated):
    y, p = simulated(500, 1)
    p = probability(1.7 * log_odds(p) + 0.4)
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(log_odds(p)[:, None], y)
    assert calibration_slope(y, p).value == pytest.approx(fitted.coef_[0, 0], abs=1e-4)


def test_the_slopes_interval_is_the_curvature_of_the_likelihood(simulated):
    y, p = simulated(300, 2)
    x = np.column_stack([np.ones(300), log_odds(p)])
    best = minimize(lambda b: loss(y, x @ b), [0, 1], method="BFGS", options={"gtol": 1e-8}).x
    mu = probability(x @ best)
    error = np.sqrt(np.linalg.inv((x * (mu * (1 - mu))[:, None]).T @ x)[1, 1])
    found = calibration_slope(y, p)
    assert (found.value, found.low, found.high) == pytest.approx((best[1], best[1] - 1.96 * error, best[1] + 1.96 * error), abs=1e-4)


def test_the_intercept_is_the_shift_that_fits_best(simulated):
    y, p = simulated(300, 3)
    p = probability(log_odds(p) - 0.8)
    best = minimize_scalar(lambda a: loss(y, a + log_odds(p)), bounds=(-5, 5), method="bounded", options={"xatol": 1e-9}).x
    mu = probability(best + log_odds(p))
    error = 1 / np.sqrt(np.sum(mu * (1 - mu)))
    found = calibration_intercept(y, p)
    assert (found.value, found.low, found.high) == pytest.approx((best, best - 1.96 * error, best + 1.96 * error), abs=1e-4)


def test_19_of_20_intervals_hold_the_truth_of_calibrated_predictions(simulated):
    slopes = intercepts = ratios = 0
    for seed in range(300):
        y, p = simulated(250, seed)
        slope, intercept, ratio = calibration_slope(y, p), calibration_intercept(y, p), observed_over_expected(y, p)
        slopes += slope.low <= 1 <= slope.high
        intercepts += intercept.low <= 0 <= intercept.high
        ratios += ratio.low <= 1 <= ratio.high
    assert 0.92 <= slopes / 300 <= 0.98
    assert 0.92 <= intercepts / 300 <= 0.98
    # Predictions are taken as they are, so that the interval of the ratio errs to the wide side.
    assert 0.93 <= ratios / 300 <= 1.0


@pytest.mark.parametrize("stretch", [0.5, 2.0])
def test_stretched_log_odds_have_the_inverse_slope(simulated, stretch):
    y, p = simulated(400, 4)
    assert calibration_slope(y, probability(stretch * log_odds(p))).value == pytest.approx(
        calibration_slope(y, p).value / stretch, rel=1e-6
    )


def test_shifted_log_odds_have_the_opposite_intercept(simulated):
    y, p = simulated(400, 5)
    assert calibration_intercept(y, probability(log_odds(p) + 0.7)).value == pytest.approx(
        calibration_intercept(y, p).value - 0.7, abs=1e-6
    )


def test_at_separation_the_slope_is_firths():
    y, p = np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.6, 0.9])
    x = np.column_stack([np.ones(5), log_odds(p)])

    def penalised(b):
        mu = probability(x @ b)
        return loss(y, x @ b) - 0.5 * np.linalg.slogdet((x * (mu * (1 - mu))[:, None]).T @ x)[1]

    best = minimize(penalised, [0, 1], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000}).x
    found = calibration_slope(y, p)
    assert found.value == pytest.approx(best[1], abs=1e-4)
    assert found.low < found.value < found.high


@given(shares, st.data())
def test_slope_and_intercept_are_always_numbers(p, data):
    y = data.draw(st.lists(st.integers(0, 1), min_size=len(p), max_size=len(p)).filter(lambda y: 0 < sum(y) < len(y)))
    slope, intercept = calibration_slope(y, p), calibration_intercept(y, p)
    assert np.isfinite([slope.value, intercept.value, intercept.low, intercept.high]).all()
    assert intercept.low < intercept.value < intercept.high
    if slope.low is not None:
        assert np.isfinite([slope.low, slope.high]).all()
        assert slope.low < slope.value < slope.high


def test_predictions_of_0_and_1_are_held_just_inside():
    y, p = [0, 0, 1, 1, 0, 1], [0.0, 0.3, 1.0, 0.6, 1.0, 0.0]
    assert calibration_slope(y, p) == calibration_slope(y, np.clip(p, 1e-6, 1 - 1e-6))
    assert calibration_intercept(y, p) == calibration_intercept(y, np.clip(p, 1e-6, 1 - 1e-6))


def test_predictions_that_are_all_the_same_have_slope_0_and_no_interval():
    found = calibration_slope([0, 1, 0], [0.4, 0.4, 0.4])
    assert (found.value, found.low, found.high) == (0.0, None, None)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_shares_have_wilsons_interval(case):
    events, n = case
    y = np.repeat([1, 0], [events, n - events])
    exact = binomtest(events, n).proportion_ci(0.95, method="wilson")
    found = observed_over_expected(y, np.full(n, 0.5))
    assert (found.value, found.low, found.high) == pytest.approx((events / n / 0.5, exact.low / 0.5, exact.high / 0.5), abs=1e-9)


def test_nothing_expected_is_still_a_number():
    assert np.isfinite(observed_over_expected([1, 0], [0.0, 0.0]).value)


@given(shares, st.data(), st.integers(1, 12))
def test_every_patient_is_in_one_group_of_the_curve(p, data, groups):
    y = data.draw(st.lists(st.integers(0, 1), min_size=len(p), max_size=len(p)).filter(lambda y: 0 < sum(y) < len(y)))
    curve = calibration_curve(y, p, groups=groups)
    assert 1 <= len(curve) <= groups
    assert sum(c.n for c in curve) == len(p)
    assert sum(c.n * c.observed.value for c in curve) == pytest.approx(sum(y))
    assert sum(c.n * c.predicted for c in curve) == pytest.approx(sum(p))
    assert all(a.predicted < b.predicted for a, b in pairwise(curve))
    assert all(0 <= c.observed.low <= c.observed.value <= c.observed.high <= 1 for c in curve)


def test_the_groups_of_the_curve_are_tenths(simulated):
    y, p = simulated(1000, 6)
    order = np.argsort(p)
    curve = calibration_curve(y, p)
    assert len(curve) == 10
    for found, rows in zip(curve, np.array_split(order, 10), strict=True):
        assert abs(found.n - 100) <= 1
        assert found.predicted == pytest.approx(p[rows].mean(), abs=0.01)
        assert found.observed.value == pytest.approx(y[rows].mean(), abs=0.02)


def test_equal_predictions_stay_together():
    curve = calibration_curve([0, 1] * 20, [0.2] * 30 + [0.8] * 10)
    assert [(round(c.predicted, 6), c.n) for c in curve] == [(0.2, 30), (0.8, 10)]


def test_brier_is_scikit_learns(simulated):
    y, p = simulated(300, 7)
    found = brier(y, p)
    assert found.value == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    error = np.square(y - p).std(ddof=1) / np.sqrt(300)
    assert (found.low, found.high) == pytest.approx((found.value - 1.96 * error, found.value + 1.96 * error), abs=0.003)


def test_scaled_brier_is_0_for_the_share_of_events_and_1_for_the_truth(simulated):
    y, p = simulated(300, 8)
    assert scaled_brier(y, np.full(300, y.mean())).value == pytest.approx(0, abs=1e-12)
    assert scaled_brier(y, y).value == 1
    found = scaled_brier(y, p)
    assert found.value == pytest.approx(1 - brier(y, p).value / np.var(y))
    assert found.low < found.value < found.high


def test_scaled_brier_survives_draws_without_an_event():
    found = scaled_brier([1, 0, 0, 0, 0], [0.5, 0.1, 0.1, 0.2, 0.1])
    assert np.isfinite([found.low, found.high]).all()


@pytest.mark.parametrize(
    "measure", [calibration_slope, calibration_intercept, observed_over_expected, calibration_curve, brier, scaled_brier]
)
def test_what_is_no_probability_is_refused_by_row(measure):
    with pytest.raises(InputError, match="outside 0 to 1 in row 1"):
        measure([0, 1], [0.5, 1.5])
    with pytest.raises(InputError, match="neither 0 nor 1 in row 0"):
        measure([3, 1], [0.5, 0.5])
