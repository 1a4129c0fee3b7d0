"""Reader data: the published sets that readers learn from, out of a zip archive or the unpacked folder, as labelled examples."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element, ParseError, iterparse

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import CardError, FormatError, NotFoundError
from consilium.genomics.dna import BASES, alike, inward, shares
from consilium.genomics.expression import Profiles, profiles_of, standing
from consilium.genomics.reader import ReaderCard
from consilium.genomics.variant_effect import features

if TYPE_CHECKING:
    from consilium.specialists.reader_fit import Examples

MOST = 64 * 2**20
"""Bytes of one unpacked file at most."""
SEGMENTS, SUBSTITUTED = 20, 12
"""Oubounyt et al. 2019: a promoter is cut into 20 segments, and 12 of them are substituted, to make a negative."""
RUN = 40
"""Bases in a row that two promoters have in common when they are relatives."""
SEED = 20260104


class Windows(NamedTuple):
    """Sequences of one length, what each is, and which of them are alike."""

    sequences: tuple[str, ...]
    kind: NDArray[np.str_]
    groups: NDArray[np.int64]


def content(data: Path, name: str) -> bytes:
    """One file of a data set: `data` is the folder that holds it (at any depth), a zip archive with it, or a folder with that archive.

    Raises
    ------
    NotFoundError
        When it is in none of them.
    FormatError
        When it is larger than 64 MiB unpacked, or an archive is damaged.
    """
    found = sorted(data.rglob(name)) if data.is_dir() else []
    if found:
        if found[0].stat().st_size > MOST:
            raise FormatError("A file is too large", where=str(found[0]), expected=f"at most {MOST} bytes")
        return found[0].read_bytes()
    for archive in sorted(data.glob("*.zip")) if data.is_dir() else [data]:
        if not zipfile.is_zipfile(archive):
            continue
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                if Path(entry.filename).name != name:
                    continue
                if entry.file_size > MOST:
                    raise FormatError("A file is too large", where=f"{archive.name}, {entry.filename}", expected=f"at most {MOST} bytes")
                try:
                    return packed.read(entry)
                except (zipfile.BadZipFile, RuntimeError) as error:
                    raise FormatError("An archive is damaged", where=archive.name, found=str(error)) from error
    raise NotFoundError("There is no such file", where=str(data), found=name, do="give the folder or the zip archive that holds it")


def splice(data: Path) -> Windows:
    """The UCI primate splice junctions: 60 bases around a place, and whether it is a donor (`EI`), an acceptor (`IE`) or neither (`N`).

    Raises
    ------
    FormatError
        When a line is not `class, name, 60 bases`.
    """
    kinds, sequences = [], []
    for number, line in enumerate(content(data, "splice.data").decode("ascii", "replace").splitlines(), 1):
        if not line.strip():
            continue
        said = [part.strip() for part in line.split(",")]
        if len(said) != 3 or said[0] not in ("EI", "IE", "N") or len(said[2]) != 60:
            raise FormatError(
                "A line is no splice junction", where=f"splice.data line {number}", found=line[:40], expected="class, name, 60 bases"
            )
        kinds.append(said[0])
        sequences.append(said[2])
    return Windows(tuple(sequences), np.array(kinds), alike(sequences))


def promoters(data: Path, name: str, *, seed: int = SEED) -> Windows:
    """Promoters of a file with one sequence a line (`P`), and as many negatives made of them (`N`); each with its parent's group.

    A negative keeps 8 of a promoter's 20 segments and has the other 12 substituted by bases drawn at random (Oubounyt et al. 2019).
    """
    found = [line.strip().upper() for line in content(data, name).decode("ascii", "replace").splitlines() if line.strip()]
    sequences = [line for line in found if len(line) == len(found[0])]
    draw = np.random.default_rng(seed)
    made = [substituted(sequence, draw) for sequence in sequences]
    group = alike(sequences, run=RUN)
    return Windows((*sequences, *made), np.array(["P"] * len(sequences) + ["N"] * len(made)), np.concatenate([group, group]))


def substituted(sequence: str, draw: np.random.Generator) -> str:
    """A sequence of which 12 of 20 segments are drawn anew, base by base.

    Examples
    --------
    >>> made = substituted("A" * 300, np.random.default_rng(0))
    >>> sum(made[k : k + 15] == "A" * 15 for k in range(0, 300, 15)), len(made)
    (8, 300)
    """
    edges = np.linspace(0, len(sequence), SEGMENTS + 1).round().astype(int)
    letters = np.array(list(sequence))
    for segment in draw.choice(SEGMENTS, SUBSTITUTED, replace=False):
        start, end = edges[segment], edges[segment + 1]
        letters[start:end] = draw.choice(list(BASES), end - start)
    return "".join(letters)


def sheet(workbook: bytes, name: str) -> Iterator[dict[str, str]]:
    """Rows of the first sheet of a workbook (.xlsx), by column letter; cells as written, empty ones absent.

    Raises
    ------
    FormatError
        When it is no workbook, or a part of it is larger than 64 MiB unpacked.
    """
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    try:
        with zipfile.ZipFile(io.BytesIO(workbook)) as packed:
            parts = [packed.getinfo(part) for part in ("xl/sharedStrings.xml", "xl/worksheets/sheet1.xml")]
            if max(part.file_size for part in parts) > MOST:
                raise FormatError("A workbook is too large", where=name, expected=f"at most {MOST} bytes a part")
            texts = []
            for _, item in iterparse(packed.open(parts[0])):
                if item.tag == f"{space}si":
                    texts.append("".join(text.text or "" for text in item.iter(f"{space}t")))
                    item.clear()
            for _, row in iterparse(packed.open(parts[1])):
                if row.tag == f"{space}row":
                    yield dict(_cells(row, space, texts))
                    row.clear()
    except (zipfile.BadZipFile, KeyError, IndexError, ValueError, ParseError) as error:
        raise FormatError("A file is no workbook that can be read", where=name, found=repr(error)) from error


def _cells(row: Element, space: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for cell in row.iter(f"{space}c"):
        value = cell.find(f"{space}v")
        if value is not None and value.text is not None:
            column = re.sub(r"\d", "", cell.get("r", ""))
            yield column, texts[int(value.text)] if cell.get("t") == "s" else value.text


class Edited(NamedTuple):
    """The variants of a saturation editing table, and the number of a score for each that has one."""

    variant: tuple[str, ...]
    protein: tuple[str, ...]
    lost: NDArray[np.bool_]
    exon: NDArray[np.str_]
    scores: dict[str, NDArray[np.float64]]


BRCA1 = "41586_2018_461_MOESM3_ESM.xlsx"
_SCORES = ("CADD.score", "phyloP (mammalian)", "polyphen2")


def brca1(data: Path) -> Edited:
    """The saturation editing of BRCA1: names, exon, whether function was lost (`LOF`; intermediate counts as kept), and others' scores.

    Nothing else is read: no measured score, no frequency, no classification.

    Raises
    ------
    FormatError
        When the table is another.
    """
    rows = [row for row in sheet(content(data, BRCA1), BRCA1) if row]
    head = next((n for n, row in enumerate(rows[:10]) if row.get("A") == "gene"), None)
    if head is None:
        raise FormatError("A table is not the one of BRCA1 saturation editing", where=BRCA1, found=[*rows[0].values()][:4] if rows else "")
    column = {name: letter for letter, name in rows[head].items()}
    needed = ("transcript_variant", "protein_variant", "func.class", "experiment", *_SCORES)
    if set(needed) - set(column):
        raise FormatError("A table lacks columns", where=BRCA1, found=sorted(set(needed) - set(column)))
    body = rows[head + 1 :]

    def of(name: str) -> list[str]:
        return [row.get(column[name], "NA") for row in body]

    scores = {name: np.array([np.nan if v == "NA" else float(v) for v in of(name)]) for name in _SCORES}
    protein = tuple("" if name == "NA" else name for name in of("protein_variant"))
    return Edited(tuple(of("transcript_variant")), protein, np.array(of("func.class")) == "LOF", np.array(of("experiment")), scores)


class Cohort(NamedTuple):
    """Profiles by gene symbol, and what is known of each sample, by column."""

    profiles: Profiles
    clinical: dict[str, NDArray[np.str_]]


SUBTYPES = ("Basal", "Her2", "LumA", "LumB", "Normal")


def tcga(data: Path, part: str) -> Cohort:
    """The TCGA breast cancers of mixOmics, `train` or `test`: 200 genes by RNA sequencing, and the subtype."""
    name = f"tcga_brca_mrna_{part}.csv.gz"
    head, rows = _table(data, name)
    text = "\n".join(",".join(cells[k] for k in range(len(head)) if head[k] != "subtype") for cells in (head, *rows))
    at = head.index("subtype")
    return Cohort(profiles_of(text.encode(), name), {"subtype": np.array([cells[at] for cells in rows])})


def genefu(data: Path, of: str) -> Cohort:
    """A cohort of genefu, `nkis` or `vdxs`: probes of one gene averaged under its symbol, and the clinical columns."""
    expression = profiles_of(gunzip(content(data, f"{of}_expr.csv.gz")), f"{of}_expr.csv.gz")
    head, rows = _table(data, f"{of}_annot.csv")
    probe, symbol = head.index("probe"), head.index("HUGO.gene.symbol")
    called = {cells[probe]: cells[symbol] for cells in rows if cells[symbol] not in ("", "NA")}
    columns: dict[str, list[int]] = {}
    for n, name in enumerate(expression.genes):
        if name in called:
            columns.setdefault(called[name], []).append(n)
    values = np.column_stack([_mean(expression.values[:, own]) for own in columns.values()])
    head, rows = _table(data, f"{of}_clinical.csv")
    clinical = {name: np.array([cells[n] for cells in rows]) for n, name in enumerate(head) if n}
    if tuple(cells[0] for cells in rows) != expression.samples:
        raise FormatError("Profiles and clinical rows are of other samples", where=of)
    return Cohort(Profiles(expression.samples, tuple(columns), values), clinical)


def pam50(cohort: Cohort, data: Path) -> NDArray[np.str_]:
    """The subtype whose PAM50 centroid each profile resembles most (rank correlation), over those of the 50 genes that were measured."""
    head, rows = _table(data, "pam50_centroids.csv")
    measured = [cells for cells in rows if cells[0] in cohort.profiles.genes]
    centroids = _ranks(np.array([[float(cells[head.index(kind)]) for cells in measured] for kind in SUBTYPES]))
    place = [cohort.profiles.genes.index(cells[0]) for cells in measured]
    own = cohort.profiles.values[:, place]
    over = own - np.nanmedian(own, axis=0)
    ranks = _ranks(np.where(np.isnan(over), 0.0, over))
    likeness = np.corrcoef(ranks, centroids)[: len(ranks), len(ranks) :]
    return np.array([SUBTYPES[best] for best in likeness.argmax(axis=1)])


def metastasis(cohort: Cohort, years: float = 5.0) -> NDArray[np.int8]:
    """Whether a distant metastasis came within so many years; -1 where nobody knows."""
    event, days = (np.array([float(v) if v not in ("", "NA") else np.nan for v in cohort.clinical[name]]) for name in ("e.dmfs", "t.dmfs"))
    until = years * 365.25
    return np.where((event == 1) & (days <= until), 1, np.where(days >= until, 0, -1)).astype(np.int8)


def gunzip(packed: bytes) -> bytes:
    """The bytes of a gzip file; at most 64 MiB."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as handle:
            found = handle.read(MOST + 1)
    except (OSError, EOFError) as error:
        raise FormatError("A file is no gzip file", found=str(error)) from error
    if len(found) > MOST:
        raise FormatError("A file is too large unpacked", expected=f"at most {MOST} bytes")
    return found


