"""Agreement: how far several annotators say the same of the same things, beyond what chance would make them say."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.quality.finding import Example, Finding
from consilium.quality.rules import checks, examples, limits

SCALES = ("nominal", "ordinal", "interval")
COLUMNS = ("item", "annotator", "label")
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rating:
    """What one annotator said of one thing."""

    item: str
    annotator: str
    label: str


def read_ratings(path: Path) -> list[Rating]:
    """Read ratings from a CSV of three columns, `item,annotator,label`, one rating a row; an empty label is no rating.

    Raises
    ------
    FormatError
        When it is not such a table, or an annotator says two things of one item.
    NotFoundError
        When there is no such file.
    """
    if not path.is_file():
        raise NotFoundError("No such file", where=str(path), do="give a CSV with the columns item, annotator, label")
    said: dict[tuple[str, str], str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            header = reader.fieldnames or ()
            if not set(COLUMNS) <= set(header):
                raise FormatError("The ratings lack columns", where=path.name, found=list(header), expected=list(COLUMNS))
            for number, row in enumerate(reader, start=1):
                item, annotator, label = ((row[name] or "").strip() for name in COLUMNS)
                if not item or not annotator:
                    raise FormatError("A rating does not say of what or by whom", where=f"{path.name} row {number}", found=row)
                if label and said.setdefault((item, annotator), label) != label:
                    raise FormatError(
                        "An annotator says two things of one item", where=f"{path.name} row {number}",
                        found=(said[item, annotator], label), do="keep the one that stands",
                    )  # fmt: skip
    except (UnicodeDecodeError, csv.Error) as broken:
        raise FormatError("The ratings are not a CSV in UTF-8", where=path.name, found=str(broken)) from None
    return [Rating(item, annotator, label) for (item, annotator), label in said.items()]


def cohen(first: Iterable[str], second: Iterable[str]) -> float:
    """Cohen's kappa of two annotators over the things that both have rated; nan where chance alone would make them agree in all.

    Source: Cohen, Educ Psychol Meas 1960;20:37-46.

    Examples
    --------
    >>> cohen(["yes"] * 25 + ["no"] * 25, ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15)
    0.4
    """
    a, b = list(first), list(second)
    n = len(a)
    own, other = Counter(a), Counter(b)
    observed = sum(x == y for x, y in zip(a, b, strict=True)) * n
    chance = sum(count * other[label] for label, count in own.items())
    return (observed - chance) / (n * n - chance) if n * n > chance else float("nan")


def fleiss(counts: Matrix) -> float:
    """Fleiss' kappa; nan where chance alone would make all agree.

    Parameters
    ----------
    counts : array of shape (items, labels)
        How many annotators gave each label; every item has as many ratings.

    Source: Fleiss, Psychol Bull 1971;76:378-382.

    Raises
    ------
    InputError
        When items have different numbers of ratings, or fewer than two.

    Examples
    --------
    >>> round(fleiss(np.array([[2, 0], [0, 2], [1, 1]], float)), 3)
    0.333
    """
    ratings = counts.sum(1)
    if not len(counts) or ratings[0] < 2 or np.any(ratings != ratings[0]):
        raise InputError("Fleiss' kappa takes the same number of ratings, two or more, of every item", found=sorted(set(ratings.tolist())))
    n = ratings[0]
    observed = float(((counts**2).sum(1) - n).mean() / (n * (n - 1)))
    share = counts.sum(0) / counts.sum()
    chance = float((share**2).sum())
    return (observed - chance) / (1 - chance) if chance < 1 else float("nan")


def krippendorff(counts: Matrix, distance: Matrix, weight: Matrix | None = None) -> float:
    """Krippendorff's alpha; nan where only one label was ever given.

    Parameters
    ----------
    counts : array of shape (items, labels)
        How many annotators gave each label; items may have any number of ratings, those with fewer than two say nothing.
    distance : array of shape (labels, labels)
        Squared distance of each two labels (`distances`).
    weight : array of shape (items,), optional
        How often each item counts.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section D.

    Examples
    --------
    >>> round(krippendorff(np.array([[2, 0], [0, 2], [1, 1]], float), 1 - np.eye(2)), 3)
    0.444
    """
    paired = counts.sum(1) > 1
    counts, weights = counts[paired], (np.ones(len(counts)) if weight is None else weight)[paired]
    share = weights / (counts.sum(1) - 1)
    together = (counts * share[:, None]).T @ counts - np.diag((counts * share[:, None]).sum(0))
    totals = (counts * weights[:, None]).sum(0)
    expected = float(totals @ distance @ totals)
    return 1 - float((totals.sum() - 1) * (together * distance).sum()) / expected if expected > 0 else float("nan")


def distances(labels: list[str], totals: Matrix, scale: str) -> Matrix:
    """Squared distance of each two labels on a scale; on an ordinal one it depends on how often the labels between were given.

    Raises
    ------
    InputError
        When the labels are no numbers and the scale needs them.
    """
    if scale == "nominal":
        return 1 - np.eye(len(labels))
    try:
        values = np.array([float(label) for label in labels])
    except ValueError:
        raise InputError(
            "Labels on an ordinal or interval scale are numbers", found=labels[:10], do="number the steps of the scale, or say nominal"
        ) from None
    if scale == "interval":
        return np.asarray((values[:, None] - values[None, :]) ** 2)
    order = np.argsort(values)
    middle = np.empty(len(labels))
    middle[order] = np.cumsum(totals[order]) - totals[order] / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)


def agreement(ratings: list[Rating], *, scale: str = "nominal", seed: int = 0) -> Finding:
    """Judge how far annotators agree.

    Parameters
    ----------
    ratings : list of Rating
    scale : str
        `nominal`, `ordinal` or `interval`.
    seed : int
        Of the resampling of items that gives the interval.

    Returns
    -------
    Finding
        `count` of `of` items on which they do not all agree, the most disputed as examples. `facts` holds `alpha`, `alpha_low` and
        `alpha_high` (95 %), `fleiss` where every item has as many ratings, `cohen` for each pair of annotators, and `annotators`.

    Raises
    ------
    InputError
        When there are too few items with two ratings, or more different labels than a label can have.
    """
    if scale not in SCALES:
        raise InputError("There is no such scale of labels", found=scale, expected=SCALES)
    rule, limit = checks()["label_agreement"], limits("agreement")
    items: Mapping[str, dict[str, str]] = defaultdict(dict)
    for rating in ratings:
        items[rating.item][rating.annotator] = rating.label
    shared = {item: said for item, said in sorted(items.items()) if len(said) > 1}
    if len(shared) < limit["least"]:
        raise InputError(
            "Too few things were rated by two annotators", found=len(shared), expected=f"{limit['least']} or more",
            do="have some of them rated again by somebody else",
        )  # fmt: skip
    labels = sorted({label for said in shared.values() for label in said.values()}, key=_order)
    if len(labels) > limit["most_labels"]:
        raise InputError("There are more different labels than labels can be", found=len(labels), expected=limit["most_labels"])
    place = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(shared), len(labels)))
    for row, said in enumerate(shared.values()):
        for label in said.values():
            counts[row, place[label]] += 1
    distance = distances(labels, counts.sum(0), scale)
    alpha = krippendorff(counts, distance)
    patterns, often = np.unique(counts, axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(shared), often / often.sum(), limit["resamples"])
    spread = np.array([krippendorff(patterns, distance, draw.astype(float)) for draw in draws])
    low, high = np.nanquantile(spread, [0.025, 0.975]) if np.isfinite(spread).any() else (np.nan, np.nan)
    facts: dict[str, Any] = {
        "scale": scale, "alpha": _rounded(alpha), "alpha_low": _rounded(low), "alpha_high": _rounded(high),
        "annotators": len({name for said in shared.values() for name in said}),
        "fleiss": _rounded(fleiss(counts)) if len(set(counts.sum(1).tolist())) == 1 else None,
        "cohen": _pairs(shared),
    }  # fmt: skip
    disputed = 1 - counts.max(1) / counts.sum(1)
    names = list(shared)
    worst = [names[row] for row in np.argsort(-disputed, kind="stable") if disputed[row] > 0]
    severity = rule["severity"] if alpha >= limit["reliable"] or np.isnan(alpha) else "warning"
    where = tuple(Example(item) for item in worst[: examples()])
    return Finding("label_agreement", severity, "", len(worst), len(shared), rule["do"], where, facts)


def _pairs(shared: Mapping[str, Mapping[str, str]]) -> dict[str, float | None]:
    """Cohen's kappa of each two annotators who rated something in common, the least agreeing first."""
    both: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for said in shared.values():
        for one, other in combinations(sorted(said), 2):
            both[one, other].append((said[one], said[other]))
    found = {f"{one} / {other}": cohen(*zip(*pairs, strict=True)) for (one, other), pairs in both.items()}
    return {pair: _rounded(kappa) for pair, kappa in sorted(found.items(), key=lambda pair: (np.isnan(pair[1]), pair[1], pair[0]))}


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _order(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return float("inf"), label
