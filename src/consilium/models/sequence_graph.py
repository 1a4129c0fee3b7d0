"""Sequence graph: a trained network as ONNX, over a whole series at once or one step at a time with its state carried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from consilium.models import recurrence
from consilium.models.convolution import TAPS, dilations
from consilium.models.graph import Graph
from consilium.models.sequence import BEYOND, Sequence

if TYPE_CHECKING:
    import onnx

GATE_ORDER = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}
"""Place of torch's gates in ONNX's order: GRU z, r, h of torch's r, z, n; LSTM i, o, f, c of torch's i, f, g, o."""
OPERATOR = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}


def whole(net: Sequence) -> onnx.ModelProto:
    """The network over a whole series: `X` float32 [n, p] to `log_odds` float32 [n, 1]."""
    grid = net.grid
    graph = Graph(grid.width)
    series = graph.node("Slice", graph.rows, *map(graph.constant, ([grid.fixed], [grid.width], [1])))
    cube = graph.node("Reshape", series, graph.constant([-1, grid.steps, grid.channels]))
    seen = graph.node("Not", graph.node("IsNaN", cube))
    value = graph.node("Where", seen, _standard(graph, cube, net), graph.constant(0.0))
    # The step a value was seen last at: the greatest step number so far among those seen, by a pooling window that looks back only.
    number = graph.constant(np.arange(1.0, grid.steps + 1)[None, :, None])
    marked = _single(graph, graph.node("Where", seen, number, graph.constant(0.0)))
    last = graph.node("MaxPool", graph.node("Transpose", marked, perm=[0, 2, 1]), kernel_shape=[grid.steps], pads=[grid.steps - 1, 0])
    # Padding is lower than any number, and where nothing was seen yet the greatest is 0.
    place = graph.node("Cast", graph.node("Max", graph.node("Sub", last, graph.single(1.0)), graph.single(0.0)), to=TensorProto.INT64)
    shown = graph.node("GatherElements", graph.node("Transpose", value, perm=[0, 2, 1]), place, axis=2)
    wide = graph.node("Cast", last, to=TensorProto.DOUBLE)
    never = graph.node("Equal", wide, graph.constant(0.0))
    counted = graph.node("Sub", graph.constant(np.arange(1.0, grid.steps + 1)), wide)
    gap = _gap(graph, graph.node("Where", never, graph.constant(float(grid.steps)), counted), grid.steps)
    mask = graph.node("Cast", graph.node("Transpose", seen, perm=[0, 2, 1]), to=TensorProto.DOUBLE)
    z = graph.node("Concat", shown, mask, gap, axis=1)
    begun = graph.node("Greater", graph.node("ReduceMax", wide, graph.constant([1]), keepdims=1), graph.constant(0.0))
    ending = graph.constant((np.arange(grid.steps) == grid.steps - 1).astype(np.float64)[None, None, :])
    live = graph.node("Max", graph.node("Cast", begun, to=TensorProto.DOUBLE), ending)
    hidden = _convolved(graph, z, live, net) if net.kind == "tcn" else _recurrent(graph, z, live, net)
    fixed = graph.node("Slice", graph.rows, *map(graph.constant, ([0], [grid.fixed], [1])))
    return graph.model(_head(graph, hidden, _told(graph, fixed, net), net))


def state_width(net: Sequence) -> int:
    """Numbers that are carried from step to step: value and age of each channel, whether anything was seen, and the units' own."""
    return 2 * net.grid.channels + 1 + _units_width(net)


