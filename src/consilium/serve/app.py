"""App: the service as an ASGI application, put together from the record, the council and the routes."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI

from consilium.core.errors import InputError
from consilium.serve.archive import Archive, archive_routes
from consilium.serve.headers import Guarded
from consilium.serve.hooks import hooks
from consilium.serve.log import quiet
from consilium.serve.pages import pages
from consilium.serve.refuse import answer_errors
from consilium.serve.service import LIMIT, Consult, Prefetched, Service
from consilium.serve.viewer import STUDY, viewer_routes

if TYPE_CHECKING:
    from consilium.knowledge import Shelf
    from consilium.record import Record
    from consilium.specialists import Roster


def app(
    record: Path | str,
    *,
    base_url: str | None = None,
    admit: Callable[[str, str], bool] | None = None,
    limit: int = LIMIT,
    archive: Archive | None = None,
    ohif: Path | None = None,
    consult: Consult | None = None,
    prefetched: Prefetched | None = None,
    open_record: Callable[[Path], Record] | None = None,
    roster: Callable[[], Roster] | None = None,
    shelf: Callable[[], Shelf] | None = None,
    now: Callable[[], datetime] | None = None,
    keep_feedback: Callable[[dict[str, Any]], None] | None = None,
) -> FastAPI:
    """Put the service together. It makes no request to any other host.

    Parameters
    ----------
    record : Path or str
        Folder of the record; it is opened at the first request, and again after each ingest.
    base_url : str, optional
        Absolute address under which others reach the service, for links in cards; by default that of each request.
    admit : callable, optional
        Given the `Authorization` header and the address called, whether a CDS Hooks client may speak. By default whoever
        reaches the port may, so bind to 127.0.0.1 or stand behind a gateway that checks.
    limit : int
        Largest request body in bytes (20 MiB).
    archive : Archive, optional
        The image archive that is shown under `/dicom-web` to whoever may see the pages; without it no image is shown.
    ohif : Path, optional
        The folder `dist` of OHIF, the viewer that pages then lead to; it needs the archive.
    consult, prefetched, open_record, roster, shelf, now, keep_feedback : callables, optional
        Stand-ins for the verbs of the rooms below and for the clock. Feedback on cards is by default appended to
        `<record>-feedback.ndjson` beside the record, readable by the owner alone.

    Returns
    -------
    FastAPI

    Raises
    ------
    InputError
        When a viewer is given without an archive, or its folder is another.
    """
    if ohif is not None and archive is None:
        raise InputError("A viewer needs an archive", found=str(ohif), do="give its address too")
    path = Path(record)
    if consult is None:
        from consilium.council import consult as heard

        consult = heard
    if prefetched is None:
        from consilium.intake import prefetched as read

        prefetched = read
    if open_record is None:
        from consilium.record import Record

        open_record = Record.open
    if roster is None:
        from consilium.specialists import roster as found

        roster = found
    if shelf is None:
        from consilium.knowledge import shelf as opened

        shelf = opened
    service = Service(
        path,
        base_url,
        consult,
        prefetched,
        open_record,
        roster,
        shelf,
        now or _now,
        admit,
        keep_feedback or _beside(path),
        limit,
        STUDY if ohif is not None else "",
    )
    made = FastAPI(
        title="consilium",
        version=version("consilium"),
        description="Clinical decision support. Supports a clinician's judgement; not a medical device.",
        docs_url=None,  # FastAPI's own page loads its script from another host
        redoc_url=None,
    )
    made.add_middleware(Guarded)
    made.include_router(pages(service))
    made.include_router(hooks(service))
    if archive is not None:
        made.include_router(archive_routes(archive))
    if ohif is not None:
        made.include_router(viewer_routes(ohif))
    answer_errors(made)
    quiet()
    return made


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _beside(record: Path) -> Callable[[dict[str, Any]], None]:
    file = record.with_name(f"{record.name}-feedback.ndjson")

    def keep(verdict: dict[str, Any]) -> None:
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, orjson.dumps(verdict, option=orjson.OPT_APPEND_NEWLINE))
        finally:
            os.close(handle)

    return keep
