"""Saliency: which parts of a picture a network's answer rests on, as log-odds of 7 x 7 fields, by three methods that are held to a check.

`occlusion` asks again with each field set to the picture's mean; it needs answers alone, so it serves every learner. `integrated`
gradients go from the mean to the picture and add up to the difference between the two answers. `activation` is Grad-CAM at the deepest
feature map. What does not change when the weights are drawn anew explains nothing of what was learned: that is measured for each method
and model, stands in the model's report, and a method that fails is not spoken of. Sources: Zeiler & Fergus 2014,
doi:10.1007/978-3-319-10590-1_53; Sundararajan et al. 2017, arXiv:1703.01365; Adebayo et al. 2018, arXiv:1810.03292.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.gradient import REASONS

if TYPE_CHECKING:
    import onnx

Ask = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Log-odds (n,) of images (n, channels, rows, columns)."""
FIELDS = 7
"""Into how many fields, down and across, a picture is cut."""
POINTS = (16, 32, 64)
CLOSE = 0.05
"""How far gradients may be from adding up to the difference, as a share of it; beyond it more points are taken."""


def cells(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels of each field, (49, rows, columns), in the order of rows.

    Examples
    --------
    >>> bool((cells((28, 30)).sum(0) == 1).all())
    True
    """
    down, across = (np.repeat(np.arange(FIELDS), [len(part) for part in np.array_split(np.arange(n), FIELDS)]) for n in shape)
    return np.asarray((down[:, None] * FIELDS + across) == np.arange(FIELDS**2)[:, None, None])


def hidden(image: NDArray[np.float32], masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The image (channels, rows, columns) with the pixels of each of n masks (n, rows, columns) set to its mean: n images."""
    return np.where(masks[:, None], image.mean((1, 2), keepdims=True), image).astype(np.float32)


def occlusion(image: NDArray[np.float32], ask: Ask) -> NDArray[np.float64]:
    """By how much the log-odds fall when a field alone is hidden, (7, 7)."""
    told = ask(np.concatenate([image[None], hidden(image, cells(image.shape[1:]))]))
    return np.asarray((told[0] - told[1:]).reshape(FIELDS, FIELDS))


def activation(image: NDArray[np.float32], graph: Any) -> NDArray[np.float64]:
    """Grad-CAM of a graph that was `explained`, (7, 7)."""
    from PIL import Image

    told = graph.run([REASONS[1]], {"X": np.ascontiguousarray(image[None], np.float32)})[0][0]
    size = (image.shape[2], image.shape[1])
    spread = np.asarray(Image.fromarray(told.astype(np.float32)).resize(size, Image.Resampling.BILINEAR), np.float64)
    return _summed(spread * told.size / spread.size)


def integrated(image: NDArray[np.float32], graph: Any, answer: int = 0) -> NDArray[np.float64]:
    """Integrated gradients of a graph that was `explained` for the answer, from the picture's mean, (7, 7)."""
    start = np.broadcast_to(image.mean((1, 2), keepdims=True), image.shape)
    ends = graph.run(["log_odds"], {"X": np.stack([start, image]).astype(np.float32)})[0][:, answer]
    whole, found = float(ends[1] - ends[0]), np.zeros(image.shape)
    for points in POINTS:
        at, weight = np.polynomial.legendre.leggauss(points)
        path = (start + (at[:, None, None, None] + 1) / 2 * (image - start)).astype(np.float32)
        found = np.tensordot(weight / 2, graph.run([REASONS[0]], {"X": path})[0], 1) * (image - start)
        if abs(found.sum() - whole) <= CLOSE * max(abs(whole), 1.0):
            break
    return _summed(found.sum(0))


def saliency(image: NDArray[np.float32], ask: Ask, graph: Any = None, answer: int = 0) -> Mapping[str, Callable[[], NDArray[np.float64]]]:
    """The methods that serve, by name: all three where there is a graph that was `explained`, else occlusion."""
    held: dict[str, Callable[[], NDArray[np.float64]]] = {"occlusion": lambda: occlusion(image, ask)}
    if graph is not None:
        held |= {"integrated": lambda: integrated(image, graph, answer), "activation": lambda: activation(image, graph)}
    return held


def redrawn(model: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    """The model with the numbers of every weight in another order, those of the leaves of trees too: as large, and learned by nobody."""
    from onnx import numpy_helper

    draw = np.random.default_rng(seed)
    other = type(model)()
    other.CopyFrom(model)
    leaves = [a.t for node in other.graph.node for a in node.attribute if a.name == "leaf_weights"]
    for tensor in (*other.graph.initializer, *leaves):
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" or values.dtype == np.int8:
            tensor.CopyFrom(numpy_helper.from_array(draw.permutation(values.ravel()).reshape(values.shape), tensor.name))
    return other


def _summed(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((cells(pixels.shape) * pixels).sum((1, 2)).reshape(FIELDS, FIELDS))
