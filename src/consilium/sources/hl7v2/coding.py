"""Coding: what a coded field (CE, CWE, CNE) says, as our codes."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from consilium.core.code import KINDS, PHASES
from consilium.sources.fhir.coding import TEXT, Coded
from consilium.sources.hl7v2.message import Delimiters, part, split
from consilium.sources.hl7v2.tables import tables
from consilium.sources.vocabulary import System, systems

_OID = re.compile(r"[0-2](?:\.\d+)+", re.ASCII)
_TRIPLETS = ((1, 2, 3, 14), (4, 5, 6, 17), (10, 11, 12, 20))
"""Components: identifier, text, name of the coding system, and its OID."""
_ORIGINAL = 9
_RESERVED = frozenset({*KINDS, *PHASES, "GENDER", "NAME", TEXT})


def codings(field: str, marks: Delimiters, kind: str, *, system: str = "") -> list[Coded]:
    r"""Every coding of a field, the one preferred for `kind` first.

    Parameters
    ----------
    field : str
        A coded field, as sent; of its repetitions the first counts.
    marks : Delimiters
    kind : str
        `MEASUREMENT`, `ANSWER`, or one of the kinds of `core.code`.
    system : str
        The coding system where the field names none (DG1-2 of old versions).

    Returns
    -------
    list of Coded
        Known vocabularies before unknown ones; a field that carries text alone gives one `TEXT//...`; empty when it says
        nothing. A coding system that table 0396 does not name (`L`, `99XYZ`) stands under its own name.

    Examples
    --------
    >>> codings("GLU^Glucose^L^2345-7^Glucose^LN", Delimiters(), "MEASUREMENT")
    [Coded(code='LOINC//2345-7', display='Glucose', known=True), Coded(code='L//GLU', display='Glucose', known=False)]
    >>> codings("^Peanuts", Delimiters(), "ALLERGY")[0].code
    'TEXT//Peanuts'
    """
    return list(_codings(split(field, marks.repetition)[0], marks, kind, system))


@lru_cache(maxsize=65_536)
def _codings(field: str, marks: Delimiters, kind: str, system: str) -> tuple[Coded, ...]:
    original = part(field, _ORIGINAL, marks)
    ranked: list[tuple[bool, bool, int, Coded]] = []
    for number, (identifier, text, name, oid) in enumerate(_TRIPLETS):
        code = part(field, identifier, marks)
        if not code:
            continue
        stated = part(field, name, marks) or part(field, oid, marks) or (system if number == 0 else "")
        vocabulary, found = vocabulary_of(stated)
        coded = Coded(f"{vocabulary or TEXT}//{code}", part(field, text, marks) or original, found is not None)
        ranked.append((found is None, found is None or kind not in found.first_for, found.rank if found else 0, coded))
    if ranked:
        return tuple(coded for _, _, _, coded in sorted(ranked))
    said = words(field, marks)
    return (Coded(f"{TEXT}//{said}", said, False),) if said else ()


def recognised(field: str, marks: Delimiters, kind: str, *, system: str = "") -> list[Coded]:
    """Every coding, of any repetition, in a known vocabulary, without repeats; the first of the others when none is known."""
    found = [coded for repetition in split(field, marks.repetition) for coded in codings(repetition, marks, kind, system=system)]
    known = list({coded.code: coded for coded in found if coded.known}.values())
    return known or found[:1]


def words(field: str, marks: Delimiters) -> str:
    """The sender's words: the original text, else the first text, else empty."""
    texts = (part(field, _ORIGINAL, marks), *(part(field, text, marks) for _, text, _, _ in _TRIPLETS))
    return next(filter(None, texts), "")


@lru_cache(maxsize=4096)
def vocabulary_of(name: str) -> tuple[str, System | None]:
    """Our vocabulary for the name, OID or address of a coding system; under its own name and None when we know none.

    Examples
    --------
    >>> vocabulary_of("LN")[0], vocabulary_of("2.16.840.1.113883.6.96")[0], vocabulary_of("99LAB")
    ('LOINC', 'SNOMED', ('99LAB', None))
    """
    named = tables()["0396"]
    found = named.get(name) or named.get(name.upper())
    if found is not None:
        return found.meaning, _ranks()[found.meaning]
    system = systems().get(f"urn:oid:{name}" if _OID.fullmatch(name) else name)
    if system is not None:
        return system.vocabulary, system
    # HL7's `ATC` is a culture collection: a name that is not in table 0396 as ours must not pass for one of ours.
    own = name.replace("//", "/")
    return (f"HL70396:{own}" if own in _RESERVED or own in _ranks() else own), None


@cache
def _ranks() -> dict[str, System]:
    first: dict[str, System] = {}
    for system in systems().values():
        first.setdefault(system.vocabulary, system)
    return first
