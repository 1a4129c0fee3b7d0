"""Plots: a report's curves and intervals as inline SVG, coloured by the classes of the page, with text that can be selected."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup, escape

from consilium.core import CalibrationPoint, Estimate, IncidencePoint, NetBenefitPoint

WIDTH, LEFT, RIGHT, TOP = 440, 52, 428, 12
MARK_WIDTH, MARK_HEIGHT, MARK_EDGE = 200, 26, 16

Scale = Callable[[float], float]


def calibration_plot(points: Sequence[CalibrationPoint], words: Mapping[str, str]) -> Markup:
    """Observed share against predicted risk, with intervals and the diagonal; below it where the groups lie and how large they are."""
    upper = _round_up(max(max(c.predicted, c.observed.value, c.observed.high or 0.0) for c in points))
    bottom, strip = 340, 384
    x, y = _linear(0, upper, LEFT, RIGHT), _linear(0, upper, bottom, TOP)
    parts = [_frame(x, y, _ticks(0, upper), _ticks(0, upper), bottom, strip)]
    parts.append(_line([(x(0), y(0)), (x(upper), y(upper))], "reference"))
    for c in points:
        if c.observed.low is not None and c.observed.high is not None:
            parts.append(_line([(x(c.predicted), y(c.observed.low)), (x(c.predicted), y(min(upper, c.observed.high)))], "whisker"))
    parts.append(_line([(x(c.predicted), y(c.observed.value)) for c in points], "curve"))
    parts += [f'<circle class="dot" cx="{x(c.predicted):.1f}" cy="{y(c.observed.value):.1f}" r="4"/>' for c in points]
    most = max(c.n for c in points)
    for c in points:
        height = (strip - bottom - 12) * c.n / most
        parts.append(f'<rect class="size" x="{x(c.predicted) - 2.5:.1f}" y="{strip - height:.1f}" width="5" height="{height:.1f}"/>')
    parts.append(
        _label((LEFT + RIGHT) / 2, strip + 36, words["predicted"]) + _label(14, (TOP + bottom) / 2, words["observed"], turned=True)
    )
    return _svg(parts, strip + 44, words["calibration_alt"].format(groups=len(points)))


def incidence_plot(points: Sequence[IncidencePoint], words: Mapping[str, str]) -> Markup:
    """Cumulative incidence with its band over the years, and one minus Kaplan-Meier where it differs."""
    upper = _round_up(max(max(p.incidence.high or p.incidence.value, p.one_minus_km) for p in points))
    last, bottom = points[-1].time, 320
    x, y = _linear(0, last, LEFT, RIGHT), _linear(0, upper, bottom, TOP)
    start = (x(0), y(0))
    band = [start, *((x(p.time), y(p.incidence.high)) for p in points if p.incidence.high is not None)]
    band += [(x(p.time), y(p.incidence.low)) for p in reversed(points) if p.incidence.low is not None]
    parts = [
        _frame(x, y, _ticks(0, last), _ticks(0, upper), bottom, bottom),
        f'<polygon class="band" points="{_path(band)}"/>',
    ]
    if any(abs(p.one_minus_km - p.incidence.value) > 1e-9 for p in points):
        parts.append(_line([start, *((x(p.time), y(p.one_minus_km)) for p in points)], "everybody"))
    parts.append(_line([start, *((x(p.time), y(p.incidence.value)) for p in points)], "curve"))
    parts.append(
        _label((LEFT + RIGHT) / 2, bottom + 36, words["years_after"]) + _label(14, (TOP + bottom) / 2, words["incidence"], turned=True)
    )
    return _svg(parts, bottom + 44, words["incidence_alt"])


def decision_plot(points: Sequence[NetBenefitPoint], words: Mapping[str, str]) -> Markup:
    """Net benefit of the model with its band, of acting on everybody, and of acting on nobody."""
    top = max(max(p.model.high or p.model.value, p.treat_all) for p in points)
    top = top * 1.08 if top > 0 else 0.1
    # Acting on everybody falls without end; below this only that is left to see.
    floor = -0.2 * top
    last = max(p.threshold for p in points)
    first, last = 0.0, min(1.0, math.ceil(last * 10) / 10) or 0.1
    bottom = 320
    x, y = _linear(first, last, LEFT, RIGHT), _linear(floor, top, bottom, TOP)
    band = [(x(p.threshold), y(p.model.high)) for p in points if p.model.high is not None]
    band += [(x(p.threshold), y(p.model.low)) for p in reversed(points) if p.model.low is not None]
    parts = [
        f'<clipPath id="inside"><rect x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{bottom - TOP}"/></clipPath>',
        _frame(x, y, _ticks(first, last), _ticks(floor, top), bottom, bottom),
        '<g clip-path="url(#inside)">',
        f'<polygon class="band" points="{_path(band)}"/>',
        _line([(x(first), y(0)), (x(last), y(0))], "nobody"),
        _line([(x(p.threshold), y(p.treat_all)) for p in points], "everybody"),
        _line([(x(p.threshold), y(p.model.value)) for p in points], "curve"),
        "</g>",
        _label((LEFT + RIGHT) / 2, bottom + 36, words["threshold"]) + _label(14, (TOP + bottom) / 2, words["benefit"], turned=True),
    ]
    return _svg(parts, bottom + 44, words["decision_alt"])


def faithfulness_plot(
    curves: Sequence[tuple[str, Sequence[float]]], shares: Sequence[float], words: Mapping[str, str], title: str
) -> Markup:
    """What is left of an answer against the share of inputs taken away (or put in): each curve with its class, all on one scale."""
    every = [value for _, curve in curves for value in curve]
    low, high = min(0.0, *every), max(1.0, *every)
    bottom = 260
    x, y = _linear(0.0, 1.0, LEFT, RIGHT), _linear(low, high * 1.05, bottom, TOP)
    parts = [
        _frame(x, y, _ticks(0.0, 1.0), _ticks(low, high * 1.05), bottom, bottom),
        *(_line([(x(share), y(value)) for share, value in zip(shares, curve, strict=True)], kind) for kind, curve in curves),
        _label((LEFT + RIGHT) / 2, bottom + 36, words["share_of_inputs"])
        + _label(14, (TOP + bottom) / 2, words["answer_left"], turned=True),
    ]
    return _svg(parts, bottom + 44, title)


def interval_domain(estimates: Sequence[Estimate], also: Sequence[float] = ()) -> tuple[float, float]:
    """From where to where an axis must reach, in whole twentieths within 0 and 1, to show all these AUROCs."""
    low = min([e.value if e.low is None else e.low for e in estimates] + list(also))
    high = max([e.value if e.high is None else e.high for e in estimates] + list(also))
    low, high = math.floor(low * 20 - 1e-9) / 20, math.ceil(high * 20 + 1e-9) / 20
    if high - low < 0.1:
        low = high - 0.1
    return max(0.0, low), min(1.0, high)


def interval_mark(
    estimate: Estimate | None, domain: tuple[float, float], *, whole: float | None = None, bar: float | None = None
) -> Markup:
    """One row of a forest plot: a dot with its interval; dashed the whole, dotted the bar; without an estimate only these."""
    x = _linear(*domain, MARK_EDGE, MARK_WIDTH - MARK_EDGE)
    middle = MARK_HEIGHT / 2
    parts = [_line([(x(at), 0), (x(at), MARK_HEIGHT)], kind) for at, kind in ((whole, "reference"), (bar, "bar")) if at is not None]
    if estimate is not None:
        if estimate.low is not None and estimate.high is not None:
            parts.append(_line([(x(estimate.low), middle), (x(estimate.high), middle)], "whisker"))
        parts.append(f'<circle class="dot" cx="{x(estimate.value):.1f}" cy="{middle}" r="4.5"/>')
    return Markup(f'<svg class="mark" viewBox="0 0 {MARK_WIDTH} {MARK_HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>')


def interval_axis(domain: tuple[float, float]) -> Markup:
    """The axis that stands below the rows of a forest plot."""
    x = _linear(*domain, MARK_EDGE, MARK_WIDTH - MARK_EDGE)
    parts = [_line([(x(domain[0]), 1), (x(domain[1]), 1)], "axis")]
    for tick in _ticks(*domain, about=4):
        parts.append(_line([(x(tick), 1), (x(tick), 6)], "axis") + _text(x(tick), 20, _tick_text(tick), "middle"))
    return Markup(f'<svg class="mark" viewBox="0 0 {MARK_WIDTH} {MARK_HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>')


def share_bar(share: float) -> Markup:
    """A share of 1 as a filled part of a bar."""
    full = f'<rect class="empty" width="100" height="10" rx="2"/><rect class="size" width="{100 * share:.2f}" height="10" rx="2"/>'
    return Markup(f'<svg class="share" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{full}</svg>')


def _linear(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _ticks(low: float, high: float, about: int = 5) -> list[float]:
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * i, 10) for i in range(first, last + 1)]


def _round_up(value: float) -> float:
    return next((upper for upper in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5) if value <= upper), 1.0)


def _tick_text(tick: float) -> str:
    return f"{tick:g}".replace("-", "\N{MINUS SIGN}")


def _frame(x: Scale, y: Scale, across: Sequence[float], up: Sequence[float], bottom: float, foot: float) -> str:
    """Grid and tick labels; the labels of x stand below `foot`."""
    parts = [_line([(x(t), TOP), (x(t), foot)], "grid") + _text(x(t), foot + 16, _tick_text(t), "middle") for t in across]
    parts += [_line([(LEFT, y(t)), (RIGHT, y(t))], "grid") + _text(LEFT - 6, y(t) + 4, _tick_text(t), "end") for t in up]
    return "".join([*parts, _line([(LEFT, bottom), (RIGHT, bottom)], "axis")])


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _line(points: Sequence[tuple[float, float]], kind: str) -> str:
    return f'<polyline class="{kind}" points="{_path(points)}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _label(x: float, y: float, text: str, *, turned: bool = False) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return f'<text class="label" x="{x:.1f}" y="{y:.1f}" text-anchor="middle"{turn}>{escape(text)}</text>'


def _svg(parts: Sequence[str], height: float, title: str) -> Markup:
    return Markup(f'<svg class="plot" role="img" viewBox="0 0 {WIDTH} {height}"><title>{escape(title)}</title>{"".join(parts)}</svg>')
