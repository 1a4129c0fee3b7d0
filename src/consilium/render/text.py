"""Text: a Consultation for the terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from consilium.core.advice import Advice
from consilium.core.consultation import Consultation
from consilium.core.opinion import Evidence, Opinion
from consilium.core.points import Points
from consilium.core.polygenic import PolygenicResult
from consilium.render.genes import gene_lines
from consilium.render.imaging import SeriesLines, image_lines
from consilium.render.inherited import Told, never_computed, variant_lines
from consilium.render.names import name, plain, title, titles_for
from consilium.render.numbers import day, interval, minute, natural, percent, span, total, weight
from consilium.render.polygenic import told
from consilium.render.reasons import SHOWN, finding, label, reasons, when
from consilium.render.words import Words, words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

BAR = 24
WIDTH = 100
MOST_WANTED = 8
"""What to ask or measure next, at most, unless more is required."""
_COLOUR = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_SIGN = {"critical": "!!", "warning": "! ", "info": "i "}


def text(
    consultation: Consultation,
    shelf: Shelf,
    *,
    color: bool = True,
    width: int | None = None,
    limit: int | None = SHOWN,
    titles: Mapping[str, str] | None = None,
) -> str:
    """Write a consultation for the terminal.

    Parameters
    ----------
    consultation : Consultation
        What to write, in its own language.
    shelf : Shelf
        Names of codes.
    color : bool
        Whether ANSI colours are used.
    width : int, optional
        Columns; 100 when not given.
    limit : int or None
        Pieces of evidence shown for each opinion, strongest first; None for all.
    titles : mapping of str to str, optional
        Titles of specialists by name.

    Returns
    -------
    str
        Lines that end in a newline; control characters in the patient's data are left out.
    """
    out = io.StringIO()
    console = Console(
        file=out,
        width=width or WIDTH,
        force_terminal=color,
        no_color=not color,
        highlight=False,
        color_system="standard" if color else None,
    )
    for part in _parts(consultation, shelf, words(consultation.language), limit, titles_for(consultation, shelf, titles)):
        console.print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _parts(c: Consultation, shelf: Shelf, words: Words, limit: int | None, titles: Mapping[str, str]) -> list[RenderableType]:
    head = Text(f"{words.say('consultation')} · {words.say('patient')} {plain(c.patient_id)}", style="bold")
    head.append(f" · {words.say('as_of', when=minute(c.as_of))}", style="not bold")
    parts: list[RenderableType] = [head, Text(words.say("disclaimer"), style="dim"), _rule(words.say("opinions"))]
    given = [o for o in c.opinions if o.abstained is None]
    if not given:
        parts.append(Text(words.say("no_opinions")))
    for rank, opinion in enumerate(given, 1):
        parts.append(_opinion(rank, opinion, shelf, words, limit, titles))
    silent = [(o.specialist, o.abstained) for o in c.opinions if o.abstained is not None]
    parts += _section(words.say("abstained"), [_line("○ ", title(who, titles), plain(why or "")) for who, why in silent])
    parts += _section(words.say("advice"), [Padding(_advice(a, words), (min(n, 1), 0, 0, 0)) for n, a in enumerate(c.advice)])
    parts += _section(words.say("genes"), _genes(c, shelf, words))
    lines = variant_lines(c.variants, c.as_of, shelf, c.language)
    parts += _section(words.say("inherited"), [*(_variant(line, words) for line in lines), *_never(c)])
    parts += _section(words.say("polygenic"), [_polygenic(result, shelf, words) for result in c.polygenic])
    parts += _section(words.say("imaging"), [_images(one, words) for one in image_lines(c, shelf)])
    parts += _section(words.say("scores"), [_points(points, words) for points in c.scores])
    shown = len(c.missing) if limit is None else max(MOST_WANTED, sum(m.required for m in c.missing))
    wanted = [
        _line(
            "? ",
            plain(m.name),
            f"{words.say('required' if m.required else 'optional')} · {title(m.specialist, titles)} · {plain(m.reason)}",
        )
        for m in c.missing[:shown]
    ]
    if len(c.missing) > shown:
        wanted.append(_line("  ", words.say("more", n=len(c.missing) - shown), ""))
    parts += _section(words.say("missing"), wanted)
    parts += _section(words.say("absent"), [_line("○ ", title(a.specialist, titles), plain(a.reason)) for a in c.absent])
    parts += _section(words.say("notes"), [_line("· ", plain(n), "") for n in c.notes])
    return parts


def _rule(heading: str) -> RenderableType:
    return Padding(Rule(Text(heading, style="bold"), align="left", style="dim"), (1, 0, 0, 0))


def _section(heading: str, lines: list[RenderableType]) -> list[RenderableType]:
    return [_rule(heading), *lines] if lines else []


def _line(sign: str, what: str, why: str) -> RenderableType:
    grid = Table.grid(padding=(0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    said = Text(what)
    if why:
        said.append(f"  {why}", style="dim")
    grid.add_row(sign, said)
    return grid


def _opinion(rank: int, o: Opinion, shelf: Shelf, words: Words, limit: int | None, titles: Mapping[str, str]) -> RenderableType:
    assert o.probability is not None and o.low is not None and o.high is not None
    line = Text(f"{rank}  ", style="bold")
    line.append(name(o.condition, shelf, words.language), style="bold")
    line.append(f"  {percent(o.probability, words)}  ", style="bold cyan")
    line.append_text(_bar(o.probability, o.low, o.high))
    line.append("  " + interval(o.low, o.high, words), style="dim")
    said = natural(o.probability, words) + (" · " + words.say("horizon", horizon=o.horizon) if o.horizon else "")
    found = reasons(o, limit)
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "left", "left", "left", "right"):
        table.add_column(justify=justify)
    for evidence in (*found.speaking_for, *found.speaking_against, *found.without_side):
        table.add_row(*_row(evidence, shelf, words))
    if found.more:
        table.add_row("", Text(words.say("more", n=found.more), style="dim"))
    if found.base is not None and found.base.weight is not None:
        table.add_row("", Text(words.say("base"), style="dim"), "", "", Text(weight(found.base.weight), style="dim"))
    who = title(o.specialist, titles)
    told = Text(said if who == name(o.condition, shelf, words.language) else f"{said} · {who}", style="dim")
    parts: list[RenderableType] = [told]
    if o.verdict is not None:
        parts.append(Text(plain(o.verdict.statement), style="bold"))
    if o.similar is not None:
        parts.append(Text(plain(o.similar.statement)))
    parts.append(table)
    if o.changes:
        parts += [Text(words.say("would_change"), style="bold"), *(_line("· ", plain(change.statement), "") for change in o.changes)]
    return Padding(Group(line, *(Padding(part, (0, 0, 0, 3)) for part in parts)), (min(rank - 1, 1), 0, 0, 0))


def _row(e: Evidence, shelf: Shelf, words: Words) -> tuple[RenderableType, ...]:
    sign, style = ("+", "red") if (e.weight or 0) > 0 else ("−", "green") if (e.weight or 0) < 0 else ("·", "dim")
    weighed = weight(e.weight) if e.weight is not None else ""
    return (
        Text(sign, style=style),
        Text(label(e, shelf, words.language)),
        Text(finding(e, shelf, words)),
        Text(day(at) if (at := when(e)) else ""),
        Text(weighed, style=style),
    )


def _bar(probability: float, low: float, high: float) -> Text:
    """The probability as a mark on a line from 0 to 1, its interval thick."""
    mark, first, last = (min(BAR - 1, int(x * BAR)) for x in (probability, low, high))
    bar = Text()
    for cell in range(BAR):
        if cell == mark:
            bar.append("●", style="bold cyan")
        else:
            bar.append("━" if first <= cell <= last else "─", style="cyan" if first <= cell <= last else "dim")
    return bar


def _points(points: Points, words: Words) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    for part in points.parts:
        said = "; ".join(
            plain(x) for x in (part.found, words.say("points_missing", names=", ".join(part.missing)) if part.missing else "") if x
        )
        grid.add_row(Text(span(part.least, part.greatest)), Text(f"{plain(part.name)}: {said}" if said else plain(part.name), style="dim"))
    head = Text(f"{plain(points.title)}  ", style="bold")
    head.append(total(points, words), style="bold cyan")
    cited = Text(plain(f"{words.say('source')}: {points.source.name} · {points.source.url}"), style="dim")
    return Padding(Group(head, Padding(Group(Text(plain(points.meaning)), grid, cited), (0, 0, 0, 3))), (0, 0, 1, 0))


def _genes(c: Consultation, shelf: Shelf, words: Words) -> list[RenderableType]:
    """Genes that something was said of; of the others how many there are."""
    lines = gene_lines(c, shelf)
    shown: list[RenderableType] = []
    for line in lines:
        if line.used:
            facts = (
                words.say("gene_seen", seen=line.seen) if line.seen else "",
                day(line.time) if line.time else "",
                words.say("gene_also", names=line.possible) if line.possible else "",
            )
            shown.append(_line("· ", plain(line.said), plain(" · ".join(fact for fact in facts if fact))))
    rest = sum(not line.used for line in lines)
    return [*shown, Text(words.say("genes_more", n=rest), style="dim")] if rest else shown


def _never(c: Consultation) -> list[RenderableType]:
    return [Text(never_computed(c.language), style="dim")] if c.variants else []


def _variant(line: Told, words: Words) -> RenderableType:
    head = Text(plain(line.said), style="bold red" if line.grave else "bold")
    if line.time:
        head.append(f"  {day(line.time)}", style="dim")
    parts = [Text(plain(line.condition)), *(Text(plain(caveat)) for caveat in line.caveats)]
    parts += [Text(plain(told_), style="dim") for told_ in (*line.evidence, line.lacking) if told_]
    return Group(head, Padding(Group(*parts), (0, 0, 0, 3)))


def _polygenic(result: PolygenicResult, shelf: Shelf, words: Words) -> RenderableType:
    one = told(result, shelf, words)
    facts = [Text(plain(fact)) for fact in one.facts] + [Text(plain(caveat), style="dim") for caveat in one.caveats]
    head = Text(plain(one.said), style="bold")
    if one.time:
        head.append(f"  {day(one.time)}", style="dim")
    return Group(head, Padding(Group(*facts), (0, 0, 0, 3)))


def _images(one: SeriesLines, words: Words) -> RenderableType:
    head = Text(plain(one.title), style="bold")
    if one.time:
        head.append(f"  {day(one.time)}", style="dim")
    facts = [_line("· ", f"{plain(t.said)} ({t.claimed})", plain("; ".join(t.facts))) for t in one.things]
    rest = [Text(words.say("imaging_phantom"), style="yellow")] if one.phantom else []
    rest += [Text(plain(note), style="dim") for note in one.notes]
    if one.more:
        rest.append(Text(words.say("imaging_more", n=one.more), style="dim"))
    if one.candidates:
        rest.append(Text(words.say("imaging_candidates"), style="dim"))
    if not facts:
        rest.append(Text(words.say("imaging_none"), style="dim"))
    return Group(head, Padding(Group(*facts, *rest), (0, 0, 0, 3)))


def _advice(a: Advice, words: Words) -> RenderableType:
    style = _COLOUR[a.urgency]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(Text(_SIGN[a.urgency], style=style), Text(f"{plain(a.summary)}  [{words.say(a.urgency)}]", style=style))
    if a.detail:
        grid.add_row("", Markdown("\n".join(plain(line) for line in a.detail.splitlines()), hyperlinks=False))
    for text_ in a.because:
        grid.add_row("", Text(f"{words.say('because')}: {plain(text_)}"))
    for text_ in a.contraindications:
        grid.add_row("", Text(f"{words.say('contraindications')}: {plain(text_)}", style="yellow"))
    cited = " · ".join(
        x
        for x in (f"{words.say('strength')}: {a.strength}" if a.strength else "", f"{words.say('source')}: {a.source.name}", a.source.url)
        if x
    )
    grid.add_row("", Text(plain(cited), style="dim"))
    return grid
