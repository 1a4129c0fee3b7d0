"""Laws of every survival learner, fitted, sealed and served."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

from consilium.core.errors import ModelError
from consilium.models import HAZARDS, hazards
from consilium.models.calibration import fit_calibration
from consilium.models.odds import probability_of
from consilium.models.seal import seal
from consilium.models.served import ServedModel
from consilium.models.uncertainty import fit_intervals
from consilium.validation import followed, known_weights

QUICK = {"boosted_cox": {"n_estimators": 40}, "neural_cox": {"networks": 2, "max_iter": 60}}
HORIZON = 4.0


def made(name):
    return hazards(name, horizon=HORIZON, **QUICK.get(name, {}))


def world(n=300, seed=1):
    """Five inputs on different scales, one constant and one often missing; half of the patients are lost before the event."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, 5)) * [1, 100, 1e-3, 1, 1] + [0, 1000, 0, 5, 0]
    X[:, 3] = 5
    time = draw.exponential(5 * np.exp(-0.8 * X[:, 0] + 0.5 * (X[:, 1] - 1000) / 100))
    lost = draw.uniform(0.5, 12, n)
    X[draw.random(n) < 0.3, 4] = np.nan
    return X.astype(np.float32), np.minimum(time, lost), (time <= lost).astype(int)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    @cache
    def work(name):
        X, time, event = world()
        fitted = made(name).fit(X, time, event)
        raw, of = fitted.log_odds(X), followed(time, event)
        had, weight = of.by(HORIZON)[0], known_weights(of, HORIZON)
        calibration = fit_calibration(raw, had, weight)
        path = tmp_path_factory.mktemp(name) / "model.onnx"
        seal(
            fitted, path, names=[f"input {i}" for i in range(5)], units=["1"] * 5, calibration=calibration,
            interval=fit_intervals(calibration.apply(raw), had, weight), X_train=X, card="example", version="1",
            extra={"course": fitted.course()},
        )  # fmt: skip
        asked = np.vstack([X, np.where(np.random.default_rng(2).random(X.shape) < 0.4, np.nan, X)]).astype(np.float32)
        return SimpleNamespace(fitted=fitted, served=ServedModel.load(path), asked=asked, X=X, time=time, event=event)

    return work


every = pytest.mark.parametrize("name", HAZARDS)


@every
def test_survival_never_rises_and_is_a_probability(workshop, name):
    one = workshop(name)
    times = np.linspace(0, one.time.max(), 60)
    for model in (one.fitted, one.served):
        found = model.survival(one.asked, times)
        assert found.shape == (len(one.asked), 60)
        assert (found[:, 0] == 1).all() and ((found >= 0) & (found <= 1)).all()
        assert (np.diff(found, axis=1) <= 0).all()


@every
def test_alone_equals_in_a_batch(workshop, name):
    one = workshop(name)
    together, curves = one.served.probability(one.asked), one.fitted.survival(one.asked, [1.0, HORIZON])
    for row in range(0, len(one.asked), 37):
        assert one.served.probability(one.asked[row][None])[0] == pytest.approx(together[row], abs=1e-7)
        np.testing.assert_allclose(one.fitted.survival(one.asked[row][None], [1.0, HORIZON])[0], curves[row], rtol=1e-12)


@every
def test_risk_is_one_minus_survival_at_the_horizon(workshop, name):
    one = workshop(name)
    np.testing.assert_allclose(one.fitted.risk(one.asked), 1 - one.fitted.survival(one.asked, HORIZON)[:, 0], atol=1e-12)
    np.testing.assert_allclose(one.served.probability(one.asked), 1 - one.served.survival(one.asked, HORIZON)[:, 0], atol=1e-12)


@every
def test_served_answers_as_learned_and_its_reasons_add_up(workshop, name):
    one = workshop(name)
    np.testing.assert_allclose(probability_of(one.served.raw_log_odds(one.asked)), one.fitted.risk(one.asked), atol=1e-5)
    given = one.served.attribute(one.asked[::20])
    np.testing.assert_allclose(given.base + given.weights.sum(axis=1), one.served.log_odds(one.asked[::20]), atol=1e-4, rtol=1e-6)
    assert np.abs(given.weights[:, :2]).max() > 0.1
    np.testing.assert_allclose(given.weights[:, 3], 0, atol=1e-12)


@every
def test_it_ranks_patients_it_has_not_seen(workshop, name):
    from lifelines.utils import concordance_index

    X, time, event = world(seed=9)
    assert concordance_index(time, -workshop(name).fitted.log_hazard(X), event) > 0.65


@every
def test_the_order_of_patients_changes_nothing_that_matters(name):
    X, time, event = world(120)
    turned = slice(None, None, -1)
    if name == "neural_cox":
        # Which patients are set apart to stop by depends on their order; the same order gives the same network.
        turned = slice(None)
    one, two = made(name).fit(X, time, event), made(name).fit(X[turned], time[turned], event[turned])
    np.testing.assert_allclose(one.log_odds(X), two.log_odds(X), atol=1e-6)


@every
def test_a_competing_event_is_the_end_of_follow_up(name):
    X, time, event = world(120)
    rival = np.where(event == 0, 2, event)
    np.testing.assert_array_equal(made(name).fit(X, time, event).log_odds(X), made(name).fit(X, time, rival).log_odds(X))


@every
def test_parameters_are_untouched_and_a_clone_learns_the_same(workshop, name):
    one = workshop(name)
    assert vars(made(name)) == made(name).get_params()
    again = clone(one.fitted).fit(one.X, one.time, one.event)
    np.testing.assert_array_equal(again.log_odds(one.asked), one.fitted.log_odds(one.asked))


@every
def test_what_cannot_be_learned_is_refused(workshop, name):
    X, time, event = world(60)
    for broken, words in (
        ((X, -time, event), "above 0"),
        ((X, time, event * 0), "needs events"),
        ((X, time[1:], event), "inconsistent"),
        ((X, time / 1000, event), "horizon"),
        ((np.where(np.arange(len(X))[:, None] == 0, np.inf, X), time, event), "infinity"),
    ):
        with pytest.raises(ValueError, match=words):
            made(name).fit(*broken)
    with pytest.raises(ModelError, match="nobody was followed"):
        workshop(name).fitted.survival(X, 1e6)
    with pytest.raises(ModelError, match="nobody was followed"):
        workshop(name).served.survival(X, [1.0, -1.0])
