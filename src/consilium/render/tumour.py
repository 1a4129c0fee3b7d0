"""Tumour: what a tumour's variants speak for and against, for the terminal and as JSON."""

from __future__ import annotations

import io
from dataclasses import asdict

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consilium.genomics.tumour import OTHER, TumourOptions
from consilium.knowledge.tumour_evidence import tumour_diseases
from consilium.render.words import words

SHOWN = 25
"""Rows on the terminal; JSON has all."""


def tumour_text(found: TumourOptions, *, language: str = "en", color: bool = True, width: int | None = None) -> str:
    """Write the options for the terminal: level, variant, drugs, effect, disease and citation."""
    say = words(language, "tumour").say
    out = io.StringIO()
    console = Console(file=out, width=width or 140, force_terminal=color, no_color=not color, highlight=False)
    name = found.disease if language == "en" else tumour_diseases()[found.disease][1]
    console.print(Text(say("title", disease=name), style="bold"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("level", "variant", "effect", "drugs", "disease", "citation"):
        table.add_column(say(column), overflow="fold")
    for option in found.options[:SHOWN]:
        e = option.evidence
        kind = "against" if not e.supports else {"Sensitivity/Response": "sensitive", "Resistance": "resistant"}.get(e.effect, "reduced")
        stars = "*" * (e.rating or 0)
        drugs = say("together" if e.combination == "Combination" else "or").join(e.drugs)
        disease = e.disease if language == "en" else tumour_diseases()[e.disease][1]
        style = "dim" if option.disease_match == OTHER else {"sensitive": "green", "resistant": "red"}.get(kind, "yellow")
        cited = Text(f"{e.citation}; EID{e.evidence}", "dim")
        shown = Text(disease, style="dim")
        table.add_row(Text(f"{e.level} {stars}", "bold"), Text(option.variant), Text(say(kind), style), Text(drugs), shown, cited)
    console.print(table)
    if len(found.options) > SHOWN:
        console.print(Text(say("more", n=len(found.options) - SHOWN), style="dim"))
    for variant in found.unknown:
        console.print(Text(say("unknown", variant=variant), style="yellow"))
    console.print(Text(say("dated"), style="dim"))
    console.print(Text(say("disclaimer"), style="dim"))
    return out.getvalue()


def tumour_json(found: TumourOptions) -> bytes:
    """Every option with its evidence item, as JSON."""
    return orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2) + b"\n"
