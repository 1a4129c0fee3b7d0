"""Trains the outlines of the retina's lesions (IDRiD, part A) and the grade weighed from them (part B), and seals both as one model.

    python benchmarks/imaging_train_idrid.py --keep DIR [--seal | --prove] [--data FOLDER]

Photographs that also stand in the test part of the grades (three do, by their look) are left out, so that grades can be proven later.
Photographs that the networks learned from are left out of what the grade is learned from. The last line is one JSON object: AUROC of
each answer, unseen; with `--prove` on the test part.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from imaging_accuracy_idrid_lesions import BINS, SHORT, area_of
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from consilium.imaging.fundus import Fundus, field_of, prepared
from consilium.imaging.idrid import OUTLINES, Graded, alike, copies, graded, outlined
from consilium.imaging.lesion_traits import lesion_traits
from consilium.imaging.network_lesions import exported_outlines
from consilium.imaging.network_lesions import outlined as told
from consilium.imaging.segment import fit_weighing
from consilium.imaging.specialist import FOLDER, FORM, ImageCard, model, read_card
from consilium.imaging.task_fundus import ANSWERS, NAME, said, standing
from consilium.imaging.train_lesions import Recipe, train_lesions
from consilium.imaging.train_picture import proven
from consilium.imaging.train_residual import folds
from consilium.models.boosting import Boosting
from consilium.models.calibration import fit_calibration
from consilium.models.conformal import fit_sets
from consilium.models.odds import probability_of
from consilium.models.seal import sealed
from consilium.models.sealed import session
from consilium.models.uncertainty import fit_intervals
from consilium.validation import auroc, page, write_report
from consilium.validation.measure import learner_result

SHARED = Path(__file__).parents[2] / "shared" / "data"
SEED = 20260101
MOST_SCALE = 1.4
"""How much a photograph may be enlarged before it is said that small lesions cannot be seen in it."""
HOW = "5 folds of the official training photographs, copies together, those the networks learned from left out"
APART = 9
"""Each ninth photograph is kept apart for the thresholds."""
PIXELS = {"microaneurysms": 4, "haemorrhages": 8, "hard_exudates": 6, "soft_exudates": 20, "optic_disc": 500}
COARSE = Recipe()
FINE = Recipe(steps=900, batch=16, patch=128, rate=4e-3, width=10, depth=3, fold=1, at=(0.55, 0.25), heavier=(4.0, 2.0))
"""Exudates and the disc are outlined by a network that reads four pixels as one; microaneurysms and haemorrhages need each pixel."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "idrid")
    parser.add_argument(
        "--keep", type=Path, required=True, help="folder in which networks and outlines are kept, so that what was cut off goes on"
    )
    parser.add_argument("--seal", action="store_true", help="write the model into its folder")
    parser.add_argument("--prove", action="store_true", help="train nothing; write the report on the official test photographs")
    arguments = parser.parse_args()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    card = read_card(FOLDER / NAME / "card.yaml")
    told = proof(card, arguments.data, arguments.keep) if arguments.prove else learned(card, arguments.data, arguments.keep, arguments.seal)
    print(json.dumps(told))


