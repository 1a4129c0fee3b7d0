"""Conform: where a VCF breaks its own specification, line by line, so that what is read from it is read with open eyes."""

from __future__ import annotations

import functools
import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import comb
from pathlib import Path

from consilium.genomics.vcf import COLUMNS, LINE, VERSIONS, opened
from consilium.knowledge.shelf import FOLDER, shelf
from consilium.knowledge.table import read_table

LINES = 200
"""Body lines looked at unless more are asked for."""
STRUCTURED = ("INFO", "FORMAT", "FILTER", "ALT", "contig", "META", "SAMPLE", "PEDIGREE")
TYPES = {"INFO": ("Integer", "Float", "Flag", "Character", "String"), "FORMAT": ("Integer", "Float", "Character", "String")}
PREFIXES = ("DEL", "INS", "DUP", "INV", "CNV", "BND", "TRA", "*", "NON_REF", "CN")
_INT = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"(?i)[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|infinity|nan)")
_NAME = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*|1000G")
_CONTIG = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-]+")
_BASES = re.compile(r"(?i)[ACGTN]+")
_BREAKEND = re.compile(r"(?i)([ACGTN]+|\.)?[\[\]][^\[\]\s,]+:\d+[\[\]]([ACGTN]+|\.)?")
_CIGAR = re.compile(r"(\d+[MIDNSHPX=])+")
_URL = re.compile(r"(?i)<?(file:///\S+|(ftp|https?|sftp)://(?:[^\s@/]+@)?(?=[^:/]*[a-z.])[\w.-]+(:\d+)?(/\S*)?)>?")
_SMALLEST, _LARGEST = -(2**31) + 8, 2**31 - 1


@dataclass(frozen=True, slots=True)
class Breach:
    """One place where the specification is broken: the line (0: the whole file), and what is wrong, in words."""

    line: int
    what: str


@dataclass(slots=True)
class _Declared:
    """What the header has declared so far."""

    version: str = ""
    fields: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    columns: int = 0


@functools.cache
def _reserved() -> Mapping[tuple[str, str], tuple[str, str]]:
    rows = read_table(FOLDER / "vcf_reserved.csv", ("field", "id", "number", "type", "source"), shelf().sources)
    return {(r.text("field"), r.text("id")): (r.text("number"), r.text("type")) for r in rows}


def breaches(path: str | Path, lines: int | None = LINES) -> Iterator[Breach]:
    """Where a file breaks the specification: its whole header, and as many body lines as asked for (None: all).

    What cannot be gone on after (no header, a damaged archive) ends the report, with the reason as its last breach.
    """
    path = Path(path)
    declared, body = _Declared(), _Body()
    number = 0
    try:
        with opened(path) as stream:
            while raw := stream.readline(LINE):
                number += 1
                if b"\n" not in raw:
                    yield Breach(number, "the last line does not end")
                text = raw.rstrip(b"\r\n").decode("utf-8", "replace")
                if number == 1:
                    text = text.removeprefix("\ufeff")
                    declared.version = text.removeprefix("##fileformat=")
                    if not text.startswith("##fileformat=") or declared.version not in VERSIONS:
                        yield Breach(1, f"the first line is {text[:40]!r}, not ##fileformat and a version that is read")
                        return
                elif declared.columns == 0 and text.startswith("##"):
                    yield from (Breach(number, what) for what in _meta(text, declared))
                elif declared.columns == 0:
                    found = _columns(text)
                    if found:
                        yield Breach(number, found)
                        return
                    declared.columns = len(text.split("\t"))
                else:
                    body.count += 1
                    if lines is not None and body.count > lines:
                        return
                    yield from (Breach(number, what) for what in _row(text, declared, body))
    except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as broken:
        yield Breach(number, f"the file is cut short or damaged: {broken}")
        return
    if declared.columns == 0:
        yield Breach(number, "there is no header line (#CHROM ...)")


