"""ONNX: a model made elsewhere (scikit-learn, PyTorch, TensorFlow, Keras ...), distrusted, and rewired to answer in log-odds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import ModelError
from consilium.models.odds import log_odds_of
from consilium.models.permutation import against_median
from consilium.models.preparation import medians
from consilium.models.wire import PLAIN_DOMAINS, contents

if TYPE_CHECKING:
    import onnx

MOST_BYTES = 64 * 2**20
CLIP = 1e-7
PROBABILITY, LOG_ODDS = "probability", "log_odds"
_LEAST_OPSET = 13
_OURS = "consilium_"
_ASK_ROWS = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """How a card says that a model's inputs and outputs are to be read.

    Parameters
    ----------
    output : str
        `probability` or `log_odds` (logits); may be empty where the graph itself shows it (Sigmoid, Softmax, a classifier's ZipMap).
    output_name : str
        Which output; may be empty where there is one that can be meant.
    positive : str
        The class that is the condition, where the graph names classes other than 0 and 1.
    takes_missing : bool
        The model itself takes NaN for what is missing.
    fill : mapping of str to float
        What stands for a missing optional input.
    """

    output: str = ""
    output_name: str = ""
    positive: str = ""
    takes_missing: bool = False
    fill: Mapping[str, float] = field(default_factory=dict)


class Onnx:
    """A model made elsewhere, in the place of a fitted learner: it answers, exports itself rewired, and gives reasons.

    Its answers here come from its own untouched bytes, so that the rewired graph is held against them when it is sealed.

    Parameters
    ----------
    path : path
        The file.
    names : sequence of str
        The card's inputs in their order.
    required : sequence of bool
        Which of them the specialist never speaks without.
    reading : Reading

    Raises
    ------
    ModelError
        When the file is too large, no plain ONNX model, keeps data elsewhere, uses custom operators or subgraphs, reads other
        inputs, or gives an output that cannot be read without guessing.
    """

    def __init__(self, path: Path | str, names: Sequence[str], required: Sequence[bool], reading: Reading | None = None) -> None:
        self.where = str(path)
        self.names, self.reading = tuple(names), reading or Reading()
        self._model = _distrusted(Path(path))
        self.sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        self._inputs = _inputs(self._model, self.names, self.where)
        self._fill = self._filling(required)
        self._tensor, self._told, self._labels = self._output()
        self._session = _session(self._model, self.where)
        self._width = self._probed()
        if not self._told:
            raise ModelError(
                "Whether an output is a probability or log-odds cannot be seen from the graph",
                where=f"{self.where}, output {self._tensor}",
                do="say `model: {output: probability}` or `{output: log_odds}` in the card",
            )
        self._column = self._positive()

    def get_params(self) -> dict[str, Any]:
        """What the sealed file says of where it came from."""
        return {
            "sha256": self.sha256,
            "producer": self._model.producer_name,
            "output": self._tensor,
            "read_as": self._told,
            "column": self._column,
        }

    def log_odds(self, X: ArrayLike) -> NDArray[np.float64]:
        """Its own log-odds, float64 (n,), of rows X (n, p) with NaN where missing.

        Raises
        ------
        ModelError
            When an answer is no probability, or not a number.
        """
        rows = np.asarray(X, dtype=np.float32)
        raw = self._run(rows)
        if self._told == PROBABILITY:
            seen = raw[np.isfinite(raw)]
            if not np.isfinite(raw).all() or seen.min(initial=0) < -1e-6 or seen.max(initial=0) > 1 + 1e-6:
                raise ModelError(
                    "An output that is to be a probability is none",
                    where=self.where,
                    found=float(raw.flat[int(np.argmax(~((raw >= 0) & (raw <= 1))))]),
                    expected="0 to 1",
                    do="say `model: {output: log_odds}` in the card if these are logits",
                )
            p = raw[:, self._column]
            return np.asarray(log_odds_of(p, CLIP), dtype=np.float64)
        z = raw[:, 0] if self._width == 1 else raw[:, self._column] - raw[:, 1 - self._column]
        if not np.isfinite(z).all():
            raise ModelError("A model's answer is not a number", where=self.where, do="say `model: {fill: ...}` in the card")
        return np.asarray(z, dtype=np.float64)

    def looks_like_probabilities(self, X: ArrayLike) -> bool:
        """Whether what is said to be log-odds never leaves 0 to 1, so that it has probably been misread."""
        raw = self._run(np.asarray(X, dtype=np.float32))
        return self._told == LOG_ODDS and bool(((raw >= 0) & (raw <= 1)).all())

    def settle(self, X: ArrayLike) -> None:
        """Take the middle of rows X (n, p) for the inputs without which the specialist does not speak: reasons start from there."""
        if not self.reading.takes_missing:
            middle = medians(np.asarray(X, dtype=np.float32))
            self._fill = np.array([float(self.reading.fill.get(n, m)) for n, m in zip(self.names, middle, strict=True)])

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """Sampled Shapley values, which need nothing but the answers, against what stands for missing inputs.

        That is the middle patient with the card's fillings; where the model itself takes missing inputs, a patient of whom nothing
        is known.
        """
        return against_median(np.full(len(self.names), np.nan) if self.reading.takes_missing else self._fill)

    def to_onnx(self) -> onnx.ModelProto:
        """The model rewired: `X` float32 [n, p] to `log_odds` float32 [n, 1], without what its answer does not need."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        graph = self._model.graph
        constants: list[onnx.TensorProto] = []
        nodes: list[onnx.NodeProto] = []

        def constant(value: NDArray[Any]) -> str:
            name = f"{_OURS}c{len(constants)}"
            constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
            return name

        def node(operation: str, *inputs: str, **attributes: Any) -> str:
            name = f"{_OURS}n{len(nodes)}"
            nodes.append(helper.make_node(operation, list(inputs), [name], **attributes))
            return name

        rows = "X"
        if not self.reading.takes_missing:
            rows = node("Where", node("IsNaN", "X"), constant(self._fill.astype(np.float32)), "X")
        for put, columns, kind in self._inputs:
            part = rows if columns is None else node("Gather", rows, constant(np.array([columns])), axis=1)
            nodes.append(helper.make_node("Cast", [part], [put.name], to=kind))
        nodes.extend(_needed(graph.node, self._tensor))
        double = node("Cast", self._tensor, to=TensorProto.DOUBLE)
        wide = node("Reshape", double, constant(np.array([-1, self._width])))
        if self._told == PROBABILITY:
            p = node("Gather", wide, constant(np.array([self._column])), axis=1)
            held = node("Clip", p, constant(np.array(CLIP)), constant(np.array(1 - CLIP)))
            z = node("Sub", node("Log", held), node("Log", node("Sub", constant(np.array(1.0)), held)))
        elif self._width == 1:
            z = wide
        else:
            yes, no = (node("Gather", wide, constant(np.array([c])), axis=1) for c in (self._column, 1 - self._column))
            z = node("Sub", yes, no)
        nodes.append(helper.make_node("Cast", [z], ["log_odds"], to=TensorProto.FLOAT))
        used = {name for n in nodes for name in n.input}
        kept = [i for i in graph.initializer if i.name in used]
        made = helper.make_graph(
            nodes,
            "consilium",
            [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", len(self.names)])],
            [helper.make_tensor_value_info("log_odds", TensorProto.FLOAT, ["n", 1])],
            initializer=[*kept, *constants],
        )
        opsets, version = list(self._model.opset_import), self._model.ir_version
        model = helper.make_model(made, opset_imports=opsets, ir_version=version, producer_name="consilium")
        onnx.checker.check_model(model)
        return model

    def _filling(self, required: Sequence[bool]) -> NDArray[np.float64]:
        """What stands for a missing input; for one without which the specialist does not speak, nothing that is used (see `settle`)."""
        unknown = set(self.reading.fill) - set(self.names)
        if unknown:
            raise ModelError("The card fills inputs that it does not list", found=sorted(unknown), expected=self.names)
        if self.reading.takes_missing:
            return np.zeros(len(self.names))
        open_ = [n for n, r in zip(self.names, required, strict=True) if not r and n not in self.reading.fill]
        if open_:
            raise ModelError(
                "An input may be missing, and the model was not told what then",
                found=open_,
                do="mark it `required: true`, say `model: {fill: {input: value}}`, or `{takes_missing: true}` if the model takes NaN",
            )
        return np.array([float(self.reading.fill.get(n, 0.0)) for n in self.names])

    def _output(self) -> tuple[str, str, tuple[str, ...]]:
        """The tensor that answers, how it is read, and the names of its classes."""
        made = {name: n for n in self._model.graph.node for name in n.output}
        found: list[tuple[str, str, tuple[str, ...]]] = []
        for out in self._model.graph.output:
            n = made.get(out.name)
            if self.reading.output_name and self.reading.output_name not in (out.name, out.name.partition(":")[0]):
                continue
            if n is not None and n.op_type == "ZipMap":
                found.append((n.input[0], PROBABILITY, _classes(n)))
            elif out.type.tensor_type.elem_type in _floats():
                shown = _origin(out.name, made)
                told = PROBABILITY if shown is not None and shown.op_type in _PROBABLE else ""
                found.append((out.name, told, _classes(shown) if shown is not None else ()))
        if len(found) != 1:
            names = [o.name for o in self._model.graph.output]
            raise ModelError(
                "Which output answers cannot be told",
                where=self.where,
                found=names,
                expected="one output of real numbers",
                do="say `model: {output_name: ...}` in the card",
            )
        tensor, told, labels = found[0]
        if self.reading.output not in ("", PROBABILITY, LOG_ODDS):
            raise ModelError("An output is read in an unknown way", found=self.reading.output, expected=(PROBABILITY, LOG_ODDS))
        return tensor, self.reading.output or told, labels

    def _probed(self) -> int:
        """How many numbers answer for a row: 1 or 2."""
        rows = np.tile(self._fill, (_ASK_ROWS, 1)).astype(np.float32)
        raw = self._answer(rows)
        shape: tuple[int, ...] = raw.shape
        if shape not in ((_ASK_ROWS,), (_ASK_ROWS, 1), (_ASK_ROWS, 2)):
            raise ModelError(
                "A model's output has another shape",
                where=f"{self.where}, output {self._tensor}",
                found=shape,
                expected=f"({_ASK_ROWS},), ({_ASK_ROWS}, 1) or ({_ASK_ROWS}, 2) for {_ASK_ROWS} rows",
                do="export it with a free first dimension and one answer for each row",
            )
        return 2 if shape[1:] == (2,) else 1

    def _positive(self) -> int:
        if self._width == 1:
            if self.reading.positive:
                raise ModelError("A single output has no classes to choose from", where=self.where, found=self.reading.positive)
            return 0
        if self.reading.positive:
            labels = self._labels or ("0", "1")
            if self.reading.positive not in labels:
                raise ModelError("The model knows no such class", where=self.where, found=self.reading.positive, expected=labels)
            return labels.index(self.reading.positive)
        if self._labels and self._labels != ("0", "1"):
            raise ModelError(
                "Which class is the condition cannot be told",
                where=self.where,
                found=self._labels,
                do="say `model: {positive: ...}` in the card",
            )
        return 1

    def _run(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        if not self.reading.takes_missing:
            rows = np.where(np.isnan(rows), self._fill.astype(np.float32), rows)
        return self._answer(rows).reshape(-1, self._width)

    def _answer(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        from onnx import helper

        feed = {}
        for put, columns, kind in self._inputs:
            part = rows if columns is None else rows[:, [columns]]
            feed[put.name] = part.astype(helper.tensor_dtype_to_np_dtype(kind))
        from onnxruntime.capi import onnxruntime_pybind11_state as refused

        try:
            (answer,) = self._session.run([self._tensor], feed)
        except (refused.InvalidArgument, refused.Fail, refused.RuntimeException, refused.NotImplemented) as error:
            raise ModelError(
                "A model does not take the card's rows", where=self.where, found=str(error).splitlines()[0][:300],
                do="export it with a free first dimension, for as many inputs as the card lists",
            ) from error  # fmt: skip
        return np.asarray(answer, dtype=np.float64)


_PROBABLE = {"Sigmoid", "Softmax", "LinearClassifier", "TreeEnsembleClassifier", "SVMClassifier", "Normalizer"}
_PASSING = {"Identity", "Reshape", "Squeeze", "Unsqueeze", "Cast", "Flatten"}


def _floats() -> set[int]:
    from onnx import TensorProto

    return {TensorProto.FLOAT, TensorProto.DOUBLE}


def _distrusted(path: Path) -> onnx.ModelProto:
    """The file's model, after everything that could reach beyond it is excluded."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise ModelError("A model cannot be read", where=str(path), found=error.strerror) from error
    if not data:
        raise ModelError("A model is empty or too large", where=str(path), found=f"{size} bytes", expected=f"1 to {MOST_BYTES}")
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ModelError("The bytes are not an ONNX model", where=str(path), found=str(error)) from error
    used = {n.domain for n in model.graph.node}
    spare = [o for o in model.opset_import if o.domain not in PLAIN_DOMAINS and o.domain not in used]
    for opset in spare:
        model.opset_import.remove(opset)
    try:
        contents(model.SerializeToString())
    except ModelError as error:
        raise ModelError(error.what, where=str(path), found=error.found, expected=error.expected, do=error.do) from error
    taken = {name for n in model.graph.node for name in (*n.input, *n.output)} | {i.name for i in model.graph.initializer}
    if any(name in ("X", "log_odds") or name.startswith(_OURS) for name in taken):
        _renamed(model, taken)
    plain = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if plain < _LEAST_OPSET:
        from onnx import version_converter

        try:
            model = version_converter.convert_version(model, _LEAST_OPSET)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                "A model is of an old opset that does not convert", where=str(path), found=plain, expected=f"{_LEAST_OPSET} or later"
            ) from error
    return model


def _renamed(model: onnx.ModelProto, taken: set[str]) -> None:
    """Give every name that would meet one of ours another."""

    def other(name: str) -> str:
        return f"foreign_{name}" if name in ("X", "log_odds") or name.startswith(_OURS) else name

    if any(other(name) != name and other(name) in taken for name in taken):
        raise ModelError("Names of a model meet ours", found=sorted(taken)[:5])
    for n in model.graph.node:
        n.input[:] = [other(name) for name in n.input]
        n.output[:] = [other(name) for name in n.output]
    for put in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        put.name = other(put.name)
    del model.graph.value_info[:]


def _inputs(model: onnx.ModelProto, names: tuple[str, ...], where: str) -> list[tuple[Any, int | None, int]]:
    """Each input of the graph, the column it takes (None for all), and its type."""
    from onnx import TensorProto

    constants = {i.name for i in model.graph.initializer}
    puts = [put for put in model.graph.input if put.name not in constants]
    kinds = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32}
    for put in puts:
        kind = put.type.tensor_type.elem_type
        if not put.type.HasField("tensor_type") or kind not in kinds:
            raise ModelError("An input is not of numbers", where=f"{where}, input {put.name}", do="export the model for numbers")

    def width(put: Any) -> int | None:
        shape = put.type.tensor_type.shape.dim
        return None if len(shape) != 2 else shape[1].dim_value or None

    if len(puts) == 1 and len(puts[0].type.tensor_type.shape.dim) in (0, 2) and width(puts[0]) in (None, len(names)):
        return [(puts[0], None, puts[0].type.tensor_type.elem_type)]
    own = {put.name.removeprefix("foreign_").partition(":")[0]: put for put in puts}
    if set(own) == set(names) and all(width(put) in (None, 1) for put in puts):
        return [(own[name], k, own[name].type.tensor_type.elem_type) for k, name in enumerate(names)]
    found = [(put.name, [d.dim_value or d.dim_param or "?" for d in put.type.tensor_type.shape.dim]) for put in puts]
    expected = f"one [n, {len(names)}] in the card's order, or one [n, 1] for each of {', '.join(names[:5])} ..."
    raise ModelError("A model reads other inputs than the card lists", where=where, found=found, expected=expected)


def _needed(nodes: Sequence[onnx.NodeProto], tensor: str) -> list[onnx.NodeProto]:
    """The nodes that lead to a tensor, in their order."""
    made = {name: k for k, n in enumerate(nodes) for name in n.output}
    waiting, kept = [tensor], set()
    while waiting:
        k = made.get(waiting.pop())
        if k is not None and k not in kept:
            kept.add(k)
            waiting.extend(nodes[k].input)
    return [n for k, n in enumerate(nodes) if k in kept]


def _origin(name: str, made: Mapping[str, Any]) -> Any:
    """The node whose answer a tensor is, past nodes that only reshape it."""
    n = made.get(name)
    for _ in range(20):
        if n is None or n.op_type not in _PASSING:
            return n
        n = made.get(n.input[0])
    return None


def _classes(n: Any) -> tuple[str, ...]:
    for a in n.attribute:
        if a.name in ("classlabels_int64s", "classlabels_ints") and a.ints:
            return tuple(str(v) for v in a.ints)
        if a.name == "classlabels_strings" and a.strings:
            return tuple(v.decode("utf-8", "replace") for v in a.strings)
    return ()


def _session(model: onnx.ModelProto, where: str) -> Any:
    """The untouched graph, which also gives the tensor that answers where that is not an output of its own."""
    import onnx
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as refused

    refusals = (refused.Fail, refused.InvalidArgument, refused.InvalidGraph, refused.InvalidProtobuf, refused.NotImplemented)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    zipped = [n for n in shown.graph.node if n.op_type == "ZipMap"]
    for n in zipped:
        for out in list(shown.graph.output):
            if out.name in n.output:
                shown.graph.output.remove(out)
        shown.graph.output.append(onnx.helper.make_tensor_value_info(n.input[0], onnx.TensorProto.FLOAT, None))
        shown.graph.node.remove(n)
    try:
        return onnxruntime.InferenceSession(shown.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except (*refusals, refused.RuntimeException) as error:
        raise ModelError("onnxruntime cannot open a model", where=where, found=str(error).splitlines()[0][:300]) from error
