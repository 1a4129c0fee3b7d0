"""Training of outlining specialists: the U-Net's answers are weighed with the traits of its outlines, calibrated, and sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.report import LearnerResult
from consilium.imaging.detect import controlled, false_scores, places
from consilium.imaging.network_unet import exported_unet
from consilium.imaging.segment import Weighing, fit_weighing, measured, numbers_of
from consilium.imaging.specialist import FORM, ImageCard
from consilium.imaging.train_unet import Outlined
from consilium.imaging.traits import largest
from consilium.models.boosting import Boosting
from consilium.models.calibration import fit_calibration
from consilium.models.conformal import fit_sets
from consilium.models.odds import probability_of
from consilium.models.seal import sealed
from consilium.models.uncertainty import fit_intervals
from consilium.validation.measure import learner_result

if TYPE_CHECKING:
    import torch

SEED = 20260101


@dataclass(frozen=True, slots=True)
class Weighed:
    """The weighing learned on all, what it said of images left out (n,), and learners under the same folds."""

    weighing: Weighing
    unseen: NDArray[np.float64]
    results: tuple[LearnerResult, ...]


def weigh(
    told: NDArray[np.float64],
    traits: NDArray[np.float64],
    y: NDArray[np.int64],
    fold: NDArray[np.int64],
    subjects: NDArray[Any] | None = None,
    *,
    C: float = 0.1,
) -> Weighed:
    """Weigh answers (n, k) of networks that had not seen the image with traits (n, t) of their outlines, by the same folds.

    `C` is as for `fit_weighing`: the more numbers there are, the smaller it must be.

    The results are of the network's first answer alone (`unet`), of boosted trees over the traits alone (`traits`), and of both weighed
    (`weighed`); where weighing does not help, the network's answer stands alone.
    """
    unseen = np.full(len(y), np.nan)
    for number in np.unique(fold):
        held = fold == number
        unseen[held] = fit_weighing(told[~held], traits[~held], y[~held], C)(told[held], traits[held])
    results = [
        _result("unet", told[:, 0], y, subjects), boosted("traits", traits, y, fold, subjects), _result("weighed", unseen, y, subjects)
    ]  # fmt: skip
    if results[0].auroc.value >= results[2].auroc.value:  # what does not help is left out
        return Weighed(alone(told.shape[1] + traits.shape[1]), told[:, 0], tuple(results))
    return Weighed(fit_weighing(told, traits, y, C), unseen, tuple(results))


def boosted(
    name: str, numbers: NDArray[np.floating], y: NDArray[np.int64], fold: NDArray[np.int64], subjects: NDArray[Any] | None = None
) -> LearnerResult:
    """How boosted trees over numbers (n, p) do on the fold that they left out."""
    unseen = np.full(len(y), np.nan)
    for number in np.unique(fold):
        held = fold == number
        trees = Boosting(random_state=SEED).fit(numbers[~held].astype(np.float32), y[~held])
        unseen[held] = trees.log_odds(numbers[held].astype(np.float32))
    return _result(name, unseen, y, subjects)


def _result(name: str, score: NDArray[np.float64], y: NDArray[np.int64], subjects: NDArray[Any] | None) -> LearnerResult:
    return learner_result(name, y, probability_of(fit_calibration(score, y).apply(score)), 0.0, seed=SEED, subjects=subjects)


def alone(width: int) -> Weighing:
    """The weighing of `width` numbers that is the network's first answer and nothing else."""
    weights = np.zeros(width)
    weights[0] = 1.0
    return Weighing(np.zeros(width), np.ones(width), weights, 0.0)


def threshold_of(
    masks: NDArray[np.floating], true: NDArray[np.bool_], groups: NDArray[np.int64], cap: float, confidence: float | None
) -> float:
    """The threshold at which false places per image stay under the cap, from outlines of images that the networks had not seen.

    `masks` are log-odds (n, rows, columns); of each group of images that are not independent, one is drawn.
    """
    return controlled(one_each(scores_of(masks, true), groups), cap, confidence=confidence)


def scores_of(masks: NDArray[np.floating], true: NDArray[np.bool_]) -> list[tuple[float, ...]]:
    """Scores of the false places of each image."""
    return [false_scores(places(probability_of(mask)), drawn) for mask, drawn in zip(masks, true, strict=True)]


def one_each(scores: Sequence[tuple[float, ...]], groups: NDArray[np.int64]) -> list[tuple[float, ...]]:
    """Scores of one image of each group, drawn once and for all."""
    order = np.random.default_rng(SEED).permutation(len(groups))
    _, first = np.unique(groups[order], return_index=True)
    return [scores[row] for row in order[first]]


def seal_outline(
    card: ImageCard,
    members: Sequence[torch.nn.Module],
    weighed: Weighed,
    y: NDArray[np.int64],
    into: Path,
    *,
    mirrors: str = "h",
    threshold: float | None = None,
    subjects: NDArray[Any] | None = None,
    told: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Write `model.onnx` with weighing, calibration, intervals, sets, threshold and what else is `told` inside; its sha256 is returned."""
    graph = exported_unet(members, (card.image["channels"], card.image["rows"], card.image["columns"]), mirrors=mirrors)
    line = fit_calibration(weighed.unseen, y)
    calibrated = line.apply(weighed.unseen)
    description = {
        "form": FORM,
        "card": card.name,
        "version": card.version,
        "graph": hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest(),
        "weighing": weighed.weighing.as_json(),
        "calibration": [line.slope, line.intercept],
        "intervals": fit_intervals(calibrated, y, subjects=subjects).as_json(),
        "sets": fit_sets(calibrated, y).as_json(),
        "compared": [asdict(result) for result in weighed.results],
        **({} if threshold is None else {"threshold": threshold}),
        **told,
    }
    data = sealed(graph, description)
    into.mkdir(parents=True, exist_ok=True)
    (into / "model.onnx").write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def development(
    found: Outlined, images: NDArray[np.float32], spacing: NDArray[np.float64], at: tuple[int, int] | None
) -> NDArray[np.float64]:
    """Traits (n, 14) of the outlines that networks which had not seen the images drew; NaN where they drew nothing.

    Of the surest place; with `at`, of the part nearest to that pixel, and the texture around it as well (see `numbers_of`).
    """
    if at is not None:
        parts = np.stack([largest(mask > 0, at) for mask in found.masks[:, 0]])
        return numbers_of(images[:, 0], parts, spacing).astype(np.float64)
    best = [places(probability_of(mask)) for mask in found.masks[:, 0]]
    parts = np.stack([one[0].mask if one else np.zeros(found.masks.shape[2:], bool) for one in best])
    return measured(images[:, 0], parts, spacing)
