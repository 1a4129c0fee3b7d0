"""Variant: one change of one sequence by place and alleles, and its one spelling among those that mean the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from consilium.core.errors import ExtraError, FormatError, InputError, NotFoundError
from consilium.genomics.vcf import Record
from consilium.knowledge.builds import build_of_lengths

if TYPE_CHECKING:
    import pysam

BASES = frozenset("ACGTN")


class Reference(Protocol):
    """A reference genome: one method."""

    def bases(self, chromosome: str, first: int, last: int) -> str:
        """The bases from first to last (1-based, both included), in capitals; fewer where the chromosome ends."""


@dataclass(frozen=True, slots=True, order=True)
class Variant:
    """One alternative allele: chromosome without `chr`, 1-based place of the first base of `ref`, and both alleles, never empty."""

    chromosome: str
    start: int
    ref: str
    alt: str

    def __post_init__(self) -> None:
        if not self.ref or not self.alt or not set(self.ref) | set(self.alt) <= BASES or self.start < 1:
            raise InputError("Not alleles of a small variant", found=f"{self.chromosome}:{self.start} {self.ref}>{self.alt}")

    @property
    def end(self) -> int:
        """Place of the last base of `ref`."""
        return self.start + len(self.ref) - 1


def variants(record: Record) -> Iterator[tuple[int, Variant]]:
    """Each alternative of a line with its number (1, 2, ...), in the shortest spelling; no sequence (`<DEL>`, `*`) is passed over."""
    for number, alt in enumerate(record.alts, 1):
        if alt and set(alt) <= BASES and set(record.ref) <= BASES and alt != record.ref:
            yield number, trimmed(Variant(record.chromosome.removeprefix("chr"), record.start, record.ref, alt))


def trimmed(variant: Variant) -> Variant:
    """The shortest spelling with no allele empty: shared bases are taken from the end first, then from the start.

    Examples
    --------
    >>> trimmed(Variant("1", 100, "GCACA", "GCA"))
    Variant(chromosome='1', start=100, ref='GCA', alt='G')
    """
    start, ref, alt = variant.start, variant.ref, variant.alt
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        start, ref, alt = start + 1, ref[1:], alt[1:]
    return Variant(variant.chromosome, start, ref, alt)


def normalised(variant: Variant, reference: Reference | None = None) -> Variant:
    """The shortest spelling and, where a reference is given, the leftmost (Tan, Abecasis and Kang 2015).

    Without a reference two spellings of one change inside a repeat stay two.

    Raises
    ------
    FormatError
        When the reference has other bases there.
    """
    variant = trimmed(variant)
    if reference is None or len(variant.ref) == len(variant.alt):
        return variant
    start, ref, alt = variant.start, variant.ref, variant.alt
    held = reference.bases(variant.chromosome, start, variant.end)
    if held != ref:
        raise FormatError(
            "The reference genome has other bases", where=f"{variant.chromosome}:{start}", found=held[:40], expected=ref[:40],
            do="give the genome that the file was made against",
        )  # fmt: skip
    while ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
        if not ref or not alt:
            if start == 1:
                after = reference.bases(variant.chromosome, 1 + len(ref), 1 + len(ref))
                return Variant(variant.chromosome, 1, ref + after, alt + after)
            start -= 1
            before = reference.bases(variant.chromosome, start, start)
            ref, alt = before + ref, before + alt
    return trimmed(Variant(variant.chromosome, start, ref, alt))


class Fasta:
    """A reference genome in an indexed FASTA file (`samtools faidx`).

    Parameters
    ----------
    path : path
    build : str, optional
        The build it must be; told by the lengths of its chromosomes.

    Raises
    ------
    NotFoundError
        No such file.
    FormatError
        It cannot be opened or is not indexed, or it is another build.
    ExtraError
        The `genomics` extra is not installed.
    """

    def __init__(self, path: str | Path, build: str = "") -> None:
        path = Path(path)
        if not path.is_file():
            raise NotFoundError("No such reference genome", where=str(path), do="check the path")
        try:
            import pysam
        except ImportError:
            raise ExtraError("A reference genome needs the genomics extra", do="run `pip install 'consilium[genomics]'`") from None
        pysam.set_verbosity(0)
        try:
            self._file: pysam.FastaFile = pysam.FastaFile(str(path))
        except (OSError, ValueError) as broken:
            raise FormatError(
                "The reference genome cannot be read", where=path.name, found=str(broken), do="index it with `samtools faidx`"
            ) from None
        lengths = dict(zip(self._file.references, self._file.lengths, strict=True))
        told = build_of_lengths(lengths)
        if build and told and told != build:
            raise InputError("The reference genome is another build", where=path.name, found=told, expected=build)
        self._names = {name.removeprefix("chr"): name for name in lengths}

    def bases(self, chromosome: str, first: int, last: int) -> str:
        """The bases from first to last, in capitals.

        Raises
        ------
        FormatError
            No such chromosome in the file.
        """
        name = self._names.get(chromosome.removeprefix("chr"))
        if name is None:
            raise FormatError("The reference genome lacks a chromosome", found=chromosome)
        return str(self._file.fetch(name, max(0, first - 1), last)).upper()
