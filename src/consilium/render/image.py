"""Image: what tasks say of images, for the terminal, as JSON and as FHIR."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consilium.core import Reject
from consilium.imaging.export import Made
from consilium.imaging.finding import Finding, Measurement, Reading, Task
from consilium.imaging.look import Seen
from consilium.imaging.region import Region
from consilium.imaging.results import told_of
from consilium.imaging.volume import HOUNSFIELD
from consilium.knowledge.imaging import terms
from consilium.render.prune import prune
from consilium.render.spoken import spoken
from consilium.render.terms import subject
from consilium.render.terms import terms as fhir_terms
from consilium.render.words import words

SHOWN = 12
"""Findings of a reading on the terminal; JSON has all."""
MEASURES = ("count", "volume", "area", "share_of_field", "long_axis", "short_axis", "distance")


def image_text(
    seen: Sequence[Seen], rejects: Sequence[Reject], tasks: Mapping[str, Task], *, language: str = "en", color: bool = True
) -> str:
    """Write what was seen for the terminal."""
    say = words(language, "image").say
    out = io.StringIO()
    console = Console(file=out, width=140, force_terminal=color, no_color=not color, highlight=False)
    candidates = False
    for one in seen:
        volume = one.volume
        console.print(Text(say("image", modality=volume.modality, description=volume.source).strip(), style="bold"))
        spacing = say("spacing", spacing=" x ".join(f"{s:.3g}" for s in volume.spacing)) if volume.spacing else say("no_spacing")
        size = say("size", shape=" x ".join(str(n) for n in volume.shape))
        console.print(Text(f"{size}, {spacing}, {'HU' if volume.unit == HOUNSFIELD else volume.unit}", style="dim"))
        if volume.phantom:
            console.print(Text(say("phantom"), style="yellow"))
        for note in volume.notes:
            console.print(Text(say("note", note=spoken(note, language)), style="yellow"))
        if not one.readings:
            takes = ", ".join(sorted({m for t in tasks.values() for m in t.modalities if m.isupper()}))
            unfit = say("no_task", modality=volume.modality, takes=takes) if volume.modality else say("no_modality", takes=takes)
            console.print(Text(unfit, style="yellow"))
        for reading in one.readings:
            console.print(Text(tasks[reading.task].title[language] if reading.task in tasks else reading.task, style="bold cyan"))
            _reading(console, reading, say, language)
            candidates |= any(f.standing == "candidate" for f in reading.findings)
        console.print()
    for (reason, _), n in Counter((r.reason, "") for r in rejects).items():
        first = next(r for r in rejects if r.reason == reason)
        more = f" {say('more', n=n - 1)}" if n > 1 else ""
        console.print(Text(say("rejected", file=first.file, reason=reason) + more, style="yellow"))
    if candidates:
        console.print(Text(say("candidates"), style="bold"))
    console.print(Text(say("disclaimer"), style="dim"))
    return out.getvalue()


def _reading(console: Console, reading: Reading, say: Any, language: str) -> None:
    if reading.refused is not None:
        console.print(Text(say("refused", why=spoken(reading.refused, language)), style="yellow"))
    elif not reading.findings:
        console.print(say("nothing"))
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("what", "claimed", "where", "size_of", "probability", "because"):
            table.add_column(say(column), overflow="fold")
        for finding in reading.findings[:SHOWN]:
            table.add_row(*_row(finding, say, language))
        console.print(table)
        if len(reading.findings) > SHOWN:
            console.print(Text(say("findings_more", n=len(reading.findings) - SHOWN), style="dim"))
    for limit in reading.limits:
        console.print(Text(say("limit", limit=spoken(limit, language)), style="dim"))
    console.print(Text(say("source", task=reading.task, version=reading.version, source=reading.source).rstrip("；; "), style="dim"))


def _row(finding: Finding, say: Any, language: str) -> list[str]:
    measured = [m for m in finding.measurements if m.name in MEASURES]
    p = "" if finding.probability is None else f"{finding.probability:.2f} ({finding.low:.2f}–{finding.high:.2f})"
    named = finding.name or terms()[finding.label].named(language)
    return [
        named, say(finding.standing), "" if finding.region is None else region_words(finding.region, say),
        "\n".join(measure_words(m, say, language) for m in measured), p,
        say("semicolon").join(spoken(one, language) for one in finding.because),
    ]  # fmt: skip


def region_words(region: Region, say: Any) -> str:
    """Where a region is, counted from 1."""
    axes = ("slices", "rows", "columns")[-len(region.low) :]
    ends = zip(axes, region.low, region.high, strict=True)
    return str(say("comma").join(say(f"of_{axis}", first=low + 1, last=high) for axis, low, high in ends))


def measure_words(m: Measurement, say: Any, language: str) -> str:
    """A measurement with its interval, in words; a count has none, and UCUM's annotation of it is no unit for people."""
    value, low, high = (f"{one:.0f}" if one >= 100 else f"{one:.3g}" for one in (m.value, m.low, m.high))
    named, unit = terms()[m.name].named(language), "" if m.unit.startswith("{") else m.unit
    if m.low == m.high:
        return str(say("just", name=named, value=value, unit=unit)).strip()
    return str(say("range", name=named, value=value, low=low, high=high, unit=unit)).strip()


