"""Polygenic: the polygenic scores of a record at the moment of asking, and the risk that follows for somebody of this age and sex."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
import pyarrow.compute as pc

from consilium.core.code import split
from consilium.core.patient import Patient
from consilium.core.polygenic import PolygenicResult
from consilium.knowledge.polygenic_scores import appraised


def polygenic(
    patient: Patient, sex: str | None, age: int | None, conditions: Iterable[tuple[str, str]], carried: Iterable[str]
) -> tuple[PolygenicResult, ...]:
    """The scores by id, of several readings the latest that was not refused.

    Parameters
    ----------
    patient : Patient
    sex : str or None
    age : int or None
    conditions : iterable of (str, str)
        Codes of the problems that hold or held, and their words.
    carried : iterable of str
        Genes with a variant classified as pathogenic.
    """
    rows = patient.events.filter(pc.match_substring_regex(patient.events["code"], "^POLYGENIC//")).to_pylist()
    latest: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["time"] is not None and row["time"] > patient.as_of:
            continue
        score = split(row["code"]).code
        if score not in latest or _order(row) >= _order(latest[score]):
            latest[score] = row
    had, genes = set(conditions), set(carried)
    return tuple(
        appraised(
            score, row["numeric_value"], orjson.loads(row["text_value"] or "{}"), sex, age, conditions=had, carried=genes,
            time=row["time"], event_ids=(row["source_id"],) if row["source_id"] else (),
        )
        for score, row in sorted(latest.items())
    )  # fmt: skip


def _order(row: dict[str, Any]) -> tuple[bool, datetime, str]:
    return row["numeric_value"] is not None, row["time"] or datetime.min, row["source_id"] or ""
