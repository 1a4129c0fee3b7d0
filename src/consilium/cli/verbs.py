"""Verbs: the acts of consilium as Python functions - ingest, check_time, cohort, features, score, fit, validate, consult, roster, serve."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from consilium.core import Consultation, Patient, Report
from consilium.core.errors import ExtraError, InputError, NotFoundError

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from consilium.core import Card, Reject
    from consilium.imaging.finding import Task
    from consilium.intake.genomes import GenomeOrder
    from consilium.quality import Finding
    from consilium.quality.leak_report import LeakReport
    from consilium.record import Record, Tables, View
    from consilium.specialists import Roster
    from consilium.specialists.drift import DriftReport
    from consilium.specialists.fit import Fitted
    from consilium.specialists.recalibrate import Recalibrated

Paths = str | Path | Iterable[str | Path]
TRAINING_PACKAGES = ("sklearn", "lightgbm", "interpret", "onnx")
WARD_TASKS = ("lungs", "breast_ultrasound", "diabetic_retinopathy")
"""What is asked of the example ward's images."""


@dataclass(frozen=True, slots=True)
class Answer(Consultation):
    """A Consultation that prints as text."""

    def __str__(self) -> str:
        from consilium.knowledge import shelf
        from consilium.render.text import text

        return text(self, shelf(), color=False)


class HasEvents(Protocol):
    """A record, or a view of one."""

    def events(self) -> Iterator[pa.Table]:
        """Tables of events, all of a patient in one."""


def ingest(
    paths: Paths,
    into: str | Path,
    *,
    mapping: str | Path | None = None,
    zone: str | None = None,
    genome: GenomeOrder | None = None,
    tasks: Iterable[str] = (),
    retold: bool = False,
    checkpoint: int | None = None,
    progress: Callable[..., None] | None = None,
) -> Record:
    """Read exports into a record; every row becomes events or a named reject.

    Parameters
    ----------
    paths : path, glob pattern, folder, or several
        FHIR R4, HL7 v2, OMOP CDM, MEDS, DICOM, tables with `mapping`, or VCF with `genome`; `.gz` and `.zst` too.
    into : path
        Folder of the record; made when absent, added to when present.
    mapping : path or shipped name, optional
        What the columns of a table mean; `mimic_iv`, `nhamcs_ed`, `physionet2012` and `physionet2019` ship.
    zone : str, optional
        Time zone of local times in HL7 v2, OMOP and DICOM.
    genome : GenomeOrder, optional
        Whose sample a VCF is, and when its result was given; of a folder of VCFs, what they are read beside.
    tasks : iterable of str
        What the imaging laboratory looks for in DICOM series; see `consilium image`.
    retold : bool
        Whether the chart tells what happened earlier: what tasks saw then counts as known when the series was, not from now.
    checkpoint : int, optional
        Keep what was read each time this many events wait, so that a killed ingest goes on where it was.
    """
    from consilium.intake import ingest as read

    several = [paths] if isinstance(paths, (str, Path)) else list(paths)
    wanted = tuple(tasks)
    asked: tuple[Task, ...] = ()
    if wanted:
        from consilium.imaging.tasks import chosen
        from consilium.imaging.tasks import tasks as offered

        asked = chosen(wanted, offered())
    return read(
        [str(p) for p in several], Path(into), mapping=mapping, zone=zone, genome=genome, tasks=asked, retold=retold,
        checkpoint=checkpoint, progress=progress,
    )  # fmt: skip


def check_time(data: HasEvents, specialist: str | Path | Card | None = None) -> LeakReport:
    """Look for leaks of time: places where the future, or the answer, reaches what a model is asked with.

    Parameters
    ----------
    data : record or view
    specialist : str, path or Card, optional
        A specialist's name, or a card (or its file or folder): who is asked when, of what, what the answer is, and how it would be
        proven. Without it only the clock of each code is looked at.

    Returns
    -------
    LeakReport
        `findings`, and `notes` on what could not be checked; `.text()` for a terminal, `.passes` when nothing was found.
    """
    from consilium.quality.leak_sample import sample
    from consilium.quality.leaks import check_time as look
    from consilium.specialists.cases import cases
    from consilium.specialists.prove import splits

    card = card_of(specialist) if isinstance(specialist, (str, Path)) else specialist
    if card is None:
        return look(data, None)
    try:
        found = cases(card, sample(data)[0])
    except InputError:
        return look(data, card)  # nobody with, or nobody without the condition: the clock can still be looked at
    return look(data, card, (found.features.rows, found.y), splits(card, found))


