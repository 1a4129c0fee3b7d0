"""HGVS: names of simple variants, read and written - substitution, deletion, duplication, insertion, deletion-insertion, inversion.

What is read is more than what is written: `del` and `dup` may repeat the bases or count them, protein letters may be one or three, `X` and
`*` may stand for `Ter`, brackets for what is predicted. What is written follows HGVS 21: no repeated bases, three letters, `Ter`. Alleles
(`[...]`), mosaics (`=/`), copies, repeats, fusions and uncertain places are refused by name. Nothing is mapped between transcripts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NoReturn

from consilium.core.errors import FormatError, InputError
from consilium.genomics.variant import Reference, Variant, normalised
from consilium.knowledge.builds import accession_of, chromosome_lengths, chromosome_of

KINDS = "gmocnrp"
LETTERS = {
    "A": "Ala", "R": "Arg", "N": "Asn", "D": "Asp", "C": "Cys", "Q": "Gln", "E": "Glu", "G": "Gly", "H": "His", "I": "Ile", "L": "Leu",
    "K": "Lys", "M": "Met", "F": "Phe", "P": "Pro", "S": "Ser", "T": "Thr", "W": "Trp", "Y": "Tyr", "V": "Val", "U": "Sec", "B": "Asx",
    "Z": "Glx", "X": "Xaa", "*": "Ter",
}  # fmt: skip
"""Amino acids; `X` as an end of translation is read where it can be nothing else."""
REACH = 10_000
"""Bases within which a repeat is followed."""
_NAME = re.compile(
    r"(?:(?P<accession>[A-Za-z]{1,4}_?[A-Z0-9]+(?:\.\d+)?|LRG_\d+(?:[tp]\d+)?)(?:\((?P<gene>[A-Za-z0-9-]+)\))?:)?(?P<kind>[gmocnrp])\.(?P<rest>.+)"
)
_PLACE = r"(\*|-)?(\d+)([+-]\d+)?"
_SPAN = re.compile(rf"{_PLACE}(?:_{_PLACE})?(?P<edit>.*)")
_EDIT = re.compile(
    r"(?P<sub>[ACGTUN]+>[ACGTUN]+)|(?P<same>[ACGTUN]*=)"
    r"|del(?P<gone>[ACGTUN]*|\d+)(?:ins(?P<instead>[ACGTUN]+))?"
    r"|dup(?P<dup>[ACGTUN]*|\d+)|ins(?P<ins>[ACGTUN]+)|inv(?P<inv>[ACGTUN]*|\d+)",
    re.IGNORECASE,
)
_AA = "(?:" + "|".join([*LETTERS.values(), *(re.escape(x) for x in LETTERS)]) + ")"
_PROTEIN = re.compile(rf"(?P<first>{_AA})(?P<at>\d+)(?:_(?P<last>{_AA})(?P<to>\d+))?(?P<edit>.*)")
_PROTEIN_EDIT = re.compile(
    rf"(?P<same>=)|(?P<unknown>\?)|(?P<fs>{_AA}?)fs(?:(?:Ter|\*|X)(?P<stop>\d+|\?)?)?"
    rf"|(?P<ext>{_AA}?)ext(?:(?P<aa>{_AA})?(?:(?P<off>-?\d+|\?))?)"
    rf"|del(?:ins(?P<instead>{_AA}+))?|(?P<dup>dup)|ins(?P<ins>{_AA}+)|(?P<sub>{_AA})"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in HGVS counting: `base`, `offset` into the intron, and whether it is counted from the end of the coding part (`*`).

    Places before the start of the coding part have a negative base.
    """

    base: int
    offset: int = 0
    after_stop: bool = False

    def __str__(self) -> str:
        return f"{'*' if self.after_stop else ''}{self.base}{f'{self.offset:+d}' if self.offset else ''}"

    @property
    def order(self) -> tuple[bool, int, int]:
        """Sorts places along the transcript."""
        return self.after_stop, self.base, self.offset


