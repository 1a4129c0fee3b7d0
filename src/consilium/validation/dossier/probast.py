"""PROBAST: every signalling question answered from facts with the evidence it rests on, and the risk of bias that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from consilium.validation.dossier.checklist import checklist
from consilium.validation.dossier.facts import Facts

YES, PROBABLY_YES, PROBABLY_NO, NO, UNKNOWN = "yes", "probably yes", "probably no", "no", "no information"
LOW, HIGH, UNCLEAR = "low", "high", "unclear"

Evidence = tuple[str, str, str]
"""An answer, what it rests on, and the place of that in the dossier or beside it (`#leaks`, `report.html`, `card.yaml`)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One signalling question: the answer, and the evidence for it, the decisive first, each with a link."""

    number: str
    domain: str
    asks: str
    answer: str
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain: risk of bias, the questions that made it so, and concern about applicability (None where it is not asked)."""

    name: str
    risk: str
    because: tuple[str, ...]
    concern: str | None
    concern_because: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """All answers, the domains, and the whole."""

    answers: tuple[Answer, ...]
    domains: tuple[Domain, ...]
    risk: str
    because: str
    concern: str

    def of(self, domain: str) -> Domain:
        """One domain by its key (`participants`, `predictors`, `outcome`, `analysis`)."""
        return next(d for d in self.domains if d.name == domain)


def judge(facts: Facts) -> Judgement:
    """Answer all questions.

    A fact that says no is not outvoted by the author; where facts say nothing, the author's statement counts, and without one
    there is no information. A domain with a `no` or `probably no` is at high risk, one with only `yes` and `probably yes` at low
    risk, any other unclear. The whole follows the domains, but a model proven on its own data alone is never at low risk unless
    that was of another hospital or a later time.
    """
    said = checklist("probast")
    answers = tuple(_answer(number, question, facts) for number, question in said["questions"].items())
    domains = []
    for name in said["domains"]:
        own = [a for a in answers if a.domain == name]
        against = [a.number for a in own if a.answer in (NO, PROBABLY_NO)]
        unknown = [a.number for a in own if a.answer == UNKNOWN]
        risk = HIGH if against else UNCLEAR if unknown else LOW
        concern, why = _CONCERNS[name](facts) if name in said["applicability"] else (None, "")
        domains.append(Domain(name, risk, tuple(against or unknown), concern, why))
    risks = [d.risk for d in domains]
    worst = HIGH if HIGH in risks else UNCLEAR if UNCLEAR in risks else LOW
    because = _worded(domains)
    if worst == LOW and facts.study == "development" and not _elsewhere(facts):
        worst, because = HIGH, "every domain is at low risk, but the model is proven neither at another hospital nor at a later time"
    concerns = [d.concern for d in domains if d.concern is not None]
    concern = HIGH if HIGH in concerns else UNCLEAR if UNCLEAR in concerns else LOW
    return Judgement(answers, tuple(domains), worst, because, concern)


def _elsewhere(facts: Facts) -> bool:
    """Whether a model was proven at another place or a later time than it was made of."""
    proof = facts.card.proof
    return facts.forward is not None or proof.kind == "site" or proof.since is not None or bool(proof.by)


def _worded(domains: list[Domain]) -> str:
    parts = [f"{d.name} {d.risk} (questions {', '.join(d.because)})" for d in domains if d.risk != LOW]
    return "; ".join(parts) or "every domain is at low risk"


def _answer(number: str, question: Mapping[str, Any], facts: Facts) -> Answer:
    found: list[Evidence] = [
        (NO, f"Leak check: {leak.kind} in {leak.where}: {leak.detail}. {leak.means}", "#leaks")
        for leak in facts.leaks or ()
        if leak.kind in question["leaks"]
    ]
    found += _RULES[number](facts)
    order = (NO, PROBABLY_NO, YES, PROBABLY_YES)
    decided = next((a for a in order if any(a == e[0] for e in found)), UNKNOWN)
    statement = facts.said.probast.get(number)
    if statement:
        answer, why = statement
        overruled = decided in (NO, PROBABLY_NO) and answer not in (NO, PROBABLY_NO)
        note = " (the facts say otherwise)" if overruled else ""
        found.append(("" if overruled else answer, f"The author says {answer}{note}: {why}", "#statements"))
        if not overruled and (decided == UNKNOWN or answer in (NO, PROBABLY_NO)):
            decided = answer
    found.sort(key=lambda e: e[0] != decided)
    return Answer(number, question["domain"], question["asks"], decided, tuple((text, link) for _, text, link in found))


