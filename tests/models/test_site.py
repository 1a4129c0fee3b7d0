"""Site: the update that is chosen is the one the cases speak for, and it never touches what was shipped."""

import numpy as np
import pytest

from consilium.core.errors import InputError, ModelError
from consilium.models.calibration import Calibration
from consilium.models.odds import probability_of
from consilium.models.site import CRITICAL, PRIOR, Site, recalibrate
from consilium.models.uncertainty import fit_intervals


def cases(draw, n, intercept=0.0, slope=1.0):
    score = draw.normal(0, 1.5, n)
    return score, (draw.random(n) < probability_of(intercept + slope * score)).astype(int)


def kinds(n, times=200, **truth):
    draw = np.random.default_rng(0)
    return [recalibrate(*cases(draw, n, **truth)) for _ in range(times)]


def test_where_nothing_is_wrong_the_cases_call_for_nothing_95_times_in_100():
    kept = np.mean([site.called_for == "none" for site in kinds(200)])
    assert 0.91 < kept < 0.985


def test_where_only_the_level_is_wrong_mostly_the_intercept_is_called_for():
    found = kinds(300, intercept=1.0)
    assert np.mean([site.called_for == "intercept" for site in found]) > 0.85
    assert np.median([site.intercept for site in found]) == pytest.approx(1.0, abs=0.1)
    assert np.median([site.slope for site in found]) == pytest.approx(1.0, abs=0.05)


def test_where_the_spread_is_wrong_too_both_are_changed_given_enough_cases():
    found = kinds(3000, times=40, intercept=0.5, slope=0.5)
    assert np.mean([site.called_for == "slope" for site in found]) > 0.95
    assert np.median([site.slope for site in found]) == pytest.approx(0.5, abs=0.08)


def test_few_cases_change_less_than_many_and_know_less():
    few, many = (kinds(n, intercept=1.0, slope=0.5) for n in (40, 1000))
    for part, middle in (("intercept", 0.0), ("slope", 1.0)):
        moved = [np.mean([abs(getattr(site, part) - middle) for site in found]) for found in (few, many)]
        assert part == "intercept" or moved[0] < moved[1]
    assert np.mean([site.covariance[0] for site in few]) > 5 * np.mean([site.covariance[0] for site in many])


def test_shrunk_it_is_nearer_the_truth_than_the_whole_update_of_few_cases():
    from sklearn.linear_model import LogisticRegression

    draw, new = np.random.default_rng(1), np.random.default_rng(2).normal(0, 1.5, 2000)
    wrong = {"shrunk": [], "whole": []}
    for _ in range(100):
        score, y = cases(draw, 40, intercept=0.6, slope=0.9)
        truth = probability_of(0.6 + 0.9 * new)
        wrong["shrunk"].append(np.mean((probability_of(recalibrate(score, y).line.apply(new)) - truth) ** 2))
        whole = LogisticRegression(C=np.inf).fit(score[:, None], y).predict_proba(new[:, None])[:, 1]
        wrong["whole"].append(np.mean((whole - truth) ** 2))
    assert np.mean(wrong["shrunk"]) < 0.8 * np.mean(wrong["whole"])


def test_the_line_is_that_of_penalised_logistic_regression():
    from scipy.optimize import minimize

    score, y = cases(np.random.default_rng(3), 200, intercept=0.7, slope=0.6)
    site = recalibrate(score, y)

    def loss(line):
        margin = line[0] + line[1] * score
        return (np.logaddexp(0, margin) - y * margin).sum() + 0.5 * ((line[0] / PRIOR[0]) ** 2 + ((line[1] - 1) / PRIOR[1]) ** 2)

    best = minimize(loss, [0.0, 1.0], method="BFGS", options={"gtol": 1e-8})
    assert (site.intercept, site.slope) == pytest.approx(tuple(best.x), abs=1e-4)
    assert site.covariance[0] == pytest.approx(best.hess_inv[0, 0], rel=0.05)


def test_critical_values_are_those_of_chi_squared():
    from scipy.stats import chi2

    assert {d: pytest.approx(chi2.ppf(0.95, d), abs=1e-3) for d in (1, 2)} == CRITICAL


def test_intervals_are_moved_along_and_widened():
    score, y = cases(np.random.default_rng(4), 3000)
    shipped = fit_intervals(score, y)
    site = recalibrate(*cases(np.random.default_rng(5), 60, intercept=1.5))
    moved = site.widened(shipped)
    low, high = moved.at(site.line.apply([0.0]))
    p = probability_of(site.line.apply(0.0))
    before = shipped.at([0.0])
    assert low[0] < p < high[0] and high[0] - low[0] > 2 * (before[1] - before[0])[0]


def test_too_few_cases_are_refused_and_say_how_many_are_needed():
    with pytest.raises(InputError, match="at least 20"):
        recalibrate([0.1, -0.2] * 5, [0, 1] * 5)
    with pytest.raises(InputError, match="5 with and without"):
        recalibrate(np.linspace(-1, 1, 40), [1] * 4 + [0] * 36)


def test_over_the_shipped_line_it_is_one_line():
    site = Site(0.5, 1.0, (0.1, 0.0, 0.1), "slope", 100, 30)
    whole = site.over(Calibration(2.0, -1.0))
    np.testing.assert_allclose(whole.apply([0.3]), site.line.apply(Calibration(2.0, -1.0).apply([0.3])))
    assert Site.of_json(site.as_json()) == site


@pytest.mark.parametrize("wrong", [{"slope": -1.0}, {"called_for": "oracle"}, {"intercept": float("nan")}])
def test_a_line_that_turns_patients_round_is_refused(wrong):
    good = {"slope": 0.5, "intercept": 1.0, "covariance": (0.1, 0.0, 0.1), "called_for": "slope", "n": 100, "events": 30}
    with pytest.raises(ModelError):
        Site(**{**good, **wrong})
