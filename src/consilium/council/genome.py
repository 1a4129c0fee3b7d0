"""Genome: what the record holds of a patient's genes at the moment of asking, read from the laboratory's events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pyarrow.compute as pc

from consilium.core.code import concept, split
from consilium.core.gene import GeneResult, Share
from consilium.core.patient import Patient
from consilium.knowledge import Shelf
from consilium.knowledge.genes import NOT_CALLED

KINDS = ("GENOTYPE", "PHENOTYPE", "ACTIVITY", "ALTERNATIVES")
BETWEEN = " | "
"""What stands between diplotypes that the data cannot tell apart."""


def genes(patient: Patient, shelf: Shelf) -> tuple[GeneResult, ...]:
    """The results by gene, in the order of their names.

    Of several readings of a gene the latest that called it counts: what one is born with does not change, and a later test that
    could not call it takes nothing away. `conflicts` names genes of which two readings differ.
    """
    return tuple(max(found, key=_order) for _, found in sorted(_readings(patient, shelf).items()))


def conflicts(patient: Patient, shelf: Shelf) -> tuple[tuple[GeneResult, GeneResult], ...]:
    """Genes that two readings call differently, each with the one that counts first."""
    differing = []
    for _, found in sorted(_readings(patient, shelf).items()):
        latest = max(found, key=_order)
        others = [one for one in found if one.called and latest.called and set(one.diplotypes) != set(latest.diplotypes)]
        others = [one for one in others if one.diplotypes and latest.diplotypes]
        if others:
            differing.append((latest, max(others, key=_order)))
    return tuple(differing)


def _readings(patient: Patient, shelf: Shelf) -> dict[str, list[GeneResult]]:
    """Each reading of each gene: the events of one origin belong together."""
    kinds = pc.match_substring_regex(patient.events["code"], f"^({'|'.join(KINDS)})//")
    parts: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in patient.events.filter(kinds).to_pylist():
        if row["time"] is not None and row["time"] > patient.as_of:
            continue
        source = row["source_id"] or ""
        origin = source.rpartition("#")[0] or source  # the name of a message holds a # of its own
        parts.setdefault((concept(row["code"]), origin), {})[split(row["code"]).kind] = row
    found: dict[str, list[GeneResult]] = {}
    for (code, _), said in sorted(parts.items()):
        result = _result(code, said, shelf)
        found.setdefault(result.gene, []).append(result)
    return found


def _result(code: str, said: dict[str, dict[str, Any]], shelf: Shelf) -> GeneResult:
    book = shelf.genes
    genotype = said["GENOTYPE"]["text_value"] or "" if "GENOTYPE" in said else ""
    phenotype = said["PHENOTYPE"]["text_value"] or "" if "PHENOTYPE" in said else ""
    activity = said.get("ACTIVITY", {})
    more: dict[str, Any] = orjson.loads(said["ALTERNATIVES"]["text_value"]) if "ALTERNATIVES" in said else {}
    called = genotype and book.phenotype_of.get(genotype) != NOT_CALLED
    return GeneResult(
        gene=book.gene_of.get(code, code.rpartition("//")[2]),
        code=code,
        diplotypes=tuple(genotype.split(BETWEEN)) if called else (),
        phenotype=book.phenotype_of.get(phenotype, phenotype),
        phenotype_code=phenotype if phenotype in book.phenotype_of else "",
        score=activity.get("numeric_value"),
        at_least=str(activity.get("text_value") or "").startswith("≥"),
        distribution=_shares(more.get("diplotypes")),
        phenotypes=_shares(more.get("phenotypes")),
        positions=(more.get("seen", 0), more.get("of", 0)),
        notes=tuple(more.get("notes", ())),
        time=max((row["time"] for row in said.values() if row["time"]), default=None),
        event_ids=tuple(sorted(row["source_id"] for row in said.values() if row["source_id"])),
    )


def _shares(told: dict[str, float] | None) -> tuple[Share, ...]:
    return tuple(Share(name, p) for name, p in (told or {}).items())


def _order(result: GeneResult) -> tuple[bool, datetime, tuple[str, ...]]:
    return result.called, result.time or datetime.min, result.event_ids
