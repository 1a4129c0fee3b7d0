"""Counterfactual: the fewest columns, the smallest way, only where plausible; faithfulness: true reasons beat chance, false ones do not."""

import numpy as np
import pytest

from consilium.models.counterfactual import moves
from consilium.models.faithfulness import curves

X = np.array([2.0, 2.0, 1.0], np.float32)


def log_odds(rows):
    return rows.astype(float) @ np.array([1.0, 2.0, 5.0]) - 3.0


def everywhere(rows):
    return np.ones(len(rows), dtype=bool)


def test_one_column_is_enough_and_goes_no_further_than_needed():
    found = moves(X, {0: 0.0, 1: 0.0}, log_odds, lambda rows: log_odds(rows) < 5.0, everywhere)
    (only,) = [m for m in found if m.columns == (1,)]
    assert all(len(m.columns) == 1 and m.decides for m in found)
    assert 0.4 < only.values[0] < 0.5 and only.log_odds == pytest.approx(log_odds(np.array([[2, only.values[0], 1]]))[0])


def test_two_columns_where_one_does_not_reach():
    found = moves(X, {0: 0.0, 1: 0.0}, log_odds, lambda rows: log_odds(rows) < 3.5, everywhere)
    assert [m.columns for m in found] == [(0, 1)] and found[0].decides and found[0].log_odds < 3.5


def test_what_is_not_plausible_is_passed_over():
    def odd(rows):
        return rows[:, 1] > 1.0

    assert not moves(X, {1: 0.0}, log_odds, lambda rows: log_odds(rows) < 5.0, odd)


def test_where_nothing_decides_single_columns_are_told_that_move_it_by_two_in_a_hundred():
    found = moves(X, {0: 1.9, 1: 0.0}, lambda rows: log_odds(rows) - 7, lambda rows: np.zeros(len(rows), bool), everywhere)
    assert [(m.columns, m.decides) for m in found] == [((1,), False), ((0,), False)][: len(found)] and found[0].columns == (1,)


@pytest.mark.parametrize("shape", [(40, 5), (40, 20)])
def test_true_reasons_beat_chance_and_shuffled_ones_do_not(shape):
    draw = np.random.default_rng(0)
    rows, slope = draw.normal(size=shape).astype(np.float32), draw.normal(size=shape[1])

    def model(r):
        return r.astype(float) @ slope

    true = curves(model, rows, rows * slope, np.zeros(shape[1]))
    shuffled = curves(model, rows, draw.permuted(rows * slope, axis=1), np.zeros(shape[1]))
    turned = curves(model, rows, -rows * slope, np.zeros(shape[1]))
    assert true.deletion_gain.mean() > 0.2 and true.insertion_gain.mean() > 0.2
    assert abs(shuffled.deletion_gain.mean()) < 0.5 * true.deletion_gain.mean()
    assert turned.deletion_gain.mean() < 0
    assert true.deletion[0] == pytest.approx(1.0) and true.deletion[-1] == pytest.approx(0.0, abs=1e-6)
    assert true.insertion[0] == pytest.approx(0.0, abs=1e-6) and true.insertion[-1] == pytest.approx(1.0)
