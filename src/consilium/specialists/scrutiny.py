"""Scrutiny: on patients a model had not seen, whether its sets of answers cover, and whether its reasons are its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consilium.core.report import Estimate, Faithfulness, Report
from consilium.models.attribution import explainer
from consilium.models.faithfulness import SHARES, Curves, curves
from consilium.models.preparation import medians
from consilium.models.served import ServedModel
from consilium.specialists.cases import Cases, bedside_groups
from consilium.validation import coverage
from consilium.validation.interval import wald

if TYPE_CHECKING:
    from consilium.models.estimator import Estimator
    from consilium.models.hazard import Hazards
    from consilium.models.onnx import Onnx

FAITHFUL_ROWS = 200
SEED = 20260103


def scrutinised(draft: Report, found: Cases, answers: NDArray[np.bool_] | None, faithful: Faithfulness | None) -> Report:
    """The report with what was measured of the sets of answers (n, 2) and of the reasons."""
    groups = {kind: found.groups[kind].tolist() for kind in ("sex", "age", "site") if kind in found.groups}
    answer, weight = found.truth.answer
    return replace(
        draft, coverage_at_90=() if answers is None else coverage(answer, answers, groups, weight, found.subjects), faithfulness=faithful
    )


def scrutiny(model: ServedModel, found: Cases) -> tuple[NDArray[np.bool_] | None, Faithfulness | None]:
    """Which answers a sealed model lets stand of patients it was not trained on, and how faithful its reasons are on some of them."""
    answers = None if model.sets is None else model.answers(found.features.X, bedside_groups(found.groups))
    unseen = found.features.X[a_few(np.arange(len(found.y)), FAITHFUL_ROWS)]
    reference = np.array([np.nan if v is None else v for v in model.meta["medians"]], dtype=np.float64)
    weights = model.attribute(unseen).weights
    return answers, faithfulness([curves(model.log_odds, unseen, weights, np.nan_to_num(reference))])


def reasons_of(fitted: Estimator | Hazards | Onnx, learned: NDArray[np.float32], unseen: NDArray[np.float32]) -> Curves:
    """How faithful a fitted learner's reasons are on unseen rows; missing and deleted inputs stand at the median of those learned."""
    explain = explainer(fitted.reasons(learned), fitted.log_odds)
    return curves(fitted.log_odds, unseen, explain(unseen).weights, medians(learned))


def faithfulness(parts: Sequence[Curves]) -> Faithfulness:
    """One measure of all parts, each weighed by its patients."""
    n = [len(part.deletion_gain) for part in parts]

    def mean(curve: str) -> tuple[float, ...]:
        return tuple(np.average([getattr(part, curve) for part in parts], axis=0, weights=n).tolist())

    def gain(name: str) -> Estimate:
        every = np.concatenate([getattr(part, name) for part in parts])
        return wald(float(every.mean()), float(every.std(ddof=1) / np.sqrt(len(every)))) if len(every) > 1 else Estimate(float(every[0]))

    four = {name: mean(name) for name in ("deletion", "deletion_random", "insertion", "insertion_random")}
    return Faithfulness(sum(n), SHARES, **four, deletion_gain=gain("deletion_gain"), insertion_gain=gain("insertion_gain"))


def a_few(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """So many of the rows, drawn once and for all."""
    return rows if len(rows) <= most else np.random.default_rng(SEED).choice(rows, most, replace=False)
