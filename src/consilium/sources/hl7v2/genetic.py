"""Genetic: OBX about one pharmacogene become the record's own genotype and phenotype; those about one variant are said together.

Source: HL7 v2.5.1 Lab Results Interface guide, chapter 5: OBX about one gene carry the same OBX-4 (`2a`), parts of it a longer one
(`2a.a`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from consilium.core.errors import InputError
from consilium.knowledge.shelf import shelf
from consilium.sources.fhir.gene import diplotypes, genetic_codes
from consilium.sources.hl7v2.block import Block, Item
from consilium.sources.hl7v2.coding import codings, words
from consilium.sources.hl7v2.message import Segment, plain
from consilium.sources.hl7v2.reading import Reading, Stretch

_UNCODED = frozenset({"ST", "TX", "FT"})
_WORD = re.compile(r"[A-Za-z0-9-]+")
_NUMBER = re.compile(r"\d+")


class Genetic:
    """The genetic OBX of one block, by the groups that OBX-4 makes of them.

    Parameters
    ----------
    block : Block
    """

    def __init__(self, block: Block) -> None:
        self._genes: dict[str, set[str]] = {}
        self._origin: dict[tuple[str, str], str] = {}
        for item in block.named("OBX"):
            if _asked(item.segment) & set(genetic_codes()["gene"]):
                self._genes.setdefault(item.segment.text(4), set()).update(_genes(item.segment))

    @staticmethod
    def asks(segment: Segment) -> bool:
        """Whether an OBX is of a genotype or of a phenotype that genes predict."""
        asked = _asked(segment)
        return not asked.isdisjoint(genetic_codes()["genotype"]) or not asked.isdisjoint(
            (*genetic_codes()["predicted"], *genetic_codes()["of_gene"])
        )

    def read(self, segment: Segment, when: Stretch, reading: Reading) -> bool:
        """Write what `asks` as `GENOTYPE//<gene>` or `PHENOTYPE//<gene>`, and say whether that was done.

        The gene is said by the group, by the code (`CYP2C9 gene product metabolic activity`) or by the words; all that say one must agree.
        Genotype and phenotype of one group are one result. A gene or a phenotype that is not held here stays a plain result.

        Raises
        ------
        InputError
            When nothing says the gene, or several are said.
        """
        group, genes = self._around(segment.text(4))
        said = _said(segment)
        for code in _asked(segment) & set(genetic_codes()["of_gene"]):
            genes = genes | {shelf().genes.code_of[genetic_codes()["of_gene"][code]]}
        genes = genes | _named(f"{words(segment.raw(3), segment.marks)} {said}")
        if not genes:
            raise InputError("a genetic result, and nothing in its group (OBX-4) says of which gene", found=said)
        if len(genes) > 1:
            raise InputError("a genetic result of more than one gene (OBX-4 groups what is of one)", found=said)
        (gene,) = genes
        if not gene:
            return False
        genotype = not _asked(segment).isdisjoint(genetic_codes()["genotype"])
        value = diplotypes(said, gene) if genotype else _phenotype(segment)
        if not value:
            return False
        kind = "genotype" if genotype else "phenotype"
        origin = self._origin.setdefault((group, gene), f"{reading.label} {reading.part}")
        reading.sheet.add(reading.patient, when[0], f"{kind.upper()}//{gene}", when[1], f"{origin}#{kind}", text=value)
        return True

    def variants(self, block: Block) -> Iterator[list[Item]]:
        """The OBX of each group (OBX-4) that names a variant: only together do they say which gene and which class are of which variant."""
        groups: dict[str, list[Item]] = {}
        for item in block.named("OBX"):
            if group := item.segment.text(4).partition(".")[0]:
                groups.setdefault(group, []).append(item)
        for items in groups.values():
            if any(not _asked(item.segment).isdisjoint(genetic_codes()["variant"]) for item in items):
                yield items

    def _around(self, group: str) -> tuple[str, set[str]]:
        """The nearest group around an OBX that says a gene, and the genes that it says; one that is not held here is empty."""
        while group not in self._genes and "." in group:
            group = group.rpartition(".")[0]
        return group, self._genes.get(group, set())


def _asked(segment: Segment) -> set[str]:
    return {one.code for one in codings(segment.raw(3), segment.marks, "MEASUREMENT")}


def _genes(segment: Segment) -> set[str]:
    """The known genes that a coded gene names by number or symbol; one empty name where it names none of them."""
    book = shelf().genes
    found = _named(_said(segment))
    for one in codings(segment.raw(5), segment.marks, "ANSWER"):
        system, _, number = one.code.partition("//")
        code = f"{system}//HGNC:{number}" if _NUMBER.fullmatch(number) else one.code
        found |= {code} & set(book.gene_of) | _named(one.display) | _named(number)
    return found or {""}


def _named(text: str) -> set[str]:
    book = shelf().genes
    return {book.code_of[word] for word in _WORD.findall(text) if word in book.code_of}


def line(segment: Segment) -> str:
    """What an OBX asks and answers, in the sender's words."""
    return f"{words(segment.raw(3), segment.marks) or segment.text(3)}: {_said(segment)}"


def _said(segment: Segment) -> str:
    text = (segment.repetitions(5) or [""])[0]
    return plain(text, segment.marks) if segment.text(2) in _UNCODED else words(text, segment.marks) or segment.text(5)


def _phenotype(segment: Segment) -> str:
    book = shelf().genes
    if segment.text(2) not in _UNCODED:
        for one in codings(segment.raw(5), segment.marks, "ANSWER"):
            if one.code in book.phenotype_of:
                return one.code
    return book.coded(_said(segment))
