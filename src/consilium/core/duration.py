"""Duration: a length of time as a card writes it (`24h`, `30d`, `5y`)."""

from __future__ import annotations

import re
from datetime import timedelta

from consilium.core.errors import TimeError

_LENGTH = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "mo": timedelta(days=30.4375),
    "y": timedelta(days=365.25),
}


def duration(text: str) -> timedelta:
    """Read a duration; a year is 365.25 days and a month a twelfth of it, as in UCUM.

    Raises
    ------
    TimeError
        When the text is not a number followed by min, h, d, w, mo or y.

    Examples
    --------
    >>> duration("24h")
    datetime.timedelta(days=1)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(min|h|d|w|mo|y)\s*", text)
    if match is None:
        raise TimeError("A duration cannot be read", found=text, expected="a number and min, h, d, w, mo or y, as in 24h")
    return float(match[1]) * _LENGTH[match[2]]
