"""Predicate: one entry of an ACES file's `predicates`; cards write theirs in the same words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from consilium.core.errors import CardError
from consilium.core.question import Joined, Predicate

_KEYS = {"code", "value_min", "value_max", "value_min_inclusive", "value_max_inclusive", "static"}
_JOIN = re.compile(r"(and|or)\((.*)\)", re.DOTALL)


def read_predicate(raw: Any, where: str) -> Predicate | Joined:
    """Read a predicate.

    Parameters
    ----------
    raw : mapping
        `code` (a code, `{any: [...]}`, `{regex: ...}` or, beyond ACES, `{prefix: ...}`) with `value_min`, `value_max` and whether
        each is inclusive (by default it is not); any other key names a column and the value that must stand there. Or `expr`:
        `and(a, b)` or `or(a, b)`.
    where : str
        For messages.

    Raises
    ------
    CardError
        When it is none of these.
    """
    if not isinstance(raw, Mapping):
        raise CardError("A predicate is a mapping with `code` or `expr`", where=where, found=raw)
    if "expr" in raw:
        return _joined(raw, where)
    if raw.get("code") in (None, "", {}):
        raise CardError("A predicate needs a code", where=where, found=dict(raw))
    other = {name: value for name, value in raw.items() if name not in _KEYS}
    return Predicate(
        **_codes(raw["code"], where),
        low=_number(raw.get("value_min"), where),
        high=_number(raw.get("value_max"), where),
        low_inclusive=bool(raw.get("value_min_inclusive")),
        high_inclusive=bool(raw.get("value_max_inclusive")),
        columns={str(name): tuple(value) if isinstance(value, list) else (value,) for name, value in other.items()},
    )


def _codes(code: Any, where: str) -> dict[str, Any]:
    if isinstance(code, str):
        return {"codes": (code,)}
    if isinstance(code, Mapping) and len(code) == 1:
        (how, what), *_ = code.items()
        if how == "any" and isinstance(what, list) and what:
            return {"codes": tuple(str(c) for c in what)}
        if how == "regex" and isinstance(what, str) and what:
            return {"pattern": what}
        if how == "prefix" and what:
            return {"prefixes": tuple(what) if isinstance(what, list) else (str(what),)}
    raise CardError("A code cannot be read", where=where, found=code, expected="a code, {any: [...]}, {regex: ...} or {prefix: ...}")


def _joined(raw: Mapping[str, Any], where: str) -> Joined:
    match = _JOIN.fullmatch(str(raw["expr"]))
    unknown = set(raw) - {"expr", "static"}
    if match is None or unknown:
        raise CardError("A joined predicate cannot be read", where=where, found=dict(raw), expected="expr: and(a, b) or or(a, b)")
    return Joined(tuple(part.strip() for part in match[2].split(",")), match[1] == "and")


def _number(value: Any, where: str) -> float | None:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    raise CardError("A limit is a number", where=where, found=value)