def step(net: Sequence) -> onnx.ModelProto:
    """The network one step on: `X` float32 [n, fixed + channels + state] to `log_odds` [n, 1] and `state` [n, state].

    The first state is all zeros, but for the ages, which are the number of steps: never seen.
    """
    grid, channels = net.grid, net.grid.channels
    graph = Graph(grid.fixed + channels + state_width(net))

    def part(start: int, end: int) -> str:
        return graph.node("Slice", graph.rows, *map(graph.constant, ([start], [end], [1])))

    at = grid.fixed
    now, before, age = part(at, at + channels), part(at + channels, at + 2 * channels), part(at + 2 * channels, at + 3 * channels)
    begun = part(at + 3 * channels, at + 3 * channels + 1)
    held = part(at + 3 * channels + 1, at + channels + state_width(net))
    seen = graph.node("Not", graph.node("IsNaN", now))
    shown = graph.node("Where", seen, _standard(graph, now, net), before)
    older = graph.node("Min", graph.node("Add", age, graph.constant(1.0)), graph.constant(float(grid.steps)))
    ages = graph.node("Where", seen, graph.constant(0.0), older)
    mask = graph.node("Cast", seen, to=TensorProto.DOUBLE)
    z = graph.node("Concat", shown, mask, _gap(graph, ages, grid.steps), axis=1)
    begins = graph.node("Max", begun, graph.node("ReduceMax", mask, graph.constant([1]), keepdims=1))
    hidden, carried = _convolved_once(graph, z, held, net) if net.kind == "tcn" else _recurrent_once(graph, z, held, net)
    on = graph.node("Greater", begins, graph.constant(0.0))
    kept = graph.node("Where", on, carried, held)
    state = graph.node("Concat", shown, ages, begins, kept, axis=1)
    told = _told(graph, part(0, grid.fixed), net)
    return graph.model(_head(graph, hidden, told, net), state=state)


def _units_width(net: Sequence) -> int:
    if net.kind != "tcn":
        return recurrence.width(net.kind, net.weights)
    return sum((TAPS - 1) * dilation * net.weights[f"layer{n}"].shape[1] for n, dilation in enumerate(dilations(net.grid.steps)))


def _standard(graph: Graph, values: str, net: Sequence) -> str:
    moved = graph.node("Mul", graph.node("Sub", values, graph.constant(net.mean)), graph.constant(net.gain))
    return graph.node("Clip", moved, graph.constant(-BEYOND), graph.constant(BEYOND))


def _gap(graph: Graph, ago: str, steps: int) -> str:
    return graph.node("Div", graph.node("Log", graph.node("Add", ago, graph.constant(1.0))), graph.constant(float(np.log1p(steps))))


def _told(graph: Graph, fixed: str, net: Sequence) -> str:
    missing = graph.node("IsNaN", fixed)
    filled = graph.node("Where", missing, graph.constant(net.fixed.median), fixed)
    moved = graph.node("Mul", graph.node("Sub", filled, graph.constant(net.fixed.mean)), graph.constant(net.fixed.gain))
    held = graph.node("Clip", moved, graph.constant(-BEYOND), graph.constant(BEYOND))
    return graph.node("Concat", held, graph.node("Cast", missing, to=TensorProto.DOUBLE), axis=1)


def _head(graph: Graph, hidden: str, told: str, net: Sequence) -> str:
    return graph.dense(graph.node("Concat", hidden, told, axis=1), net.weights["head"][:, None], net.weights["bias"])


def _single(graph: Graph, value: str) -> str:
    return graph.node("Cast", value, to=TensorProto.FLOAT)


def _ordered(kind: str, array: NDArray[np.float64]) -> NDArray[np.float64]:
    gates = np.split(array, len(GATE_ORDER[kind]))
    return np.concatenate([gates[k] for k in GATE_ORDER[kind]])


def _recurrent(graph: Graph, z: str, live: str, net: Sequence) -> str:
    """Newest step first and run in reverse, so that what is not run stands at the end, where `sequence_lens` cuts it off."""
    newest = graph.node("Gather", graph.node("Transpose", z, perm=[2, 0, 1]), graph.constant(np.arange(net.grid.steps)[::-1]), axis=0)
    run = graph.node("Cast", graph.node("ReduceSum", live, graph.constant([1, 2]), keepdims=0), to=TensorProto.INT32)
    (last,) = _units(graph, net, _single(graph, newest), run, of=(1,), direction="reverse")
    return graph.node("Cast", graph.node("Squeeze", last, graph.constant([0])), to=TensorProto.DOUBLE)


