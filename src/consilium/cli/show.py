"""Show: what the terminal sees of ingests, reports, the roster and the ward round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from consilium.core import Reject, Report
from consilium.core.report import Estimate
from consilium.intake import Progress as HowFar
from consilium.intake import latest
from consilium.quality import QualityReport, rules
from consilium.quality.leak_report import LeakReport
from consilium.quality.page import said
from consilium.record import Record, Tables
from consilium.specialists import Roster
from consilium.specialists.drift import DriftReport
from consilium.specialists.roster import PAGE

if TYPE_CHECKING:
    from consilium.genomics.clinvar import Built
    from consilium.genomics.variant import Fasta
    from consilium.specialists.recalibrate import Recalibrated


@contextmanager
def working(console: Console) -> Iterator[Callable[[str], None]]:
    """A spinner with the words of what is being done."""
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda words: bar.update(task, description=words)


@contextmanager
def reading(console: Console) -> Iterator[Callable[[HowFar], None]]:
    """A bar over the bytes of all files, with the name of the one at hand."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda at: bar.update(task, completed=at.bytes_done, total=at.bytes, description=at.file[-40:])


@contextmanager
def over_records(console: Console, words: str) -> Iterator[Callable[[int, int], None]]:
    """A bar over the records of one file."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(words, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def built(console: Console, made: Built) -> None:
    """What a lookup holds, and the words in its file that are not known here."""
    table = Table(title=f"Lookup in {made.folder}", title_justify="left", show_header=False)
    table.add_row("variants", f"{made.records:,}")
    for name, count in sorted(made.classes.items(), key=lambda item: -item[1]):
        table.add_row(f"  {name.replace('_', ' ')}", f"{count:,}")
    if made.no_sequence:
        table.add_row("[yellow]records that are no sequence, left out[/]", f"{made.no_sequence:,}")
    for words, count in sorted(made.unknown_words.items(), key=lambda item: -item[1])[:10]:
        table.add_row(f"[yellow]words not known here[/]: {escape(words)}", f"{count:,}")
    console.print(table)


def named(console: Console, names: list[str], reference: Fasta | None) -> None:
    """Each HGVS name as the standard writes it, and its place in a VCF; a name that cannot be read fails the whole."""
    from consilium.core.errors import InputError
    from consilium.genomics.hgvs import Protein, read_hgvs, to_vcf

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "change", "VCF"):
        table.add_column(column, overflow="fold")
    for text in names:
        found = read_hgvs(text)
        place = "a protein has none"
        if not isinstance(found, Protein):
            try:
                build, variant = to_vcf(found, reference)
                place = f"{build} {variant.chromosome}-{variant.start}-{variant.ref}-{variant.alt}"
            except InputError as refusal:
                place = f"{refusal.what}: {refusal.do}" if refusal.do else refusal.what
        table.add_row(escape(str(found)), found.change, escape(place))
    console.print(table)


def ingested(console: Console, record: Record) -> None:
    """What went where in the last ingest."""
    summary = latest(record)
    table = Table(title=f"Ingested into {record.path}", title_justify="left", show_header=False)
    counts = {
        "files read": summary.files,
        "files already in the record": summary.already,
        "files not read": summary.unread,
        "rows": summary.rows,
        "rows read": summary.read,
        "patients": summary.patients,
        "new events": summary.events,
        "duplicate events left out": summary.duplicates,
    }
    for name, count in counts.items():
        if count:
            table.add_row(name, f"{count:,}")
    for words, rejects in (("row not read", summary.rejects), ("part of a row not read", summary.parts)):
        for reason, count in sorted(rejects.items(), key=lambda item: (-item[1], item[0])):
            table.add_row(f"[yellow]{words}[/]: {escape(reason)}", f"{count:,}")
    console.print(table)


def left_out(console: Console, rejects: Sequence[Reject], page: Path) -> None:
    """Rows of a data set that could not be used, by reason, the first of each named."""
    by_reason: dict[str, list[Reject]] = {}
    for one in rejects:
        by_reason.setdefault(one.reason.partition(" (")[0], []).append(one)
    for these in sorted(by_reason.values(), key=len, reverse=True):
        first = f"{these[0].file} row {these[0].row}" + (f" and {len(these) - 1} more" if these[1:] else "")
        console.print(f"[yellow]Not used:[/] {escape(these[0].reason)}: {escape(first)}", highlight=False)
    if rejects:
        console.print(f"Each is named in {page}", highlight=False)


def reported(console: Console, report: Report, page: Path | None) -> None:
    """A report in one table, and the verdict."""
    table = Table(title=f"{report.card} {report.version}: {report.n} patients, {report.events} with the condition", title_justify="left")
    for column in ("learner", "AUROC", "AUPRC", "slope", "intercept", "Brier", "seconds"):
        table.add_column(column, justify="left" if column == "learner" else "right")
    for r in report.comparisons:
        mark = "[bold]" if r.learner == report.learner else ""
        numbers = [_estimate(e) for e in (r.auroc, r.auprc, r.slope, r.intercept, r.brier)]
        table.add_row(*(f"{mark}{cell}" for cell in (r.learner, *numbers, f"{r.seconds:.1f}")))
    if report.development:
        table.add_section()
        numbers = [_estimate(e) for e in (report.auroc, report.auprc, report.slope, report.intercept, report.brier)]
        table.add_row("[bold]held out", *numbers, "")
    console.print(table)
    if report.development:
        made = report.development
        console.print(f"Compared on {made.n} others ({made.events} with the condition, {made.period}): {made.proof}", highlight=False)
    for c in report.comparators:
        said = f"{_estimate(c.auroc)} against {_estimate(c.model)} of the model, {c.n} patients ({c.complete} with the whole score)"
        console.print(f"Comparator {c.score}: AUROC {said}", highlight=False)
    console.print(f"Proof: {report.proof}", highlight=False)
    for limit in report.limits:
        console.print(f"Limit: {limit}", highlight=False)
    if report.passes:
        console.print("[bold green]Meets the bar of its card.[/]")
    for short in report.shortfalls:
        console.print(f"[bold red]Falls short:[/] {short}", highlight=False)
    if page:
        console.print(f"Report: {page}", highlight=False)


@contextmanager
def over_shards(console: Console, words: str) -> Iterator[Callable[[int, int], None]]:
    """A bar over the shards of a record."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(words, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def tabled(console: Console, made: Tables, into: Path) -> None:
    """What was made of the shards of a record, and what was counted on the way."""
    console.print(f"{made.rows:,} rows in {into}", highlight=False, soft_wrap=True)
    if made.already == len(made.files):
        console.print("Nothing was left to do: an earlier run had finished it.")
    elif made.already:
        console.print(f"Gone on with: an earlier run had finished {made.already:,} shards.")
    table = Table(show_header=False)
    for reason, count in sorted(made.counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(escape(reason.replace("_", " ")), f"{count:,}")
    if made.counts:
        console.print(table)


def doubted(console: Console, report: QualityReport, language: str) -> None:
    """What is wrong with the data, worst first."""
    table = Table(title=f"{report.patients:,} patients, {report.events:,} events, {report.refused:,} refused", title_justify="left")
    for column in ("", "finding", "about", "how often", "what to do"):
        table.add_column(column, overflow="fold")
    colour = {"error": "red", "warning": "yellow", "note": "dim"}
    for f in report.findings:
        often = "\n".join([f"{f.count:,} of {f.of:,}", *said(f, language)])
        title = rules.checks()[f.check]["title"][language]
        table.add_row(f"[{colour[f.severity]}]{f.severity}[/]", title, escape(f.code), escape(often), escape(f.do[language]))
    console.print(table)
    if not report.findings:
        console.print("Nothing was found that the checks look for.")


def leaked(console: Console, report: LeakReport, language: str) -> None:
    """Where time leaks, what it means and what to do, and what could not be checked."""
    console.print(f"{report.events:,} events, {report.rows:,} moments of asking", highlight=False)
    for kind, own in groupby(report.findings, key=lambda f: f.kind):
        places = list(own)
        for f in places:
            console.print(
                f"[bold red]{kind}[/] in [bold]{escape(f.where)}[/] ({f.count:,}): {escape(f.detail.text(language))}", highlight=False
            )
            if f.examples:
                console.print(f"  [dim]{escape('; '.join(f.examples))}[/]", highlight=False)
        console.print(f"  {escape(places[0].means(language))}\n  [green]{escape(places[0].do(language))}[/]", highlight=False)
    for note in report.notes:
        console.print(f"[yellow]*[/] {escape(note.text(language))}", highlight=False)
    if report.passes:
        console.print("Nothing was found that the checks look for; docs/time-safety.md says what they cannot find.", highlight=False)


def recalibrated(console: Console, name: str, made: Recalibrated) -> None:
    """What was chosen for a site, and calibration before and after."""
    site = made.site
    line = f"intercept {site.intercept:+.2f}, slope {site.slope:.2f}"
    table = Table(title=f"{name} on {site.n} cases, {site.events} with the condition: {line}", title_justify="left")
    for column in ("", "slope", "intercept", "Brier"):
        table.add_column(column, justify="left" if not column else "right")
    rows = {"as shipped": made.before, "put right (cross-validated)": made.after}
    for what, measures in rows.items():
        if measures:
            table.add_row(what, *(_estimate(measures[key]) for key in ("slope", "intercept", "brier")))
    console.print(table)
    alone = {"none": "no change", "intercept": "another level", "slope": "another level and spread"}[site.called_for]
    console.print(f"Shrunk towards the model as shipped; by themselves these cases call for {alone} (closed test at 5 %).", highlight=False)
    if made.abstained:
        console.print(f"{made.abstained} cases were left out: the specialist abstains on them.", highlight=False)
    console.print(f"Written to {made.file}; the shipped model is untouched.", highlight=False)


def seats(console: Console, roster: Roster) -> None:
    """Who sits, how good, and who stands and why."""
    for s in roster.seated:
        card, report = s.seat.card, s.seat.report
        console.print(f"[bold]{s.name}[/] {card.version}: {card.title['en']}", highlight=False)
        console.print(
            f"  {card.learner}, proven on {report.n} patients: AUROC {_estimate(report.auroc)}, slope {_estimate(report.slope)}",
            highlight=False,
        )
        if s.model.site is not None:
            site = s.model.site
            console.print(f"  at this site: intercept {site.intercept:+.2f}, slope {site.slope:.2f} from {site.n} cases", highlight=False)
        console.print(
            f"  [green]for[/] {card.intended}\n  [red]not for[/] {card.not_for}\n  [dim]report {s.folder / PAGE}[/]\n", highlight=False
        )
    for standing in roster.standing:
        console.print(f"[yellow]Not seated:[/] {standing.name}: {standing.reason}", highlight=False)


def rounds(console: Console, record: Record) -> None:
    """The council over every patient of a record, a line each."""
    from consilium.cli.verbs import consult
    from consilium.council.quantity import percent

    table = Table(
        title="Ward round", title_justify="left", caption="consilium supports a clinician's judgement; it is not a medical device."
    )
    for column in ("patient", "as of", "opinions", "first advice", "more"):
        table.add_column(column)
    for patient_id, _ in record.patients():
        heard = consult(record.patient(patient_id))
        opinions = [
            f"{o.specialist} {percent(o.probability)} %" if o.probability is not None else f"{o.specialist} abstains"
            for o in heard.opinions
        ]
        colour = {"critical": "red", "warning": "yellow", "info": "default"}
        first = f"[{colour[heard.advice[0].urgency]}]{heard.advice[0].summary}[/]" if heard.advice else ""
        table.add_row(
            patient_id,
            f"{heard.as_of:%Y-%m-%d %H:%M}",
            "\n".join(opinions),
            first,
            f"+{len(heard.advice) - 1}" if len(heard.advice) > 1 else "",
        )
    console.print(table)
    console.print(f"One of them in full: consilium consult {record.patients()[0][0]} --record {record.path}", highlight=False)


def drifted(console: Console, found: DriftReport) -> None:
    """What changed since the proof, and whether the risks hold."""
    table = Table(title=f"{found.card}: {found.period[1]} against {found.period[0]}", title_justify="left")
    for column in ("", "level", "PSI", "KS", "chance", "missing then", "now"):
        table.add_column(column, justify="left" if column in ("", "level") else "right")
    colour = {"act": "red", "watch": "yellow", "stable": "green"}
    for s in found.shifts:
        level = f"[{colour.get(s.level, 'default')}]{s.level}[/]"
        shown = (f"{s.psi:.3f}", f"{s.distance:.3f}", f"{s.chance:.2g}") if s.level != "too few" else ("", "", "")
        table.add_row(escape(s.name), level, *shown, f"{100 * s.missing[0]:.1f} %", f"{100 * s.missing[1]:.1f} %")
    console.print(table)
    for sentence in found.sentences():
        console.print(escape(sentence), highlight=False)


def _estimate(e: Estimate) -> str:
    return f"{e.value:.3f}" + (f" ({e.low:.3f}–{e.high:.3f})" if e.low is not None and e.high is not None else "")
