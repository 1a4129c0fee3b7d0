"""Polygenic scores: file forms, matching, refusal, and one person alone as in a cohort."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import FormatError, InputError
from consilium.genomics.polygenic import score
from consilium.genomics.scoring import read_scoring
from consilium.genomics.vcf import VariantFile

DATA = Path(__file__).parents[3] / "shared/data/prs/prs.zip"
HEAD = "##fileformat=VCFv4.2\n##contig=<ID=1,length=248956422>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
SCORE = "#pgs_id=made\n#genome_build=GRCh38\nchr_name\tchr_position\teffect_allele\tother_allele\teffect_weight\tallelefrequency_effect\n"


def _genome(path: Path, lines: list[str], samples: str = "p") -> VariantFile:
    path.write_text(HEAD + samples + "\n" + "\n".join(lines) + "\n")
    return VariantFile(path, samples.split("\t")[0])


def _scoring(path: Path, rows: list[str], head: str = SCORE):
    path.write_text(head + "\n".join(rows) + "\n")
    return read_scoring(path)


def test_effect_alleles_are_counted_whichever_the_genome_calls_reference(tmp_path: Path) -> None:
    genome = _genome(
        tmp_path / "a.vcf",
        ["1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1", "1\t200\t.\tC\tT\t.\t.\t.\tGT:DP\t1|1:9", "1\t300\t.\tG\tA\t.\t.\t.\tGT\t0/0"],
    )
    made = _scoring(tmp_path / "s.txt", ["1\t100\tG\tA\t0.5\t", "1\t200\tC\tT\t10\t", "1\t300\tG\tA\t-2\t"])
    found = score(genome, made)
    assert found.sums[0] == 0.5 + 0 + -4 and found.reports[0].called == 3 and found.reports[0].share == 1


def test_the_other_strand_is_read_and_counted(tmp_path: Path) -> None:
    genome = _genome(tmp_path / "a.vcf", ["1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1"])
    found = score(genome, _scoring(tmp_path / "s.txt", ["1\t100\tC\tT\t1\t"]))
    assert found.sums[0] == 1 and found.reports[0].flipped == 1


def test_what_reads_alike_on_both_strands_is_left_out_unless_said(tmp_path: Path) -> None:
    genome = _genome(tmp_path / "a.vcf", ["1\t100\t.\tA\tT\t.\t.\t.\tGT\t0/1", "1\t200\t.\tC\tT\t.\t.\t.\tGT\t0/1"])
    made = _scoring(tmp_path / "s.txt", ["1\t100\tT\tA\t1\t", "1\t200\tT\tC\t5\t"])
    assert score(genome, made, least=0.5).sums[0] == 5 and score(genome, made, least=0.5).reports[0].ambiguous == 1
    assert score(genome, made, keep_ambiguous=True).sums[0] == 6


def test_the_absent_count_with_the_frequency_of_the_score_or_not_at_all(tmp_path: Path) -> None:
    genome = _genome(tmp_path / "a.vcf", ["1\t100\t.\tA\tG\t.\t.\t.\tGT\t./.", "1\t200\t.\tC\tT\t.\t.\t.\tGT\t0/1"])
    made = _scoring(tmp_path / "s.txt", ["1\t100\tG\tA\t1\t0.25", "1\t200\tT\tC\t1\t", "1\t300\tG\tA\t1\t", "1\t400\tG\tA\t1\t0.5"])
    found = score(genome, made, least=0.25)
    assert found.sums[0] == 0.5 + 1 + 1.0
    assert (found.reports[0].called, found.reports[0].expected, found.reports[0].unknown) == (1, 2, 1)


def test_too_few_matches_are_a_refusal_not_a_number(tmp_path: Path) -> None:
    genome = _genome(tmp_path / "a.vcf", ["1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1"])
    found = score(genome, _scoring(tmp_path / "s.txt", ["1\t100\tG\tA\t1\t0.2", "1\t200\tG\tA\t1\t0.2"]))
    assert np.isnan(found.sums[0]) and "1 of 2 variants" in found.refused[0]


def test_dominant_and_recessive(tmp_path: Path) -> None:
    genome = _genome(tmp_path / "a.vcf", ["1\t100\t.\tA\tG\t.\t.\t.\tGT\t1/1", "1\t200\t.\tC\tT\t.\t.\t.\tGT\t0/1"])
    head = SCORE.replace("allelefrequency_effect", "is_dominant\tis_recessive")
    made = _scoring(tmp_path / "s.txt", ["1\t100\tG\tA\t1\tTRUE\tFALSE", "1\t200\tT\tC\t1\tFALSE\tTRUE"], head)
    assert score(genome, made).sums[0] == 1 + 0


class _Reference:
    """A chromosome 1 of known bases at a few places."""

    def __init__(self, at: dict[int, str]) -> None:
        self.at = at

    def bases(self, chromosome: str, first: int, last: int) -> str:
        return "".join(self.at.get(i, "N") for i in range(first, last + 1))


def test_what_is_absent_is_the_reference_only_where_it_is_said_and_the_genome_given(tmp_path: Path) -> None:
    genome = _genome(tmp_path / "a.vcf", ["1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1"])
    rows = ["1\t100\tG\tA\t1\t0.5", "1\t200\tC\tT\t10\t0.5", "1\t300\tC\tT\t100\t0.5", "1\t400\tAT\tA\t1000\t0.5", "1\t500\tG\tC\t5\t0.5"]
    made = _scoring(tmp_path / "s.txt", [*rows, "X\t600\tG\tA\t7\t0.5"])
    reference = _Reference({200: "C", 300: "A", 400: "A", 401: "T", 500: "T", 600: "G"})
    bare = score(genome, made, least=0.0, keep_ambiguous=True)
    assert bare.reports[0].called == 1 and bare.reports[0].assumed == 0
    assert score(genome, made, least=0.0, keep_ambiguous=True, reference=reference).reports == bare.reports
    found = score(genome, made, least=0.5, keep_ambiguous=True, reference=reference, absent_is_reference=True)
    # 200: both copies C; 300: A is T on the other strand, so none; 400: AT; 500 shows neither allele and X is not assumed: expected values.
    assert found.sums[0] == 1 + 20 + 0 + 2000 + 5 + 7 and found.reports[0].assumed == 3 and found.reports[0].called == 4


def test_the_wrong_build_is_refused(tmp_path: Path) -> None:
    genome = _genome(tmp_path / "a.vcf", ["1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1"])
    made = _scoring(tmp_path / "s.txt", ["1\t100\tG\tA\t1\t"], SCORE.replace("GRCh38", "GRCh37"))
    with pytest.raises(InputError, match=r"different builds.*GRCh38.*GRCh37"):
        score(genome, made)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello\n", "no table|column is missing"),
        (SCORE.replace("#genome_build=GRCh38\n", "") + "1\t1\tA\tG\t1\t\n", "does not say its genome build"),
        (SCORE + "1\tx\tA\tG\t1\t\n", "not a number"),
        (SCORE + "1\t1\tA\tG\tmuch\t\n", "not a number"),
        (SCORE + "1\t1\tA\tG\t1\t7\n", "not between 0 and 1"),
        (SCORE + "1\t\tA\tG\t1\t\n", "no variant that can be placed"),
    ],
)
def test_bad_scoring_files_are_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.txt").write_text(text)
    with pytest.raises((FormatError, InputError), match=words):
        read_scoring(tmp_path / "s.txt")


@given(st.lists(st.sampled_from(["0|0", "0|1", "1|0", "1|1", ".|.", "./.", "1", "0/2"]), min_size=1, max_size=6), st.integers(0, 2))
def test_the_quick_count_is_the_plain_one(cells: list[str], allele: int) -> None:
    from consilium.genomics.vcf import Line

    raw = "\t".join(cells).encode()
    quick = Line("1", 1, "A", ("C", "G"), "PASS", b"GT", raw).dosage(allele)
    plain = Line("1", 1, "A", ("C", "G"), "PASS", b"GT:DP", b"\t".join(c + b":1" for c in raw.split(b"\t"))).dosage(allele)
    assert (quick[0] == plain[0]).all() and (quick[1] == plain[1]).all()


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data/prs is absent")
def test_alone_as_in_a_cohort_and_as_plink(tmp_path: Path) -> None:
    with zipfile.ZipFile(DATA) as archive:
        for name in (
            "pgsc_calc/scorefiles/PGS001229_22.txt",
            "pgsc_calc/target_genomes/cineca_synthetic_subset.vcf.gz",
            "expected/cineca.PGS001229_22.plink2.sscore",
        ):
            archive.extract(name, tmp_path)
    made = read_scoring(tmp_path / "pgsc_calc/scorefiles/PGS001229_22.txt")
    path = tmp_path / "pgsc_calc/target_genomes/cineca_synthetic_subset.vcf.gz"
    first = "HG00096_HG00096"
    file = VariantFile(path, first)
    frequencies = {}
    for line in file.lines({"22": [(1, 60_000_000)]}):
        for i, allele in enumerate((line.ref, *line.alts)):
            dosage, seen = line.dosage(i)
            frequencies[line.chromosome, line.start, allele] = dosage.sum() / (2 * seen.sum())
    all_of_them = score(file, made, everybody=True, keep_ambiguous=True, frequencies=frequencies)
    with (tmp_path / "expected/cineca.PGS001229_22.plink2.sscore").open() as lines:
        wanted = {row["IID"]: float(row["SCORE1_SUM"]) for row in csv.DictReader(lines, delimiter="\t")}
    differences = [abs(s - wanted[n.split("_")[0]]) for n, s in zip(all_of_them.samples, all_of_them.sums, strict=True)]
    assert max(differences) < 1e-5  # plink2 prints six digits
    for name in (first, file.header.samples[1000]):
        alone = score(VariantFile(path, name), made, keep_ambiguous=True, frequencies=frequencies)
        assert alone.sums[0] == all_of_them.sums[file.header.samples.index(name)]
