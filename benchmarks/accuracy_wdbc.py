"""WDBC: every learner on fine-needle aspirates of the breast, beside scikit-learn's logistic regression in the same run."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from training_cases import read

from consilium.models import LEARNERS, learner

PUBLISHED = {"explainable boosting, its README": 0.995, "logistic regression, scikit-learn, standardised": 0.9955}
FOLDS = 5
console = Console(stderr=True)


def figures(data: Path | None) -> dict[str, float]:
    found = read("breast_mass", data)
    X, y = found.features.X, found.y
    table = Table(title=f"WDBC, {len(y)} aspirates: mean AUROC of {FOLDS} folds")
    for column in ("learner", "AUROC", "±", "seconds"):
        table.add_column(column, justify="left" if column == "learner" else "right")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    best: dict[str, float] = {}
    for name in LEARNERS:
        console.log(name)
        started = time.perf_counter()
        scores = [roc_auc_score(y[test], learner(name).fit(X[fit], y[fit]).log_odds(X[test])) for fit, test in folds.split(X, y)]
        best[name] = float(np.mean(scores))
        table.add_row(name, f"{best[name]:.4f}", f"{np.std(scores):.4f}", f"{time.perf_counter() - started:.1f}")
    peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_score(peer, X, y, cv=folds, scoring="roc_auc")
    table.add_section()
    table.add_row("scikit-learn logistic regression, here", f"{scores.mean():.4f}", f"{scores.std():.4f}", "")
    for name, value in PUBLISHED.items():
        table.add_row(f"published: {name}", f"{value:.4f}", "", "")
    Console().print(table)
    return {
        "wdbc_best_auroc": round(max(best.values()), 4),
        "wdbc_logistic_auroc": round(best["logistic"], 4),
        "sklearn_logistic_auroc": round(float(scores.mean()), 4),
    }
