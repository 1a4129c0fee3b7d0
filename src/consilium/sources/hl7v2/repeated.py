"""Repeated: what a stream of messages says again and again is kept once, as of when it was first known."""

from __future__ import annotations

from dataclasses import dataclass, field

from consilium.core.code import KINDS, split
from consilium.sources.sheet import Sheet

_STANDING = frozenset({*KINDS, "GENDER", "NAME", "MEDS_BIRTH", "MEDS_DEATH"})


@dataclass(slots=True)
class Repeated:
    """What one file has said so far.

    Every message of a stay repeats person, visit, diagnoses and allergies; written down each time, one admission would count as
    twenty. Statements that agree in patient, time, code and value are one, known from the earliest message on; statements
    without a date of their own agree whatever their time. Of results this holds within a batch, so that memory grows with
    patients and not with results.
    """

    known: dict[int, int] = field(default_factory=dict)

    def once(self, sheet: Sheet, undated: set[int]) -> None:
        """Leave each statement once on a sheet that is ready to be handed on."""
        best: dict[tuple[object, ...], int] = {}
        for i in range(len(sheet.code)):
            key = (sheet.patient[i], None if i in undated else sheet.time[i], sheet.code[i], sheet.number[i], sheet.text[i], sheet.unit[i])
            other = best.get(key)
            if other is None or (sheet.available[i] or 0, sheet.time[i] or 0) < (sheet.available[other] or 0, sheet.time[other] or 0):
                best[key] = i
        kept = sorted(i for key, i in best.items() if self._new(key, sheet, i))
        if len(kept) == len(sheet.code):
            return
        for column in (sheet.patient, sheet.time, sheet.code, sheet.number, sheet.text, sheet.unit, sheet.available, sheet.source):
            column[:] = [column[i] for i in kept]  # type: ignore[misc]

    def _new(self, key: tuple[object, ...], sheet: Sheet, i: int) -> bool:
        code = sheet.code[i]
        if code.partition("//")[0] not in _STANDING and split(code).kind == "":
            return True
        available = sheet.available[i] or 0
        before = self.known.get(hash(key))
        if before is not None and before <= available:
            return False
        self.known[hash(key)] = available
        return True
