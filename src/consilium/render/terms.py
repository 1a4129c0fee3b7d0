"""Terms: codes, references and identifiers as FHIR writes them."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from consilium.core.code import concept
from consilium.render.names import name
from consilium.sources.vocabulary import systems

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

_EVENT = re.compile(r"([0-9a-f]{8}/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(#.*)?")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@functools.lru_cache(maxsize=1)
def terms() -> Mapping[str, Any]:
    """FHIR words by name, from `fhir.yaml`."""
    content: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("fhir.yaml").read_text(encoding="utf-8"))
    return content


def coding(code: str, shelf: Shelf, language: str, sent: str = "") -> dict[str, str] | None:
    """A Coding for an event code or concept; None for free text, which has no system.

    A vocabulary that has no short name here is its own system URI.
    """
    vocabulary, _, bare = concept(code).rpartition("//")  # from the right: a vocabulary may be a URI
    if vocabulary in ("TEXT", "") or not bare:
        return None
    return {"system": _uris().get(vocabulary, vocabulary), "code": bare, "display": name(code, shelf, language, sent)}


@functools.lru_cache(maxsize=1)
def _uris() -> Mapping[str, str]:
    """The URI of each vocabulary: the first that is listed for it."""
    first: dict[str, str] = {}
    for uri, system in systems().items():
        first.setdefault(system.vocabulary, uri)
    return first


def concept_of(code: str, shelf: Shelf, language: str, sent: str = "") -> dict[str, Any]:
    """A CodeableConcept: the coding where there is one, and always the name as text."""
    coded = coding(code, shelf, language, sent)
    return {"coding": [coded] if coded else [], "text": name(code, shelf, language, sent)}


def resource_of(event_id: str) -> tuple[str, str] | None:
    """Type and id of the FHIR resource that an event was read from; None when it came from another form.

    Examples
    --------
    >>> resource_of("0a1b2c3d/Observation/bp-1#systolic")
    ('Observation', 'bp-1')
    >>> resource_of("Condition/c1")
    ('Condition', 'c1')
    >>> resource_of("0a1b2c3d/row/17") is None, resource_of("Ward/3") is None
    (True, True)
    """
    match = _EVENT.fullmatch(event_id)
    return (match["type"], match["id"]) if match and match["type"] in terms()["resources"] else None


def reference(event_id: str, display: str = "") -> dict[str, Any]:
    """A Reference to the resource behind an event, or its identifier where it was no FHIR resource."""
    found = resource_of(event_id)
    if found:
        return {"reference": f"{found[0]}/{found[1]}", "display": display}
    return {"identifier": {"system": terms()["identifiers"]["event"], "value": event_id}, "display": display}


def subject(patient_id: str) -> dict[str, Any]:
    """A Reference to the patient, by identifier and, where the identifier can be a FHIR id, by address."""
    by_address = {"reference": f"Patient/{patient_id}"} if _ID.fullmatch(patient_id) else {}
    return {**by_address, "type": "Patient", "identifier": {"system": terms()["identifiers"]["patient"], "value": patient_id}}
