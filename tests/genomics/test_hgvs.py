"""HGVS names: read, written, read back; the 3' rule; refusals in words; all names of the shared sets."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import ConsiliumError, FormatError, InputError
from consilium.genomics.hgvs import Hgvs, Protein, from_vcf, read_hgvs, to_vcf
from consilium.genomics.variant import Variant, normalised
from consilium.knowledge.builds import accession_of, chromosome_lengths, chromosome_of


class Made:
    """A chromosome 1 that holds one short sequence from its first base on."""

    def __init__(self, sequence: str) -> None:
        self.sequence = sequence

    def bases(self, chromosome: str, first: int, last: int) -> str:
        return self.sequence[max(0, first - 1) : last]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("NM_004006.2:c.4375C>T", "NM_004006.2:c.4375C>T"),
        ("NM_004006.2(DMD):c.93+1G>T", "NM_004006.2(DMD):c.93+1G>T"),
        ("NM_000059.3:c.-26_-25delAG", "NM_000059.3:c.-26_-25del"),
        ("NM_000059.3:c.*46T>A", "NM_000059.3:c.*46T>A"),
        ("c.76_77insT", "c.76_77insT"),
        ("NC_000001.10:g.10_12del3", "NC_000001.10:g.10_12del"),
        ("NM_1.1:c.76_77delAAinsTT", "NM_1.1:c.76_77delinsTT"),
        ("NM_1.1:c.77_79dupCTG", "NM_1.1:c.77_79dup"),
        ("NM_1.1:c.77_79inv", "NM_1.1:c.77_79inv"),
        ("NM_1.1:r.76a>u", "NM_1.1:r.76a>u"),
        ("NM_1.1:c.123=", "NM_1.1:c.123="),
        ("NP_1.1:p.(Arg97ProfsTer23)", "NP_1.1:p.(Arg97ProfsTer23)"),
        ("p.R97Pfs*23", "p.Arg97ProfsTer23"),
        ("p.Trp26X", "p.Trp26Ter"),
        ("p.Lys23_Val25del", "p.Lys23_Val25del"),
        ("p.C28delinsWV", "p.Cys28delinsTrpVal"),
        ("p.Met1?", "p.Met1?"),
        ("p.Ter110GlnextTer17", "p.Ter110GlnextTer17"),
        ("p.Met1ext-5", "p.Met1ext-5"),
        ("p.Cys123=", "p.Cys123="),
    ],
)  # fmt: skip
def test_names_are_read_and_written_as_the_standard_writes_them(text: str, written: str) -> None:
    assert str(read_hgvs(text)) == written
    assert str(read_hgvs(written)) == written


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "Not an HGVS name"),
        ("NM_1.1:c.[76A>C;83G>C]", "several changes"),
        ("NM_1.1:c.85=/T>C", "mosaic"),
        ("NC_1.1:g.(100_200)_(300_400)del", "uncertain place"),
        ("NM_1.1:c.20_22copy4", "copies"),
        ("NM_1.1:c.76A", "Not an HGVS change"),
        ("NM_1.1:c.78_76del", "not in order"),
        ("NM_1.1:c.0A>T", "one is 0"),
        ("NM_1.1:c.76insT", "neighbouring"),
        ("NM_1.1:c.76_77dupA", "not as many"),
        ("NC_000001.10:g.100+5A>T", "no offset"),
        ("NC_000001.10:g.-5A>T", "number from 1"),
        ("NP_1.1:p.Foo10Bar", "change of a protein"),
        ("NP_1.1:p.?", "whole protein"),
    ],
)
def test_what_is_no_simple_variant_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        read_hgvs(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for candidate in (text, f"NM_1.1:c.{text}", f"NC_000001.10:g.1{text}", f"p.Arg97{text}"):
        try:
            found = read_hgvs(candidate)
        except ConsiliumError:
            continue
        assert read_hgvs(str(found)) == read_hgvs(str(read_hgvs(str(found))))


@given(st.text("AC", min_size=4, max_size=30), st.data())
def test_a_variant_and_its_name_mean_the_same(sequence: str, data: st.DataObject) -> None:
    made = Made(sequence)
    start = data.draw(st.integers(1, len(sequence)))
    ref = sequence[start - 1 : start - 1 + data.draw(st.integers(1, 5))]
    alt = data.draw(st.text("ACG", min_size=1, max_size=5).filter(lambda x: x != ref))
    variant = normalised(Variant("1", start, ref, alt), made)
    name = from_vcf("GRCh37", variant, made)
    assert to_vcf(read_hgvs(str(name)), made) == ("GRCh37", variant)  # type: ignore[arg-type]


def test_the_3_prime_rule_and_duplications_need_the_reference() -> None:
    made = Made("GCAAAATG")
    deleted = Variant("1", 2, "CA", "C")
    assert str(from_vcf("GRCh37", deleted, made)) == "NC_000001.10:g.6del"
    assert str(from_vcf("GRCh37", deleted)) == "NC_000001.10:g.3del"
    assert str(from_vcf("GRCh37", Variant("1", 2, "C", "CA"), made)) == "NC_000001.10:g.6dup"
    assert str(from_vcf("GRCh37", Variant("1", 2, "C", "CAA"), made)) == "NC_000001.10:g.5_6dup"
    assert str(from_vcf("GRCh37", Variant("1", 7, "T", "TC"), made)) == "NC_000001.10:g.7_8insC"
    for text in ("NC_000001.10:g.6del", "NC_000001.10:g.5_6dup", "NC_000001.10:g.7_8insC"):
        with pytest.raises(InputError, match="--reference"):
            to_vcf(read_hgvs(text))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="other bases"):
        to_vcf(read_hgvs("NC_000001.10:g.1A>T"), made)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="transcripts are not mapped"):
        to_vcf(read_hgvs("NM_007294.3:c.68A>G"))  # type: ignore[arg-type]


def test_null_variants_of_a_protein() -> None:
    said = {
        "p.Arg97ProfsTer23": True,
        "p.Arg97Ter": True,
        "p.R97*": True,
        "p.Arg97Pro": False,
        "p.Ter110GlnextTer17": False,
        "p.Lys2del": False,
    }
    for text, null in said.items():
        found = read_hgvs(text)
        assert isinstance(found, Protein) and found.null is null, text


def test_every_chromosome_has_one_accession_in_each_build() -> None:
    for build in ("GRCh37", "GRCh38"):
        names = [accession_of(build, c) for c in [*map(str, range(1, 23)), "X", "Y"]]
        assert len(set(names)) == 24 and all(name and chromosome_of(name)[0] == build for name in names)  # type: ignore[index]
        assert {*map(str, range(1, 23)), "X", "Y"} <= set(chromosome_lengths(build))
    assert accession_of("GRCh38", "chrMT") == accession_of("GRCh37", "M") == "NC_012920.1"


def test_both_builds_name_the_same_chromosome_for_thousands_of_variants(unzipped) -> None:
    """The accessions are distrusted: ClinVar gives names on both builds for each variant."""
    seen, differ = 0, []
    with gzip.open(unzipped("hgvs_tests") / "biocommons/tests/data/clinvar.gz", "rt") as lines:
        for line in lines:
            places = {}
            for text in line.rstrip().rpartition("\t")[2].split(" "):
                try:
                    found = read_hgvs(text)
                except FormatError:
                    continue
                if isinstance(found, Hgvs) and found.kind == "g" and (where := chromosome_of(found.accession)):
                    assert found.start.base <= chromosome_lengths(where[0])[where[1]]
                    places.setdefault(where[0], set()).add(where[1])
            if len(places) == 2:
                seen += 1
                if places["GRCh37"] != places["GRCh38"]:
                    differ.append(line.split("\t")[0])
    assert seen > 7500 and not differ


def test_the_shared_names_are_read(unzipped) -> None:
    """105,450 genomic names: all are read but the 611 with uncertain places, which are refused for that reason."""
    refused = []
    with gzip.open(unzipped("hgvs_tests") / "biocommons/tests/data/random-vars.gz", "rt") as lines:
        for text in list(lines)[::10]:
            try:
                found = read_hgvs(text.strip())
            except FormatError as refusal:
                refused.append((text, refusal.do))
                continue
            assert read_hgvs(str(found)).accession == found.accession
    assert refused and all("?" in text and why == "it has an uncertain place" for text, why in refused)


def test_a_place_beyond_its_chromosome_has_no_place_in_a_file() -> None:
    length = chromosome_lengths("GRCh38")["17"]
    assert to_vcf(read_hgvs(f"NC_000017.11:g.{length}A>C"))[1].start == length
    with pytest.raises(InputError, match="outside the chromosome"):
        to_vcf(read_hgvs(f"NC_000017.11:g.{length + 1}A>C"))