def _units(graph: Graph, net: Sequence, z: str, *more: str, of: tuple[int, ...], **attributes: Any) -> list[str]:
    """The outputs of ONNX's own operator of that kind, in float32, of z [steps, n, d]; `more` are its lengths and first states."""
    offsets = [_ordered(net.kind, net.weights[name]) for name in ("input_offset", "hidden_offset")]
    own: dict[str, Any] = {"linear_before_reset": 1} if net.kind == "gru" else {}
    arrays = [_ordered(net.kind, net.weights[name]) for name in ("input", "hidden")] + [np.concatenate(offsets)]
    constants = [graph.single(array[None]) for array in arrays]
    units = int(net.weights["hidden"].shape[1])
    return graph.outputs(OPERATOR[net.kind], z, *constants, *more, of=of, hidden_size=units, **own, **attributes)


def _recurrent_once(graph: Graph, z: str, held: str, net: Sequence) -> tuple[str, str]:
    units, parts = int(net.weights["hidden"].shape[1]), 2 if net.kind == "lstm" else 1
    first = graph.constant([0])
    moment, states = (graph.node("Unsqueeze", _single(graph, part), first) for part in (z, held))
    before = [graph.node("Slice", states, *map(graph.constant, ([k * units], [(k + 1) * units], [2]))) for k in range(parts)]
    after = _units(graph, net, moment, "", *before, of=tuple(range(1, parts + 1)))
    flat = [graph.node("Cast", graph.node("Squeeze", part, first), to=TensorProto.DOUBLE) for part in after]
    return flat[0], graph.node("Concat", *flat, axis=1) if parts > 1 else flat[0]


def _convolved(graph: Graph, z: str, live: str, net: Sequence) -> str:
    on = _single(graph, live)
    x = graph.node("Mul", _single(graph, z), on)
    for layer, dilation in enumerate(dilations(net.grid.steps)):
        kernel, offset = graph.single(net.weights[f"layer{layer}"]), graph.single(net.weights[f"offset{layer}"])
        new = graph.node("Conv", x, kernel, offset, dilations=[dilation], pads=[(TAPS - 1) * dilation, 0], kernel_shape=[TAPS])
        bent = graph.node("Tanh", new)
        x = graph.node("Mul", bent if layer == 0 else graph.node("Add", x, bent), on)
    last = graph.node("Slice", x, *map(graph.constant, ([net.grid.steps - 1], [net.grid.steps], [2])))
    return graph.node("Cast", graph.node("Squeeze", last, graph.constant([2])), to=TensorProto.DOUBLE)


def _convolved_once(graph: Graph, z: str, held: str, net: Sequence) -> tuple[str, str]:
    """Each layer keeps what it was given in the last 2 * dilation steps, oldest first."""
    x, at, carried = z, 0, []
    for layer, dilation in enumerate(dilations(net.grid.steps)):
        kernel = net.weights[f"layer{layer}"]
        wide, deep = kernel.shape[1], (TAPS - 1) * dilation
        memory = graph.node("Slice", held, *map(graph.constant, ([at], [at + deep * wide], [1])))
        at += deep * wide
        line = graph.node("Concat", memory, x, axis=1)
        starts = [k * dilation * wide for k in range(TAPS)]
        taps = [graph.node("Slice", line, *map(graph.constant, ([start], [start + wide], [1]))) for start in starts]
        seen = graph.node("Concat", *taps, axis=1)
        new = graph.dense(seen, np.concatenate([kernel[:, :, k].T for k in range(TAPS)]), net.weights[f"offset{layer}"])
        carried.append(graph.node("Slice", line, *map(graph.constant, ([wide], [(deep + 1) * wide], [1]))))
        bent = graph.node("Tanh", new)
        x = bent if layer == 0 else graph.node("Add", x, bent)
    return x, graph.node("Concat", *carried, axis=1)