def _source(facts: Facts) -> Iterator[Evidence]:
    yield (UNKNOWN, f"Data: {facts.report.data}. Their design cannot be read from the data: the author must say.", "#tripod-5a")


def _included(facts: Facts) -> Iterator[Evidence]:
    limits = checklist("probast")["limits"]["excluded"]
    future = [c.reason for c in facts.card.question.criteria if c.window[1] > timedelta(0)]
    if future:
        yield (NO, f"A criterion looks past the moment of asking, so that the future chose who is in: {', '.join(future)}", "card.yaml")
    asked = facts.report.n + facts.unanswered
    share = facts.unanswered / asked
    text = f"{facts.unanswered} of {asked} who were asked ({100 * share:.1f} %) have no known truth and are left out"
    if share > limits["probably"]:
        yield (PROBABLY_NO, f"{text}: who gets the reference test may depend on what it would show", "#flow")
    elif share <= limits["surely"]:
        yield (YES, f"Everybody with the trigger is asked by the card's own rule; {text}", "#flow")
    else:
        yield (PROBABLY_YES, text, "#flow")


def _alike(facts: Facts) -> Iterator[Evidence]:
    limit = checklist("probast")["limits"]["missing_apart"]
    apart = []
    for p in facts.predictors:
        if abs(p.missing_with - p.missing_without) > limit:
            apart.append(
                f"{p.name} is missing in {100 * p.missing_with:.0f} % with and {100 * p.missing_without:.0f} % without the condition"
            )
        by = p.missing_by_site
        if by and max(by.values()) - min(by.values()) > limit:
            apart.append(f"{p.name} is missing in {100 * min(by.values()):.0f} % at one site and {100 * max(by.values()):.0f} % at another")
    if apart:
        yield (PROBABLY_NO, "Not measured alike: " + "; ".join(apart), "#inputs")
    yield (
        PROBABLY_YES,
        "The same code, unit, window and summary for every patient, by the card; conversion at intake by one table",
        "card.yaml",
    )


def _blind_predictors(facts: Facts) -> Iterator[Evidence]:
    own = facts.card.question
    shared = sorted({own.label} & {code for i in facts.card.inputs for code in i.codes})
    if shared:
        yield (NO, f"An input reads the code of the truth itself: {', '.join(shared)}", "card.yaml")
    if facts.dated and facts.leaks is not None:
        yield (
            YES,
            "Only events known at the moment of asking are read, and the truth lies after it; the leak check found no trace of the answer",
            "#leaks",
        )
    elif facts.leaks is not None:
        yield (
            PROBABLY_YES,
            "No input tells the answer better than honest measurements do; the data carry no dates, so the order is the author's word",
            "#leaks",
        )


def _at_hand(facts: Facts) -> Iterator[Evidence]:
    if facts.dated and facts.leaks is not None:
        yield (YES, "Every input was available by the moment of asking; the clocks were checked and nothing was found", "#leaks")
    elif not facts.dated:
        yield (UNKNOWN, f"The data carry no dates ({facts.report.period}): when an input was known is assumed", "#tripod-5b")


def _suitable(facts: Facts) -> Iterator[Evidence]:
    yield (
        UNKNOWN,
        f"The truth is {facts.card.question.label}: whether that is determined by a suitable method only the author can say",
        "card.yaml",
    )


def _standard(facts: Facts) -> Iterator[Evidence]:
    vocabulary = facts.card.question.label.split("//")[-2:][0]
    if vocabulary in ("LOINC", "SNOMED", "ICD10CM", "ICD9CM", "MEDS_DEATH") or facts.card.question.label == "MEDS_DEATH":
        yield (
            PROBABLY_YES,
            f"A code of a public terminology, fixed in version {facts.card.version} of the card: {facts.card.question.label}",
            "card.yaml",
        )
    else:
        yield (
            PROBABLY_YES,
            (
                f"Fixed in version {facts.card.version} of the card before the proof was made: {facts.card.question.label}, "
                f"{facts.card.condition}"
            ),
            "card.yaml",
        )


def _kept_out(facts: Facts) -> Iterator[Evidence]:
    shared = sorted({facts.card.question.label} & {code for i in facts.card.inputs for code in i.codes})
    if shared:
        yield (NO, f"The code of the truth is an input: {', '.join(shared)}", "card.yaml")
    elif facts.leaks is not None:
        yield (YES, "The code of the truth is no input, and no input was found that is named after the outcome or tells it", "#leaks")


