"""Pages: what people open - the ward list, a patient's consultation, the roster - and the same consultation for machines."""

from __future__ import annotations

from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from consilium.core.errors import RecordError
from consilium.render.cards import cards
from consilium.render.fhir import bundle
from consilium.render.json import json_bytes
from consilium.render.page import page, patients_page, sheet
from consilium.render.text import text
from consilium.render.words import words
from consilium.serve.language import language_of
from consilium.serve.refuse import refusal
from consilium.serve.service import Service

REPORT = "report.html"


class Form(StrEnum):
    """Forms of a consultation for machines."""

    json = "json"
    fhir = "fhir"
    cards = "cards"
    text = "text"


def pages(service: Service) -> APIRouter:
    """The routes that read the record."""
    router = APIRouter(tags=["record"])

    @router.get("/", summary="Ward list: search by name or identifier", response_class=HTMLResponse)
    def ward(request: Request, q: str = "", lang: str = "", start: int = 0) -> Response:
        everybody = service.census()
        shown = patients_page(everybody.matching(q), _spoken(request, lang), query=q, total=len(everybody.rows), start=max(0, start))
        return HTMLResponse(shown)

    @router.get("/patients/{patient_id:path}/consultation", summary="A consultation as JSON, FHIR R4 Bundle, CDS Hooks cards or text")
    def consultation(request: Request, patient_id: str, format: str = "json", as_of: str = "", lang: str = "") -> Response:
        if format not in set(Form):
            raise refusal(400, "A consultation has no such form", "ask for format=json, fhir, cards or text")
        language, shelf = _spoken(request, lang), service.shelf()
        answer = service.hear(service.record().patient(patient_id, as_of or None), language)
        titles = service.titles(language)
        if format == Form.json:
            return Response(json_bytes(answer), media_type="application/json")
        if format == Form.fhir:
            return Response(orjson.dumps(bundle(answer, shelf, recorded=service.now(), titles=titles)), media_type="application/fhir+json")
        if format == Form.cards:
            base_url = service.base_url or str(request.base_url)
            return Response(orjson.dumps(cards(answer, shelf, base_url=base_url, titles=titles)), media_type="application/json")
        return Response(text(answer, shelf, color=False, titles=titles), media_type="text/plain; charset=utf-8")

    @router.get("/patients/{patient_id:path}", summary="A patient's consultation as a page", response_class=HTMLResponse)
    def patient(request: Request, patient_id: str, as_of: str = "", lang: str = "") -> Response:
        language = _spoken(request, lang)
        person = service.record().patient(patient_id, as_of or None)
        shown = page(
            service.hear(person, language),
            person,
            service.shelf(),
            titles=service.titles(language),
            displays=service.record().descriptions(),
            home="/",
            rendered=service.now(),
            viewer=service.viewer,
        )
        return HTMLResponse(shown)

    @router.get("/roster", summary="Who sits on the council, and who stands outside and why")
    def roster(request: Request, format: str = "", lang: str = "") -> Response:
        language = _spoken(request, lang)
        found = service.roster()
        seated = [_seat(one, language) for one in found.seated]
        standing = [{"name": one.name, "reason": one.reason} for one in found.standing]
        if format == "json" or "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"seated": seated, "standing": standing})
        languages = {"zh" if language == "en" else "en": f"?lang={'zh' if language == 'en' else 'en'}"}
        return HTMLResponse(sheet("roster.html.j2", language, seated=seated, standing=standing, languages=languages))

    @router.get("/roster/{name}/report", summary="The report that earned a specialist its seat", response_class=HTMLResponse)
    def report(name: str) -> Response:
        file = next((one.folder / REPORT for one in service.roster().seated if one.name == name), None)
        if file is None or not file.is_file():
            raise refusal(404, "There is no report of that specialist", "GET /roster lists the specialists")
        return HTMLResponse(file.read_text(encoding="utf-8"))

    @router.get("/healthz", summary="Whether the record can be read, who sits, and which version runs")
    def healthz() -> Response:
        found = service.roster()
        told: dict[str, Any] = {"status": "ok", "version": version("consilium"), "seats": [one.name for one in found.seated]}
        try:
            record = service.record()
            told["record"] = {"reachable": True, "patients": len(record.patients()), "generation": record.generation}
        except RecordError as error:
            told |= {"status": "unavailable", "record": {"reachable": False, "error": error.what}}
        return JSONResponse(told, 200 if told["status"] == "ok" else 503)

    @router.get("/docs", summary="This list", response_class=HTMLResponse)
    def docs(request: Request) -> Response:
        paths = request.app.openapi()["paths"]
        listed = [
            {"method": method.upper(), "path": path, "summary": about.get("summary", "")}
            for path, methods in paths.items()
            for method, about in methods.items()
        ]
        return HTMLResponse(sheet("endpoints.html.j2", language_of(request), endpoints=listed))

    return router


def _spoken(request: Request, lang: str) -> str:
    """The language of the answer; a `lang` that is not spoken here is refused."""
    return words(lang).language if lang else language_of(request)


def _seat(one: Any, language: str) -> dict[str, Any]:
    card, proof = one.seat.card, one.seat.report
    return {
        "name": card.name,
        "version": card.version,
        "title": card.title.get(language, card.name),
        "condition": card.condition,
        "intended": card.intended,
        "not_for": card.not_for,
        "auroc": _estimate(proof.auroc),
        "slope": _estimate(proof.slope),
        "proof": proof.proof,
        "model_sha256": proof.model_sha256,
        "report": f"/roster/{card.name}/report" if Path(one.folder, REPORT).is_file() else None,
    }


def _estimate(e: Any) -> str:
    return f"{e.value:.2f}" + (f" ({e.low:.2f}–{e.high:.2f})" if e.low is not None and e.high is not None else "")
