"""Drugs: which ingredients a drug has, to which classes they belong, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from consilium.core.code import split
from consilium.core.source import Source
from consilium.knowledge.concept import Concept
from consilium.knowledge.table import Row, read_table

CLASSES = ("class", "name", "name_zh", "source")
DRUGS = ("ingredient", "name_zh", "rxnorm", "atc", "classes", "synonyms", "source")
PRODUCTS = ("rxnorm", "name", "ingredients", "source")
_WORD = re.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*")
_HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Ingredient:
    """An active ingredient, named as RxNorm names it; `rxnorm` is empty where its code could not be checked."""

    name: str
    name_zh: str
    rxnorm: str
    atc: str
    classes: frozenset[str]
    synonyms: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Drugs:
    """Ingredients, classes and products.

    Examples
    --------
    >>> from consilium.knowledge import shelf
    >>> drugs = shelf().drugs
    >>> drugs.ingredients("MEDICATION//RxNorm//309362")
    ('clopidogrel',)
    >>> drugs.ingredients("TEXT//Paracetamol 500 mg tablets")
    ('acetaminophen',)
    >>> "nsaids" in drugs.classes("ibuprofen")
    True
    """

    known: Mapping[str, Ingredient]
    class_names: Mapping[str, Concept]
    by_code: Mapping[str, tuple[str, ...]]
    by_words: Mapping[tuple[str, ...], str]
    by_han: Mapping[str, str]

    def ingredients(self, code: str, text: str = "") -> tuple[str, ...]:
        """The ingredients of a drug, by its code (RxNorm product or ingredient, ATC) or else by the words it was sent with.

        Parameters
        ----------
        code : str
            Event code or bare concept.
        text : str
            The display as sent.

        Returns
        -------
        tuple of str
            Sorted; empty when neither code nor words are known. Where code and words name different drugs one of them is
            wrong, and both are returned, so that a check for harm misses neither.
        """
        parts = split(code)
        coded = self.by_code.get(f"{parts.vocabulary}//{parts.code}", ())
        said = self.named(text) or (self.named(parts.code) if parts.vocabulary in ("TEXT", "") else ())
        if coded and said and not set(coded) & set(said):
            return tuple(sorted({*coded, *said}))
        return coded or said

    def named(self, text: str) -> tuple[str, ...]:
        """The ingredients that a text names, as whole words in any case or by their Chinese names; longer names win."""
        words = tuple(_WORD.findall(text.casefold()))
        found: set[str] = set()
        at = 0
        while at < len(words):
            for length in (5, 4, 3, 2, 1):
                ingredient = self.by_words.get(words[at : at + length]) if at + length <= len(words) else None
                if ingredient is not None:
                    found.add(ingredient)
                    at += length - 1
                    break
            at += 1
        if _HAN.search(text):
            for name, ingredient in self.by_han.items():
                if name in text:
                    found.add(ingredient)
                    text = text.replace(name, " ")
        return tuple(sorted(found))

    def classes(self, ingredient: str) -> frozenset[str]:
        """The classes of an ingredient; none when it is not known."""
        known = self.known.get(ingredient)
        return known.classes if known else frozenset()

    def name(self, key: str, language: str = "en") -> str:
        """What an ingredient or a class is called in a language; the key itself when it is not known."""
        ingredient, group = self.known.get(key), self.class_names.get(key)
        if ingredient is not None:
            return ingredient.name_zh if language == "zh" else ingredient.name
        if group is not None:
            return group.name_zh if language == "zh" else group.name
        return key

    def concepts(self) -> dict[str, Concept]:
        """Ingredients and products as concepts, so that their codes have names."""
        found = {
            f"{system}//{code}": Concept(f"{system}//{code}", drug.name, drug.name_zh, "", drug.source)
            for drug in self.known.values()
            for system, code in (("RxNorm", drug.rxnorm), ("ATC", drug.atc))
            if code
        }
        return found


def read_drugs(folder: Path, sources: Mapping[str, Source]) -> tuple[Drugs, dict[str, Concept]]:
    """Read `drug_classes.csv`, `drugs.csv` and `drug_products.csv`.

    Returns
    -------
    (Drugs, dict of str to Concept)
        The drugs, and the concepts of their codes.

    Raises
    ------
    KnowledgeError
        When a name or code stands twice, or a row names an unknown class or ingredient.
    """
    class_names: dict[str, Concept] = {}
    for row in read_table(folder / "drug_classes.csv", CLASSES, sources):
        key = row.text("class")
        if key in class_names:
            row.fail("A class stands twice", found=key)
        class_names[key] = Concept(key, row.text("name"), row.text("name_zh"), "", row.cells["source"])
    known: dict[str, Ingredient] = {}
    by_code: dict[str, tuple[str, ...]] = {}
    by_words: dict[tuple[str, ...], str] = {}
    by_han: dict[str, str] = {}
    for row in read_table(folder / "drugs.csv", DRUGS, sources):
        drug = _ingredient(row, class_names)
        for system, code in (("RxNorm", drug.rxnorm), ("ATC", drug.atc)):
            if code and f"{system}//{code}" in by_code:
                row.fail("A drug code stands twice", found=code)
            if code:
                by_code[f"{system}//{code}"] = (drug.name,)
        for name in (drug.name, *(s for s in drug.synonyms if not _HAN.search(s))):
            _put(row, by_words, tuple(_WORD.findall(name.casefold())), drug.name)
        for name in (drug.name_zh, *(s for s in drug.synonyms if _HAN.search(s))):
            _put(row, by_han, name, drug.name)
        known[drug.name] = drug
    ordered = dict(sorted(by_han.items(), key=lambda item: -len(item[0])))  # 泼尼松龙 before 泼尼松
    names: dict[str, str] = {}
    for row in read_table(folder / "drug_products.csv", PRODUCTS, sources):
        code, parts = f"RxNorm//{row.text('rxnorm')}", row.words("ingredients")
        unknown = [part for part in parts if part not in known]
        if unknown or not parts or code in by_code:
            row.fail("A product stands twice or has no known ingredient", found=unknown or row.cells["rxnorm"])
        by_code[code] = tuple(sorted(parts))
        names[code] = row.text("name")
    drugs = Drugs(*(MappingProxyType(mapping) for mapping in (known, class_names, by_code, by_words, ordered)))
    products = {
        code: Concept(code, name, f"{'/'.join(known[i].name_zh for i in by_code[code])}（{name}）", "", known[by_code[code][0]].source)
        for code, name in names.items()
    }
    return drugs, {**drugs.concepts(), **products}


def _ingredient(row: Row, class_names: Mapping[str, Concept]) -> Ingredient:
    classes = row.words("classes")
    unknown = [key for key in classes if key not in class_names]
    if unknown:
        row.fail("A drug belongs to a class that drug_classes.csv does not have", found=unknown)
    cells = row.cells
    return Ingredient(
        row.text("ingredient"),
        row.text("name_zh"),
        cells["rxnorm"],
        cells["atc"],
        frozenset(classes),
        row.words("synonyms"),
        cells["source"],
    )


def _put(row: Row, names: dict[Any, str], name: Any, ingredient: str) -> None:
    if names.get(name, ingredient) != ingredient or not name:
        row.fail("A name stands for two ingredients, or for none", found=name)
    names[name] = ingredient
