"""Whether the maps of where a picture specialist looked show the model: each method's sanity check, and what hiding its fields does.

    python benchmarks/imaging_saliency.py --specialist breast_ultrasound [--pictures 12] [--write]

Pictures are of the specialist's public set; their labels are not looked at. The weights of the sealed model are drawn anew (every tensor's
numbers in another order) and the map made again: a map that stays the same shows the picture and not the model (Adebayo et al. 2018,
arXiv:1810.03292). `--write` puts the result into the specialist's report, where the task reads which method to speak of. The last line is
one JSON object: for each method its rank correlation with the drawn ones, the same without signs, and the gain over random order.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import onnx
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import spearmanr

from consilium.core.report import MapCheck
from consilium.imaging.network_residual import asked
from consilium.imaging.reasons import NETWORKS, open_explained
from consilium.imaging.research import read_breast_ultrasound, read_medmnist
from consilium.imaging.saliency import FIELDS, Ask, cells, hidden, saliency
from consilium.imaging.specialist import FOLDER, cards
from consilium.imaging.texture import texture
from consilium.models.sealed import session
from consilium.validation.interval import wald
from consilium.validation.page import page
from consilium.validation.report_file import read_report, write_report

SHARED = Path(__file__).parents[2] / "shared" / "data"
SETS = {"breast_ultrasound_thumbnail": "breastmnist", "chest_xray_thumbnail": "pneumoniamnist", "retina_thumbnail": "retinamnist"}
STEPS = np.linspace(0, FIELDS**2, 8).round().astype(int)[1:-1]
ORDERS, SEED = 4, 30


def pictures(name: str, count: int) -> np.ndarray:
    """Some pictures of the specialist's set: of MedMNIST the official validation part, of BUSI any with a mass."""
    if name in SETS:
        found = read_medmnist(SHARED / "medmnist" / f"{SETS[name]}.npz")
        images = found.images[found.part == "val"]
    else:
        found = read_breast_ultrasound(next((SHARED / name).glob("*.zip")), cards()[name].image["rows"])
        images = found.images[found.facts["kind"] != "normal"]
    return images[np.random.default_rng(SEED).permutation(len(images))[:count]]


def opened(model: onnx.ModelProto, learner: str, answer: int) -> tuple[Ask, object]:
    """How a model is asked, and its session with reasons where it is a network."""
    graph = session(model.SerializeToString(), {one.name for one in model.graph.output}, {one.name for one in model.graph.input})
    reasons = open_explained(model, answer) if learner in NETWORKS else None

    def ask(images: np.ndarray) -> np.ndarray:
        if learner == "unet":
            return graph.run(["log_odds"], {"X": images})[0][:, answer].astype(float)
        given = texture(images) if learner == "texture" else images
        return (asked(graph, images, texture(images)) if learner == "averaged" else asked(graph, given))[:, answer]

    return ask, reasons


def moved(image: np.ndarray, ask: Ask, order: np.ndarray, whole: float, side: float) -> float:
    """How far the answer has gone, on average, while fields are hidden in an order."""
    fields = cells(image.shape[1:])
    return float(np.mean(side * (whole - ask(hidden(image, np.stack([fields[order[:n]].any(0) for n in STEPS]))))))


def checks(name: str, count: int, draws: int) -> tuple[MapCheck, ...]:
    from consilium.imaging.saliency import redrawn

    card, model = cards()[name], onnx.load(FOLDER / name / "model.onnx")
    held = {entry.key: entry.value for entry in model.metadata_props}
    answer = int(json.loads(held["consilium"]).get("answer", 0))
    ask, graph = opened(model, card.learner, answer)
    others = [opened(redrawn(model, seed), card.learner, answer) for seed in range(draws)]
    rows: dict[str, list[tuple[float, float, float]]] = {}
    random = np.random.default_rng(SEED)
    for image in track(pictures(name, count), description=name):
        whole, nothing = ask(np.concatenate([image[None], hidden(image, np.ones((1, *image.shape[1:]), bool))]))
        side = 1.0 if whole >= nothing else -1.0
        chance = np.mean([moved(image, ask, random.permutation(FIELDS**2), whole, side) for _ in range(ORDERS)])
        for method, made in saliency(image, ask, graph, answer).items():
            ours = made().ravel()
            theirs = [saliency(image, other, reasons, answer)[method]().ravel() for other, reasons in others]
            alike = np.mean([_rank(ours, one) for one in theirs])
            size = np.mean([_rank(np.abs(ours), np.abs(one)) for one in theirs])
            rows.setdefault(method, []).append((alike, size, moved(image, ask, np.argsort(-side * ours), whole, side) - chance))
    made = []
    for method, told in rows.items():
        means, errors = np.mean(told, 0), np.std(told, 0, ddof=1) / np.sqrt(len(told))
        made.append(MapCheck(method, len(told), *(wald(float(m), float(e)) for m, e in zip(means, errors, strict=True))))
    return tuple(made)


def _rank(one: np.ndarray, other: np.ndarray) -> float:
    """Rank correlation; 0 where one map is the same everywhere, so that it says nothing."""
    return float(spearmanr(one, other).statistic) if np.ptp(one) > 0 and np.ptp(other) > 0 else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specialist", action="append", choices=[*SETS, "breast_ultrasound"])
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the result into the specialist's report")
    given = parser.parse_args()
    table = Table(
        "specialist", "method", "alike", "without signs", "gain over random order", "passes", title="Maps of where a model looked"
    )
    told = {}
    for name in given.specialist or [*SETS, "breast_ultrasound"]:
        found = checks(name, given.pictures, given.draws)
        for one in found:
            numbers = [f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f})" for e in (one.alike, one.alike_size, one.deletion_gain)]
            table.add_row(name, one.method, *numbers, "yes" if one.passes else "no")
            told |= {f"{name}_{one.method}_{key}": round(getattr(one, key).value, 3) for key in ("alike", "alike_size", "deletion_gain")}
        if given.write:
            report = replace(read_report(FOLDER / name / "report.json"), maps=found)
            write_report(FOLDER / name / "report.json", report)
            (FOLDER / name / "report.html").write_text(page(report, card_title=cards()[name].title["en"]), encoding="utf-8")
    Console().print(table)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
