"""Prototypes: groups of at least ten that hold everybody once, name nobody, and say how patients like this one fared."""

import numpy as np
import pytest

from consilium.core.errors import ModelError
from consilium.models.prototypes import LEAST, Prototypes, fit_prototypes


def patients(n=300, seed=0):
    draw = np.random.default_rng(seed)
    X = np.column_stack([draw.normal(60, 12, n), draw.normal(0, 1, n), draw.integers(0, 2, n)])
    y = (draw.random(n) < 1 / (1 + np.exp(-2 * X[:, 1]))).astype(int)
    return np.where(draw.random(X.shape) < 0.1, np.nan, X), y


def test_everybody_is_in_one_group_of_ten_or_more():
    X, y = patients()
    groups = fit_prototypes(X, y, np.ones(3))
    assert groups.n.sum() == len(X) and groups.events.sum() == y.sum() and groups.n.min() >= 25
    assert fit_prototypes(X[:30], y[:30], np.ones(3)) is None
    many = fit_prototypes(np.vstack([X] * 40), np.tile(y, 40), np.ones(3))
    assert len(many.n) <= 400 and many.n.min() >= 30


def test_no_value_of_a_group_rests_on_fewer_than_ten():
    X, y = patients()
    X[:, 1] = np.nan_to_num(X[:, 1])
    X[:, 0] = np.where(np.arange(len(X)) < LEAST - 1, X[:, 0], np.nan)
    groups = fit_prototypes(X, y, np.ones(3))
    assert np.isnan(groups.typical[:, 0]).all() and not np.isnan(groups.typical[:, 1]).any()


def test_similar_patients_fared_as_similar_patients_do():
    X, y = patients(2000)
    groups = fit_prototypes(X, y, [0.0, 1.0, 0.0])
    sick, well = groups.nearest([[60.0, 2.0, 1.0], [60.0, -2.0, 1.0]])
    assert groups.events[sick] / groups.n[sick] > 0.9 > 0.1 > groups.events[well] / groups.n[well]
    # What weighs nothing does not decide who is similar; what is missing is not compared.
    assert groups.nearest([[10.0, 2.0, 0.0]])[0] == groups.nearest([[np.nan, 2.0, np.nan]])[0] == sick


def test_no_training_row_can_be_read_from_the_groups():
    X, y = patients()
    held = Prototypes.of_json(fit_prototypes(X, y, np.ones(3)).as_json())
    whole = X[~np.isnan(X).any(axis=1)]
    assert np.abs(whole[:, None, :2] - held.typical[None, :, :2]).sum(axis=2).min() > 1e-3


@pytest.mark.parametrize("size", [1, 9])
def test_small_groups_are_refused(size):
    X, y = patients()
    with pytest.raises(ModelError, match="name nobody"):
        fit_prototypes(X, y, np.ones(3), size=size)
    groups = fit_prototypes(X, y, np.ones(3)).as_json()
    with pytest.raises(ModelError, match="name nobody"):
        Prototypes.of_json({**groups, "n": [size] * len(groups["n"]), "events": [0] * len(groups["n"])})
