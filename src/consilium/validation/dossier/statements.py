"""Statements: what only the author of a model can say, read from `dossier.yaml` beside its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from consilium.core.errors import CardError
from consilium.validation.dossier.checklist import checklist
from consilium.validation.dossier.facts import Said

ANSWERS = ("yes", "probably yes", "probably no", "no")


def read_statements(path: Path) -> Said:
    """Read the author's statements; nothing is said where there is no file.

    Parameters
    ----------
    path : Path
        YAML with `tripod` (text by item), `probast` (`{answer: ..., because: ...}` by question) and `chai` (text by field).

    Raises
    ------
    CardError
        When an item, question or field is not known, an answer is not one of `ANSWERS`, or a text is empty.
    """
    if not path.is_file():
        return Said()
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise CardError("The author's statements are not YAML", where=str(path), found=str(error).splitlines()[0]) from error
    known = {"tripod": set(checklist("tripod_ai")["items"]), "probast": set(checklist("probast")["questions"]), "chai": chai_fields()}
    if not isinstance(raw, Mapping) or set(raw) - set(known):
        raise CardError("The author's statements have other parts", where=str(path), found=sorted(map(str, raw)), expected=sorted(known))
    parts: dict[str, dict[str, Any]] = {}
    for part, keys in known.items():
        parts[part] = {str(key): value for key, value in (raw.get(part) or {}).items()}
        unknown = set(parts[part]) - keys
        if unknown:
            raise CardError(f"No such {part} item", where=str(path), found=sorted(unknown), expected=sorted(keys))
    for part in ("tripod", "chai"):
        empty = [key for key, text in parts[part].items() if not str(text or "").strip()]
        if empty:
            raise CardError("A statement is empty", where=f"{path}, {part}", found=empty, do="say it, or leave the key out")
    answers = {}
    for question, said in parts["probast"].items():
        where = f"{path}, probast {question}"
        if not isinstance(said, Mapping) or set(said) != {"answer", "because"}:
            raise CardError("An answer is given with its reason", where=where, found=said, expected="{answer: ..., because: ...}")
        answer = {True: "yes", False: "no"}.get(said["answer"], said["answer"])
        if answer not in ANSWERS or not str(said["because"] or "").strip():
            raise CardError("An answer is one of four, with a reason", where=where, found=said, expected=ANSWERS)
        answers[question] = (str(answer), str(said["because"]))
    return Said({k: str(v).strip() for k, v in parts["tripod"].items()}, answers, {k: str(v).strip() for k, v in parts["chai"].items()})


def chai_fields() -> set[str]:
    """Names of the card's fields that hold text."""
    found: set[str] = set()

    def walk(part: Mapping[str, Any]) -> None:
        for name, inner in part.items():
            if _is_field(inner):
                found.add(name)
            else:
                walk(inner)

    walk(checklist("chai")["fields"])
    return found


def _is_field(inner: Mapping[str, Any]) -> bool:
    return not inner or bool({"says", "optional", "parts", "metrics"} & set(inner))
