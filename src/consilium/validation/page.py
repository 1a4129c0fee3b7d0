"""Page: a report as one HTML file that loads nothing, for people to read, print and keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files
from typing import Any

import yaml

from consilium.core import Card, Estimate, Report
from consilium.core.errors import InputError
from consilium.validation import plots
from consilium.validation.interval import wilson

MINUS = "\N{MINUS SIGN}"


def page(report: Report, *, card_title: str, language: str = "en", card: Card | None = None, subject: str = "patient") -> str:
    """Show a report to people.

    Parameters
    ----------
    report : Report
        What was measured.
    card_title : str
        The question in the reader's language.
    language : str
        `en` or `zh`. What others wrote (data set, proof, limits) is shown as they wrote it.
    card : Card, optional
        Adds for whom the model is intended, its inputs by name, and the bar.
    subject : str
        Of what the report counts: `patient`, or for a reader of the molecular laboratory `window`, `variant` or `tumour`.

    Returns
    -------
    str
        A whole HTML document, styles and figures inside.

    Raises
    ------
    InputError
        When the language or the subject is not known.
    """
    if language not in ("en", "zh"):
        raise InputError("The page is not written in this language", found=language, expected=("en", "zh"))
    if subject not in ("patient", *phrases()["subjects"]):
        raise InputError("The page does not speak of this subject", found=subject, expected=("patient", *phrases()["subjects"]))
    words = _of(subject, language, phrases()[language])
    share = report.survival.incidence[-1].incidence.value if report.survival else report.events / report.n
    seated = next((c for c in report.comparisons if c.learner == report.learner), None)
    learners = sorted(report.comparisons, key=lambda c: (c is not seated, -c.auroc.value))
    bar = card.bar.auroc_low if card else None
    html: str = template().render(
        report=report,
        card=card,
        title=card_title,
        words=words,
        share=share,
        seated=seated,
        learners=learners,
        bar=bar,
        reference_brier=share * (1 - share),
        observed_over_expected=_observed_over_expected(report),
        above_both=_above_both(report, words),
        learner_domain=plots.interval_domain([c.auroc for c in learners], [bar] if bar is not None else []) if learners else None,
        group_domain=plots.interval_domain([g.auroc for g in report.subgroups if g.auroc is not None] + [report.auroc]),
        coverage_domain=plots.interval_domain([c.covered for c in report.coverage_at_90], [0.9]) if report.coverage_at_90 else None,
        missing=sorted(report.missing.items(), key=lambda item: -item[1]),
        label=partial(_label, card, language),
        said=partial(_said, language=language, subject=subject),
        named=lambda name: _of(subject, language, _named(name, language=language)),
        estimate=estimated(words),
        number=number,
        plots=plots,
    )
    return html


def number(value: float, places: int = 3) -> str:
    """A rounded number with a true minus sign, and no minus before zero.

    Examples
    --------
    >>> number(0.12345), number(-1.5, 1), number(-0.0001)
    ('0.123', '−1.5', '0.000')
    """
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def estimated(words: Mapping[str, Any]) -> Callable[..., Any]:
    """How an estimate and its interval are shown."""
    from markupsafe import Markup

    def estimate(found: Estimate, places: int = 3) -> Markup:
        if found.low is None or found.high is None:
            interval = words["no_interval"]
        else:
            interval = f"{number(found.low, places)} {words['to']} {number(found.high, places)}"
        return Markup('<span class="value">{}</span> <span class="interval">({})</span>').format(number(found.value, places), interval)

    return estimate


def _observed_over_expected(report: Report) -> Estimate | None:
    """From the calibration groups, which hold every patient once."""
    expected = sum(c.predicted * c.n for c in report.calibration) / report.n
    if expected <= 0 or sum(c.n for c in report.calibration) != report.n:
        return None
    observed = report.survival.incidence[-1].incidence if report.survival else wilson(report.events, report.n)
    return Estimate(observed.value / expected, (observed.low or 0.0) / expected, (observed.high or 0.0) / expected)


def _above_both(report: Report, words: Mapping[str, str]) -> str:
    """Runs of thresholds at which the model is better than acting on everybody and on nobody, in words."""
    runs: list[list[float]] = []
    before = False
    for point in report.net_benefit:
        better = point.model.value > max(0.0, point.treat_all)
        if better and before:
            runs[-1][1] = point.threshold
        elif better:
            runs.append([point.threshold, point.threshold])
        before = better
    if not runs:
        return words["best_nowhere"]
    return words["best_where"].format(ranges=words["also"].join(f"{a:g} {words['to']} {b:g}" if a != b else f"{a:g}" for a, b in runs))


def _label(card: Card | None, language: str, name: str) -> str:
    found = next((i for i in card.inputs if i.name == name), None) if card else None
    return (found.label.get(language) or name) if found else name


def _named(name: str, *, language: str) -> str:
    """A subgroup's name in the reader's language, part by part."""
    names = phrases()["names"]
    return ": ".join(names.get(part, {}).get(language, part) for part in name.split(": "))


def _said(sentence: str, *, language: str, subject: str) -> str:
    """A sentence of another module in the reader's language, where it is known; what people wrote stays as they wrote it."""
    for known in phrases()["sentences"]:
        found = re.fullmatch(known["sent"], sentence)
        if found:
            parts = {key: _named(text, language=language) if key == "name" else text for key, text in found.groupdict().items()}
            return str(_of(subject, language, known[language]).format(**parts))
    return sentence


def _of(subject: str, language: str, said: Any) -> Any:
    """Words that speak of patients, speaking of another subject; lists and mappings of words too."""
    if subject == "patient":
        return said
    if isinstance(said, Mapping):
        return {key: _of(subject, language, value) for key, value in said.items()}
    if isinstance(said, list):
        return [_of(subject, language, value) for value in said]
    if isinstance(said, str):
        for old, new in phrases()["instead"][language]:
            said = said.replace(old, new.format(**phrases()["subjects"][subject][language]))
    return said


@cache
def phrases() -> dict[str, Any]:
    """What the page says, by language, and names and sentences of other modules."""
    text = files("consilium.validation").joinpath("words.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words


@cache
def template(name: str = "page.html.j2") -> Any:
    """A template of this room, escaping all that is put into it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("consilium.validation", ".")
    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=loader)
    return pages.get_template(name)
