"""Page: a dossier as one HTML file that loads nothing, for people to read, print and sign."""

from __future__ import annotations

from collections.abc import Mapping

from consilium.core import Estimate
from consilium.validation import plots
from consilium.validation.dossier.checklist import checklist
from consilium.validation.dossier.facts import Facts
from consilium.validation.dossier.probast import Judgement
from consilium.validation.dossier.tripod import NOT_APPLICABLE, OPEN, PARTLY, Item
from consilium.validation.dossier.words import cluster_words
from consilium.validation.fairness import MEASURES
from consilium.validation.page import MINUS, estimated, number, phrases, template

_ORDER = (
    "flow",
    "size",
    "inputs",
    "splits",
    "performance",
    "groups",
    "clusters",
    "leaks",
    "drift",
    "probast",
    "tripod",
    "statements",
    "beside",
)


def page(facts: Facts, judgement: Judgement, items: tuple[Item, ...], words: Mapping[str, str]) -> str:
    """Show a dossier to people: in English, with headings and answers in Chinese beside it.

    Parameters
    ----------
    facts, judgement, items
        What is known, and what PROBAST and TRIPOD+AI make of it.
    words : mapping of str to str
        As `words_of` makes them.
    """
    told = phrases()["en"]
    applicable = [i for i in items if i.status != NOT_APPLICABLE]
    waiting = [i for i in applicable if i.status in (OPEN, PARTLY)]
    areas = [c.auroc for found in (facts.sites, facts.periods) if found for c in found.each if c.auroc is not None]
    probast, tripod = checklist("probast"), checklist("tripod_ai")
    html: str = template("dossier/dossier.html.j2").render(
        facts=facts,
        report=facts.report,
        judgement=judgement,
        items=items,
        said=words,
        title=facts.card.title["en"],
        words=checklist("words"),
        phrases=told,
        domains=probast["domains"],
        sections=tripod["sections"],
        measures=MEASURES,
        answered=len(applicable) - len(waiting),
        applicable=len(applicable),
        open=len(waiting),
        contents=[key for key in _ORDER if key != "drift" or facts.drift is not None],
        cluster_domain=plots.interval_domain([*areas, facts.report.auroc]),
        cluster_words=cluster_words,
        probast_source=probast["header"]["sources"],
        probast_note=probast["header"]["note"],
        tripod_source=tripod["header"]["sources"],
        tripod_licence=tripod["header"]["licence"],
        estimate=estimated(told),
        number=number,
        short=short,
        signed=signed,
        beyond=beyond,
        plots=plots,
    )
    return html


def short(value: float) -> str:
    """A value with as many places as it needs.

    Examples
    --------
    >>> short(132.0), short(0.0524), short(-3.25)
    ('132', '0.0524', '−3.25')
    """
    return f"{value:.3g}".replace("-", MINUS) if abs(value) < 1000 else f"{value:.0f}".replace("-", MINUS)


def signed(gap: Estimate) -> str:
    """A difference and its interval, with signs.

    Examples
    --------
    >>> signed(Estimate(0.02, -0.01, 0.05))
    '+0.02 (−0.01 to +0.05)'
    """
    parts = [f"{v:+.2f}".replace("-", MINUS) for v in (gap.value, gap.low, gap.high) if v is not None]
    return parts[0] if len(parts) < 3 else f"{parts[0]} ({parts[1]} to {parts[2]})"


def beyond(gap: Estimate) -> bool:
    """Whether 0 lies outside the interval of a difference."""
    return gap.low is not None and gap.high is not None and (gap.low > 0 or gap.high < 0)
