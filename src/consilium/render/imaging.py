"""Imaging: a patient's images and what was seen in them, as lines of a page or terminal and as FHIR resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from consilium.core.consultation import Consultation
from consilium.core.image import ImageFinding, ImageSeries
from consilium.imaging.finding import Measurement
from consilium.imaging.region import Region
from consilium.knowledge.imaging import terms
from consilium.render.image import MEASURES, coded, measure_words, region_words
from consilium.render.names import name
from consilium.render.spoken import spoken
from consilium.render.terms import subject
from consilium.render.terms import terms as fhir_terms
from consilium.render.words import words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

SHOWN = 6
"""Things of a series that are shown, the most telling first; the others are counted."""
_UID = re.compile(r"[0-9][0-9.]{0,63}")
_PNG = re.compile(r"iVBORw0KGgo[A-Za-z0-9+/]{1,200000}={0,2}")


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing seen: what, what is claimed, facts, and a small picture (PNG in base64, or empty)."""

    said: str
    claimed: str
    facts: tuple[str, ...]
    picture: str


@dataclass(frozen=True, slots=True)
class SeriesLines:
    """One series: its title, its study, when, notes, the things shown, how many more there are, and whether it is a phantom."""

    title: str
    time: datetime | None
    notes: tuple[str, ...]
    things: tuple[Thing, ...]
    more: int
    candidates: bool
    study: str = ""
    phantom: bool = False


def image_lines(consultation: Consultation, shelf: Shelf) -> tuple[SeriesLines, ...]:
    """The images of a consultation, in its language."""
    return tuple(_series(one, shelf, consultation.language) for one in consultation.images)


def _series(one: ImageSeries, shelf: Shelf, language: str) -> SeriesLines:
    modality = name(f"DCM//{one.modality}", shelf, language) if one.modality else ""
    title = " · ".join(part for part in (modality, one.description) if part)
    shown = tuple(_thing(f, language) for f in one.findings[:SHOWN])
    candidates = any(f.standing == "candidate" for f in one.findings)
    study = one.study if _UID.fullmatch(one.study) else ""
    more = max(len(one.findings) - SHOWN, 0)
    notes = tuple(spoken(note, language) for note in one.notes)
    return SeriesLines(title, one.time, notes, shown, more, candidates, study, one.phantom)


def _thing(one: ImageFinding, language: str) -> Thing:
    say = words(language, "image").say
    named = one.name or (terms()[one.label].named(language) if one.label in terms() else one.label)
    facts = [measure_words(_measurement(m), say, language) for m in one.measured if m.name in MEASURES and m.name in terms()]
    if one.probability is not None:
        p, low, high = one.probability
        facts.append(say("with_probability", value=f"{100 * p:.0f}", low=f"{100 * low:.0f}", high=f"{100 * high:.0f}"))
    if one.low:
        facts.append(region_words(Region(one.low, one.high), say))
    facts += [*(spoken(because, language) for because in one.because), say("by", task=one.task)]
    return Thing(named, say(one.standing), tuple(facts), one.picture if _PNG.fullmatch(one.picture) else "")


def _measurement(m: Any) -> Measurement:
    return Measurement(m.name, m.value, m.unit, m.low, m.high)


def resources(one: ImageSeries, patient_id: str, base: Callable[..., dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A series as an ImagingStudy, and each thing seen in it as an Observation (`preliminary`: nobody has signed it)."""
    fhir = fhir_terms()["imaging"]
    study = {
        **base("ImagingStudy", one.uid), "status": "available", "subject": subject(patient_id),
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{one.study}"}] if one.study else [],
        "started": None if one.time is None else f"{one.time.isoformat(timespec='seconds')}Z",
        "numberOfSeries": 1,
        "series": [
            {"uid": one.uid, "modality": {"system": fhir["modality_system"], "code": one.modality or "OT"},
             "description": one.description, "numberOfInstances": one.images}
        ],
        "note": [{"text": note} for note in (*([words("en", "image").say("phantom")] if one.phantom else []), *one.notes)],
    }  # fmt: skip
    yield study
    for number, found in enumerate(one.findings, start=1):
        if found.label not in terms():
            continue
        term = terms()[found.label]
        measured = [_measurement(m) for m in found.measured if m.name in terms()]
        if found.probability is not None:
            measured.append(Measurement("probability", found.probability[0], "1", found.probability[1], found.probability[2]))
        yield {
            **base("Observation", one.uid, found.task, str(number)), "status": "preliminary", "category": fhir["category"],
            "code": fhir["finding"], "subject": subject(patient_id), "derivedFrom": [{"reference": f"urn:uuid:{study['id']}"}],
            "valueCodeableConcept": {"coding": [coded(term.coded)], "text": f"{term.name} ({found.standing})"},
            "component": [
                {
                    "code": {"coding": [coded(terms()[m.name].coded)], "text": terms()[m.name].name},
                    "valueQuantity": {"value": float(f"{m.value:.6g}"), "unit": m.unit, "system": fhir["units"], "code": m.unit},
                    "interpretation": [{"text": f"{m.low:.4g} to {m.high:.4g} {m.unit}"}],
                }
                for m in measured
            ],
            "note": [{"text": text} for text in found.because],
        }  # fmt: skip
