"""Gradient: an ONNX network that also gives where its answer comes from, so that it can be explained without torch where it is served.

The graph is differentiated backwards, node by node, with ONNX's own operators, and shares its weights; nothing is trained anew. It then
gives `gradient` float32 [n, channels, rows, columns], by how much the log-odds of one answer rise with each number of `X`, and
`activation` float32 [n, rows, columns] at its deepest feature map: gradient times feature, summed over features and members, mirror
images turned back. Where a network ends in a mean over the map and a linear layer that is Grad-CAM, and the class activation map, and it
sums to the log-odds without their intercept. Sources: Zhou et al. 2016, doi:10.1109/CVPR.2016.319; Selvaraju et al. 2017,
doi:10.1109/ICCV.2017.74; Draelos & Carin 2020, arXiv:2011.08891 (gradient times feature, place by place).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import ModelError

if TYPE_CHECKING:
    import onnx

REASONS = ("gradient", "activation")
_ANSWERS, _IMAGE = "log_odds", "X"
_PLAIN = frozenset({"Constant", "Identity", "Cast", "DequantizeLinear"})


def explained(model: onnx.ModelProto, answer: int = 0) -> onnx.ModelProto:
    """The graph with the outputs `gradient` and `activation` of one answer beside its own.

    Parameters
    ----------
    model : onnx.ModelProto
        From `X` [n, channels, rows, columns] to, among others, `log_odds` [n, answers].
    answer : int
        Which column is explained.

    Raises
    ------
    ModelError
        When the graph holds an operator that is not differentiated here, or takes no mean over a feature map.
    """
    from onnx import TensorProto, checker, helper

    whole = type(model)()
    whole.CopyFrom(model)
    back = _Backwards(whole)
    one = np.eye(back.size(_ANSWERS, 1), dtype=np.float32)[answer]
    back.flows[_ANSWERS] = [back.add("Expand", back.number(one), back.add("Shape", _ANSWERS))]
    for node in reversed(whole.graph.node):
        back.through(node)
    deep = back.deepest()
    back.add("Identity", back.flow(_IMAGE), give=REASONS[0])
    back.add("Sum", *(back.activation(name) for name in deep), give=REASONS[1])
    whole.graph.node.extend(back.made)
    whole.graph.initializer.extend(back.constants)
    for name, axes in zip(REASONS, (4, 3), strict=True):
        whole.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * axes))
    checker.check_model(whole)
    return whole


class _Backwards:
    """The nodes by which a gradient flows from the answer to the image: `flows` holds what reaches each tensor, `made` the new nodes."""

    def __init__(self, model: onnx.ModelProto) -> None:
        from onnx import numpy_helper, shape_inference

        graph = shape_inference.infer_shapes(model).graph
        values = (*graph.input, *graph.output, *graph.value_info)
        self.shapes: dict[str, list[int]] = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
        self.known = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.known |= {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant"}
        self.nodes = {name: node for node in graph.node for name in node.output}
        self.moving = {_IMAGE}
        for node in graph.node:
            if self.moving & set(node.input):
                self.moving |= set(node.output)
        self.flows: dict[str, list[str]] = defaultdict(list)
        self.made: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *given: str, give: str = "", **said: Any) -> str:
        """A new node; the name of what it gives."""
        from onnx import helper

        name = give or f"back_{len(self.made)}"
        self.made.append(helper.make_node(kind, list(given), [name], **said))
        return name

    def number(self, value: NDArray[Any] | Sequence[int] | float) -> str:
        """A new constant: whole numbers as int64, others as float32; its name."""
        from onnx import numpy_helper

        array = np.asarray(value)
        name = f"back_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array.astype(np.int64 if array.dtype.kind == "i" else np.float32), name))
        return name

    def size(self, name: str, axis: int) -> int:
        """How long an axis is; 0 where that is known only when asked."""
        return self.shapes[name][axis]

    def flow(self, name: str) -> str:
        """All that reaches a tensor."""
        parts = self.flows[name]
        return parts[0] if len(parts) == 1 else self.add("Sum", *parts)

    def through(self, node: onnx.NodeProto) -> None:
        """Send what reaches a node's output on to its inputs."""
        if node.output[0] not in self.moving or not self.flows[node.output[0]]:
            return
        rule = getattr(self, f"_{node.op_type.lower()}", None)
        if rule is None:
            raise ModelError("An operator of the network is not differentiated here", found=node.op_type, do="add its rule to gradient.py")
        flow = self.flow(node.output[0])
        for name, part in zip(node.input, rule(node, flow, _said(node)), strict=False):
            if name in self.moving:
                self.flows[name].append(part)

    def deepest(self) -> list[str]:
        """The feature maps with the most features of which a mean over the place is taken."""
        means = [n.input[0] for n in self.nodes.values() if n.op_type == "ReduceMean" and len(self.shapes[n.input[0]]) == 4]
        means = [name for name in means if self.flows[name] and self.size(name, 1)]
        if not means:
            raise ModelError("The network takes no mean over a feature map", do="explain it by hiding parts of the image")
        most = max(self.size(name, 1) for name in means)
        return [name for name in dict.fromkeys(means) if self.size(name, 1) == most]

    def activation(self, name: str) -> str:
        """Gradient times feature (n, rows, columns) of a feature map, turned back where it is one of a mirror image."""
        told = self.add("ReduceSum", self.add("Mul", name, self.flow(name)), self.number([1]), keepdims=1)
        above = name
        while above != _IMAGE:
            node = self.nodes[above]
            if node.op_type == "Slice":
                told = self.add("Slice", told, *node.input[1:])
            above = next(one for one in node.input if one in self.moving)
        return self.add("Squeeze", told, self.number([1]))

    def _fitted(self, flow: str, name: str, output: str) -> str:
        """What flows to an input that was spread along axes of length 1."""
        if name not in self.moving:
            return flow
        axes = [axis for axis, (n, m) in enumerate(zip(self.shapes[name], self.shapes[output], strict=True)) if n == 1 and m != 1]
        return self.add("ReduceSum", flow, self.number(axes), keepdims=1) if axes else flow

    def _identity(self, node: Any, flow: str, said: Any) -> list[str]:
        return [flow]

    def _add(self, node: Any, flow: str, said: Any) -> list[str]:
        return [self._fitted(flow, name, node.output[0]) for name in node.input]

    def _sub(self, node: Any, flow: str, said: Any) -> list[str]:
        return [*self._add(node, flow, said)[:1], self._fitted(self.add("Neg", flow), node.input[1], node.output[0])]

    def _mul(self, node: Any, flow: str, said: Any) -> list[str]:
        one, other = node.input
        return [self._fitted(self.add("Mul", flow, b), a, node.output[0]) for a, b in ((one, other), (other, one))]

    def _div(self, node: Any, flow: str, said: Any) -> list[str]:
        above, below = node.input
        first = self.add("Div", flow, below)
        second = self.add("Neg", self.add("Mul", first, node.output[0]))
        return [self._fitted(part, name, node.output[0]) for part, name in ((first, above), (second, below))]

    def _log(self, node: Any, flow: str, said: Any) -> list[str]:
        return [self.add("Div", flow, node.input[0])]

    def _sigmoid(self, node: Any, flow: str, said: Any) -> list[str]:
        given = node.output[0]
        return [self.add("Mul", flow, self.add("Mul", given, self.add("Sub", self.number(1.0), given)))]

    def _relu(self, node: Any, flow: str, said: Any) -> list[str]:
        return [self._where(self.add("Greater", node.output[0], self.number(0.0)), flow)]

    def _where(self, which: str, flow: str) -> str:
        return self.add("Where", which, flow, self.number(0.0))

    def _conv(self, node: Any, flow: str, said: Any) -> list[str]:
        beyond = []
        for axis, step in enumerate(said["strides"]):
            reach = said["dilations"][axis] * (said["kernel_shape"][axis] - 1) + 1 - said["pads"][axis] - said["pads"][axis + 2]
            if step > 1:  # whether the last step was a whole one depends on the size
                given, made = (self.size(name, axis + 2) for name in (node.input[0], node.output[0]))
                if not given or not made:
                    raise ModelError("A convolution that strides needs rows and columns that stand fixed", found=node.name)
                beyond.append(given - ((made - 1) * step + reach))
            else:
                beyond.append(0)
        return [self.add("ConvTranspose", flow, node.input[1], **said, output_padding=beyond)]

    def _averagepool(self, node: Any, flow: str, said: Any) -> list[str]:
        across = said["kernel_shape"]
        whole = all(self.size(node.input[0], axis + 2) % step == 0 for axis, step in enumerate(across))
        if across != said["strides"] or any(said["pads"]) or not whole or not self.size(node.input[0], 2):
            raise ModelError("Only a pooling into even fields is differentiated here", found=node.name)
        return [self._spread(self.add("Div", flow, self.number(float(np.prod(across)))), across)]

    def _maxpool(self, node: Any, flow: str, said: Any) -> list[str]:
        across = said["kernel_shape"]
        if across != said["strides"] or any(said["pads"]):
            raise ModelError("Only a pooling into even fields is differentiated here", found=node.name)
        largest = self.add("Equal", node.input[0], self._spread(node.output[0], across))
        return [self._where(largest, self._spread(flow, across))]

    def _spread(self, name: str, across: Sequence[int]) -> str:
        scales = self.number(np.array((1, 1, *across), np.float32))
        return self.add("Resize", name, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    def _resize(self, node: Any, flow: str, said: Any) -> list[str]:
        scales = self.known[node.input[2]]
        across = [int(one) for one in scales[2:]]
        if said["mode"] != b"nearest" or list(scales) != [1, 1, *across]:
            raise ModelError("Only enlarging by whole steps is differentiated here", found=node.name)
        mean = self.add("AveragePool", flow, kernel_shape=across, strides=across)
        return [self.add("Mul", mean, self.number(float(np.prod(across))))]

    def _concat(self, node: Any, flow: str, said: Any) -> list[str]:
        from onnx import helper

        sizes = [self.size(name, said["axis"]) for name in node.input]
        names = [f"back_{len(self.made)}_{number}" for number in range(len(sizes))]
        self.made.append(helper.make_node("Split", [flow, self.number(sizes)], names, axis=said["axis"]))
        return names

    def _reducemean(self, node: Any, flow: str, said: Any) -> list[str]:
        return [self.add("Div", self._as_before(node, flow, said), self._count(node, said))]

    def _reducemax(self, node: Any, flow: str, said: Any) -> list[str]:
        largest = self.add("Equal", node.input[0], self._as_before(node, node.output[0], said))
        return [self._where(largest, self._as_before(node, flow, said))]

    def _as_before(self, node: Any, flow: str, said: Any) -> str:
        held = flow if said["keepdims"] else self.add("Unsqueeze", flow, self.number(said["axes"]))
        return self.add("Expand", held, self.add("Shape", node.input[0]))

    def _count(self, node: Any, said: Any) -> str:
        sizes = self.add("Gather", self.add("Shape", node.input[0]), self.number(said["axes"]))
        return self.add("Cast", self.add("ReduceProd", sizes, keepdims=0), to=1)

    def _reshape(self, node: Any, flow: str, said: Any) -> list[str]:
        return [self.add("Reshape", flow, self.add("Shape", node.input[0]))]

    _squeeze = _unsqueeze = _reshape

    def _transpose(self, node: Any, flow: str, said: Any) -> list[str]:
        return [self.add("Transpose", flow, perm=[int(axis) for axis in np.argsort(said["perm"])])]

    def _slice(self, node: Any, flow: str, said: Any) -> list[str]:
        if any(step != -1 for step in self.known[node.input[4]]):
            raise ModelError("Only turning an axis round is differentiated here", found=node.name)
        return [self.add("Slice", flow, *node.input[1:])]

    def _gemm(self, node: Any, flow: str, said: Any) -> list[str]:
        weights = node.input[1] if said.get("transB") else self.add("Transpose", node.input[1], perm=[1, 0])
        return [self.add("MatMul", flow, weights)]


def _said(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
