"""Figure: the geometry of the page's small drawings, in SVG units; templates draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

TREND = (120.0, 28.0)
SCALE = 100.0
MARGIN = 3.0


@dataclass(frozen=True, slots=True)
class Trend:
    """A line of values over time: `points` for an SVG polyline, `last` the newest point, `band` top and height of the reference range."""

    points: str
    last: tuple[float, float]
    band: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Scale:
    """A value on a line of 100 units with its reference range: start and width of the range, place of the value, and its side."""

    start: float
    width: float
    at: float
    side: str


def trend(series: Sequence[tuple[datetime, float]], reference: tuple[float | None, float | None] | None) -> Trend | None:
    """Draw values over time, oldest first, within a box of 120 by 28.

    Parameters
    ----------
    series : sequence of (datetime, float)
        In order of time.
    reference : (low, high), optional
        The reference range, either end open (None).

    Returns
    -------
    Trend or None
        None for fewer than two moments, which make no line.
    """
    if len({moment for moment, _ in series}) < 2:
        return None
    width, height = TREND
    first, span = series[0][0], (series[-1][0] - series[0][0]).total_seconds()
    ends = [v for _, v in series] + [x for x in (reference or ()) if x is not None]
    low, high = min(ends), max(ends)
    tall = (high - low) or 1.0

    def x(moment: datetime) -> float:
        return round(MARGIN + (width - 2 * MARGIN) * (moment - first).total_seconds() / span, 1)

    def y(value: float) -> float:
        return round(height - MARGIN - (height - 2 * MARGIN) * (value - low) / tall, 1)

    places = [(x(m), y(v)) for m, v in series]
    band = None
    if reference is not None and reference != (None, None):
        top = y(reference[1]) if reference[1] is not None else 0.0
        bottom = y(reference[0]) if reference[0] is not None else height
        band = (top, max(round(bottom - top, 1), 1.0))
    return Trend(" ".join(f"{a},{b}" for a, b in places), places[-1], band)


def scale(value: float, reference: tuple[float | None, float | None]) -> Scale | None:
    """Place a value against its reference range.

    Returns
    -------
    Scale or None
        None when both ends of the range are open.

    Examples
    --------
    >>> scale(145.0, (90.0, 120.0))
    Scale(start=24.0, width=39.0, at=95.5, side='high')
    """
    low, high = reference
    if low is None and high is None:
        return None
    span = (high - low) if low is not None and high is not None and high > low else abs(high or low or 1.0)
    left = low if low is not None else (high or 0.0) - span
    right = high if high is not None else (low or 0.0) + span
    first, last = min(left - span * 0.5, value), max(right + span * 0.5, value)
    first, last = first - (last - first) * 0.05, last + (last - first) * 0.05

    def at(x: float) -> float:
        return round(SCALE * (x - first) / (last - first), 1)

    start = at(left) if low is not None else 0.0
    end = at(right) if high is not None else SCALE
    side = "low" if low is not None and value < low else "high" if high is not None and value > high else ""
    return Scale(start, round(end - start, 1), at(value), side)
