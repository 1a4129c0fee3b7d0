"""Genome: what a genome file says of one person, for the terminal and as JSON."""

from __future__ import annotations

import io
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from consilium.core.inherited import InheritedVariant
from consilium.council.pharmacogenetics import guidance_words
from consilium.council.phrase import phrases
from consilium.genomics.diplotype import UNASSIGNED, Diplotype
from consilium.genomics.reading import Reading
from consilium.knowledge import shelf
from consilium.knowledge.drug_guidance import Guidance
from consilium.knowledge.inherited import combined
from consilium.knowledge.pharmacogenes import pharmacogenes
from consilium.render.inherited import never_computed, variant_lines
from consilium.render.polygenic import told
from consilium.render.words import words

POSSIBLE = 3
"""Other possibilities shown for a gene on the terminal; JSON has all."""


def genome_text(reading: Reading, *, language: str = "en", color: bool = True, width: int | None = None) -> str:
    """Write a reading for the terminal: one row for each gene, what was called first, what stays possible after it."""
    say = words(language, "genome").say
    out = io.StringIO()
    console = Console(file=out, width=width or 140, force_terminal=color, no_color=not color, highlight=False)
    console.print(Text(say("title", sample=reading.sample), style="bold"))
    console.print(Text(say("file", file=reading.file, build=reading.build, told_by=reading.told_by), style="dim"))
    if reading.absent_is_reference:
        console.print(Text(say("assumed"), style="yellow"))
    for breach in reading.breaches[:POSSIBLE]:
        console.print(Text(say("breach", line=breach.line, what=breach.what), style="yellow"))
    if len(reading.breaches) > POSSIBLE:
        console.print(Text(say("breaches", n=len(reading.breaches) - POSSIBLE), style="yellow"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("gene", "diplotype", "phenotype", "activity", "seen", "possible"):
        table.add_column(say(column), overflow="fold")
    for called in reading.genes:
        table.add_row(*_row(called, say))
    console.print(table)
    if reading.drugs:
        console.print(_drugs(reading, language, say))
    console.print(_variants(reading, language, say))
    if reading.scores:
        console.print(_scores(reading, language))
    console.print(Text(say("disclaimer"), style="dim"))
    return out.getvalue()


def genome_json(reading: Reading) -> bytes:
    """Everything a reading holds, as JSON; genes by name.

    For each gene: `diplotypes` (the best-fitting pairs), `phenotype`, `activity_score`, `distribution` and `phenotypes` with their
    probabilities, `missing` positions with the reason, `undocumented` sequences and `notes`.
    """
    genes = {}
    for called in reading.genes:
        raw = asdict(called)
        raw["activity_score"], raw["phenotype"] = raw.pop("score"), raw["phenotype"] or None
        raw["distribution"] = {share.name: share.probability for share in called.distribution}
        raw["phenotypes"] = {share.name: share.probability for share in called.phenotypes}
        genes[raw.pop("gene")] = raw
    content = {
        "file": reading.file,
        "sample": reading.sample,
        "build": reading.build,
        "told_by": reading.told_by,
        "absent_is_reference": reading.absent_is_reference,
        "breaches": [asdict(breach) for breach in reading.breaches],
        "genes": genes,
        "drugs": [
            {
                "drug": a.guidance.drug,
                "action": a.guidance.action,
                "dose": list(a.guidance.dose) if a.guidance.dose else None,
                "limit": {"value": a.guidance.limit[0], "unit": a.guidance.limit[1]} if a.guidance.limit else None,
                "monitor": a.guidance.monitor,
                "population": a.guidance.population or None,
                "because": dict(a.because),
                "probability": a.probability,
                "strength": a.guidance.strength or None,
                "pmid": list(a.guidance.pmid),
                "source": a.guidance.source,
            }
            for a in reading.drugs
        ],
        "variants": None
        if reading.looked is None
        else {**asdict(reading.looked), "findings": [_finding(v) for v in reading.looked.findings]},
        "scores": {
            found.scoring: {
                "sum": result.value,
                "refused": found.refused[0] or None,
                **asdict(found.reports[0]),
                "percentile": result.percentile,
                "risks": [asdict(risk) for risk in result.risks],
                "withheld": list(result.withheld),
            }
            for found, result in zip(reading.scores, reading.polygenic, strict=True)
        },
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"


def _row(called: Diplotype, say: Any) -> tuple[Text, ...]:
    gene = pharmacogenes()[called.gene]
    total = sum(not p.ignored for p in gene.positions)
    seen = total - len(called.missing)
    notes = "; ".join(say(f"note_{note}", n=len(called.missing), of=total) for note in called.notes if note != "missing")
    if not called.diplotypes:
        return Text(called.gene, "bold"), Text(say("not_called"), "yellow"), Text(""), Text(""), Text(f"{seen}/{total}"), Text(notes)
    shown = " | ".join(called.diplotypes[:POSSIBLE]) + (" …" if len(called.diplotypes) > POSSIBLE else "")
    means = called.phenotype or say("differs" if len(called.diplotypes) > 1 else "not_assigned")
    score = "" if called.score is None else f"{'≥' if called.at_least else ''}{called.score:g}"
    others = [s for s in called.phenotypes if s.name not in (called.phenotype, UNASSIGNED)]
    possible = ", ".join(f"{s.name} {_percent(s.probability)}" for s in others[:POSSIBLE])
    tail = "; ".join(part for part in (possible, notes) if part)
    return (
        Text(called.gene, "bold"),
        Text(shown),
        Text(means, "" if called.phenotype else "dim"),
        Text(score),
        Text("" if called.outside else f"{seen}/{total}", "yellow" if seen < total else ""),
        Text(tail, "dim"),
    )


def _finding(variant: InheritedVariant) -> dict[str, Any]:
    raw = {key: value for key, value in asdict(variant).items() if key not in ("time", "event_ids")}
    kind, points = combined(variant.criteria)
    return raw | {"criteria_alone": {"class": kind, "points": points}}


def _variants(reading: Reading, language: str, say: Any) -> Group:
    """The findings among the classified variants, and how many of each class are carried; or that nothing was looked up."""
    if reading.looked is None:
        return Group(Text(say("not_looked_up"), style="dim"))
    looked, voice = reading.looked, phrases(language, shelf())
    counts = ", ".join(f"{n} {voice.say(f'class_{name}')}" for name, n in looked.carried.items()) or "0"
    about = voice.say("variant_looked", source=looked.source, date=looked.date, build=looked.build, counts=counts)
    lines = [Text(about + ("" if looked.aligned else voice.say("variant_unaligned")))]
    if looked.filtered:
        lines.append(Text(say("filtered", n=looked.filtered), "yellow"))
    for line in variant_lines(looked.findings, datetime.now(UTC), shelf(), language):
        lines.append(Text(line.said, "bold red" if line.grave else "bold"))
        lines += [Text(f"  {line.condition}"), *(Text(f"  {caveat}") for caveat in line.caveats)]
        lines += [Text(f"  {told_}", "dim") for told_ in (*line.evidence, line.lacking) if told_]
    if looked.findings:
        lines.append(Text(never_computed(language), "dim"))
    if any(v.pathogenic for v in looked.findings):
        lines.append(Text(voice.say("variant_detail"), "bold"))
    return Group(*lines)


def _scores(reading: Reading, language: str) -> Group:
    """Each score with its facts and caveats, as a consultation says them."""
    lines = []
    for result in reading.polygenic:
        one = told(result, shelf(), words(language))
        lines.append(Text(one.said, "bold"))
        lines += [Text(f"  {fact}", "yellow" if result.value is None else "") for fact in one.facts]
        lines += [Text(f"  {caveat}", "dim") for caveat in one.caveats]
    return Group(*lines)


def _drugs(reading: Reading, language: str, say: Any) -> Table:
    """One row for each drug and piece of advice; what is only possible says how probable it is."""
    voice = phrases(language, shelf())
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("drug", "advice", "because", "by"):
        table.add_column(say(column), overflow="fold")
    for drug in dict.fromkeys(a.guidance.drug for a in reading.drugs):
        shown: dict[tuple[str, str], list[Guidance]] = {}
        for a in reading.drugs:
            if a.guidance.drug == drug:
                because = ", ".join(f"{gene} {means}" for gene, means in a.because.items() if means)
                key = (
                    guidance_words(a.guidance, voice),
                    because if a.probability == 1 else voice.say("possible_by", p=_percent(a.probability), why=because),
                )
                shown.setdefault(key, []).append(a.guidance)
        for i, ((what, because), rows) in enumerate(shown.items()):
            by = ", ".join(dict.fromkeys(f"{r.source.upper()}{f' ({r.strength})' if r.strength else ''}" for r in rows))
            strong = rows[0].action in ("avoid", "alternative")
            table.add_row(Text(drug if i == 0 else "", "bold"), Text(what, "red" if strong else ""), Text(because, "dim"), Text(by, "dim"))
    return table


def _percent(p: float) -> str:
    return f"{100 * p:.0f} %" if p >= 0.01 else "<1 %"
