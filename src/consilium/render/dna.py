"""DNA: what readers found in a sequence, for the terminal and as JSON."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import asdict

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consilium.genomics.reader import Reader
from consilium.genomics.scan import Scan
from consilium.render.words import words

BASES_SHOWN = 6


def dna_text(
    found: Iterable[tuple[Reader, Scan]], *, language: str = "en", color: bool = True, shown: int = BASES_SHOWN, width: int | None = None
) -> str:
    """Write scans for the terminal: place, probability with interval, and the bases that weigh most; then proof and limits."""
    say = words(language, "dna").say
    out = io.StringIO()
    console = Console(file=out, width=width or 140, force_terminal=color, no_color=not color, highlight=False)
    for reader, scan in found:
        facts = {"sequence": scan.sequence, "length": f"{scan.length:,}", "windows": f"{scan.windows:,}", "reader": say(scan.reader)}
        console.print(Text(say("title", **facts), style="bold"))
        if scan.sites:
            table = Table(box=None, pad_edge=False, header_style="dim")
            for column in ("place", "strand", "probability", "interval", "because"):
                table.add_column(say(column), justify="right" if column in ("place", "probability") else "left")
            for site in scan.sites:
                because = "  ".join(f"{b.base}{b.place} {b.weight:+.1f}".replace("-", "\N{MINUS SIGN}") for b in site.bases[:shown])
                numbers = f"{site.probability:.2f}", f"{site.low:.2f}-{site.high:.2f}"
                table.add_row(str(site.place), site.strand, *numbers, Text(because, style="dim"))
            console.print(table)
        elif scan.windows:
            console.print(say("none", least=scan.least))
        if scan.unread:
            console.print(Text(say("unread", n=f"{scan.unread:,}"), style="yellow"))
        if scan.prior is not None:
            console.print(Text(say("prior", prior=f"{scan.prior:.2%}"), style="dim"))
        elif scan.windows > 1:
            console.print(Text(say("usual", share=f"{scan.share:.0%}"), style="yellow"))
        proof, report = reader.report.auroc, reader.report
        edges = {"auroc": f"{proof.value:.3f}", "low": f"{proof.low or 0:.3f}", "high": f"{proof.high or 1:.3f}"}
        console.print(Text(say("proof", n=f"{report.n:,}", data=report.data, **edges), style="dim"))
        console.print(Text(say("not_for", said=reader.card.not_for.strip()), style="dim"))
        console.print()
    console.print(Text(say("disclaimer"), style="dim"))
    return out.getvalue()


def dna_json(found: Iterable[tuple[Reader, Scan]]) -> bytes:
    """Every scan with its sites and all their bases, and the version and checksum of the model, as JSON."""
    every = [{**asdict(scan), "version": reader.card.version, "model_sha256": reader.model.sha256} for reader, scan in found]
    return orjson.dumps(every, option=orjson.OPT_INDENT_2) + b"\n"
