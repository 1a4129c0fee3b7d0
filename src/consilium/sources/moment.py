"""Moment: a date or time as FHIR and ISO 8601 write it, as the stretch of time it names, in UTC."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from consilium.core.errors import TimeError
from consilium.sources.sheet import DAY, SECOND

_GRAMMAR = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_EPOCH = date(1970, 1, 1).toordinal()
_LAST = (date(9999, 12, 31).toordinal() - _EPOCH) * DAY
_FIRST = (date(1, 1, 1).toordinal() - _EPOCH) * DAY


@lru_cache(maxsize=65_536)
def moment(text: str) -> tuple[int, int]:
    """Read a date or time as FHIR R4 writes it.

    Parameters
    ----------
    text : str
        `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or `YYYY-MM-DDThh:mm:ss[.fraction]` with `Z` or an offset.

    Returns
    -------
    (int, int)
        Start of what is named, and the first moment at which all of it has passed, in microseconds since
        1970-01-01T00:00Z: an instant is its own end, a date ends at the next midnight (UTC).

    Raises
    ------
    TimeError
        When the text is not of that grammar, the day does not exist, or a time carries no zone.

    Source: HL7 FHIR R4 (4.0.1), data types `date`, `dateTime`, `instant`. Second 60 is a leap second and is read as the next.

    Examples
    --------
    >>> start, end = moment("2020-02")
    >>> (end - start) // 86_400_000_000
    29
    >>> moment("1970-01-01T01:00:00.5+01:00")
    (500000, 500000)
    """
    match = _GRAMMAR.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise TimeError("Not a FHIR date or time", found=text, expected="as in 2020-01-03 or 2020-01-03T08:00:00Z")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1)).toordinal()
    except ValueError:
        raise TimeError("Impossible date", found=text) from None
    start = (first - _EPOCH) * DAY
    if hour is None:
        return start, start + _length(first, int(year), month, day)
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        raise TimeError("Impossible time", found=text)
    if zone is None:
        raise TimeError("No time zone", found=text, expected="Z or an offset such as +01:00")
    start += (int(hour) * 3600 + int(minute) * 60 + int(second)) * SECOND
    if fraction:
        start += int(fraction[:6].ljust(6, "0"))
    start -= _offset(zone, text)
    if not _FIRST <= start <= _LAST:
        raise TimeError("Impossible time", found=text)
    return start, start


def _length(first: int, year: int, month: str | None, day: str | None) -> int:
    if day is not None:
        return DAY
    if month is not None:
        number = int(month)
        # Day 0 of the next month would do, but the year 10000 does not exist.
        return 31 * DAY if number == 12 else (date(year, number + 1, 1).toordinal() - first) * DAY
    return (date(year, 12, 31).toordinal() + 1 - first) * DAY


def _offset(zone: str, text: str) -> int:
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours * 60 + minutes > 14 * 60 or minutes > 59:
        raise TimeError("Impossible time zone", found=text)
    size = (hours * 60 + minutes) * 60 * SECOND
    return -size if zone[0] == "-" else size