@dataclass(frozen=True, slots=True)
class Hgvs:
    """One simple variant of a nucleotide sequence.

    `kind` is `g`, `m`, `o`, `c`, `n` or `r`; `change` is `sub`, `del`, `dup`, `ins`, `delins`, `inv` or `same`; `ref` and `alt` are the
    bases that the name states, empty where it states none. `accession` and `gene` are empty where the name gives none.
    """

    kind: str
    start: Place
    end: Place
    change: str
    ref: str = ""
    alt: str = ""
    accession: str = ""
    gene: str = ""

    def __str__(self) -> str:
        span = str(self.start) if self.start == self.end else f"{self.start}_{self.end}"
        ref, alt = (x.lower().replace("t", "u") if self.kind == "r" else x for x in (self.ref, self.alt))
        told = {"sub": f"{ref}>{alt}", "ins": f"ins{alt}", "delins": f"delins{alt}", "same": "="}.get(self.change, self.change)
        return f"{_head(self.accession, self.gene)}{self.kind}.{span}{told}"


@dataclass(frozen=True, slots=True)
class Protein:
    """One simple variant of a protein.

    `change` is `sub`, `del`, `dup`, `ins`, `delins`, `fs`, `ext`, `same` or `unknown`; `first` and `last` are amino acids in three letters
    at `start` and `end`; `new` the amino acids that come, in three letters; `stop` the place of the new end (`fs`), or how far the protein
    is extended (`ext`), as written, `?` where unknown. `predicted` says that the name stood in brackets.
    """

    change: str
    first: str
    start: int
    last: str
    end: int
    new: tuple[str, ...] = ()
    stop: str = ""
    predicted: bool = False
    accession: str = ""
    gene: str = ""

    def __str__(self) -> str:
        span = f"{self.first}{self.start}" + ("" if self.start == self.end else f"_{self.last}{self.end}")
        new = "".join(self.new)
        told = {
            "sub": new, "del": "del", "dup": "dup", "ins": f"ins{new}", "delins": f"delins{new}", "same": "=", "unknown": "?",
            "fs": f"{new}fs{f'Ter{self.stop}' if self.stop else ''}",
            "ext": f"{new}ext{'' if self.stop.startswith('-') or not self.stop else 'Ter'}{self.stop}",
        }[self.change]  # fmt: skip
        return f"{_head(self.accession, self.gene)}p.{'(' if self.predicted else ''}{span}{told}{')' if self.predicted else ''}"

    @property
    def null(self) -> bool:
        """Whether the protein ends early, its reading frame is lost, or it has no start."""
        if self.first == "Met" and self.start == 1 and self.change in ("sub", "unknown"):
            return True
        return self.change == "fs" or (self.change in ("sub", "delins") and "Ter" in self.new and self.first != "Ter")


def read_hgvs(text: str) -> Hgvs | Protein:
    """Read the name of a simple variant.

    Raises
    ------
    FormatError
        When the text is no such name; the message says which part.

    Examples
    --------
    >>> str(read_hgvs("NM_007294.3:c.5266dupC")), str(read_hgvs("NP_000001.1:p.G25Wfs*10"))
    ('NM_007294.3:c.5266dup', 'NP_000001.1:p.Gly25TrpfsTer10')
    >>> read_hgvs("NM_000059.3:c.-26G>A").start
    Place(base=-26, offset=0, after_stop=False)
    """
    found = _NAME.fullmatch(text.strip())
    if not found:
        raise FormatError(
            "Not an HGVS name", found=text[:80], expected="as NM_007294.3:c.68_69del, NC_000017.10:g.41276045del or p.Glu23Val"
        )
    accession, gene, rest = found["accession"] or "", found["gene"] or "", found["rest"]
    for sign, what in (
        ("[", "several changes in one name ([...])"),
        ("=/", "a mosaic"),
        ("copy", "a number of copies"),
        ("::", "a fusion"),
    ):
        if sign in rest:
            _refuse(text, what)
    if found["kind"] == "p":
        return replace(_protein(text, rest), accession=accession, gene=gene)
    return replace(_nucleotide(text, found["kind"], rest), accession=accession, gene=gene)