def image_json(seen: Sequence[Seen], rejects: Sequence[Reject]) -> bytes:
    """Everything that was seen, as JSON: for each image its size, spacing and notes, and each task's findings or refusal."""
    content = {
        "images": [_image(one) for one in seen],
        "rejects": [{"file": r.file, "reason": r.reason, "part": r.part} for r in rejects],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _image(one: Seen) -> dict[str, Any]:
    volume = one.volume
    readings = [
        {
            "task": r.task, "version": r.version, "refused": r.refused, "limits": r.limits, "source": r.source,
            "findings": [told_of(volume, r, f) for f in r.findings],
        }
        for r in one.readings
    ]  # fmt: skip
    return {
        "modality": volume.modality, "description": volume.source, "shape": volume.shape, "spacing_mm": volume.spacing, "unit": volume.unit,
        "notes": volume.notes, "phantom": volume.phantom,
        "study": volume.identity.study, "series": volume.identity.series, "readings": readings,
    }  # fmt: skip


def image_bundle(seen: Sequence[tuple[Seen, Reading, tuple[Made, ...]]], *, recorded: datetime | None = None) -> dict[str, Any]:
    """DICOM images that were read, as a FHIR R4 Bundle: an ImagingStudy with the objects that were made, Observations, and a
    DiagnosticReport for each reading; `preliminary`, for nobody has signed it.
    """
    at = (recorded or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    fhir = fhir_terms()["imaging"]
    resources: list[dict[str, Any]] = []
    studies: dict[str, dict[str, Any]] = {}
    for one, reading, made in seen:
        if one.series is None:
            continue
        patient, study_uid = one.series.patient, one.series.study
        study = studies.get(study_uid)
        if study is None:
            study = studies[study_uid] = {
                "resourceType": "ImagingStudy", "id": _id("study", study_uid), "status": "available", "subject": subject(patient),
                "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{study_uid}"}], "series": [], "modality": [],
            }  # fmt: skip
            resources.append(study)
        _series(study, one, made, fhir)
        observations = [_observation(f, n, one, reading, study, at, fhir) for n, f in enumerate(reading.findings, start=1)]
        resources += observations
        counted = Counter(f"{terms()[f.label].name} ({f.standing})" for f in reading.findings)
        conclusion = reading.refused or "; ".join(f"{n} x {what}" for what, n in counted.items()) or "nothing found"
        resources.append(
            {
                "resourceType": "DiagnosticReport", "id": _id("report", one.series.uid, reading.task), "status": "preliminary",
                "category": fhir["report_category"], "code": fhir["report"], "subject": subject(patient), "issued": at,
                "imagingStudy": [{"reference": f"urn:uuid:{study['id']}"}],
                "result": [{"reference": f"urn:uuid:{o['id']}"} for o in observations],
                "conclusion": conclusion,
            }
        )  # fmt: skip
    for study in studies.values():
        study["numberOfSeries"] = len(study["series"])
        study["numberOfInstances"] = sum(s["numberOfInstances"] for s in study["series"])
    document = {
        "resourceType": "Bundle", "type": "collection", "timestamp": at,
        "entry": [{"fullUrl": f"urn:uuid:{r['id']}", "resource": r} for r in resources],
    }  # fmt: skip
    pruned: dict[str, Any] = prune(document)
    return pruned


