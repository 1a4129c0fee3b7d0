"""Document: reports and notes, with as much of their text as can be read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import codings, words
from consilium.sources.fhir.reading import Reading, Resource, stretch
from consilium.sources.moment import moment

MAX_TEXT = 4 * 1024 * 1024
"""Bytes of text taken from one attachment."""
_NO_REPORT = frozenset({"registered", "cancelled", "entered-in-error"})


def report(resource: Resource, reading: Reading) -> None:
    """Read a DiagnosticReport: its conclusion as text; its results are Observations of their own.

    Raises
    ------
    InputError
        When it holds no report (yet), or nothing dates or names it.
    """
    status = resource.get("status")
    if status in _NO_REPORT:
        raise InputError(f"status {status}")
    patient = reading.references.subject(resource)
    coded = codings(resource.get("code"), "REPORT")
    if not coded:
        raise InputError("No code")
    time, available = reading.dated(resource, stretch(resource, "effective"), resource.get("issued"))
    said = [resource.get("conclusion"), *(words(concept) for concept in resource.get("conclusionCode") or ())]
    said += _texts(resource.get("presentedForm") or (), "presentedForm", patient, reading)
    code, display, _ = coded[0]
    text = "\n".join(piece.strip() for piece in said if piece and piece.strip())
    reading.sheet.add(patient, time, f"REPORT//{code}", available, reading.label, text=text or None)
    if display:
        reading.sheet.name(code, display)


def note(resource: Resource, reading: Reading) -> None:
    """Read a DocumentReference: the plain text of its attachments; others are named and left.

    Raises
    ------
    InputError
        When it is withdrawn or superseded, or nothing dates or names it.
    """
    for element in ("status", "docStatus"):
        if resource.get(element) in ("entered-in-error", "superseded"):
            raise InputError(f"{element} {resource[element]}")
    patient = reading.references.subject(resource)
    coded = codings(resource.get("type"), "NOTE")
    if not coded:
        raise InputError("No code")
    written = resource.get("date")
    span = (resource.get("context") or {}).get("period") or {}
    happened = moment(span["start"]) if span.get("start") else (moment(written) if written else None)
    time, available = reading.dated(resource, happened, written)
    pieces = _texts((content.get("attachment") or {} for content in resource.get("content") or ()), "content", patient, reading)
    text = "\n".join(piece.strip() for piece in pieces if piece.strip()) or resource.get("description")
    code, display, _ = coded[0]
    reading.sheet.add(patient, time, f"NOTE//{code}", available, reading.label, text=text or None)
    if display:
        reading.sheet.name(code, display)


def _texts(attachments: Iterable[Resource], part: str, patient: str, reading: Reading) -> list[str]:
    texts = []
    for attachment in attachments:
        try:
            texts.append(_text(attachment))
        except InputError as refusal:
            reading.refuse_part(part, refusal.what, found=refusal.found, patient=patient)
    return texts


def _text(attachment: Resource) -> str:
    kind = (attachment.get("contentType") or "").partition(";")[0].strip().lower()
    if kind != "text/plain":
        raise InputError(f"an attachment of type {kind or 'unknown'} is not read")
    data = attachment.get("data")
    if not data:
        raise InputError("an attachment that is elsewhere is not fetched", found=attachment.get("url"))
    if len(data) > MAX_TEXT * 4 // 3 + 4:
        raise InputError(f"an attachment of more than {MAX_TEXT} bytes is not read", found=len(data))
    try:
        return base64.b64decode("".join(data.split()), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise InputError("an attachment that is not UTF-8 text in base64") from None
