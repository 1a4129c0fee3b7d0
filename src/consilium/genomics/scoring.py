"""Scoring: a polygenic score's file, PGS Catalog format 1.0 or 2.0, harmonised or as its authors wrote it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.core.source import Source
from consilium.knowledge.pharmacogenes import BUILDS

MODELS = ("additive", "dominant", "recessive")
ALIASES = {"hg38": "GRCh38", "hg19": "GRCh37", "GRCh38": "GRCh38", "GRCh37": "GRCh37"}
CATALOG = "https://www.pgscatalog.org/score/"
LIMIT = 20_000_000
"""Rows of the largest score that is read."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One variant of a score.

    `other` and `frequency` (of the effect allele) are empty and None where the file does not say; `model` is `additive`, `dominant` or
    `recessive`; `written` is the weight as the file writes it.
    """

    chromosome: str
    start: int
    effect: str
    other: str
    weight: float
    written: str
    frequency: float | None = None
    model: str = "additive"
    id: str = ""


@dataclass(frozen=True, slots=True)
class Scoring:
    """A polygenic score: its variants on one genome build, and what could not be placed there.

    Parameters
    ----------
    id, name, trait : str
    build : str
        Of the coordinates.
    weights : tuple of Weight
        In the file's order.
    unplaced : mapping of str to int
        Rows that carry no usable variant, by reason.
    harmonised : bool
        Alleles are known to be written on the forward strand.
    source : Source
    """

    id: str
    name: str
    trait: str
    build: str
    weights: tuple[Weight, ...]
    unplaced: Mapping[str, int]
    harmonised: bool
    source: Source

    @property
    def total(self) -> int:
        """Variants of the score, placed or not."""
        return len(self.weights) + sum(self.unplaced.values())


def read_scoring(path: str | Path, build: str = "") -> Scoring:
    """Read a scoring file, plain or gzipped.

    Parameters
    ----------
    path : path
    build : str, optional
        The build wanted, `GRCh38` or `GRCh37`: harmonised coordinates are taken where the file has them for it.

    Raises
    ------
    NotFoundError
        No such file.
    FormatError
        Not a scoring file, a column is missing, a weight is not a number, or the build wanted is not in it.
    InputError
        The file does not say its build.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError("No such scoring file", where=str(path), do="check the path")
    about: dict[str, str] = {}
    weights, unplaced = [], dict[str, int]()
    with _open(path) as lines:
        try:
            number, header = _about(lines, about, path)
            place, used, harmonised = _columns(header, about, build, path)
            for number, line in enumerate(lines, number + 1):  # noqa: B020 - the count goes on where the header ended
                text = line.rstrip("\r\n")
                if not text.strip():
                    continue
                if number > LIMIT:
                    raise FormatError("A scoring file is larger than any that is read", where=path.name, expected=f"{LIMIT} rows")
                row = dict(zip(header, text.split("\t"), strict=False))
                found = _weight(row, place, f"{path.name} line {number}")
                if isinstance(found, str):
                    unplaced[found] = unplaced.get(found, 0) + 1
                else:
                    weights.append(found)
        except (OSError, EOFError, UnicodeDecodeError) as broken:
            raise FormatError("The scoring file is damaged", where=path.name, found=str(broken), do="download it again") from None
    if not weights:
        raise FormatError(
            "The scoring file holds no variant that can be placed", where=path.name, found=unplaced, do="take the harmonised file"
        )
    name = about.get("pgs_id") or path.name.split(".")[0]
    source = Source(
        about.get("citation") or name, about.get("pgs_name", ""), f"{CATALOG}{name}" if name.startswith("PGS") else "",
        about.get("HmPOS_date", ""), about.get("license", ""),
    )  # fmt: skip
    return Scoring(name, about.get("pgs_name", ""), about.get("trait_reported", ""), used, tuple(weights), unplaced, harmonised, source)


def _open(path: Path) -> TextIO:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast(TextIO, gzip.open(path, "rt", encoding="utf-8")) if packed else path.open(encoding="utf-8")


def _about(lines: Iterator[str], about: dict[str, str], path: Path) -> tuple[int, list[str]]:
    number = 0
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if not text.startswith("#"):
            return number, [cell.strip() for cell in text.split("\t")]
        key, sign, value = text.lstrip("#").partition("=")
        if sign:
            about[key.strip()] = value.strip()
    raise FormatError("A scoring file has no table", where=path.name, found=f"{number} lines of header")


def _columns(header: list[str], about: dict[str, str], build: str, path: Path) -> tuple[tuple[str, str], str, bool]:
    if build and build not in BUILDS:
        raise InputError("No such genome build", found=build, expected=BUILDS)
    for column in ("effect_allele", "effect_weight"):
        if column not in header:
            raise FormatError(
                "A column is missing", where=path.name, found=header, expected=column, do="take the file from the PGS Catalog"
            )
    lifted = ALIASES.get(about.get("HmPOS_build", ""), "")
    written = ALIASES.get(about.get("genome_build", ""), "")
    if lifted and "hm_pos" in header and build in ("", lifted):
        return ("hm_chr", "hm_pos"), lifted, True
    if "chr_position" not in header:
        raise FormatError(
            "The file has no positions", where=path.name, found=header, expected="chr_name and chr_position", do="take the harmonised file"
        )
    if not written:
        raise InputError(
            "The scoring file does not say its genome build", where=path.name, found=about.get("genome_build"), expected=BUILDS
        )
    if build and build != written:
        raise FormatError(
            "The score is written on another build",
            where=path.name,
            found=written,
            expected=build,
            do=f"take the file harmonised to {build}",
        )
    return ("chr_name", "chr_position"), written, False


def _weight(row: Mapping[str, str], place: tuple[str, str], where: str) -> Weight | str:
    """One row, or the reason why it is no variant that can be looked up."""
    if row.get("is_haplotype", "").lower() == "true" or row.get("is_diplotype", "").lower() == "true":
        return "a haplotype, not one variant"
    if row.get("is_interaction", "").lower() == "true":
        return "an interaction of variants"
    effect, other = row.get("effect_allele", "").upper(), (row.get("other_allele") or row.get("hm_inferOtherAllele") or "").upper()
    if not effect or not set(effect) <= set("ACGT"):
        return "an allele that is not a sequence"
    if not set(other) <= set("ACGT"):
        other = ""
    chromosome, text = row.get(place[0], "").removeprefix("chr"), row.get(place[1], "")
    if not text or not chromosome:
        return "no position on this build"
    try:
        start, written = int(float(text)), row["effect_weight"]
        weight = float(written)
    except (ValueError, KeyError):
        raise FormatError("A position or weight is not a number", where=where, found=(text, row.get("effect_weight"))) from None
    dominant, recessive = (row.get(f"is_{m}", "").lower() == "true" for m in ("dominant", "recessive"))
    if dominant and recessive:
        raise FormatError("A variant cannot be dominant and recessive", where=where)
    frequency = row.get("allelefrequency_effect", "")
    try:
        share = float(frequency) if frequency else None
    except ValueError:
        share = None
    if share is not None and not 0 <= share <= 1:
        raise FormatError("An allele frequency is not between 0 and 1", where=where, found=frequency)
    model = "dominant" if dominant else "recessive" if recessive else "additive"
    return Weight(chromosome, start, effect, other, weight, written, share, model, row.get("rsID") or row.get("hm_rsID") or "")