def to_vcf(name: Hgvs, reference: Reference | None = None) -> tuple[str, Variant]:
    """The build and the variant of a genomic name, in its leftmost spelling where a reference is given.

    Raises
    ------
    InputError
        When the accession is no chromosome of a known build, or bases are needed that neither the name nor a reference gives.

    Examples
    --------
    >>> to_vcf(read_hgvs("NC_000017.10:g.41246481T>C"))
    ('GRCh37', Variant(chromosome='17', start=41246481, ref='T', alt='C'))
    """
    where = chromosome_of(name.accession)
    if name.kind not in "gm" or where is None:
        raise InputError(
            "Only a genomic name on a chromosome has a place in a VCF", found=str(name), expected="as NC_000017.10:g.41246481T>C",
            do="give the genomic name, on a chromosome of GRCh37 or GRCh38; transcripts are not mapped",
        )  # fmt: skip
    build, chromosome = where
    first, last = name.start.base, name.end.base
    if last > chromosome_lengths(build).get(chromosome, last):
        raise InputError("The place lies outside the chromosome", found=str(name), where=chromosome)

    def held(low: int, high: int) -> str:
        if reference is None:
            raise InputError("The name does not say the bases around it", found=str(name), do="give the genome with --reference")
        bases = reference.bases(chromosome, low, high)
        if len(bases) != high - low + 1:
            raise InputError("The place lies outside the chromosome", found=str(name), where=chromosome)
        return bases

    if name.change == "same":
        raise InputError("The name says that nothing changes", found=str(name))
    if name.change in ("sub", "delins") and name.ref and len(name.ref) == last - first + 1:
        stated, alt = name.ref, name.alt
        if reference is not None and held(first, last) != stated:
            raise InputError("The reference genome has other bases", where=str(name), found=held(first, last), expected=stated)
        return build, normalised(Variant(chromosome, first, stated, alt), reference)
    if name.change == "ins":
        before = held(first, first)
        return build, normalised(Variant(chromosome, first, before, before + name.alt), reference)
    inside = held(first, last)
    if name.ref and name.ref != inside:
        raise InputError("The reference genome has other bases", where=str(name), found=inside[:40], expected=name.ref[:40])
    if name.change == "dup":
        return build, normalised(Variant(chromosome, first, inside[0], inside + inside[0]), reference)
    alt = name.alt if name.change == "delins" else inside[::-1].translate(str.maketrans("ACGTN", "TGCAN")) if name.change == "inv" else ""
    if alt:
        return build, normalised(Variant(chromosome, first, inside, alt), reference)
    if first == 1:
        after = held(last + 1, last + 1)
        return build, Variant(chromosome, 1, inside + after, after)
    before = held(first - 1, first - 1)
    return build, normalised(Variant(chromosome, first - 1, before + inside, before), reference)


