"""The command `consilium`: a verb for each act, from ingest to demo."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from consilium.cli import verbs
from consilium.core.errors import ConsiliumError, ExtraError, FormatError, InputError, TimeError

app = typer.Typer(
    name="consilium",
    help="From records to an explained consultation. Supports a clinician's judgement; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
out, err = Console(), Console(stderr=True)

RecordDir = Annotated[Path, typer.Option("--record", help="Folder of the record.")]
SiteDir = Annotated[
    Path | None, typer.Option("--site", help="Folder of this hospital's own calibrations, made by `consilium recalibrate`.")
]
DataPath = Annotated[Path | None, typer.Option("--data", help="File or unzipped folder that the specialist's data.yaml describes.")]


CardName = Annotated[str, typer.Argument(help="A name that `consilium roster` lists, a card.yaml, or the folder that holds one.")]
Into = Annotated[Path, typer.Option(help="Folder for one Parquet file a shard, or one file that ends in .parquet.")]
Workers = Annotated[int, typer.Option(help="Processes; each holds a part of a shard. On Spark, threads where none is running.", min=1)]


class Engine(StrEnum):
    """Where shards are worked on."""

    local = "local"
    spark = "spark"


class Split(StrEnum):
    """Parts of a record that share no patient."""

    train = "train"
    tuning = "tuning"
    held_out = "held_out"


class Build(StrEnum):
    """Genome builds that a VCF may be made against."""

    GRCh38 = "GRCh38"
    GRCh37 = "GRCh37"


class Sex(StrEnum):
    """Sexes that rates are given for."""

    F = "F"
    M = "M"


OfSample = Annotated[str | None, typer.Option("--sample", help="Of a VCF: which person, where the file holds several.")]
OfBuild = Annotated[Build | None, typer.Option("--build", help="Of a VCF: genome build, where the file does not say.")]
Absent = Annotated[bool, typer.Option("--absent-is-reference", help="Of a VCF: what the file does not mention is the reference.")]
OneX = Annotated[bool, typer.Option("--one-x", help="Of a VCF: the person has one X chromosome.")]
Outside = Annotated[list[str] | None, typer.Option("--outside", help="A diplotype called elsewhere, as CYP2D6=*1/*4; may be repeated.")]
Scoring = Annotated[list[Path] | None, typer.Option("--score", help="A scoring file of the PGS Catalog; may be repeated.")]
ClinVarDir = Annotated[
    Path | None, typer.Option("--clinvar", help="Of a VCF: a lookup of classified variants, made by `consilium clinvar`.")
]
Reference = Annotated[
    Path | None, typer.Option("--reference", help="FASTA of the reference genome, indexed: one spelling for insertions and deletions.")
]
Where = Annotated[Engine, typer.Option(help="On this machine, or on Spark (see docs/at-scale.md).")]
OfSplit = Annotated[Split | None, typer.Option(help="Only the patients of this split; everybody without it.")]


class Form(StrEnum):
    """Forms of a consultation."""

    text = "text"
    json = "json"
    fhir = "fhir"
    cards = "cards"
    html = "html"


class Listing(StrEnum):
    """Forms of a list of findings."""

    text = "text"
    json = "json"


class Scale(StrEnum):
    """Scales of labels."""

    nominal = "nominal"
    ordinal = "ordinal"
    interval = "interval"


class Language(StrEnum):
    """Languages of a consultation."""

    en = "en"
    zh = "zh"


def worded(act: Callable[..., Any]) -> Callable[..., Any]:
    """An error that we raise on purpose, or a path that cannot be used, ends in one paragraph and exit code 1, never in a traceback."""

    @functools.wraps(act)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return act(*args, **kwargs)
        except ConsiliumError as error:
            err.print(f"[bold red]{type(error).__name__}[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from error
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(1) from None
        except OSError as error:
            where = escape(str(error.filename or "the file system"))
            err.print(f"[bold red]{type(error).__name__}[/] {escape(error.strerror or str(error))} in {where}. "
                      "Check the path, its rights and the space that is left.", highlight=False, soft_wrap=True)  # fmt: skip
            raise typer.Exit(1) from error

    return wrapped


@app.command()
@worded
def ingest(
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders or patterns: FHIR R4, HL7 v2, OMOP, MEDS, DICOM, tables with --mapping, or VCF.")
    ],
    record: RecordDir,
    mapping: Annotated[
        str | None, typer.Option(help="YAML (file or folder) that says what a table's columns mean, or a shipped name: mimic_iv ...")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of local times in HL7 v2, OMOP and DICOM, as in Europe/Zurich.")] = None,
    checkpoint: Annotated[int | None, typer.Option(help="Keep what was read each time this many events wait.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Of DICOM: what to look for, as `consilium image` does; may be repeated.")] = None,
    patient: Annotated[str, typer.Option(help="Of a VCF: whose sample it is.")] = "",
    result_time: Annotated[
        str, typer.Option(help="Of a VCF: when the result was given; a date, a time with its zone, `file` (its header's date) or `now`.")
    ] = "",
    sample: OfSample = None,
    build: OfBuild = None,
    absent: Absent = False,
    one_x: OneX = False,
    outside: Outside = None,
    scoring: Scoring = None,
    clinvar_dir: ClinVarDir = None,
    reference: Reference = None,
) -> None:
    """Read exports into a record; every row becomes events or a named reject.

    Example: `consilium ingest exports/ --record ward`, or `consilium ingest mimic-iv-demo/ --record icu --mapping mimic_iv`, or
    `consilium ingest amara.vcf.gz --record ward --patient amara-okafor --result-time 2025-11-03`, or
    `consilium ingest genomes/ --record ward --clinvar clinvar-grch38` (a folder with a samples.csv), or
    `consilium ingest ct-folder/ --record ward --task lungs`
    """
    from consilium.cli.show import ingested, reading

    order = None
    if patient or result_time or sample or build or absent or one_x or outside or scoring or clinvar_dir or reference:
        order = verbs.genome_order(
            patient, result_time, outside=outside or (), scoring=scoring or (), sample=sample, build=build.value if build else "",
            absent_is_reference=absent, lone_x=one_x, clinvar=clinvar_dir, reference=reference,
        )  # fmt: skip
    with reading(err) as progress:
        made = verbs.ingest(
            paths, record, mapping=mapping, zone=zone, genome=order, tasks=task or (), checkpoint=checkpoint, progress=progress
        )
    ingested(out, made)


@app.command()
@worded
def cohort(
    card: CardName,
    record: RecordDir,
    into: Into,
    split: OfSplit = None,
    engine: Where = Engine.local,
    workers: Workers = 1,
) -> None:
    """Find who of a whole record is asked a card's question, when, and what the truth was. Killed and run again, it goes on.

    Example: `consilium cohort heart_disease --record ours --into cohort/`
    """
    from consilium.cli.show import over_shards, tabled

    with over_shards(err, "cohort") as progress:
        made = verbs.cohort(card, _part(record, split), into, workers=workers, engine=engine.value, progress=progress)
    tabled(out, made, into)


@app.command()
@worded
def features(
    card: CardName,
    record: RecordDir,
    into: Into,
    split: OfSplit = None,
    engine: Where = Engine.local,
    workers: Workers = 1,
) -> None:
    """Compute what a card's model sees of its whole cohort, with the label. Killed and run again, it goes on.

    Example: `consilium features heart_disease --record ours --into matrix/ --workers 4`
    """
    from consilium.cli.show import over_shards, tabled

    with over_shards(err, "features") as progress:
        made = verbs.features(card, _part(record, split), into, workers=workers, engine=engine.value, progress=progress)
    tabled(out, made, into)


@app.command()
@worded
def score(
    specialist: CardName,
    record: RecordDir,
    into: Into,
    as_of: Annotated[str, typer.Option(help="ISO time; by default each patient at the last moment known in the chart.")] = "",
    split: OfSplit = None,
    site: SiteDir = None,
    engine: Where = Engine.local,
    workers: Workers = 1,
) -> None:
    """Ask a seated specialist about every patient of a record. Killed and run again, it goes on.

    Example: `consilium score breast_mass --record ward --into scores.parquet`
    """
    from consilium.cli.show import over_shards, tabled

    at = moment(as_of) if as_of else None
    with over_shards(err, "scoring") as progress:
        made = verbs.score(
            specialist, _part(record, split), into, as_of=at, site=site, workers=workers, engine=engine.value, progress=progress
        )
    tabled(out, made, into)


@app.command()
@worded
def fit(
    specialist: Annotated[str, typer.Argument(help="A name that `consilium roster` lists, or a reader's, as splice_donor.")],
    record: Annotated[Path | None, typer.Option("--record", help="Folder of a record to learn from.")] = None,
    data: DataPath = None,
    into: Annotated[Path | None, typer.Option(help="Folder for model and report; by default the specialist's own.")] = None,
    despite_leaks: Annotated[
        bool, typer.Option("--despite-leaks", help="Fit although check-time finds leaks; the report names them.")
    ] = False,
) -> None:
    """Train a specialist, prove it on patients it has not seen, and write model, report and dossier.

    Example: `consilium fit breast_mass`, `consilium fit heart_disease --data uci_heart/`, or a reader of the molecular laboratory:
    `consilium fit splice_donor --data sequence.zip --into readers/splice_donor`, or the specialist of mammograms:
    `consilium fit breast_mammography --data CBIS-DDSM/`
    """
    from consilium.cli.show import left_out, reported, working

    verbs.need_training()
    from consilium.genomics.reader import names
    from consilium.imaging.mammogram import NAME as MAMMOGRAPHY
    from consilium.imaging.train_mammogram import REJECTS
    from consilium.specialists.card_file import read_card
    from consilium.specialists.fit import fit_and_prove
    from consilium.specialists.roster import folder_of

    if specialist in names():
        with working(err) as progress:
            page, report = verbs.fit_reader(specialist, data, into=into, progress=progress)
        reported(out, report, page)
        if not report.passes:
            raise typer.Exit(1)
        return
    if specialist == MAMMOGRAPHY:
        with working(err) as progress:
            page, report, rejects = verbs.fit_mammography(data, into=into, progress=progress)
        left_out(out, rejects, page.with_name(REJECTS))
        reported(out, report, page)
        if not report.passes:
            raise typer.Exit(1)
        return
    folder = folder_of(specialist)
    with working(err) as progress, verbs.training_data(folder, _given(record, data)) as (source, about):
        undated, limits = verbs.about_data(folder) if record is None else ("", ())
        card = read_card(folder / "card.yaml")
        _, report = fit_and_prove(
            card, source.events(), into or folder, about, limits=limits, undated=undated, home=folder, descriptions=verbs.described(source),
            despite_leaks=despite_leaks, progress=progress,
        )  # fmt: skip
    reported(out, report, (into or folder) / "report.html")
    if not report.passes:
        raise typer.Exit(1)


@app.command()
@worded
def validate(
    specialist: Annotated[str, typer.Argument(help="A seated specialist.")],
    record: Annotated[Path | None, typer.Option("--record", help="Folder of a record with the patients.")] = None,
    data: DataPath = None,
    into: Annotated[Path | None, typer.Option(help="Folder for report and dossier.")] = None,
) -> None:
    """Hold a seated specialist against patients it was not trained on; with --into, write report and dossier.

    Example: `consilium validate heart_disease --record ours --into report/`
    """
    from consilium.cli.show import reported
    from consilium.specialists.roster import folder_of

    folder = folder_of(specialist)
    verbs.need_training()
    with verbs.training_data(folder, _given(record, data)) as (source, _):
        undated = verbs.about_data(folder)[0] if record is None else ""
        report = verbs.validate(specialist, source, into=into, undated=undated)
    reported(out, report, into / "report.html" if into else None)
    if not report.passes:
        raise typer.Exit(1)


@app.command()
@worded
def adopt(
    model: Annotated[Path, typer.Argument(help="An ONNX file, of scikit-learn, PyTorch, TensorFlow, Keras or anything else.")],
    card: Annotated[Path, typer.Option(help="A card.yaml with `learner: onnx`; data.yaml may lie beside it.")],
    record: Annotated[Path | None, typer.Option("--record", help="Folder of a record with your patients.")] = None,
    data: DataPath = None,
    into: Annotated[Path, typer.Option(help="Home of your specialists; a folder is made in it.")] = Path("specialists"),
) -> None:
    """Give a model made elsewhere a seat: check it, calibrate it apart, prove it on your own patients, write report and dossier.

    Example: `consilium adopt model.onnx --card card.yaml --record ours --into specialists`; then set CONSILIUM_SPECIALISTS=specialists
    """
    from consilium.cli.show import reported, working

    if not card.is_file():
        raise FormatError("The card is not there", where=str(card))
    with working(err) as progress, verbs.training_data(card.parent, _given(record, data)) as (source, about):
        progress("adopting")
        undated, limits = verbs.about_data(card.parent) if record is None else ("", ())
        fitted, report = verbs.adopt(model, card, source, into=into, about=about, limits=limits, undated=undated)
    reported(out, report, fitted.folder / "report.html")
    if not report.passes:
        raise typer.Exit(1)


@app.command()
@worded
def drift(
    specialist: Annotated[str, typer.Argument(help="A seated specialist.")],
    record: RecordDir,
    json: Annotated[Path | None, typer.Option(help="Write everything compared to this file.")] = None,
) -> None:
    """After deployment: are these patients still like those the specialist was proven on, and do its risks still hold?

    Example: `consilium drift heart_disease --record ours`
    """
    import consilium
    from consilium.cli.show import drifted

    found = verbs.drift(specialist, consilium.open_record(record))
    if json:
        import orjson

        json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        err.print(f"written to {json}")
    drifted(out, found)
    if found.level == "act":
        raise typer.Exit(1)


@app.command()
@worded
def recalibrate(
    specialist: Annotated[str, typer.Argument(help="A seated specialist.")],
    record: Annotated[
        Path | None, typer.Option("--record", help="Folder of this hospital's record, with what came of its patients.")
    ] = None,
    data: DataPath = None,
    into: Annotated[
        Path, typer.Option(help="Folder for this hospital's calibrations; give it to consult, score, serve and roster as --site.")
    ] = Path("site"),
) -> None:
    """Put a specialist's calibration right for one hospital, from few of its own cases; the shipped model is never touched.

    Example: `consilium recalibrate heart_disease --record ours --into our-site`, then `consilium consult 42 --record ours --site our-site`
    """
    from consilium.cli.show import recalibrated
    from consilium.specialists.roster import folder_of

    verbs.need_training()
    with verbs.training_data(folder_of(specialist), _given(record, data)) as (source, _):
        recalibrated(out, specialist, verbs.recalibrate(specialist, source, into=into))


@app.command()
@worded
def consult(
    patient: Annotated[str, typer.Argument(help="The patient's identifier, as sent.")],
    record: RecordDir,
    as_of: Annotated[str, typer.Option(help="ISO time; by default the last thing known in the chart.")] = "",
    form: Annotated[Form, typer.Option("--format", help="How to show it.")] = Form.text,
    language: Annotated[Language, typer.Option("--lang", help="Language of the sentences.")] = Language.en,
    to: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of the terminal.")] = None,
    site: SiteDir = None,
) -> None:
    """Hear the council over one patient.

    Example: `consilium consult amara-okafor --record ward --format html --out amara.html`
    """
    import consilium

    chart = consilium.open_record(record)
    person = chart.patient(patient, as_of=moment(as_of) if as_of else None)
    heard = verbs.consult(person, language=language.value, site=site)
    shown = verbs.render(heard, person, form.value, displays=chart.descriptions(), color=to is None and out.is_terminal)
    if to:
        to.write_bytes(shown)
        err.print(f"written to {to}")
    else:
        sys.stdout.buffer.write(shown)
        sys.stdout.buffer.flush()


class Plain(StrEnum):
    """Forms of what is shown without a record."""

    text = "text"
    json = "json"


@app.command()
@worded
def genome(
    file: Annotated[Path, typer.Argument(help="A VCF (4.0 to 4.5), plain or bgzipped, with or without its index.")],
    sample: OfSample = None,
    build: OfBuild = None,
    absent: Absent = False,
    one_x: OneX = False,
    outside: Outside = None,
    scoring: Scoring = None,
    clinvar_dir: ClinVarDir = None,
    reference: Reference = None,
    age: Annotated[int | None, typer.Option(min=0, max=120, help="Age in years, for the risk that a score means.")] = None,
    sex: Annotated[Sex | None, typer.Option(help="Sex, for the risk that a score means.")] = None,
    form: Annotated[Plain, typer.Option("--format", help="How to show it.")] = Plain.text,
    language: Annotated[Language, typer.Option("--lang", help="Language of the words.")] = Language.en,
) -> None:
    """Read a genome without a record: diplotypes and phenotypes, classified variants, polygenic scores, and what stays uncertain.

    Example: `consilium genome amara.vcf.gz`, or `consilium genome cohort.vcf.gz --sample HG00276 --absent-is-reference --format json`, or
    `consilium genome amara.vcf.gz --score PGS000004_hmPOS_GRCh38.txt.gz --age 45 --sex F --clinvar clinvar-grch38`
    """
    from consilium.genomics.reading import read_genome
    from consilium.render.genome import genome_json, genome_text

    sent = verbs.outside_calls(outside or ())
    found = read_genome(
        file, sample, build=build.value if build else "", absent_is_reference=absent, lone_x=one_x, outside=sent, scoring=scoring or (),
        sex=sex.value if sex else None, age=age, clinvar=clinvar_dir, reference=reference,
    )  # fmt: skip
    shown = genome_json(found) if form is Plain.json else genome_text(found, language=language.value, color=out.is_terminal).encode()
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()


@app.command()
@worded
def image(
    paths: Annotated[list[str], typer.Argument(help="DICOM files or folders, PNG, JPEG, NPZ, or https://HOST/dicom-web/studies/UID.")],
    task: Annotated[list[str] | None, typer.Option(help="What to look for; may be repeated; by default all that fit.")] = None,
    form: Annotated[Plain, typer.Option("--format", help="How to show it.")] = Plain.text,
    to: Annotated[Path | None, typer.Option("--out", help="Folder for DICOM SEG, SR, capture, FHIR, STL, pictures.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Outlines to measure on the series: a DICOM SEG, or an NPZ of boolean arrays.")] = None,
    distance: Annotated[list[str] | None, typer.Option("--to", help="With --masks: measure distances to this one; repeatable.")] = None,
    spacing: Annotated[str, typer.Option(help="Of a picture: mm between rows and columns (and slices first), as 0.2,0.2.")] = "",
    modality: Annotated[str, typer.Option(help="Of a picture: DICOM's word, as US, DX or OP.")] = "",
    language: Annotated[Language, typer.Option("--lang", help="Language of the words.")] = Language.en,
) -> None:
    """Look at images without a record: findings with region and measurement, or why there are none.

    Example: `consilium image ct-folder/ --task lungs --out found/`, or `consilium image scan.png --spacing 0.2,0.2 --modality US`, or
    `consilium image ct-folder/ --masks liver.dcm --to "portal vein" --out plan/`
    """
    from consilium.cli.show import working

    with working(err) as progress:
        shown, rejects = verbs.image(
            paths, tasks=task or (), masks=masks, to=distance or (), form=form.value, out=to,
            spacing=spacing, modality=modality, language=language.value,
            color=out.is_terminal, progress=progress,
        )  # fmt: skip
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()
    if to is not None:
        err.print(f"written to {to}")
    if rejects:
        raise typer.Exit(1)


@app.command()
@worded
def clinvar(
    file: Annotated[Path, typer.Argument(help="ClinVar's VCF (clinvar.vcf.gz from NCBI, of October 2017 or later), plain or packed.")],
    into: Annotated[
        Path, typer.Option("--out", help="Folder for the lookup; an older lookup there is replaced when the new one is whole.")
    ],
    build: OfBuild = None,
    date: Annotated[str, typer.Option(help="Date of the classifications, where the file does not say, as 2026-01-03.")] = "",
    reference: Reference = None,
) -> None:
    """Make a lookup of classified variants from your own ClinVar file, for `genome` and `ingest`. None is shipped.

    Example: `consilium clinvar clinvar.vcf.gz --out clinvar-grch38`, then `consilium genome amara.vcf.gz --clinvar clinvar-grch38`
    """
    from consilium.cli.show import built, over_records
    from consilium.genomics.clinvar import build_clinvar
    from consilium.genomics.variant import Fasta

    genome = Fasta(reference, build.value if build else "") if reference else None
    with over_records(err, "reading") as progress:
        made = build_clinvar(file, into, build=build.value if build else "", date=date, reference=genome, progress=progress)
    built(out, made)


@app.command()
@worded
def hgvs(
    names: Annotated[list[str], typer.Argument(help="Names such as NC_000017.10:g.41246481T>C or NM_007294.3:c.68_69delAG.")],
    reference: Reference = None,
) -> None:
    """Read HGVS names: what they say, as the standard writes them, and for a chromosome the place in a VCF.

    Example: `consilium hgvs NC_000017.10:g.41246481T>C NP_009225.1:p.E23Vfs*17`
    """
    from consilium.cli.show import named
    from consilium.genomics.variant import Fasta

    named(out, names, Fasta(reference) if reference else None)


@app.command()
@worded
def dna(
    file: Annotated[Path, typer.Argument(help="FASTA (also gzipped), or one sequence as plain text.")],
    reader: Annotated[
        list[str] | None, typer.Option(help="splice_donor, splice_acceptor or promoter; may be repeated; all by default.")
    ] = None,
    both_strands: Annotated[bool, typer.Option("--both-strands", help="Read the other strand too.")] = False,
    prior: Annotated[
        float | None, typer.Option(help="How common a site is among the places read, as 0.002; as in training by default.")
    ] = None,
    least: Annotated[float, typer.Option(help="Least probability of a site that is shown.", min=0.0, max=1.0)] = 0.5,
    most: Annotated[int, typer.Option(help="Sites of a sequence at most, the most probable.", min=1)] = 50,
    form: Annotated[Plain, typer.Option("--format", help="How to show it.")] = Plain.text,
    language: Annotated[Language, typer.Option("--lang", help="Language of the words.")] = Language.en,
) -> None:
    """Where a DNA sequence is likely spliced or transcribed: place, probability with interval, and the bases that made it so.

    Example: `consilium dna gene.fasta --reader splice_donor --prior 0.002`
    """
    from consilium.genomics.dna import fasta
    from consilium.genomics.reader import names
    from consilium.genomics.reader import reader as reader_of
    from consilium.genomics.scan import scan
    from consilium.render.dna import dna_json, dna_text

    asked = [reader_of(name) for name in reader or names(material="dna")]
    found = []
    for name, sequence in fasta(file):
        fit = asked if reader else [each for each in asked if len(sequence) >= each.card.window]
        if not fit:
            raise InputError("A sequence is shorter than any window", where=name, found=len(sequence), do="give at least 60 bases")
        found += [(each, scan(each, name, sequence, both_strands=both_strands, prior=prior, least=least, most=most)) for each in fit]
    shown = dna_json(found) if form is Plain.json else dna_text(found, language=language.value, color=out.is_terminal).encode()
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()


@app.command()
@worded
def expression(
    file: Annotated[Path, typer.Argument(help="CSV (also gzipped): a row a sample, its name first, then a column a gene symbol.")],
    reference: Annotated[
        Path | None, typer.Option(help="The same of at least 30 samples of the same platform; by default the file itself.")
    ] = None,
    form: Annotated[Plain, typer.Option("--format", help="How to show it.")] = Plain.text,
    language: Annotated[Language, typer.Option("--lang", help="Language of the words.")] = Language.en,
) -> None:
    """What a tumour's gene expression says of its subtype: probability with interval, the genes behind it and those missing.

    Example: `consilium expression tumour.csv --reference our-platform.csv`
    """
    from consilium.genomics.expression import read_expression, read_profiles
    from consilium.genomics.reader import names
    from consilium.genomics.reader import reader as reader_of
    from consilium.render.expression import expression_json, expression_text

    asked = [reader_of(name) for name in names(material="expression")]
    profiles = read_profiles(file)
    usual = (profiles if reference is None else read_profiles(reference)).usual()
    found = [(each, read_expression(each, profiles, usual)) for each in asked]
    if form is Plain.json:
        shown = expression_json(found)
    else:
        shown = expression_text(found, language=language.value, color=out.is_terminal).encode()
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()


@app.command()
@worded
def tumour(
    disease: Annotated[str, typer.Argument(help="As 'Lung Adenocarcinoma' or 'Breast Cancer'; a wrong name lists them all.")],
    variant: Annotated[list[str] | None, typer.Option(help="As 'EGFR L858R' or 'ERBB2 amplification'; may be repeated.")] = None,
    vcf: Annotated[Path | None, typer.Option(help="Somatic calls on GRCh37.")] = None,
    sample: Annotated[str | None, typer.Option(help="Which sample of the VCF, where it holds several.")] = None,
    form: Annotated[Plain, typer.Option("--format", help="How to show it.")] = Plain.text,
    language: Annotated[Language, typer.Option("--lang", help="Language of the words.")] = Language.en,
) -> None:
    """What a tumour's variants speak for and against: therapies with evidence level, disease match and citation.

    Example: `consilium tumour "Lung Adenocarcinoma" --variant "EGFR L858R" --variant "EGFR T790M"`
    """
    from consilium.genomics.tumour import tumour_options
    from consilium.genomics.vcf import VariantFile
    from consilium.render.tumour import tumour_json, tumour_text

    if not variant and vcf is None:
        raise InputError("A tumour needs variants", do="give --variant or --vcf")
    found = tumour_options(disease, variant or (), VariantFile(vcf, sample) if vcf else None)
    shown = tumour_json(found) if form is Plain.json else tumour_text(found, language=language.value, color=out.is_terminal).encode()
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()


@app.command()
@worded
def quality(
    record: RecordDir,
    html: Annotated[Path | None, typer.Option(help="Write a page for people to this file.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write everything found to this file.")] = None,
    language: Annotated[Language, typer.Option("--lang", help="Language of the page and the terminal.")] = Language.en,
    workers: Annotated[int, typer.Option(help="Processes; each holds one shard at a time.", min=1)] = 1,
    labels: Annotated[
        str, typer.Option(help="A specialist: look for wrong labels of its question too (trains its learner on folds).")
    ] = "",
    ratings: Annotated[Path | None, typer.Option(help="CSV item,annotator,label: say how far annotators agree, too.")] = None,
    scale: Annotated[Scale, typer.Option(help="Scale of the labels in --ratings.")] = Scale.nominal,
) -> None:
    """Say what is wrong with the data of a record: units, times, contradictions, gaps, duplicates; and with its labels.

    Example: `consilium quality --record ward --html quality.html`, or with `--labels heart_disease --ratings ratings.csv`
    """
    import consilium
    from consilium.cli.show import doubted, over_shards, working
    from consilium.knowledge import shelf
    from consilium.quality import quality as look
    from consilium.quality.agreement import agreement, read_ratings
    from consilium.quality.form import json_bytes
    from consilium.quality.page import page

    chart = consilium.open_record(record)
    with over_shards(err, "looking") as progress:
        found = look(chart, workers=workers, progress=progress)
    if ratings:
        found = found.having(agreement(read_ratings(ratings), scale=scale.value))
    if labels:
        with working(err) as told:
            found = found.having(verbs.label_quality(chart, labels, progress=told))
    if html:
        html.write_text(page(found, shelf(), language=language.value, displays=chart.descriptions()), encoding="utf-8")
    if json:
        json.write_bytes(json_bytes(found))
    doubted(out, found, language.value)
    for written in (html, json):
        if written:
            err.print(f"written to {written}")


@app.command("check-time")
@worded
def check_time(
    specialist: Annotated[str, typer.Argument(help="A name that `consilium roster` lists; without one only the clock is looked at.")] = "",
    record: Annotated[Path | None, typer.Option("--record", help="Folder of the record.")] = None,
    data: DataPath = None,
    form: Annotated[Listing, typer.Option("--format", help="How to show it.")] = Listing.text,
    language: Annotated[Language, typer.Option("--lang", help="Language of what each finding means and what to do.")] = Language.en,
) -> None:
    """Look for leaks of time: the future, or the answer, in what a model is asked with. Exit code 1 when one is found.

    Example: `consilium check-time --record ward`, or `consilium check-time heart_disease --record ours --format json`
    """
    from consilium.cli.show import leaked, working
    from consilium.quality.form import leaks_bytes

    if not specialist and record is None:
        raise FormatError("There is nothing to look at", do="give --record, or a specialist whose data ship with a library")
    given = _given(record, data)
    with working(err) as progress:
        if specialist:
            with verbs.training_data(verbs.specialist_folder(specialist), given) as (source, _):
                progress("looking for leaks of time")
                report = verbs.check_time(source, specialist)
        else:
            progress("looking for leaks of time")
            report = verbs.check_time(given)
    if form is Listing.json:
        sys.stdout.buffer.write(leaks_bytes(report, language.value) + b"\n")
        sys.stdout.buffer.flush()
    else:
        leaked(out, report, language.value)
    if not report.passes:
        raise typer.Exit(1)


@app.command()
@worded
def serve(
    record: RecordDir,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    site: SiteDir = None,
    dicomweb: Annotated[str, typer.Option(help="Root of an image archive (DICOMweb), shown read-only under /dicom-web.")] = "",
    ohif: Annotated[Path | None, typer.Option(help="Folder `dist` of the viewer OHIF, which pages then lead to.")] = None,
) -> None:
    """Serve the record: patient list and consultations, CDS Hooks, JSON and FHIR; images too where there is an archive.

    Example: `consilium serve --record ward --port 8000`

    Example: `consilium serve --record ward --dicomweb http://127.0.0.1:8042/dicom-web --ohif ohif/dist`
    """
    err.print(f"consilium at http://{host}:{port} (Ctrl+C ends it). Supports a clinician's judgement; not a medical device.")
    verbs.serve(record, host=host, port=port, site=site, dicomweb=dicomweb, ohif=ohif)


@app.command()
@worded
def roster(site: SiteDir = None) -> None:
    """Who sits on the council and how good they are, and who stands outside and why.

    Example: `consilium roster`
    """
    from consilium.cli.show import seats

    seats(out, verbs.roster(site))


@app.command()
@worded
def demo(
    record: RecordDir = Path("ward-record"),
    and_serve: Annotated[bool, typer.Option("--serve", help="Open the service afterwards.")] = False,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Ingest the example ward of twelve invented patients, with genomes and (given the extra `imaging`) images, and consult over each.

    Example: `consilium demo --record ward-record --serve`
    """
    from consilium.cli.show import ingested, reading, rounds
    from consilium.genomics.clinvar import build_clinvar
    from consilium.intake.genomes import GenomeOrder

    ward = verbs.example_ward()
    try:
        images, tasks = verbs.ward_images(ward)
    except ExtraError as lacking:
        images, tasks = (), ()
        err.print(f"[yellow]The ward's images are left out.[/] {escape(str(lacking))}", highlight=False, soft_wrap=True)
    with reading(err) as progress, TemporaryDirectory() as aside:
        lookup = build_clinvar(ward / "genomes" / "clinvar-2016-09-10.vcf", Path(aside) / "lookup").folder
        made = verbs.ingest(
            [ward / "*.json", ward / "genomes", *images], record, genome=GenomeOrder(clinvar=lookup), tasks=tasks, retold=True,
            progress=progress,
        )  # fmt: skip
    ingested(out, made)
    rounds(out, made)
    if and_serve:
        serve(record=record, host="127.0.0.1", port=port)


def moment(text: str) -> datetime:
    """An ISO time as UTC without zone; a time without zone is taken as UTC, as the help says nothing else can be known.

    Raises
    ------
    TimeError
        When the text is no ISO time.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise TimeError("The moment of asking cannot be read", found=text, expected="an ISO time such as 2026-01-03T08:00") from error
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def _part(record: Path, split: Split | None) -> Any:
    import consilium

    chart = consilium.open_record(record)
    return chart if split is None else getattr(chart, split.value)


def _given(record: Path | None, data: Path | None) -> Any:
    import consilium

    if record and data:
        raise FormatError("Give either --record or --data, not both")
    if data is not None and not data.exists():
        raise FormatError("The data are not there", where=str(data))
    return consilium.open_record(record) if record else data


if __name__ == "__main__":
    app()