def networks(data: Path, keep: Path) -> tuple[bytes, dict[str, Any]]:
    """The two networks as one graph, thresholds of each outline, and how well they outline photographs kept apart."""
    if (keep / "outlines.onnx").is_file():
        return (keep / "outlines.onnx").read_bytes(), json.loads((keep / "outlines.json").read_text())
    photos = list(outlined(data, "train"))
    there = alike([photo.photograph for photo in photos], [photo.photograph for photo in graded(data, "test")])
    print(f"left out, as they are among the graded test photographs: {[p.name for p, twice in zip(photos, there, strict=True) if twice]}")
    seen = [_seen(photo.photograph) for photo in photos]
    truth = [_sized(photo.outlines, one.field.shape) for photo, one in zip(photos, seen, strict=True)]
    apart = np.arange(len(photos)) % APART == APART // 2
    learn, check = np.flatnonzero(~apart & ~there), np.flatnonzero(apart & ~there)
    planes, fields = [one.planes for one in seen], [one.field for one in seen]
    members = []
    for recipe, outlines in ((COARSE, range(len(OUTLINES))), (FINE, range(2))):
        given = ([planes[i] for i in learn], [truth[i][list(outlines)] for i in learn], [fields[i] for i in learn])
        members.append(train_lesions(*given, recipe, seed=1))
    graph = exported_outlines([(members[0], (None, None, 2, 3, 4)), (members[1], (0, 1, None, None, None))], (4, 64, 96))
    multiple = COARSE.fold * 2 ** (COARSE.depth - 1)
    run = session(graph.SerializeToString(), {"log_odds"})
    p = [told(run, planes[i], multiple=multiple) for i in check]
    thresholds, areas = {}, {}
    for k, kind in enumerate(OUTLINES):
        counts = np.sum([_counts(plane[k], truth[i][k]) for plane, i in zip(p, check, strict=True)], axis=0)
        areas[SHORT[kind]] = round(area_of(counts), 4)
        thresholds[kind] = {"probability": round(_best(counts), 4), "pixels": PIXELS[kind]}
    meta = {"outlines": list(OUTLINES), "thresholds": thresholds, "multiple": multiple, "most_scale": MOST_SCALE, "apart": areas}
    (keep / "outlines.json").write_text(json.dumps(meta))
    (keep / "outlines.onnx").write_bytes(graph.SerializeToString())
    return graph.SerializeToString(), meta


def traits_of(graph: bytes, meta: dict[str, Any], data: Path, part: str, keep: Path) -> tuple[np.ndarray, np.ndarray, list[Graded]]:
    """Traits (n, 30) of the graded photographs of a part, and their grade and oedema (n, 2)."""
    run = session(graph, {"log_odds"})
    photos, numbers = list(graded(data, part)), []
    for photo in track(photos, f"outlines of the {part} photographs", console=Console(stderr=True)):
        kept = keep / f"{part}_{photo.name}.npz"
        if not kept.is_file():
            seen = _seen(photo.photograph)
            p = told(run, seen.planes, multiple=meta["multiple"])
            np.savez(kept, p=(p * 255).astype(np.uint8), field=seen.field, scale=seen.scale)
        with np.load(kept) as held:
            planes, field, scale = held["p"].astype(np.float32) / 255, held["field"], float(held["scale"])
        masks = [standing(plane, field, kind, meta) for kind, plane in zip(meta["outlines"], planes, strict=True)]
        numbers.append(lesion_traits(planes, masks, field, scale, meta["outlines"]))
    return np.stack(numbers), np.array([(photo.grade, photo.oedema) for photo in photos]), photos