def cohort(
    card: str | Path,
    record: Record | View,
    into: str | Path,
    *,
    workers: int = 1,
    engine: str = "local",
    progress: Callable[[int, int], None] | None = None,
) -> Tables:
    """Find who of a whole record is asked a card's question, when, and what the truth was; shard by shard, in bounded memory.

    Parameters
    ----------
    card : str or path
        A specialist's name, a `card.yaml`, or the folder that holds one.
    record : record or view
        `record.train` is a view.
    into : path
        A folder for one Parquet file a shard (`subject_id`, `as_of`, `label`), or one file that ends in `.parquet` (with the sender's
        `patient_id` as well). A run that was killed is run again with the same arguments and goes on.
    workers : int
        Processes; each holds a part of a shard.
    engine : str
        `local`, or `spark` (the extra `spark`).
    progress : callable, optional
        Told shards done, and shards in all.

    Returns
    -------
    Tables
        Its `counts` say who was left out, and why.
    """
    from consilium.record import cohort_of

    question = card_of(card).question
    return cohort_of(record, question, into, workers=workers, engine=engine, progress=progress)


def features(
    card: str | Path,
    record: Record | View,
    into: str | Path,
    *,
    workers: int = 1,
    engine: str = "local",
    progress: Callable[[int, int], None] | None = None,
) -> Tables:
    """Compute what a card's model would see of everybody its question is asked of, with the label; parameters as in `cohort`.

    Beside the columns of `cohort`, each input of the card has one (float32, its unit in the column's metadata), null where nothing
    was observed.
    """
    from consilium.record import features_of

    read = card_of(card)
    return features_of(record, read.inputs, read.question, into, workers=workers, engine=engine, progress=progress)


def score(
    specialist: str | Path,
    record: Record | View,
    into: str | Path,
    *,
    as_of: datetime | None = None,
    site: str | Path | None = None,
    workers: int = 1,
    engine: str = "local",
    progress: Callable[[int, int], None] | None = None,
) -> Tables:
    """Ask a seated specialist about every patient of a record; parameters as in `cohort`.

    Parameters
    ----------
    specialist : str or path
        A name that `roster` lists, or a folder with card, model and report.
    as_of : datetime, optional
        The moment of asking, UTC without zone; without it, each patient at the last moment known in the chart.
    site : path, optional
        Folder of calibrations for this hospital, as `recalibrate` writes them.

    Returns
    -------
    Tables
        `probability`, `low` and `high`, null where the specialist abstained or was not asked; `abstained` says why. The same as
        `consult` would say of each patient. Its `counts` say how many had which outcome.
    """
    from consilium.specialists.roster import seat
    from consilium.specialists.score import score as over

    at = Path(site) if site is not None else None
    seated = seat(specialist_folder(specialist), at)
    return over(record, seated, into, moments=as_of, site=at, workers=workers, engine=engine, progress=progress)


def card_of(name: str | Path) -> Card:
    """The card of a specialist, or the one in a file or folder.

    Raises
    ------
    NotFoundError
        When there is neither.
    CardError
        When the card breaks the card's rules.
    """
    from consilium.specialists.card_file import read_card

    path = Path(name)
    return read_card(path if path.is_file() else specialist_folder(name) / "card.yaml")


def specialist_folder(name: str | Path) -> Path:
    """The folder of a specialist, given by name, by its card or by itself."""
    from consilium.specialists.roster import folder_of

    own = Path(name)
    if own.is_file():
        return own.parent
    return own if (own / "card.yaml").is_file() else folder_of(str(name))


def label_quality(record: Record, specialist: str, *, progress: Callable[[str], None] = lambda _: None) -> Finding:
    """Look for wrong labels: answers to a specialist's question that its learner contradicts in patients it had not seen.

    Parameters
    ----------
    record : Record
    specialist : str
        A specialist's name; its card says the question, the inputs, the learner and the folds.
    progress : callable
        Told what is being fitted.
    """
    need_training()
    from consilium.specialists.card_file import read_card
    from consilium.specialists.doubt import doubted_labels
    from consilium.specialists.roster import folder_of

    people = {subject: patient for patient, subject in record.patients()}
    return doubted_labels(read_card(folder_of(specialist) / "card.yaml"), record.events(), people, progress)


