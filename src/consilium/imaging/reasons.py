"""Reasons: where in a picture a sealed model's answer looked, in words, by the method that the model's own report found best."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import ExtraError
from consilium.core.report import MapCheck
from consilium.imaging.gradient import REASONS, explained
from consilium.imaging.saliency import FIELDS, Ask, saliency
from consilium.models.sealed import session
from consilium.validation.report_file import read_report

METHODS = {"occlusion": "each field hidden in turn", "integrated": "integrated gradients", "activation": "Grad-CAM"}
NETWORKS = frozenset({"residual", "unet"})
"""Learners that are one network and nothing else, of whose answers there are gradients."""


def resting_on(folder: Path, learner: str, image: NDArray[np.float32], ask: Ask, answer: int = 0) -> tuple[str, ...]:
    """The fields that speak most for and most against, and by which method; nothing where no method passed its check.

    Parameters
    ----------
    folder : Path
        The specialist's, with `model.onnx` and `report.json`.
    learner : str
        What holds its seat.
    image : array of shape (channels, rows, columns)
    ask : callable
        Log-odds (n,) of images.
    answer : int
        Which column of the graph's answers `ask` gives.
    """
    checks = checked(folder)
    if not checks:
        return (*words_of(saliency(image, ask)["occlusion"]()), f"({METHODS['occlusion']}; not checked for this model)")
    sound = [one for one in checks if one.passes]
    if not sound:
        return ("where the model looked is not said: no way to show it passed its check (see the report)",)
    best = max(sound, key=lambda one: one.deletion_gain.value)
    graph = explained_session(folder, answer) if learner in NETWORKS and best.method != "occlusion" else None
    found = words_of(saliency(image, ask, graph, answer)[best.method]())
    alike = f"with its weights drawn anew the map is another (rank correlation {best.alike.value:.2f}, {best.n} pictures)"
    return (*found, f"({METHODS[best.method]}; {alike})") if found else ()


def words_of(fields: NDArray[np.float64]) -> tuple[str, ...]:
    """The field that speaks most for and the one that speaks most against, of a map (7, 7) in log-odds."""
    words = []
    for sign, side in ((1, "for"), (-1, "against")):
        row, column = np.unravel_index(int((sign * fields).argmax()), fields.shape)
        if sign * fields[row, column] > 0:
            where = f"field {int(row) + 1} of {FIELDS} from the top, {int(column) + 1} of {FIELDS} from the left"
            words.append(f"most {side} it: {where} ({fields[row, column]:+.2f} log-odds)")
    return tuple(words)


@cache
def checked(folder: Path) -> tuple[MapCheck, ...]:
    """How each method did on this model, as its report says; nothing where there is no report."""
    return read_report(folder / "report.json").maps if (folder / "report.json").is_file() else ()


@cache
def explained_session(folder: Path, answer: int = 0) -> Any:
    """A session of the folder's model with its reasons beside its answers.

    Raises
    ------
    ExtraError
        When onnx, which makes it, is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise ExtraError("Gradients of a network need the imaging extra", found="no onnx", do="pip install 'consilium[imaging]'") from None
    model = onnx.load_model_from_string((folder / "model.onnx").read_bytes())
    return open_explained(model, answer)


def open_explained(model: Any, answer: int = 0) -> Any:
    """A session of a model with its reasons beside its answers."""
    outputs = {one.name for one in model.graph.output}
    return session(explained(model, answer).SerializeToString(), outputs | set(REASONS))
