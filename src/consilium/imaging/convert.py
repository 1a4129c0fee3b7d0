"""Convert: a torch network as an ONNX graph, its large weights kept in fewer bits, compared with torch before it is given."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from consilium.core.errors import ModelError
from consilium.models.odds import probability_of
from consilium.models.sealed import session

if TYPE_CHECKING:
    import onnx
    import torch

OPSET = 17
EQUAL = 2e-3
"""How far the graph's probabilities may lie from torch's, what eight bits do to its weights included."""
LARGE = 1024
"""Weights of a tensor above which it is kept in fewer bits."""


def converted(
    module: torch.nn.Module,
    given: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, str]],
    *,
    bits: int,
) -> onnx.ModelProto:
    """The module, set to answer, as a graph whose outputs are log-odds.

    Parameters
    ----------
    module : torch.nn.Module
        Its weights are rounded in place where 16 bits are kept.
    given : mapping of str to tensor
        Inputs by name, on which both are compared.
    outputs : sequence of str
    free : mapping of str to mapping of int to str
        Axes of inputs and outputs whose size is not fixed, with their names.
    bits : int
        16 or 8: what is kept of each large weight.

    Raises
    ------
    ModelError
        When a probability of the graph lies farther than `EQUAL` from torch's.
    """
    import onnx
    import torch

    module = module.float().eval()
    file = io.BytesIO()
    with torch.no_grad():
        if bits == 16:  # rounded before the comparison, so that it sees what is kept
            for weight in module.parameters():
                weight.copy_(weight.half().float())
        told = module(*given.values())
        expected = [one.numpy() for one in (told if isinstance(told, tuple) else (told,))]
        torch.onnx.export(
            module, tuple(given.values()), file, dynamo=False, opset_version=OPSET, input_names=list(given), output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in free.items()},
        )  # fmt: skip
    model = (halved if bits == 16 else narrowed)(onnx.load_model_from_string(file.getvalue()))
    graph = session(model.SerializeToString(), set(outputs), set(given))
    found = graph.run(list(outputs), {name: one.numpy() for name, one in given.items()})
    apart = max(float(np.abs(probability_of(a) - probability_of(b)).max()) for a, b in zip(found, expected, strict=True))
    if not apart < EQUAL:
        raise ModelError("The exported network answers differently", found=apart, expected=f"less than {EQUAL}", do="report this")
    return model


def narrowed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its large weights kept in eight bits and a step for each filter: a quarter of the size, for ensembles of many weights.

    What that changes is among what the comparison with torch allows.
    """
    from onnx import TensorProto, helper, numpy_helper

    weights, wider = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) <= LARGE:
            weights.append(tensor)
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        step = np.maximum(np.abs(values).reshape(len(values), -1).max(1) / 127, np.finfo(np.float32).tiny).astype(np.float32)
        kept = np.round(values / step.reshape(-1, *[1] * (values.ndim - 1))).astype(np.int8)
        parts = {f"{name}_byte": kept, f"{name}_step": step, f"{name}_nought": np.zeros(len(step), np.int8)}
        weights += [numpy_helper.from_array(part, key) for key, part in parts.items()]
        wider.append(helper.make_node("DequantizeLinear", list(parts), [name], axis=0))
    nodes = [*wider, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(weights)
    model.graph.node.extend(nodes)
    return model


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its large weights kept in half precision and cast when it is opened: half the size, computed as before."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and int(np.prod(tensor.dims)) > LARGE:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