def from_vcf(build: str, variant: Variant, reference: Reference | None = None) -> Hgvs:
    """The genomic name of a variant.

    With a reference it is the rightmost (the 3' rule), and an insertion that repeats what stands before it is a duplication. Without one
    the name says the place of the file, which inside a repeat is not the one that HGVS asks for.

    Raises
    ------
    InputError
        When the chromosome has no accession in the build.

    Examples
    --------
    >>> str(from_vcf("GRCh37", Variant("17", 41276044, "ACT", "A")))
    'NC_000017.10:g.41276045_41276046del'
    """
    accession = accession_of(build, variant.chromosome)
    if accession is None:
        raise InputError("The chromosome has no accession", found=variant.chromosome, where=build)
    kind = "m" if variant.chromosome in ("M", "MT") else "g"
    small = normalised(variant, None)
    start, ref, alt = small.start, small.ref, small.alt
    if len(ref) == len(alt) == 1:
        return Hgvs(kind, Place(start), Place(start), "sub", ref, alt, accession)
    if len(ref) == len(alt) and ref == alt[::-1].translate(str.maketrans("ACGTN", "TGCAN")):
        return Hgvs(kind, Place(start), Place(small.end), "inv", ref, alt, accession)
    if ref[0] != alt[0]:
        return Hgvs(kind, Place(start), Place(small.end), "delins", ref, alt, accession)
    start, ref, alt = start + 1, ref[1:], alt[1:]
    if ref and alt:
        return Hgvs(kind, Place(start), Place(start + len(ref) - 1), "delins", ref, alt, accession)
    if ref:
        shift = 0 if reference is None else _shift(reference, small.chromosome, start + len(ref), ref)
        ref = ref[shift % len(ref) :] + ref[: shift % len(ref)]
        return Hgvs(kind, Place(start + shift), Place(start + shift + len(ref) - 1), "del", ref, "", accession)
    shift = 0 if reference is None else _shift(reference, small.chromosome, start, alt)
    alt = alt[shift % len(alt) :] + alt[: shift % len(alt)]
    start += shift
    before = small.ref if reference is None else reference.bases(small.chromosome, start - len(alt), start - 1)
    if before == alt:
        return Hgvs(kind, Place(start - len(alt)), Place(start - 1), "dup", alt, "", accession)
    return Hgvs(kind, Place(start - 1), Place(start), "ins", "", alt, accession)


def _shift(reference: Reference, chromosome: str, after: int, bases: str) -> int:
    """How many places a deletion or insertion of `bases` may move right, `after` being the first base behind it."""
    moved = 0
    while moved < REACH:
        ahead = reference.bases(chromosome, after + moved, after + moved + 63)
        for base in ahead:
            if base != bases[moved % len(bases)]:
                return moved
            moved += 1
        if len(ahead) < 64:
            return moved
    return moved


def _head(accession: str, gene: str) -> str:
    return f"{accession}{f'({gene})' if gene else ''}:" if accession else ""


def _refuse(text: str, what: str) -> NoReturn:
    raise FormatError("This HGVS name is not read", found=text[:80], expected="one simple variant", do=f"it has {what}")


def _place(sign: str | None, base: str, offset: str | None) -> Place:
    return Place(-int(base) if sign == "-" else int(base), int(offset or 0), sign == "*")


def _nucleotide(text: str, kind: str, rest: str) -> Hgvs:
    if rest.startswith("(") and rest.endswith(")") and "?" not in rest:
        rest = rest[1:-1]
    if "?" in rest or "(" in rest:
        _refuse(text, "an uncertain place")
    found = _SPAN.fullmatch(rest)
    edit = _EDIT.fullmatch(found["edit"]) if found else None
    if not found or not edit:
        if found and re.fullmatch(r"[ACGTN]*\d*\[?\d.*|[ACGTN]+\(\d.*|con.*", found["edit"], re.IGNORECASE):
            _refuse(text, "a repeat or a conversion")
        raise FormatError(
            "Not an HGVS change", found=rest[:80], expected="as 76A>C, 76del, 76_77insT, 76_78delinsTT or 76dup", where=text[:80]
        )
    start = _place(*found.groups()[:3])
    end = _place(*found.groups()[3:6]) if found.group(5) else start
    if kind in "gmon" and (start.after_stop or start.base < 0 or end.after_stop or end.base < 0):
        raise FormatError("A genomic place is a number from 1", found=rest[:80], where=text[:80])
    if kind in "gmo" and (start.offset or end.offset):
        raise FormatError("A genomic place has no offset", found=rest[:80], where=text[:80])
    if start.order > end.order or 0 in (start.base, end.base):
        raise FormatError("Places are not in order, or one is 0", found=rest[:80], where=text[:80])

    def bases(word: str | None) -> str:
        word = (word or "").upper().replace("U", "T")
        return "" if word.isdigit() else word

    exact = start.offset == end.offset == 0 and start.after_stop == end.after_stop and (start.base < 0) == (end.base < 0)
    length = end.base - start.base + 1 if exact else None

    def fits(word: str | None) -> str:
        said = int(word) if word and word.isdigit() else len(word or "")
        if said and length is not None and said != length:
            raise FormatError("The bases stated are not as many as the places", found=said, expected=length, where=text[:80])
        return bases(word)

    if edit["sub"]:
        ref, _, alt = edit["sub"].upper().replace("U", "T").partition(">")
        fits(ref)
        change = "sub" if len(ref) == len(alt) == 1 else "delins"
        return Hgvs(kind, start, end, change, ref, alt)
    if edit["same"] is not None:
        return Hgvs(kind, start, end, "same", fits(edit["same"].rstrip("=")))
    if edit["ins"]:
        if start == end or (length is not None and length != 2):
            raise FormatError(
                "An insertion lies between two neighbouring places", found=rest[:80], expected="as 76_77insT", where=text[:80]
            )
        return Hgvs(kind, start, end, "ins", "", bases(edit["ins"]))
    if edit["gone"] is not None:
        ref, alt = fits(edit["gone"]), bases(edit["instead"])
        return Hgvs(kind, start, end, "delins" if alt else "del", ref, alt)
    if edit["dup"] is not None:
        return Hgvs(kind, start, end, "dup", fits(edit["dup"]))
    if start == end:
        raise FormatError("An inversion has two places or more", found=rest[:80], where=text[:80])
    return Hgvs(kind, start, end, "inv", fits(edit["inv"]))


