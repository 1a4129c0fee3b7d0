"""Checklist: the items, questions and fields that a dossier answers, opened from the files beside this one."""

from __future__ import annotations

import functools
import string
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml


@functools.cache
def checklist(name: str) -> Mapping[str, Any]:
    """The checklist `tripod_ai`, `probast` or `chai`, or the `words` of the page."""
    text = files("consilium.validation.dossier").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def filled(sentence: str, words: Mapping[str, str]) -> str:
    """A sentence with its gaps filled, or nothing where a gap has no words.

    Examples
    --------
    >>> filled("{n} patients.", {"n": "12"}), filled("{n} patients at {sites}.", {"n": "12", "sites": ""})
    ('12 patients.', '')
    """
    gaps = [name for _, name, _, _ in string.Formatter().parse(sentence) if name]
    return sentence.format_map(words).strip() if all(words[name] for name in gaps) else ""