def _columns(text: str) -> str:
    cells = text.split("\t")
    if tuple(cells[:8]) != COLUMNS:
        return f"the header line is not {' '.join(COLUMNS)}"
    if len(cells) > 8 and cells[8] != "FORMAT":
        return f"the ninth column is {cells[8]!r}, not FORMAT"
    if len(cells) == 9:
        return "FORMAT is there and no sample"
    if len(set(cells[9:])) != len(cells[9:]):
        return "two samples share a name"
    return "a sample has no name" if any(not c.strip() for c in cells[9:]) else ""


def _meta(text: str, declared: _Declared) -> Iterator[str]:
    key, sign, value = text[2:].partition("=")
    if not sign or not value or not key:
        yield "a header line is not a key and a value"
        return
    if not re.fullmatch(r"[0-9A-Za-z_.-]+", key):
        yield f"{key!r} is no key"
        return
    if key == "fileformat":
        yield "the file format is stated twice"
    if key in STRUCTURED and key not in ("SAMPLE", "PEDIGREE") and not value.startswith("<"):
        yield f"{key} is not written as <ID=...>"
        return
    if key in ("SAMPLE", "PEDIGREE") and not value.startswith("<"):
        yield f"{key} is not written as <...>"
        return
    if key in ("assembly", "pedigreeDB"):
        if not _URL.fullmatch(value):
            yield f"{key} is no address"
        return
    if not value.startswith("<") or (key not in STRUCTURED and declared.version in VERSIONS[:3]):
        return
    if not value.endswith(">"):
        yield f"{key} is not closed"
        return
    pairs, wrong = _pairs(value[1:-1])
    if wrong:
        yield f"{key}: {wrong}"
        return
    if key in STRUCTURED:
        yield from _structured(key, pairs, declared)


def _pairs(inside: str) -> tuple[list[tuple[str, str, bool]], str]:
    """Key, value and whether it was quoted, of `a=b,c="d"`; and what is wrong with it."""
    found: list[tuple[str, str, bool]] = []
    rest = inside
    while rest:
        match = re.match(r'([0-9A-Za-z_.-]+)=(?:"((?:[^"\\]|\\.)*)"|(\[[^\]]*\])|((?!")[^,]*))(,|$)', rest)
        if match is None:
            return found, f"{rest[:40]!r} is not key=value"
        key, quoted, listed, plain = match[1], match[2], match[3], match[4]
        found.append((key, next(x for x in (quoted, listed, plain, "") if x is not None), quoted is not None))
        rest = rest[match.end() :]
        if match[5] == "," and not rest:
            return found, "it ends in a comma"
    return found, "" if found else "it is empty"


