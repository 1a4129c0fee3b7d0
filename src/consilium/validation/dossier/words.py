"""Words: the facts of a study as phrases that the sentences of a checklist take up; empty where there is no fact."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from consilium.core import Estimate
from consilium.core.question import EVER, FOREVER
from consilium.validation.clusters import Clusters
from consilium.validation.dossier.facts import Facts

_SHOWN = 4


def words_of(facts: Facts, bias: str = "") -> dict[str, str]:
    """Every phrase by its name; `bias` is what PROBAST says of the whole."""
    card, report, question = facts.card, facts.report, facts.card.question
    made = facts.study == "development"
    kinds = [c.kind for c in (facts.sites, facts.periods) if c is not None]
    limited = [i.name for i in card.inputs if i.codes[0].startswith(("MEDICATION//", "PROCEDURE//"))]
    late = question.target[1] > timedelta(days=1) or bool(question.after or question.until)
    return {
        "name": card.name,
        "title": card.title["en"],
        "version": card.version,
        "condition": card.condition,
        "intended": card.intended.strip(),
        "not_for": card.not_for.strip(),
        "population": (
            f"Age {card.population.age[0]:g} to {card.population.age[1]:g}, {' and '.join(_SEX[s] for s in card.population.sexes)}. "
            f"{card.intended.strip()}"
        ),
        "learner": report.learner,
        "why": report.why.strip(),
        "sources": ", ".join(card.sources),
        "inputs": "; ".join(f"{i.name} ({i.unit})" for i in card.inputs),
        "parameters": str(len(card.inputs)),
        "trigger": question.trigger,
        "label": question.label,
        "target": target(question.target, question.after, question.until),
        "horizon_words": card.horizon or "as the target window says",
        "kind_of_question": "A prognostic question: the outcome lies after the asking"
        if late
        else "A diagnostic question: the truth is there, and is found after the asking",
        "Study": {"development": "Development and internal validation", "evaluation": "Evaluation", "adoption": "Adoption and evaluation"}[
            facts.study
        ],
        "objective": _OBJECTIVE[facts.study],
        "data": report.data,
        "fingerprint": report.data_fingerprint[:16],
        "developed_on": facts.developed_on,
        "developed_words": (
            f"{report.data} ({report.period}): {report.n} rows, {report.events} events; {', '.join(facts.sexes)}; {_ages(facts)}"
        )
        if made
        else f"Developed on: {facts.developed_on}."
        if facts.developed_on
        else "",
        "period": report.period,
        "n": str(report.n),
        "patients": str(facts.patients),
        "events": str(report.events),
        "share": f"{100 * report.events / report.n:.1f}",
        "proof": report.proof[:1].upper() + report.proof[1:],
        "eligibility": _eligibility(facts),
        "treatments": ", ".join(limited) or "none",
        "sites": f"{len(facts.sites.each)} ({listed(c.name for c in facts.sites.each)})" if facts.sites else "",
        "leak_words": leak_words(facts),
        "size_words": _size(facts),
        "missing_words": _missing(facts),
        "excluded_words": "Left out: " + "; ".join(f"{n} because {reason}" for reason, n in facts.excluded.items()) + "."
        if facts.excluded
        else "Nobody asked was left out.",
        "flow": (
            f"{report.n + sum(facts.excluded.values())} moments of asking; {sum(facts.excluded.values())} "
            f"left out; {report.n} analysed ({facts.patients} patients): {report.events} with "
            f"and {report.n - report.events} without the condition."
        ),
        "split_words": _split_words(facts),
        "split_table": "; ".join(
            f"part {k}: learned from {s.train} ({s.train_events} events), proven on {s.test} ({s.test_events})"
            for k, s in enumerate(facts.splits, 1)
        )
        or f"evaluated on {report.n} rows, {report.events} events",
        "handling": (
            "Numbers stay numbers in their unit, codes become one yes-or-no input each; nothing "
            "is cut into classes. Scaling and filling, where the learner needs them, are learned "
            "on training rows only and sealed with the model."
        )
        if facts.study != "adoption"
        else "",
        "comparators": ", ".join(f"{c.learner} (AUROC {figure(c.auroc)})" for c in report.comparisons),
        "cluster_kinds": " and ".join(kinds),
        "updating": {
            "development": "",
            "evaluation": "The sealed model was evaluated as it is; it was not updated.",
            "adoption": (
                "The adopted model was recalibrated (a straight line on the log-odds) on other patients than those it was measured on."
            ),
        }[facts.study],
        "updated": {"development": "", "evaluation": "None was made.", "adoption": "See the comparison: `as it came` and recalibrated."}[
            facts.study
        ],
        "model_sha256": report.model_sha256[:16] + "…",
        "imbalance": (
            f"No resampling and no weighting; {100 * report.events / report.n:.1f} % of rows have "
            "the condition, and risks are calibrated to that."
        )
        if facts.study != "adoption"
        else "",
        "groupings": ", ".join(dict.fromkeys(g.name.partition(":")[0] for g in facts.groups)),
        "subgroup_gap": f"{card.bar.subgroup_gap:g}",
        "threshold_words": f"The card acts from a risk of {facts.threshold:g}."
        if facts.threshold_from == "card"
        else (
            f"The card names no risk from which one acts; the tables here use {facts.threshold:.3g}, "
            "the share of events, which is no recommendation."
        ),
        "differences": (
            "Development and evaluation use the same data by patients held out in turn, so that "
            "setting, criteria, outcome and predictors are the same."
        )
        if made
        else " ".join(facts.drift or ()),
        "drift_words": " ".join(facts.drift or ()),
        "made_with": ", ".join(f"{name} {version}" for name, version in report.made_with.items()),
        "auroc": figure(report.auroc),
        "auprc": figure(report.auprc),
        "slope": figure(report.slope, 2),
        "intercept": figure(report.intercept, 2),
        "brier": figure(report.brier),
        "fairness_words": fairness_words(facts),
        "cluster_words": " ".join(cluster_words(c) for c in (facts.sites, facts.periods) if c) + _forward(facts),
        "verdict": "The bar of the card is met."
        if report.passes
        else "The bar of the card is not met: " + "; ".join(report.shortfalls) + ".",
        "limits": " ".join(text.rstrip(".") + "." for text in report.limits),
        "bias_words": bias,
        "next_steps": ""
        if facts.sites or facts.forward or not made
        else "Validation at another hospital and at a later time: the data at hand have neither.",
        "bibliography": facts.bibliography,
    }


_SEX = {"F": "women", "M": "men"}
_OBJECTIVE = {
    "development": "To develop a model and prove it on patients it had not seen.",
    "evaluation": "To evaluate a sealed model on patients it was not trained on.",
    "adoption": "To take in a model made elsewhere, recalibrate it, and evaluate it on the user's own patients.",
}


def figure(found: Estimate | None, places: int = 3) -> str:
    """A number and its interval, as text.

    Examples
    --------
    >>> figure(Estimate(0.8, 0.7, 0.9), 2)
    '0.80 (0.70 to 0.90)'
    """
    if found is None:
        return ""
    if found.low is None or found.high is None:
        return f"{found.value:.{places}f} (no interval)"
    return f"{found.value:.{places}f} ({found.low:.{places}f} to {found.high:.{places}f})"


def target(window: tuple[timedelta, timedelta], after: str = "", until: str = "") -> str:
    """Where the truth is looked for, in words.

    Examples
    --------
    >>> target((timedelta(0), timedelta(days=30)))
    'within 0 h to 30 days after the asking'
    """
    root = f"the next {after}" if after else "the asking"
    end = f"the next {until}" if until else _span(window[1])
    return f"within {_span(window[0])} to {end} after {root}"


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names, the first of many.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    every = list(names)
    return ", ".join(every) if len(every) <= most else f"{', '.join(every[:most])} and {len(every) - most} more"


def leak_words(facts: Facts) -> str:
    """What the leak check found, in a sentence or two."""
    if facts.leaks is None:
        return "No leak check was made."
    notes = f" {'. '.join(facts.leak_notes)}." if facts.leak_notes else ""
    if not facts.leaks:
        return f"The leak check found nothing (which does not prove that nothing is there).{notes}"
    kinds = listed(f"{leak.kind} in {leak.where} ({leak.detail})" for leak in facts.leaks)
    return f"The leak check found {len(facts.leaks)}: {kinds}.{notes}"


def fairness_words(facts: Facts) -> str:
    """Which groups the model serves differently beyond chance, in words."""
    if not facts.groups:
        return ""
    apart = [
        f"{measure.replace('_', ' ')} in {group.name} differs from that of all others by {figure(gap)}"
        for group in facts.groups
        for measure, gap in group.differences.items()
        if gap.low is not None and gap.high is not None and (gap.low > 0 or gap.high < 0)
    ]
    tried = sum(len(g.differences) for g in facts.groups)
    rest = " (the rest in the table)" if len(apart) > _SHOWN else ""
    if not apart:
        return (
            f"{len(facts.groups)} groups were measured at the threshold {facts.threshold:.3g}; no difference is beyond its 95 % interval."
        )
    return (
        f"At the threshold {facts.threshold:.3g}, of {tried} differences between a group and all others {len(apart)} are beyond their "
        f"95 % interval ({round(tried / 20)} would be by chance): {'; '.join(apart[:_SHOWN])}{rest}."
    )


def cluster_words(found: Clusters) -> str:
    """How much hospitals or periods differ, in words."""
    measured = [c for c in found.each if c.auroc is not None]
    if not measured:
        return f"By {found.kind}: none of {len(found.each)} has enough patients to be measured."
    if found.pooled is None:
        return f"By {found.kind}: {len(measured)} of {len(found.each)} could be measured."
    expected = (
        f"; in a new {found.kind} an AUROC of {found.expected.low:.2f} to {found.expected.high:.2f} is to be expected"
        if found.expected and found.expected.low is not None and found.expected.high is not None
        else ""
    )
    return (
        f"By {found.kind} ({len(measured)} of {len(found.each)} measured): pooled AUROC {figure(found.pooled)}, "
        f"I² {100 * (found.i_squared or 0):.0f} %{expected}."
    )


def _forward(facts: Facts) -> str:
    f = facts.forward
    if f is None:
        return ""
    return (
        f" Forward in time (trained on {f.train} rows before {f.date}, proven on {f.test} "
        f"after): AUROC {figure(f.auroc)}, slope {figure(f.slope, 2)}, observed over expected "
        f"{figure(f.observed_over_expected, 2)}."
    )


def _ages(facts: Facts) -> str:
    return f"age {facts.ages[0]:g} to {facts.ages[1]:g}" if facts.ages else "age not known"


def _span(span: timedelta) -> str:
    if span in (EVER, FOREVER):
        return "ever"
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours and hours % 24 == 0 else f"{hours:g} h"


def _eligibility(facts: Facts) -> str:
    q = facts.card.question
    parts = [
        f"Asked at {'every' if q.occurrence == 'every' else 'the first'} {q.trigger}" + (f", {_span(q.delay)} later" if q.delay else "")
    ]
    if q.age:
        parts.append(f"age {q.age[0]:g} to {q.age[1]:g}")
    parts += [f"criterion: {c.reason}" for c in q.criteria]
    return "; ".join(parts) + ". A truth in the target window is needed."


def _size(facts: Facts) -> str:
    s = facts.sample
    if s is None:
        return ""
    riley = (
        f" By the criteria of Riley et al. 2019 for regression, {s.needed} rows would have been needed; there were {s.n}."
        if s.needed
        else " The predictions explain nothing, so that no number of rows would have sufficed."
    )
    if facts.study != "development":
        return f"{s.n} rows with {facts.report.events} events and {s.n - facts.report.events} without."
    return f"{s.events} events of the rarer outcome for {s.parameters} parameters: {s.per_parameter:.1f} each.{riley}"


def _missing(facts: Facts) -> str:
    gaps = sorted(((p.missing, p.name) for p in facts.predictors if p.missing > 0), reverse=True)
    if not gaps:
        return "Every row had every input."
    most = listed(f"{name} ({100 * share:.1f} %)" for share, name in gaps)
    how = "handled inside the model, by what was learned on training rows, and named in the evidence; proof and bedside handle them alike"
    return f"Missing: {most}. Missing inputs are {how}."


def _split_words(facts: Facts) -> str:
    if not facts.splits:
        return ""
    both = sum(s.straddling for s in facts.splits)
    return "No patient stands on both sides of a split." if not both else f"{both} patients stand on both sides of a split."