def _protein(text: str, rest: str) -> Protein:
    predicted = rest.startswith("(") and rest.endswith(")")
    rest = rest[1:-1] if predicted else rest
    if rest in ("=", "?", "0", "0?"):
        _refuse(text, "no place (the whole protein)")
    found = _PROTEIN.fullmatch(rest)
    edit = _PROTEIN_EDIT.fullmatch(found["edit"]) if found else None
    if not found or not edit:
        raise FormatError(
            "Not an HGVS change of a protein", found=rest[:80], expected="as Arg97Ter, Lys23_Val25del or Arg97ProfsTer23", where=text[:80]
        )
    first, start = _three(found["first"]), int(found["at"])
    last, end = (_three(found["last"]), int(found["to"])) if found["to"] else (first, start)
    if start > end or start < 1:
        raise FormatError("Places are not in order, or one is 0", found=rest[:80], where=text[:80])
    common = {"first": first, "start": start, "last": last, "end": end, "predicted": predicted}

    def made(change: str, new: tuple[str, ...] = (), stop: str = "") -> Protein:
        return Protein(change, new=new, stop=stop, **common)  # type: ignore[arg-type]

    if edit["same"]:
        return made("same")
    if edit["unknown"]:
        return made("unknown")
    if edit["fs"] is not None:
        return made("fs", _threes(edit["fs"]), edit["stop"] or "")
    if edit["ext"] is not None:
        return made("ext", _threes(edit["ext"]), edit["off"] or "")
    if edit["sub"]:
        if start != end:
            raise FormatError("A substitution has one place", found=rest[:80], where=text[:80])
        return made("sub", (_three(edit["sub"], ends=True),))
    if edit["ins"]:
        if end != start + 1:
            raise FormatError("An insertion lies between two neighbouring places", found=rest[:80], where=text[:80])
        return made("ins", _threes(edit["ins"]))
    if edit["dup"]:
        return made("dup")
    return made("delins", _threes(edit["instead"])) if edit["instead"] else made("del")


def _three(letters: str, *, ends: bool = False) -> str:
    """One or three letters as three; an `X` that comes in a substitution is the end of translation, as older names write it."""
    return "Ter" if ends and letters == "X" else LETTERS.get(letters, letters)


def _threes(letters: str | None) -> tuple[str, ...]:
    return tuple(_three(x) for x in re.findall(_AA, letters or ""))
