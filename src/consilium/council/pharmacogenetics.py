"""Pharmacogenetics: the drugs that a patient takes against the patient's genes, and the genes that should be known and are not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from consilium.core.advice import SUMMARY_LIMIT, Advice
from consilium.core.consultation import Missing
from consilium.core.gene import GeneResult
from consilium.council.chart import Chart, Drug
from consilium.council.phrase import Phrases
from consilium.council.quantity import percent, since
from consilium.knowledge import Shelf
from consilium.knowledge.drug_advice import DrugAdvice, drug_advice, likelihoods
from consilium.knowledge.drug_guidance import ACTIONS, STRONG, Guidance, drug_guidance

NAME = "pharmacogenetics"
"""By what name it asks for what is missing."""
URGENCY = {"avoid": "critical", "alternative": "warning", "increase": "warning", "reduce": "warning", "limit": "warning"}
"""How loudly an action is said that follows from a called genotype; the others are information."""
AGAINST = ("avoid", "alternative")
CERTAIN, RAISED = 0.995, 0.1
"""Above the first a genotype is not called uncertain; from the second on what is only possible is a warning."""

LONG = 40
"""Letters of a diplotype that are too many to be read beside its phenotype."""


def gene_advice(chart: Chart, shelf: Shelf, phrases: Phrases) -> Iterable[Advice]:
    """One piece of advice for each drug and gene: what holds for the called genotype, and what may hold for another possible one."""
    by_gene = {result.gene: result for result in chart.genes}
    for ingredient, drug in _taken(chart).items():
        rows = _rows(ingredient, chart, shelf)
        grouped: dict[tuple[tuple[str, ...], bool], list[DrugAdvice]] = {}
        for found in drug_advice(chart.genes, rows):
            grouped.setdefault((tuple(found.because), found.probability == 1), []).append(found)
        for (names, certain), advised in grouped.items():
            results = [by_gene[name] for name in names if name in by_gene]
            yield _advice(ingredient, drug, results, advised, certain, shelf, phrases)


def genes_wanted(chart: Chart, shelf: Shelf, phrases: Phrases) -> tuple[Missing, ...]:
    """Genes that are not known although a strong recommendation, or a test that the drug's label asks for, rests on them."""
    known = {result.gene for result in chart.genes if result.phenotype or len(result.diplotypes) == 1}
    tried = {result.gene for result in chart.genes}
    wanted: dict[str, Missing] = {}
    for ingredient in _taken(chart):
        asked = {g for row in _rows(ingredient, chart, shelf) if row.strength == STRONG for g, _ in row.genes}
        label = {gene for drug, gene in shelf.genes.tested if drug == ingredient}
        for gene in sorted((asked | label) - known):
            reason = phrases.say("gene_label" if gene in label else "gene_strong", drug=shelf.drugs.name(ingredient, phrases.language))
            if gene in tried:
                reason = phrases.say("gene_tried", reason=reason)
            code = f"GENOTYPE//{shelf.genes.code_of[gene]}"
            before = wanted.get(gene)
            wanted[gene] = Missing(
                phrases.say("gene_test", gene=gene), code, "", NAME, gene in label or bool(before and before.required),
                reason if before is None else f"{before.reason}{phrases.say('semicolon')}{reason}",
            )  # fmt: skip
    return tuple(wanted.values())


def guidance_words(row: Guidance, phrases: Phrases) -> str:
    """A guideline row as one phrase, composed from its structure."""
    parts = [phrases.say(f"do_{row.action}")]
    if row.dose:
        least, most = (f"{100 * x:g}" for x in row.dose)
        dose = phrases.say("dose_one", share=least) if least == most else phrases.say("dose_range", least=least, most=most)
        parts.append(phrases.say("if_needed", dose=dose) if row.action in AGAINST else dose)
    if row.limit:
        parts.append(phrases.say("dose_limit", value=f"{row.limit[0]:g}", unit=row.limit[1]))
    if row.monitor and row.action != "monitor":
        parts.append(phrases.say("do_monitor_too"))
    words = phrases.say("semicolon").join(parts)
    if row.population not in ("", "general"):
        named = phrases.shelf.genes.populations.get(row.population)
        told = row.population if named is None else named.name_zh if phrases.language == "zh" else named.name
        words += f" [{told}]"
    return words


def gene_words(result: GeneResult, phrases: Phrases) -> str:
    """A gene's result as one phrase: `CYP2C19 *2/*2, Poor Metabolizer`."""
    if not result.called:
        return phrases.say("gene_not_called", gene=result.gene)
    means = phrases.name(result.phenotype_code, result.phenotype) if result.phenotype else ""
    score = "" if result.score is None else phrases.say("gene_score", score=f"{'≥ ' if result.at_least else ''}{result.score:g}")
    pairs = " | ".join(result.diplotypes[:3])
    shown = "" if means and len(pairs) > LONG else pairs  # where an allele has no short name, the phenotype says it
    parts = [f"{result.gene} {shown}".strip(), means, score]
    return phrases.say("comma").join(part for part in parts if part)


