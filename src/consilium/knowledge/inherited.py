"""Inherited: what is written of inherited variants - the list of secondary findings, ClinVar's words, and the criteria of ACMG/AMP."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from consilium.core.inherited import CLASSES, Criterion
from consilium.knowledge.shelf import FOLDER, shelf
from consilium.knowledge.table import read_table, read_yaml

HOME = FOLDER / "inherited"
STRENGTHS = ("stand_alone", "very_strong", "strong", "moderate", "supporting")
INHERITANCES = ("AD", "AR", "XL")
_PATHOGENIC, _BENIGN = {"pathogenic", "likely_pathogenic"}, {"benign", "likely_benign"}
_PLACE = re.compile(r"(GRCh3[78]) (\w+-\d+-[ACGT]+-[ACGT]+)")


@dataclass(frozen=True, slots=True)
class SecondaryGene:
    """A gene of the list: the condition in both languages, inheritance, copies needed, and what alone counts.

    `only` is empty, `truncating`, or the places of the one variant that counts, by build.
    """

    gene: str
    condition: Mapping[str, str]
    inheritance: str
    copies: int
    truncating: bool
    only: Mapping[str, str]
    since: str
    source: str


@dataclass(frozen=True, slots=True)
class CriterionText:
    """What a criterion says, in both languages; `computed` is `yes`, `no` or `never`, and `lacks` what it would need."""

    code: str
    side: str
    strength: str
    text: Mapping[str, str]
    computed: str
    lacks: str
    source: str


@functools.cache
def secondary_genes() -> Mapping[str, SecondaryGene]:
    """The genes by symbol.

    Examples
    --------
    >>> secondary_genes()["MUTYH"].copies, secondary_genes()["TTN"].truncating
    (2, True)
    """
    columns = ("gene", "condition", "condition_zh", "inheritance", "copies", "only", "since", "source")
    found = {}
    for row in read_table(HOME / "secondary_findings.csv", columns, shelf().sources):
        gene, only = row.text("gene"), row.cells["only"]
        places = dict(_PLACE.findall(only))
        if gene in found or (only and only != "truncating" and not places):
            row.fail("A gene stands twice, or what alone counts cannot be read", found=(gene, only))
        copies = {"one": 1, "two": 2}[row.one_of("copies", ("one", "two"))]
        found[gene] = SecondaryGene(
            gene, MappingProxyType({"en": row.text("condition"), "zh": row.text("condition_zh")}), row.one_of("inheritance", INHERITANCES),
            copies, only == "truncating", MappingProxyType(places), row.text("since"), row.text("source"),
        )  # fmt: skip
    return MappingProxyType(found)


@functools.cache
def fields() -> Mapping[str, Any]:
    """Where VCFs of ClinVar and annotated VCFs keep what."""
    content: Mapping[str, Any] = read_yaml(HOME / "fields.yaml", shelf().sources)
    return content


def plain(words: str) -> str:
    """ClinVar's words as the tables here write them.

    Examples
    --------
    >>> plain("criteria_provided..single_submitter"), plain("Pathogenic,_low_penetrance")
    ('criteria provided single submitter', 'pathogenic low penetrance')
    """
    return " ".join(re.sub(r"[_,]|\.\.", " ", words).lower().split())


@functools.lru_cache(maxsize=4096)
def class_of(words: str, status: str = "") -> tuple[str, tuple[str, ...]]:
    """One class for what a source says, and the words that are not known here.

    Submitters who differ stay differing: pathogenic beside uncertain or benign is `conflicting`, as is uncertain beside benign.

    Examples
    --------
    >>> class_of("Pathogenic/Likely_pathogenic|risk_factor")[0], class_of("Benign|Uncertain_significance|not_provided")[0]
    ('pathogenic_or_likely', 'conflicting')
    """
    known = _classifications()
    found, unknown = set(), []
    for part in re.split(r"[|/;]", words):
        pieces = [plain(part)] if plain(part) in known else [plain(piece) for piece in part.split(",")]
        for piece in pieces:
            if piece in known:
                found.add(known[piece])
            elif piece:
                unknown.append(piece)
                found.add("other")
    found.discard("")
    sides = sum(bool(found & side) for side in (_PATHOGENIC, _BENIGN, {"uncertain"}))
    if "conflicting" in found or sides > 1 or "conflicting" in plain(status):
        return "conflicting", tuple(unknown)
    if found & _PATHOGENIC:
        return ("pathogenic_or_likely" if found >= _PATHOGENIC else (found & _PATHOGENIC).pop()), tuple(unknown)
    if found & _BENIGN:
        return ("benign_or_likely" if found >= _BENIGN else (found & _BENIGN).pop()), tuple(unknown)
    return next((name for name in ("uncertain", "risk", "other") if name in found), "none"), tuple(unknown)


@functools.lru_cache(maxsize=1024)
def stars_of(status: str) -> int | None:
    """Stars of a review status, None where the words are not known.

    Examples
    --------
    >>> stars_of("reviewed_by_expert_panel"), stars_of("criteria_provided,_multiple_submitters,_no_conflicts"), stars_of("so they say")
    (3, 2, None)
    """
    return _statuses().get(plain(status))


def inheritance_of(words: str) -> tuple[str, ...]:
    """Modes of inheritance in a source's words, as `AD`, `AR`, `XL`, `MT`.

    Examples
    --------
    >>> inheritance_of("Autosomal_recessive_inheritance|Autosomal_dominant_inheritance|Somatic_mutation")
    ('AD', 'AR')
    """
    said = {plain(part) for part in re.split(r"[|;]", words)}
    return tuple(sorted(mode for mode, names in fields()["inheritance"].items() if said & set(names)))


@functools.cache
def criteria() -> Mapping[str, CriterionText]:
    """The criteria of ACMG/AMP by code, in the guideline's order."""
    columns = ("criterion", "side", "strength", "text", "text_zh", "computed", "lacks", "source")
    found = {}
    for row in read_table(HOME / "criteria.csv", columns, shelf().sources):
        code, computed = row.text("criterion"), row.one_of("computed", ("yes", "no", "never"))
        if code in found or (computed == "yes") == bool(row.cells["lacks"]):
            row.fail("A criterion stands twice, or does not say what it lacks", found=code)
        found[code] = CriterionText(
            code, row.one_of("side", ("P", "B")), row.one_of("strength", STRENGTHS),
            MappingProxyType({"en": row.text("text"), "zh": row.text("text_zh")}), computed, row.cells["lacks"], row.text("source"),
        )  # fmt: skip
    return MappingProxyType(found)


