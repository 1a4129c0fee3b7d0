"""Evidence: the criteria of ACMG/AMP 2015 that the data at hand can meet for one variant, with their facts; never a classification."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consilium.core.errors import FormatError
from consilium.core.inherited import PATHOGENIC, Criterion
from consilium.genomics.clinvar import TRUSTED, ClinVar, Entry
from consilium.genomics.hgvs import Protein, read_hgvs
from consilium.genomics.variant import Variant
from consilium.knowledge.inherited import criteria, fields

COMMON, FREQUENT, RARE = 0.05, 0.01, 0.0001
"""Allele frequencies of BA1 (Richards 2015), of BS1 and of PM2 where no threshold of the disease is known."""
MECHANISM = 3
"""Pathogenic null variants with a star or more that make loss of function a known mechanism of a gene, by the lookup itself."""
CODON = 2
"""Bases to each side within which another change of the same codon lies."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a file says of one alternative: gene, Sequence Ontology terms, protein change, and frequencies by population."""

    gene: str = ""
    consequence: tuple[str, ...] = ()
    protein: str = ""
    frequencies: Mapping[str, float] | None = None


def annotation(info: str, alt_number: int, alts: Iterable[str], described: Mapping[str, str]) -> Annotation:
    """Read the annotation (`CSQ`, `ANN`) and the population frequencies of one alternative from INFO.

    Of several transcripts the one marked canonical or MANE counts, else the first.

    Parameters
    ----------
    info : str
        As written.
    alt_number : int
        Which alternative, counted from 1.
    alts : iterable of str
        All alternatives of the line, as written.
    described : mapping of str to str
        Description of each INFO field, from the header.
    """
    said = dict(part.partition("=")[::2] for part in info.split(";"))
    frequencies = {}
    for key, population in fields()["frequencies"].items():
        values = said.get(key, "").split(",")
        value = values[alt_number - 1] if alt_number <= len(values) else ""
        if key in described and value not in ("", "."):
            try:
                frequencies[population] = float(value)
            except ValueError:
                continue
    for key, names in fields()["annotations"].items():
        if key in said and (columns := _columns(described.get(key, ""))):
            chosen = _chosen(said[key], columns, names, alt_number, list(alts))
            if chosen:
                for column, population in fields()["frequencies"].items():
                    if population not in frequencies and chosen.get(column, "").replace(".", "", 1).replace("e-", "", 1).isdigit():
                        frequencies[population] = float(chosen[column])
                terms = tuple(t for t in re.split(r"[&,]", chosen.get(names["consequence"], "")) if t)
                protein = chosen.get(names["protein"], "").replace("%3D", "=")
                return Annotation(chosen.get(names["gene"], ""), terms, protein, frequencies)
    return Annotation(frequencies=frequencies)