def _taken(chart: Chart) -> dict[str, Drug]:
    taken: dict[str, Drug] = {}
    for drug in chart.drugs:
        for ingredient in drug.ingredients:
            taken.setdefault(ingredient, drug)
    return taken


def _rows(ingredient: str, chart: Chart, shelf: Shelf) -> list[Guidance]:
    """The rows of a drug that may speak of somebody of this age and ask something."""
    people = shelf.genes.populations
    return [
        row
        for row in drug_guidance()
        if row.drug == ingredient and (row.population not in people or people[row.population].fits(chart.age))
    ]


def _advice(
    ingredient: str, drug: Drug, results: list[GeneResult], advised: list[DrugAdvice], certain: bool, shelf: Shelf, phrases: Phrases
) -> Advice:
    lead = max(advised, key=lambda a: (ACTIONS.index(a.guidance.action), a.probability, a.guidance.strength == STRONG))
    row, named = lead.guidance, shelf.drugs.name(ingredient, phrases.language)
    facts = [phrases.say("because_gene", gene=gene_words(r, phrases), date=f"{r.time:%Y-%m-%d}" if r.time else "?") for r in results]
    facts += [phrases.say("gene_unsure", gene=r.gene, percent=percent(p)) for r in results if certain and (p := _sure(r, row)) < CERTAIN]
    if not certain:
        facts.append(phrases.say("gene_other", gene=results[0].gene, percent=percent(lead.probability)))
    if certain:
        because = phrases.say("semicolon").join(gene_words(r, phrases) for r in results)
    else:
        because = phrases.say("gene_possible", gene=results[0].gene, percent=percent(lead.probability))
    lines: dict[str, None] = {}
    for a in sorted(advised, key=lambda a: -ACTIONS.index(a.guidance.action)):
        words = guidance_words(a.guidance, phrases)
        told = words if certain else phrases.say("possible_by", p=f"{percent(a.probability)} %", why=words)
        who = shelf.sources[a.guidance.source].name.partition(":")[0]
        graded = phrases.say("gene_graded", strength=_strength(a.guidance, phrases)) if a.guidance.strength else ""
        cited = f" (PMID {', '.join(a.guidance.pmid)})" if a.guidance.pmid else ""
        lines[f"- {who}{graded}: {told}{cited}"] = None
    return Advice(
        action="avoid" if certain and row.action in AGAINST else "review",
        target=drug.entry.code,
        summary=_summary(named, replace(row, population=""), because, phrases),
        detail="\n".join([*lines, "", phrases.say("gene_detail")]),
        strength=_strength(row, phrases) or phrases.say("strength_ungraded"),
        because=(_takes(drug, named, phrases), *facts),
        source=shelf.sources[row.source],
        urgency=_urgency(advised, row, lead.probability, certain),
        event_ids=(drug.entry.event_id, *(i for r in results for i in r.event_ids)),
    )


def _summary(named: str, row: Guidance, because: str, phrases: Phrases) -> str:
    """With the dose where there is room for it."""
    for action in (guidance_words(row, phrases), phrases.say(f"do_{row.action}")):
        said = phrases.say("gene_summary", drug=named, action=action, because=because)
        if len(said) < SUMMARY_LIMIT:
            return said
    return said[: SUMMARY_LIMIT - 2].rstrip() + "…"


def _urgency(advised: list[DrugAdvice], row: Guidance, probability: float, certain: bool) -> str:
    loud = URGENCY.get(row.action, "info")
    if not certain:
        return "warning" if loud != "info" and probability >= RAISED else "info"
    if loud == "critical" and not any(a.guidance.action == row.action and a.guidance.strength in (STRONG, "") for a in advised):
        return "warning"
    return loud


def _sure(result: GeneResult, row: Guidance) -> float:
    """How probable it is, by the distribution, that the row speaks of this person's genotype."""
    return likelihoods(result, [row]).get(row, 0.0) if len(result.distribution) > 1 and len(row.genes) == 1 else 1.0


def _strength(row: Guidance, phrases: Phrases) -> str:
    key = f"grade_{row.strength.lower().replace(' ', '_')}"
    return phrases.sentences.get(key, row.strength)


def _takes(drug: Drug, named: str, phrases: Phrases) -> str:
    if drug.entry.since is None:
        return phrases.say("because_drug_undated", name=named)
    return phrases.say("because_drug", name=named, date=since(drug.entry.since))