def _structured(key: str, pairs: list[tuple[str, str, bool]], declared: _Declared) -> Iterator[str]:
    values = {k: v for k, v, _ in pairs}
    quoted = {k for k, _, q in pairs if q}
    names = [k for k, _, _ in pairs]
    modern = declared.version in VERSIONS[3:]
    if len(names) != len(set(names)):
        yield f"{key} states a key twice"
    if key == "PEDIGREE" and not modern:
        for value in values.values():
            if not re.fullmatch(r"[0-9A-Za-z_.-]+", value):
                yield f"PEDIGREE has the value {value!r}"
        return
    if not values.get("ID"):
        yield f"{key} has no ID"
        return
    name = values["ID"]
    if names[0] != "ID":
        yield f"{key} does not begin with its ID"
    if (key, name) in declared.seen and (modern or key != "contig"):
        yield f"{key} {name} is declared twice"
    declared.seen.add((key, name))
    pattern = {"INFO": _NAME, "FORMAT": _NAME, "contig": _CONTIG}.get(key, re.compile(r"[^\s,;<>\"*]+" if key != "ALT" else r"[^\s,<>]+"))
    if not (pattern if modern or key != "contig" else re.compile(r"[^\s,]+")).fullmatch(name) or ("*" in name and key == "SAMPLE"):
        yield f"{key} has the ID {name!r}"
    if key == "SAMPLE" and not modern:
        if not {"Genomes", "Mixture"} <= values.keys() or quoted - {"Description"}:
            yield f"SAMPLE {name} does not state Genomes, Mixture and a description alone in quotation marks"
        return
    for other, value in values.items():
        if key in ("SAMPLE", "PEDIGREE") and other not in quoted and not re.fullmatch(r"[^\s:,]+", value):
            yield f"{key} has the value {value!r}"
    if key in ("INFO", "FORMAT"):
        yield from _field(key, name, names, values, quoted, declared)
    elif key in ("FILTER", "ALT"):
        yield from _worded(key, name, names, values, quoted, modern)
    elif key == "META" and modern:
        if names[:4] != ["ID", "Type", "Number", "Values"] and names[:4] != ["ID", "Number", "Type", "Values"]:
            yield "META does not state ID, Type, Number and Values"
        elif values["Type"] not in TYPES["INFO"] or not (values["Number"] == "." or _INT.fullmatch(values["Number"])):
            yield f"META has the type {values['Type']!r} and number {values['Number']!r}"
        elif not values["Values"].startswith("["):
            yield "META has values that are not in brackets"
    elif key == "contig" and values.get("length") and not _INT.fullmatch(values["length"]):
        yield f"contig {name} has the length {values['length']!r}"


def _field(key: str, name: str, names: list[str], values: Mapping[str, str], quoted: set[str], declared: _Declared) -> Iterator[str]:
    if names[:4] != ["ID", "Number", "Type", "Description"]:
        yield f"{key} {name} does not state ID, Number, Type and Description in this order"
        return
    number, kind = values["Number"], values["Type"]
    letters = "ARG." if declared.version != "VCFv4.1" else "AG."
    if declared.version in ("VCFv4.4", "VCFv4.5"):
        letters += "LMP"
    if number not in (*letters, "LA", "LR", "LG") and not number.isdigit():
        yield f"{key} {name} has the number {number!r}"
    if kind not in TYPES[key]:
        yield f"{key} {name} has the type {kind!r}"
    if "Description" not in quoted:
        yield f"{key} {name} has a description without quotation marks"
    due = _reserved().get((key, name))
    if due and not _agrees(due, (number, kind), declared.version):
        yield f"{key} {name} is declared as {kind} of number {number}; the specification reserves it as {due[1]} of number {due[0]}"
    declared.fields[key, name] = (number, kind)


def _agrees(due: tuple[str, str], found: tuple[str, str], version: str) -> bool:
    return due[1] == found[1] and (due[0] == found[0] or (due[0] == "R" and version == "VCFv4.1" and found[0] == "."))


def _worded(key: str, name: str, names: list[str], values: Mapping[str, str], quoted: set[str], modern: bool) -> Iterator[str]:
    rest = names[1:]
    if key == "ALT" and rest[:2] == ["Number", "Type"]:
        if not (values["Number"] in ("A", "R", "G", ".") or values["Number"].isdigit()) or values["Type"] not in TYPES["INFO"]:
            yield f"ALT {name} has the number {values['Number']!r} and type {values['Type']!r}"
        rest = rest[2:]
    if not rest or rest[0] != "Description":
        yield f"{key} {name} has no description after its ID"
    elif "Description" not in quoted:
        yield f"{key} {name} has a description without quotation marks"
    if key == "ALT" and not _symbol(name, modern):
        yield f"ALT {name} is no kind of structural variant"
    if key == "FILTER" and name == "0":
        yield "FILTER 0 is reserved"


def _symbol(name: str, modern: bool) -> bool:
    return (modern and ":" not in name) or name.split(":")[0] in PREFIXES