def _outcome_alike(facts: Facts) -> Iterator[Evidence]:
    yield (YES, "One code and one window for every patient, by the card", "card.yaml")


def _blind_outcome(facts: Facts) -> Iterator[Evidence]:
    yield (
        UNKNOWN,
        "Whether those who determined the truth knew the inputs cannot be read from the data: the author must say",
        "#tripod-8c",
    )


def _interval(facts: Facts) -> Iterator[Evidence]:
    if facts.dated:
        yield (YES, "The truth is looked for in the card's window after the moment of asking, by the dates in the record", "card.yaml")
    else:
        yield (UNKNOWN, f"The data carry no dates ({facts.report.period}): the time between is assumed", "#tripod-5b")


def _enough(facts: Facts) -> Iterator[Evidence]:
    limits, s = checklist("probast")["limits"], facts.sample
    if s is None:
        return
    if facts.study == "development" and facts.report.development is not None:
        # Patients were held out: those proven on must be enough too.
        rarer, least = min(facts.report.events, facts.report.n - facts.report.events), limits["events_in_evaluation"]
        if rarer < least:
            yield (NO, f"{rarer} of the rarer outcome among those held out; {least} or more are asked of an evaluation", "#size")
    if facts.study != "development":
        least = limits["events_in_evaluation"]
        answer = YES if s.events >= least else NO
        yield (answer, f"{s.events} of the rarer outcome; {least} or more are asked of an evaluation", "#size")
        return
    kind = "flexible" if facts.report.learner in limits["flexible"] else "regression"
    enough, some = limits["events_per_parameter"][kind]["surely"], limits["events_per_parameter"][kind]["probably"]
    text = (
        f"{s.per_parameter:.1f} events per parameter ({s.events} of the rarer outcome, {s.parameters} "
        f"inputs); {enough} are asked of a {'flexible learner' if kind == 'flexible' else 'regression'}"
    )
    if s.per_parameter >= enough:
        yield (YES, text, "#size")
    elif s.per_parameter >= some:
        yield (PROBABLY_YES, f"{text}; what that costs shows in patients the model had not seen", "#size")
    else:
        yield (NO, f"{text}, and fewer than {some} are too few", "#size")


def _handled(facts: Facts) -> Iterator[Evidence]:
    cut = [p.name for p in facts.predictors if p.unit not in ("1", "") and p.distinct == 2]
    if cut:
        yield (
            PROBABLY_NO,
            f"Numbers with a unit that hold only two values, so that they seem to have been cut: {', '.join(cut)}",
            "#inputs",
        )
    if len(facts.report.comparisons) > 2:
        yield (
            YES,
            (
                f"Numbers are not cut into classes; curved relations were tried by {len(facts.report.comparisons)} "
                "learners under the same proof"
            ),
            "report.html",
        )
    else:
        yield (PROBABLY_YES, "Numbers are not cut into classes by us", "#inputs")


def _everybody(facts: Facts) -> Iterator[Evidence]:
    limits = checklist("probast")["limits"]["excluded"]
    share = facts.unanswered / (facts.report.n + facts.unanswered)
    answer = YES if share <= limits["surely"] else PROBABLY_YES if share <= limits["probably"] else NO
    yield (
        answer,
        f"{facts.report.n} analysed; {facts.unanswered} ({100 * share:.1f} %) left out because their truth is not known",
        "#flow",
    )


def _missing(facts: Facts) -> Iterator[Evidence]:
    limits = checklist("probast")["limits"]["missing"]
    most = max(facts.predictors, key=lambda p: p.missing, default=None)
    if most is None or most.missing <= limits["surely"]:
        yield (YES, f"No input is missing in more than {100 * (most.missing if most else 0):.1f} % of rows", "#inputs")
    elif most.missing <= limits["probably"]:
        yield (
            PROBABLY_YES,
            (
                f"At most {100 * most.missing:.0f} % missing ({most.name}); nobody is left out for "
                "it, and the proof handles it as the bedside does"
            ),
            "#inputs",
        )
    else:
        yield (PROBABLY_NO, f"{most.name} is missing in {100 * most.missing:.0f} % of rows", "#inputs")


def _selected(facts: Facts) -> Iterator[Evidence]:
    if facts.study == "adoption":
        yield (UNKNOWN, "How the inputs of a model made elsewhere were chosen only its author can say", "#tripod-9a")
    else:
        yield (YES, "The card lists the inputs; all of them enter the model", "card.yaml")


