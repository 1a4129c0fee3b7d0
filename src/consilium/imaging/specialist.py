"""Specialist: the folder of a network that sees - its card, its sealed model - and what the card says, checked when it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from consilium.core.errors import ConsiliumError, FormatError, ModelError
from consilium.models.home import homes
from consilium.models.sealed import opened, session
from consilium.validation.report_file import read_report

FOLDER = Path(__file__).parent / "specialists"
CARD, MODEL, REPORT, PAGE = "card.yaml", "model.onnx", "report.json", "report.html"
FORM = 1


@dataclass(frozen=True, slots=True)
class ImageCard:
    """What an image specialist is for.

    Parameters
    ----------
    name, version : str
    title : mapping of str to str
        What it answers, in `en` and `zh`.
    label : str
        Key of `knowledge/imaging.csv` of what it looks for.
    learner : str
        `residual`, `texture`, `averaged` (the mean of these two) or `unet`: what holds the seat.
    why : str
        Why it does.
    modalities : tuple of str
        DICOM's words.
    image : mapping
        `rows`, `columns` and `channels` of what the network is given.
    intended, not_for : str
    bar : mapping
        The least that it must reach to sit: measure to number.
    sources : tuple of str
    limits : tuple of str
    """

    name: str
    version: str
    title: Mapping[str, str]
    label: str
    learner: str
    why: str
    modalities: tuple[str, ...]
    image: Mapping[str, int]
    intended: str
    not_for: str
    bar: Mapping[str, float]
    sources: tuple[str, ...]
    limits: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


def read_card(path: Path) -> ImageCard:
    """Read a card.

    Raises
    ------
    FormatError
        When it is no YAML, or a field lacks or is not known.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        lists = {key: tuple(said.pop(key, ())) for key in ("modalities", "sources", "limits")}
        card = ImageCard(**{**said, **lists, "version": str(said["version"])})
    except (OSError, yaml.YAMLError, TypeError, KeyError, AttributeError) as broken:
        raise FormatError("The card cannot be read", where=str(path), found=str(broken).splitlines()[0], do="see its neighbours") from None
    if set(card.title) != {"en", "zh"} or not card.sources or card.name != path.parent.name:
        raise FormatError("The card needs a title in en and zh, sources, and its folder's name", where=str(path), found=card.name)
    return card


def cards() -> Mapping[str, ImageCard]:
    """The cards of all folders that may speak, by name."""
    return {path.parent.name: read_card(path) for path in sorted(FOLDER.glob(f"*/{CARD}")) if not unproven(path.parent)}


def folder_of(name: str) -> Path:
    """The folder of a specialist that a user can teach: in `imaging/` of a home of the user's own, else the one that ships."""
    own = [home / "imaging" / name for home in homes()]
    return next((folder for folder in own if (folder / CARD).is_file()), FOLDER / name)


def unproven(folder: Path) -> str:
    """Why a folder's model may not speak: it lacks, or a report of it that meets the card's bar does; empty where it may."""
    if not (folder / MODEL).is_file():
        return "there is no model"
    if not (folder / REPORT).is_file():
        return "there is no report of its model"
    try:
        report = read_report(folder / REPORT)
    except ConsiliumError as broken:
        return broken.what
    if report.model_sha256 != hashlib.sha256((folder / MODEL).read_bytes()).hexdigest():
        return "its report is of another model"
    return "; ".join(report.shortfalls)


def model(folder: Path, inputs: tuple[str, ...] = ("X",), outputs: tuple[str, ...] = ("log_odds",)) -> tuple[Any, Mapping[str, Any]]:
    """The session of a folder's model, and what was sealed with it; opened again when the file has changed.

    Raises
    ------
    ModelError
        When there is none, or it is damaged.
    """
    try:
        stamp = (folder / MODEL).stat().st_mtime_ns
    except OSError:
        raise ModelError("There is no model", where=str(folder), do="train it (docs/imaging-models.md)") from None
    return _model(folder / MODEL, stamp, inputs, outputs)


@cache
def _model(path: Path, stamp: int, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> tuple[Any, Mapping[str, Any]]:
    data = path.read_bytes()
    meta = opened(data)
    return session(data, set(outputs), set(inputs)), meta
