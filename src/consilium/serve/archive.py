"""Archive: the hospital's image archive behind this service - read-only, one host, and nothing of it but what a viewer asks of a study.

The address is fixed when the service starts. A request names a resource of DICOMweb (PS3.18: QIDO-RS, WADO-RS) and nothing else: what
is not one is refused before anything is asked, redirections are not followed, answers of a kind that a browser could run are not
passed on, and no answer is larger than an image may be. The archive cannot be listed: a study is asked for by its identifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from consilium.core.errors import InputError
from consilium.serve.refuse import refusal

ROOT = "/dicom-web"
MOST = 2 * 1024**3
"""Bytes of one answer."""
SECONDS = 60
_CHUNK = 256 * 1024
_UID = r"[0-9][0-9.]{0,63}"
_RESOURCE = re.compile(
    rf"studies(?P<one>/{_UID}(?:/(?:metadata|series|instances))?"
    rf"|/{_UID}/series/{_UID}(?:/(?:metadata|instances|rendered|thumbnail))?"
    rf"|/{_UID}/series/{_UID}/instances/{_UID}(?:/(?:metadata|rendered|thumbnail|bulk(?:data)?(?:/[0-9A-Za-z]{{1,64}}){{1,8}}"
    rf"|frames/[0-9]{{1,6}}(?:,[0-9]{{1,6}}){{0,99}}(?:/(?:rendered|thumbnail))?))?)?"
)
_NAMED = re.compile(rf"{_UID}(?:,{_UID}){{0,9}}")
_PARAMETER, _ACCEPT = re.compile(r"[0-9A-Za-z.]{1,64}"), re.compile(r'[\w/*+.,;=" -]{1,300}')
_KINDS = frozenset(
    {"application/dicom+json", "application/json", "application/dicom", "application/octet-stream", "multipart/related", "image/jpeg",
     "image/png", "image/gif", "image/jp2", "image/jls", "image/jphc", "video/mp4"}
)  # fmt: skip


class Archive:
    """A DICOMweb archive at one address.

    Parameters
    ----------
    url : str
        Its root, as in `https://archive.example/dicom-web`.
    authorization : str
        The whole `Authorization` header that it asks of this service; empty for none.

    Raises
    ------
    InputError
        When the address is none of a web server, or bears a password.
    """

    def __init__(self, url: str, authorization: str = "") -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InputError("The address of the archive cannot be read", expected="https://HOST/dicom-web") from None
        if parts.username or parts.password:
            raise InputError("The address of the archive bears a password", do="put it into the environment (docs/viewer.md)")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InputError("Not the address of an archive", found=url, expected="https://HOST/dicom-web")
        if not authorization.isascii() or not authorization.isprintable():
            raise InputError("The archive's authorization is not one line of plain text", do="see docs/viewer.md")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, port
        self._path, self._authorization = parts.path.rstrip("/"), authorization

    def ask(self, resource: str, query: list[tuple[str, str]], accept: str) -> tuple[HTTPConnection, HTTPResponse]:
        """The archive's answer, its body still to be read, and the connection that is to be closed after it."""
        kind = HTTPSConnection if self._secure else HTTPConnection
        connection = kind(self._host, self._port, timeout=SECONDS)
        headers = {"Accept": accept, **({"Authorization": self._authorization} if self._authorization else {})}
        try:
            connection.request("GET", f"{self._path}/{resource}" + (f"?{urlencode(query)}" if query else ""), headers=headers)
            return connection, connection.getresponse()
        except (OSError, HTTPException):
            connection.close()
            raise refusal(502, "The image archive does not answer", "try again; if it lasts, tell who runs the archive") from None


def archive_routes(archive: Archive) -> APIRouter:
    """The route under `/dicom-web`: GET alone."""
    router = APIRouter(tags=["images"])

    @router.get(f"{ROOT}/{{resource:path}}", summary="A study, series or image of the archive (DICOMweb: QIDO-RS, WADO-RS)")
    def fetched(resource: str, request: Request) -> Response:
        query = request.query_params.multi_items()
        if (match := _RESOURCE.fullmatch(resource)) is None or not all(_PARAMETER.fullmatch(key) for key, _ in query):
            raise refusal(404, "There is no such resource of DICOMweb here", "ask for /dicom-web/studies/UID and what is below it")
        if match["one"] is None and not _NAMED.fullmatch(request.query_params.get("StudyInstanceUID", "")):
            raise refusal(403, "The archive is not listed", "ask for a study by its StudyInstanceUID")
        accept = request.headers.get("accept", "")
        connection, answer = archive.ask(resource, query, accept if _ACCEPT.fullmatch(accept) else "*/*")
        kind = answer.getheader("Content-Type", "")
        try:
            _check(answer, kind)
        except BaseException:
            connection.close()
            raise
        if answer.status == 204:
            connection.close()
            return Response(status_code=204)
        return StreamingResponse(_streamed(connection, answer), answer.status, media_type=kind)

    return router


def _check(answer: HTTPResponse, kind: str) -> None:
    if answer.status == 404:
        raise refusal(404, "The archive has no such image", "look for the study in the archive itself")
    if answer.status in (401, 403):
        raise refusal(502, "The archive does not admit this service", "see its authorization (docs/viewer.md)")
    if answer.status not in (200, 204, 206):
        raise refusal(502, f"The archive answered {answer.status}", "tell who runs the archive")
    if answer.status != 204 and kind.partition(";")[0].strip().lower() not in _KINDS:
        raise refusal(502, "The archive answered with a kind of content that is not passed on", "tell who runs the archive")
    if (answer.length or 0) > MOST:
        raise refusal(502, "The archive's answer is larger than is passed on", "ask for a series or an image of the study")


def _streamed(connection: HTTPConnection, answer: HTTPResponse) -> Iterator[bytes]:
    left = MOST
    try:
        while part := answer.read(_CHUNK):
            left -= len(part)
            if left < 0:
                raise InputError("The archive's answer is larger than is passed on", expected=f"at most {MOST} bytes")
            yield part
    finally:
        connection.close()
