"""Series learners: numpy computes what torch trained, step by step is as at once, and the gradients' reasons are true."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from consilium.core.errors import InputError, ModelError
from consilium.models import SERIES_LEARNERS, convolution, learner, recurrence
from consilium.models.seal import seal_stream
from consilium.models.sequence import Sequence
from consilium.models.sequence_training import SET_APART, Course, _apart, _Net
from consilium.models.served import ServedModel
from consilium.models.stream import Stream

from .conftest import CALIBRATION, QUICK, STAYS, stays

COURSE = Course(8, 1, 1, 1, 0.1, 0.1, 0.3, 0.5, 0)
THEIRS = {"input": "weight_ih_l0", "hidden": "weight_hh_l0", "input_offset": "bias_ih_l0", "hidden_offset": "bias_hh_l0"}


@pytest.fixture(params=SERIES_LEARNERS)
def stay(request, workshop):
    return workshop("stays", request.param)


@pytest.fixture
def stream(stay, tmp_path):
    names = stay.data.names
    given = {"calibration": CALIBRATION, "X_train": stay.data.X, "model_sha256": stay.sha256, "card": "example", "version": "1"}
    seal_stream(stay.fitted, tmp_path / "stream.onnx", fixed=names[:2], channels=("a", "b", "c"), **given)
    return Stream.load(tmp_path / "stream.onnx")


def in_torch(net):
    """The same network, its weights put into torch's own modules."""
    model = _Net(net.kind, net.grid.steps, 3 * net.grid.channels, 2 * net.grid.fixed, COURSE).double().eval()
    with torch.no_grad():
        model.head.weight[0], model.head.bias[:] = (torch.tensor(net.weights[name]) for name in ("head", "bias"))
        if net.kind == "tcn":
            for n, layer in enumerate(model.layers):
                layer.weight[:], layer.bias[:] = (torch.tensor(net.weights[f"{name}{n}"]) for name in ("layer", "offset"))
        else:
            for ours, theirs in THEIRS.items():
                getattr(model.units, theirs)[:] = torch.tensor(net.weights[ours])
    return model


def test_numpy_gives_torchs_answers_and_gradients(stay):
    net = stay.fitted.net_
    seen = net.see(stay.asked)
    z = torch.tensor(seen.z, requires_grad=True)
    answer = in_torch(net)(z, torch.tensor(seen.live, dtype=torch.float64), torch.tensor(seen.fixed))
    answer.sum().backward()
    np.testing.assert_allclose(net.log_odds(stay.asked), answer.detach().numpy(), atol=1e-10)
    h, trail = net._hidden(seen.z, seen.live)
    slope = np.tile(net.weights["head"][: h.shape[1]], (len(h), 1))
    if net.kind == "tcn":
        gradient = convolution.backward(net.weights, trail, slope)
    else:
        gradient = recurrence.backward(net.kind, net.weights, trail, slope)
    assert np.abs(gradient).max() > 0.01
    np.testing.assert_allclose(gradient, z.grad.numpy(), atol=1e-10)


def test_step_by_step_is_as_at_once_after_every_step(stay, stream):
    fixed, series = STAYS.split(stay.asked)
    state = stream.begin(len(stay.asked))
    width = state.shape[1]
    for step in range(STAYS.steps):
        found, state = stream.step(state, series[:, step], fixed)
        # What the whole-series model says of a record that is only so long: the steps not yet there stand empty before it.
        until = np.full_like(series, np.nan)
        until[:, STAYS.steps - 1 - step :] = series[:, : step + 1]
        whole = stay.served.log_odds(np.hstack([fixed, until.reshape(len(fixed), -1)]))
        np.testing.assert_allclose(found, whole, atol=1e-5)
        assert state.shape == (len(stay.asked), width)
    assert stream.model_sha256 == stay.sha256 and np.std(found) > 0.1


def test_a_stream_refuses_other_shapes_and_infinities_and_is_no_model(stream, stay, tmp_path):
    state = stream.begin()
    for channels, fixed in (
        (np.zeros((1, 4)), np.zeros((1, 2))),
        (np.zeros((2, 3)), np.zeros((1, 2))),
        (np.full((1, 3), np.inf), np.zeros((1, 2))),
    ):
        with pytest.raises(InputError):
            stream.step(state, channels, fixed)
    with pytest.raises(ModelError, match="step by step"):
        ServedModel.load(tmp_path / "stream.onnx")
    with pytest.raises(ModelError, match="no stream"):
        Stream.load(stay.path)
    with pytest.raises(ModelError, match="cannot be read"):
        Stream.load(tmp_path / "none.onnx")


def test_a_stream_that_answers_otherwise_is_not_written(stay, tmp_path):
    class Bent(type(stay.fitted)):
        def to_step_onnx(self):
            weights = {**self.net_.weights, "bias": self.net_.weights["bias"] + 0.01}
            bent = learner(self.kind)
            bent.net_ = Sequence(self.kind, self.net_.grid, self.net_.fixed, self.net_.mean, self.net_.gain, weights, self.net_.usual)
            bent.n_features_in_ = self.n_features_in_
            return bent.to_step_onnx()

    bent = Bent(**stay.fitted.get_params())
    bent.net_, bent.classes_, bent.n_features_in_ = stay.fitted.net_, stay.fitted.classes_, stay.fitted.n_features_in_
    given = {"calibration": CALIBRATION, "X_train": stay.data.X, "model_sha256": stay.sha256, "card": "example", "version": "1"}
    with pytest.raises(ModelError, match="step by step"):
        seal_stream(bent, tmp_path / "stream.onnx", fixed=stay.data.names[:2], channels=("a", "b", "c"), **given)
    assert not list(tmp_path.iterdir())


