"""Stamp: a date or time as HL7 v2 writes it, as the stretch of time it names, in UTC."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from consilium.core.errors import TimeError

_GRAMMAR = re.compile(r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d+))?)?)?)?)?)?([+-]\d{4})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)


@lru_cache(maxsize=65_536)
def stamp(text: str, zone: tzinfo | None = None) -> tuple[int, int]:
    """Read a date or time.

    Parameters
    ----------
    text : str
        `YYYY[MM[DD[HH[MM[SS[.S...]]]]]][+/-ZZZZ]`.
    zone : tzinfo, optional
        What holds for a time that states no offset. A date is a day in UTC, as the FHIR source reads it.

    Returns
    -------
    (int, int)
        Start of what is named, and the first moment at which all of it has passed, in microseconds since
        1970-01-01T00:00Z: from minutes on an instant is its own end; a date ends at the next midnight. A local time that occurs
        twice (clocks put back) is taken as the later.

    Raises
    ------
    TimeError
        When the text is not of that grammar, cannot be, or is a time and nothing says in which zone.

    Source: HL7 v2.8.2 section 2A.3.22 (DTM).

    Examples
    --------
    >>> stamp("1970010101+0100")
    (0, 3600000000)
    >>> start, end = stamp("202002")
    >>> (end - start) // 86_400_000_000
    29
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise TimeError("Not an HL7 date or time", found=text, expected="as in 20200103 or 20200103080000+0100")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if offset is not None:
        zone = fixed(offset)
    elif hour is None:
        zone = None
    elif zone is None:
        raise TimeError("No time zone", found=text, expected="an offset such as +0100, or the zone of the sender")
    try:
        local = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), min(int(second or 0), 59),
            int((fraction or "")[:6].ljust(6, "0")), tzinfo=zone or UTC, fold=1,
        )  # fmt: skip
        if second == "60":  # a leap second is read as the next
            local += timedelta(seconds=1)
        elif int(second or 0) > 60:
            raise ValueError
        start = _instant(local)
        if hour is None:
            return start, _instant(_after(local, month, day))
        if local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
            raise TimeError("A time that does not exist in this zone (clocks put forward)", found=text)
        return start, start if minute is not None else _instant(local) + _HOUR // _MICROSECOND
    except (ValueError, OverflowError):
        raise TimeError("Impossible date or time", found=text) from None


@lru_cache(maxsize=65_536)
def day(text: str) -> tuple[int, int]:
    """The calendar day (month, year) of a birth, in UTC whatever its time and zone, so that a date of birth is one everywhere.

    Raises
    ------
    TimeError
        When it is not a date.

    Examples
    --------
    >>> day("197001012330+0900")
    (0, 86400000000)
    """
    digits = re.split(r"[+-]", text, maxsplit=1)[0]
    return stamp(digits[:8])


def fixed(offset: str) -> tzinfo:
    """An offset such as `+0100`.

    Raises
    ------
    TimeError
        When there is no such zone.
    """
    hours, minutes = int(offset[1:3]), int(offset[3:5])
    if hours * 60 + minutes > 14 * 60 or minutes > 59:
        raise TimeError("Impossible time zone", found=offset)
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if offset[0] == "-" else size)


def offset_of(text: str) -> str:
    """The offset that a time states, empty when it states none.

    Examples
    --------
    >>> offset_of("20200103080000-0500")
    '-0500'
    """
    match = _GRAMMAR.fullmatch(text)
    return (match[8] or "") if match else ""


def iso(text: str) -> str:
    """A date or time in ISO 8601, at the precision in which it was sent.

    Raises
    ------
    TimeError
        When it is not one.

    Examples
    --------
    >>> iso("20150624"), iso("201506241830-0500")
    ('2015-06-24', '2015-06-24T18:30:00-05:00')
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise TimeError("Not an HL7 date or time", found=text, expected="as in 20200103 or 20200103080000+0100")
    stamp(text, UTC)
    year, month, date, hour, minute, second, fraction, offset = match.groups()
    said = "-".join(filter(None, (year, month, date)))
    if hour is None:
        return said
    said += f"T{hour}:{minute or '00'}:{second or '00'}" + (f".{fraction}" if fraction else "")
    return said + (f"{offset[:3]}:{offset[3:]}" if offset else "")


def _after(start: datetime, month: str | None, date: str | None) -> datetime:
    if date is not None:
        return start + timedelta(days=1)
    if month is not None:
        return start + timedelta(days=monthrange(start.year, start.month)[1])
    return start.replace(month=12, day=31) + timedelta(days=1)


def _instant(local: datetime) -> int:
    return (local - _EPOCH) // _MICROSECOND
