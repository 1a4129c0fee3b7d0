"""Forms: which source reads which file."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

import consilium.sources
from consilium.core import Batch
from consilium.core.errors import FormatError
from consilium.intake.files import Found
from consilium.sources import csv


@cache
def forms() -> Mapping[str, Any]:
    """Every source by the suffixes it reads: the modules of `consilium.sources`, and those that other packages offer.

    Examples
    --------
    >>> forms()[".ndjson"].__name__
    'consilium.sources.fhir'
    """
    own = [import_module(f"consilium.sources.{module.name}") for module in pkgutil.iter_modules(consilium.sources.__path__)]
    offered = [entry.load() for entry in entry_points(group="consilium.sources")]
    return MappingProxyType({suffix: source for source in [*offered, *own] for suffix in getattr(source, "SUFFIXES", ())})


def reader(found: Found, mapping: csv.Mapping | None) -> Callable[[], Iterator[Batch]]:
    """What reads a file: the source of its suffix (`.gz` aside), or the table source for a file that the user named with a mapping.

    Raises
    ------
    FormatError
        When no source reads such a file, or it is a table and there is no mapping.
    """
    suffix = _suffix(found)
    source = csv if is_table(found, mapping) else forms().get(suffix)
    if source is None:
        raise FormatError(
            "No source reads such a file", where=found.name, found=suffix or "no suffix", expected=sorted(forms()),
            do="leave it out, or convert it to one of these",
        )  # fmt: skip
    if not getattr(source, "MAPPED", False):
        return partial(source.read, found.path)
    if mapping is None:
        raise FormatError("A table needs a mapping", where=found.name, do="give the YAML file that says what its columns mean")
    return partial(source.read, found.path, mapping)


def is_table(found: Found, mapping: csv.Mapping | None) -> bool:
    """Whether a file is a table: by its suffix, or because the user named it and gave a mapping and no other source reads it."""
    suffix = _suffix(found)
    return suffix in csv.SUFFIXES or (mapping is not None and found.named and suffix not in forms())


def _suffix(found: Found) -> str:
    return found.path.with_suffix("").suffix if found.path.suffix == ".gz" else found.path.suffix
