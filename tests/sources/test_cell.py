"""Cells of a table: numbers, keys and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import InputError, TimeError
from consilium.core.patient import completed_years
from consilium.sources.csv import cell

EPOCH = datetime(1970, 1, 1)
ZURICH = ZoneInfo("Europe/Zurich")


def utc(micro: int) -> datetime:
    return EPOCH + timedelta(microseconds=micro)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(value: float) -> None:
    assert cell.number(repr(value)) == (value, "")


@given(st.decimals(-1000, 1000, places=2))
def test_decimal_commas(value) -> None:
    assert cell.number(str(value).replace(".", ","), ",") == (float(value), "")


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", "0x1", "1.2.3", "high", "1,5", "٣", "<", "< high"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        cell.number(text)


def test_a_decimal_point_is_no_number_where_commas_are_used() -> None:
    with pytest.raises(InputError):
        cell.number("1.500", ",")


@given(st.text(max_size=20))
def test_plain_is_stable(text: str) -> None:
    assert cell.plain(cell.plain(text)) == cell.plain(text)


@pytest.mark.parametrize(("a", "b"), [("1", "1.0"), ("0", "-0.0"), ("-9", "-9.00"), (" M", "M "), ("1e3", "1000")])
def test_plain_compares(a: str, b: str) -> None:
    assert cell.plain(a) == cell.plain(b)


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2030, 1, 1)).map(lambda d: d.replace(microsecond=0)))
def test_times_of_a_fixed_zone(when: datetime) -> None:
    text = when.strftime("%Y-%m-%d %H:%M:%S")
    start, end = cell.time(text, "%Y-%m-%d %H:%M:%S", UTC)
    assert utc(start) == utc(end) == when


def test_summer_and_winter() -> None:
    assert utc(cell.time("2025-07-01 08:00", "%Y-%m-%d %H:%M", ZURICH)[0]) == datetime(2025, 7, 1, 6)
    assert utc(cell.time("2025-12-01 08:00", "%Y-%m-%d %H:%M", ZURICH)[0]) == datetime(2025, 12, 1, 7)


def test_clocks_put_forward_and_back() -> None:
    with pytest.raises(TimeError, match="does not exist"):
        cell.time("2025-03-30 02:30", "%Y-%m-%d %H:%M", ZURICH)
    assert utc(cell.time("2025-10-26 02:30", "%Y-%m-%d %H:%M", ZURICH)[0]) == datetime(2025, 10, 26, 1, 30)


def test_a_day_lasts_from_midnight_to_midnight() -> None:
    start, end = cell.time("30.03.2025", "%d.%m.%Y", ZURICH)
    assert (utc(start), utc(end)) == (datetime(2025, 3, 29, 23), datetime(2025, 3, 30, 22))


def test_an_offset_in_the_cell() -> None:
    assert utc(cell.time("2025-01-01T00:00+0200", "%Y-%m-%dT%H:%M%z", None)[0]) == datetime(2024, 12, 31, 22)


@given(st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2030, 1, 1)), st.integers(0, 120))
def test_an_age_comes_back_as_completed_years(when: datetime, years: int) -> None:
    micro = (when - EPOCH) // timedelta(microseconds=1)
    assert completed_years(utc(cell.years_before(micro, years)), when) == years