def _complex(facts: Facts) -> Iterator[Evidence]:
    lost = sum(n for reason, n in facts.excluded.items() if "record ends" in reason)
    share = lost / (facts.report.n + lost)
    if share > checklist("probast")["limits"]["excluded"]["surely"]:
        yield (PROBABLY_NO, f"{lost} ({100 * share:.1f} %) whose record ends early are left out, as if censoring told nothing", "#flow")
    several = facts.report.n > facts.patients
    how = "several rows of a patient stay on one side of every split and are drawn together" if several else "one row a patient"
    yield (PROBABLY_YES, f"{how}; {lost} left out as censored", "#flow")


def _measured(facts: Facts) -> Iterator[Evidence]:
    r = facts.report
    if not r.calibration or r.slope.low is None:
        yield (NO, "Calibration was not measured", "report.html")
    elif r.auroc.low is None:
        yield (PROBABLY_NO, "Discrimination has no interval", "report.html")
    else:
        yield (YES, "Discrimination, calibration (curve, slope, intercept), Brier score and net benefit, with intervals", "report.html")


def _optimism(facts: Facts) -> Iterator[Evidence]:
    both = sum(s.straddling for s in facts.splits)
    if both:
        yield (NO, f"{both} patients are learned from and proven on", "#splits")
    elif facts.study == "development":
        if facts.splits:
            yield (YES, f"{facts.report.proof}; no patient stands on both sides", "#splits")
        else:
            yield (NO, "No patients were held out", "#splits")
    elif facts.study == "adoption":
        yield (
            PROBABLY_YES,
            "Measured on patients other than those calibration was fitted on; whether the model's makers had seen them only the user knows",
            "#splits",
        )
    else:
        told = "The rows are not those the sealed model was trained on (their checksums differ); whether single patients were among them"
        yield (PROBABLY_YES, f"{told} only the user knows", "#splits")


def _final(facts: Facts) -> Iterator[Evidence]:
    how = (
        "taken in as it came; the wrapped file was held against it"
        if facts.study == "adoption"
        else "sealed only after its probabilities were equal to the learner's within 1e-5"
    )
    yield (YES, f"The file with SHA-256 {facts.report.model_sha256[:16]}… is the one reported, {how}", "model.onnx")


_RULES: Mapping[str, Callable[[Facts], Iterator[Evidence]]] = {
    "1.1": _source, "1.2": _included, "2.1": _alike, "2.2": _blind_predictors, "2.3": _at_hand, "3.1": _suitable, "3.2": _standard,
    "3.3": _kept_out, "3.4": _outcome_alike, "3.5": _blind_outcome, "3.6": _interval, "4.1": _enough, "4.2": _handled, "4.3": _everybody,
    "4.4": _missing, "4.5": _selected, "4.6": _complex, "4.7": _measured, "4.8": _optimism, "4.9": _final,
}  # fmt: skip


def _concern_participants(facts: Facts) -> tuple[str, str]:
    limit = checklist("probast")["limits"]["outside_population"]
    lacking = [s for s in facts.card.population.sexes if s not in facts.sexes]
    text = f"{100 * facts.outside_population:.1f} % of rows are outside the card's population or of unknown age or sex"
    if not facts.sexes or facts.ages is None:
        return UNCLEAR, f"The data do not say how old or of which sex the patients are; {text}"
    if lacking:
        return (
            HIGH,
            f"The card speaks for {' and '.join(facts.card.population.sexes)}, the data hold none of {' and '.join(lacking)}; {text}",
        )
    return (HIGH if facts.outside_population > limit else LOW), text


def _concern_predictors(facts: Facts) -> tuple[str, str]:
    limit = checklist("probast")["limits"]["missing"]["probably"]
    lacking = [p.name for p in facts.predictors if p.missing > limit]
    if lacking:
        return HIGH, f"In these data most rows lack {', '.join(lacking)}, which the card reads"
    if not facts.dated:
        return UNCLEAR, "The inputs are the card's; when each was known is assumed, because the data carry no dates"
    return LOW, "The inputs, their units and their windows are the card's"


def _concern_outcome(facts: Facts) -> tuple[str, str]:
    if not facts.dated:
        return UNCLEAR, "The outcome is the card's; its time is assumed, because the data carry no dates"
    return LOW, f"The outcome and its window are the card's: {facts.card.question.label}"


_CONCERNS: Mapping[str, Callable[[Facts], tuple[str, str]]] = {
    "participants": _concern_participants, "predictors": _concern_predictors, "outcome": _concern_outcome,
}  # fmt: skip
