"""Challenge scores: against the official definition written out hour by hour, and its own published example."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import InputError
from consilium.validation.challenge import event_1, event_1_threshold, hours


def by_definition(labels, alarms):
    """Utility of one patient's hours as the challenge states it: slopes to and from six hours before onset, one hour after the other."""
    onset = labels.index(1) + 6 if 1 in labels else None
    total = 0.0
    for hour, alarm in enumerate(alarms):
        if onset is None:
            total += -0.05 if alarm else 0.0
            continue
        after = hour - onset
        if after > 3:
            continue
        if alarm:
            total += max((after + 12) / 6, -0.05) if after <= -6 else 1 - (after + 6) / 9
        else:
            total += 0.0 if after <= -6 else -2 * (after + 6) / 9
    return total


def best_alarms(labels):
    onset = labels.index(1) + 6 if 1 in labels else None
    return [int(onset is not None and -12 <= hour - onset <= 3) for hour in range(len(labels))]


def test_the_challenges_own_example():
    """Labels and predictions of the example in `evaluate_sepsis_score.py`, and the utility it states: 3.388888888888889."""
    labels, alarms = [0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1]
    assert by_definition(labels, alarms) == pytest.approx(3.388888888888889, abs=1e-12)
    found = hours(labels, [1] * 6)
    silence = by_definition(labels, [0] * 6)
    assert found.gain[np.array(alarms) == 1].sum() == pytest.approx(3.388888888888889 - silence, abs=1e-12)


patients = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 60)).flatmap(
        lambda shape: st.tuples(
            st.just([int(hour >= shape[1]) for hour in range(shape[0])]), st.lists(st.integers(0, 1), min_size=shape[0], max_size=shape[0])
        )
    ),
    min_size=1,
    max_size=6,
)


@given(patients)
def test_utility_is_the_definitions_sum_over_patients(stays):
    labels = [label for stay, _ in stays for label in stay]
    if len(set(labels)) < 2:
        return
    found = hours(labels, [n for n, (stay, _) in enumerate(stays) for _ in stay])
    told, best, silent = (
        sum(by_definition(stay, alarms) for stay, alarms in chosen)
        for chosen in (stays, [(s, best_alarms(s)) for s, _ in stays], [(s, [0] * len(s)) for s, _ in stays])
    )
    assert found.best == pytest.approx(best - silent, abs=1e-9)
    if found.best > 0:
        alarms = [alarm for _, own in stays for alarm in own]
        assert found.utility(alarms) == pytest.approx((told - silent) / (best - silent), abs=1e-9)


def test_a_threshold_is_the_best_there_is():
    draw = np.random.default_rng(2)
    subjects = np.repeat(np.arange(40), 30)
    labels = np.concatenate([np.arange(30) >= onset for onset in draw.integers(5, 60, 40)])
    score = labels + draw.normal(size=len(labels))
    found = hours(labels, subjects)
    cut, worth = found.threshold(score)
    assert found.utility(score >= cut) == pytest.approx(worth)
    assert worth == pytest.approx(max(found.utility(score >= value) for value in score))
    y = draw.random(300) < 0.2
    risk = y + draw.normal(size=300)
    cut, worth = event_1_threshold(y, risk)
    assert event_1(y, risk >= cut) == pytest.approx(worth)
    assert worth == pytest.approx(max(event_1(y, risk >= value) for value in risk))


def test_hours_out_of_order_and_alarms_too_few_are_refused():
    with pytest.raises(InputError, match="stand together"):
        hours([0, 1, 0], [1, 2, 1])
    with pytest.raises(InputError, match="differ in number"):
        hours([0, 1], [1, 1]).utility([1])
    with pytest.raises(InputError, match="same patients"):
        event_1([0, 1], [1])
