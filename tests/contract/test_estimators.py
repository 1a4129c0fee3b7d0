"""Every learner keeps scikit-learn's contract: `check_estimator` in full, nothing excused.

scikit-learn asks with flat tables of any width; to a series learner as it is made by default, such a row is a series of one step.
"""

import warnings

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from consilium.models import LEARNERS, SERIES_LEARNERS, learner

# Small settings where the default only costs time; the code that runs is the same.
QUICK = {
    "forest": {"n_estimators": 20},
    "boosting": {"n_estimators": 40, "num_threads": 1},
    "network": {"max_iter": 100},
    "additive": {"max_rounds": 60, "outer_bags": 2, "max_bins": 16},
    "logistic_descent": {"tol": 1e-3},
    **{name: {"units": 8, "epochs": 30, "batch": 16, "rate": 0.01} for name in SERIES_LEARNERS},
}
ALL = (*LEARNERS, *SERIES_LEARNERS)


@parametrize_with_checks([learner(name, **QUICK.get(name, {})) for name in ALL])
def test_check_estimator(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@pytest.mark.parametrize("name", ALL)
def test_parameters_are_untouched_by_the_constructor(name):
    made = learner(name)
    given = made.get_params()
    assert vars(made) == given
    assert learner(name, **given).get_params() == given
