"""Language: in which language a request is answered."""

from __future__ import annotations

from starlette.requests import Request

from consilium.render.words import LANGUAGES


def language_of(request: Request) -> str:
    """The language asked for by `lang`, else the one the browser prefers, else English.

    Only languages spoken here count; a `lang` that is not is passed over, so that an error about it can still be told.
    """
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return asked
    preferred: list[tuple[float, int, str]] = []
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, quality = part.strip().partition(";q=")
        if tag[:2].lower() in LANGUAGES:
            preferred.append((-_number(quality), len(preferred), tag[:2].lower()))
    return min(preferred)[2] if preferred else LANGUAGES[0]


def _number(quality: str) -> float:
    try:
        return float(quality) if quality else 1.0
    except ValueError:
        return 0.0
