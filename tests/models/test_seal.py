"""Seal: the file answers as the learner does, or there is no file."""

import numpy as np
import onnx
import orjson
import pytest
from onnx import numpy_helper

from consilium.core.errors import ModelError
from consilium.models.calibration import Calibration
from consilium.models.grid import Grid
from consilium.models.logistic import Logistic
from consilium.models.odds import probability_of
from consilium.models.seal import seal
from consilium.models.served import ServedModel
from consilium.models.tree import Tree
from consilium.models.uncertainty import fit_intervals

from .conftest import CALIBRATION, gaps


class Bent(Logistic):
    """A logistic regression whose export alters one coefficient by one percent."""

    def to_onnx(self):
        model = super().to_onnx()
        weights = next(c for c in model.graph.initializer if list(c.dims) == [self.n_features_in_, 1])
        bent = numpy_helper.to_array(weights).copy()
        bent[0] *= 1.01
        weights.CopyFrom(numpy_helper.from_array(bent, weights.name))
        return model


class Turned(Tree):
    """A decision tree whose export sends what is missing the other way."""

    def to_onnx(self):
        model = super().to_onnx()
        node = next(n for n in model.graph.node if n.op_type == "TreeEnsemble")
        goes = next(a for a in node.attribute if a.name == "nodes_missing_value_tracks_true")
        goes.ints[:] = [1 - way for way in goes.ints]
        return model


class Boastful(Logistic):
    """A logistic regression that gives twice its reasons."""

    def reasons(self, X):
        given = super().reasons(X)
        return {**given, "slope": [2 * s for s in given["slope"]]}


def arguments(data, fitted):
    return {
        "names": data.names,
        "units": ["1"] * len(data.names),
        "calibration": CALIBRATION,
        "interval": fit_intervals(fitted.log_odds(data.X), data.y),
        "X_train": data.X,
        "card": "example",
        "version": "1",
    }


def test_the_file_answers_as_the_learner_does(sealed):
    expected = sealed.fitted.log_odds(sealed.asked)
    found = sealed.served.raw_log_odds(sealed.asked)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-6)
    np.testing.assert_allclose(probability_of(found), sealed.fitted.predict_proba(sealed.asked)[:, 1], atol=1e-6)
    np.testing.assert_allclose(sealed.served.probability(sealed.asked), probability_of(CALIBRATION.apply(expected)), atol=1e-6)


def test_the_file_is_plain_onnx(sealed):
    model = onnx.load(sealed.path)
    onnx.checker.check_model(model, full_check=True)
    assert [(i.name, i.type.tensor_type.elem_type) for i in (*model.graph.input, *model.graph.output)] == [("X", 1), ("log_odds", 1)]
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx.ml"}
    assert sealed.path.stat().st_size < 1_000_000


def test_the_same_arguments_give_the_same_bytes(sealed, tmp_path):
    again = tmp_path / "again.onnx"
    assert seal(sealed.fitted, again, **sealed.given) == sealed.sha256
    assert again.read_bytes() == sealed.path.read_bytes()


def test_what_was_given_is_kept(sealed):
    meta = sealed.served.meta
    assert sealed.served.names == tuple(sealed.data.names) and sealed.served.units == ("1",) * len(sealed.data.names)
    assert (meta["card"], meta["version"], meta["extra"]) == ("example", "1.2.3", {"note": "kept"})
    assert meta["learner"] == {"name": sealed.name, "parameters": orjson.loads(orjson.dumps(sealed.fitted.get_params()))}
    assert sealed.served.calibration == CALIBRATION
    assert sealed.served.sha256 == sealed.sha256
    np.testing.assert_allclose(meta["medians"], np.nanmedian(sealed.data.X, axis=0), rtol=1e-6)
    fixed, series = (sealed.given["grid"] or Grid(sealed.data.X.shape[1], 0, 0)).split(sealed.data.X)
    for name, extreme in (("min", np.nanmin), ("max", np.nanmax)):
        moving = extreme(series, axis=(0, 1)) if series.size else np.zeros(0)
        np.testing.assert_array_equal(meta["limits"][name], [*extreme(fixed, axis=0), *np.tile(moving, series.shape[1])])


@pytest.mark.parametrize("tampered", [Bent, Turned])
def test_the_gate_stops_an_export_that_answers_otherwise(tampered, tmp_path):
    data = gaps()
    fitted = tampered().fit(data.X, data.y)
    with pytest.raises(ModelError, match="does not answer as the learner does"):
        seal(fitted, tmp_path / "model.onnx", **arguments(data, fitted))
    assert list(tmp_path.iterdir()) == []


def test_the_gate_stops_reasons_that_do_not_add_up(tmp_path):
    data = gaps()
    fitted = Boastful().fit(data.X, data.y)
    with pytest.raises(ModelError, match="do not add up"):
        seal(fitted, tmp_path / "model.onnx", **arguments(data, fitted))
    assert list(tmp_path.iterdir()) == []


def test_a_refused_model_leaves_the_one_before_it(linear_file):
    before = linear_file.read_bytes()
    data = gaps()
    fitted = Bent().fit(data.X, data.y)
    with pytest.raises(ModelError):
        seal(fitted, linear_file, **arguments(data, fitted))
    assert linear_file.read_bytes() == before and [p.name for p in linear_file.parent.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("change", "says"), [({"names": ["a"]}, "disagree"), ({"units": ["1"] * 5}, "disagree"), ({"units": ["1"] * 5 + [""]}, "unit")]
)
def test_names_and_units_must_fit_the_columns(change, says, tmp_path):
    data = gaps(100)
    fitted = Logistic().fit(data.X, data.y)
    with pytest.raises(ModelError, match=says):
        seal(fitted, tmp_path / "model.onnx", **{**arguments(data, fitted), **change})


def test_a_column_never_observed_has_no_limits_and_is_outside_when_observed(tmp_path):
    data = gaps(100)
    data.X[:, 2] = np.nan
    fitted = Logistic().fit(data.X, data.y)
    seal(fitted, tmp_path / "model.onnx", **{**arguments(data, fitted), "calibration": Calibration()})
    served = ServedModel.load(tmp_path / "model.onnx")
    assert served.meta["limits"]["min"][2] is None and served.meta["medians"][2] is None
    row = np.where(np.isnan(data.X[:1]), np.nan, data.X[:1])
    assert served.outside(row) == [[]]
    row[0, 2] = 0.0
    assert served.outside(row) == [["input 2"]]


def test_extras_that_are_not_json_are_refused(tmp_path):
    data = gaps(100)
    fitted = Logistic().fit(data.X, data.y)
    with pytest.raises(ModelError, match="JSON"):
        seal(fitted, tmp_path / "deep" / "model.onnx", **arguments(data, fitted), extra={"learner": fitted})
    assert not (tmp_path / "deep").exists()
    assert len(seal(fitted, tmp_path / "deep" / "model.onnx", **arguments(data, fitted))) == 64
