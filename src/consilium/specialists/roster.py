"""Roster: who sits on the council, and who stands outside and why."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from consilium.core.errors import CardError, ConsiliumError, NotFoundError
from consilium.core.seat import Seat
from consilium.models.home import homes as own_homes
from consilium.models.served import ServedModel
from consilium.specialists.card_file import read_card
from consilium.specialists.sight import names
from consilium.specialists.site_file import at_site, need_folder
from consilium.validation.report_file import read_report

HOME = Path(__file__).parent
MODEL, REPORT, PAGE, TREE, CARD_FILE, STREAM = "model.onnx", "report.json", "report.html", "tree.svg", "card.yaml", "stream.onnx"


@dataclass(frozen=True, slots=True)
class Specialist:
    """A seat, the model that speaks from it, and the folder they live in."""

    seat: Seat
    model: ServedModel
    folder: Path

    @property
    def name(self) -> str:
        """The card's name."""
        return self.seat.card.name

    @property
    def source(self) -> str:
        """Name, version and checksum of the model, and whether a site put it right."""
        at_site = ", recalibrated at this site" if self.model.site is not None else ""
        return f"{self.seat.card.name} {self.seat.card.version} ({self.model.sha256[:12]}{at_site})"


@dataclass(frozen=True, slots=True)
class Standing:
    """A specialist without a seat, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Roster:
    """All specialists found: those who may speak, and those who may not yet."""

    seated: tuple[Specialist, ...]
    standing: tuple[Standing, ...]


def folders(more: Iterable[Path] = ()) -> list[Path]:
    """Folders of all specialists: ours, those in `more`, those that other packages bring, and those in `CONSILIUM_SPECIALISTS`.

    The environment variable holds homes as `PATH` holds folders. The entry point `consilium.specialists` names a package or folder
    that is a home. A home holds specialist folders, one level deep.
    """
    homes = [HOME, *more, *own_homes()]
    for entry in entry_points(group="consilium.specialists"):
        module = entry.load()
        homes.extend(Path(p) for p in getattr(module, "__path__", ()))
    return sorted((card.parent for home in homes for card in home.glob(f"*/{CARD_FILE}")), key=lambda folder: folder.name)


def folder_of(name: str, more: Iterable[Path] = ()) -> Path:
    """The folder of one specialist.

    Raises
    ------
    NotFoundError
        When no specialist has that name; the message lists those there are.
    """
    found = {folder.name: folder for folder in folders(more)}
    if name not in found:
        raise NotFoundError("There is no such specialist", found=name, expected=", ".join(found) or "a folder with a card.yaml")
    return found[name]


def seat(folder: Path, site: Path | None = None) -> Specialist:
    """Seat one specialist, put right for the site where that folder holds a calibration of it.

    Raises
    ------
    ConsiliumError
        When the card, the model or the report is missing, damaged, of another version, or does not meet the bar.
    """
    card = read_card(folder / CARD_FILE)
    for needed in (MODEL, REPORT):
        if not (folder / needed).is_file():
            raise NotFoundError(f"There is no {needed} yet", where=folder.name, do=f"run `consilium fit {folder.name}`")
    report = read_report(folder / REPORT)
    model = ServedModel.load(folder / MODEL)
    if model.sha256 != report.model_sha256:
        raise CardError(
            "The model is not the one that the report proves", where=folder.name, found=model.sha256[:12], expected=report.model_sha256[:12]
        )
    expected = names(card)
    if tuple(model.names) != expected:
        raise CardError("The model reads other inputs than the card lists", where=folder.name, found=model.names, expected=expected)
    return Specialist(Seat(card, report), model if site is None else at_site(card.name, model, site), folder)


def roster(more: tuple[Path, ...] = (), site: Path | None = None) -> Roster:
    """Seat all specialists that have earned it; the rest stand, each with the reason.

    Parameters
    ----------
    more : tuple of Path
        Further homes to look in, each holding specialist folders.
    site : Path, optional
        Folder of this hospital's own calibrations, as `consilium recalibrate` wrote them.

    Raises
    ------
    NotFoundError
        When there is no such folder of calibrations.
    """
    if site is not None:
        need_folder(site)
    return _roster(tuple(more), site, _stamp(more, site))


def _stamp(more: Iterable[Path], site: Path | None = None) -> tuple[tuple[str, int], ...]:
    files = [folder / name for folder in folders(more) for name in (CARD_FILE, MODEL, REPORT)]
    files += sorted(site.glob("*.json")) if site else []
    return tuple((str(file), file.stat().st_mtime_ns) for file in files if file.is_file())


@functools.lru_cache(maxsize=4)
def _roster(more: tuple[Path, ...], site: Path | None, stamp: tuple[tuple[str, int], ...]) -> Roster:
    seated, standing = [], []
    for folder in folders(more):
        try:
            seated.append(seat(folder, site))
        except ConsiliumError as error:
            standing.append(Standing(folder.name, str(error)))
    return Roster(tuple(seated), tuple(standing))
