"""Predictions whose truth is known, and a report made of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from consilium.core import Bar, Card, Input, Question, Report
from consilium.validation import learner_result, measure, probability


@pytest.fixture(scope="session")
def simulated() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Outcomes and the very probabilities they were drawn with."""

    def draw(n: int, seed: int, *, centre: float = -0.5, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        p = probability(random.normal(centre, spread, n))
        return (random.random(n) < p).astype(int), p

    return draw


@pytest.fixture(scope="session")
def card() -> Card:
    return Card(
        name="heart_disease",
        version="0.1.0",
        title={"en": "Coronary artery disease", "zh": "冠状动脉疾病"},
        condition="SNOMED//53741008",
        question=Question("CONSILIUM//angiographic-disease", "CONSILIUM//angiographic-disease", (timedelta(0), timedelta(1))),
        inputs=(
            Input("age", ("MEDS_BIRTH",), "a", "age", required=True, label={"en": "Age", "zh": "年龄"}),
            Input("cholesterol", ("LOINC//2093-3",), "mg/dL", label={"en": "Total cholesterol", "zh": "总胆固醇"}),
        ),
        learner="additive",
        why="it can be read",
        intended="Adults referred for angiography",
        not_for="Screening",
        bar=Bar(0.99, (1.5, 2.0), 0.0),
        sources=("detrano_1989",),
    )


@pytest.fixture(scope="session")
def report(simulated: Callable[..., tuple[np.ndarray, np.ndarray]], card: Card) -> Report:
    """A report that falls short of the card's bar in each of the three ways."""
    y, p = simulated(600, 3)
    random = np.random.default_rng(4)
    found = measure(y, p, groups={"sex": random.choice(["F", "M"], 600), "ward": ["<b>ICU</b>"] * 45 + ["day"] * 8 + [None] * 547})
    parts = {
        "card": card.name, "version": card.version, "learner": card.learner, "why": card.why, "model_sha256": "ab" * 32,
        "data": "simulated & <checked>", "data_fingerprint": "cd" * 32, "period": "2015-01-01 to 2019-12-31", "proof": "5 folds by patient",
        "n": found.n, "events": found.events, "auroc": found.auroc, "auprc": found.auprc, "slope": found.slope,
        "intercept": found.intercept, "brier": found.brier, "calibration": found.calibration, "net_benefit": found.net_benefit,
        "subgroups": found.subgroups,
        "comparisons": (learner_result("logistic", y, np.sqrt(p), 0.52), learner_result("additive", y, p, 12.34)),
        "missing": {"age": 0.0, "cholesterol": 0.1234}, "limits": ("simulated, not seen",), "made_with": {"numpy": np.__version__},
    }  # fmt: skip
    return Report(**parts, shortfalls=card.bar.shortfalls(Report(**parts, shortfalls=())))
