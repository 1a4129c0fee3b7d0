"""Seal a fitted learner into one ONNX file that serves alone, and only if it answers as the learner does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import orjson
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import ModelError
from consilium.models.calibration import Calibration
from consilium.models.conformal import Sets
from consilium.models.estimator import Estimator
from consilium.models.familiarity import Familiarity
from consilium.models.grid import Grid
from consilium.models.hazard import Hazards
from consilium.models.odds import probability_of
from consilium.models.onnx import Onnx
from consilium.models.preparation import medians
from consilium.models.prototypes import Prototypes
from consilium.models.sealed import FORM, KEY, SEAL_KEY
from consilium.models.served import ServedModel
from consilium.models.stream import Stream
from consilium.models.uncertainty import Intervals
from consilium.models.wire import contents, seal_of

if TYPE_CHECKING:
    from consilium.models.series import SeriesLearner

GATE = 1e-5
GATE_ROWS, GATE_NUMBERS = 2000, 1_000_000
GATE_SEED = 1
REASONED_ROWS, REASONED_NUMBERS = 50, 20_000


def seal(
    learner: Estimator | Hazards | Onnx,
    path: Path | str,
    *,
    names: Sequence[str],
    units: Sequence[str],
    calibration: Calibration,
    interval: Intervals,
    X_train: ArrayLike,
    card: str,
    version: str,
    sets: Sets | None = None,
    familiarity: Familiarity | None = None,
    prototypes: Prototypes | None = None,
    extra: Mapping[str, Any] | None = None,
    grid: Grid | None = None,
) -> str:
    """Write `path` and return its SHA-256; the same arguments give the same bytes.

    Parameters
    ----------
    learner : Estimator, Hazards, or Onnx
        Fitted.
    path : path
        Where the file goes; it is written aside and moved there only after it has passed the gate.
    names, units : sequences of str, length p
        Inputs in the order of the columns, and their UCUM units.
    calibration, interval : Calibration, Intervals
        From out-of-fold log-odds, never from the training rows themselves.
    X_train : array of shape (n, p)
        The rows it was fitted on, NaN where not observed.
    card, version : str
        Which card it serves, and the version of this model.
    sets, familiarity, prototypes : Sets, Familiarity, Prototypes, optional
        What else the model is to know of its own limits: from out-of-fold log-odds, and of the rows it was fitted on.
    extra : mapping, optional
        Anything else to be kept, as JSON.
    grid : Grid, optional
        How the columns hold a series: the limits of a channel are then those of all its steps together.

    Raises
    ------
    ModelError
        When names, units and columns disagree, or when on training rows, perturbed rows or rows with missing values any
        probability of the file differs by more than 1e-5 from the learner's, or its reasons do not add up. Then no file is left.
    """
    rows = np.asarray(X_train, dtype=np.float32)
    if rows.ndim != 2 or not rows.shape[1] == len(names) == len(units):
        raise ModelError("Names, units and training rows disagree", found=(rows.shape, len(names), len(units)), expected="(n, p), p, p")
    if not all(units):
        raise ModelError("No number without a unit", found=[name for name, unit in zip(names, units, strict=True) if not unit])
    description: dict[str, Any] = {
        "form": FORM,
        "card": card,
        "version": version,
        "learner": {"name": _name(learner), "parameters": learner.get_params()},
        "names": list(names),
        "units": list(units),
        "medians": _or_null(np.where(np.isnan(rows).all(axis=0), np.nan, medians(rows))),
        "calibration": {"slope": calibration.slope, "intercept": calibration.intercept},
        "interval": interval.as_json(),
        "limits": _limits(rows, grid or Grid(rows.shape[1], 0, 0)),
        "reasons": learner.reasons(rows),
        "extra": dict(extra or {}),
    }
    knows = {"sets": sets, "familiarity": familiarity, "prototypes": prototypes}
    description |= {name: known.as_json() for name, known in knows.items() if known is not None}
    with _aside(Path(path), sealed(learner.to_onnx(), description)) as aside:
        served = ServedModel.load(aside)
        _gate(learner, served, _questions(rows, description["reasons"]))
        served.attribute(_questions(rows[: _reasoned(rows)], {}))
    return served.sha256


def seal_stream(
    learner: SeriesLearner,
    path: Path | str,
    *,
    fixed: Sequence[str],
    channels: Sequence[str],
    calibration: Calibration,
    X_train: ArrayLike,
    model_sha256: str,
    card: str,
    version: str,
) -> str:
    """Write the learner as it answers step by step, for `Stream`, and return the file's SHA-256.

    Parameters
    ----------
    learner : SeriesLearner
        Fitted.
    path : path
    fixed, channels : sequences of str
        Names of the columns that stand still, and of those asked at each step.
    calibration, X_train, card, version
        As for `seal`.
    model_sha256 : str
        The file that `seal` wrote of the same learner.

    Raises
    ------
    ModelError
        When after the last step any probability differs by more than 1e-5 from the learner's own. Then no file is left.
    """
    rows = np.asarray(X_train, dtype=np.float32)
    description = {
        "form": FORM,
        "card": card,
        "version": version,
        "stream": {
            "fixed": list(fixed),
            "channels": list(channels),
            "steps": learner.steps,
            "model": model_sha256,
            "calibration": {"slope": calibration.slope, "intercept": calibration.intercept},
        },
    }
    with _aside(Path(path), sealed(learner.to_step_onnx(), description)) as aside:
        stream = Stream.load(aside)
        asked = _questions(rows[: _reasoned(rows)], {})
        still, moving = learner.net_.grid.split(asked)
        state, found = stream.begin(len(asked)), np.zeros(len(asked))
        for step in range(learner.steps):
            found, state = stream.step(state, moving[:, step], still)
        expected = probability_of(calibration.apply(learner.log_odds(asked)))
        apart = np.abs(probability_of(found) - expected)
        if not float(apart.max()) <= GATE:
            raise ModelError("The model does not answer step by step as it does at once", found=float(apart.max()), expected=GATE)
    return stream.sha256


@contextmanager
def _aside(target: Path, data: bytes) -> Iterator[Path]:
    """A file beside the target with these bytes, which takes the target's place when all went well and is gone when not."""
    aside = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        aside.write_bytes(data)
        yield aside
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _reasoned(rows: NDArray[np.float32]) -> int:
    """Rows whose reasons are checked: fewer where each takes long."""
    width: int = rows.shape[1]
    return min(REASONED_ROWS, max(5, REASONED_NUMBERS // width))


def _name(learner: Estimator | Hazards | Onnx) -> str:
    """The name it goes by in `consilium.models.LEARNERS`: LogisticDescent is logistic_descent."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(learner).__name__).lower()


def sealed(model: onnx.ModelProto, description: Mapping[str, Any]) -> bytes:
    """The model's bytes with the description and the checksum of both inside, as `opened` reads them.

    Raises
    ------
    ModelError
        When the description cannot be written as JSON, or the graph asks for more than plain ONNX.
    """
    try:
        text = orjson.dumps(description, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()
    except TypeError as error:
        raise ModelError(
            "What is to be sealed cannot be written as JSON", found=str(error), do="give numbers, texts, lists and mappings"
        ) from error
    held = type(model)()
    held.CopyFrom(model)  # so that the caller's stays as it is, and is not described twice
    graph = contents(held.SerializeToString(deterministic=True)).graph
    for key, value in ((KEY, text), (SEAL_KEY, seal_of(graph, text))):
        entry = held.metadata_props.add()
        entry.key, entry.value = key, value
    return bytes(held.SerializeToString(deterministic=True))


def _gate(learner: Estimator | Hazards | Onnx, served: ServedModel, questions: NDArray[np.float32]) -> None:
    """Hold every question's probability, before and after calibration, against the learner's own."""
    expected, found = learner.log_odds(questions), served.raw_log_odds(questions)
    for name, line in (("uncalibrated", Calibration()), ("calibrated", served.calibration)):
        apart = np.abs(probability_of(line.apply(expected)) - probability_of(line.apply(found)))
        worst = int(np.argmax(np.where(np.isnan(apart), np.inf, apart)))
        if not apart[worst] <= GATE:
            raise ModelError(
                f"The exported model does not answer as the learner does ({name} probability)",
                where=f"question {worst} of {len(questions)}",
                found=float(probability_of(line.apply(found))[worst]),
                expected=float(probability_of(line.apply(expected))[worst]),
                do="this is a fault of the export: do not use the model, and report it",
            )


def _questions(rows: NDArray[np.float32], reasons: Mapping[str, Any]) -> NDArray[np.float32]:
    """Training rows, rows jittered, rows far out, rows with values missing, rows on the model's own thresholds, all missing."""
    draw = np.random.default_rng(GATE_SEED)
    most = min(GATE_ROWS, max(1, GATE_NUMBERS // rows.shape[1]))
    some = rows if len(rows) <= most else rows[np.sort(draw.choice(len(rows), most, replace=False))]
    spread = np.nan_to_num(np.nanstd(np.vstack([some, np.zeros((2, some.shape[1]), np.float32)]).astype(np.float64), axis=0))
    jittered = some + draw.normal(size=some.shape) * spread
    far = some + 10 * draw.normal(size=some.shape) * spread
    missing = np.where(draw.random(some.shape) < 0.3, np.nan, some)
    edges = some.astype(np.float64).copy()
    for column, cuts in _edges(reasons, some.shape[1]).items():
        finite = cuts[np.abs(cuts) < np.finfo(np.float32).max]
        if len(finite):
            edges[:, column] = draw.choice(finite, len(edges))
    return np.vstack([some, jittered, far, missing, edges, np.full((1, some.shape[1]), np.nan)]).astype(np.float32)


def _edges(reasons: Mapping[str, Any], width: int) -> dict[int, NDArray[np.float64]]:
    """Thresholds by column, where an export most easily goes wrong."""
    if reasons.get("kind") == "trees":
        feature, threshold = np.asarray(reasons["feature"]), np.asarray(reasons["threshold"])
        return {column: threshold[feature == column] for column in range(width)}
    if reasons.get("kind") == "additive":
        return {column: np.asarray(cuts) for column, cuts in zip(reasons["feature"], reasons["cuts"], strict=True)}
    return {}


def _limits(rows: NDArray[np.float32], grid: Grid) -> dict[str, list[float | None]]:
    """What was seen in training: lowest, highest, and the 0.5 and 99.5 percentiles of each column; null where nothing was.

    A channel of a series has the limits of all its steps in each of its columns.
    """
    fixed, series = grid.split(rows)
    moving = np.tile(_percentiles(series.reshape(len(rows) * grid.steps, grid.channels)), grid.steps)
    columns = np.concatenate([_percentiles(fixed), moving], axis=1)
    return {name: _or_null(values) for name, values in zip(("min", "p0_5", "p99_5", "max"), columns, strict=True)}


def _percentiles(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    found = np.full((4, rows.shape[1]), np.nan)
    seen = ~np.isnan(rows).all(axis=0)
    if seen.any():
        found[:, seen] = np.nanpercentile(rows[:, seen].astype(np.float64), [0, 0.5, 99.5, 100], axis=0)
    return found


def _or_null(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
