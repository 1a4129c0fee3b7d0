"""Whether tuning pays: a specialist's learner with its defaults and tuned by Optuna, both under the card's own nested proof.

    python benchmarks/tuning.py breast_survival heart_disease breast_mass [--learner boosting] [--trials 30] [--data FOLDER]

Tuning chooses inside each training part only. Patients whom a card holds out are not looked at. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from training_cases import SHARED, read

from consilium.core.card import Tuning
from consilium.specialists.card_file import read_card
from consilium.specialists.prove import parted, prove
from consilium.specialists.roster import folder_of

DATA = {"breast_survival": "survival", "heart_disease": "uci_heart"}
console = Console(stderr=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specialists", nargs="+")
    parser.add_argument("--learner", help="another than the seated one")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--data", type=Path, help="folder of the data set, where it is not in ../shared/data")
    arguments = parser.parse_args()
    figures = {}
    table = Table(title=f"Nested validation, defaults against {arguments.trials} trials in each training part")
    for column in ("specialist", "learner", "", "AUROC", "slope", "Brier", "seconds"):
        table.add_column(column)
    for name in arguments.specialists:
        card = read_card(folder_of(name) / "card.yaml")
        card = replace(card, learner=arguments.learner or card.learner, parameters={})
        cases, _ = parted(card, read(name, arguments.data or (SHARED / DATA[name] if name in DATA else None)))
        for words, tuning in (("defaults", Tuning()), ("tuned", Tuning(arguments.trials))):
            (found,) = prove(replace(card, tuning=tuning), cases, (card.learner,), console.log).results
            cells = [f"{e.value:.4f} ({e.low:.3f} to {e.high:.3f})" for e in (found.auroc, found.slope, found.brier)]
            table.add_row(name, card.learner, words, *cells, f"{found.seconds:.0f}")
            for measure in ("auroc", "brier"):
                figures[f"{name}_{measure}_{words}"] = round(getattr(found, measure).value, 4)
    Console().print(table)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
