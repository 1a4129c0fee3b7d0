"""Results: what the molecular laboratory found in one person, as events of a record."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from typing import Any

import orjson
import pyarrow as pa

from consilium.core.events import AS_SENT, table
from consilium.core.source import Source
from consilium.genomics.diplotype import Diplotype
from consilium.genomics.inherited import Looked
from consilium.genomics.reading import Reading
from consilium.knowledge.genes import NOT_CALLED
from consilium.knowledge.pharmacogenes import pharmacogenes
from consilium.knowledge.shelf import shelf

LOOKUP = "CONSILIUM//lookup"
"""Code of what was looked up, without its kind."""
LEAST = 1e-4
"""Possibilities less probable than this are not kept one by one."""


def laboratory(file: str) -> Source:
    """Who found it: this laboratory in its version, in which file."""
    return Source(f"consilium, molecular laboratory: {file}", version=version("consilium"))


def results(reading: Reading, patient_id: str, time: datetime, available: datetime, mark: str) -> pa.Table:
    """Write a reading as events.

    For each gene: `GENOTYPE//HGNC//...` (the diplotypes, or the code of "not called"), `PHENOTYPE//` (a code), `ACTIVITY//` (the score,
    unit 1) and `ALTERNATIVES//` (JSON: what else is possible with its probability, positions seen, notes). For each polygenic score
    `POLYGENIC//PGS//<id>`: the sum, unit 1, and as JSON how it was matched, or why it was refused. For each finding among the classified
    variants `VARIANT//ClinVar//<number>` (without a number by build and place), and one `VARIANT//CONSILIUM//lookup` that says what was
    looked up where and how many of each class are carried, all as JSON.

    Parameters
    ----------
    reading : Reading
    patient_id : str
        The sender's identifier of the person whose sample it is; a VCF does not say it.
    time, available : datetime
        When the result holds from and when it could first be known (UTC, without zone).
    mark : str
        What tells this file from others in `source_id`.

    Returns
    -------
    pyarrow.Table
        In `AS_SENT` columns.
    """
    rows: list[dict[str, Any]] = []
    for called in reading.genes:
        rows += _gene(called, f"{mark}/genomics/{reading.sample}/{called.gene}")
    for found in reading.scores:
        refused = found.refused[0]
        told = {"sum": None if refused else float(found.sums[0]), "refused": refused, **asdict(found.reports[0])}
        value = {} if refused else {"numeric_value": told["sum"], "unit": "1"}
        rows.append(
            {"code": f"POLYGENIC//PGS//{found.scoring}", "text_value": orjson.dumps(told).decode(), **value,
             "source_id": f"{mark}/genomics/{reading.sample}/{found.scoring}"}
        )  # fmt: skip
    if reading.looked is not None:
        rows += _looked(reading.looked, f"{mark}/genomics/{reading.sample}")
    common = {"patient_id": patient_id, "time": time, "available": available}
    return table(({**common, **row} for row in rows), AS_SENT)


def _looked(looked: Looked, origin: str) -> list[dict[str, Any]]:
    about = {key: value for key, value in asdict(looked).items() if key != "findings"}
    rows = [{"code": f"VARIANT//{LOOKUP}", "text_value": orjson.dumps(about).decode(), "source_id": f"{origin}/variants"}]
    for found in looked.findings:
        told = {key: value for key, value in asdict(found).items() if key not in ("time", "event_ids")}
        code = f"ClinVar//{found.identifier}" if found.identifier else f"{found.build}//{found.place}"
        rows.append({"code": f"VARIANT//{code}", "text_value": orjson.dumps(told).decode(), "source_id": f"{origin}/{found.place}"})
    return rows


def _gene(called: Diplotype, origin: str) -> list[dict[str, Any]]:
    book = shelf().genes
    code = book.code_of[called.gene]
    said = " | ".join(called.diplotypes) or book.phenotype_code[NOT_CALLED]
    rows: list[dict[str, Any]] = [{"code": f"GENOTYPE//{code}", "text_value": said, "source_id": f"{origin}#genotype"}]
    if called.phenotype:
        phenotype = book.phenotype_code[called.phenotype]
        rows.append({"code": f"PHENOTYPE//{code}", "text_value": phenotype, "source_id": f"{origin}#phenotype"})
    if called.score is not None:
        bound = {"text_value": f"≥ {called.score:g}"} if called.at_least else {}
        rows.append({"code": f"ACTIVITY//{code}", "numeric_value": called.score, "unit": "1", **bound, "source_id": f"{origin}#activity"})
    total = 0 if called.outside else sum(not p.ignored for p in pharmacogenes()[called.gene].positions)
    open_ = {
        "diplotypes": {s.name: s.probability for s in called.distribution if s.probability >= LEAST},
        "phenotypes": {s.name: s.probability for s in called.phenotypes},
        "seen": total - len(called.missing) if total else 0,
        "of": total,
        "assumed": called.assumed,
        "notes": list(called.notes),
        "undocumented": list(called.undocumented),
        "outside": called.outside,
    }
    rows.append({"code": f"ALTERNATIVES//{code}", "text_value": orjson.dumps(open_).decode(), "source_id": f"{origin}#alternatives"})
    return rows
