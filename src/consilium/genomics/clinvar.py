"""ClinVar: a user's own file of classified variants, made into one sorted table and asked by place and alleles."""

from __future__ import annotations

import itertools
import re
import secrets
import shutil
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date as calendar
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.genomics.pharmacogenomics import build_of
from consilium.genomics.variant import Reference, Variant, normalised, variants
from consilium.genomics.vcf import Record, VariantFile, opened
from consilium.knowledge.inherited import class_of, fields, inheritance_of, plain, stars_of
from consilium.record.durable import sync

ABOUT, TABLE = "about.json", "variants.parquet"
FORM = 1
"""Version of the table's form."""
GROUP = 20_000
"""Rows of a row group: what is read when one place is looked up."""
STEP = 10_000
"""Records between two words of progress."""
TRUSTED = 1
"""Stars that a record needs before a criterion may rest on it."""
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_ABOUT = ("form", "build", "date", "file", "aligned", "records", "null_genes")
_SCHEMA = pa.schema([
    ("chromosome", pa.string()), ("start", pa.int32()), ("end", pa.int32()), ("ref", pa.string()), ("alt", pa.string()),
    ("identifier", pa.string()), ("genes", pa.string()), ("class", pa.string()), ("words", pa.string()), ("status", pa.string()),
    ("stars", pa.int8()), ("conditions", pa.string()), ("inheritance", pa.string()), ("consequence", pa.string()), ("protein", pa.string()),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """What ClinVar says of one variant; of several records the one that says most, and `conflicting` where they differ."""

    variant: Variant
    identifier: str
    genes: tuple[str, ...]
    classification: str
    words: str
    status: str
    stars: int
    conditions: tuple[str, ...]
    inheritance: tuple[str, ...]
    consequence: str
    protein: str


@dataclass(frozen=True, slots=True)
class Built:
    """What a build read: records kept, records that are no sequence, and words of classification or status that are not known here."""

    folder: Path
    records: int
    no_sequence: int
    unknown_words: Mapping[str, int]
    classes: Mapping[str, int]


def build_clinvar(
    path: str | Path,
    into: str | Path,
    *,
    build: str = "",
    date: str = "",
    reference: Reference | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Built:
    """Make a lookup from a VCF of ClinVar; one pass, one chromosome in memory, visible only when it is whole.

    Parameters
    ----------
    path : path
        ClinVar's own VCF since October 2017, or the tables of the MacArthur laboratory as VCF.
    into : path
        Folder; an older lookup there is replaced, anything else refused.
    build : str
        `GRCh38` or `GRCh37`, where the file does not say.
    date : str
        Date of the data, `2026-01-03`; by default the file's own `fileDate`.
    reference : Reference, optional
        To write every variant in its leftmost spelling.
    progress : callable
        Called with records done and in all.

    Raises
    ------
    FormatError
        The file is no VCF of ClinVar that is read, or its chromosomes are not together.
    InputError
        Nobody says the build or the date, or the caller says another build than the file.
    """
    file, into = VariantFile(path), Path(into)
    told, _ = build_of(file, build)
    form = _form(file)
    stated = _DATE.fullmatch(date or file.header.date)
    if not stated or not _is_date("-".join(stated.groups())):
        raise InputError(
            "Nothing says of what date the classifications are", where=file.path.name, found=date or file.header.date or "no ##fileDate",
            expected="as 2026-01-03", do="say it with --date: classifications age",
        )  # fmt: skip
    if into.exists() and not (into / ABOUT).is_file():
        raise InputError("The folder holds something else", where=str(into), do="name another folder")
    with opened(file.path) as stream:
        total = sum(1 for line in stream if not line.startswith(b"#"))
    aside = into.with_name(f".{into.name}-{secrets.token_hex(4)}")
    aside.mkdir(parents=True)
    try:
        made = _write(file, aside, form, reference, total, progress)
        about = {
            "form": FORM, "build": told, "date": "-".join(stated.groups()), "file": file.path.name, "layout": form["name"],
            "records": made.records, "aligned": reference is not None, "classes": dict(made.classes), "null_genes": made.null_genes,
        }  # fmt: skip
        (aside / ABOUT).write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))
        for name in (TABLE, ABOUT):
            sync(aside / name)
        sync(aside)
        if into.exists():
            old = into.with_name(f".{into.name}-{secrets.token_hex(4)}")
            into.rename(old)
            aside.rename(into)
            shutil.rmtree(old)
        else:
            aside.rename(into)
        sync(into.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Built(into, made.records, made.no_sequence, made.unknown, made.classes)


class ClinVar:
    """A lookup that `build_clinvar` made.

    Parameters
    ----------
    folder : path

    Raises
    ------
    NotFoundError
        No lookup there.
    FormatError
        It is broken, or of another version.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        if not (folder / ABOUT).is_file():
            raise NotFoundError(
                "No lookup of classified variants",
                where=str(folder),
                do="make one from ClinVar's VCF with `consilium clinvar FILE --out DIR`",
            )
        try:
            about: dict[str, Any] = orjson.loads((folder / ABOUT).read_bytes())
            self._file = pq.ParquetFile(folder / TABLE)
        except (orjson.JSONDecodeError, OSError, pa.ArrowInvalid) as broken:
            raise FormatError("The lookup is damaged", where=str(folder), found=str(broken)[:120], do="build it again") from None
        if (
            not isinstance(about, dict)
            or not set(_ABOUT) <= set(about)
            or about["form"] != FORM
            or not self._file.schema_arrow.equals(_SCHEMA)
            or self._file.metadata.num_rows != about["records"]
        ):
            raise FormatError("The lookup is of another version, or incomplete", where=str(folder), do="build it again")
        self.build: str = about["build"]
        self.date: str = about["date"]
        self.file: str = about["file"]
        self.aligned: bool = about["aligned"]
        self.records: int = about["records"]
        self.null_genes: Mapping[str, int] = about["null_genes"]
        """Pathogenic null variants with a star or more, by gene."""

    @cached_property
    def places(self) -> Mapping[str, list[tuple[int, int]]]:
        """First and last base of every variant, by chromosome, for one look into a genome."""
        table = self._file.read(columns=["chromosome", "start", "end"])
        found: dict[str, list[tuple[int, int]]] = {}
        chromosomes = table["chromosome"].combine_chunks().dictionary_encode()
        codes, starts, ends = chromosomes.indices.to_numpy(), table["start"].to_numpy(), table["end"].to_numpy()
        for code, name in enumerate(chromosomes.dictionary.to_pylist()):
            own = codes == code
            found[name] = list(zip(starts[own].tolist(), ends[own].tolist(), strict=True))
        return found

    def at(self, wanted: Iterable[Variant]) -> Mapping[Variant, Entry]:
        """What is said of each variant; those of which nothing is said are not among the keys."""
        sought = set(wanted)
        found: dict[Variant, list[Entry]] = {}
        for entry in self._rows(_starts(sought)):
            if entry.variant in sought:
                found.setdefault(entry.variant, []).append(entry)
        return {variant: merged(entries) for variant, entries in found.items()}

    def near(self, variant: Variant, reach: int) -> list[Entry]:
        """Entries that begin within `reach` bases of a variant."""
        starts = set(range(variant.start - reach, variant.start + reach + 1))
        return list(self._rows({variant.chromosome: starts}))

    def _rows(self, starts: Mapping[str, set[int]]) -> Iterator[Entry]:
        ordered = {name: sorted(own) for name, own in starts.items()}
        for group in range(self._file.num_row_groups):
            about = self._file.metadata.row_group(group)
            name, first, last = about.column(0).statistics.min, about.column(1).statistics.min, about.column(1).statistics.max
            if name != about.column(0).statistics.max:
                raise FormatError("The lookup is damaged", where=self.file, found="two chromosomes in one group", do="build it again")
            own = ordered.get(name, [])
            place = bisect_left(own, first)
            if place == len(own) or own[place] > last:
                continue
            there = self._file.read_row_group(group, columns=["start"])["start"].to_numpy()
            hits = np.flatnonzero(np.isin(there, own))
            if len(hits):
                for row in self._file.read_row_group(group).take(hits).to_pylist():
                    yield _entry(row)


def merged(entries: list[Entry]) -> Entry:
    """One answer from several records of one variant: the most trusted; `conflicting` where those that say something differ."""
    telling = [e for e in entries if e.classification != "none"] or entries
    best = max(telling, key=lambda e: (e.stars, e.words))
    kinds = {_side(e.classification) for e in telling} - {""}
    if len(kinds) < 2:
        return best
    words = "|".join(dict.fromkeys(e.words for e in telling))
    return Entry(
        best.variant, best.identifier, best.genes, "conflicting", words, best.status, min(best.stars, 1), best.conditions, best.inheritance,
        best.consequence, best.protein,
    )  # fmt: skip


def _side(name: str) -> str:
    if name in ("pathogenic", "likely_pathogenic", "pathogenic_or_likely"):
        return "P"
    if name in ("benign", "likely_benign", "benign_or_likely"):
        return "B"
    return {"uncertain": "U", "conflicting": "C"}.get(name, "")


def _starts(sought: Iterable[Variant]) -> dict[str, set[int]]:
    starts: dict[str, set[int]] = {}
    for variant in sought:
        starts.setdefault(variant.chromosome, set()).add(variant.start)
    return starts


def _entry(row: Mapping[str, Any]) -> Entry:
    def parts(column: str) -> tuple[str, ...]:
        return tuple(x for x in row[column].split("|") if x)

    return Entry(
        Variant(row["chromosome"], row["start"], row["ref"], row["alt"]), row["identifier"], parts("genes"), row["class"], row["words"],
        row["status"], row["stars"], parts("conditions"), parts("inheritance"), row["consequence"], row["protein"],
    )  # fmt: skip


@dataclass(slots=True)
class _Made:
    records: int
    no_sequence: int
    unknown: Counter[str]
    classes: Counter[str]
    null_genes: dict[str, int]


def _form(file: VariantFile) -> Mapping[str, Any]:
    for form in fields()["forms"]:
        if set(form["needs"]) <= set(file.header.info):
            found: Mapping[str, Any] = form
            return found
    raise FormatError(
        "Not a VCF of ClinVar that is read", where=file.path.name, found=sorted(file.header.info)[:12],
        expected=[form["needs"] for form in fields()["forms"]], do="take clinvar.vcf.gz from NCBI, of October 2017 or later",
    )  # fmt: skip


def _write(
    file: VariantFile, into: Path, form: Mapping[str, Any], reference: Reference | None, total: int, progress: Callable[[int, int], None]
) -> _Made:
    made = _Made(0, 0, Counter(), Counter(), {})
    nulls: Counter[str] = Counter()
    done, seen = 0, set[str]()
    with pq.ParquetWriter(into / TABLE, _SCHEMA, compression="zstd") as writer:
        for name, records in itertools.groupby(file.records(), key=lambda r: r.chromosome.removeprefix("chr").replace("MT", "M")):
            if name in seen:
                raise FormatError("A chromosome stands in two places of the file", where=file.path.name, found=name, do="sort it")
            seen.add(name)
            rows = []
            for record in records:
                done += 1
                if done % STEP == 0:
                    progress(done, total)
                fresh = _rows_of(record, name, form, reference, made)
                made.no_sequence += not fresh
                rows += fresh
            rows.sort(key=lambda row: (row["start"], row["ref"], row["alt"], row["identifier"]))
            for row in rows:
                made.classes[row["class"]] += 1
                if row["stars"] >= TRUSTED and _side(row["class"]) == "P" and _null(row["consequence"]):
                    nulls.update(row["genes"].split("|"))
            made.records += len(rows)
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, _SCHEMA), row_group_size=GROUP)
    progress(done, total)
    made.null_genes = dict(sorted(nulls.items()))
    return made


def _null(consequence: str) -> bool:
    return bool(set(consequence.split("|")) & set(fields()["null"]))


def _rows_of(record: Record, name: str, form: Mapping[str, Any], reference: Reference | None, made: _Made) -> list[dict[str, Any]]:
    info = dict(part.partition("=")[::2] for part in record.info.split(";"))

    def said(key: str) -> str:
        named = form.get(key) or ""
        for field in [named] if isinstance(named, str) else named:
            value = record.name if field == "ID" else info.get(field, "")
            if value and value != ".":
                return str(value)
        return ""

    words, status = said("words"), said("status")
    kind, unknown = class_of(words, status)
    made.unknown.update(unknown)
    stars = stars_of(status)
    if stars is None:
        made.unknown[plain(status) or "no review status"] += 1
    genes = [part.partition(":")[0] for part in said("gene").split("|") if part]
    common = {
        "chromosome": name, "identifier": said("identifier"), "genes": "|".join(dict.fromkeys(genes)), "class": kind,
        "words": said("detail") or words, "status": status, "stars": stars or 0, "conditions": _conditions(said("conditions")),
        "inheritance": _inheritance(said("inheritance")),
        "consequence": _consequence(said("consequence")),
        "protein": said("protein").partition("|")[0],
    }  # fmt: skip
    rows = []
    for _, variant in variants(record):
        spelled = normalised(variant, reference)
        rows.append({**common, "start": spelled.start, "end": spelled.end, "ref": spelled.ref, "alt": spelled.alt})
    return rows


def _is_date(text: str) -> bool:
    try:
        calendar.fromisoformat(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _inheritance(said: str) -> str:
    return "|".join(inheritance_of(said))


@lru_cache(maxsize=4096)
def _consequence(said: str) -> str:
    terms = dict.fromkeys(part.rpartition(":")[2] for part in re.split(r"[,|;&]", said))
    return "|".join(term for term in terms if term and not term.startswith("SO") and not term.isdigit())


@lru_cache(maxsize=65_536)
def _conditions(said: str) -> str:
    names = dict.fromkeys(part.replace("..", ", ").replace("_", " ").strip() for part in said.split("|"))
    return "|".join(name for name in names if plain(name) not in ("not provided", "not specified", ""))