def test_gradients_are_the_path_integral(stay):
    """Against ten thousand small steps along the path, by the answer alone."""
    net = stay.fitted.net_
    row = next(n for n in range(len(stay.data.X)) if net.see(stay.data.X[n : n + 1]).live.all())
    seen = net.see(stay.data.X[row : row + 1])
    given = net._path(seen)
    usual, away = net.usual[0], seen.z[0] - net.usual[0]
    t, k = np.unravel_index(np.argmax(np.abs(given)), given.shape)
    middle = (np.arange(2000) + 0.5) / 2000
    nudge = np.zeros_like(away)
    nudge[t, k] = 1e-5
    path = usual + middle[:, None, None] * away
    live = np.repeat(seen.live, len(path), axis=0)
    slope = (net._run(path + nudge, live) - net._run(path - nudge, live)) / 2e-5
    assert given[t, k] == pytest.approx(slope.mean() * away[t, k], rel=1e-3)


def test_what_a_value_adds_goes_to_the_cell_it_was_seen_in(stay):
    """Cells that hold nothing weigh by their silence only: what they weigh is no more than masks and gaps can add."""
    net = stay.fitted.net_
    X = np.full((1, STAYS.width), np.nan, np.float32)
    X[0, STAYS.fixed] = 180.0
    seen = net.see(X)
    given = net._path(seen)
    _, weights = net.attribute(X)
    cells = weights[0, STAYS.fixed :].reshape(STAYS.steps, STAYS.channels)
    assert cells[0, 0] == pytest.approx(given[:, 0].sum() + given[0, 3] + given[0, 6], abs=1e-12)
    np.testing.assert_allclose(cells[1:, 0], given[1:, 3] + given[1:, 6], atol=1e-12)


def test_steps_before_the_record_begins_are_not_run(stay):
    """A record that begins late says the same however long the silence before it that the grid happens to have room for."""
    net = stay.fitted.net_
    X = stay.data.X[:1].copy()
    X[0, STAYS.fixed : STAYS.fixed + 4 * STAYS.channels] = np.nan
    X[0, STAYS.fixed + 4 * STAYS.channels] = 120.0
    seen = net.see(X)
    assert seen.live[0].tolist() == [False] * 4 + [True] * 2
    noisy = seen.z.copy()
    noisy[:, :4] = 7.0
    np.testing.assert_array_equal(net._run(noisy, seen.live), net._run(seen.z, seen.live))
    assert not np.allclose(net._run(noisy, np.ones_like(seen.live)), net._run(noisy, seen.live))
    if net.kind != "tcn":  # whose number of layers is bound to the number of steps
        np.testing.assert_allclose(net._run(seen.z[:, 4:], seen.live[:, 4:]), net._run(seen.z, seen.live), atol=1e-12)


def test_it_learns_a_trend_that_no_single_step_shows(stay):
    from sklearn.metrics import roc_auc_score

    data = stays(600, 11)
    parameters = {**QUICK[stay.name], "epochs": 30, "drop": 0.1}
    fitted = learner(stay.name, **parameters).fit(data.X, data.y)
    other = stays(600, 12)
    assert roc_auc_score(other.y, fitted.log_odds(other.X)) > 0.8


def test_the_same_seed_gives_the_same_network_and_another_seed_another(stay):
    data = stays(120)
    one, two, other = (learner(stay.name, **{**QUICK[stay.name], "epochs": 2, "random_state": s}).fit(data.X, data.y) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.net_.weights["head"], two.net_.weights["head"])
    assert np.abs(one.net_.weights["head"] - other.net_.weights["head"]).max() > 0.01


def test_nobody_is_learned_from_and_asked_when_to_stop():
    draw = np.random.default_rng(0)
    subjects = np.sort(draw.integers(0, 400, 3000))
    y = (draw.random(3000) < 0.05).astype(np.int64)
    learn, check = _apart(y, subjects, 3)
    assert sorted([*learn, *check]) == list(range(3000))
    assert not set(subjects[learn]) & set(subjects[check])
    assert len(set(subjects[check])) == pytest.approx(SET_APART * 400, abs=2)
    few, none = _apart(np.eye(1, 100, 3, dtype=np.int64)[0], np.arange(100), 0)
    assert len(few) == 100 and not len(none)


def test_progress_is_told_and_subjects_must_be_as_many_as_rows():
    data = stays(120)
    told = []
    learner("rnn", **{**QUICK["rnn"], "epochs": 3}).fit(data.X, data.y, progress=told.append)
    assert len(told) == 3 and all("pass" in words for words in told)
    with pytest.raises(ValueError, match="inconsistent"):
        learner("rnn", **QUICK["rnn"]).fit(data.X, data.y, subjects=[1, 2])


def test_rows_must_be_as_wide_as_the_grid():
    data = stays(60)
    with pytest.raises(ModelError, match="as wide as the grid"):
        learner("gru", steps=5, fixed=2).fit(data.X, data.y)


def test_streaming_imports_nothing_that_trains(stream, tmp_path):
    code = f"""
import sys
import numpy as np
from consilium.models.stream import Stream
stream = Stream.load({str(tmp_path / "stream.onnx")!r})
stream.step(stream.begin(), np.full((1, 3), np.nan), np.zeros((1, 2)))
print(sorted(set(sys.modules) & {{"torch", "sklearn", "scipy", "onnx", "lightgbm"}}))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
