"""Refuse: say no over HTTP, in words: what is wrong and what to do, never whose data it was."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from consilium.core.errors import BusyError, ConsiliumError, InputError, NotFoundError, RecordError
from consilium.render.page import sheet
from consilium.serve.headers import HEADERS
from consilium.serve.language import language_of

STATUS: tuple[tuple[type[ConsiliumError], int], ...] = ((NotFoundError, 404), (InputError, 400), (BusyError, 503), (RecordError, 503))
"""Status of each kind of error, the first that fits; everything else is 500."""


def refusal(status: int, error: str, do: str = "", **more: Any) -> HTTPException:
    """An exception that answers with a status and `{"error": ..., "do": ...}`."""
    return HTTPException(status, {"error": error, **({"do": do} if do else {}), **more})


def answer_errors(app: FastAPI) -> None:
    """Give every error an answer in words: a page to people, JSON to machines."""

    def answer(request: Request, status: int, body: dict[str, Any]) -> Response:
        if "text/html" in request.headers.get("accept", "") and request.method == "GET":
            page = sheet("error.html.j2", language_of(request), status=status, error=body["error"], do=body.get("do", ""))
            return HTMLResponse(page, status, HEADERS)
        return JSONResponse(body, status, HEADERS)

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        told = (
            error.detail if isinstance(error.detail, dict) else {"error": str(error.detail), "do": "/docs lists what this service answers"}
        )
        return answer(request, error.status_code, told)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        where = ", ".join(sorted({str(e["loc"][-1]) for e in error.errors()}))
        return answer(request, 400, {"error": f"A parameter cannot be read: {where}", "do": "/openapi.json says which values it takes"})

    def worded(request: Request, error: Exception) -> Response:
        assert isinstance(error, ConsiliumError)
        status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
        # `where`, `found` and `expected` can hold identifiers and values of patients, so they are not told.
        return answer(request, status, {"error": error.what, **({"do": error.do} if error.do else {})})

    def crashed(request: Request, error: Exception) -> Response:
        body = {
            "error": f"The service failed ({type(error).__name__}); nothing was advised",
            "do": "see the server's log for the place in the code",
        }
        return answer(request, 500, body)

    app.add_exception_handler(StarletteHTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ConsiliumError, worded)
    app.add_exception_handler(Exception, crashed)
