"""Length: a stretch of time as an ACES file writes it (`24h`, `2 days`, `1 day, 02:00:00`)."""

from __future__ import annotations

import re
from datetime import timedelta

from consilium.core.errors import TimeError

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_UNITS = (
    ("w", r"w|wks?|weeks?"),
    ("d", r"d|dys?|days?"),
    ("h", r"h|hrs?|hours?"),
    ("m", r"m|mins?|minutes?"),
    ("s", r"s|secs?|seconds?"),
)
_WORDS = r"\s*".join(rf"(?:(?P<{unit}>\d+\.?\d*|\.\d+)\s*(?:{names})\s*[,/]?)?" for unit, names in _UNITS)
_DAYS = r"\s*".join(rf"(?:(?P<{unit}>\d+\.?\d*|\.\d+)\s*(?:{names})\s*[,/]?)?" for unit, names in _UNITS[:2])
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        _WORDS,
        r"(?P<m>\d{1,2}):(?P<s>\d{2}(?:\.\d+)?)",
        rf"{_DAYS}\s*(?P<h>\d+):(?P<m>\d{{2}}):(?P<s>\d{{2}}(?:\.\d+)?)",
        r"(?P<d>\d+)[:-](?P<h>\d{2}):(?P<m>\d{2}):(?P<s>\d{2}(?:\.\d+)?)",
        r":(?P<s>\d{2}(?:\.\d+)?)",
    )
)


def length(text: str) -> timedelta:
    """Read a length; `m` is a minute, and there are neither months nor years.

    Raises
    ------
    TimeError
        When the text is no length.

    Examples
    --------
    >>> length("1 day, 02:00:00")
    datetime.timedelta(days=1, seconds=7200)
    """
    said = text.strip()
    for form in _FORMS:
        match = form.fullmatch(said)
        if match and said:
            return timedelta(seconds=sum(float(number) * _SECONDS[unit] for unit, number in match.groupdict().items() if number))
    raise TimeError("A length of time cannot be read", found=text, expected="as in 30 days, 24h, 90min or 1d 12h; a year is 365d")
