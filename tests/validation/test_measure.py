"""Subgroups, missing inputs, and everything in one call."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from consilium.core.errors import InputError
from consilium.validation import (
    auprc,
    auroc,
    brier,
    calibration_slope,
    completeness,
    learner_result,
    log_odds,
    measure,
    missing_share,
    net_benefit,
    probability,
    subgroups,
)


def test_each_group_is_measured_on_its_own(simulated):
    y, p = simulated(600, 1)
    sex = np.array(["F", "M", "M"] * 200)
    female, male = subgroups(y, p, {"sex": sex})
    assert (female.name, female.n, female.events) == ("sex: F", 200, y[sex == "F"].sum())
    assert (male.name, male.n, male.events) == ("sex: M", 400, y[sex == "M"].sum())
    assert female.auroc.value == pytest.approx(roc_auc_score(y[sex == "F"], p[sex == "F"]))
    assert male.observed_over_expected.value == pytest.approx(y[sex == "M"].sum() / p[sex == "M"].sum())
    whole = roc_auc_score(y, p)
    assert female.gap == pytest.approx(max(0, whole - female.auroc.value))
    assert male.gap == pytest.approx(max(0, whole - male.auroc.value))


def test_a_group_the_model_fails_has_a_gap_and_one_it_serves_has_none(simulated):
    y, p = simulated(1000, 2)
    group = np.repeat(["served", "failed"], 500)
    p[500:] = np.random.default_rng(0).permutation(p[500:])
    failed, served = subgroups(y, p, {"site": group})
    assert failed.gap > 0.1
    assert served.gap == 0
    assert failed.note == served.note == ""


@pytest.mark.parametrize(("n", "events"), [(400, 9), (400, 391), (12, 6)])
def test_a_group_with_too_few_of_either_outcome_is_not_measured(n, events):
    random = np.random.default_rng(1)
    y = np.concatenate([np.repeat([1, 0], [events, n - events]), np.tile([0, 1], 50)])
    (rare,) = [g for g in subgroups(y, random.random(n + 100), {"ward": ["rare"] * n + ["usual"] * 100}) if g.name == "ward: rare"]
    assert (rare.n, rare.events) == (n, events)
    assert rare.auroc is rare.observed_over_expected is rare.gap is None
    assert "fewer than 10" in rare.note


@pytest.mark.parametrize(("n", "counts"), [(49, False), (50, True)])
def test_the_gap_counts_from_50_patients_on(n, counts):
    y = np.concatenate([np.arange(n) % 2, np.tile([0, 1], 50)])
    p = np.concatenate([np.where(np.arange(n) % 2, 0.1, 0.9), np.tile([0.1, 0.9], 50)])
    (small,) = [g for g in subgroups(y, p, {"ward": ["small"] * n + ["usual"] * 100}) if g.name == "ward: small"]
    assert small.auroc.value == 0
    assert (small.gap is not None) is counts
    assert ("fewer than 50" in small.note) is not counts


def test_unknown_labels_are_a_group_of_their_own_and_come_last(simulated):
    y, p = simulated(90, 3)
    found = subgroups(y, p, {"sex": [None, float("nan"), "", "zebra", "F"] * 18})
    assert [(g.name, g.n) for g in found] == [("sex: F", 18), ("sex: zebra", 18), ("sex: unknown", 54)]


def test_a_grouping_of_other_patients_is_refused(simulated):
    with pytest.raises(InputError, match="one label per patient in subgroups by sex"):
        subgroups(*simulated(20, 4), {"sex": ["F"]})


def test_missing_inputs_are_counted_and_complete_patients_told_apart(simulated):
    y, p = simulated(200, 5)
    observed = np.random.default_rng(2).random((200, 3)) > [0.0, 0.1, 0.5]
    assert missing_share(observed, ["a", "b", "c"]) == pytest.approx({"a": 0, "b": (~observed[:, 1]).mean(), "c": (~observed[:, 2]).mean()})
    complete, incomplete = subgroups(y, p, {"inputs": completeness(observed)})
    assert (complete.name, complete.n) == ("inputs: complete", observed.all(axis=1).sum())
    assert incomplete.n == 200 - complete.n


@pytest.mark.parametrize(("observed", "names"), [(np.ones((0, 1)), ["a"]), (np.ones((2, 2)), ["a"]), (np.ones(2), ["a", "b"])])
def test_missing_inputs_without_their_names_are_refused(observed, names):
    with pytest.raises(InputError, match="cannot be counted"):
        missing_share(observed, names)


def test_one_call_says_what_each_function_says(simulated):
    y, p = simulated(250, 6)
    found = measure(y, p, groups={"half": [0, 1] * 125}, seed=9)
    assert (found.n, found.events) == (250, y.sum())
    assert found.auroc == auroc(y, p)
    assert found.auprc == auprc(y, p, seed=9)
    assert found.net_benefit == net_benefit(y, p, seed=9)
    assert [g.name for g in found.subgroups] == ["half: 0", "half: 1"]
    assert measure(y, p).subgroups == ()


def test_a_learner_is_measured_as_the_seated_one(simulated):
    y, p = simulated(250, 7)
    found = learner_result("boosting", y, p, 1.5, seed=9)
    assert (found.learner, found.seconds) == ("boosting", 1.5)
    whole = measure(y, p, seed=9)
    assert (found.auroc, found.auprc, found.slope, found.intercept, found.brier) == (
        whole.auroc,
        whole.auprc,
        whole.slope,
        whole.intercept,
        whole.brier,
    )
    assert found.brier == brier(y, p, seed=9)
    assert found.slope == calibration_slope(y, p)


def test_log_odds_and_probability_undo_each_other():
    z = np.linspace(-13, 13, 101)
    assert log_odds(probability(z)) == pytest.approx(z, abs=1e-9)
