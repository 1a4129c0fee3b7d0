"""NHAMCS emergency departments: the sealed seats on 2022, beside triage level, NEWS2 and the published figures of other years."""

from __future__ import annotations

from pathlib import Path

from beside_published import beside

NAMES = {"ed_critical": "nhamcs_critical", "ed_admission": "nhamcs_admission"}
PUBLISHED = {
    "ed_critical": {"deep network, 2007-2015 (Raita 2019)": 0.86, "triage level, 2007-2015 (Raita 2019)": 0.74},
    "ed_admission": {"deep network, 2007-2015 (Raita 2019)": 0.82, "triage level, 2007-2015 (Raita 2019)": 0.69},
}

NOTE = "The published figures are of other years and a random split; ours are forward in time."


def figures(data: Path | None) -> dict[str, float]:
    return beside(
        NAMES, PUBLISHED, "nhamcs_ed", data, "The published figures are of other years and a random split; ours are forward in time."
    )
