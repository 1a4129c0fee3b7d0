"""Familiarity: keeps out the declared share of patients like those of training, and shifted ones far more often."""

import numpy as np
import pytest

from consilium.core.errors import ModelError
from consilium.models.familiarity import RATE, Familiarity, fit_familiarity


def rows(draw, n, missing=0.0):
    """Four inputs, two of them nearly the same, one skewed, one yes/no."""
    a = draw.normal(60, 10, n)
    X = np.column_stack([a, 2 * a + draw.normal(0, 2, n), np.exp(draw.normal(1, 0.8, n)), draw.integers(0, 2, n)])
    return np.where(draw.random(X.shape) < missing, np.nan, X)


def folds(n, k=5):
    of = np.arange(n) % k
    return [(np.flatnonzero(of != f), np.flatnonzero(of == f)) for f in range(k)]


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_it_keeps_out_no_more_than_declared(missing):
    draw = np.random.default_rng(0)
    ranged, far = [], []
    for _ in range(20):
        known = fit_familiarity(rows(draw, 500, missing), folds(500))
        new = rows(draw, 1000, missing)
        ranged.append(known.beyond(new).any(axis=1).mean())
        far.append(known.strange(new).mean())
    assert np.mean(ranged) <= RATE and 0.3 * RATE < np.mean(far) <= RATE * 1.1


def test_what_is_in_range_alone_but_not_together_is_found_and_blamed():
    draw = np.random.default_rng(1)
    known = fit_familiarity(rows(draw, 500), folds(500))
    odd = rows(draw, 200)
    odd[:, 1] = rows(draw, 200)[:, 1]
    assert not known.beyond(odd).any(axis=1).mean() > 0.05
    assert known.strange(odd).mean() > 0.6
    shares = known.blame(odd[known.strange(odd)])
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert shares[:, :2].sum(axis=1).mean() > 0.9


def test_a_value_in_another_unit_is_beyond_and_a_missing_one_is_not():
    known = fit_familiarity(rows(np.random.default_rng(2), 500), folds(500))
    row = np.array([[60.0, 120.0, 2.7, 1.0]])
    assert not known.beyond(row).any() and not known.strange(row).any()
    assert known.beyond(row * [[0.1, 1, 1, 1]]).tolist() == [[True, False, False, False]]
    assert not known.beyond([[np.nan] * 4]).any() and not known.strange([[np.nan] * 4]).any()


def test_what_was_never_observed_is_outside_whenever_it_is_observed():
    X = rows(np.random.default_rng(3), 300)
    X[:, 3] = np.nan
    known = fit_familiarity(X, folds(300))
    assert known.beyond([[60.0, 120.0, 2.7, 1.0]]).tolist() == [[False, False, False, True]]


def test_with_few_rows_the_range_of_training_is_the_limit_and_the_distance_is_not_held_against_anybody():
    X = rows(np.random.default_rng(4), 40)
    known = fit_familiarity(X, folds(40))
    low, high = known.limits()
    np.testing.assert_array_equal(low, X.min(axis=0))
    np.testing.assert_array_equal(high, X.max(axis=0))
    assert not known.strange(X * 50).any()


def test_shrinkage_is_near_that_of_scikit_learn():
    from sklearn.covariance import LedoitWolf

    X = np.random.default_rng(5).multivariate_normal(np.zeros(6), np.eye(6) * 0.5 + 0.5, 60)
    known = fit_familiarity(X, folds(60))
    z = (np.arcsinh((X - known.centre) / known.spread) - known.mean) / known.deviation
    theirs = LedoitWolf(assume_centered=True).fit(z)
    np.testing.assert_allclose(known.correlation, theirs.covariance_ / theirs.covariance_[0, 0], atol=0.06)


def test_there_and_back():
    known = fit_familiarity(rows(np.random.default_rng(6), 300, 0.1), folds(300))
    again, new = Familiarity.of_json(known.as_json()), rows(np.random.default_rng(7), 50)
    np.testing.assert_allclose(again.distance(new), known.distance(new), atol=1e-5)
    with pytest.raises(ModelError):
        Familiarity.of_json({**known.as_json(), "spread": [1.0]})
