"""Survival learners against lifelines, and their parts against their definitions."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from consilium.core.errors import ModelError
from consilium.models import hazards
from consilium.models.attribution import explainer
from consilium.models.calibration import fit_calibration
from consilium.models.hazard import Baseline, pull
from consilium.models.odds import log_odds_of_hazard, probability_of
from consilium.models.uncertainty import fit_intervals


def world(n=400, seed=0):
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, 3)).astype(np.float32)
    time = np.round(draw.exponential(np.exp(-X @ [0.7, -0.4, 0.0])) * 10) + 1
    return X, time, (draw.random(n) < 0.7).astype(int)


def test_cox_is_lifelines():
    X, time, event = world()
    own = hazards("cox", horizon=5.0, penalizer=0.0).fit(X, time, event)
    table = pd.DataFrame(X.astype(float), columns=list("abc")).assign(time=time, event=event)
    peer = CoxPHFitter().fit(table, "time", "event")
    np.testing.assert_allclose(own.coef_ * own.preparation_.gain, peer.params_, atol=1e-5)
    theirs = peer.predict_survival_function(table, times=[2.0, 5.0]).to_numpy().T
    np.testing.assert_allclose(own.survival(X, [2.0, 5.0]), theirs, atol=0.02)


def test_baseline_is_lifelines_without_ties():
    X, time, event = world()
    time = time + np.linspace(0, 0.5, len(time))
    own = hazards("cox", horizon=5.0, penalizer=0.0).fit(X, time, event)
    table = pd.DataFrame(X.astype(float), columns=list("abc")).assign(time=time, event=event)
    theirs = CoxPHFitter().fit(table, "time", "event").predict_survival_function(table, times=[2.0, 5.0, 9.0]).to_numpy().T
    np.testing.assert_allclose(own.survival(X, [2.0, 5.0, 9.0]), theirs, atol=1e-6)


def test_gradient_and_curvature_are_those_of_the_likelihood():
    X, time, event = world(40)
    happened = event == 1
    f = X[:, 0].astype(float)

    def minus_log(g):
        return -sum(g[i] - np.log(np.exp(g[time >= time[i]]).sum()) for i in np.flatnonzero(happened))

    gradient, curvature = pull(f, time, happened)
    step = 1e-4
    for k in range(0, 40, 5):
        e = np.eye(40)[k] * step
        up, down = minus_log(f + e), minus_log(f - e)
        assert gradient[k] == pytest.approx((up - down) / (2 * step), abs=1e-6)
        assert curvature[k] == pytest.approx((up + down - 2 * minus_log(f)) / step**2, abs=1e-4)


def test_a_baseline_knows_nothing_beyond_follow_up():
    baseline = Baseline.breslow(np.zeros(3), np.array([1.0, 2.0, 4.0]), np.array([True, False, True]))
    assert baseline.at([0, 0.5, 1, 3.9, 4]).round(3).tolist() == [0, 0, 0.333, 0.333, 1.333]
    with pytest.raises(ModelError, match="nobody was followed"):
        baseline.at([4.1])


def test_log_odds_of_a_hazard_are_exact_and_never_infinite():
    hazard = np.array([1e-8, 0.1, 1.0, 20.0])
    np.testing.assert_allclose(probability_of(log_odds_of_hazard(np.log(hazard))), -np.expm1(-hazard), rtol=1e-9)
    assert np.isfinite(log_odds_of_hazard([-1e9, 1e9])).all()


def test_reasons_of_a_hazard_keep_signs_and_ratios():
    reasons = {"kind": "linear", "median": [0, 0], "mean": [0, 0], "slope": [1.0, -0.5], "base": 0.0, "link": "hazard", "offset": -1.0}
    given = explainer(reasons, lambda X: np.zeros(len(X)))(np.array([[0.8, 0.4], [0.0, 0.0], [1e-9, 0.0]], np.float32))
    assert given.base + given.weights[0].sum() == pytest.approx(float(log_odds_of_hazard(-0.4)))
    assert given.weights[0, 0] / given.weights[0, 1] == pytest.approx(-4.0, rel=1e-6)
    assert (given.weights[1] == 0).all()
    # At the average patient the stretch is the slope of the curve itself.
    slope = (log_odds_of_hazard(-1 + 1e-6) - log_odds_of_hazard(-1 - 1e-6)) / 2e-6
    assert given.weights[2, 0] / 1e-9 == pytest.approx(float(slope), rel=1e-5)


def test_a_link_of_another_kind_is_refused():
    with pytest.raises(ModelError, match="link"):
        explainer({"kind": "linear", "median": [0], "mean": [0], "slope": [1], "base": 0, "link": "?", "offset": 0}, lambda X: X)


def test_weights_of_whole_numbers_are_patients_seen_so_often():
    draw = np.random.default_rng(0)
    score = draw.normal(size=200)
    y = (score + draw.logistic(size=200) > 0).astype(int)
    weight = draw.integers(0, 4, 200)
    several = np.repeat(np.arange(200), weight)
    one, two = fit_calibration(score, y, weight), fit_calibration(score[several], y[several])
    assert one.slope == pytest.approx(two.slope, rel=1e-6) and one.intercept == pytest.approx(two.intercept, rel=1e-6)
    plain, ones = fit_intervals(score, y), fit_intervals(score, y, np.ones(200))
    np.testing.assert_allclose(plain.low, ones.low)
    # Patients who stand for unequal numbers of others say less than as many equal ones would.
    seen = weight > 0
    assert (fit_intervals(score, y, weight).similar < fit_intervals(score[seen], y[seen]).similar).all()
    with pytest.raises(ModelError, match="weight"):
        fit_calibration(score, y, -weight)
