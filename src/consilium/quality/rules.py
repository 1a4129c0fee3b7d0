"""Rules: the limits, severities and words of the checks, read from `checks.yaml`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("checks.yaml")
SEVERITIES = ("error", "warning", "note")


@functools.cache
def _book() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    book: dict[str, Any] = yaml.load(FILE.read_text(encoding="utf-8"), Loader=loader)
    return book


def limits(check: str) -> dict[str, Any]:
    """The limits of a check.

    Examples
    --------
    >>> limits("gap")["least_months"]
    3
    """
    found: dict[str, Any] = _book()["limits"][check]
    return found


def examples() -> int:
    """How many examples a finding carries."""
    return int(_book()["limits"]["examples"])


def checks() -> dict[str, Any]:
    """Every check: `severity`, `title` and `do`, the last two by language."""
    found: dict[str, Any] = _book()["checks"]
    return found


def vocabularies() -> dict[str, Any]:
    """How codes of each vocabulary look: `pattern`, and `digit` where there is a check digit."""
    found: dict[str, Any] = _book()["vocabularies"]
    return found


def site_codes() -> tuple[str, ...]:
    """Codes whose text answer names the site."""
    return tuple(_book()["site_codes"])


def told_birth() -> tuple[str, ...]:
    """Codes whose text answer is a date of birth as told."""
    return tuple(_book()["told_birth"])
