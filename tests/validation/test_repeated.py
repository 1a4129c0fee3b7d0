"""Rows of the same patient: they change no estimate, and they tell no more than the patient does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.errors import InputError
from consilium.validation import auroc, auroc_difference, brier, calibration_intercept, calibration_slope, coverage, measure, net_benefit
from consilium.validation.interval import wilson
from consilium.validation.repeated import repeated


def drawn(patients, rows, seed):
    """Risks and outcomes of patients who each have `rows` alike rows, and whose they are."""
    random = np.random.default_rng(seed)
    p = random.uniform(0.05, 0.95, patients)
    y = random.random(patients) < p
    return np.repeat(y, rows), np.repeat(p, rows), np.repeat(np.arange(patients) * 7 + 3, rows)


def width(estimate):
    return estimate.high - estimate.low


MEASURES = (auroc, calibration_slope, calibration_intercept, brier)


@pytest.mark.parametrize("measured", MEASURES)
def test_ten_copies_of_a_patient_are_worth_one(measured):
    y, p, _ = drawn(300, 1, 1)
    once = measured(y, p)
    y, p, whose = drawn(300, 10, 1)
    copies, blind = measured(y, p, subjects=whose), measured(y, p)
    assert copies.value == pytest.approx(once.value, abs=1e-9)
    assert width(copies) == pytest.approx(width(once), rel=0.15)
    assert width(blind) < 0.45 * width(once)


@pytest.mark.parametrize("measured", MEASURES)
def test_who_has_one_row_changes_nothing(measured):
    y, p, whose = drawn(200, 1, 2)
    assert measured(y, p, subjects=whose) == measured(y, p)


def test_everything_of_a_report_is_wider_with_copies():
    y, p, whose = drawn(400, 8, 3)
    groups = {"sex": np.where(whose % 2, "F", "M").tolist()}
    blind, seen = measure(y, p, groups=groups), measure(y, p, groups=groups, subjects=whose)
    for name in ("auroc", "auprc", "slope", "intercept", "observed_over_expected", "brier", "scaled_brier"):
        assert getattr(seen, name).value == getattr(blind, name).value
        assert width(getattr(seen, name)) > 2 * width(getattr(blind, name)), name
    for before, after in zip(blind.calibration, seen.calibration, strict=True):
        assert (before.predicted, before.observed.value) == pytest.approx((after.predicted, after.observed.value))
        assert width(after.observed) > 1.5 * width(before.observed)
    for before, after in zip(blind.subgroups, seen.subgroups, strict=True):
        assert before.auroc.value == after.auroc.value and width(after.auroc) > 2 * width(before.auroc)
    middle = [t for t in range(len(seen.net_benefit)) if 0.2 < seen.net_benefit[t].threshold < 0.8]
    assert all(width(seen.net_benefit[t].model) > 2 * width(blind.net_benefit[t].model) for t in middle)


def test_a_paired_difference_and_the_coverage_count_patients():
    y, p, whose = drawn(300, 6, 4)
    other = np.random.default_rng(5).permutation(300).repeat(6)
    blind, seen = auroc_difference(y, p, other), auroc_difference(y, p, other, subjects=whose)
    assert seen.value == blind.value and width(seen) > 2 * width(blind)
    answers = np.stack([p < 0.7, p > 0.3], axis=1)
    blind, seen = coverage(y, answers)[0], coverage(y, answers, subjects=whose)[0]
    assert seen.covered.value == pytest.approx(blind.covered.value) and width(seen.covered) > 2 * width(blind.covered)


def test_the_interval_holds_the_truth_as_often_as_it_says_where_patients_differ():
    """Patients of one row or of twenty, all of whose rows share their fate."""
    held = {True: 0, False: 0}
    for seed in range(200):
        random = np.random.default_rng(seed)
        rows = random.choice([1, 20], 150)
        whose = np.repeat(np.arange(150), rows)
        y = (random.random(150) < 0.5)[whose]
        found = net_benefit(y, np.full(whose.size, 0.9), [0.5], seed=seed, times=200, subjects=whose)[0].model
        held[True] += found.low <= 0.0 <= found.high  # half of them have it, so that acting on all gains nothing
        blind = net_benefit(y, np.full(whose.size, 0.9), [0.5], seed=seed, times=200)[0].model
        held[False] += blind.low <= 0.0 <= blind.high
    assert 0.9 <= held[True] / 200 <= 1.0
    assert held[False] / 200 < 0.75


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_rows_are_never_worth_more_than_they_are(rows):
    whose, value = (np.array(column) for column in zip(*rows, strict=True))
    found = repeated(whose, len(rows))
    if found is not None:
        assert 0 < found.effective(value) <= len(rows)
        assert sum(found.totals(value)) == value.sum()


def test_where_all_are_alike_patients_are_counted():
    found = repeated([1, 1, 1, 2, 2, 2], 6)
    assert found.effective(np.ones(6, dtype=bool)) == 2
    with pytest.raises(InputError, match="one patient"):
        repeated([1, 2], 3)


def test_one_patient_alone_has_no_interval():
    y, p = np.tile([0, 1], 20), np.tile([0.2, 0.6, 0.4, 0.8], 10)
    assert calibration_slope(y, p, subjects=np.ones(40)).low is None
    assert auroc(y, p, subjects=np.ones(40)).low is not None and width(auroc(y, p, subjects=np.ones(40))) > 0.9
    assert width(wilson(1, 1)) > 0
