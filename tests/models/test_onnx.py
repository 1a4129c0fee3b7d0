"""Models made elsewhere: every maker's form is read as its maker meant it, and what cannot be read without guessing is refused."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from consilium.core.errors import ModelError
from consilium.models.calibration import Calibration
from consilium.models.onnx import MOST_BYTES, Onnx, Reading
from consilium.models.seal import seal
from consilium.models.uncertainty import fit_intervals

NAMES = ("a", "b", "c")
ALL = (True, True, True)
WEIGHTS = np.array([[0.8], [-1.1], [0.3]], dtype=np.float32)


def rows(n: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)


def truth(X: np.ndarray) -> np.ndarray:
    return (X.astype(float) @ WEIGHTS)[:, 0] + 0.5


def rewired(model: Onnx, X: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["log_odds"], {"X": X})[0][:, 0].astype(float)


def graph(nodes, inputs, outputs, *, opset=15, constants=(), domain=""):
    base = [numpy_helper.from_array(WEIGHTS, "W"), numpy_helper.from_array(np.array([0.5], np.float32), "B")]
    made = helper.make_graph(nodes, "g", inputs, outputs, initializer=[*base, *constants])
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid(domain, opset), *([helper.make_opsetid("", 15)] if domain else [])], ir_version=8
    )


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def keras(last: str = "Sigmoid", *, shape=("unk__6", 1), opset=15):
    """The graph that tf2onnx makes of a dense Keras network: `:0` in names, MatMul and BiasAdd apart."""
    nodes = [
        helper.make_node("MatMul", ["input_1:0", "W"], ["model/dense/MatMul:0"]),
        helper.make_node("Add", ["model/dense/MatMul:0", "B"], ["model/dense/BiasAdd:0"]),
        helper.make_node(last, ["model/dense/BiasAdd:0"], ["Identity:0"]),
    ]
    return graph(nodes, [value("input_1:0", ["unk__5", 3])], [value("Identity:0", list(shape))], opset=opset)


def save(tmp_path, model) -> str:
    path = tmp_path / "m.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return str(path)


def agrees(path, expected, reading=None, X=None):
    model, X = Onnx(path, NAMES, ALL, reading), rows() if X is None else X
    np.testing.assert_allclose(model.log_odds(X), expected(X), atol=2e-5)
    np.testing.assert_allclose(rewired(model, X), expected(X), atol=2e-5)
    return model


def test_keras_by_tf2onnx(tmp_path):
    assert agrees(save(tmp_path, keras()), truth).get_params()["read_as"] == "probability"


def test_keras_of_an_old_opset_is_converted(tmp_path):
    agrees(save(tmp_path, keras(opset=11)), truth)


def test_keras_with_an_input_for_each_column(tmp_path):
    nodes = [
        helper.make_node("Concat", ["c:0", "a:0", "b:0"], ["all"], axis=1),
        helper.make_node("Gather", ["all", "order"], ["x"], axis=1),
        helper.make_node("MatMul", ["x", "W"], ["y"]),
        helper.make_node("Add", ["y", "B"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p:0"]),
    ]  # fmt: skip
    order = numpy_helper.from_array(np.array([1, 2, 0]), "order")
    inputs = [value(f"{n}:0", ["n", 1]) for n in ("c", "a", "b")]
    agrees(save(tmp_path, graph(nodes, inputs, [value("p:0", ["n", 1])], constants=[order])), truth)


def test_names_that_meet_ours_are_given_others(tmp_path):
    nodes = [helper.make_node("MatMul", ["X", "W"], ["y"]), helper.make_node("Add", ["y", "B"], ["log_odds"])]
    agrees(save(tmp_path, graph(nodes, [value("X", ["n", 3])], [value("log_odds", ["n", 1])])), truth, Reading("log_odds"))


@pytest.mark.parametrize("flat", [False, True])
def test_logits_must_be_named(tmp_path, flat):
    nodes = [helper.make_node("MatMul", ["x", "W"], ["y"]), helper.make_node("Add", ["y", "B"], ["z"])]
    out = value("z", ["n", 1])
    if flat:
        nodes.append(helper.make_node("Squeeze", ["z", "one"], ["out"]))
        out = value("out", ["n"])
    path = save(tmp_path, graph(nodes, [value("x", ["n", 3])], [out], constants=[numpy_helper.from_array(np.array([1]), "one")]))
    with pytest.raises(ModelError, match="cannot be seen"):
        Onnx(path, NAMES, ALL)
    agrees(path, truth, Reading("log_odds"))
    with pytest.raises(ModelError, match="is to be a probability is none"):
        Onnx(path, NAMES, ALL, Reading("probability")).log_odds(10 * rows())


def test_probabilities_said_to_be_logits_are_seen(tmp_path):
    assert Onnx(save(tmp_path, keras()), NAMES, ALL, Reading("log_odds")).looks_like_probabilities(rows())


@pytest.mark.parametrize("zipmap", [True, False, "columns"])
@pytest.mark.parametrize("words", [False, True])
def test_scikit_learn(tmp_path, zipmap, words):
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.ensemble import RandomForestClassifier

    X = rows(200)
    y = (truth(X) > 0).astype(int)
    forest = RandomForestClassifier(20, random_state=0).fit(X, np.array(["ill", "well"])[1 - y] if words else y)
    made = skl2onnx.to_onnx(forest, X[:1], options={id(forest): {"zipmap": zipmap}}, target_opset=18)
    path = save(tmp_path, made)
    p = forest.predict_proba(X)[:, 0 if words else 1]
    expected = np.log(np.clip(p, 1e-7, 1 - 1e-7) / (1 - np.clip(p, 1e-7, 1 - 1e-7)))
    if zipmap == "columns":
        with pytest.raises(ModelError, match="Which output"):
            Onnx(path, NAMES, ALL)
        return
    if words:
        with pytest.raises(ModelError, match=r"Which class|no such class"):
            Onnx(path, NAMES, ALL, Reading(positive="" if zipmap else "sick"))
    model = Onnx(path, NAMES, ALL, Reading(positive="ill" if words else ""))
    apart = np.abs(1 / (1 + np.exp(-model.log_odds(X))) - 1 / (1 + np.exp(-expected)))
    assert apart.max() < 1e-5
    np.testing.assert_allclose(1 / (1 + np.exp(-rewired(model, X))), 1 / (1 + np.exp(-expected)), atol=1e-5)


def test_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).eval()
    path = tmp_path / "m.onnx"
    free = {0: torch.export.Dim("n")}
    torch.onnx.export(network, (torch.zeros(4, 3),), dynamo=True, dynamic_shapes=(free,), verbose=False).save(
        str(path), external_data=False
    )

    def logits(X):
        with torch.no_grad():
            z = network(torch.tensor(X)).numpy().astype(float)
        return z[:, 1] - z[:, 0]

    agrees(str(path), logits, Reading("log_odds"))


def test_missing_inputs_are_what_the_card_says(tmp_path):
    path, X = save(tmp_path, keras()), rows()
    X[::2, 1] = np.nan
    with pytest.raises(ModelError, match="may be missing"):
        Onnx(path, NAMES, (True, False, True))
    model = Onnx(path, NAMES, (True, False, True), Reading(fill={"b": 2.0}))
    filled = np.where(np.isnan(X), 2.0, X).astype(np.float32)
    np.testing.assert_allclose(model.log_odds(X), truth(filled), atol=2e-5)
    np.testing.assert_allclose(rewired(model, X), truth(filled), atol=2e-5)
    with pytest.raises(ModelError, match="does not list"):
        Onnx(path, NAMES, ALL, Reading(fill={"z": 1.0}))


def test_a_model_that_takes_missing_gets_it(tmp_path):
    nodes = [
        helper.make_node("IsNaN", ["x"], ["gap"]), helper.make_node("Where", ["gap", "seven", "x"], ["w"]),
        helper.make_node("MatMul", ["w", "W"], ["y"]),
        helper.make_node("Add", ["y", "B"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p"]),
    ]  # fmt: skip
    seven = numpy_helper.from_array(np.array(0.7, np.float32), "seven")
    path, X = save(tmp_path, graph(nodes, [value("x", ["n", 3])], [value("p", ["n", 1])], constants=[seven])), rows()
    X[0] = np.nan
    model = Onnx(path, NAMES, (True, False, False), Reading(takes_missing=True))
    np.testing.assert_allclose(model.log_odds(X), truth(np.where(np.isnan(X), 0.7, X)), atol=2e-5)
    sealed(model, tmp_path, X)


def sealed(model, tmp_path, X):
    from consilium.models.served import ServedModel

    model.settle(X)
    raw, y = model.log_odds(X), (np.random.default_rng(1).random(len(X)) < 0.5).astype(int)
    seal(
        model, tmp_path / "sealed.onnx", names=NAMES, units=("1", "1", "1"), calibration=Calibration(0.5, 0.1),
        interval=fit_intervals(raw, y), X_train=X, card="card", version="1",
    )  # fmt: skip
    served = ServedModel.load(tmp_path / "sealed.onnx")
    np.testing.assert_allclose(served.log_odds(X), 0.5 * raw + 0.1, atol=1e-4)
    given = served.attribute(X)
    np.testing.assert_allclose(given.base + given.weights.sum(axis=1), served.log_odds(X), atol=1e-4)
    return served


def test_sealed_it_serves_like_ours_with_reasons(tmp_path):
    X = rows()
    X[::3, 1] = np.nan
    served = sealed(Onnx(save(tmp_path, keras()), NAMES, (True, False, True), Reading(fill={"b": 0.4})), tmp_path, X)
    assert served.meta["learner"]["name"] == "onnx" and len(served.meta["learner"]["parameters"]["sha256"]) == 64


def bad(make):
    return pytest.param(make, id=make.__name__)


def external(tmp_path):
    model = keras()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return model, "another file"


def custom_operator(tmp_path):
    model = keras()
    model.graph.node[2].domain = "evil.ops"
    model.opset_import.append(helper.make_opsetid("evil.ops", 1))
    return model, "not ONNX's own"


def control_flow(tmp_path):
    inner = helper.make_graph([helper.make_node("Identity", ["W"], ["k"])], "inner", [], [value("k", [3, 1])])
    nodes = [helper.make_node("If", ["yes"], ["z"], then_branch=inner, else_branch=inner)]
    return graph(
        nodes, [value("x", ["n", 3])], [value("z", ["n", 1])], constants=[numpy_helper.from_array(np.array(True), "yes")]
    ), "within a graph"


def three_classes(tmp_path):
    wide = numpy_helper.from_array(np.ones((3, 3), np.float32), "wide")
    nodes = [helper.make_node("MatMul", ["x", "wide"], ["z"]), helper.make_node("Softmax", ["z"], ["p"])]
    return graph(nodes, [value("x", ["n", 3])], [value("p", ["n", 3])], constants=[wide]), "another shape"


def four_inputs(tmp_path):
    return graph([helper.make_node("Sigmoid", ["x"], ["p"])], [value("x", ["n", 4])], [value("p", ["n", 4])]), "other inputs"


def words_in(tmp_path):
    made = graph(
        [helper.make_node("Identity", ["x"], ["p"])], [value("x", ["n", 3], TensorProto.STRING)], [value("p", ["n", 3], TensorProto.STRING)]
    )
    return made, "not of numbers"


def fixed_batch(tmp_path):
    model = keras(shape=(1, 1))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return model, "free first dimension"


def a_sum_over_patients(tmp_path):
    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0), helper.make_node("Sigmoid", ["m"], ["p"])]
    return graph(nodes, [value("x", ["n", 3])], [value("p", [])]), "another shape"


def no_model(tmp_path):
    return b"\xff\xfe nonsense", "not an ONNX model"


def nothing(tmp_path):
    return b"", "empty or too large"


@pytest.mark.parametrize("make", [bad(m) for m in (
    external, custom_operator, control_flow, three_classes, four_inputs, words_in, fixed_batch, a_sum_over_patients, no_model, nothing,
)])  # fmt: skip
def test_what_cannot_be_trusted_is_refused_in_words(tmp_path, make):
    model, said = make(tmp_path)
    with pytest.raises(ModelError) as caught:
        Onnx(save(tmp_path, model), NAMES, ALL)
    assert said in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ModelError, match="too large"):
        Onnx(path, NAMES, ALL)


def test_the_spare_import_of_an_exporter_is_no_custom_operator(tmp_path):
    model = keras()
    model.opset_import.append(helper.make_opsetid("pkg.onnxscript.torch_lib", 1))
    agrees(save(tmp_path, onnx.load_from_string(model.SerializeToString())), truth)