def evidence(
    variant: Variant, entry: Entry | None, told: Annotation, lookup: ClinVar | None, *, in_trans: str = ""
) -> tuple[tuple[Criterion, ...], tuple[str, ...]]:
    """The criteria that are met, and what the others lack.

    - BA1, BS1, PM2: from allele frequencies of named populations in the file. A variant that a population does not list has no
      frequency here: only a stated 0 is absence. BS1 takes 1 % where no threshold of the disease is known.
    - PVS1: a null variant (by annotation) in a gene where the lookup holds at least three pathogenic null variants with a star or more.
      Where in the transcript it lies, and whether a shorter product works, is not looked at.
    - PS1, PM5: protein changes of pathogenic entries with a star or more in the same codon.
    - PM3: `in_trans` names a pathogenic variant on the other strand, where the phase is known.
    - PP5 and BP6 are never used: another laboratory's word without its data would count the same evidence twice (ClinGen 2018).

    Parameters
    ----------
    variant : Variant
    entry : Entry or None
        What the lookup says of it.
    told : Annotation
    lookup : ClinVar or None
    in_trans : str
        Name of a pathogenic variant of a recessive disease known to lie on the other strand.

    Returns
    -------
    (tuple of Criterion, tuple of str)
        Met criteria in the guideline's order; keys of what is lacking: those of `criteria.csv`, and `frequency`, `consequence`,
        `protein`, `mechanism`, `codon`.
    """
    met: dict[str, Mapping[str, str]] = {}
    lacking = dict.fromkeys(c.lacks for c in criteria().values() if c.computed == "no")
    _frequency(told, met, lacking)
    gene = told.gene or (entry.genes[0] if entry and entry.genes else "")
    terms = set(told.consequence) or set(entry.consequence.split("|") if entry and entry.consequence else ())
    protein = _protein(told.protein or (entry.protein if entry else ""))
    null = bool(terms & set(fields()["null"])) or (protein is not None and protein.null)
    if not terms and protein is None:
        lacking["consequence"] = None
    elif null and lookup is None:
        lacking["mechanism"] = None
    elif null and lookup is not None:
        known = lookup.null_genes.get(gene, 0)
        if known >= MECHANISM:
            named = told.protein or ", ".join(sorted(terms & set(fields()["null"]))) or (str(protein) if protein else "")
            met["PVS1"] = {"gene": gene, "known": str(known), "change": named}
        else:
            lacking["mechanism"] = None
    if protein is None:
        lacking["protein"] = None
    elif lookup is not None and protein.change == "sub" and not protein.null:
        _codon(variant, protein, lookup, met, lacking)
    if in_trans:
        met["PM3"] = {"other": in_trans}
    order = list(criteria())
    return tuple(Criterion(code, criteria()[code].strength, met[code]) for code in sorted(met, key=order.index)), tuple(lacking)


def _frequency(told: Annotation, met: dict[str, Mapping[str, str]], lacking: dict[str, None]) -> None:
    if not told.frequencies:
        lacking["frequency"] = None
        return
    population, highest = max(told.frequencies.items(), key=lambda item: item[1])
    facts = {"population": population, "frequency": f"{highest:.2g}"}
    if highest > COMMON:
        met["BA1"] = facts
    elif highest > FREQUENT:
        met["BS1"] = facts
    elif highest < RARE:
        met["PM2"] = facts


def _codon(variant: Variant, protein: Protein, lookup: ClinVar, met: dict[str, Mapping[str, str]], lacking: dict[str, None]) -> None:
    """Pathogenic missense entries at the same residue: the same change (PS1), or another one (PM5)."""
    neighbours = [e for e in lookup.near(variant, CODON) if e.variant != variant]
    stated = [(e, p) for e in neighbours if (p := _protein(e.protein)) is not None]
    if neighbours and not stated:
        lacking["codon"] = None
    for other, change in stated:
        if other.classification not in PATHOGENIC or other.stars < TRUSTED or change.change != "sub" or change.null:
            continue
        if (change.start, change.first) != (protein.start, protein.first):
            continue
        met.setdefault("PS1" if change.new == protein.new else "PM5", {"other": other.protein, "identifier": other.identifier})
    if "PS1" in met:
        met.pop("PM5", None)


def _protein(name: str) -> Protein | None:
    try:
        found = read_hgvs(name.replace("(p.", "p.").rstrip(")") if name.startswith("(p.") else name) if name else None
    except FormatError:
        return None
    return found if isinstance(found, Protein) else None


def _columns(description: str) -> list[str]:
    """The names of an annotation's columns, from the header's description: `... Format: Allele|Consequence|...`."""
    found = re.search(r"([\w.]+(?: / [\w.]+)?\s*\|.*)", description)
    return [re.sub(r"[^\w.]", "", part.partition("/")[0]) for part in found[1].split("|")] if found else []


def _chosen(said: str, columns: list[str], names: Mapping[str, str], alt_number: int, alts: list[str]) -> dict[str, str] | None:
    rows = [dict(zip(columns, one.split("|"), strict=False)) for one in said.split(",")]
    alt = alts[alt_number - 1]
    spelled = {alt, alt[1:] or "-"}  # VEP leaves the anchoring base of insertions and deletions away
    own = [row for row in rows if row.get("Allele") in spelled or row.get("ALLELE_NUM") == str(alt_number)]
    own = own or (rows if len(alts) == 1 else [])
    marked = [row for row in own if row.get(names.get("mane", "")) or row.get(names.get("canonical", "")) == "YES"]
    return next(iter(marked or own), None)
