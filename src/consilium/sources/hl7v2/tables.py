"""Tables: what the values of HL7's tables stand for here, from `knowledge/hl7v2_tables.csv`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from consilium.core.errors import InputError
from consilium.knowledge.shelf import FOLDER, read_sources
from consilium.knowledge.table import read_table

COLUMNS = ("table", "value", "meaning", "refusal", "source")


class Entry(NamedTuple):
    """What a value stands for, and why what bears it is not taken; one of the two may be empty."""

    meaning: str
    refusal: str


_NOTHING = Entry("", "")


@cache
def tables() -> Mapping[str, Mapping[str, Entry]]:
    """Every table by its number, and by value.

    Raises
    ------
    KnowledgeError
        When the file breaks the rules of knowledge files, lists a value twice, or says nothing of it.

    Examples
    --------
    >>> tables()["0396"]["LN"].meaning
    'LOINC'
    """
    found: dict[str, dict[str, Entry]] = {}
    for row in read_table(FOLDER / "hl7v2_tables.csv", COLUMNS, read_sources(FOLDER / "sources.yaml")):
        values = found.setdefault(row.text("table"), {})
        if row.text("value") in values:
            row.fail("A value stands twice in its table", found=row.text("value"))
        if not row.cells["meaning"] and not row.cells["refusal"]:
            row.fail("A value has neither a meaning nor a refusal", found=row.text("value"))
        values[row.text("value")] = Entry(row.cells["meaning"], row.cells["refusal"])
    return MappingProxyType({number: MappingProxyType(values) for number, values in found.items()})


def entry(table: str, value: str) -> Entry:
    """What a value stands for; an entry without a word for one that the table does not list.

    Examples
    --------
    >>> entry("0085", "W").refusal
    'status W: the result was wrong (another patient)'
    """
    return tables()[table].get(value, _NOTHING)


def meaning(table: str, value: str) -> str:
    """What a value stands for.

    Raises
    ------
    InputError
        When what bears this value is not taken.
    """
    found = entry(table, value)
    if found.refusal:
        raise InputError(found.refusal)
    return found.meaning
