"""FHIR R4 data types date, dateTime, instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import TimeError
from consilium.sources.moment import moment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def micro(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=ZONES))
def test_an_instant_is_its_own_end(when: datetime) -> None:
    assert moment(when.isoformat(timespec="microseconds")) == (micro(when), micro(when))


@given(st.dates(max_value=date(9998, 1, 1)))
def test_a_date_lasts_until_the_next_midnight(day: date) -> None:
    start, end = moment(day.isoformat())
    assert start == micro(datetime(day.year, day.month, day.day, tzinfo=UTC))
    assert end - start == DAY


@given(st.integers(1, 9999), st.integers(1, 12))
def test_a_month_lasts_as_long_as_its_days(year: int, month: int) -> None:
    start, end = moment(f"{year:04}-{month:02}")
    days = 31 if month == 12 else (date(year, month + 1, 1) - date(year, month, 1)).days
    assert end - start == days * DAY


@given(st.integers(1, 9998))
def test_a_year_ends_where_the_next_one_starts(year: int) -> None:
    assert moment(f"{year:04}")[1] == moment(f"{year + 1:04}")[0]


@given(st.text(max_size=30))
def test_any_other_text_is_refused_or_read_and_never_breaks(text: str) -> None:
    try:
        start, end = moment(text)
    except TimeError:
        return
    assert start <= end


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("2023-02-29", "Impossible date"),
        ("2023-13", "Impossible date"),
        ("2023-04-31T08:00:00Z", "Impossible date"),
        ("0000", "Impossible date"),
        ("2023-01-01T24:00:00Z", "Impossible time"),
        ("2023-01-01T10:61:00Z", "Impossible time"),
        ("2023-01-01T10:00:61Z", "Impossible time"),
        ("2023-01-01T10:00:00+15:00", "Impossible time zone"),
        ("0001-01-01T00:00:00+14:00", "Impossible time"),
        ("2023-01-01T10:00:00", "No time zone"),
        ("2023-1-1", "Not a FHIR date or time"),
        ("2023-01-01T10:00Z", "Not a FHIR date or time"),
        ("2023-01-01 10:00:00Z", "Not a FHIR date or time"),
        ("٢٠٢٣", "Not a FHIR date or time"),
        ("", "Not a FHIR date or time"),
        ("2023-01-01\n", "Not a FHIR date or time"),
    ],
)
def test_refusals_are_named(text: str, what: str) -> None:
    with pytest.raises(TimeError) as refusal:
        moment(text)
    assert refusal.value.what == what
    assert refusal.value.found == text


def test_a_leap_second_is_the_next_second() -> None:
    assert moment("2016-12-31T23:59:60Z") == moment("2017-01-01T00:00:00Z")


def test_a_fraction_finer_than_microseconds_is_cut() -> None:
    assert moment("1970-01-01T00:00:00.123456789Z") == (123_456, 123_456)
