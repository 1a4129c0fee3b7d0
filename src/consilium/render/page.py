"""Page: a Consultation as one self-contained HTML page, and the list of patients that leads to it.

No script, no request to any other place: style and drawings are in the page. Everything that comes from data is escaped.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pyarrow.compute as pc
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from consilium.core.code import NAME
from consilium.core.consultation import Consultation
from consilium.core.opinion import Evidence, Opinion
from consilium.core.patient import Patient
from consilium.council.chart import Chart, Entry, chart
from consilium.council.quantity import number, since
from consilium.council.quantity import unit as spelled
from consilium.council.reference import Limits, reference
from consilium.render import names, numbers
from consilium.render.figure import scale, trend
from consilium.render.genes import gene_lines
from consilium.render.imaging import image_lines
from consilium.render.inherited import never_computed, variant_lines
from consilium.render.markdown import html
from consilium.render.polygenic import told
from consilium.render.reasons import SHOWN, finding, label, reasons, when
from consilium.render.results import Result, results
from consilium.render.terms import resource_of
from consilium.render.words import LANGUAGES, Words, words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

TEMPLATES = Path(__file__).with_name("templates")
RESULTS = 24


@dataclass(frozen=True, slots=True)
class Row:
    """One patient in the list; `age`, `sex` and `last` are None where the record does not say."""

    id: str
    name: str
    age: int | None
    sex: str | None
    last: datetime | None


def page(
    consultation: Consultation,
    patient: Patient,
    shelf: Shelf,
    *,
    titles: Mapping[str, str] | None = None,
    displays: Mapping[str, str] | None = None,
    home: str = "",
    rendered: datetime | None = None,
    viewer: str = "",
) -> str:
    """Write a consultation as an HTML page in its own language.

    Parameters
    ----------
    consultation : Consultation
        What to write.
    patient : Patient
        Whose chart stands beside it, as known at the same moment.
    shelf : Shelf
        Names of codes and reference ranges.
    titles : mapping of str to str, optional
        Titles of specialists by name.
    displays : mapping of str to str, optional
        What senders called the codes (`Record.descriptions()`), for codes that the shelf does not know.
    home : str
        Address of the patient list when the page is served; empty for a page that stands alone, which then links nowhere.
    rendered : datetime, optional
        When the page was made, shown in its footer.
    viewer : str
        Address that shows a study when its identifier is put behind it; empty where there is no viewer.

    Returns
    -------
    str
        A complete HTML5 document.
    """
    speech = words(consultation.language)
    known = names.titles_for(consultation, shelf, titles)
    held = chart(patient, shelf)
    codes = {e.code for o in consultation.opinions for e in o.evidence}
    measured = results(patient, shelf, first=codes)
    facts = {
        "c": consultation,
        "titles": known,
        "name": display_name(patient),
        "held": held,
        "opinions": [_opinion(o, patient, shelf, speech, known) for o in consultation.opinions if o.abstained is None],
        "abstained": [o for o in consultation.opinions if o.abstained is not None],
        "critical": sum(a.urgency == "critical" for a in consultation.advice),
        "genes": gene_lines(consultation, shelf),
        "images": image_lines(consultation, shelf),
        "viewer": viewer,
        "inherited": variant_lines(consultation.variants, consultation.as_of, shelf, consultation.language),
        "never_computed": never_computed(consultation.language),
        "polygenic": [told(result, shelf, speech) for result in consultation.polygenic],
        "results": [_result(r, shelf, speech, displays or {}) for r in measured[:RESULTS]],
        "results_more": max(0, len(measured) - RESULTS),
        "models": sorted({o.source for o in consultation.opinions if o.source}),
        "entries": _entries(held, shelf, speech),
        "home": home,
        "languages": _switch(consultation) if home else {},
        "rendered": numbers.minute(numbers.naive(rendered)) if rendered else "",
        "detail": html,
    }
    return _render("consultation.html.j2", speech, facts)


def patients_page(rows: Sequence[Row], language: str, *, query: str = "", total: int | None = None, start: int = 0, size: int = 50) -> str:
    """Write the list of patients.

    Parameters
    ----------
    rows : sequence of Row
        Patients that match the query; those from `start` on are shown, `size` at most.
    language : str
        `en` or `zh`.
    query : str
        What was searched for.
    total : int, optional
        How many patients the record holds.
    """
    shown = rows[start : start + size]
    links = {
        "previous": _query(q=query, lang=language, start=max(0, start - size)) if start > 0 else "",
        "next": _query(q=query, lang=language, start=start + size) if start + size < len(rows) else "",
    }
    facts = {
        "rows": shown,
        "query": query,
        "total": len(rows) if total is None else total,
        "matching": len(rows),
        "links": links,
        "home": "/",
    }
    facts["languages"] = {other: _query(q=query, lang=other) for other in LANGUAGES if other != language}
    return _render("patients.html.j2", words(language), facts)


def sheet(template: str, language: str, **facts: Any) -> str:
    """Write one of the plain pages (`roster.html.j2`, `endpoints.html.j2`, `error.html.j2`)."""
    return _render(template, words(language), {"home": "/", "languages": {}, **facts})


def display_name(patient: Patient) -> str:
    """The patient's name as sent, empty when the chart does not say; the last one given where there are several."""
    given = patient.events.filter(pc.and_(pc.equal(patient.events["code"], NAME), pc.is_valid(patient.events["text_value"])))["text_value"]
    return names.plain(given[len(given) - 1].as_py()) if len(given) else ""


