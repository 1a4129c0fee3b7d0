"""Calling: what a file shows and does not show becomes a diplotype, a distribution, or a worded silence."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from consilium.core.errors import FormatError, InputError, KnowledgeError, NotFoundError
from consilium.genomics.diplotype import call, from_outside
from consilium.genomics.pharmacogenomics import call_all
from consilium.genomics.site import OTHER, Site, site
from consilium.genomics.vcf import Record, VariantFile
from consilium.knowledge.pharmacogenes import frequencies, pharmacogenes

sys.path.insert(0, str(Path(__file__).parent))
from made import strand, vcf

GENES = pharmacogenes()


def _sites(name: str, pair: tuple[str, str], *, phased: bool = True, without: tuple[str, ...] = ()) -> list[Site]:
    gene = GENES[name]
    first, second = (strand(gene, allele) for allele in pair)
    return [Site(p, missing="absent") if p.id in without else Site(p, (first[p.id], second[p.id]), phased) for p in gene.positions]


def test_an_absent_position_is_not_the_reference(tmp_path: Path) -> None:
    """*2 without its splice position: the called pair is what is left, the distribution keeps what may be."""
    gene = GENES["CYP2C19"]
    path = vcf(tmp_path / "a.vcf", gene, {"p": ("*1", "*1")}, leave_out=["rs12769205", "rs4244285"])
    called = call_all(VariantFile(path), [gene], frequencies=frequencies())[0]
    assert set(called.missing) == {"rs12769205", "rs4244285"}
    assert "missing" in called.notes
    possible = {share.name: share.probability for share in called.distribution}
    assert 0.2 < sum(p for name, p in possible.items() if "*2" in name.split("/")) < 0.7
    assert called.phenotypes[0].probability < 0.9


def test_absent_is_the_reference_only_when_said(tmp_path: Path) -> None:
    gene = GENES["CYP3A5"]
    path = vcf(tmp_path / "a.vcf", gene, {"p": ("*1", "*3")}, leave_out=[p.id for p in gene.positions if p.id != "rs776746"])
    said = call_all(VariantFile(path), [gene], absent_is_reference=True)[0]
    assert said.diplotypes == ("*1/*3",) and said.assumed == len(gene.positions) - 1 and not said.missing
    unsaid = call_all(VariantFile(path), [gene])[0]
    assert unsaid.assumed == 0 and len(unsaid.missing) == len(gene.positions) - 1


def test_phase_unknown_gives_the_common_pair_and_says_what_cannot_be_ruled_out() -> None:
    called = call(GENES["TPMT"], _sites("TPMT", ("*1", "*3A"), phased=False), frequencies()["TPMT"])
    assert called.diplotypes == ("*1/*3A",) and "phase" in called.notes
    assert [share.name for share in called.distribution] == ["*1/*3A", "*3B/*3C"]
    assert called.distribution[0].probability > 0.99
    assert call(GENES["TPMT"], _sites("TPMT", ("*3B", "*3C")), frequencies()["TPMT"]).phenotype == "Poor Metabolizer"


def test_unphased_nat2_follows_the_documented_choice() -> None:
    """*1/*16 and *4/*5 show the same unphased; the definition's source says which is called, whatever the score."""
    called = call(GENES["NAT2"], _sites("NAT2", ("*1", "*16"), phased=False))
    assert called.diplotypes == ("*4/*5",) and "phase" in called.notes
    assert call(GENES["NAT2"], _sites("NAT2", ("*1", "*16"))).diplotypes == ("*1/*16",)


def test_a_required_position_that_is_missing_silences_the_gene() -> None:
    gene = GENES["NAT2"]
    called = call(gene, _sites("NAT2", ("*4", "*4"), without=gene.required[:1]))
    assert called.diplotypes == () and called.notes == ("required_missing",)


def test_the_least_function_on_each_strand_counts_for_dpyd() -> None:
    gene = GENES["DPYD"]
    sites = _sites("DPYD", ("c.1905+1G>A (*2A)", "c.2846A>T"))
    called = call(gene, sites)
    assert called.diplotypes == ("c.1905+1G>A (*2A)/c.2846A>T",) and called.score == 0.5
    assert called.phenotype == "Poor Metabolizer"
    both = [
        replace(s, strands=(x.strands[0] if x.strands[0] != s.position.ref["GRCh38"] else s.strands[0], s.strands[1]))
        for s, x in zip(sites, _sites("DPYD", ("c.85T>C (*9A)", "Reference")), strict=True)
    ]
    same = call(gene, both)
    assert same.diplotypes == called.diplotypes and "lowest" in same.notes
    assert set(same.carried[0]) == {"c.1905+1G>A (*2A)", "c.85T>C (*9A)"}


def test_unphased_dpyd_takes_the_two_lowest_of_all() -> None:
    gene = GENES["DPYD"]
    called = call(gene, _sites("DPYD", ("c.1905+1G>A (*2A)", "c.2846A>T"), phased=False))
    assert called.score == 0.5 and "phase_lowest" in called.notes


def test_hapb3_is_read_from_both_of_its_variants_as_one() -> None:
    name = "c.1129-5923C>G, c.1236G>A (HapB3)"
    called = call(GENES["DPYD"], _sites("DPYD", ("Reference", name)))
    assert called.diplotypes == (f"Reference/{name}",) and called.score == 1.5


def test_one_x_has_one_allele(tmp_path: Path) -> None:
    gene = GENES["G6PD"]
    path = vcf(tmp_path / "a.vcf", gene, {"man": ("A- 202A_376G",), "hom": ("A- 202A_376G", "A- 202A_376G")})
    assert call_all(VariantFile(path, "man"), [gene])[0].diplotypes == ("A- 202A_376G",)
    assert call_all(VariantFile(path, "man"), [gene])[0].phenotype == "Deficient"
    assert call_all(VariantFile(path, "hom"), [gene], lone_x=True)[0].diplotypes == ("A- 202A_376G",)
    assert call_all(VariantFile(path, "hom"), [gene])[0].diplotypes == ("A- 202A_376G/A- 202A_376G",)


def test_mixed_ploidy_is_not_called() -> None:
    gene = GENES["G6PD"]
    sites = _sites("G6PD", ("B (reference)", "B (reference)"))
    sites[0] = replace(sites[0], strands=sites[0].strands[:1])
    assert call(gene, sites).notes == ("mixed_ploidy",)


def test_an_undocumented_sequence_is_named_and_not_called() -> None:
    gene = GENES["CYP2C19"]
    sites = _sites("CYP2C19", ("*1", "*1"))
    place = next(i for i, s in enumerate(sites) if s.position.id == "rs4244285")
    sites[place] = replace(sites[place], strands=("G", "T"))
    called = call(gene, sites)
    assert called.diplotypes == () and called.undocumented == ("rs4244285 G>T",) and called.notes == ("undocumented",)


def test_a_combination_that_nobody_named_is_not_called() -> None:
    sites = _sites("CYP2C9", ("*1", "*2"))
    other = _sites("CYP2C9", ("*1", "*3"))
    both = [
        replace(s, strands=(s.strands[0], o.strands[1] if o.strands[1] != o.position.ref["GRCh38"] else s.strands[1]))
        for s, o in zip(sites, other, strict=True)
    ]
    called = call(GENES["CYP2C9"], both)
    assert called.diplotypes in ((), ("*1/*35",)) and (called.diplotypes or called.notes == ("combination",))


def test_outside_calls_carry_copies_and_bounds() -> None:
    gene = GENES["CYP2D6"]
    assert from_outside(gene, "*1/*5", "lab").phenotype == "Intermediate Metabolizer"
    ultra = from_outside(gene, "*1x2/*2", "lab")
    assert ultra.phenotype == "Ultrarapid Metabolizer" and ultra.score == 3.0 and ultra.outside == "lab"
    with pytest.raises(KnowledgeError, match=r"\*1000"):
        from_outside(gene, "*1/*1000", "lab")


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        ([], "absent"),
        ([Record("7", 0, 0, "T", ("C",), "LowQual", (0, 1), False, "")], "filtered: LowQual"),
        ([Record("7", 0, 0, "T", ("C",), "PASS", (None, None), False, "")], "no call"),
        ([Record("7", 0, 0, "A", ("C",), "PASS", (0, 1), False, "")], "another reference"),
        (
            [Record("7", 0, 0, "T", ("C",), "PASS", (0, 1), True, ""), Record("7", 0, 0, "T", ("G",), "PASS", (0, 1), True, "")],
            "contradictory",
        ),
    ],
)
def test_why_a_place_shows_nothing(records: list[Record], wanted: str) -> None:
    place = GENES["CYP3A5"].positions[3]
    here = place.start["GRCh38"]
    moved = [replace(r, start=here, end=here) for r in records]
    found = site(place, "GRCh38", moved)
    assert not found.strands and found.missing.startswith(wanted)


def test_a_reference_block_vouches_for_what_lies_in_it() -> None:
    place = GENES["CYP3A5"].positions[3]
    here = place.start["GRCh38"]
    assert site(place, "GRCh38", [Record("7", here - 50, here + 50, "N", ("<NON_REF>",), "PASS", (0, 0), False, "")]).strands == ("T", "T")


def test_a_deletion_over_a_place_is_not_its_reference() -> None:
    place = GENES["CYP3A5"].positions[3]
    here = place.start["GRCh38"]
    gone = Record("7", here - 2, here + 1, "AATG", ("A",), "PASS", (0, 1), False, "")
    assert site(place, "GRCh38", [gone]).strands == ("T", OTHER)
    shown = call(GENES["CYP3A5"], [*_sites("CYP3A5", ("*1", "*1"))[:3], site(place, "GRCh38", [gone])])
    assert shown.diplotypes == () and shown.undocumented


def test_repeats_on_split_lines_are_read_together() -> None:
    place = GENES["UGT1A1"].positions[1]
    here = place.start["GRCh38"]
    lines = [
        Record("2", here, here, "C", ("CAT",), "PASS", (1, 0), True, ""),
        Record("2", here, here + 2, "CAT", ("C",), "PASS", (0, 1), True, ""),
        Record("2", here, here, "C", ("CATAT",), "PASS", (0, 0), True, ""),
    ]
    assert site(place, "GRCh38", lines).strands == ("CATAT", "C")


def test_bad_files_are_refused_in_words(tmp_path: Path) -> None:
    gene = GENES["CYP3A5"]
    with pytest.raises(NotFoundError, match="No such file"):
        VariantFile(tmp_path / "none.vcf")
    with pytest.raises(InputError, match="A folder"):
        VariantFile(tmp_path)
    (tmp_path / "text.vcf").write_text("hello\n")
    with pytest.raises(FormatError, match="Not a VCF"):
        VariantFile(tmp_path / "text.vcf")
    path = vcf(tmp_path / "two.vcf", gene, {"a": ("*1", "*1"), "b": ("*3", "*3")})
    with pytest.raises(InputError, match=r"several samples.*--sample"):
        call_all(VariantFile(path), [gene])
    with pytest.raises(InputError, match=r"No such sample.*'c'.*a, b"):
        call_all(VariantFile(path, "c"), [gene])
    silent = vcf(tmp_path / "silent.vcf", gene, {"a": ("*1", "*1")}, stated=False)
    with pytest.raises(InputError, match="which genome build"):
        call_all(VariantFile(silent), [gene])
    with pytest.raises(InputError, match=r"another build.*GRCh38"):
        call_all(VariantFile(path, "a"), [gene], build="GRCh37")
    whole = vcf(tmp_path / "whole.vcf.gz", gene, {"a": ("*1", "*1")})
    cut = tmp_path / "cut.vcf.gz"
    cut.write_bytes(whole.read_bytes()[:-12])
    with pytest.raises(FormatError, match="cut short"):
        call_all(VariantFile(cut), [gene])
    short = tmp_path / "short.vcf"
    short.write_text(path.read_text() + f"{gene.chromosome}\t1\n")
    with pytest.raises(FormatError, match=r"columns cannot be read.*line \d+"):
        call_all(VariantFile(short, "b"), [gene])
    odd = tmp_path / "odd.vcf"
    odd.write_text(path.read_text().replace("0|0\t1|1", "0|0\t1|7"))
    with pytest.raises(FormatError, match=r"GT cannot be read.*line \d+.*1\|7"):
        call_all(VariantFile(odd, "b"), [gene])


@pytest.mark.parametrize("chr_names", [True, False])
def test_chromosomes_are_known_with_and_without_chr(tmp_path: Path, chr_names: bool) -> None:
    gene = GENES["CYP3A5"]
    path = vcf(tmp_path / "a.vcf", gene, {"a": ("*1", "*3")}, chr_names=chr_names)
    assert call_all(VariantFile(path), [gene])[0].diplotypes == ("*1/*3",)


def test_an_index_changes_nothing(tmp_path: Path) -> None:
    pysam = pytest.importorskip("pysam")
    gene = GENES["CYP2C19"]
    plain = vcf(tmp_path / "a.vcf", gene, {"a": ("*2", "*17")})
    packed = tmp_path / "b.vcf.gz"
    pysam.tabix_compress(str(plain), str(packed))
    without = call_all(VariantFile(packed), [gene], frequencies=frequencies())
    pysam.tabix_index(str(packed), preset="vcf")
    assert (
        call_all(VariantFile(packed), [gene], frequencies=frequencies())
        == without
        == call_all(VariantFile(plain), [gene], frequencies=frequencies())
    )


def test_the_command_reads_a_genome(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from consilium.cli.main import app

    path = vcf(tmp_path / "a.vcf", GENES["CYP2C19"], {"amara": ("*2", "*2")})
    told = CliRunner().invoke(app, ["genome", str(path), "--outside", "CYP2D6=*1/*5", "--format", "json"])
    genes = json.loads(told.stdout)["genes"]
    assert genes["CYP2C19"]["phenotype"] == "Poor Metabolizer" and genes["CYP2D6"]["outside"] and genes["TPMT"]["diplotypes"] == []
    refused = CliRunner().invoke(app, ["genome", str(path), "--sample", "nobody"])
    assert refused.exit_code == 1 and "No such sample" in refused.output and "Traceback" not in refused.output
