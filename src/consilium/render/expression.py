"""Expression: what readers said of expression profiles, for the terminal and as JSON."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import asdict

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consilium.genomics.expression import ProfileReading
from consilium.genomics.reader import Reader
from consilium.render.words import words

GENES_SHOWN = 4


def expression_text(
    found: Iterable[tuple[Reader, tuple[ProfileReading, ...]]], *, language: str = "en", color: bool = True, width: int | None = None
) -> str:
    """Write readings for the terminal: probability with interval, the genes that weigh most, those missing; then proof and limits."""
    say = words(language, "expression").say
    out = io.StringIO()
    console = Console(file=out, width=width or 140, force_terminal=color, no_color=not color, highlight=False)
    for reader, readings in found:
        console.print(Text(say("title", reader=reader.card.title[language], samples=len(readings)), style="bold"))
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("sample", "probability", "interval", "because"):
            table.add_column(say(column), overflow="fold")
        for one in readings:
            told = [f"{gene} {rank:.2f} {weight:+.1f}".replace("-", "\N{MINUS SIGN}") for gene, rank, weight in one.reasons[:GENES_SHOWN]]
            missing = [say("missing", genes=", ".join(one.missing))] if one.missing else []
            if one.probability is None or one.low is None or one.high is None:
                table.add_row(one.sample, "", "", Text("; ".join([say("abstains", why=one.abstained), *missing]), style="yellow"))
            else:
                numbers = f"{one.probability:.2f}", f"{one.low:.2f}-{one.high:.2f}"
                table.add_row(one.sample, *numbers, Text("  ".join([*told, *missing]), style="dim"))
        console.print(table)
        proof = reader.report.auroc
        edges = {"auroc": f"{proof.value:.3f}", "low": f"{proof.low or 0:.3f}", "high": f"{proof.high or 1:.3f}"}
        console.print(Text(say("proof", n=reader.report.n, data=reader.report.data, **edges), style="dim"))
        console.print(Text(say("not_for", said=reader.card.not_for.strip()), style="dim"))
        console.print()
    console.print(Text(say("disclaimer"), style="dim"))
    return out.getvalue()


def expression_json(found: Iterable[tuple[Reader, tuple[ProfileReading, ...]]]) -> bytes:
    """Every reading with all its reasons, and the version and checksum of the model, as JSON."""
    every = [
        {
            "reader": reader.card.name,
            "version": reader.card.version,
            "model_sha256": reader.model.sha256,
            "readings": list(map(asdict, readings)),
        }
        for reader, readings in found
    ]
    return orjson.dumps(every, option=orjson.OPT_INDENT_2) + b"\n"
