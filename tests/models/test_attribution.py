"""Attribution: reasons add up, and are the Shapley values they claim to be."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from consilium.core.errors import ModelError
from consilium.models import LEARNERS, learner
from consilium.models.attribution import explainer
from consilium.models.lookup import Lookup
from consilium.models.odds import log_odds_of
from consilium.models.permutation import against_median, walk
from consilium.models.tree import grown
from consilium.models.trees import Boxes, Trees

from .conftest import CALIBRATION, gaps, questions, wdbc


def known(trees, x, seen, node):
    """Expected leaf below `node` when only the features in `seen` are known: the definition, as a recursion."""
    feature = trees.feature[node]
    if feature < 0:
        return trees.value[node]
    left, right = trees.left[node], trees.right[node]
    if feature in seen:
        goes_left = trees.missing_left[node] if np.isnan(x[feature]) else x[feature] <= trees.threshold[node]
        return known(trees, x, seen, left if goes_left else right)
    share = trees.cover[left] / trees.cover[node]
    return share * known(trees, x, seen, left) + (1 - share) * known(trees, x, seen, right)


def by_enumeration(value, width):
    """Shapley values by the sum over all coalitions."""
    worth = {s: value(frozenset(s)) for k in range(width + 1) for s in combinations(range(width), k)}
    phi = np.zeros(width)
    for i in range(width):
        others = [j for j in range(width) if j != i]
        for k in range(width):
            for s in combinations(others, k):
                weight = factorial(k) * factorial(width - k - 1) / factorial(width)
                phi[i] += weight * (worth[tuple(sorted((*s, i)))] - worth[s])
    return worth[()], phi


def test_reasons_add_up_to_the_log_odds_shown(sealed):
    asked = sealed.asked[:: max(1, len(sealed.asked) // 60)]
    given = sealed.served.attribute(asked)
    assert given.weights.shape == asked.shape and given.weights.dtype == np.float64
    np.testing.assert_allclose(given.base + given.weights.sum(axis=1), sealed.served.log_odds(asked), atol=1e-4, rtol=1e-6)
    assert np.abs(given.weights).max() > 0.1


def test_one_alone_has_the_reasons_it_has_in_a_batch(sealed):
    asked = sealed.asked[::200]
    together = sealed.served.attribute(asked)
    for row, weights in zip(asked, together.weights, strict=True):
        alone = sealed.served.attribute(row[None])
        assert alone.base == pytest.approx(together.base, abs=1e-6)
        np.testing.assert_allclose(alone.weights[0], weights, atol=1e-5)


@pytest.mark.parametrize("name", LEARNERS)
def test_an_input_that_never_varied_weighs_nothing(workshop, name):
    sealed = workshop("gaps", name)
    given = sealed.served.attribute(sealed.data.X[:40])
    np.testing.assert_allclose(given.weights[:, 4], 0.0, atol=1e-12)


WAYS = [Boxes.of, lambda trees: Lookup.of(trees, 6)]


@pytest.mark.parametrize("way", WAYS, ids=["leaf by leaf", "looked up"])
@pytest.mark.parametrize("seed", range(3))
def test_tree_shapley_values_equal_those_by_enumeration(seed, way):
    data = gaps(300, seed)
    forest = RandomForestClassifier(3, max_depth=6, random_state=seed).fit(data.X, data.y)
    trees = grown(forest.estimators_)
    boxes = way(trees)
    asked = questions(data.X[:6])
    for x, phi in zip(asked, boxes.shapley(asked), strict=True):
        base, expected = by_enumeration(lambda s, x=x: sum(known(trees, x, s, root) for root in trees.roots), 6)
        assert trees.expected() == pytest.approx(base, abs=1e-12)
        np.testing.assert_allclose(phi, expected, atol=1e-12)


@pytest.mark.parametrize("way", [Boxes.of, lambda trees: Lookup.of(trees, 2)], ids=["leaf by leaf", "looked up"])
def test_a_feature_asked_again_and_again_on_one_path(way):
    trees = Trees.of_json(
        {
            "feature": [0, 0, -1, 1, -1, 0, -1, -1, -1],
            "threshold": [5, 2, 0, 0, 0, 3, 0, 0, 0],
            "left": [1, 2, -1, 4, -1, 6, -1, -1, -1],
            "right": [8, 3, -1, 5, -1, 7, -1, -1, -1],
            "missing_left": [1, 0, 0, 1, 0, 1, 0, 0, 0],
            "value": [0, 0, 1.0, 0, 2.0, 0, 4.0, 8.0, 16.0],
            "cover": [100, 60, 20, 40, 10, 30, 25, 5, 40],
            "roots": [0],
        }
    )
    asked = np.array([[1, 0], [2.5, 1], [4, 1], [4, np.nan], [np.nan, 1], [9, np.nan], [np.nan, np.nan]])
    boxes = way(trees)
    assert trees.sums(asked).tolist() == [1, 4, 8, 2, 4, 16, 2]
    for x, phi in zip(asked, boxes.shapley(asked), strict=True):
        base, expected = by_enumeration(lambda s, x=x: known(trees, x, s, 0), 2)
        np.testing.assert_allclose(phi, expected, atol=1e-12)
        assert base + phi.sum() == pytest.approx(trees.sums(x[None])[0])


@pytest.mark.parametrize("parameters", [{"max_depth": 8}, {"max_depth": 3, "min_samples_leaf": 40}, {"max_depth": None}])
def test_looked_up_is_what_it_is_leaf_by_leaf(parameters):
    data = wdbc()
    trees = learner("forest", n_estimators=20, **parameters).fit(data.X, data.y).trees_
    asked = questions(data.X)[::5]
    tables = Lookup.of(trees, data.X.shape[1])
    assert tables is not None and len(tables.start) < (trees.feature < 0).sum()
    np.testing.assert_allclose(tables.shapley(asked), Boxes.of(trees).shapley(asked), atol=1e-12)
    assert tables.shapley(asked[:0]).shape == (0, data.X.shape[1])


def test_a_path_of_more_than_eight_features_is_gone_leaf_by_leaf():
    draw = np.random.default_rng(5)
    X = draw.normal(size=(4000, 14)).astype(np.float32)
    y = (X.prod(axis=1) > 0).astype(int)
    fitted = learner("tree", max_depth=14, min_samples_leaf=1).fit(X, y)
    assert Lookup.of(fitted.trees_, 14) is None
    given = explainer(fitted.reasons(X), fitted.log_odds)(X[:20])
    np.testing.assert_allclose(given.base + given.weights.sum(axis=1), fitted.log_odds(X[:20]), atol=1e-9)


@pytest.mark.parametrize("table", [wdbc, gaps])
def test_boosting_gives_lightgbms_own_contributions(table):
    data = table()
    fitted = learner("boosting", n_estimators=50, num_leaves=15).fit(data.X, data.y)
    asked = questions(data.X)[::9].astype(float)
    filled = np.where(np.isnan(asked), fitted.median_, asked)
    theirs = fitted._fitted.predict(filled, pred_contrib=True)
    boxes = Boxes.of(fitted.trees_)
    np.testing.assert_allclose(boxes.shapley(asked), theirs[:, :-1], atol=1e-6)
    np.testing.assert_allclose(fitted.trees_.expected(), theirs[:, -1], atol=1e-6)


def test_reasons_for_a_probability_are_stretched_to_log_odds_keeping_sign_and_ratio():
    data = gaps()
    fitted = learner("forest", n_estimators=20).fit(data.X, data.y)
    given = explainer(fitted.reasons(data.X), lambda rows: pytest.fail("trees need no second look at the model"))(data.X[:50])
    boxes = Boxes.of(fitted.trees_)
    phi = boxes.shapley(data.X[:50])
    assert given.base == pytest.approx(float(log_odds_of(fitted.trees_.expected())))
    np.testing.assert_allclose(given.base + given.weights.sum(axis=1), fitted.log_odds(data.X[:50]), atol=1e-9)
    assert (np.sign(given.weights) == np.sign(phi)).all()
    ratio = given.weights / np.where(phi == 0, np.nan, phi)
    np.testing.assert_allclose(np.nanmax(ratio, axis=1), np.nanmin(ratio, axis=1), rtol=1e-9)


def test_a_row_exactly_at_the_expected_probability():
    one_leaf = {
        "feature": [-1],
        "threshold": [0],
        "left": [-1],
        "right": [-1],
        "missing_left": [0],
        "value": [0.3],
        "cover": [9],
        "roots": [0],
    }
    given = explainer({"kind": "trees", "scale": "probability", "clip": 0.01, **one_leaf}, lambda rows: rows[:, 0])(
        np.zeros((2, 3), np.float32)
    )
    assert given.base == pytest.approx(np.log(0.3 / 0.7))
    assert not given.weights.any()


@pytest.mark.parametrize("name", ["logistic", "logistic_descent"])
def test_linear_reasons_are_slope_times_distance_from_the_mean_patient(workshop, name):
    sealed = workshop("gaps", name)
    fitted, X = sealed.fitted, sealed.data.X.astype(float)
    given = sealed.served.attribute(sealed.data.X)
    np.testing.assert_allclose(given.base, CALIBRATION.slope * fitted.intercept_ + CALIBRATION.intercept)
    np.testing.assert_allclose(given.weights, CALIBRATION.slope * fitted.preparation_(X) * fitted.coef_, atol=1e-12)
    np.testing.assert_allclose(given.weights.mean(axis=0), 0.0, atol=1e-10)


def test_additive_reasons_average_to_nothing_and_split_pairs_evenly():
    data = gaps()
    fitted = learner("additive", max_rounds=80, outer_bags=2, interactions=4).fit(data.X, data.y)
    terms = fitted.terms_
    weights, apart = terms.weights(data.X), terms.scored(data.X) - terms.mean
    np.testing.assert_allclose(weights.mean(axis=0), 0.0, atol=1e-12)
    expected = np.zeros_like(weights)
    pairs = 0
    for term, features in enumerate(fitted._fitted.term_features_):
        pairs += len(features) == 2
        for feature in features:
            expected[:, feature] += apart[:, term] / len(features)
    assert pairs == 4
    np.testing.assert_allclose(weights, expected, atol=1e-12)


def test_permutation_values_are_exact_where_inputs_do_not_interact_or_only_in_pairs():
    draw = np.random.default_rng(0)
    slope, both = draw.normal(size=5), draw.normal(size=(5, 5))

    def model(rows):
        rows = rows.astype(float)
        return rows @ slope + np.einsum("ni,ij,nj->n", rows, both, rows)

    x, reference = draw.normal(size=5).astype(np.float32), draw.normal(size=5).astype(np.float32)
    orders = against_median(reference.astype(float))["orders"]
    base, values = walk(x, reference, orders, model)
    _, expected = by_enumeration(lambda s: float(model(np.array([[x[i] if i in s else reference[i] for i in range(5)]]))[0]), 5)
    # With two inputs in every product, a walk and its reverse are already exact.
    np.testing.assert_allclose(values, expected, atol=1e-10)
    assert base == pytest.approx(float(model(reference[None])[0]))


def test_permutation_values_come_near_those_by_enumeration():
    data = gaps()
    fitted = learner("network").fit(data.X, data.y)
    reference = np.array(fitted.reasons(data.X)["reference"], np.float32)
    explain = explainer(fitted.reasons(data.X), lambda rows: fitted.log_odds(rows))
    asked = data.X[~np.isnan(data.X).any(axis=1)][:5]
    for x, weights in zip(asked, explain(asked).weights, strict=True):
        _, expected = by_enumeration(
            lambda s, x=x: float(fitted.log_odds(np.array([[x[i] if i in s else reference[i] for i in range(6)]]))[0]), 6
        )
        np.testing.assert_allclose(weights, expected, atol=0.05 * np.abs(expected).sum())


@pytest.mark.parametrize("name", ["vector", "network"])
def test_what_is_missing_stays_at_the_reference_and_weighs_nothing(workshop, name):
    sealed = workshop("wdbc", name)
    row = sealed.data.X[:1].copy()
    row[0, 1] = np.nan
    assert sealed.served.attribute(row).weights[0, 1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("reasons", [{}, {"kind": "oracle"}, {"kind": "linear"}, {"kind": "trees", "feature": ["x"]}, {"kind": "additive"}])
def test_reasons_that_cannot_be_read_are_refused(reasons):
    with pytest.raises(ModelError):
        explainer(reasons, lambda rows: rows[:, 0])


def test_enumeration_itself_against_a_game_known_by_heart():
    base, phi = by_enumeration(lambda s: float(len(s) >= 2), 3)
    assert base == 0
    np.testing.assert_allclose(phi, 1 / 3)
