"""Coding: what a FHIR CodeableConcept says, as our codes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from consilium.sources.vocabulary import systems

TEXT = "TEXT"


class Coded(NamedTuple):
    """One coding: `vocabulary//code`, the sender's name for it, and whether the vocabulary is one we know."""

    code: str
    display: str
    known: bool


def codings(concept: dict[str, Any] | None, kind: str) -> list[Coded]:
    """Every coding of a concept, the one preferred for `kind` first.

    Parameters
    ----------
    concept : dict or None
        A CodeableConcept.
    kind : str
        `MEASUREMENT`, `ANSWER`, or one of the kinds of `core.code`.

    Returns
    -------
    list of Coded
        Known vocabularies before unknown ones; a concept that carries text alone gives one `TEXT//...`; empty when it
        says nothing.

    Examples
    --------
    >>> codings({"coding": [{"system": "http://acme.org", "code": "lac"}, {"system": "http://loinc.org", "code": "2524-7"}]}, "MEASUREMENT")
    [Coded(code='LOINC//2524-7', display='', known=True), Coded(code='http://acme.org//lac', display='', known=False)]
    >>> codings({"text": "Peanuts"}, "ALLERGY")[0].code
    'TEXT//Peanuts'
    """
    if not concept:
        return []
    text = words(concept)
    sent: list[dict[str, Any]] = concept.get("coding") or []
    if len(sent) == 1:
        (alone,) = sent
        one = _coded(alone.get("system"), alone.get("code"), alone.get("display"), text)
        return [one] if one else _text_alone(text)
    table = systems()
    ranked: list[tuple[bool, bool, int, Coded]] = []
    for coding in sent:
        coded = _coded(coding.get("system"), coding.get("code"), coding.get("display"), text)
        if coded is not None:
            system = table.get(coding.get("system") or "")
            ranked.append((not system, not system or kind not in system.first_for, system.rank if system else 0, coded))
    # The code itself breaks ties, so that the order in which codings arrive changes nothing.
    return [coded for _, _, _, coded in sorted(ranked)] or _text_alone(text)


def recognised(concept: dict[str, Any] | None, kind: str) -> list[Coded]:
    """Every coding in a known vocabulary, without repeats; the first of the others when none is known."""
    found = codings(concept, kind)
    known = list({coded.code: coded for coded in found if coded.known}.values())
    return known or found[:1]


def words(concept: dict[str, Any] | None) -> str:
    """The sender's words for a concept: its text, or the first display, or empty."""
    if not concept:
        return ""
    if concept.get("text"):
        return str(concept["text"]).strip()
    return next((str(c["display"]).strip() for c in concept.get("coding") or () if c.get("display")), "")


def code_of(concept: dict[str, Any] | None) -> str:
    """The bare code of a status, whatever its system: `active`, `refuted`; empty when there is none."""
    sent = (concept or {}).get("coding") or ()
    return next((c["code"] for c in sent if c.get("code")), "")


@lru_cache(maxsize=65_536)
def _coded(uri: str | None, sent: str | None, name: str | None, text: str) -> Coded | None:
    code = (sent or "").strip()
    if not code:
        return None
    uri = uri or ""
    display = (name or "").strip() or text
    system = systems().get(uri)
    if system is not None:
        return Coded(f"{system.vocabulary}//{code}", display, True)
    return Coded(f"{uri or TEXT}//{code}", display, False)


def _text_alone(text: str) -> list[Coded]:
    return [Coded(f"{TEXT}//{text}", text, False)] if text else []
