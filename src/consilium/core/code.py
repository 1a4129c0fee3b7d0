"""Code: what an event is about, written `[KIND//][PHASE//]VOCABULARY//code`.

Measurements carry no kind (`LOINC//2524-7`); everything else says what it is, so that a relative's cancer, an
allergy or a refuted diagnosis can never be read as the patient's own: `CONDITION//SNOMED//254837009`,
`FAMILY//SNOMED//254837009`, `ALLERGY//RxNorm//7980`, `MEDICATION//END//RxNorm//309362`,
`CONDITION//REFUTED//SNOMED//22298006`. What a gene is like
has four kinds (`GENOTYPE//HGNC//HGNC:2621`, `PHENOTYPE//`, `ACTIVITY//`, and `ALTERNATIVES//` for what else stays possible), a
polygenic score one (`POLYGENIC//PGS//PGS000004`), as has a carried variant (`VARIANT//ClinVar//17662`). An imaging series is
`IMAGING//DCM//CT`; what is in it is a `STRUCTURE//`, a `CANDIDATE//` that nobody has judged, or a `FINDING//`. MEDS's own words
(`MEDS_BIRTH`, `MEDS_DEATH`, `GENDER//F`) stay as they are.
"""

from __future__ import annotations

from typing import NamedTuple

BIRTH = "MEDS_BIRTH"
DEATH = "MEDS_DEATH"
FEMALE = "GENDER//F"
MALE = "GENDER//M"
NAME = "NAME"
KINDS = (
    "CONDITION",
    "MEDICATION",
    "ADMINISTERED",
    "ALLERGY",
    "PROCEDURE",
    "IMMUNIZATION",
    "FAMILY",
    "ENCOUNTER",
    "REPORT",
    "NOTE",
    "GENOTYPE",
    "PHENOTYPE",
    "ACTIVITY",
    "ALTERNATIVES",
    "POLYGENIC",
    "IMAGING",
    "STRUCTURE",
    "CANDIDATE",
    "FINDING",
    "VARIANT",
)
PHASES = ("END", "REFUTED", "NONE")


class Code(NamedTuple):
    """The parts of a code; `kind` and `phase` are empty for a plain measurement."""

    kind: str
    phase: str
    vocabulary: str
    code: str


def split(code: str) -> Code:
    """Take a code apart.

    Examples
    --------
    >>> split("MEDICATION//END//RxNorm//309362")
    Code(kind='MEDICATION', phase='END', vocabulary='RxNorm', code='309362')
    >>> split("LOINC//2524-7")
    Code(kind='', phase='', vocabulary='LOINC', code='2524-7')
    >>> split("http://acme.org/labs//lac").vocabulary
    'http://acme.org/labs'
    >>> split("MEDS_BIRTH")
    Code(kind='', phase='', vocabulary='', code='MEDS_BIRTH')
    """
    kind = phase = ""
    head, sep, rest = code.partition("//")
    if sep and head in KINDS:
        kind, code = head, rest
        head, sep, rest = code.partition("//")
        if sep and head in PHASES:
            phase, code = head, rest
    # A vocabulary without a short name is its own address, which holds slashes too.
    start = code.find("//") + 2 if code.startswith(("http://", "https://")) else 0
    vocabulary, sep, rest = code[start:].partition("//")
    vocabulary = code[:start] + vocabulary
    return Code(kind, phase, vocabulary, rest) if sep else Code(kind, phase, "", code)


def concept(code: str) -> str:
    """The concept alone, without kind and phase.

    Examples
    --------
    >>> concept("FAMILY//SNOMED//254837009")
    'SNOMED//254837009'
    """
    parts = split(code)
    return f"{parts.vocabulary}//{parts.code}" if parts.vocabulary else parts.code