@dataclass(slots=True)
class _Body:
    """What the body has shown so far."""

    count: int = 0
    chromosome: str = ""
    start: int = 0
    done: set[str] = field(default_factory=set)
    near: dict[tuple[int, str, str], bool] = field(default_factory=dict)


def _row(text: str, declared: _Declared, body: _Body) -> Iterator[str]:
    cells = text.split("\t")
    if len(cells) != declared.columns:
        yield f"{len(cells)} columns, not {declared.columns}"
        return
    chromosome, place, names, ref, alt, quality, passed, info = cells[:8]
    bare = chromosome[1:-1] if chromosome.startswith("<") and chromosome.endswith(">") else chromosome
    if not re.fullmatch(r"[^\s,:<>=]+" if bare != chromosome else r"[^\s,:*<>=]+", bare):
        yield f"CHROM is {chromosome!r}"
    if not place.isdigit():
        yield f"POS is {place!r}"
        return
    yield from _order(bare, int(place), body)
    if names != ".":
        parts = names.split(";")
        if any(not re.fullmatch(r"\S+", p) for p in parts) or len(set(parts)) != len(parts):
            yield f"ID is {names!r}"
    if not _BASES.fullmatch(ref):
        yield f"REF is {ref!r}"
    alts = [] if alt == "." else alt.split(",")
    yield from _alts(ref, alts, int(place), body)
    if quality != "." and (not _FLOAT.fullmatch(quality) or quality.startswith("-")):
        yield f"QUAL is {quality!r}"
    if passed not in (".", "PASS"):
        parts = passed.split(";")
        if any(not re.fullmatch(r"\S+", p) or p in ("0", ".") for p in parts) or len(set(parts)) != len(parts):
            yield f"FILTER is {passed!r}"
    count = max(1, len(alts))  # where ALT is missing, values for the alternative that was looked for may stand
    yield from _info(info, count, declared)
    if len(cells) > 9:
        yield from _samples(cells[8], cells[9:], count, declared)


def _order(chromosome: str, start: int, body: _Body) -> Iterator[str]:
    if chromosome != body.chromosome:
        if chromosome in body.done:
            yield f"chromosome {chromosome} comes in two pieces"
        body.done.add(body.chromosome)
        body.chromosome, body.start = chromosome, start
        body.near.clear()
    elif start < body.start:
        yield f"position {start} comes after {body.start}"
    body.start = max(start, body.start)


def _alts(ref: str, alts: list[str], start: int, body: _Body) -> Iterator[str]:
    for alt in alts:
        symbolic = re.fullmatch(r"<([^\s<>,]+)>", alt)
        if not (_BASES.fullmatch(alt) or alt == "*" or symbolic or _breakend(alt)):
            yield f"ALT is {alt!r}"
    if len(set(alts)) != len(alts):
        yield "ALT names one allele twice"
    for alt in alts:
        if _BASES.fullmatch(alt):
            if alt.upper() == ref.upper():
                yield "ALT is the reference"
            key = _trimmed(start, ref.upper(), alt.upper())
            if key in body.near:
                yield f"{ref}>{alt} at {start} stands here already"
            body.near[key] = True
    if len(body.near) > 5_000:
        body.near.clear()


def _breakend(alt: str) -> bool:
    if re.fullmatch(r"(?i)\.[ACGTN]+|[ACGTN]+\.", alt):
        return True
    if not _BREAKEND.fullmatch(alt):
        return False
    return alt[0] not in "[]" or alt[-1] not in "[]"


def _trimmed(start: int, ref: str, alt: str) -> tuple[int, str, str]:
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt, start = ref[1:], alt[1:], start + 1
    return start, ref, alt


