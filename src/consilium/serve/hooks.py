"""Hooks: CDS Hooks 2.0 - discovery, the service and feedback - which fails loudly and never answers a failure with no cards."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import orjson
import yaml
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import JSONResponse, Response

from consilium.render.cards import cards
from consilium.serve.language import language_of
from consilium.serve.prefetch import resources
from consilium.serve.refuse import refusal
from consilium.serve.service import Service

T = TypeVar("T", bound=BaseModel)


class Context(BaseModel):
    """What the hook is about; further keys are the sender's affair."""

    patientId: str = Field(min_length=1)


class Call(BaseModel):
    """A CDS Hooks request, as far as this service reads it."""

    hook: str
    hookInstance: UUID
    context: Context
    prefetch: dict[str, Any] | None = None


class Reason(BaseModel):
    """Why a card was overridden: a coded reason, a comment, or both."""

    reason: dict[str, Any] | None = None
    userComment: str | None = None


class Accepted(BaseModel):
    """A suggestion that was accepted."""

    id: str


class Verdict(BaseModel):
    """What became of one card."""

    card: str = Field(min_length=1)
    outcome: str = Field(pattern="^(accepted|overridden)$")
    outcomeTimestamp: datetime
    acceptedSuggestions: list[Accepted] | None = None
    overrideReason: Reason | None = None


class Feedback(BaseModel):
    """Feedback on cards."""

    feedback: list[Verdict] = Field(min_length=1)


@functools.lru_cache(maxsize=1)
def services() -> Mapping[str, Mapping[str, Any]]:
    """Services by id, from `services.yaml`."""
    listed = yaml.safe_load(Path(__file__).with_name("services.yaml").read_text(encoding="utf-8"))
    return {one["id"]: one for one in listed}


def hooks(service: Service) -> APIRouter:
    """The routes under `/cds-services`."""
    router = APIRouter(tags=["CDS Hooks"])

    @router.get("/cds-services", summary="CDS Hooks discovery")
    def discovery(request: Request) -> dict[str, Any]:
        language = language_of(request)
        spoken = ("title", "description", "usageRequirements")
        shown = ("id", "hook", "prefetch")
        return {"services": [{k: one[k] for k in shown} | {k: one[k][language] for k in spoken} for one in services().values()]}

    @router.post("/cds-services/{service_id}", summary="CDS Hooks service: cards for the patient in the context")
    async def called(service_id: str, request: Request) -> Response:
        offered = await _offered(service_id, request, service)
        call = _read(Call, await body(request, service.limit))
        if call.hook != offered["hook"]:
            raise refusal(400, f"The service answers the hook {offered['hook']}", "send `hook` as discovery names it")
        sent = resources(call.prefetch or {}, offered["required"], call.context.patientId)
        base_url = service.base_url or str(request.base_url)
        answer = await run_in_threadpool(_answer, service, sent, call.context.patientId, language_of(request), base_url)
        return Response(orjson.dumps(answer), media_type="application/json")

    @router.post("/cds-services/{service_id}/feedback", summary="CDS Hooks feedback: what became of a card")
    async def told(service_id: str, request: Request) -> Response:
        await _offered(service_id, request, service)
        given = _read(Feedback, await body(request, service.limit))
        for verdict in given.feedback:
            kept = {
                "service": service_id,
                "received": f"{service.now().isoformat()}Z",
                **verdict.model_dump(mode="json", exclude_none=True),
            }
            await run_in_threadpool(service.keep_feedback, kept)
        return JSONResponse({"kept": len(given.feedback)})

    return router


def _answer(service: Service, sent: list[dict[str, Any]], patient_id: str, language: str, base_url: str) -> dict[str, Any]:
    shelf = service.shelf()
    patient, rejects = service.prefetched(sent, patient_id, service.now(), shelf)
    consultation = service.hear(patient, language)
    # A page exists only for patients in the record, so only their cards lead to one.
    linked = base_url if service.path.is_dir() and service.census().holds(patient_id) else None
    return cards(consultation, shelf, base_url=linked, titles=service.titles(language), rejects=rejects)


async def _offered(service_id: str, request: Request, service: Service) -> Mapping[str, Any]:
    if service_id not in services():
        raise refusal(404, "There is no such CDS service", "GET /cds-services lists those there are")
    url = f"{(service.base_url or str(request.base_url)).rstrip('/')}{request.url.path}"
    if service.admit is not None and not service.admit(request.headers.get("authorization", ""), url):
        raise refusal(401, "The client is not admitted", "send the client's signed token in the Authorization header")
    return services()[service_id]


async def body(request: Request, limit: int) -> bytes:
    """The body of a request.

    Raises
    ------
    HTTPException
        413 when it is larger than `limit` bytes; it is not read further.
    """
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > limit:
            raise refusal(413, f"The request is larger than {limit} bytes", "send fewer resources")
    return bytes(read)


def _read(form: type[T], content: bytes) -> T:
    try:
        return form.model_validate(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise refusal(400, "The request is not JSON", "send a JSON object as CDS Hooks 2.0 describes it") from error
    except ValidationError as error:
        fields = sorted(
            {".".join(str(part) for part in e["loc"]) or "the request" for e in error.errors(include_input=False, include_url=False)}
        )
        raise refusal(400, f"Missing or not as CDS Hooks 2.0 says: {', '.join(fields)}", "correct these fields", fields=fields) from error
