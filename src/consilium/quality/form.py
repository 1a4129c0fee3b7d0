"""Form: a report on quality or on leaks of time as JSON, for programs and for keeping."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from consilium.quality.finding import QualityReport
from consilium.quality.leak_report import LeakReport
from consilium.quality.rules import checks


def json_bytes(report: QualityReport) -> bytes:
    """The report as JSON in UTF-8: the same bytes for the same record."""
    found: dict[str, Any] = asdict(report)
    for finding, told in zip(report.findings, found["findings"], strict=True):
        told["share"] = round(finding.share, 6)
        told["title"] = checks()[finding.check]["title"]
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


def leaks_bytes(report: LeakReport, language: str = "en") -> bytes:
    """A report of leaks as JSON in UTF-8; what each finding says, means and what to do are said in `language`, `en` or `zh`."""
    found: dict[str, Any] = {"passes": report.passes, **asdict(report)}
    for finding, told in zip(report.findings, found["findings"], strict=True):
        told |= {"means": finding.means(language), "do": finding.do(language), "detail": finding.detail.text(language)}
    found["notes"] = [note.text(language) for note in report.notes]
    return orjson.dumps(found, option=orjson.OPT_INDENT_2)
