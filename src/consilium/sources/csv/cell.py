"""Cell: the text in one field of a table, as a number, a comparable key, or a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from consilium.core.errors import InputError, TimeError
from consilium.sources.sheet import SECOND

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_BOUND = re.compile(r"(<=|>=|<|>)\s*(\S.*)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@lru_cache(maxsize=65_536)
def plain(text: str) -> str:
    """A cell in the one spelling that is compared: without blanks around it, numbers without idle zeros.

    Examples
    --------
    >>> plain(" 1.0 "), plain("-9"), plain("M")
    ('1', '-9', 'M')
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text)
    return str(int(number)) if abs(number) < 1e15 and number == int(number) else repr(number)


def number(text: str, decimal: str = ".") -> tuple[float | None, str]:
    """A cell as a number, or as the bound it states (`<5`), which is not a number and stays text.

    Raises
    ------
    InputError
        When it is neither.

    Examples
    --------
    >>> number("5,5", ",")
    (5.5, '')
    >>> number("<0.01")
    (None, '<0.01')
    """
    text = text.strip()
    bound = _BOUND.fullmatch(text)
    digits = bound[2] if bound else text
    if decimal != ".":
        digits = digits.replace(".", "\0").replace(decimal, ".")
    if not _NUMBER.fullmatch(digits):
        raise InputError("not a number", found=text)
    return (None, bound[1] + bound[2]) if bound else (float(digits), "")


@lru_cache(maxsize=65_536)
def time(text: str, pattern: str, zone: tzinfo | None) -> tuple[int, int]:
    """A cell as the stretch of time it names, in microseconds since 1970-01-01T00:00Z.

    Without hours it names a whole local day. A local time that occurs twice (clocks put back) is taken as the later.

    Raises
    ------
    TimeError
        When it does not have that format, or does not exist in that zone (clocks put forward).
    """
    try:
        read = datetime.strptime(text.strip(), pattern)
    except ValueError:
        raise TimeError("not a time of the stated format", found=text, expected=pattern) from None
    day = not any(directive in pattern for directive in ("%H", "%I", "%T", "%X", "%c"))
    start = _instant(read, zone, text, existing=not day)
    return start, _instant(read + timedelta(days=1), zone, text, existing=False) if day else start


def _instant(read: datetime, zone: tzinfo | None, text: str, *, existing: bool) -> int:
    local = read if read.tzinfo else read.replace(tzinfo=zone, fold=1)
    instant = local.astimezone(UTC)
    if existing and zone and not read.tzinfo and instant.astimezone(zone).replace(tzinfo=None) != read:
        raise TimeError("a time that does not exist in this zone (clocks put forward)", found=text)
    return (instant - _EPOCH) // _MICROSECOND


def years_before(moment: int, years: int) -> int:
    """The same day of the year, so many years earlier (29 February becomes the 28th); the day starts at midnight UTC.

    Examples
    --------
    >>> years_before(0, 1) // 86_400_000_000
    -365
    """
    day = _EPOCH + timedelta(seconds=moment // SECOND)
    leap = day.month == 2 and day.day == 29
    earlier = datetime(day.year - years, day.month, 28 if leap else day.day, tzinfo=UTC)
    return (earlier - _EPOCH) // _MICROSECOND
