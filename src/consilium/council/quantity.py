"""Quantity: how numbers, units and shares are written for people, in every form of a consultation."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import yaml

MINUS = "\N{MINUS SIGN}"
FILE = Path(__file__).with_name("units.yaml")


def number(value: float) -> str:
    """A value with four significant digits and without an exponent.

    Examples
    --------
    >>> number(1.2000000476837158), number(12345.0), number(-0.00012), number(140.0)
    ('1.2', '12345', '−0.00012', '140')
    """
    if value == 0:
        return "0"
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if "e" in text:
        text = f"{value:.12f}".rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def unit(ucum: str, language: str) -> str:
    """A UCUM unit as a ward writes it; empty for a bare count."""
    return _units(language).get(ucum, ucum)


def quantity(value: float, ucum: str, language: str) -> str:
    """A value and its unit.

    Examples
    --------
    >>> quantity(145.0, "mm[Hg]", "en"), quantity(64.0, "a", "zh")
    ('145 mmHg', '64 岁')
    """
    return f"{number(value)} {unit(ucum, language)}".strip()


def percent(share: float) -> str:
    """A probability in whole per cent, without the sign, never rounded to certainty.

    Examples
    --------
    >>> percent(0.873), percent(0.002), percent(0.9999)
    ('87', '<1', '>99')
    """
    if share < 0.01:
        return "<1"
    return ">99" if share > 0.99 else f"{100 * share:.0f}"


def since(moment: datetime) -> str:
    """When something began, never more precisely than it may have been said: a chart that says 2016 is kept as the first moment of 2016.

    Examples
    --------
    >>> since(datetime(2016, 1, 1)), since(datetime(2016, 3, 1)), since(datetime(2016, 3, 1, 8)), since(datetime(2016, 3, 9))
    ('2016', '2016-03', '2016-03-01', '2016-03-09')
    """
    if (moment.hour, moment.minute, moment.second, moment.microsecond, moment.day) != (0, 0, 0, 0, 1):
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y}" if moment.month == 1 else f"{moment:%Y-%m}"


@functools.cache
def _units(language: str) -> Mapping[str, str]:
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {ucum: text[language] if isinstance(text, dict) else text for ucum, text in raw.items()}
