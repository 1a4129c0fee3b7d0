"""Builds: which reference genome a file was made against, told by the lengths of its chromosomes or by its words."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from consilium.knowledge.shelf import FOLDER
from consilium.knowledge.table import read_yaml


@functools.cache
def _builds() -> Mapping[str, Any]:
    content: Mapping[str, Any] = read_yaml(FOLDER / "builds.yaml")
    return content


def build_of_lengths(contigs: Mapping[str, int]) -> str:
    """The build whose chromosomes have these lengths, or an empty string where none or several fit.

    Examples
    --------
    >>> build_of_lengths({"chr1": 248956422})
    'GRCh38'
    >>> build_of_lengths({"chr1": 0})
    ''
    """
    found = set()
    for name, length in contigs.items():
        bare = name.removeprefix("chr")
        found |= {build for build, lengths in _builds()["lengths"].items() if length and lengths.get(bare) == length}
    return found.pop() if len(found) == 1 else ""


def build_of_words(lines: Iterable[str]) -> str:
    """The build that header lines name, or an empty string where none or several are named.

    Examples
    --------
    >>> build_of_words(["##reference=file:///refs/hg19.fa"])
    'GRCh37'
    """
    text = "\n".join(lines).lower()
    found = {build for build, names in _builds()["names"].items() if any(name.lower() in text for name in names)}
    return found.pop() if len(found) == 1 else ""


def chromosome_lengths(build: str) -> Mapping[str, int]:
    """Length in bases of each chromosome of a build, by its name without `chr`.

    Examples
    --------
    >>> chromosome_lengths("GRCh38")["22"]
    50818468
    """
    lengths: Mapping[str, int] = _builds()["lengths"][build]
    return lengths


def accession_of(build: str, chromosome: str) -> str | None:
    """RefSeq accession of a chromosome of a build, None where there is none.

    Examples
    --------
    >>> accession_of("GRCh37", "chr17")
    'NC_000017.10'
    """
    bare = chromosome.removeprefix("chr")
    found: str | None = _builds()["accessions"][build].get("M" if bare == "MT" else bare)
    return found


def chromosome_of(accession: str) -> tuple[str, str] | None:
    """Build and chromosome of a RefSeq accession, None where it is no chromosome of a known build. That of mitochondria is of both builds.

    Examples
    --------
    >>> chromosome_of("NC_000017.11"), chromosome_of("NC_000017.1")
    (('GRCh38', '17'), None)
    """
    return next(
        ((build, name) for build, names in _builds()["accessions"].items() for name, own in names.items() if own == accession), None
    )