def fit(name: str, data: HasEvents | None = None, *, into: str | Path | None = None, despite_leaks: bool = False) -> Fitted:
    """Train a specialist on a record (or a view of one), without proving it; see `validate`.

    Parameters
    ----------
    name : str
        A specialist's name.
    data : record or view, optional
        By default the data that its `data.yaml` says ships with a library.
    into : path, optional
        Folder for the model; a new temporary one by default.
    despite_leaks : bool
        Train although `check_time` finds leaks, which a person has looked at; they are then among the limits of every report.

    Raises
    ------
    LeakageError
        When the future, or the answer, has reached what the model is to learn from.
    """
    need_training()
    from consilium.specialists.card_file import read_card
    from consilium.specialists.fit import fit as train
    from consilium.specialists.roster import folder_of

    folder = folder_of(name)
    target = Path(into) if into else Path(tempfile.mkdtemp(prefix=f"consilium-{name}-"))
    with training_data(folder, data) as (source, about):
        card = read_card(folder / "card.yaml")
        return train(card, source.events(), target, about, descriptions=described(source), despite_leaks=despite_leaks)


def fit_reader(
    name: str, data: Path | None, *, into: str | Path | None = None, progress: Callable[[str], None] = lambda _: None
) -> tuple[Path, Report]:
    """Train and prove a reader of the molecular laboratory on the published set that its card names.

    Parameters
    ----------
    name : str
        A reader's name.
    data : Path
        The folder or zip archive that holds the set.
    into : path, optional
        Folder for model and report; by default the reader's own.

    Returns
    -------
    (Path, Report)
        The report's page, and the report.
    """
    need_training()
    from consilium.genomics.reader import CARD, HOME, PAGE, read_reader_card
    from consilium.specialists.reader_data import examples
    from consilium.specialists.reader_fit import fit_reader as train

    if data is None:
        raise InputError("A reader learns from a published set", where=name, do="give --data with the folder or zip archive that holds it")
    card = read_reader_card(HOME / name / CARD)
    given, held = examples(card, data)
    target = Path(into) if into else HOME / name
    return target / PAGE, train(card, given, target, held=held, progress=progress).report


def fit_mammography(
    data: Path | None, *, into: str | Path | None = None, progress: Callable[[str], None] = lambda _: None
) -> tuple[Path, Report, tuple[Reject, ...]]:
    """Train and prove the specialist of mammograms on a folder kept like CBIS-DDSM or VinDr-Mammo.

    Parameters
    ----------
    data : Path
        The folder.
    into : path, optional
        Folder for model and report; by default the specialist's own, or the one of its name in a home that `CONSILIUM_SPECIALISTS` names.
    progress : callable

    Returns
    -------
    (Path, Report, tuple of Reject)
        The report's page, the report, and rows of the data that could not be used.
    """
    need_training()
    from consilium.imaging.dicom import need_imaging
    from consilium.imaging.mammogram import NAME
    from consilium.imaging.specialist import PAGE, folder_of
    from consilium.imaging.train_mammogram import fit_mammography as train

    need_imaging()
    if data is None:
        raise InputError("It learns from a folder of mammograms", where=NAME, do="give --data with the folder of CBIS-DDSM or VinDr-Mammo")
    home = folder_of(NAME)
    target = Path(into) if into else home
    report, read = train(home, data, target, progress=progress)
    return target / PAGE, report, read.rejects


def validate(fitted: Fitted | str, data: HasEvents, *, into: str | Path | None = None, undated: str = "") -> Report:
    """Hold a trained specialist against patients it was not trained on.

    Parameters
    ----------
    fitted : Fitted or str
        What `fit` returned, or the name of a seated specialist.
    data : record or view
        The patients.
    into : path, optional
        Folder for report and dossier; made when absent.
    undated : str, optional
        Why the data carry no dates, when the moments of asking are assumed.
    """
    need_training()
    from consilium.specialists import fit as fitting
    from consilium.specialists.roster import folder_of, seat

    if isinstance(fitted, str):
        own = seat(folder_of(fitted))
        leaks = tuple(own.model.meta["extra"].get("leaks", ()))
        fitted = fitting.Fitted(own.seat.card, own.model, own.folder, own.seat.report.data, own.seat.report.data_fingerprint, leaks)
    return fitting.validate(
        fitted, data.events(), "the given record", undated=undated, descriptions=described(data), into=Path(into) if into else None
    )


