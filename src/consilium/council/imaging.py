"""Imaging: what the record holds of a patient's images at the moment of asking, read from the events of intake and laboratory."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow.compute as pc

from consilium.core.code import split
from consilium.core.image import ImageFinding, ImageSeries, Measured
from consilium.core.patient import Patient

_ORDER = ("finding", "candidate", "structure")


def images(patient: Patient) -> tuple[ImageSeries, ...]:
    """The series, the newest first, each with what was seen in it."""
    kinds = pc.match_substring_regex(patient.events["code"], "^(IMAGING|STRUCTURE|CANDIDATE|FINDING)//")
    series: dict[str, dict[str, Any]] = {}
    found: dict[str, list[ImageFinding]] = {}
    for row in patient.events.filter(kinds).to_pylist():
        told = _told(row["text_value"])
        if (row["time"] is not None and row["time"] > patient.as_of) or "series" not in told:
            continue
        if split(row["code"]).kind == "IMAGING":
            series[told["series"]] = {**told, "time": row["time"], "modality": split(row["code"]).code}
        else:
            found.setdefault(told["series"], []).append(_finding(row, told))
    made = [_series(uid, series.get(uid, {}), found.get(uid, [])) for uid in {**series, **found}]
    return tuple(sorted(made, key=lambda s: (s.time is None, -(s.time.timestamp() if s.time else 0), s.uid)))


def _told(text: str | None) -> dict[str, Any]:
    try:
        told = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _series(uid: str, told: dict[str, Any], found: list[ImageFinding]) -> ImageSeries:
    return ImageSeries(
        uid, told.get("study", ""), told.get("modality", ""), told.get("description", ""), told.get("time"), told.get("images", 0),
        tuple(told.get("notes", ())), tuple(sorted(found, key=lambda f: (_ORDER.index(f.standing), f.task, _number(f)))),
        told.get("phantom") is True,
    )  # fmt: skip


def _number(finding: ImageFinding) -> int:
    return int(finding.event_ids[0].rpartition("#")[2]) if finding.event_ids and finding.event_ids[0].rpartition("#")[2].isdigit() else 0


def _finding(row: dict[str, Any], told: dict[str, Any]) -> ImageFinding:
    region = told.get("region") or {}
    p, low, high = (told.get(key) for key in ("probability", "low", "high"))
    return ImageFinding(
        told.get("label", ""), row["code"], split(row["code"]).kind.lower(), tuple(region.get("low", ())), tuple(region.get("high", ())),
        tuple(Measured(**m) for m in told.get("measurements", ())), None if p is None or low is None or high is None else (p, low, high),
        tuple(told.get("because", ())), f"{told.get('task', '')} {told.get('version', '')}".strip(), told.get("source", ""),
        told.get("picture", ""), (row["source_id"],) if row["source_id"] else (), told.get("name", ""),
    )  # fmt: skip