def _series(study: dict[str, Any], one: Seen, made: tuple[Made, ...], fhir: Mapping[str, Any]) -> None:
    assert one.series is not None and one.stack is not None
    known = {s["uid"]: s for s in study["series"]}
    shown = {f.header.text("SOPInstanceUID"): f.header.text("SOPClassUID") for f in one.stack.frames}
    told = [(one.series.uid, one.series.modality, one.series.description, shown)]
    told += [(m.series, m.modality, m.path.name, {m.instance: m.kind}) for m in made]
    for uid, modality, description, named in told:
        entry = known.get(uid)
        if entry is None:
            entry = known[uid] = {
                "uid": uid, "modality": {"system": fhir["modality_system"], "code": modality}, "description": description, "instance": [],
            }  # fmt: skip
            study["series"].append(entry)
            if not any(m["code"] == modality for m in study["modality"]):
                study["modality"].append(entry["modality"])
        held = {i["uid"] for i in entry["instance"]}
        entry["instance"] += [
            {"uid": i, "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{kind}"}} for i, kind in named.items() if i not in held
        ]
        entry["numberOfInstances"] = len(entry["instance"])


def _observation(
    finding: Finding, number: int, one: Seen, reading: Reading, study: dict[str, Any], at: str, fhir: Mapping[str, Any]
) -> dict[str, Any]:
    assert one.series is not None
    term = terms()[finding.label]
    measured = list(finding.measurements)
    if finding.probability is not None and finding.low is not None and finding.high is not None:
        measured.append(Measurement("probability", finding.probability, "1", finding.low, finding.high))
    return {
        "resourceType": "Observation", "id": _id("observation", one.series.uid, reading.task, str(number)), "status": "preliminary",
        "category": fhir["category"], "code": fhir["finding"], "subject": subject(one.series.patient), "issued": at,
        "valueCodeableConcept": {"coding": [coded(term.coded)], "text": f"{term.name} ({finding.standing})"},
        "bodySite": {"coding": [coded(terms()[term.site].coded)], "text": terms()[term.site].name} if term.site else None,
        "derivedFrom": [{"reference": f"urn:uuid:{study['id']}"}],
        "component": [
            {
                "code": {"coding": [coded(terms()[m.name].coded)], "text": terms()[m.name].name},
                "valueQuantity": {"value": float(f"{m.value:.6g}"), "unit": m.unit, "system": fhir["units"], "code": m.unit},
                "interpretation": [{"text": f"{m.low:.4g} to {m.high:.4g} {m.unit}"}],
            }
            for m in measured
        ],
        "note": [{"text": text} for text in [*([str(finding.region)] if finding.region else []), *finding.because, *reading.limits]],
    }  # fmt: skip


def coded(concept: tuple[str, str, str]) -> dict[str, str]:
    """A Coding of one of the laboratory's concepts: value, scheme designator, meaning."""
    value, scheme, meaning = concept
    return {"system": fhir_terms()["imaging"]["schemes"][scheme], "code": value, "display": meaning}


def _id(*key: str) -> str:
    return str(uuid5(NAMESPACE_URL, "urn:consilium:imaging:" + "\n".join(key)))