def adopt(
    model: str | Path,
    card: str | Path,
    data: HasEvents,
    *,
    into: str | Path = "specialists",
    about: str = "the given record",
    limits: tuple[str, ...] = (),
    undated: str = "",
) -> tuple[Fitted, Report]:
    """Give an ONNX model made elsewhere a seat, calibrated apart and proven on your own patients; see `specialists.adopt`.

    Parameters
    ----------
    model, card : path
        The ONNX file, and its `card.yaml`.
    data : record or view
        Your patients, with answers.
    into : path
        Home of specialists; name it in `CONSILIUM_SPECIALISTS` to seat those in it.
    about, limits, undated
        What the data are called, what the reader must know of them, and why they carry no dates.
    """
    need_training()
    from consilium.specialists.adopt import adopt as take

    return take(Path(model), Path(card), data.events(), Path(into), about, limits=limits, undated=undated)


def drift(name: str, data: HasEvents) -> DriftReport:
    """Hold everybody whom a seated specialist would be asked about now against the patients it was proven on.

    Where the truth is already known, it is also said whether the risks still hold.

    Parameters
    ----------
    name : str
        A seated specialist.
    data : record or view
    """
    import pyarrow as pa

    from consilium.specialists.drift import drift_of
    from consilium.specialists.roster import folder_of, seat

    return drift_of(seat(folder_of(name)), pa.concat_tables(list(data.events())))


def recalibrate(name: str, data: HasEvents, *, into: str | Path) -> Recalibrated:
    """Put a seated specialist right for one hospital from its own cases, in `into/<name>.json`; the shipped model stays as it is.

    Parameters
    ----------
    name : str
        A seated specialist.
    data : record or view
        The hospital's patients, with what came of them.
    into : path
        Folder for site calibrations, given again as `site` to `consult`, `roster` and `serve`.
    """
    from consilium.specialists.recalibrate import recalibrate as put_right
    from consilium.specialists.roster import folder_of, seat

    return put_right(seat(folder_of(name)), data.events(), Path(into))


def consult(patient: Patient, *, language: str = "en", site: str | Path | None = None) -> Answer:
    """Hear the council over one patient; prints as text. `site` is a folder of this hospital's own calibrations."""
    from consilium.council import consult as hear

    heard = hear(patient, language=language, roster=roster(site))
    return Answer(**{f.name: getattr(heard, f.name) for f in fields(heard)})


def roster(site: str | Path | None = None) -> Roster:
    """Who sits on the council, and who stands outside and why. `site` is a folder of this hospital's own calibrations."""
    from consilium.specialists import roster as find

    return find(site=Path(site) if site else None)


def serve(
    record: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    site: str | Path | None = None,
    dicomweb: str = "",
    ohif: str | Path | None = None,
) -> None:
    """Serve the record's patients: page, CDS Hooks, JSON and FHIR.

    Parameters
    ----------
    record, host, port
        What is served, and where.
    site : path, optional
        A folder of this hospital's own calibrations.
    dicomweb : str
        Root of an image archive, which is then shown, read-only, under `/dicom-web`. The header that it asks of this service is taken from
        the environment, `CONSILIUM_DICOMWEB_AUTHORIZATION`.
    ohif : path, optional
        The folder `dist` of OHIF, the viewer that pages then lead to.
    """
    import uvicorn

    from consilium.serve import Archive, app

    seated = partial(roster, site)
    seated()
    archive = Archive(dicomweb, os.environ.get("CONSILIUM_DICOMWEB_AUTHORIZATION", "")) if dicomweb else None
    made = app(Path(record), roster=seated, archive=archive, ohif=None if ohif is None else Path(ohif))
    uvicorn.run(made, host=host, port=port, access_log=False, log_level="warning")


@contextmanager
def training_data(folder: Path, data: HasEvents | Path | None) -> Iterator[tuple[HasEvents, str]]:
    """The record a specialist learns from: one given, or one made from files by the folder's `data.yaml`."""
    import yaml

    mapping = folder / "data.yaml"
    said: dict[str, Any] = yaml.safe_load(mapping.read_text(encoding="utf-8")) if mapping.is_file() else {}
    if data is not None and not isinstance(data, Path):
        yield data, "the given record"
        return
    if "about" not in said:
        raise InputError("The specialist has no data.yaml", where=folder.name, do="give a record with --record")
    with tempfile.TemporaryDirectory(prefix="consilium-") as temporary:
        files = _files(data, said, Path(temporary))
        yield ingest(files, Path(temporary) / "record", mapping=said["about"].get("mapping", mapping)), said["name"]


