"""One variant has one spelling: parsimony, left alignment, equal meaning, and agreement with bcftools."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.genomics.variant import Fasta, Variant, normalised, trimmed, variants
from consilium.genomics.vcf import Record

CHROMOSOME = "1"


class Made:
    """A reference of one chromosome."""

    def __init__(self, sequence: str) -> None:
        self.sequence = sequence

    def bases(self, chromosome: str, first: int, last: int) -> str:
        assert chromosome == CHROMOSOME
        return self.sequence[max(0, first - 1) : last]

    def changed(self, variant: Variant) -> str:
        """The chromosome with the variant in it."""
        at = variant.start - 1
        assert self.sequence[at : at + len(variant.ref)] == variant.ref
        return self.sequence[:at] + variant.alt + self.sequence[at + len(variant.ref) :]


@st.composite
def placed(draw: st.DrawFn) -> tuple[Made, Variant]:
    """A short repetitive chromosome and a change somewhere in it."""
    made = Made(draw(st.text("AC", min_size=3, max_size=40)))
    start = draw(st.integers(1, len(made.sequence)))
    ref = made.sequence[start - 1 : start - 1 + draw(st.integers(1, 6))]
    alt = draw(st.text("ACG", min_size=1, max_size=6).filter(lambda x: x != ref))
    return made, Variant(CHROMOSOME, start, ref, alt)


@given(placed())
def test_normalisation_keeps_the_meaning_and_is_done_once(case: tuple[Made, Variant]) -> None:
    made, variant = case
    for found in (trimmed(variant), normalised(variant, made)):
        assert made.changed(found) == made.changed(variant)
    assert trimmed(trimmed(variant)) == trimmed(variant)
    assert normalised(normalised(variant, made), made) == normalised(variant, made)


@given(placed(), st.integers(0, 5), st.integers(0, 5))
def test_padding_changes_nothing(case: tuple[Made, Variant], before: int, after: int) -> None:
    made, variant = case
    before = min(before, variant.start - 1)
    left = made.sequence[variant.start - 1 - before : variant.start - 1]
    right = made.sequence[variant.end : variant.end + after]
    padded = Variant(CHROMOSOME, variant.start - before, left + variant.ref + right, left + variant.alt + right)
    assert normalised(padded, made) == normalised(variant, made)


@given(placed(), placed())
def test_two_spellings_of_one_deletion_or_insertion_become_one(one: tuple[Made, Variant], other: tuple[Made, Variant]) -> None:
    """Every way to write one pure insertion or deletion has the same normal spelling."""
    made, variant = one
    small = normalised(variant, made)
    if len(small.ref) == len(small.alt) or min(len(small.ref), len(small.alt)) > 1 or small.ref[0] != small.alt[0]:
        return
    result = made.changed(variant)
    size = len(small.ref) - len(small.alt)
    for start in range(2, len(made.sequence) + 1):
        anchor = made.sequence[start - 2]
        if size > 0 and start - 1 + size <= len(made.sequence):
            spelled = Variant(CHROMOSOME, start - 1, anchor + made.sequence[start - 1 : start - 1 + size], anchor)
        elif size < 0:
            spelled = Variant(CHROMOSOME, start - 1, anchor, anchor + result[start - 1 : start - 1 - size])
        else:
            continue
        if made.changed(spelled) == result:
            assert normalised(spelled, made) == small


@settings(max_examples=25)
@given(st.lists(placed(), min_size=1, max_size=1))
def test_bcftools_says_the_same(tmp_path_factory: pytest.TempPathFactory, cases: list[tuple[Made, Variant]]) -> None:
    pysam = pytest.importorskip("pysam")
    from pysam import bcftools

    made, variant = cases[0]
    folder = tmp_path_factory.mktemp("norm")
    (folder / "r.fa").write_text(f">1\n{made.sequence}\n")
    pysam.faidx(str(folder / "r.fa"))
    head = f"##fileformat=VCFv4.2\n##contig=<ID=1,length={len(made.sequence)}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (folder / "v.vcf").write_text(f"{head}1\t{variant.start}\t.\t{variant.ref}\t{variant.alt}\t.\t.\t.\n")
    told = bcftools.norm("-f", str(folder / "r.fa"), str(folder / "v.vcf"))
    line = next(x for x in told.splitlines() if not x.startswith("#")).split("\t")
    found = normalised(variant, Fasta(folder / "r.fa"))
    assert (found.start, found.ref, found.alt) == (int(line[1]), line[3], line[4])


def test_a_line_of_several_alternatives_is_split_and_what_is_no_sequence_passed_over() -> None:
    record = Record("chr1", 10, 12, "CAA", ("C", "CA", "<DEL>", "*", "TAA"), "PASS", (1, 2), False, "")
    assert list(variants(record)) == [
        (1, Variant("1", 10, "CAA", "C")), (2, Variant("1", 10, "CA", "C")), (5, Variant("1", 10, "C", "T")),
    ]  # fmt: skip


def test_another_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="other bases"):
        normalised(Variant("1", 2, "GG", "G"), Made("AAAA"))
    with pytest.raises(InputError, match="Not alleles"):
        Variant("1", 2, "", "G")
    pytest.importorskip("pysam")
    (tmp_path / "r.fa").write_text(">chr7\nACGT\n")
    with pytest.raises(FormatError, match="lacks a chromosome"):
        Fasta(tmp_path / "r.fa").bases("1", 1, 1)
    with pytest.raises(NotFoundError):
        Fasta(tmp_path / "no.fa")
