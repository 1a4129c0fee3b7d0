"""Calibration and intervals: finite under separation, right where right is known, and always around the probability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression

from consilium.core.errors import ModelError
from consilium.models.calibration import Calibration, fit_calibration
from consilium.models.odds import log_odds_of, probability_of
from consilium.models.uncertainty import Intervals, fit_intervals


def drawn(rows, slope, intercept, seed=0):
    """Scores whose true log-odds are `slope * score + intercept`."""
    draw = np.random.default_rng(seed)
    score = draw.normal(0, 2, rows)
    return score, (draw.random(rows) < probability_of(slope * score + intercept)).astype(int)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_maximum_likelihood_line(seed):
    score, y = drawn(300, 0.6, -1.0, seed)
    ours, theirs = fit_calibration(score, y), LogisticRegression(C=np.inf).fit(score[:, None], y)
    assert (ours.slope, ours.intercept) == pytest.approx((theirs.coef_[0, 0], theirs.intercept_[0]), abs=1e-3)


def test_separated_classes_get_platts_line():
    score, y = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]), [0, 0, 0, 1, 1, 1]
    ours, theirs = fit_calibration(score, y), _SigmoidCalibration().fit(score, y)
    assert (ours.slope, ours.intercept) == pytest.approx((-theirs.a_, -theirs.b_), abs=1e-4)


def test_it_finds_the_truth_with_many_patients():
    score, y = drawn(40_000, 0.5, -0.7)
    found = fit_calibration(score, y)
    assert (found.slope, found.intercept) == pytest.approx((0.5, -0.7), abs=0.05)
    plain = LogisticRegression(C=np.inf).fit(score[:, None], y)
    assert (found.slope, found.intercept) == pytest.approx((plain.coef_[0, 0], plain.intercept_[0]), abs=2e-3)


def test_calibrating_twice_changes_little():
    score, y = drawn(3000, 2.0, 1.0)
    again = fit_calibration(fit_calibration(score, y).apply(score), y)
    assert (again.slope, again.intercept) == pytest.approx((1, 0), abs=0.01)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_separated_classes_give_a_finite_line(scale):
    score = scale * np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
    y = [0, 0, 0, 1, 1, 1]
    probability = probability_of(fit_calibration(score, y).apply(score))
    assert ((probability > 0.05) & (probability < 0.95)).all() and (np.diff(probability) > 0).all()


def test_scores_all_the_same_give_everybody_the_prevalence():
    y = [1] * 3 + [0] * 9
    found = fit_calibration([2.5] * 12, y)
    expected = (3 * 4 / 5 + 9 * 1 / 11) / 12
    np.testing.assert_allclose(probability_of(found.apply(2.5)), expected, atol=1e-6)


def test_scores_the_wrong_way_round_never_turn_the_ranking():
    score, y = drawn(200, -1.0, 0.0)
    found = fit_calibration(score, y)
    assert found.slope == 0 and probability_of(found.intercept) == pytest.approx(y.mean(), abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.booleans()), min_size=2, max_size=40))
def test_any_scores_give_a_usable_line_and_intervals_around_the_probability(pairs):
    score, y = np.array([s for s, _ in pairs]), np.array([int(b) for _, b in pairs])
    if len(set(y)) < 2:
        with pytest.raises(ModelError):
            fit_calibration(score, y)
        return
    found = fit_calibration(score, y)
    assert found.slope >= 0 and np.isfinite(found.apply(score)).all()
    table = fit_intervals(found.apply(score), y)
    asked = np.concatenate([found.apply(score), [-50.0, 0.0, 50.0]])
    low, high = table.at(asked)
    probability = probability_of(asked)
    assert ((low >= 0) & (low <= probability) & (probability <= high) & (high <= 1)).all()


@pytest.mark.parametrize(
    ("score", "y"),
    [
        ([1.0, np.nan], [0, 1]),
        ([1.0, np.inf], [0, 1]),
        ([1.0, 2.0], [1, 1]),
        ([1.0, 2.0], [0, 2]),
        ([1.0], [0, 1]),
        ([[1.0, 2.0]], [[0, 1]]),
        ([], []),
    ],
)
def test_scores_and_labels_that_cannot_be_used_are_refused(score, y):
    for fit in (fit_calibration, fit_intervals):
        with pytest.raises(ModelError):
            fit(score, y)


@pytest.mark.parametrize(("slope", "intercept"), [(-0.1, 0), (np.nan, 0), (1, np.inf)])
def test_a_line_that_cannot_be_used_is_refused(slope, intercept):
    with pytest.raises(ModelError):
        Calibration(slope, intercept)


def test_intervals_narrow_as_patients_grow_and_where_they_are_many():
    few, many = (fit_intervals(*drawn(rows, 1.0, 0.0)) for rows in (60, 6000))
    low, high = few.at(0.0)
    tight_low, tight_high = many.at(0.0)
    assert high - low > 3 * (tight_high - tight_low) > 0
    assert np.interp(0.0, many.log_odds, many.similar) > 5 * many.similar[-1] > 5 * 30 * np.exp(-0.5)


def test_intervals_cover_the_truth_as_often_as_they_say_even_where_calibration_is_a_little_off():
    asked, off, covered, width = np.array([-3.0, -1.0, 0.0, 2.0]), 0.3, [], []
    for seed in range(200):
        score, y = drawn(300, 1.0, 0.0, seed)
        low, high = fit_intervals(score + off, y).at(asked + off)
        covered.append((low <= probability_of(asked)) & (probability_of(asked) <= high))
        width.append(high - low)
    assert np.mean(covered) > 0.93
    # An interval from 0 to 1 would cover as well.
    assert np.mean(width) < 0.25


def test_where_calibration_is_wrong_the_interval_reaches_what_was_observed():
    draw = np.random.default_rng(0)
    score = np.full(400, 1.0) + draw.normal(0, 0.01, 400)
    y = (np.arange(400) % 10 == 0).astype(int)
    low, high = fit_intervals(score, y).at(1.0)
    assert low < 0.1 < probability_of(1.0) <= high
    assert low == pytest.approx(0.0733, abs=0.003)


def test_jeffreys_interval_of_patients_who_all_score_the_same():
    y = np.array([1] * 4 + [0] * 16)
    low, high = fit_intervals(np.full(20, float(log_odds_of(0.2))), y).at(log_odds_of(0.2))
    # For 4 of 20 the density is that of Beta(4.5, 16.5); its tails are integrated here by hand.
    middle = (np.arange(200_000) + 0.5) / 200_000
    density = middle**3.5 * (1 - middle) ** 15.5
    below, above = density[middle < low].sum() / density.sum(), density[middle > high].sum() / density.sum()
    assert (below, above) == pytest.approx((0.025, 0.025), abs=1e-4)


def test_a_table_goes_through_json_and_a_broken_one_is_refused():
    table = fit_intervals(*drawn(100, 1.0, 0.0))
    again = Intervals.of_json(table.as_json())
    np.testing.assert_array_equal(again.at([0.3, 9.0]), table.at([0.3, 9.0]))
    for change in ({"log_odds": table.log_odds[::-1].tolist()}, {"low": [2.0] * len(table.low)}, {"high": [0.5]}):
        with pytest.raises(ModelError):
            Intervals.of_json({**table.as_json(), **change})


@given(st.floats(-700, 25))
def test_odds_go_there_and_back(value):
    assert float(log_odds_of(probability_of(value))) == pytest.approx(value, abs=1e-3, rel=1e-9)


def test_rows_of_the_same_patient_make_the_interval_wider():
    score, y = drawn(400, 1.0, 0.0)
    once = fit_intervals(score, y)
    score, y, whose = np.repeat(score, 10), np.repeat(y, 10), np.repeat(np.arange(400), 10)
    blind, seen = fit_intervals(score, y), fit_intervals(score, y, subjects=whose)
    inside = slice(60, 140)
    np.testing.assert_allclose(seen.similar[inside], once.similar[inside], rtol=0.2)
    assert blind.similar[100] > 5 * once.similar[100]
    width = (seen.high - seen.low)[inside] / (once.high - once.low)[inside]
    assert width.min() > 0.8 and width.max() < 1.25
    alone = fit_intervals(score, y, subjects=np.arange(4000))
    np.testing.assert_array_equal(alone.low, blind.low)
