"""Served model: it opens only what was sealed, answers one as it answers many, and needs no library that trains."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from consilium.core.errors import InputError, ModelError
from consilium.models.odds import probability_of
from consilium.models.sealed import KEY, SEAL_KEY
from consilium.models.served import ServedModel
from consilium.models.wire import contents, seal_of

TRAINING = ("torch", "sklearn", "scipy", "lightgbm", "interpret", "onnx", "skl2onnx", "onnxmltools", "pandas", "matplotlib")


def resealed(model):
    """A changed model whose checksum is right again: what the other guards must catch."""
    held = contents(model.SerializeToString(deterministic=True))
    for entry in model.metadata_props:
        if entry.key == SEAL_KEY:
            entry.value = seal_of(held.graph, held.metadata[KEY])
    return model.SerializeToString(deterministic=True)


def test_one_alone_or_in_a_batch_is_the_same(sealed):
    asked, together = sealed.asked[::23], sealed.served.log_odds(sealed.asked)[::23]
    alone = np.concatenate([sealed.served.log_odds(row[None]) for row in asked])
    np.testing.assert_allclose(alone, together, atol=1e-6, rtol=1e-6)
    assert together.dtype == np.float64 and together.shape == (len(asked),)


def test_probabilities_lie_inside_their_intervals(sealed):
    log_odds = sealed.served.log_odds(sealed.asked)
    probability = sealed.served.probability(sealed.asked)
    low, high = sealed.served.interval(log_odds)
    np.testing.assert_array_equal(probability, probability_of(log_odds))
    assert ((low >= 0) & (low <= probability) & (probability <= high) & (high <= 1)).all()
    assert (high - low).max() > 0.05


def test_rows_out_of_the_training_limits_are_named(sealed):
    row = sealed.data.X[:1].copy()
    assert sealed.served.outside(sealed.data.X) == [[]] * len(sealed.data.X)
    row[0, 1] = np.nanmax(sealed.data.X[:, 1]) * 1.5
    row[0, 0] = np.nan
    assert sealed.served.outside(row) == [[sealed.data.names[1]]]


def test_rows_of_another_shape_or_infinite_are_refused(sealed):
    width = len(sealed.served.names)
    for wrong in (np.zeros((1, width + 1)), np.zeros(width), np.full((1, width), np.inf)):
        for ask in (sealed.served.log_odds, sealed.served.attribute, sealed.served.outside):
            with pytest.raises(InputError):
                ask(wrong)
    assert sealed.served.log_odds(np.empty((0, width))).shape == (0,)
    assert sealed.served.attribute(np.empty((0, width))).weights.shape == (0, width)


def test_a_file_that_is_not_there_or_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"nothing\.onnx"):
        ServedModel.load(tmp_path / "nothing.onnx")
    for name, data in {"empty": b"", "text": b"not a model at all", "zeros": bytes(100)}.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        with pytest.raises(ModelError, match=name):
            ServedModel.load(path)


def test_a_file_cut_short(linear_file):
    whole = linear_file.read_bytes()
    for share in (0.05, 0.3, 0.6, 0.95):
        linear_file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ModelError):
            ServedModel.load(linear_file)


def test_a_single_damaged_byte_anywhere(linear_file):
    whole = bytearray(linear_file.read_bytes())
    model = onnx.load_from_string(bytes(whole))
    guarded = contents(bytes(whole))
    places = [bytes(whole).index(guarded.graph) + i for i in range(5, len(guarded.graph), 97)]
    start = bytes(whole).index(guarded.metadata[KEY].encode())
    places += list(range(start + 3, start + len(guarded.metadata[KEY]), 499))
    assert len(places) > 20 and model.graph.name == "consilium"
    for place in places:
        damaged = whole.copy()
        damaged[place] ^= 1
        linear_file.write_bytes(bytes(damaged))
        with pytest.raises(ModelError):
            ServedModel.load(linear_file)


def test_a_model_without_our_seal(linear_file):
    model = onnx.load(linear_file)
    del model.metadata_props[:]
    linear_file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="not sealed by consilium"):
        ServedModel.load(linear_file)


def test_weights_in_another_file_are_refused(linear_file):
    model = onnx.load(linear_file)
    weights = next(c for c in model.graph.initializer if len(c.dims) == 2)
    (linear_file.parent / "weights.bin").write_bytes(weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    linear_file.write_bytes(resealed_bytes := model.SerializeToString())
    assert b"weights.bin" in resealed_bytes
    with pytest.raises(ModelError, match="another file"):
        ServedModel.load(linear_file)


@pytest.mark.parametrize("domain", ["com.example", "com.microsoft"])
def test_custom_operators_are_refused(linear_file, domain):
    model = onnx.load(linear_file)
    model.graph.node[-1].domain = domain
    linear_file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="not ONNX's own"):
        ServedModel.load(linear_file)


def test_graphs_within_graphs_and_functions_are_refused(linear_file):
    body = helper.make_graph([], "body", [], [])
    model = onnx.load(linear_file)
    model.graph.node[0].attribute.append(helper.make_attribute("then_branch", body))
    linear_file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="graph within a graph"):
        ServedModel.load(linear_file)
    del model.graph.node[0].attribute[-1]
    model.functions.append(
        helper.make_function("", "Own", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], [helper.make_opsetid("", 21)])
    )
    linear_file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="functions of its own"):
        ServedModel.load(linear_file)


def test_a_graph_that_onnxruntime_refuses(linear_file):
    model = onnx.load(linear_file)
    model.graph.node[1].op_type = "NoSuchOperator"
    held = onnx.load_from_string(resealable(model))
    linear_file.write_bytes(resealed(held))
    with pytest.raises(ModelError, match="onnxruntime cannot open"):
        ServedModel.load(linear_file)


def test_reasons_that_do_not_add_up_are_not_given(linear_file):
    model = onnx.load(linear_file)
    weights = next(c for c in model.graph.initializer if len(c.dims) == 2)
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 1.1, weights.name))
    linear_file.write_bytes(resealed(model))
    served = ServedModel.load(linear_file)
    with pytest.raises(ModelError, match="do not add up"):
        served.attribute(np.array([[3, 1300, 0.001, 5, 7, 1]], np.float32))


def resealable(model):
    return model.SerializeToString(deterministic=True)


def test_serving_imports_nothing_that_trains(sealed):
    code = f"""
import sys
import numpy as np
import consilium.models
from consilium.models.served import ServedModel
served = ServedModel.load({str(sealed.path)!r})
row = np.full((1, len(served.names)), np.nan, np.float32)
served.attribute(row), served.interval(served.log_odds(row)), served.outside(row)
print(sorted(set(sys.modules) & set({TRAINING!r})))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
