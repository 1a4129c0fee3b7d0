"""Advice: one thing to do or not to do, why, how strongly, and who says so."""

from __future__ import annotations

from dataclasses import dataclass

from consilium.core.errors import LawError
from consilium.core.source import Source

URGENCIES = ("info", "warning", "critical")
SUMMARY_LIMIT = 140  # CDS Hooks 2.0.1, card.summary


@dataclass(frozen=True, slots=True)
class Advice:
    """One suggestion to the treating clinician.

    Laws: a source; a summary under 140 characters; a known urgency.

    Parameters
    ----------
    action : str
        `order`, `refer`, `treat`, `avoid`, `stop`, `monitor`, `ask` ...
    target : str
        Code of the drug, test, or condition it is about.
    summary, detail : str
        For people; `detail` may hold Markdown.
    strength : str
        Strength of the recommendation in its source's own grading.
    because : tuple of str
        The facts of this patient that it rests on.
    contraindications : tuple of str
        What in this patient speaks against it.
    source : Source
        Who recommends it.
    urgency : str
        `info`, `warning` or `critical`.
    event_ids : tuple of str
        Events it rests on.
    """

    action: str
    target: str
    summary: str
    detail: str
    strength: str
    because: tuple[str, ...]
    source: Source
    contraindications: tuple[str, ...] = ()
    urgency: str = "info"
    event_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.source, Source):
            raise LawError("No advice without a source", where=f"advice {self.summary!r}")
        if not 0 < len(self.summary) < SUMMARY_LIMIT:
            raise LawError("A summary must be said in under 140 characters", found=len(self.summary), where=f"advice {self.summary[:60]!r}")
        if not self.because:
            raise LawError("Advice must say why", where=f"advice {self.summary!r}")
        if self.urgency not in URGENCIES:
            raise LawError("Advice has an unknown urgency", found=self.urgency, expected=URGENCIES)
