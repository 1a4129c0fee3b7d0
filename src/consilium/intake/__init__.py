"""Intake: an export arrives; sources read it, units and limits are checked, and the record keeps it."""

from consilium.intake.ingest import Progress, ingest
from consilium.intake.normalise import normalise
from consilium.intake.prefetch import patient_from, prefetched
from consilium.intake.summary import Summary, latest

__all__ = ["Progress", "Summary", "ingest", "latest", "normalise", "patient_from", "prefetched"]