def learned(card: ImageCard, data: Path, keep: Path, seal: bool) -> dict[str, float]:
    """Answers weighed from what was outlined, by folds in which copies of one photograph stay together."""
    graph, meta = networks(data, keep)
    numbers, truth, photos = traits_of(graph, meta, data, "train", keep)
    pictures = [photo.photograph for photo in photos]
    taught = alike(pictures, [photo.photograph for photo in outlined(data, "train")])
    shown = alike(pictures, [photo.photograph for photo in graded(data, "test")])
    print(
        f"left out of {len(photos)}: {taught.sum()} that the networks learned from, {(shown & ~taught).sum()} that are test photographs too"
    )
    rows = np.flatnonzero(~taught & ~shown)
    numbers, truth, who = numbers[rows], truth[rows], copies([pictures[i] for i in rows])
    fold = folds(who, truth[:, 0], 5, seed=1)
    answers, results, areas = {}, [], {}
    for answer in ANSWERS:
        y = (truth[:, 1] >= 1 if answer.startswith("oedema") else truth[:, 0] >= int(answer[-1])).astype(np.int64)
        score = _unseen(lambda x, y: fit_weighing(np.empty((len(x), 0)), x, y), lambda m, x: m(np.empty((len(x), 0)), x), numbers, y, fold)
        line = fit_calibration(score, y)
        calibrated = line.apply(score)
        answers[answer] = {
            "weighing": fit_weighing(np.empty((len(numbers), 0)), numbers, y).as_json(),
            "calibration": [line.slope, line.intercept],
            "intervals": fit_intervals(calibrated, y, subjects=who).as_json(),
            "sets": fit_sets(calibrated, y).as_json(),
        }
        areas[answer] = round(auroc(y, score, subjects=who).value, 4)
        if answer == "at_least_2":
            trees = _unseen(lambda x, y: Boosting(random_state=1).fit(x, y), lambda m, x: m.log_odds(x), numbers, y, fold)
            for name, one in (("lesions", score), ("boosting", trees)):
                p = probability_of(fit_calibration(one, y).apply(one))
                results.append(learner_result(name, y, p, 0.0, seed=SEED, subjects=who))
                areas[f"{answer}_{name}"] = round(results[-1].auroc.value, 4)
            n, events = len(y), int(y.sum())
    if seal:
        digest = hashlib.sha256(graph).hexdigest()
        held = {
            "form": FORM,
            "card": card.name,
            "version": card.version,
            "graph": digest,
            "answers": answers,
            "n": n,
            "events": events,
            **meta,
        }
        held["compared"] = [asdict(result) for result in results]
        (FOLDER / NAME / "model.onnx").write_bytes(sealed(onnx.load_model_from_string(graph), held))
    return areas


def proof(card: ImageCard, data: Path, keep: Path) -> dict[str, float]:
    """The report of the sealed model on the official test photographs."""
    _, meta = model(FOLDER / NAME)
    graph, _ = networks(data, keep)
    numbers, truth, _ = traits_of(graph, dict(meta), data, "test", keep)
    y = (truth[:, 0] >= 2).astype(np.int64)
    file = (FOLDER / NAME / "model.onnx").read_bytes()
    report = proven(
        card, said(numbers, "at_least_2", meta), y, meta, digest=hashlib.sha256(file).hexdigest(),
        data="IDRiD, part B (disease grading), 512 pixels", fingerprint=hashlib.sha256((data / "idrid.zip").read_bytes()).hexdigest(),
        development=(meta["n"], meta["events"], HOW),
        held_out="the official test photographs, shown once",
    )  # fmt: skip
    write_report(FOLDER / NAME / "report.json", report)
    (FOLDER / NAME / "report.html").write_text(page(report, card_title=card.title["en"]), encoding="utf-8")
    return {"idrid_referable_auc": round(report.auroc.value, 4)}


def _seen(photograph: NDArray[np.uint8]) -> Fundus:
    field = field_of(photograph)
    assert field is not None
    return prepared(photograph, field)


def _unseen(fit: Callable[..., Any], ask: Callable[..., Any], x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> np.ndarray:
    score = np.empty(len(y))
    for number in np.unique(fold):
        held = fold == number
        score[held] = ask(fit(x[~held], y[~held]), x[held])
    return score


def _sized(outlines: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = ((np.arange(n) + 0.5) * m / n for n, m in zip(shape, outlines.shape[1:], strict=True))
    return outlines[:, rows.astype(np.int64)][:, :, columns.astype(np.int64)]


def _counts(plane: NDArray[np.float32], truth: NDArray[np.bool_]) -> NDArray[np.int64]:
    cell = np.minimum((plane * BINS).astype(np.int64), BINS - 1)
    return np.stack([np.bincount(cell[truth == side], minlength=BINS) for side in (False, True)])


def _best(counts: NDArray[np.int64]) -> float:
    """The probability from which on what is outlined agrees best (Dice) with what was outlined by people."""
    wrong, right = (np.cumsum(side[::-1])[::-1] for side in counts)
    dice = 2 * right / np.maximum(right + wrong + counts[1].sum(), 1)
    return float(np.argmax(dice)) / BINS


if __name__ == "__main__":
    main()
