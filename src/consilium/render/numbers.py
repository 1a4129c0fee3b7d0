"""Numbers: how probabilities, quantities, weights and moments are written for people."""

from __future__ import annotations

from datetime import UTC, datetime

from consilium.core.points import Points
from consilium.council.quantity import MINUS, number
from consilium.council.quantity import percent as whole_percent
from consilium.council.quantity import quantity as written
from consilium.render.words import Words


def naive(moment: datetime) -> datetime:
    """The moment in UTC without zone, as everything in a consultation is."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment


def percent(probability: float, words: Words) -> str:
    """A probability in whole percent, never rounded to certainty.

    Examples
    --------
    >>> from consilium.render.words import words
    >>> percent(0.873, words("en")), percent(0.002, words("en")), percent(0.9999, words("zh"))
    ('87 %', '<1 %', '>99%')
    """
    return whole_percent(probability) + ("%" if words.language == "zh" else " %")


def interval(low: float, high: float, words: Words) -> str:
    """The 95 % interval of a probability.

    Examples
    --------
    >>> from consilium.render.words import words
    >>> interval(0.79, 0.931, words("en"))
    '95 % interval 79 to 93 %'
    """
    first = percent(low, words) if not 0.01 <= low <= 0.99 else f"{100 * low:.0f}"
    return words.say("interval", low=first, high=percent(high, words))


def natural(probability: float, words: Words) -> str:
    """A probability as a count of patients like this one.

    Examples
    --------
    >>> from consilium.render.words import words
    >>> natural(0.873, words("en"))
    'about 87 in 100 patients like this one'
    >>> natural(0.004, words("en"))
    'about 4 in 1000 patients like this one'
    """
    if probability < 0.001:
        return words.say("natural_few", of=1000)
    if probability < 0.01:
        return words.say("natural", n=f"{1000 * probability:.0f}", of=1000)
    if probability > 0.99:
        return words.say("natural_most", n=99, of=100)
    return words.say("natural", n=f"{100 * probability:.0f}", of=100)


def quantity(value: float, ucum: str, words: Words) -> str:
    """A value and its unit.

    Examples
    --------
    >>> from consilium.render.words import words
    >>> quantity(145.0, "mm[Hg]", words("en"))
    '145 mmHg'
    """
    if not ucum:
        return f"{number(value)} {words.say('no_unit')}"
    return written(value, ucum, words.language)


def weight(log_odds: float) -> str:
    """A signed weight with two decimals.

    Examples
    --------
    >>> weight(1.239), weight(-0.5)
    ('+1.24', '−0.50')
    """
    return f"{log_odds:+.2f}".replace("-", MINUS)


def day(moment: datetime) -> str:
    """The day of a moment."""
    return f"{moment:%Y-%m-%d}"


def minute(moment: datetime) -> str:
    """A moment to the minute, with its zone.

    Examples
    --------
    >>> minute(datetime(2026, 1, 3, 8, 0))
    '2026-01-03 08:00 UTC'
    """
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def span(least: float, greatest: float) -> str:
    """Points, or the least and the greatest possible.

    Examples
    --------
    >>> span(3.0, 3.0), span(0.0, 1.5), span(-2.0, 1.0)
    ('3', '0–1.5', '−2–1')
    """
    return number(least) if least == greatest else f"{number(least)}–{number(greatest)}"


def total(points: Points, words: Words) -> str:
    """The points of a score in words, with the highest that can be had."""
    if points.complete:
        return words.say("points", n=number(points.least), most=number(points.highest))
    return words.say("points_range", low=number(points.least), high=number(points.greatest), most=number(points.highest))