def combined(met: Iterable[Criterion]) -> tuple[str, int]:
    """What the rules of ACMG/AMP would make of these criteria alone, and their points (Tavtigian 2020).

    `uncertain` where no rule is met, or rules of both sides are. It is a sum over what could be computed, not a classification.

    Examples
    --------
    >>> combined([Criterion("PVS1", "very_strong"), Criterion("PM2", "supporting")])
    ('likely_pathogenic', 9)
    >>> combined([Criterion("BA1", "stand_alone")])[0], combined([])
    ('benign', ('uncertain', 0))
    """
    rules, points = _combining()
    held: dict[str, Counter[str]] = {"P": Counter(), "B": Counter()}
    for criterion in met:
        held[criteria()[criterion.code].side][criterion.strength] += 1
    reached = [(side, name) for side, name, least in rules if all(held[side][s] >= n for s, n in least.items())]
    total = sum((1 if side == "P" else -1) * points.get(s, 0) * n for side, counts in held.items() for s, n in counts.items())
    if not reached or len({side for side, _ in reached}) > 1:
        return "uncertain", total
    return reached[0][1], total


@functools.cache
def _combining() -> tuple[tuple[tuple[str, str, Mapping[str, int]], ...], Mapping[str, int]]:
    rules = []
    for row in read_table(HOME / "combining.csv", ("side", "class", *STRENGTHS, "source"), shelf().sources):
        least = {s: int(n) for s in STRENGTHS if (n := row.number(s))}
        if not least:
            row.fail("A rule asks for nothing")
        rules.append((row.one_of("side", ("P", "B")), row.one_of("class", CLASSES), MappingProxyType(least)))
    points = {}
    for row in read_table(HOME / "points.csv", ("strength", "points", "source"), shelf().sources):
        points[row.one_of("strength", STRENGTHS)] = int(row.number("points") or 0)
    return tuple(rules), MappingProxyType(points)


@functools.cache
def _classifications() -> Mapping[str, str]:
    rows = read_table(HOME / "classifications.csv", ("words", "class", "source"), shelf().sources)
    return MappingProxyType({row.text("words"): row.one_of("class", ("", *CLASSES)) for row in rows})


@functools.cache
def _statuses() -> Mapping[str, int]:
    rows = read_table(HOME / "review_status.csv", ("words", "stars", "source"), shelf().sources)
    return MappingProxyType({row.text("words"): int(row.text("stars")) for row in rows})
