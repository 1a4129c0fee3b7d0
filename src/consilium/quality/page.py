"""Page: a quality report as one HTML file that loads nothing, for people to read, print and keep."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from markupsafe import Markup

from consilium.core.code import concept
from consilium.core.errors import InputError
from consilium.knowledge import Shelf
from consilium.quality.finding import CodeProfile, Finding, QualityReport
from consilium.quality.rules import SEVERITIES, checks
from consilium.validation.plots import share_bar

ROWS = 60
LABELS = 20
"""Doubtful labels that are listed on the page."""
WIDTH, HEIGHT = 200, 34


def page(report: QualityReport, shelf: Shelf, *, language: str = "en", displays: Mapping[str, str] | None = None) -> str:
    """Show a report to people.

    Parameters
    ----------
    report : QualityReport
    shelf : Shelf
        Names of codes.
    language : str
        `en` or `zh`.
    displays : mapping of str to str, optional
        Names that codes were sent with, for those that the shelf does not know.

    Returns
    -------
    str
        A whole HTML document, styles and figures inside.

    Raises
    ------
    InputError
        When the language is not known.
    """
    if language not in _words():
        raise InputError("The page is not written in this language", found=language, expected=tuple(_words()))
    words = _words()[language]

    def name(code: str) -> str:
        known = shelf.codes.get(concept(code))
        if known is not None:
            return (known.name_zh if language == "zh" else known.name) or known.name
        return (displays or {}).get(code) or code

    html: str = _template().render(
        report=report,
        words=words,
        groups=[(s, [f for f in report.findings if f.severity == s]) for s in SEVERITIES],
        checks=checks(),
        language=language,
        name=name,
        facts=lambda finding: said(finding, language),
        number=lambda n: f"{n:,}",
        percent=percent,
        plot=plot,
        quantity=lambda v: f"{v:.3g}" if abs(v) < 1e4 else f"{v:,.0f}",
        share_bar=share_bar,
        profiles=report.codes[:ROWS],
        more=max(0, len(report.codes) - ROWS),
        most_labels=LABELS,
    )
    return html


def percent(share: float) -> str:
    """A share of 1 in per cent, never rounded to none or to all.

    Examples
    --------
    >>> percent(0.00002), percent(0.9999), percent(0.1234), percent(1.0)
    ('<0.1 %', '>99.9 %', '12.3 %', '100 %')
    """
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def said(finding: Finding, language: str) -> list[str]:
    """What else was measured, in words."""
    facts, told = finding.facts, _words()[language]["facts"]
    parts = []
    if "relation" in facts:
        parts.append(told["relation"].format(name=facts["name"][language]))
    if "other" in facts:
        explained = finding.check == "refused"
        parts.append(told["explained" if explained else "other"].format(other=facts["other"]))
    if "factor" in facts:
        parts += [told["factor"].format(factor=f"{facts['factor']:.3g}"), told[facts["evidence"]]]
    if "limit" in facts:
        parts.append(told["limit"].format(limit=f"{facts['limit']:g} {facts['unit']}"))
    elif facts.get("unit"):
        parts.append(told["unit"].format(unit=facts["unit"]))
    if "from" in facts:
        parts.append(told["gap"].format(start=facts["from"], end=facts["to"], expected=facts["expected"]))
    if "pairs" in facts:
        parts.append(told["pairs"].format(pairs=facts["pairs"], expected=facts["expected_by_chance"]))
    if "number_of_codes" in facts:
        parts.append(told["number"].format(number=facts["number_of_codes"]))
    if facts.get("codes"):
        parts.append(told["codes"].format(codes=", ".join(f"{code} ({n:,})" for code, n in list(facts["codes"].items())[:3])))
    for key in ("digit", "since", "site"):
        if key in facts:
            parts.append(told[key].format(**{key: facts[key]}))
    if "from_length" in facts:
        parts.append(told["from_length"].format(length=facts["from_length"]))
    if "psi" in facts:
        parts.append(told["psi"].format(psi=facts["psi"], ks=facts["ks"]))
    if facts.get("stage") == "refused at intake":
        parts.append(told["stage"])
    if "missed" in facts:
        rates = {key: percent(facts[key]) for key in ("missed", "overcalled")}
        parts.append(told["labels"].format(**rates, learner=facts["learner"], auroc=facts["auroc"]))
    if "alpha" in facts:
        where = {"alpha": facts["alpha"], "low": facts["alpha_low"], "high": facts["alpha_high"]}
        parts.append(told["alpha"].format(**where, scale=facts["scale"], annotators=facts["annotators"]))
        if facts["fleiss"] is not None:
            parts.append(told["fleiss"].format(kappa=facts["fleiss"]))
        parts.append(told["cohen"].format(pairs="; ".join(f"{pair} {kappa}" for pair, kappa in list(facts["cohen"].items())[:3])))
    return parts


def plot(profile: CodeProfile) -> Markup:
    """The distribution of a code as bars, between its 1st and 99th percentile, with the median as a dot."""
    low, high = profile.quantiles[0], profile.quantiles[-1]
    bars = [(a, b, n) for a, b, n in profile.histogram if b >= low and a <= high and n]
    if not bars or low == high:
        return Markup("")
    most = max(n for _, _, n in bars)

    def x(value: float) -> float:
        return 4 + (min(max(value, low), high) - low) / (high - low) * (WIDTH - 8)

    shapes = [
        f'<rect class="size" x="{x(a):.1f}" y="{HEIGHT - 8 - 24 * n / most:.1f}" width="{max(x(b) - x(a), 0.8):.1f}" '
        f'height="{24 * n / most:.1f}"/>'
        for a, b, n in bars
    ]
    shapes.append(f'<circle class="dot" cx="{x(profile.quantiles[3]):.1f}" cy="{HEIGHT - 5}" r="3"/>')
    return Markup(f'<svg class="mark" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{"".join(shapes)}</svg>')


@cache
def _words() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(files("consilium.quality").joinpath("words.yaml").read_text(encoding="utf-8"))
    return found


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    text = files("consilium.quality").joinpath("page.html.j2").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(text)
