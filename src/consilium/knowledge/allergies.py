"""Allergies: which drugs a recorded allergy speaks against, by itself or by cross-reaction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from consilium.core.code import concept, split
from consilium.core.source import Source
from consilium.knowledge.concept import Concept
from consilium.knowledge.drugs import Drugs
from consilium.knowledge.table import read_table

ALLERGIES = ("code", "name", "name_zh", "to", "source")
CROSS_REACTIONS = ("allergy_to", "avoid", "certainty", "source")
CERTAINTIES = ("allergy", "cross-reaction")


@dataclass(frozen=True, slots=True)
class AllergyRule:
    """What to avoid (an ingredient or a class), how certainly (`allergy` or `cross-reaction`), and who says so."""

    avoid: str
    certainty: str
    source: str


@dataclass(frozen=True, slots=True)
class Allergies:
    """What each allergy concept is an allergy to, and what crosses over.

    Examples
    --------
    >>> from consilium.knowledge import shelf
    >>> rules = shelf().allergies.against("ALLERGY//SNOMED//91936005")
    >>> [(rule.avoid, rule.certainty) for rule in rules]
    [('penicillins', 'allergy'), ('carbapenems', 'cross-reaction'), ('cephalosporins', 'cross-reaction')]
    """

    to: Mapping[str, tuple[str, ...]]
    crossing: Mapping[str, tuple[AllergyRule, ...]]
    drugs: Drugs
    sources: Mapping[str, str]

    def against(self, allergy_code: str, text: str = "") -> tuple[AllergyRule, ...]:
        """What a recorded allergy speaks against.

        Parameters
        ----------
        allergy_code : str
            Event code or bare concept: a SNOMED allergy or substance, an RxNorm or ATC drug, or `TEXT//...`.
        text : str
            The display as sent, used where the code is not known: names of ingredients or classes, or a ward's short word.

        Returns
        -------
        tuple of AllergyRule
            Certain rules first; empty when the allergy is not to a drug, or not known.
        """
        parts = split(allergy_code)
        said = parts.code if parts.vocabulary in ("TEXT", "") else text
        key = next((k for k in (concept(allergy_code), f"TEXT//{said.strip().casefold()}") if k in self.to), "")
        if key:
            subjects = dict.fromkeys(self.to[key], self.sources[key])
        else:
            named = self.drugs.ingredients(allergy_code, text)
            subjects = {drug: self.drugs.known[drug].source for drug in named}
            subjects |= {group: self.drugs.class_names[group].source for group in self._classes_in(f"{said} {text}")}
        rules = {subject: AllergyRule(subject, "allergy", source) for subject, source in subjects.items()}
        for subject in subjects:
            for group in (subject, *sorted(self.drugs.classes(subject))):
                for rule in self.crossing.get(group, ()):
                    if rule.avoid not in rules or rule.certainty == "allergy":
                        rules[rule.avoid] = rule
        return tuple(sorted(rules.values(), key=lambda rule: (CERTAINTIES.index(rule.certainty), rule.avoid)))

    def knows(self, allergy_code: str, text: str = "") -> bool:
        """Whether the shelf knows what the allergy is to, be it a drug or not; drugs cannot be checked against an unknown one."""
        return concept(allergy_code) in self.to or bool(self.against(allergy_code, text))

    def _classes_in(self, text: str) -> set[str]:
        """Classes that a text names, as whole words in singular or plural, or by their Chinese names."""
        said = f" {_singular(text)} "
        return {key for key, group in self.drugs.class_names.items() if f" {_singular(group.name)} " in said or group.name_zh in text}


def _singular(text: str) -> str:
    return " ".join(word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", text.casefold()))


def read_allergies(folder: Path, sources: Mapping[str, Source], drugs: Drugs) -> tuple[Allergies, dict[str, Concept]]:
    """Read `allergies.csv` and `cross_reactions.csv`.

    Returns
    -------
    (Allergies, dict of str to Concept)
        The rules, and the concepts of the allergy codes.

    Raises
    ------
    KnowledgeError
        When a code stands twice, or a row names an unknown ingredient, class or certainty.
    """
    to: dict[str, tuple[str, ...]] = {}
    concepts: dict[str, Concept] = {}
    for row in read_table(folder / "allergies.csv", ALLERGIES, sources):
        code, subjects = row.text("code"), row.words("to")
        unknown = [subject for subject in subjects if subject not in drugs.known and subject not in drugs.class_names]
        if unknown or code in to:
            row.fail("An allergy stands twice, or is to an unknown ingredient or class", found=unknown or code)
        to[code] = subjects
        concepts[code] = Concept(code, row.text("name"), row.text("name_zh"), "", row.cells["source"])
    crossing: dict[str, tuple[AllergyRule, ...]] = {}
    for row in read_table(folder / "cross_reactions.csv", CROSS_REACTIONS, sources):
        subject, avoid = row.text("allergy_to"), row.text("avoid")
        unknown = [key for key in (subject, avoid) if key not in drugs.known and key not in drugs.class_names]
        if unknown:
            row.fail("A cross-reaction names an unknown ingredient or class", found=unknown)
        rule = AllergyRule(avoid, row.one_of("certainty", CERTAINTIES), row.cells["source"])
        crossing[subject] = (*crossing.get(subject, ()), rule)
    named = MappingProxyType({code: one.source for code, one in concepts.items()})
    return Allergies(MappingProxyType(to), MappingProxyType(crossing), drugs, named), concepts
