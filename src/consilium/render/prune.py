"""Prune: leave out of a JSON document what says nothing, as FHIR and CDS Hooks demand."""

from __future__ import annotations

from typing import Any


def prune(value: Any) -> Any:
    """The document without nulls, empty texts, empty lists and empty objects, at any depth; zero and False stay.

    Examples
    --------
    >>> prune({"a": None, "b": [{"c": ""}, 0], "d": {"e": []}})
    {'b': [0]}
    """
    if isinstance(value, dict):
        return {key: kept for key, item in value.items() if _says(kept := prune(item))}
    if isinstance(value, (list, tuple)):
        return [kept for item in value if _says(kept := prune(item))]
    return value


def _says(value: Any) -> bool:
    return value is not None and value not in ("", [], {})