def _table(data: Path, name: str) -> tuple[list[str], list[list[str]]]:
    found = content(data, name)
    lines = list(csv.reader((gunzip(found) if name.endswith(".gz") else found).decode("utf-8", "replace").splitlines()))
    if len(lines) < 2 or {len(line) for line in lines} != {len(lines[0])}:
        raise FormatError("A table's rows are not as wide as its header", where=name)
    return lines[0], lines[1:]


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    mean = np.full(len(values), np.nan)
    np.divide(np.where(known, values, 0).sum(axis=1), known.sum(axis=1), out=mean, where=known.any(axis=1))
    return mean


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    below = (values[:, None, :] < values[:, :, None]).sum(axis=2)
    return np.asarray(below + (values[:, None, :] == values[:, :, None]).sum(axis=2) / 2)


def rows_of(card: ReaderCard, sequences: Sequence[str], at: int = 0) -> NDArray[np.float32]:
    """Windows of DNA as a card's model reads them, float32 of shape (n, p); each begins `at` bases into its sequence."""
    X = shares([sequence[at : at + card.window] for sequence in sequences])
    return (inward(X) if card.inward else X).reshape(len(sequences), -1)


def examples(card: ReaderCard, data: Path) -> tuple[Examples, Examples | None]:
    """What a card says it learns from, and what it is shown once at the end.

    Raises
    ------
    CardError
        When the card names a set that is not known here.
    """
    from consilium.specialists.reader_fit import Examples

    said = card.learns
    match said.get("set"):
        case "splice":
            found = splice(data)
            y = (found.kind == said["positive"]).astype(np.int8)
            return Examples(rows_of(card, found.sequences), y, found.groups, "UCI primate splice junctions"), None
        case "promoters":
            both = []
            for name, words in ((said["file"], said["name"]), (said["held_file"], said["held_name"])):
                found = promoters(data, name)
                both.append(
                    Examples(rows_of(card, found.sequences, int(said["at"])), (found.kind == "P").astype(np.int8), found.groups, words)
                )
            return both[0], both[1]
        case "brca1":
            edited = brca1(data)
            told = [features(card, variant, protein) for variant, protein in zip(edited.variant, edited.protein, strict=True)]
            X = np.array([[one.get(name, np.nan) for name in card.inputs] for one in told], dtype=np.float32)
            exons = np.unique(edited.exon, return_inverse=True)[1].astype(np.int64)
            return Examples(X, edited.lost.astype(np.int8), exons, "BRCA1 saturation genome editing, 13 exons"), None
        case "subtype":
            learn, other = tcga(data, "train"), genefu(data, "vdxs")
            kinds = (learn.clinical["subtype"], pam50(other, data))
            words = ("TCGA breast cancer (mixOmics), 150 tumours", "VDX (GSE2034), 150 tumours, PAM50 by centroids")
            one, two = (
                _profiled(card, cohort, (kind == said["positive"]).astype(np.int8), name)
                for cohort, kind, name in zip((learn, other), kinds, words, strict=True)
            )
            return one, two
        case "metastasis":
            learn, other = genefu(data, "nkis"), genefu(data, "vdxs")
            return (
                _profiled(card, learn, metastasis(learn), "NKI (genefu's nkis), women followed five years"),
                _profiled(card, other, metastasis(other), "VDX (GSE2034, genefu's vdxs), women followed five years"),
            )
    sets = ("splice", "promoters", "brca1", "subtype", "metastasis")
    raise CardError("A card learns from a set that is not known", where=card.name, found=said.get("set"), expected=sets)


def _profiled(card: ReaderCard, cohort: Cohort, y: NDArray[np.int8], words: str) -> Examples:
    """Samples whose answer is known, each held against what is usual in its own cohort, whatever became of the patients."""
    from consilium.specialists.reader_fit import Examples

    rows = np.flatnonzero(y >= 0)
    X = standing(cohort.profiles, cohort.profiles.usual(), card.inputs)
    return Examples(X[rows], y[rows], rows.astype(np.int64), words)
