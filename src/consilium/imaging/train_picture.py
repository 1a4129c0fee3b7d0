"""Training of a picture specialist: network and classical baseline by the same folds, the better one calibrated, sealed and proven."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.report import Development, Estimate, LearnerResult, Report
from consilium.imaging.descend import Recipe
from consilium.imaging.network_residual import exported
from consilium.imaging.seated import Said
from consilium.imaging.specialist import FORM, ImageCard
from consilium.imaging.texture import texture
from consilium.imaging.train_residual import train
from consilium.models.boosting import Boosting
from consilium.models.calibration import fit_calibration
from consilium.models.conformal import fit_sets
from consilium.models.odds import probability_of
from consilium.models.seal import sealed
from consilium.models.uncertainty import fit_intervals
from consilium.validation.coverage import coverage
from consilium.validation.measure import learner_result, measure

if TYPE_CHECKING:
    import onnx

SEED = 20260101


@dataclass(frozen=True, slots=True)
class Compared:
    """The learners under the same folds: log-odds (n, answers) by a model that had not seen the image, graphs, and how each did."""

    unseen: Mapping[str, NDArray[np.float64]]
    graphs: Mapping[str, onnx.ModelProto]
    results: tuple[LearnerResult, ...]


def compare(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    fold: NDArray[np.int64],
    recipe: Recipe | None,
    *,
    answer: int = 0,
    subjects: NDArray[Any] | None = None,
    keep: Path | None = None,
    say: Callable[[str], None] = print,
) -> Compared:
    """Train the boosted classical features, and the network; both are also judged averaged.

    Parameters
    ----------
    x : array of shape (n, channels, rows, columns) in [0, 1]
    y : array of shape (n, answers) of 0 and 1
    fold : array of shape (n,)
    recipe : Recipe or None
        Of the network; None trains the baseline alone.
    answer : int
        Which column the card's question is.
    subjects : array of shape (n,), optional
        Patient of each image.
    keep : folder, optional
        Of members that are finished.
    say : function
    """
    labels, numbers = y.astype(np.int64), texture(x)
    classical = np.full(y.shape, np.nan)
    for number in np.unique(fold):
        held = fold == number
        for column, label in enumerate(labels.T):
            classical[held, column] = baseline().fit(numbers[~held], label[~held]).log_odds(numbers[held])
    unseen = {"texture": classical}
    graphs = {"texture": joined([baseline().fit(numbers, column).to_onnx() for column in labels.T])}
    if recipe is not None:
        trained = train(x, y, fold, recipe, keep=keep, say=say)
        unseen["residual"] = trained.unseen
        graphs["residual"] = exported(trained.members, (x.shape[1], x.shape[2], x.shape[3]), mirrors=recipe.mirrors)
        unseen["averaged"] = (unseen["residual"] + unseen["texture"]) / 2
        graphs["averaged"] = averaged(graphs["residual"], graphs["texture"])
    results, label = [], labels[:, answer]
    for name, told in unseen.items():
        score = told[:, answer]
        p = probability_of(fit_calibration(score, label).apply(score))
        results.append(learner_result(name, label, p, 0.0, seed=SEED, subjects=subjects))
        say(f"{name}: AUROC {results[-1].auroc.value:.3f} on images it had not seen")
    return Compared(unseen, graphs, tuple(results))


def baseline() -> Boosting:
    """The classical learner: boosted trees over `texture`."""
    return Boosting(random_state=SEED)


def joined(models: Sequence[onnx.ModelProto]) -> onnx.ModelProto:
    """Models of one question each, reading the same `X`, as one whose `log_odds` has a column for each."""
    if len(models) == 1:
        return models[0]
    from onnx import checker, compose, helper

    whole = type(models[0])()
    whole.CopyFrom(models[0])
    nodes, constants = [], []
    for number, model in enumerate(models):
        part = compose.add_prefix(model, f"q{number}_", inplace=False).graph
        for node in part.node:
            node.input[:] = ["X" if name == f"q{number}_X" else name for name in node.input]
        nodes += list(part.node)
        constants += list(part.initializer)
    nodes.append(helper.make_node("Concat", [f"q{number}_log_odds" for number in range(len(models))], ["log_odds"], axis=1))
    del whole.graph.node[:], whole.graph.initializer[:]
    whole.graph.node.extend(nodes)
    whole.graph.initializer.extend(constants)
    whole.graph.output[0].type.tensor_type.shape.dim[1].dim_value = len(models)
    checker.check_model(whole)
    return whole


def averaged(network: onnx.ModelProto, trees: onnx.ModelProto) -> onnx.ModelProto:
    """The mean log-odds of a network that reads images `X` and trees over their texture, here `Z`, as one graph."""
    from onnx import TensorProto, checker, compose, helper

    whole, other = (compose.add_prefix(model, prefix, inplace=False) for model, prefix in ((network, "x_"), (trees, "z_")))
    for model, name in ((whole, "X"), (other, "Z")):
        for node in model.graph.node:
            node.input[:] = [name if one == f"{name.lower()}_X" else one for one in node.input]
        model.graph.input[0].name = name
    graph = whole.graph
    graph.node.extend(other.graph.node)
    graph.initializer.extend(other.graph.initializer)
    graph.input.append(other.graph.input[0])
    graph.initializer.append(helper.make_tensor("half", TensorProto.FLOAT, [], [0.5]))
    graph.node.append(helper.make_node("Add", ["x_log_odds", "z_log_odds"], ["both"]))
    graph.node.append(helper.make_node("Mul", ["both", "half"], ["log_odds"]))
    graph.output[0].name = "log_odds"
    whole.opset_import.extend(one for one in other.opset_import if one.domain)  # trees are of a domain of their own; the rest is old
    whole.ir_version = max(network.ir_version, trees.ir_version)
    checker.check_model(whole)
    return whole


def seal_picture(
    card: ImageCard, compared: Compared, y: NDArray[np.float32], into: Path, *, answer: int = 0, subjects: NDArray[Any] | None = None
) -> str:
    """Write `model.onnx` of the card's learner with its calibration, intervals and sets inside; its sha256 is returned."""
    graph = compared.graphs[card.learner]
    score, label = compared.unseen[card.learner][:, answer], y[:, answer].astype(np.int64)
    line = fit_calibration(score, label)
    calibrated = line.apply(score)
    description = {
        "form": FORM,
        "card": card.name,
        "version": card.version,
        "answer": answer,
        "graph": hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest(),
        "calibration": [line.slope, line.intercept],
        "intervals": fit_intervals(calibrated, label, subjects=subjects).as_json(),
        "sets": fit_sets(calibrated, label).as_json(),
        "compared": [asdict(result) for result in compared.results],
    }
    data = sealed(graph, description)
    into.mkdir(parents=True, exist_ok=True)
    (into / "model.onnx").write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def proven(
    card: ImageCard,
    said: Said,
    y: NDArray[np.int64],
    meta: Mapping[str, Any],
    *,
    digest: str,
    data: str,
    fingerprint: str,
    development: tuple[int, int, str],
    held_out: str,
    subjects: NDArray[Any] | None = None,
) -> Report:
    """The report of what the sealed model said of images that were held out, by the code that measures every specialist.

    Parameters
    ----------
    card, said, y
        Whose, what was said of the held-out images, and the truth (n,).
    meta : mapping
        What was sealed with the model: the learners compared inside the development part.
    digest, data, fingerprint : str
        Of the model file; name and sha256 of the data.
    development : (images, of them with the condition, how learners were compared)
    held_out : str
        Who was held out, in words.
    """
    found = measure(y, said.probability, seed=SEED, subjects=subjects)
    n, events, how = development
    draft = Report(
        card=card.name,
        version=card.version,
        learner=card.learner,
        why=card.why,
        model_sha256=digest,
        data=data,
        data_fingerprint=fingerprint,
        period="not dated",
        proof=held_out,
        n=found.n,
        events=found.events,
        auroc=found.auroc,
        auprc=found.auprc,
        slope=found.slope,
        intercept=found.intercept,
        brier=found.brier,
        calibration=found.calibration,
        net_benefit=found.net_benefit,
        subgroups=found.subgroups,
        comparisons=compared_in(meta),
        missing={},
        limits=card.limits,
        shortfalls=(),
        made_with={package: version(package) for package in ("numpy", "torch", "lightgbm", "onnxruntime")},
        development=Development(n, events, "not dated", fingerprint, how),
        coverage_at_90=coverage(y, said.stand, subjects=subjects),
    )
    return replace(draft, shortfalls=shortfalls(card, draft))


def compared_in(meta: Mapping[str, Any]) -> tuple[LearnerResult, ...]:
    """The learners under the same folds, as they were sealed with the model."""
    found = []
    for told in meta["compared"]:
        held: dict[str, Any] = {name: Estimate(**value) if isinstance(value, Mapping) else value for name, value in told.items()}
        found.append(LearnerResult(**held))
    return tuple(found)


def shortfalls(card: ImageCard, report: Report) -> tuple[str, ...]:
    """Where the card's bar is not met."""
    least = card.bar["auroc_low"]
    low = report.auroc.low
    missed = low is None or low < least
    return (f"AUROC {report.auroc.value:.3f} (low end {low}) does not reach {least:g} with its interval",) if missed else ()
