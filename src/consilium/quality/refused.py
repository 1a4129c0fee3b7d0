"""Refused: the values that intake kept out of the record, by code and reason, and as the numbers they would have been."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.events import Reject
from consilium.knowledge import Shelf
from consilium.quality.finding import Example
from consilium.quality.rules import examples

_FOUND = re.compile(r"\s*([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*(.*)")
_REASONS = (
    ("no unit", "unit_missing"),
    ("unknown unit", "unit_unknown"),
    ("the unit does not convert", "unit_wrong"),
    ("outside plausible limits", "refused"),
)


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused values.

    `groups` by (check, code, unit as sent) hold count, patients and examples; `numbers` by code are in the canonical unit.
    """

    total: int
    groups: dict[tuple[str, str, str], tuple[int, int, list[Example]]] = field(default_factory=dict)
    numbers: dict[str, list[float]] = field(default_factory=dict)

    def faults(self) -> Iterator[tuple[str, str, str, int, list[Example], dict[str, Any]]]:
        """Check, code, unit as sent, count, examples and facts of each group."""
        for (check, code, unit), (n, patients, where) in sorted(self.groups.items()):
            yield check, code, unit, n, where, {"patients": patients}

    def values(self, code: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Values of a code that lay outside plausible limits, in its canonical unit, and ones to count them by."""
        found = np.array(self.numbers.get(code, ()), dtype=np.float64)
        return found, np.ones(len(found), dtype=np.int64)

    def where(self, code: str) -> list[Example]:
        """A few of them."""
        return [e for (check, own, _), (_, _, where) in sorted(self.groups.items()) if own == code and check == "refused" for e in where]


def refused(rejects: Iterable[Reject], shelf: Shelf) -> Refused:
    """Read what was refused; reasons that are not about values of measurements are counted only."""
    rows: dict[tuple[str, str, str], list[Example]] = defaultdict(list)
    numbers: dict[str, list[float]] = defaultdict(list)
    total = 0
    for reject in rejects:
        total += 1
        check = next((c for start, c in _REASONS if reject.reason.startswith(start)), "")
        match = _FOUND.fullmatch(reject.found)
        if not check or not reject.code or match is None:
            continue
        value, unit = float(match[1]), match[2].strip()
        rows[check, reject.code, unit].append(Example(reject.patient_id, reject.row))
        known = shelf.codes.get(reject.code)
        if check == "refused" and known is not None:
            factor = shelf.units.factor(unit, known.unit, reject.code) if unit else (1.0, 0.0)
            if factor is not None:
                numbers[reject.code].append(value * factor[0] + factor[1])
    groups = {
        key: (len(found), len({e.patient_id for e in found}), sorted(set(found), key=lambda e: (e.patient_id, e.source_id))[: examples()])
        for key, found in rows.items()
    }
    return Refused(total, groups, {code: sorted(found) for code, found in numbers.items()})
