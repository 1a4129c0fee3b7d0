"""Learners: each agrees with the library behind it, knows what is missing, and keeps the laws of a probability."""

import warnings

import lightgbm
import numpy as np
import pytest
from interpret.glassbox import ExplainableBoostingClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from consilium.core.errors import ExtraError, ModelError
from consilium.models import LEARNERS, learner
from consilium.models.boosting import WORTH_THREADS

from .conftest import QUICK, TABLES, gaps, made, questions, wdbc


def piped(model):
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), model)


def random_rows(width, rows, seed):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(rows, width)).astype(np.float32)


@pytest.mark.parametrize("table", TABLES)
def test_logistic_is_the_librarys_logistic_regression(table):
    data = TABLES[table]()
    ours = learner("logistic", C=0.7).fit(data.X, data.y)
    theirs = piped(LogisticRegression(C=0.7, tol=1e-10, max_iter=10_000)).fit(data.X.astype(float), data.y)
    np.testing.assert_allclose(ours.coef_, theirs[-1].coef_[0], atol=1e-4)
    np.testing.assert_allclose(ours.log_odds(data.X), theirs.decision_function(data.X.astype(float)), atol=1e-3)


@pytest.mark.parametrize("table", TABLES)
def test_gradient_descent_reaches_the_librarys_optimum_going_down_all_the_way(table):
    data = TABLES[table]()
    walked, fitted = learner("logistic_descent").fit(data.X, data.y), learner("logistic").fit(data.X, data.y)
    loss = np.array(walked.loss_curve_)
    assert len(loss) == walked.n_iter_ + 1 > 10
    assert (np.diff(loss) <= 1e-13).all() and loss[-1] < 0.9 * loss[0]
    np.testing.assert_allclose(loss[0], np.log(2))
    np.testing.assert_allclose(walked.coef_, fitted.coef_, atol=1e-3)
    np.testing.assert_allclose(walked.log_odds(data.X), fitted.log_odds(data.X), atol=1e-2)


def test_gradient_descent_takes_a_step_that_converges_and_no_other():
    data = gaps()
    own = learner("logistic_descent").fit(data.X, data.y)
    slower = learner("logistic_descent", step=own.step_ / 4).fit(data.X, data.y)
    assert slower.n_iter_ > 2 * own.n_iter_
    np.testing.assert_allclose(slower.coef_, own.coef_, atol=1e-3)
    for step in (0.0, -1.0, own.step_ * 2):
        with pytest.raises(ValueError, match="does not converge"):
            learner("logistic_descent", step=step).fit(data.X, data.y)
    with pytest.warns(ConvergenceWarning, match="after 3 steps"):
        assert learner("logistic_descent", max_iter=3).fit(data.X, data.y).n_iter_ == 3


@pytest.mark.parametrize("table", TABLES)
def test_tree_is_the_librarys_tree(table):
    data = TABLES[table]()
    ours = learner("tree", max_depth=5).fit(data.X, data.y)
    theirs = DecisionTreeClassifier(max_depth=5, min_samples_leaf=5, random_state=0).fit(data.X, data.y)
    asked = questions(data.X)
    shown = np.clip(theirs.predict_proba(asked)[:, 1], ours.clip_, 1 - ours.clip_)
    np.testing.assert_allclose(ours.predict_proba(asked)[:, 1], shown, atol=1e-12)
    np.testing.assert_allclose(ours.trees_.sums(asked), theirs.predict_proba(asked)[:, 1], atol=1e-12)


@pytest.mark.parametrize("table", TABLES)
def test_forest_is_the_librarys_forest(table):
    data = TABLES[table]()
    ours = learner("forest", n_estimators=20).fit(data.X, data.y)
    theirs = RandomForestClassifier(20, min_samples_leaf=3, max_depth=8, random_state=0).fit(data.X, data.y)
    asked = questions(data.X)
    shown = np.clip(theirs.predict_proba(asked)[:, 1], ours.clip_, 1 - ours.clip_)
    np.testing.assert_allclose(ours.predict_proba(asked)[:, 1], shown, atol=1e-12)
    np.testing.assert_allclose(ours.trees_.sums(asked), theirs.predict_proba(asked)[:, 1], atol=1e-12)


@pytest.mark.parametrize("table", TABLES)
def test_boosting_is_lightgbm_where_it_met_missing_values_in_training(table):
    data = TABLES[table]()
    ours = learner("boosting", n_estimators=40).fit(data.X, data.y)
    theirs = lightgbm.LGBMClassifier(
        n_estimators=40, learning_rate=0.05, num_leaves=7, min_child_samples=5, reg_lambda=1.0, min_data_in_bin=1,
        random_state=0, deterministic=True, force_row_wise=True, n_jobs=1, verbose=-1,
    ).fit(data.X.astype(float), data.y)  # fmt: skip
    np.testing.assert_allclose(ours.log_odds(data.X), theirs.predict(data.X.astype(float), raw_score=True), atol=1e-9)
    asked = questions(data.X)
    np.testing.assert_allclose(ours.trees_.sums(asked), ours.log_odds(asked), atol=1e-9)


def test_boosting_reads_what_was_never_missing_in_training_as_the_median_and_not_as_zero():
    data = gaps()
    fitted = made("boosting").fit(data.X, data.y)
    hidden, middle, zero = data.X.copy(), data.X.copy(), data.X.copy()
    hidden[:, 1], middle[:, 1], zero[:, 1] = np.nan, np.median(data.X[:, 1]), 0.0
    np.testing.assert_array_equal(fitted.log_odds(hidden), fitted.log_odds(middle))
    assert np.abs(fitted.log_odds(hidden) - fitted.log_odds(zero)).max() > 0.5


