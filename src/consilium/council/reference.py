"""Reference: the reference range that fits a patient, the same where it is shown and where a change is thought of."""

from __future__ import annotations

from consilium.core.patient import Patient, age, sex
from consilium.knowledge import Shelf

Limits = tuple[float | None, float | None]


def reference(code: str, unit: str, patient: Patient, shelf: Shelf) -> Limits | None:
    """The reference range for this patient's sex and age in this unit; None when none is known or it depends on what is not recorded."""
    known = shelf.reference(code, sex(patient) or "", age(patient))
    if known is None or known.unit != unit or (known.reference_low, known.reference_high) == (None, None):
        return None
    return known.reference_low, known.reference_high