def described(data: HasEvents) -> Mapping[str, str]:
    """What the codes of a record, or of a view of one, are called."""
    from consilium.record import Record, View

    record = data.record if isinstance(data, View) else data
    return record.descriptions() if isinstance(record, Record) else {}


def _files(data: Path | None, said: dict[str, Any], aside: Path) -> list[Path]:
    """The files to read: the one or those that `about.file` names, in the folder or archive given or in the library that ships it."""
    about = said["about"]
    if data is None:
        if "package" not in about:
            raise InputError(
                "The data do not ship with a library", where=said["name"], do=f"give them with --data ({said['source']['url']})"
            )
        from importlib.resources import files

        return [Path(str(files(about["package"]).joinpath(about["file"])))]
    if data.is_dir():
        names = about["file"] if isinstance(about["file"], list) else [about["file"]]
        found = [sorted(data.rglob(Path(name).name))[:1] for name in names]
        for place, name in enumerate(names):
            found[place] = found[place] or _unzipped(data, Path(name).name, aside)
        lacking = [name for name, paths in zip(names, found, strict=True) if not paths]
        if lacking:
            raise InputError("The folder does not hold the file", where=str(data), expected=lacking, do="unzip the data set first")
        return [path for paths in found for path in paths]
    return [data]


def _unzipped(folder: Path, name: str, aside: Path) -> list[Path]:
    """A file of that name out of the folder's archives, written aside under that name alone, whatever path the archive gives it."""
    import shutil
    import zipfile

    for archive in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(archive) as whole:
            for member in whole.infolist():
                if not member.is_dir() and member.filename.rpartition("/")[2] == name:
                    target = aside / name
                    with whole.open(member) as source, target.open("wb") as file:
                        shutil.copyfileobj(source, file)
                    return [target]
    return []


def need_training() -> None:
    """Say at once, and in words, that the training extra is needed.

    Raises
    ------
    ExtraError
        When a library that trains is not installed.
    """
    from importlib.util import find_spec

    lacking = [package for package in TRAINING_PACKAGES if find_spec(package) is None]
    if lacking:
        raise ExtraError(
            "Fitting and validating need the training extra", found=f"no {', '.join(lacking)}", do="run `pip install 'consilium[train]'`"
        )


def about_data(folder: Path) -> tuple[str, tuple[str, ...]]:
    """From a specialist's `data.yaml`: why its table has no dates (empty when it has), and what the reader must know of it."""
    import yaml

    mapping = folder / "data.yaml"
    said = yaml.safe_load(mapping.read_text(encoding="utf-8")) if mapping.is_file() else {}
    time = said.get("time", {})
    return time.get("reason", "") if "assume" in time else "", tuple(said.get("about", {}).get("limits", ()))


def render(
    consultation: Consultation, patient: Patient, form: str, *, displays: Mapping[str, str] | None = None, color: bool = False
) -> bytes:
    """A consultation as `text`, `json`, `fhir`, `cards` or `html` in UTF-8; `displays` are the names that codes were sent with."""
    import orjson

    from consilium.knowledge import shelf

    titles = {s.name: s.seat.card.title[consultation.language] for s in roster().seated}
    match form:
        case "text":
            from consilium.render.text import text

            return text(consultation, shelf(), color=color, titles=titles).encode()
        case "json":
            from consilium.render.json import json_bytes

            return json_bytes(consultation)
        case "fhir":
            from consilium.render.fhir import bundle

            return orjson.dumps(bundle(consultation, shelf(), titles=titles), option=orjson.OPT_INDENT_2)
        case "cards":
            from consilium.render.cards import cards

            return orjson.dumps(cards(consultation, shelf(), titles=titles), option=orjson.OPT_INDENT_2)
        case "html":
            from consilium.render.page import page

            return page(consultation, patient, shelf(), titles=titles, displays=displays).encode()
    raise InputError("A consultation has no such form", found=form, expected="text, json, fhir, cards or html")


