"""Viewer: OHIF's own files, built by its makers, served beside the archive, with a configuration that knows this service alone."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response

from consilium.core.errors import InputError
from consilium.serve.refuse import refusal

AT = "/viewer"
STUDY = f"{AT}?StudyInstanceUIDs="
"""What an identifier of a study is put behind to show it."""
_SUFFIXES = frozenset({".js", ".css", ".wasm", ".woff2", ".png", ".ico", ".svg", ".json"})
_LEFT_OUT = frozenset({"app-config.js", "sw.js", "init-service-worker.js"})
"""A service worker would keep patients' images in the browser; the configuration is ours."""
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def viewer_routes(dist: Path) -> APIRouter:
    """The routes of the viewer; to be included last, for its files are asked for at the root, where it was built to stand.

    Parameters
    ----------
    dist : Path
        The folder `dist` of the npm package `@ohif/app`.

    Raises
    ------
    InputError
        When it is not that folder.
    """
    try:
        index = (dist / "index.html").read_text(encoding="utf-8")
    except OSError:
        raise InputError("Not the folder of the viewer", found=str(dist), expected="`dist` of @ohif/app", do="see docs/viewer.md") from None
    files = _files(dist)
    own = [b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in _INLINE.findall(index)]
    guard = {  # it evaluates text of its own to open a segmentation; what it may speak to is this service alone
        "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' "
        + " ".join(f"'sha256-{one}'" for one in own)
        + "; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' data: blob:; "
        "font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    }
    router = APIRouter(include_in_schema=False)

    @router.get(AT)
    def viewer() -> Response:
        return HTMLResponse(index, headers=guard)

    @router.get("/app-config.js")
    def configuration() -> Response:
        return FileResponse(Path(__file__).with_name("viewer.js"), media_type="text/javascript", headers=guard)

    @router.get("/{file:path}")
    def part(file: str) -> Response:
        if file not in files:
            raise refusal(404, "There is no such page", "/docs lists what this service answers")
        return FileResponse(files[file], headers=guard | {"cache-control": "private, max-age=86400"})

    return router


def _files(dist: Path) -> dict[str, Path]:
    """What may be asked for, by its path below the folder, found once: a request is looked up and never becomes a path."""
    root = dist.resolve()
    found = (path for path in root.rglob("*") if path.suffix in _SUFFIXES and path.name not in _LEFT_OUT)
    return {str(path.relative_to(root).as_posix()): path for path in found if path.is_file() and path.resolve().is_relative_to(root)}
