"""Diabetes 130-US hospitals: the sealed seat on people held out, beside what others report."""

from __future__ import annotations

from pathlib import Path

from beside_published import beside

NAMES = {"readmission_30d": "readmission"}
PUBLISHED = {"readmission_30d": {"split by patient, as honestly reported, low": 0.64, "split by patient, as honestly reported, high": 0.69}}

NOTE = "Figures above these are as a rule of splits that let a patient stand on both sides."


def figures(data: Path | None) -> dict[str, float]:
    return beside(
        NAMES, PUBLISHED, "diabetes130", data, "Figures above these are as a rule of splits that let a patient stand on both sides."
    )