def _info(info: str, alts: int, declared: _Declared) -> Iterator[str]:
    if info == ".":
        return
    seen = set()
    for part in info.split(";"):
        key, sign, value = part.partition("=")
        if not _NAME.fullmatch(key) and not (declared.version == "VCFv4.1" and re.fullmatch(r"[^\s=;,]+", key)):
            yield f"INFO has the key {key!r}"
            continue
        if key in seen:
            yield f"INFO {key} stands twice"
        seen.add(key)
        due = declared.fields.get(("INFO", key)) or _reserved().get(("INFO", key))
        if re.search(r"\s", value):
            yield f"INFO {key} holds white space"
        if due is None:
            if sign and re.fullmatch(r"[+-]?\d+", value) and not _SMALLEST <= int(value) <= _LARGEST:
                yield f"INFO {key} is {value}, outside 32 bits"
            continue
        number, kind = due
        if kind == "Flag":
            if sign and value not in ("1", "0"):
                yield f"INFO {key} is a flag and has the value {value!r}"
            continue
        if not sign:
            yield f"INFO {key} has no value"
            continue
        if ("INFO", key) not in _reserved() and (number == "G" or kind == "String"):
            number = "."  # G has no meaning without a genotype, and text may hold commas
        yield from (f"INFO {key} {what}" for what in _values(value, number, kind, alts, 2, key))


def _values(value: str, number: str, kind: str, alts: int, ploidy: int, key: str) -> Iterator[str]:
    if value in (".", ""):
        return
    parts = value.split(",")
    due = {"A": alts, "R": alts + 1, "G": comb(alts + ploidy, ploidy)}.get(number) if not number.isdigit() else int(number)
    if due is not None and len(parts) != due:
        yield f"has {len(parts)} values, not {due}"
    for part in parts:
        if part == ".":
            continue
        if kind == "Integer" and (not _INT.fullmatch(part) or not _SMALLEST <= int(part) <= _LARGEST):
            yield f"is {part!r}, no whole number of 32 bits"
        elif kind == "Float" and not _FLOAT.fullmatch(part):
            yield f"is {part!r}, no number"
        elif kind == "Character" and len(part) != 1:
            yield f"is {part!r}, more than one character"
        elif kind in ("Integer", "Float") and part.startswith("-") and key in _NOT_NEGATIVE:
            yield f"is {part}, less than nothing"
        elif key == "AF" and kind == "Float" and float(part) > 1:
            yield f"is {part}, more than all"
        elif key == "CIGAR" and not _CIGAR.fullmatch(part):
            yield f"is {part!r}"


_NOT_NEGATIVE = ("AC", "AN", "AF", "DP", "MQ0", "NS", "END", "AD", "ADF", "ADR", "GQ", "PL", "PQ", "HQ", "GP", "EC", "MQ", "BQ")


def _samples(form: str, cells: list[str], alts: int, declared: _Declared) -> Iterator[str]:
    if form == ".":
        return
    keys = form.split(":")
    pattern = _NAME if declared.version in VERSIONS[3:] else re.compile(r"[A-Za-z][0-9A-Za-z]*")
    if any(not pattern.fullmatch(k) for k in keys):
        yield f"FORMAT is {form!r}"
        return
    if len(set(keys)) != len(keys):
        yield "FORMAT names one field twice"
    if "GT" in keys and keys[0] != "GT":
        yield "GT is not the first field of FORMAT"
    for cell in cells:
        values = cell.split(":")
        if len(values) > len(keys):
            yield f"a sample has {len(values)} fields, more than FORMAT"
        ploidy = 2
        for key, value in zip(keys, values, strict=False):
            if key == "GT":
                if not re.fullmatch(r"[/|]?(\.|\d+)([/|](\.|\d+))*", value):
                    yield f"GT is {value!r}"
                elif any(int(i) > alts for i in re.findall(r"\d+", value)):
                    yield f"GT is {value!r} with {alts} alternative alleles"
                ploidy = len(re.findall(r"\.|\d+", value)) or 2
                continue
            due = declared.fields.get(("FORMAT", key)) or _reserved().get(("FORMAT", key))
            if due is not None:
                yield from (f"{key} {what}" for what in _values(value, due[0], due[1], alts, ploidy, key))
