"""Read a specialist's `card.yaml` into a Card, refusing what the card's rules do not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from consilium.core.card import Bar, Card, Input, Population, Proof, Series, Tuning
from consilium.core.duration import duration
from consilium.core.errors import CardError, NotFoundError
from consilium.knowledge import shelf
from consilium.specialists.question_file import read_question

CARD = {
    "name",
    "version",
    "title",
    "condition",
    "horizon",
    "question",
    "intended",
    "not_for",
    "population",
    "inputs",
    "learner",
    "parameters",
    "tuning",
    "series",
    "compare",
    "comparators",
    "why",
    "proof",
    "bar",
    "sources",
    "threshold",
    "model",
}
PROOF = {"kind", "folds", "site", "subgroups", "since", "by", "held", "share", "person"}
INPUT = {"name", "code", "unit", "window", "take", "required", "values", "each_of", "label", "changeable"}


def read_card(path: Path, *, anywhere: bool = False) -> Card:
    """Read a card.

    Parameters
    ----------
    path : Path
        The `card.yaml`; its folder's name must be the card's name.
    anywhere : bool
        The card is not in its specialist's folder yet, so that its folder may have any name.

    Raises
    ------
    NotFoundError
        When there is no such file.
    CardError
        When a key is missing, unknown, or says something a card cannot say.
    """
    if not path.is_file():
        raise NotFoundError("There is no card", where=str(path), do="a specialist is a folder with a card.yaml")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise CardError("The card is not YAML", where=str(path), found=str(error).splitlines()[0]) from error
    _known(raw, CARD, str(path))
    if raw.get("name") != path.parent.name and not anywhere:
        raise CardError("A card carries its folder's name", where=str(path), found=raw.get("name"), expected=path.parent.name)
    try:
        return Card(
            name=raw["name"],
            version=str(raw["version"]),
            title=_both(raw["title"], path),
            condition=raw["condition"],
            horizon=raw.get("horizon", ""),
            question=read_question(raw["question"], f"{path}, question"),
            intended=raw["intended"],
            not_for=raw["not_for"],
            population=_population(raw.get("population", {})),
            inputs=tuple(i for entry in raw["inputs"] for i in _inputs(entry, path)),
            learner=raw["learner"],
            why=raw["why"],
            proof=_proof(raw.get("proof", {}), path),
            parameters=dict(raw.get("parameters", {})),
            tuning=Tuning(**raw.get("tuning", {})),
            comparators=_comparators(raw.get("comparators", ()), path),
            bar=_bar(raw["bar"], path),
            sources=tuple(raw["sources"]),
            threshold=None if raw.get("threshold") is None else float(raw["threshold"]),
            series=_series(raw["series"], path) if "series" in raw else None,
            compare=tuple(raw.get("compare", ())),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CardError("The card lacks something or says it in a form not understood", where=str(path), found=repr(error)) from error


def _inputs(entry: Mapping[str, Any], path: Path, window: str = "ever") -> list[Input]:
    where = f"{path}, input {entry.get('name')!r}"
    _known(entry, INPUT, where)
    if "each_of" in entry:
        return _each_of(entry, where)
    code = entry["code"]
    of_code = {c: float(v) for c, v in code.items()} if isinstance(code, Mapping) else {}
    codes = tuple(code) if isinstance(code, (Mapping, list)) else (code,)
    takes = entry.get("take", "last")
    several = isinstance(takes, list)
    looks = entry.get("window", window)
    return [
        Input(
            name=f"{entry['name']}_{take}" if several else entry["name"],
            codes=codes,
            unit="1" if take == "count" else str(entry["unit"]),
            take=take,
            window=None if looks == "ever" else duration(looks),
            required=bool(entry.get("required", False)),
            of_code=of_code,
            of_text={str(k): float(v) for k, v in entry.get("values", {}).items()},
            label=_both(entry["label"], path) if "label" in entry else {},
            changeable={True: "either", False: ""}.get(entry.get("changeable", ""), entry.get("changeable", "")),
        )
        for take in (takes if several else [takes])
    ]


def _each_of(entry: Mapping[str, Any], where: str) -> list[Input]:
    """One input for each group of a grouping on the shelf: how many events carry an answer of that group (0 where none does)."""
    groups = shelf().groups.get(str(entry["each_of"]))
    if groups is None:
        raise CardError("There is no such grouping", where=where, found=entry["each_of"], expected=sorted(shelf().groups))
    if set(entry) & {"values", "take", "label", "required"}:
        raise CardError("A grouping counts, and brings its own values and names", where=where, found=sorted(entry))
    return [
        Input(
            name=f"{entry['name']}_{name}",
            codes=(entry["code"],),
            unit=str(entry["unit"]),
            take="count",
            window=None if entry.get("window", "ever") == "ever" else duration(entry["window"]),
            of_text=dict.fromkeys(group.codes, 1.0),
            label=group.label,
        )
        for name, group in groups.items()
    ]


def _series(raw: Mapping[str, Any], path: Path) -> Series:
    _known(raw, {"step", "length", "inputs"}, f"{path}, series")
    inputs = tuple(i for entry in raw["inputs"] for i in _inputs(entry, path, raw["step"]))
    return Series(duration(raw["step"]), int(raw["length"]), inputs)


def _comparators(names: Sequence[str], path: Path) -> tuple[str, ...]:
    unknown = [name for name in names if name not in shelf().scores]
    if unknown:
        raise CardError("There is no such score", where=f"{path}, comparators", found=unknown, expected=sorted(shelf().scores))
    return tuple(names)


def _bar(raw: Mapping[str, Any], path: Path) -> Bar:
    _known(raw, {"auroc_low", "slope", "subgroup_gap", "groups"}, f"{path}, bar")
    low, high = raw["slope"]
    return Bar(float(raw["auroc_low"]), (float(low), float(high)), float(raw["subgroup_gap"]), tuple(raw.get("groups", ())))


def _proof(raw: Mapping[str, Any], path: Path) -> Proof:
    _known(raw, PROOF, f"{path}, proof")
    since = raw.get("since")
    return Proof(
        kind=str(raw.get("kind", "cross")),
        folds=int(raw.get("folds", 5)),
        site=str(raw.get("site", "")),
        subgroups=tuple(raw.get("subgroups", ())),
        since=None if since is None else datetime.fromisoformat(str(since)),
        by=str(raw.get("by", "")),
        held=tuple(str(part) for part in raw.get("held", ())),
        share=float(raw.get("share", 0.0)),
        person=str(raw.get("person", "")),
    )


def _population(raw: Mapping[str, Any]) -> Population:
    _known(raw, {"age", "sexes"}, "population")
    age = raw.get("age", [0, 150])
    return Population((float(age[0]), float(age[1])), tuple(raw.get("sexes", ("F", "M"))))


def _both(text: Any, path: Path) -> dict[str, str]:
    if not isinstance(text, Mapping) or set(text) != {"en", "zh"}:
        raise CardError("A text for people is given in both languages", where=str(path), found=text, expected="{en: ..., zh: ...}")
    return {language: str(words) for language, words in text.items()}


def _known(raw: Any, keys: set[str], where: str) -> None:
    if not isinstance(raw, Mapping):
        raise CardError("A mapping is expected", where=where, found=type(raw).__name__)
    unknown = set(raw) - keys
    if unknown:
        raise CardError("A key is not known", where=where, found=sorted(unknown), expected=sorted(keys))
