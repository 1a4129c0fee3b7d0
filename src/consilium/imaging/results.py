"""Results: what the imaging laboratory found in an image, as events of a record."""

from __future__ import annotations

import base64
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from typing import Any

import orjson
import pyarrow as pa

from consilium.core.events import AS_SENT, table
from consilium.core.source import Source
from consilium.imaging.capture import png, thumbnail
from consilium.imaging.finding import Finding, Reading
from consilium.imaging.volume import Volume
from consilium.knowledge.imaging import terms

KIND = {"structure": "STRUCTURE", "candidate": "CANDIDATE", "finding": "FINDING"}
"""Kinds of codes: a place that nobody has judged can never be read as a finding."""
PICTURES = 12
"""Findings of a reading that get a small picture, the first ones."""


def laboratory(name: str) -> Source:
    """Who found it: this laboratory in its version, in which images."""
    return Source(f"consilium, imaging laboratory: {name}", version=version("consilium"))


def results(volume: Volume, reading: Reading, patient_id: str, time: datetime, available: datetime) -> pa.Table:
    """Write a reading as events, one for each finding.

    The code says what was seen and what is claimed (`CANDIDATE//SNOMED//27925004`, `STRUCTURE//...`, `FINDING//...`); `numeric_value` is
    the probability (unit 1) where one is claimed; `text_value` is JSON: label, standing, region (as voxels and millimetres), measurements
    with intervals, reasons, limits, task, model, and the identifiers of study, series and slices, which are referred to and not copied.
    The first findings carry a small picture (PNG).

    Parameters
    ----------
    volume : Volume
    reading : Reading
    patient_id : str
    time, available : datetime
        When the image was made, and when this was first known (UTC, without zone).

    Returns
    -------
    pyarrow.Table
        In `AS_SENT` columns; no row for a reading that was refused.
    """
    origin = f"imaging/{volume.identity.series or volume.source}/{reading.task}"
    rows = []
    for number, finding in enumerate(reading.findings, start=1):
        told = told_of(volume, reading, finding, picture=number <= PICTURES)
        claimed = {} if finding.probability is None else {"numeric_value": finding.probability, "unit": "1"}
        rows.append(
            {
                "patient_id": patient_id, "time": time, "available": available,
                "code": f"{KIND[finding.standing]}//{terms()[finding.label].code}",
                "text_value": orjson.dumps(told).decode(), "source_id": f"{origin}#{number}", **claimed,
            }
        )  # fmt: skip
    return table(rows, AS_SENT)


def told_of(volume: Volume, reading: Reading, finding: Finding, *, picture: bool = False) -> dict[str, Any]:
    """Everything that is said of a finding, ready for JSON."""
    told: dict[str, Any] = {
        "label": finding.label,
        "name": finding.name,
        "standing": finding.standing,
        "measurements": [{k: v for k, v in asdict(m).items() if k != "ends"} for m in finding.measurements],
        "because": list(finding.because),
        "probability": finding.probability,
        "low": finding.low,
        "high": finding.high,
        "task": reading.task,
        "version": reading.version,
        "source": reading.source,
        "modality": volume.modality,
        "study": volume.identity.study,
        "series": volume.identity.series,
    }
    region = finding.region
    if region is not None:
        box = region.box_mm(volume)
        told["region"] = {
            "low": list(region.low), "high": list(region.high), "voxels": region.voxels, "words": str(region),
            "mm": None if box is None or not volume.frame else box.round(2).tolist(),
        }  # fmt: skip
        names = volume.identity.instances
        inside = names[region.low[0] : region.high[0]] if len(region.low) == 3 else names
        told["instances"] = [inside[0], inside[-1]] if inside else []
        if picture:
            told["picture"] = base64.b64encode(png(thumbnail(volume, finding))).decode()
    return told
