"""VCF: open a file of variants, say what it claims to be, and read one sample's records at chosen places or all of them."""

from __future__ import annotations

import functools
import gzip
import re
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.knowledge.builds import build_of_lengths, build_of_words

if TYPE_CHECKING:
    import pysam

COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
VERSIONS = ("VCFv4.0", "VCFv4.1", "VCFv4.2", "VCFv4.3", "VCFv4.4", "VCFv4.5")
LINE = 64 * 1024 * 1024
"""The longest line that is read, in bytes; a longer one is refused, so that memory stays bounded."""
MERGE = 20_000
"""Places nearer than this many bases are fetched by one look into the index."""
_CONTIG = re.compile(r"##contig=<.*?ID=([^,>]+)")
_END = re.compile(rb"(?:^|;)END=(\d+)")
_INFO = re.compile(r'##INFO=<ID=([^,>]+).*?(?:Description="(.*)")?>?$')
_LENGTH = re.compile(r"length=(\d+)")


@dataclass(frozen=True, slots=True)
class Header:
    """What a VCF says of itself.

    Parameters
    ----------
    version : str
        As `VCFv4.2`.
    samples : tuple of str
    contigs : mapping of str to int
        Length by name as written; 0 where no length is stated.
    build : str
        `GRCh38`, `GRCh37`, or empty where nothing tells.
    told_by : str
        What told the build.
    date : str
        `fileDate` as written; empty where there is none.
    info : mapping of str to str
        Description of each INFO field that is declared.
    """

    version: str
    samples: tuple[str, ...]
    contigs: Mapping[str, int]
    build: str
    told_by: str
    date: str = ""
    info: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> int:
        """Cells of a line."""
        return len(COLUMNS) + (1 + len(self.samples) if self.samples else 0)


@dataclass(frozen=True, slots=True)
class Record:
    """One line for one sample: place, alleles, and which of them each strand has.

    `genotype` holds an index into `(ref, *alts)` for each strand, None for `.`; `phased` whether their order means something, and
    `block` which phase set they belong to (empty: the whole file). `end` is the last base of a reference block, else of `ref`; `info`
    and `name` are INFO and ID as written.
    """

    chromosome: str
    start: int
    end: int
    ref: str
    alts: tuple[str, ...]
    filter: str
    genotype: tuple[int | None, ...]
    phased: bool
    block: str
    info: str = ""
    name: str = ""

    @property
    def sequences(self) -> tuple[str, ...]:
        """`ref` and `alts`, in the order that `genotype` counts."""
        return (self.ref, *self.alts)


