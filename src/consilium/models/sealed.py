"""Sealed: open the bytes of a file that `seal` wrote, checksum first, and run its graph on one thread of onnxruntime."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import orjson

from consilium.core.errors import ModelError
from consilium.models.wire import contents, seal_of

KEY, SEAL_KEY, FORM = "consilium", "consilium.sha256", 1


def opened(data: bytes) -> dict[str, Any]:
    """The description inside.

    Raises
    ------
    ModelError
        When the bytes were not sealed here, are damaged or of another form, or ask for more than plain ONNX.
    """
    held = contents(data)
    description = held.metadata.get(KEY)
    if description is None:
        raise ModelError("An ONNX model was not sealed by consilium", do="make it with consilium.models.seal")
    if held.metadata.get(SEAL_KEY) != seal_of(held.graph, description):
        raise ModelError("A sealed model is damaged: its checksum differs", do="restore the file, or fit the specialist again")
    meta: dict[str, Any] = orjson.loads(description)
    if meta.get("form") != FORM:
        raise ModelError("A sealed model is of another form", found=meta.get("form"), expected=FORM, do="fit the specialist again")
    return meta


def session(data: bytes, outputs: Set[str], inputs: Set[str] = frozenset({"X"})) -> Any:
    """An onnxruntime session of a graph with these inputs and outputs, all float32.

    Raises
    ------
    ModelError
        When onnxruntime refuses it, or it reads or gives something else.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as refused

    refusals = (refused.Fail, refused.InvalidArgument, refused.InvalidGraph, refused.InvalidProtobuf, refused.NotImplemented)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    try:
        held = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (*refusals, refused.RuntimeException) as error:
        raise ModelError("onnxruntime cannot open a model", found=str(error).splitlines()[0]) from error
    shapes = {(put.name, put.type) for put in (*held.get_inputs(), *held.get_outputs())}
    wanted = {(name, "tensor(float)") for name in (*inputs, *outputs)}
    if shapes != wanted:
        raise ModelError("A model has other inputs and outputs", found=sorted(shapes), expected=sorted(wanted))
    return held