def test_boosting_does_not_depend_on_threads():
    data = gaps(20_000)
    assert data.X.size >= WORTH_THREADS
    one, two = (learner("boosting", n_estimators=30, num_threads=threads).fit(data.X, data.y).log_odds(data.X) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("table", TABLES)
def test_vector_is_the_librarys_support_vector_machine(table):
    data = TABLES[table]()
    ours = learner("vector").fit(data.X, data.y)
    theirs = piped(SVC(C=1.0, gamma=ours.gamma_)).fit(data.X.astype(float), data.y)
    np.testing.assert_allclose(ours.log_odds(data.X), theirs.decision_function(data.X.astype(float)), atol=1e-6)


@pytest.mark.parametrize("table", TABLES)
def test_network_is_the_librarys_perceptron(table):
    data = TABLES[table]()
    ours = learner("network").fit(data.X, data.y)
    perceptron = MLPClassifier(
        (16,), alpha=1.0, batch_size=32, learning_rate_init=0.005, max_iter=300, early_stopping=True, validation_fraction=0.2,
        n_iter_no_change=25, random_state=0,
    )  # fmt: skip
    theirs = perceptron.fit(ours.preparation_(data.X.astype(float)), data.y)
    asked = questions(data.X)
    np.testing.assert_allclose(
        ours.predict_proba(asked), theirs.predict_proba(ours.preparation_(asked.astype(float))), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("table", TABLES)
def test_additive_is_interprets_explainable_boosting_machine(table):
    data = TABLES[table]()
    ours = made("additive").fit(data.X, data.y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ExplainableBoostingClassifier(
            feature_types=["continuous"] * data.X.shape[1], interactions=3, max_bins=32, max_interaction_bins=16, learning_rate=0.05,
            n_jobs=1, random_state=0, **QUICK["additive"],
        ).fit(data.X.astype(float), data.y)  # fmt: skip
    asked = questions(data.X)
    np.testing.assert_allclose(ours.log_odds(asked), np.ravel(theirs.decision_function(asked.astype(float))), atol=1e-9)
    np.testing.assert_allclose(ours.terms_.scored(asked).sum(axis=1) + ours.terms_.intercept, ours.log_odds(asked), atol=1e-9)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("table", TABLES)
def test_laws_of_a_probability(table, name):
    data = TABLES[table]()
    fitted = made(name).fit(data.X, data.y)
    asked = questions(data.X)
    probability = fitted.predict_proba(asked)
    assert probability.dtype == np.float64 and ((probability >= 0) & (probability <= 1)).all()
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    np.testing.assert_array_equal(fitted.predict(asked), fitted.classes_[(fitted.log_odds(asked) > 0).astype(int)])
    alone = np.concatenate([fitted.log_odds(asked[i : i + 1]) for i in range(0, len(asked), 97)])
    np.testing.assert_allclose(alone, fitted.log_odds(asked)[::97], atol=1e-9)
    again = made(name).fit(data.X, data.y)
    np.testing.assert_array_equal(again.log_odds(asked), fitted.log_odds(asked))


@pytest.mark.parametrize(("name", "within"), [("logistic", 1e-8), ("logistic_descent", 1e-8), ("vector", 1e-2), ("tree", 1e-9)])
def test_the_order_of_training_rows_changes_nothing(name, within):
    # Forest, boosting, network and additive draw patients at random by row, or sum in order: no such promise is made for them.
    data = gaps()
    order = np.random.default_rng(0).permutation(len(data.y))
    asked = random_rows(6, 50, 1)
    before, after = made(name).fit(data.X, data.y), made(name).fit(data.X[order], data.y[order])
    np.testing.assert_allclose(before.log_odds(asked), after.log_odds(asked), atol=within)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_feature_never_observed_in_training_has_no_say(name):
    data = gaps()
    X = data.X.copy()
    X[:, 2] = np.nan
    fitted = made(name).fit(X, data.y)
    seen = X.copy()
    seen[:, 2] = 3.0
    np.testing.assert_allclose(fitted.log_odds(seen), fitted.log_odds(X), atol=1e-9)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_learns(name):
    data = wdbc()
    out_of_fold = np.zeros(len(data.y))
    for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(data.X, data.y):
        out_of_fold[test] = made(name).fit(data.X[train], data.y[train]).log_odds(data.X[test])
    assert roc_auc_score(data.y, out_of_fold) > (0.9 if name == "tree" else 0.97)


@pytest.mark.parametrize("name", LEARNERS)
def test_infinity_is_refused(name):
    data = gaps(60)
    X = data.X.copy()
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        made(name).fit(X, data.y)


def test_unknown_learners_and_parameters_are_named():
    with pytest.raises(ModelError, match=r"oracle.*logistic"):
        learner("oracle")
    with pytest.raises(ModelError, match="logistic") as error:
        learner("logistic", depth=3)
    assert "depth" in str(error.value)


def test_a_missing_library_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "lightgbm", None)
    monkeypatch.delitem(sys.modules, "consilium.models.boosting", raising=False)
    with pytest.raises(ExtraError, match=r"consilium\[train\]"):
        learner("boosting")