@dataclass(frozen=True, slots=True)
class Line:
    """One line for all samples: place, alleles, and the samples' cells as written.

    `cells` are the bytes after FORMAT; `format` is FORMAT as written.
    """

    chromosome: str
    start: int
    ref: str
    alts: tuple[str, ...]
    filter: str
    format: bytes
    cells: bytes

    def dosage(self, allele: int, column: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """How often each sample has an allele, and whether it was called at all.

        Parameters
        ----------
        allele : int
            Index into `(ref, *alts)`.
        column : int, optional
            One sample only, counted from 0.

        Returns
        -------
        (float64 array, bool array) of shape (n,)
            The dosage, 0 where it was not called, and whether it was.
        """
        if column is None and self.format == b"GT" and allele < 10:
            grid = np.frombuffer(self.cells + b"\t", np.uint8)
            signs = grid[1::4]
            if len(grid) % 4 == 0 and (grid[3::4] == ord("\t")).all() and ((signs == ord("|")) | (signs == ord("/"))).all():
                first, second = grid[0::4], grid[2::4]
                seen = (first != ord(".")) & (second != ord("."))
                wanted = ord("0") + allele
                return ((first == wanted).astype(np.float64) + (second == wanted)) * seen, seen
        cells = self.cells.split(b"\t")
        if column is not None:
            cells = cells[column : column + 1]
        place = self.format.split(b":").index(b"GT") if b"GT" in self.format.split(b":") else -1
        counts, seen = np.zeros(len(cells)), np.zeros(len(cells), bool)
        for i, cell in enumerate(cells):
            values = cell.split(b":")
            parts = re.split(rb"[/|]", values[place].lstrip(b"/|")) if 0 <= place < len(values) else [b"."]
            seen[i] = b"." not in parts and b"" not in parts
            counts[i] = parts.count(str(allele).encode()) if seen[i] else 0
        return counts, seen


class VariantFile:
    """One VCF on disk, bgzipped or plain, with or without an index, and the sample that is read.

    Parameters
    ----------
    path : path
    sample : str, optional
        Name of the sample; needed where there are several.

    Raises
    ------
    NotFoundError
        No such file.
    InputError
        It is a folder.
    FormatError
        Not a VCF, a version that is not read, or a broken header.
    """

    def __init__(self, path: str | Path, sample: str | None = None) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            raise InputError(
                "A folder, where one VCF is read",
                where=str(path),
                do="name the file in it; `consilium ingest` reads a folder with samples.csv",
            )
        if not self.path.is_file():
            raise NotFoundError("No such file", where=str(path), do="check the path")
        self.compressed = _compressed(self.path)
        self.header = _header(self.path, self.compressed)
        self._asked = sample

    @functools.cached_property
    def sample(self) -> str:
        """The sample that is read: the one asked for, or the only one.

        Raises
        ------
        InputError
            A sample that is not there, or several and none named.
        """
        return self._choose()[0]

    @functools.cached_property
    def column(self) -> int:
        """Which of the samples it is, counted from 0."""
        return self._choose()[1]

    def _choose(self) -> tuple[str, int]:
        sample, names = self._asked, self.header.samples
        if not names:
            raise InputError(
                "The file holds no sample", where=self.path.name, found="no column after FORMAT", do="give the VCF of a person"
            )
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        if sample is None:
            if len(names) > 1:
                raise InputError("The file holds several samples", where=self.path.name, found=shown, do="say which one with --sample")
            return names[0], 0
        if sample not in names:
            raise InputError("No such sample", where=self.path.name, found=sample, expected=shown, do="check the spelling of --sample")
        return sample, names.index(sample)

    def named(self, chromosome: str) -> str:
        """The file's own name of a chromosome (`chr10` or `10`); with nothing declared, the name as given."""
        bare = chromosome.removeprefix("chr")
        contigs = self.header.contigs
        return next((n for n in (chromosome, bare, f"chr{bare}") if n in contigs), chromosome)

    def records(self) -> Iterator[Record]:
        """Every record, in the file's order.

        Raises
        ------
        FormatError
            At the first line that is not a record; the message names it.
        """
        for number, line in self._lines():
            yield self._record(line.split(b"\t"), number)

    def at(self, regions: Mapping[str, Iterable[tuple[int, int]]]) -> Iterator[Record]:
        """The sample's records that overlap regions, by an index where there is one, else by one pass.

        Parameters
        ----------
        regions : mapping of str to iterable of (int, int)
            By chromosome, first and last base (1-based, both included).

        Raises
        ------
        FormatError
            When a line that overlaps cannot be read, or the file is cut short.
        """
        for number, line in self._near(regions):
            yield self._record(line.split(b"\t"), number)

    def lines(self, regions: Mapping[str, Iterable[tuple[int, int]]]) -> Iterator[Line]:
        """The same for all samples at once."""
        for number, line in self._near(regions):
            cells = line.split(b"\t", 9)
            if len(cells) < 10:
                raise self._broken(number, "columns", str(len(cells)).encode(), str(9 + len(self.header.samples)))
            alts = tuple(cells[4].decode("utf-8", "replace").upper().split(","))
            where = (cells[0].decode("utf-8", "replace").removeprefix("chr"), int(cells[1]), cells[3].decode("utf-8", "replace").upper())
            yield Line(*where, alts, cells[6].decode("utf-8", "replace"), cells[8], cells[9])

    def _near(self, regions: Mapping[str, Iterable[tuple[int, int]]]) -> Iterator[tuple[int, bytes]]:
        """Lines that overlap regions, with their number in the file (0 where an index was used)."""
        wanted = {name.removeprefix("chr"): _merged(spans) for name, spans in regions.items()}
        index = self._index()
        found = self._lines() if index is None else self._indexed(index, wanted)
        starts = {name.encode(): [s for s, _ in spans] for name, spans in wanted.items()}
        ends = {name.encode(): [e for _, e in spans] for name, spans in wanted.items()}
        for number, line in found:
            name, _, rest = line.partition(b"\t")
            name = name.removeprefix(b"chr")
            if name not in starts:
                continue
            place, _, rest = rest.partition(b"\t")
            try:
                start = int(place)
            except ValueError:
                raise self._broken(number, "POS", place) from None
            spot = bisect_right(ends[name], start - 1)
            if spot == len(starts[name]):
                continue
            # A reference block or a long deletion may begin before a region: only then is more of the line worth reading.
            if start < starts[name][spot]:
                cells = rest.split(b"\t", 6)
                if len(cells) < 2:
                    raise self._broken(number, "columns", str(2 + len(cells)).encode(), str(9 + len(self.header.samples)))
                stated = _END.search(cells[5]) if len(cells) > 5 else None
                end = max(start + len(cells[1]) - 1, int(stated[1]) if stated else 0)
                if end < starts[name][spot]:
                    continue
            yield number, line

    def _index(self) -> pysam.TabixFile | None:
        if not self.compressed or not any(self.path.with_name(self.path.name + end).exists() for end in (".tbi", ".csi")):
            return None
        try:
            import pysam
        except ImportError:  # without the extra, one pass through the file gives the same answer, slower
            return None
        pysam.set_verbosity(0)
        try:
            return pysam.TabixFile(str(self.path))
        except (OSError, ValueError):
            return None

    def _indexed(self, index: pysam.TabixFile, wanted: Mapping[str, list[tuple[int, int]]]) -> Iterator[tuple[int, bytes]]:
        held = set(index.contigs)
        for bare, spans in wanted.items():
            name = next((n for n in (f"chr{bare}", bare) if n in held), None)
            if name is None:
                continue
            for first, last in _merged(spans, MERGE):
                try:
                    for text in index.fetch(name, max(0, first - 1), last):
                        yield 0, text.encode()
                except (OSError, ValueError) as broken:
                    raise FormatError(
                        "The file or its index is broken", where=self.path.name, found=str(broken), do="index it again"
                    ) from None

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with _open(self.path, self.compressed) as stream:
            number = 0
            try:
                while line := stream.readline(LINE):
                    number += 1
                    if len(line) == LINE:
                        raise FormatError(
                            "A line is longer than any that is read", where=f"{self.path.name} line {number}", expected=f"< {LINE} bytes"
                        )
                    if not line.startswith(b"#"):
                        text = line.rstrip(b"\r\n")
                        if text:
                            yield number, text
            except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as broken:
                raise FormatError(
                    "The file is cut short or damaged", where=f"{self.path.name} after line {number}", found=str(broken), do="copy it again"
                ) from None

    def _record(self, cells: list[bytes], number: int) -> Record:
        due = self.header.columns
        if len(cells) != due:
            raise self._broken(number, "columns", str(len(cells)).encode(), str(due))
        text = [cell.decode("utf-8", "replace") for cell in cells[:9]]
        try:
            start = int(text[1])
        except ValueError:
            raise self._broken(number, "POS", cells[1]) from None
        ref = text[3].upper()
        alts = () if text[4] == "." else tuple(a if a.startswith("<") else a.upper() for a in text[4].split(","))
        end = start + len(ref) - 1
        stated = re.search(r"(?:^|;)END=(\d+)", text[7])
        if stated:
            end = max(end, int(stated[1]))
        if not self.header.samples:
            return Record(text[0], start, end, ref, alts, text[6], (), False, "", text[7], text[2])
        keys = text[8].split(":")
        values = cells[9 + self.column].decode("utf-8", "replace").split(":")
        sample = dict(zip(keys, values, strict=False))
        called = sample.get("GT", ".")
        parts = re.split(r"[/|]", called.lstrip("/|"))
        try:
            genotype = tuple(None if part == "." else int(part) for part in parts)
        except ValueError:
            raise self._broken(number, "GT", called.encode()) from None
        if not alts:  # an alternative that the line does not state is unknown
            genotype = tuple(i if i == 0 else None for i in genotype)
        if any(i is not None and not 0 <= i <= len(alts) for i in genotype):
            raise self._broken(number, "GT", called.encode(), f"allele numbers from 0 to {len(alts)}")
        phased = "|" in called and "/" not in called.lstrip("/")
        block = sample.get("PS", "") if phased else ""
        return Record(text[0], start, end, ref, alts, text[6], genotype, phased, "" if block == "." else block, text[7], text[2])

    def _broken(self, number: int, what: str, found: bytes, expected: str | None = None) -> FormatError:
        where = f"{self.path.name} line {number}" if number else self.path.name
        return FormatError(f"{what} cannot be read", where=where, found=found.decode("utf-8", "replace")[:80], expected=expected)


def _header(path: Path, compressed: bool) -> Header:
    contigs: dict[str, int] = {}
    info: dict[str, str] = {}
    version, date, told, number = "", "", [], 0
    with _open(path, compressed) as stream:
        try:
            while line := stream.readline(LINE):
                number += 1
                text = line.rstrip(b"\r\n").decode("utf-8", "replace")
                if number == 1:
                    text = text.removeprefix("\ufeff")
                    version = text.removeprefix("##fileformat=").strip()
                    if not text.startswith("##fileformat=") or version not in VERSIONS:
                        raise FormatError(
                            "Not a VCF that is read",
                            where=f"{path.name} line 1",
                            found=text[:60],
                            expected=f"##fileformat={VERSIONS[1]} to {VERSIONS[-1]}",
                        )
                elif text.startswith("##"):
                    if text.startswith("##fileDate="):
                        date = text.removeprefix("##fileDate=").strip()
                    if told_of := _INFO.match(text):
                        info[told_of[1]] = told_of[2] or ""
                    if found := _CONTIG.match(text):
                        length = _LENGTH.search(text)
                        contigs[found[1]] = int(length[1]) if length else contigs.get(found[1], 0)
                        told.append(text)
                    elif text.lower().startswith(("##reference=", "##assembly=", "##genome")):
                        told.append(text)
                elif text.startswith("#"):
                    cells = text.split("\t")
                    if tuple(cells[:8]) != COLUMNS or (len(cells) > 8 and cells[8] != "FORMAT"):
                        raise FormatError(
                            "The header's columns are not those of a VCF",
                            where=f"{path.name} line {number}",
                            found=text[:80],
                            expected="\t".join(COLUMNS),
                        )
                    samples = tuple(cells[9:])
                    if len(set(samples)) != len(samples):
                        raise FormatError("Two samples share a name", where=f"{path.name} line {number}", found=", ".join(samples[:5]))
                    build, by = build_of_lengths(contigs), "the lengths of its chromosomes"
                    if not build:
                        build, by = build_of_words(told), "its header"
                    return Header(version, samples, contigs, build, by if build else "", date, info)
                else:
                    break
        except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as broken:
            raise FormatError("The file is cut short or damaged", where=path.name, found=str(broken), do="copy it again") from None
    raise FormatError("The file has no header line", where=path.name, found=f"{number} lines", expected="#CHROM POS ID REF ALT ...")


def opened(path: Path) -> gzip.GzipFile | BufferedReader:
    """The bytes of a VCF, unpacked where it is packed."""
    return _open(path, _compressed(path))


def _compressed(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _open(path: Path, compressed: bool) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if compressed else path.open("rb")


def _merged(spans: Iterable[tuple[int, int]], gap: int = 0) -> list[tuple[int, int]]:
    """Regions in order, those that touch or lie nearer than `gap` made one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1 + gap:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