def image(
    paths: Iterable[str],
    *,
    tasks: Iterable[str] = (),
    masks: Path | None = None,
    to: Iterable[str] = (),
    form: str = "text",
    out: Path | None = None,
    spacing: str = "",
    modality: str = "",
    language: str = "en",
    color: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[bytes, bool]:
    """Look at images without a record, and show what was seen; with `out`, write it as files too.

    With `masks` (a DICOM SEG or an NPZ) what is outlined there is measured, and its distance to the structures named in `to`.

    Returns
    -------
    (bytes, bool)
        What to show, and whether nothing at all could be read.

    Raises
    ------
    InputError
        When a path or the spacing cannot be used; `NotFoundError` when there is no such task.
    """
    from dataclasses import replace

    import numpy as np
    import orjson

    from consilium.imaging.dicomweb import fetched
    from consilium.imaging.export import export
    from consilium.imaging.look import Seen, look
    from consilium.imaging.planning import Planning
    from consilium.imaging.tasks import chosen
    from consilium.imaging.tasks import tasks as offered
    from consilium.render.image import image_bundle, image_json, image_text

    wanted = tuple(tasks)
    rejects: list[Reject] = []
    seen: list[Seen] = []
    files: list[Any] = []
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with fetched(paths, progress) as local:
        known = dict(offered())
        if masks is not None:
            known["planning"] = Planning(masks, tuple(to))
            wanted = (*wanted, "planning")
        asked = chosen(wanted, known)
        steps = _spacing(spacing)
        for number, one in enumerate(
            look(local, asked, spacing=steps, modality=modality, asked=bool(wanted), rejects=rejects, progress=progress)
        ):
            for reading in one.readings if out is not None else ():
                progress(f"writing {reading.task}")
                made = export(one, reading, out, f"{number + 1:02d}")[0] if reading.findings and out is not None else ()
                files.append((one, reading, made))
            # what is shown needs no pixels: one image is in memory at a time
            small = np.broadcast_to(one.volume.array.ravel()[:1].reshape((1,) * one.volume.array.ndim), one.volume.array.shape)
            seen.append(replace(one, volume=replace(one.volume, array=small)))
    if out is not None:
        (out / "report.json").write_bytes(image_json(seen, rejects))
        if any(one.series is not None for one, _, _ in files):
            (out / "fhir.json").write_bytes(orjson.dumps(image_bundle(files), option=orjson.OPT_INDENT_2))
    if form == "json":
        return image_json(seen, rejects), not seen
    return image_text(seen, rejects, known, language=language, color=color).encode(), not seen


def _spacing(text: str) -> tuple[float, ...] | None:
    if not text:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError("The spacing cannot be read", found=text, expected="millimetres as 0.2,0.2 or 2.5,0.7,0.7") from None


def example_ward() -> Path:
    """The folder of the twelve invented patients, in the package or in the source tree.

    Raises
    ------
    NotFoundError
        When neither has it.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "examples" / "ward", package.parents[1] / "examples" / "ward"):
        if folder.is_dir():
            return folder
    raise NotFoundError("The example ward is not installed", do="run from a checkout of consilium")


def ward_images(ward: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The synthetic images of the example ward, and the tasks that look at them.

    Raises
    ------
    ExtraError
        When the extra that reads images is not installed.
    """
    from consilium.imaging.dicom import need_imaging

    need_imaging()
    return (ward / "images",), WARD_TASKS


def genome_order(patient: str, result_time: str, *, outside: Iterable[str] = (), scoring: Iterable[Path] = (), **said: Any) -> GenomeOrder:
    """Whose sample a VCF is and what it is read beside, from the words of the command line.

    Without a patient and a time it is an order for folders, whose `samples.csv` says both; it may hold scores, lookup and reference.

    Raises
    ------
    InputError
        When the patient or the time is missing, and something is said of one person: neither is ever guessed.
    """
    from consilium.intake.genomes import GenomeOrder

    of_one = any(said.get(name) for name in ("sample", "build", "absent_is_reference", "lone_x")) or tuple(outside)
    if bool(patient) != bool(result_time) or (of_one and not patient):
        raise InputError(
            "A genome needs its patient and the time of its result", found=patient or result_time or "neither",
            do="give --patient and --result-time (a date, `file` for the date in the file's header, or `now`)",
        )  # fmt: skip
    return GenomeOrder(patient, result_time, outside=outside_calls(outside), scoring=tuple(scoring), **said)


def outside_calls(given: Iterable[str]) -> dict[str, str]:
    """Diplotypes called elsewhere, from words as `CYP2D6=*1/*4`.

    Raises
    ------
    InputError
        When a word is not of that form, or the gene is not one that is known.
    """
    from consilium.knowledge.pharmacogenes import pharmacogenes

    found = {}
    for word in given:
        gene, sign, diplotype = word.partition("=")
        if not sign or gene not in pharmacogenes():
            raise InputError(
                "An outside call cannot be read", found=word, expected="as CYP2D6=*1/*4", do=f"name one of {', '.join(pharmacogenes())}"
            )
        found[gene] = diplotype
    return found