def _query(**fields: Any) -> str:
    return "?" + urlencode({key: value for key, value in fields.items() if value not in ("", 0)})


def _switch(consultation: Consultation) -> dict[str, str]:
    as_of = consultation.as_of.isoformat()
    return {other: _query(lang=other, as_of=as_of) for other in LANGUAGES if other != consultation.language}


def _entries(held: Chart, shelf: Shelf, speech: Words) -> dict[str, list[dict[str, Any]]]:
    def listed(kind: str, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        # One thing coded in several vocabularies is one line: the coding that the shelf can name, else the first.
        lines: dict[str, Entry] = {}
        for e in sorted(entries, key=lambda e: e.code not in shelf.codes):
            lines.setdefault(e.event_id.partition("#")[0] if resource_of(e.event_id) else e.code, e)
        said = [{"name": names.name(f"{kind}//{e.code}", shelf, speech.language, e.text), "since": e.since} for e in lines.values()]
        return sorted(said, key=lambda e: e["since"] or datetime.min, reverse=True)

    return {
        "problems": listed("CONDITION", held.conditions),
        "drugs": listed("MEDICATION", [d.entry for d in held.drugs]),
        "allergies": listed("ALLERGY", held.allergies),
    }


def _opinion(o: Opinion, patient: Patient, shelf: Shelf, speech: Words, titles: Mapping[str, str]) -> dict[str, Any]:
    found = reasons(o, SHOWN)
    strongest = max((abs(e.weight or 0.0) for e in found.shown), default=0.0) or 1.0
    return {
        "o": o,
        "condition": names.name(o.condition, shelf, speech.language),
        "specialist": names.title(o.specialist, titles),
        "rows": [
            _evidence(e, strongest, patient, shelf, speech) for e in (*found.speaking_for, *found.speaking_against, *found.without_side)
        ],
        "more": found.more,
        "base": found.base,
    }


def _evidence(e: Evidence, strongest: float, patient: Patient, shelf: Shelf, speech: Words) -> dict[str, Any]:
    limits: Limits | None = reference(e.code, e.unit, patient, shelf) if e.value is not None else None
    side = "for" if (e.weight or 0) > 0 else "against" if (e.weight or 0) < 0 else ""
    return {
        "e": e,
        "time": when(e),
        "label": label(e, shelf, speech.language),
        "finding": finding(e, shelf, speech),
        "side": side,
        "share": round(100 * abs(e.weight or 0.0) / strongest, 1),
        "scale": scale(e.value, limits) if limits and e.value is not None else None,
        "limits": _limits(limits, e.unit, speech),
    }


def _result(r: Result, shelf: Shelf, speech: Words, displays: Mapping[str, str]) -> dict[str, Any]:
    return {
        "r": r,
        "name": names.name(r.code, shelf, speech.language, displays.get(r.code, "")),
        "said": numbers.quantity(r.value, r.unit, speech)
        if r.value is not None
        else names.name(r.answer, shelf, speech.language, displays.get(r.answer, "")),
        "limits": _limits(r.reference, r.unit, speech),
        "scale": scale(r.value, r.reference) if r.value is not None and r.reference else None,
        "trend": trend(r.series, r.reference),
    }


def _limits(limits: Limits | None, unit: str, speech: Words) -> str:
    if limits is None:
        return ""
    low, high = limits
    if low is not None and high is not None:
        return f"{number(low)}–{number(high)} {spelled(unit, speech.language)}".strip()
    if low is not None:
        return f"≥ {numbers.quantity(low, unit, speech)}"
    return f"≤ {numbers.quantity(high or 0.0, unit, speech)}"


def _render(template: str, speech: Words, facts: Mapping[str, Any]) -> str:
    spoken = {
        "say": speech.say,
        "language": speech.language,
        "percent": functools.partial(numbers.percent, words=speech),
        "natural": functools.partial(numbers.natural, words=speech),
        "interval": functools.partial(numbers.interval, words=speech),
        "scored": functools.partial(numbers.total, words=speech),
        "span": numbers.span,
        "title_of": lambda who: names.title(who, facts.get("titles", {})),
    }
    return _environment().get_template(template).render(**spoken, **facts)


@functools.lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        since=since,
        day=numbers.day,
        minute=numbers.minute,
        weight=numbers.weight,
        plain=names.plain,
        path=lambda text: quote(text, safe=""),
        web=_web,
    )
    return environment


def _web(url: str) -> str:
    return url if url.startswith(("https://", "http://")) else ""
