"""Forms: which source reads which file, and which folder is one data set."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import consilium.sources
from consilium.core import Batch, Source
from consilium.core.errors import FormatError
from consilium.imaging.finding import Task
from consilium.intake import genomes, images
from consilium.intake.files import Address, Found
from consilium.intake.genomes import GenomeOrder
from consilium.sources import csv
from consilium.sources.unpacked import unpacked_name


@cache
def _sources() -> tuple[Any, ...]:
    own = [import_module(f"consilium.sources.{module.name}") for module in pkgutil.iter_modules(consilium.sources.__path__)]
    return (*(entry.load() for entry in entry_points(group="consilium.sources")), *own, genomes, images)


@cache
def forms() -> Mapping[str, Any]:
    """Every source by the suffixes it reads: the modules of `consilium.sources`, and those that other packages offer, and the
    molecular and the imaging laboratory.

    Examples
    --------
    >>> forms()[".ndjson"].__name__
    'consilium.sources.fhir'
    """
    return MappingProxyType({suffix: source for source in _sources() for suffix in getattr(source, "SUFFIXES", ())})


def is_dataset(folder: Path) -> bool:
    """Whether a folder is one data set, which a source reads as a whole (OMOP tables, a MEDS data set)."""
    return _of_folder(folder) is not None


def _of_folder(folder: Path) -> Any:
    recognising = (source for source in _sources() if hasattr(source, "recognises"))
    return next((source for source in recognising if source.recognises(folder)), None)


def reader(
    found: Found | Address,
    mapping: csv.Mapping | None,
    zone: str | None = None,
    genome: GenomeOrder | None = None,
    tasks: tuple[Task, ...] = (),
    retold: bool = False,
) -> Callable[[], Iterator[Batch]]:
    """What reads a file, data set folder or database.

    A file is read by the source of its suffix (`.gz` and `.zst` aside), or by the table source when the user named it with a mapping.
    `zone` is for sources whose material seldom says its time zone (HL7 v2, OMOP, DICOM), `genome` for VCFs, `tasks` and `retold` for
    images.

    Raises
    ------
    FormatError
        When no source reads such a file, or it is a table and there is no mapping.
    """
    source = _reading(found, mapping)
    if isinstance(found, Address):
        return partial(source.read, found.address, zone)
    suffix = _suffix(found)
    if source is None:
        raise FormatError(
            "No source reads such a file", where=found.name, found=suffix or "no suffix", expected=sorted(forms()),
            do="leave it out, or convert it to one of these",
        )  # fmt: skip
    if is_images(found):
        return partial(images.read, found.path, zone, tasks, retold)
    if zone is not None and getattr(source, "ZONED", False):
        return partial(source.read, found.path, zone)
    if is_genome(found):
        return partial(genomes.read, found.path, genome)
    if not getattr(source, "MAPPED", False):
        return partial(source.read, found.path)
    if mapping is None:
        raise FormatError("A table needs a mapping", where=found.name, do="give the YAML file that says what its columns mean")
    return partial(source.read, found.path, mapping)


def is_genome(found: Found | Address) -> bool:
    """Whether it is a VCF, or a folder of VCFs with a `samples.csv`: what is read by an order."""
    return isinstance(found, Found) and getattr(_reading(found, None), "GENOMES", False)


def is_images(found: Found | Address) -> bool:
    """Whether it is a file or folder of images, which tasks can be asked of."""
    return isinstance(found, Found) and getattr(_reading(found, None), "IMAGES", False)


def described(found: Found | Address, mapping: csv.Mapping | None, zone: str | None = None) -> Source:
    """Where a file or data set comes from, as its mapping or the data set itself says; by its name where neither does.

    `zone` is the one it was read with, for sources that say it.

    Raises
    ------
    FormatError
        When the data set says something about itself that cannot be.
    """
    source = _reading(found, mapping)
    if isinstance(found, Address):
        return cast(Source, source.about(found.address, zone))
    if mapping is not None and is_table(found, mapping):
        return mapping.source
    if not hasattr(source, "about"):
        return Source(found.name)
    return cast(Source, source.about(found.path, zone) if getattr(source, "ZONED", False) else source.about(found.path))


def rows(found: Address) -> int:
    """About how many rows a database holds.

    Raises
    ------
    InputError
        When it cannot be reached.
    """
    return int(_reading(found, None).rows(found.address))


def _reading(found: Found | Address, mapping: csv.Mapping | None) -> Any:
    if isinstance(found, Address):
        return next(source for source in _sources() if getattr(source, "ADDRESSED", False))
    if found.path.is_dir():
        return _of_folder(found.path)
    return csv if is_table(found, mapping) else forms().get(_suffix(found))


def is_table(found: Found, mapping: csv.Mapping | None) -> bool:
    """Whether a file is a table: by its suffix, because the mapping speaks of it by name, or because the user named it and gave a
    mapping and no other source reads it.
    """
    if found.path.is_dir():
        return False
    suffix = _suffix(found)
    if suffix in csv.SUFFIXES or mapping is None:
        return suffix in csv.SUFFIXES
    return mapping.speaks_of(found.path.name) or (found.named and suffix not in forms())


def _suffix(found: Found) -> str:
    return Path(unpacked_name(found.path)).suffix
