"""DNA: sequences read from FASTA or plain text, as shares of the four bases, in windows, and grouped by likeness."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import FormatError, NotFoundError

BASES = "ACGT"
CODES = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
"""What each letter may stand for (IUPAC nomenclature for incompletely specified bases, 1984)."""
LONGEST = 5_000_000
"""Bases of one sequence at most: more is a chromosome, which windows of one person's gene are not looked for in."""
_COMPLEMENT = str.maketrans("ACGTURYSWKMBDHVN", "TGCAAYRSWMKVHDBN")


@cache
def _table() -> NDArray[np.float32]:
    table = np.full((256, len(BASES)), np.nan, dtype=np.float32)
    for letter, bases in CODES.items():
        for cased in (letter, letter.lower()):
            table[ord(cased)] = [base in bases for base in BASES]
            table[ord(cased)] /= len(bases)
    return table


def shares(sequences: Sequence[str]) -> NDArray[np.float32]:
    """Sequences of one length as shares of A, C, G and T at each place, float32 of shape (n, length, 4).

    A letter that stands for several bases is each of them in equal parts; nothing is guessed.

    Raises
    ------
    FormatError
        When lengths differ, or a letter is none of the IUPAC nomenclature.

    Examples
    --------
    >>> shares(["AN"])[0].tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]]
    """
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) > 1:
        raise FormatError("Sequences of one window have one length", found=sorted(lengths))
    try:
        letters = np.frombuffer("".join(sequences).encode("ascii"), dtype=np.uint8)
    except UnicodeEncodeError as error:
        raise FormatError("A sequence holds a letter that is no base", found=error.object[error.start], expected="".join(CODES)) from error
    found = _table()[letters]
    wrong = np.flatnonzero(np.isnan(found[:, 0]))
    if len(wrong):
        place = int(wrong[0]) % max(1, *lengths) + 1
        raise FormatError(
            "A sequence holds a letter that is no base", where=f"place {place}", found=chr(letters[wrong[0]]), expected="".join(CODES)
        )
    return found.reshape(len(sequences), -1, len(BASES))


def reverse_complement(sequence: str) -> str:
    """The other strand, read in its own direction.

    Examples
    --------
    >>> reverse_complement("AACGTN")
    'NACGTT'
    """
    return sequence.upper().translate(_COMPLEMENT)[::-1]


def fasta(path: Path | str) -> Iterator[tuple[str, str]]:
    """Name and sequence of each record of a FASTA file (also gzipped); a file without `>` is one sequence, named after the file.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is no text, a record is empty or longer than 5,000,000 bases, or a letter is no base.
    """
    where = Path(path)
    if not where.is_file():
        raise NotFoundError("There is no such file", where=str(where), do="give a FASTA file")
    name, size, any_record = where.name.partition(".")[0], 0, False
    lines: list[str] = []
    try:
        with gzip.open(where, "rt", encoding="ascii") if where.suffix == ".gz" else where.open(encoding="ascii") as handle:
            for number, line in enumerate(handle, 1):
                text = line.strip()
                if text.startswith(">"):
                    if any_record or lines:
                        yield _whole(where, name, lines)
                    name, lines, size, any_record = text[1:].split()[0] if text[1:].split() else f"record {number}", [], 0, True
                elif text and not text.startswith(";"):
                    wrong = set(text.upper()) - set(CODES)
                    if wrong:
                        letter = sorted(wrong)[0]
                        raise FormatError(
                            "A sequence holds a letter that is no base",
                            where=f"{where.name} line {number}",
                            found=letter,
                            expected="".join(CODES),
                        )
                    size += len(text)
                    if size > LONGEST:
                        raise FormatError(
                            "A sequence is too long",
                            where=f"{where.name}, {name}",
                            expected=f"at most {LONGEST} bases",
                            do="cut the region of interest out",
                        )
                    lines.append(text.upper())
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise FormatError(
            "A file is no FASTA text", where=where.name, found=type(error).__name__, do="give a FASTA file, plain or gzipped"
        ) from error
    yield _whole(where, name, lines)


def _whole(where: Path, name: str, lines: list[str]) -> tuple[str, str]:
    if not lines:
        raise FormatError("A record holds no sequence", where=f"{where.name}, {name}")
    return name, "".join(lines)


def inward(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Windows (n, length, 4) read from both ends towards the middle: (n, length / 2, 8), the middle last.

    A network that answers after its last step then has the place that is asked about before its eyes, not half a window behind it.
    """
    half = X.shape[1] // 2
    return np.concatenate([X[:, :half], X[:, : half - 1 : -1]], axis=2)


def alike(sequences: Sequence[str], *, same: float = 0.8, run: int = 20) -> NDArray[np.int64]:
    """A group number for each sequence of one length, int64 of shape (n,); those alike, and those alike to them, share it.

    Parameters
    ----------
    sequences : sequence of str
        Of one length.
    same : float
        Share of places with the same base from which two are alike.
    run : int
        So many bases in a row that two have in common, wherever they lie in each, make them alike.

    Examples
    --------
    >>> alike(["ACGTACGT", "TTTTTTTT", "ACGTACGA"], run=7).tolist()
    [0, 1, 0]
    """
    parent = list(range(len(sequences)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    def join(a: int, b: int) -> None:
        low, high = sorted((root(a), root(b)))
        parent[high] = low

    flat = shares(sequences).reshape(len(sequences), -1)
    length = len(sequences[0]) if sequences else 0
    for start in range(0, len(flat), 1000):
        for a, b in np.argwhere(flat[start : start + 1000] @ flat.T >= same * length - 1e-4):
            join(start + int(a), int(b))
    first: dict[str, int] = {}
    for n, sequence in enumerate(sequences):
        for place in range(length - run + 1):
            other = first.setdefault(sequence[place : place + run].upper(), n)
            if other != n:
                join(n, other)
    return np.array([root(n) for n in range(len(sequences))], dtype=np.int64)
