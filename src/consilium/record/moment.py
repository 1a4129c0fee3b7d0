"""Moment: a point in time as people give it, made UTC without zone."""

from __future__ import annotations

from datetime import UTC, datetime

from consilium.core.errors import TimeError


def moment(given: datetime | str) -> datetime:
    """Read a moment of asking.

    Parameters
    ----------
    given : datetime or str
        With a zone it is converted to UTC; without one it is UTC already. Text is ISO 8601; a date alone is the start of that day.

    Raises
    ------
    TimeError
        When the text is no such moment.

    Examples
    --------
    >>> moment("2026-01-03T08:00+02:00")
    datetime.datetime(2026, 1, 3, 6, 0)
    """
    try:
        at = datetime.fromisoformat(given) if isinstance(given, str) else given
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    except (ValueError, OverflowError) as error:
        raise TimeError("The moment of asking cannot be read", found=given, expected="an ISO 8601 time, as in 2026-01-03T08:00") from error
