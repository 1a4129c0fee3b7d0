"""Measures of survival: against lifelines, against plain measures where nobody is lost, and against worlds whose truth is known."""

import warnings

import numpy as np
import pytest
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from lifelines.utils import concordance_index

from consilium.core.errors import InputError
from consilium.validation import (
    auprc,
    auroc,
    brier,
    calibration_intercept,
    calibration_slope,
    concordance,
    followed,
    incidence,
    kaplan_meier,
    known_weights,
    measure_survival,
    net_benefit,
)

HORIZON = 5.0


def world(n=600, seed=0, *, lost=True, competing=False, tied=False):
    """Exponential times with a known risk by the horizon; times of loss, of a rival event, and whether times are rounded."""
    draw = np.random.default_rng(seed)
    score = draw.normal(size=n)
    rate = 0.1 * np.exp(0.9 * score)
    event_at = draw.exponential(1 / rate)
    rival = draw.exponential(15.0, n) if competing else np.full(n, np.inf)
    lost_at = draw.uniform(1.0, 12.0, n) if lost else np.full(n, 100.0)
    time = np.minimum(np.minimum(event_at, rival), lost_at)
    event = np.where(time == event_at, 1, np.where(time == rival, 2, 0))
    if tied:
        time = np.ceil(time)
    p = 1 - np.exp(-rate * HORIZON)
    if competing:
        both = rate + 1 / 15.0
        p = rate / both * (1 - np.exp(-both * HORIZON))
    return followed(time, event), p, event_at <= HORIZON


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_harrells_c_is_lifelines(seed, tied):
    of, p, _ = world(seed=seed, tied=tied)
    p = np.round(p, 1)
    assert concordance(of, p, times=10)[0].value == pytest.approx(concordance_index(of.time, -p, of.event), abs=2e-6)


def test_kaplan_meier_and_incidence_are_lifelines():
    of, _, _ = world(competing=True)
    km = KaplanMeierFitter().fit(of.time, of.event > 0)
    aj = AalenJohansenFitter(calculate_variance=True).fit(of.time, of.event, event_of_interest=1)
    for at in (0.5, 2.0, 5.0):
        assert kaplan_meier(of, at) == pytest.approx(float(km.predict(at)), abs=1e-12)
        found = incidence(of, at)
        own = aj.cumulative_density_
        assert found.value == pytest.approx(float(own[own.index <= at].iloc[-1, 0]), abs=1e-6)
        assert found.low < found.value < found.high
        interval = aj.confidence_interval_
        np.testing.assert_allclose([found.low, found.high], interval[interval.index <= at].iloc[-1].to_numpy(), atol=2e-3)


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_weights_give_the_incidence_back(competing, tied):
    of, _, _ = world(competing=competing, tied=tied)
    weight = known_weights(of, HORIZON)
    had, known = of.by(HORIZON)
    assert (weight[~known] == 0).all() and (weight[known] >= 1).all()
    assert weight.sum() == pytest.approx(len(of.time))
    assert (weight * had).sum() / len(of.time) == pytest.approx(incidence(of, HORIZON).value, abs=1e-12)


def test_where_nobody_is_lost_it_is_the_plain_measure():
    of, p, had = world(lost=False)
    found, proof = measure_survival(of, p, HORIZON, times=20)
    assert found.auroc.value == pytest.approx(auroc(had, p).value, abs=1e-12)
    assert found.auprc.value == pytest.approx(auprc(had, p, times=2).value, abs=1e-12)
    assert found.brier.value == pytest.approx(brier(had, p, times=2).value, abs=1e-12)
    assert found.slope.value == pytest.approx(calibration_slope(had, p).value, abs=1e-6)
    assert found.intercept.value == pytest.approx(calibration_intercept(had, p).value, abs=1e-6)
    plain = net_benefit(had, p, times=2)
    np.testing.assert_allclose([n.model.value for n in found.net_benefit], [n.model.value for n in plain], atol=1e-12)
    np.testing.assert_allclose([n.treat_all for n in found.net_benefit], [n.treat_all for n in plain], atol=1e-12)
    assert proof.unknown == 0 and proof.uno.value == pytest.approx(concordance(of, p, HORIZON, times=2)[1].value)


@pytest.mark.parametrize("competing", [False, True])
def test_a_true_risk_is_found_well_calibrated_although_many_are_lost(competing):
    of, p, _ = world(6000, seed=4, competing=competing)
    found, proof = measure_survival(of, p, HORIZON, times=50, competing="another death" if competing else "")
    assert proof.unknown > 1000
    assert found.slope.low < 1 < found.slope.high
    assert found.intercept.low < 0 < found.intercept.high
    assert found.observed_over_expected.low < 1 < found.observed_over_expected.high
    # Uno's C and the AUROC do not depend on who was lost; they are those of a world in which nobody is.
    whole, all_proof = measure_survival(world(6000, seed=4, competing=competing, lost=False)[0], p, HORIZON, times=2)
    assert found.auroc.value == pytest.approx(whole.auroc.value, abs=0.015)
    assert found.brier.value == pytest.approx(whole.brier.value, abs=0.01)
    assert proof.uno.value == pytest.approx(all_proof.uno.value, abs=0.015)
    assert (proof.competing_events > 0) == competing


def test_one_minus_kaplan_meier_overstates_where_another_event_competes():
    of, p, _ = world(3000, competing=True)
    _, proof = measure_survival(of, p, HORIZON, times=2, competing="another death")
    last = proof.incidence[-1]
    assert last.time == HORIZON and last.one_minus_km > last.incidence.high
    alone, _, _ = world(3000)
    _, proof = measure_survival(alone, p, HORIZON, times=2)
    assert proof.incidence[-1].one_minus_km == pytest.approx(proof.incidence[-1].incidence.value, abs=1e-12)


def test_the_same_predictions_give_the_same_report_and_intervals_hold_their_value():
    of, p, _ = world(300)
    groups = {"sex": ["F", "M", None] * 100}
    one, two = (measure_survival(of, p, HORIZON, times=60, seed=3, groups=groups) for _ in range(2))
    assert one == two
    for estimate in (one[0].auroc, one[0].slope, one[0].brier, one[0].auprc, one[1].harrell, one[1].uno):
        assert estimate.low < estimate.value < estimate.high
    assert [g.name for g in one[0].subgroups] == ["sex: F", "sex: M", "sex: unknown"]
    assert all(g.auroc.low < g.auroc.value < g.auroc.high for g in one[0].subgroups)


def test_what_cannot_be_measured_is_refused():
    of, p, _ = world(50)
    with pytest.raises(InputError, match="by the horizon"):
        measure_survival(of, p, 1e-6, times=2)
    with pytest.raises(InputError, match="row 1"):
        followed([1.0, 0.0], [1, 0])
    with pytest.raises(InputError, match="row 0"):
        followed([1.0, 2.0], [7, 0])
    with pytest.raises(InputError, match="compared"):
        concordance(followed([1.0, 2.0], [0, 1]), [0.1, 0.2], times=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measure_survival(of, np.full(50, 0.3), HORIZON, times=20)
