"""The guarantee on false places per image: the card's cap, on pictures held out for good, and over random halves of them.

    python benchmarks/fp_guarantee.py [--splits 20]

Breast ultrasound. In each split half of the held-out groups of near copies sets the threshold, once with the card's confidence and
once in expectation (conformal risk control), and the other half is counted. The last line is one JSON object: `mean_fp_per_image`
of the threshold that was sealed, and in how many splits the counted half stays within the cap.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from imaging_train_outline import HELD, PLANS, SEED
from rich.console import Console
from rich.table import Table

from consilium.imaging.detect import controlled, losses, places
from consilium.imaging.network_unet import OUTPUTS
from consilium.imaging.segment import segment
from consilium.imaging.specialist import FOLDER, model, read_card
from consilium.imaging.train_outline import one_each, scores_of
from consilium.models.odds import log_odds_of
from consilium.record import drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=20)
    splits = parser.parse_args().splits
    plan = PLANS["breast_ultrasound"]
    card, found = read_card(FOLDER / plan.specialist / "card.yaml"), plan.read()
    cap, confidence = card.more["false_positives_per_image"], card.more["confidence"]
    rows = np.flatnonzero(drawn(found.subjects, HELD, seed=SEED))
    probability, _ = segment(FOLDER / plan.specialist, found.images[rows])
    true, who = found.outlines[rows] >= 0.5, found.subjects[rows]
    scores = scores_of(log_odds_of(probability, 1e-7), true)
    threshold = float(model(FOLDER / plan.specialist, ("X",), OUTPUTS)[1]["threshold"])
    sealed = losses(scores, threshold).mean()
    hit = [any(one.score >= threshold and (one.mask & mask).any() for one in places(p)) for p, mask in zip(probability, true, strict=True)]
    sensitivity = float(np.mean(np.array(hit)[true.any((1, 2))]))
    draw, groups = np.random.default_rng(SEED), np.unique(who)
    counted: dict[str, list[float]] = {"confidence": [], "expectation": []}
    for _ in range(splits):
        first = np.isin(who, draw.permutation(groups)[: len(groups) // 2])
        setting = one_each([scores[k] for k in np.flatnonzero(first)], who[first])
        rest = [scores[k] for k in np.flatnonzero(~first)]
        for name, sure in (("confidence", confidence), ("expectation", None)):
            counted[name].append(float(losses(rest, controlled(setting, cap, confidence=sure)).mean()))
    within = {name: int(sum(value <= cap for value in values)) for name, values in counted.items()}
    table = Table(title=f"False places per image, {len(rows)} held-out pictures; the card's cap is {cap:g}")
    for column in ("threshold set", "mean per image", "splits within the cap"):
        table.add_column(column, justify="left" if column == "threshold set" else "right")
    table.add_row(f"sealed ({threshold:.3f}), on pictures of training that networks had not seen", f"{sealed:.3f}", "")
    table.add_row(
        f"on half, with {confidence:.0%} confidence", f"{np.mean(counted['confidence']):.3f}", f"{within['confidence']} of {splits}"
    )
    table.add_row("on half, in expectation", f"{np.mean(counted['expectation']):.3f}", f"{within['expectation']} of {splits}")
    Console(width=120).print(table)
    print(json.dumps({
        "cap": cap, "mean_fp_per_image": round(float(sealed), 4), "splits_within_cap": within["confidence"],
        "splits_within_cap_in_expectation": within["expectation"], "splits": splits, "sensitivity": round(sensitivity, 4),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
